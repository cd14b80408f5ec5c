"""What a stand-in can do wrong on purpose, each as a value: `mock.fault(faults.latency(0.2), after=3)`.

A fault says for each transport how it changes an answer, or why it cannot. Pure: sends nothing, waits for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from pytest_mockforge.contract.json_text import parse
from pytest_mockforge.contract.server_side import encode_error
from pytest_mockforge.documents.quantities import parse_size
from pytest_mockforge.documents.wording import did_you_mean
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.mocks.delivery import Delivery, Drip
from pytest_mockforge.runtimes.remote.grpc_ended import CODES

Strike: TypeAlias = Callable[[Delivery, Random], Delivery]

_FRAMES = "gRPC frames its messages itself"
_NO_JSON = "gRPC carries messages of plugin.proto and no JSON; reply_raw sends bytes that are no message"
_BY_HTTP = "mockforge_mock_http and mockforge_mock_server() can"


@dataclass(frozen=True, kw_only=True, repr=False)
class Fault:
    """One thing that goes wrong; made by the functions of this module."""

    written: str
    http: Strike | None
    grpc: Strike | None
    random: bool = False
    """Whether two strikes of it may differ."""
    why_not: str = ""
    """Why a transport cannot, and which can."""

    def __repr__(self) -> str:
        return self.written


def latency(seconds: float) -> Fault:
    """Wait so many seconds before the first byte of the answer."""
    __tracebackhide__ = True
    _require(_is_time(seconds), f"latency({seconds!r})", "seconds, 0 or more")
    return _delayed(f"latency({seconds:g})", lambda _: seconds, random=False)


def uniform_latency(least: float, most: float) -> Fault:
    """Wait before the first byte, any time from `least` to `most` seconds being as likely."""
    __tracebackhide__ = True
    written = f"uniform_latency({least!r}, {most!r})"
    _require(_is_time(least) and _is_time(most) and least <= most, written, "seconds, the lesser first")
    return _delayed(written, lambda random: random.uniform(least, most), random=True)


def lognormal_latency(*, median: float, sigma: float) -> Fault:
    """Wait before the first byte as networks do: half of the times below `median` seconds, with a long tail.

    `sigma` is the standard deviation of the logarithm: with 0.5 one wait in twenty is 2.3 times the median and more.
    """
    __tracebackhide__ = True
    written = f"lognormal_latency(median={median!r}, sigma={sigma!r})"
    _require(_is_time(median) and median > 0 and _is_time(sigma), written, "a median above 0, and a sigma of 0 or more")
    return _delayed(written, lambda random: random.lognormvariate(math.log(median), sigma), random=True)


def status(number: int) -> Fault:
    """Answer with an error status of HTTP, and a body that says so in the dialect."""
    __tracebackhide__ = True
    fits = _is_whole(number) and 200 <= number <= 599 and number not in (204, 205, 304)
    _require(fits, f"status({number!r})", "an HTTP status that a body can go with: 200 to 599, but 204, 205 and 304")

    def strike(delivery: Delivery, _: Random) -> Delivery:
        body = encode_error(delivery.dialect, f"a fault of the mock: status {number}")
        return replace(delivery, status=number, body=body)

    why = "gRPC has codes in place of HTTP statuses: faults.code('UNAVAILABLE')"
    return Fault(written=f"status({number})", http=strike, grpc=None, why_not=why)


def code(name: str, details: str = "a fault of the mock") -> Fault:
    """Answer with a code of gRPC that is not OK, such as UNAVAILABLE, RESOURCE_EXHAUSTED or CANCELLED."""
    __tracebackhide__ = True
    if name not in CODES[1:]:
        raise SettingsError(f"gRPC has no error code {name!r}", hint=did_you_mean(name, CODES[1:]))
    why = "HTTP has statuses in place of gRPC's codes: faults.status(503)"
    return Fault(written=f"code({name!r})", http=None, grpc=_coded(name, details), why_not=why)


def reset() -> Fault:
    """Reset the connection before any byte of an answer.

    A client of gRPC sees the code UNAVAILABLE, which is what it makes of a reset.
    """

    def strike(delivery: Delivery, _: Random) -> Delivery:
        return replace(delivery, reset=True)

    return Fault(written="reset()", http=strike, grpc=_coded("UNAVAILABLE", "recvmsg:Connection reset by peer"))


def early_close(after: int = 0) -> Fault:
    """Close the connection after `after` bytes of the body, at the latest before its last one.

    A client of gRPC sees the code UNAVAILABLE, whatever it got before.
    """
    __tracebackhide__ = True
    _require(_is_whole(after) and after >= 0, f"early_close({after!r})", "a number of bytes, 0 or more")

    def strike(delivery: Delivery, _: Random) -> Delivery:
        return replace(delivery, cut=after)

    return Fault(written=f"early_close({after})", http=strike, grpc=_coded("UNAVAILABLE", "Socket closed"))


def drip(*, size: int = 1, every: float = 0.01) -> Fault:
    """Send the body `size` bytes at a time, `every` so many seconds."""
    __tracebackhide__ = True
    written = f"drip(size={size!r}, every={every!r})"
    _require(_is_whole(size) and size > 0 and _is_time(every), written, "at least 1 byte, and seconds of 0 or more")

    def strike(delivery: Delivery, _: Random) -> Delivery:
        return replace(delivery, drip=Drip(size=size, every=every))

    return Fault(written=written, http=strike, grpc=None, why_not=f"{_FRAMES}; {_BY_HTTP}")


def malformed_json() -> Fault:
    """Send a body that is no JSON."""

    def strike(delivery: Delivery, _: Random) -> Delivery:
        return replace(delivery, body=b"{]" + delivery.body)

    return Fault(written="malformed_json()", http=strike, grpc=None, why_not=_NO_JSON)


def truncated_json() -> Fault:
    """Send the beginning of the body alone, with the Content-Length of what is sent: half of it, or less.

    Less where half of it is JSON by itself, as of the number 12.
    """

    def strike(delivery: Delivery, _: Random) -> Delivery:
        body = delivery.body[: len(delivery.body) // 2]
        while body and parse(body).ok:
            body = body[:-1]
        return replace(delivery, body=body)

    return Fault(written="truncated_json()", http=strike, grpc=None, why_not=_NO_JSON)


def wrong_content_type(name: str = "text/html; charset=utf-8") -> Fault:
    """Send the right body under another Content-Type, which the host does not look at (contract 4.1)."""
    __tracebackhide__ = True
    fits = isinstance(name, str) and name.isascii() and name.isprintable()
    _require(fits, f"wrong_content_type({name!r})", "printable ASCII text")

    def strike(delivery: Delivery, _: Random) -> Delivery:
        return replace(delivery, content_type=name)

    written = f"wrong_content_type({name!r})"
    return Fault(written=written, http=strike, grpc=None, why_not=f"{_FRAMES}; {_BY_HTTP}")


def wrong_length(by: int = 10) -> Fault:
    """Send a Content-Length that is wrong `by` so many bytes, less if negative; the connection ends with the body."""
    __tracebackhide__ = True
    _require(_is_whole(by) and by != 0, f"wrong_length({by!r})", "a number of bytes other than 0")

    def strike(delivery: Delivery, _: Random) -> Delivery:
        return replace(delivery, length_off=by)

    return Fault(written=f"wrong_length({by})", http=strike, grpc=None, why_not=f"{_FRAMES}; {_BY_HTTP}")


def oversize(size: int | str = "33MiB") -> Fault:
    """Make the body at least so many bytes, such as '33MiB', with what changes nothing of what it says.

    JSON is followed by spaces, a message of gRPC by a field that nobody knows.
    """
    __tracebackhide__ = True
    try:
        wanted = parse_size(size) if isinstance(size, str) else size
    except ValueError as error:
        raise SettingsError(f"oversize({size!r}) is no fault: {error}") from None
    _require(_is_whole(wanted) and wanted > 0, f"oversize({size!r})", "a size such as '33MiB', or bytes above 0")

    def strike(delivery: Delivery, _: Random) -> Delivery:
        return replace(delivery, padding=max(wanted - len(delivery.body), 0))

    return Fault(written=f"oversize({size!r})", http=strike, grpc=strike)


def _delayed(written: str, seconds: Callable[[Random], float], *, random: bool) -> Fault:
    def strike(delivery: Delivery, generator: Random) -> Delivery:
        return replace(delivery, delay=delivery.delay + seconds(generator))

    return Fault(written=written, http=strike, grpc=strike, random=random)


def _coded(name: str, details: str) -> Strike:
    def strike(delivery: Delivery, _: Random) -> Delivery:
        return replace(delivery, status=CODES.index(name), details=details, body=b"", padding=0)

    return strike


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _require(holds: bool, written: str, expected: str) -> None:
    __tracebackhide__ = True
    if not holds:
        raise SettingsError(f"{written} is no fault", expected=expected)
