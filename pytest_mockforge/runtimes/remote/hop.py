"""One request of several that redirects may make, the time they have together, and which redirect leads where. Pure.

Rules are those of reqwest, the host's client (contract 4.1): up to ten; 301, 302 and 303 turn into a GET without body,
307 and 308 keep both. Two things are stricter: credentials of either kind stay with the host and port they were meant
for, and a service on loopback leads nowhere else, since no test may reach beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic

from pytest_mockforge.documents.wording import quoted
from pytest_mockforge.errors import RemoteFailure, RemoteKind
from pytest_mockforge.runtimes.remote.address import Address
from pytest_mockforge.runtimes.remote.answer import Answer

MOST_REDIRECTS = 10
_BECOMES_GET = (301, 302, 303)
_KEEPS_METHOD = (307, 308)
_OF_A_BODY = ("content-type", "content-length", "content-encoding", "transfer-encoding")
_SECRET = ("authorization", "proxy-authorization", "cookie", "x-api-key")


class Deadline:
    """A moment by which all of a call must be over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - monotonic())


@dataclass(frozen=True, kw_only=True)
class Hop:
    """One request to one address."""

    label: str
    """What it is for, as an error text begins: an operation, `health`, or empty."""
    method: str
    address: Address
    shown: str
    """The address as an error text names it."""
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    def failure(
        self,
        kind: RemoteKind,
        cause: str,
        *,
        expected: str | None = None,
        got: str | None = None,
        hint: str | None = None,
    ) -> RemoteFailure:
        """Build the failure of this request; the first line names operation, method, URL and cause."""
        asked = f"{self.method} {self.shown}"
        begun = f"{self.label} got no good answer from {asked}" if self.label else f"{asked} gave no good answer"
        message = f"{begun}: {cause}"
        return RemoteFailure(message, kind=kind, expected=expected, got=got, hint=hint)


@dataclass(frozen=True, kw_only=True)
class Carried:
    """One answer to one hop, and whether it came from this machine."""

    answer: Answer
    local: bool


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Where a redirect leads: method, address, and what of the request goes along."""

    method: str
    address: Address
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


def turn(hop: Hop, answer: Answer, *, local: bool) -> Turn | None:
    """Tell where an answer leads; None when it is no redirect. Raises RemoteFailure for one that is not followed.

    `local` says that the answer came from loopback.
    """
    location = answer.header("location")
    if answer.status not in (*_BECOMES_GET, *_KEEPS_METHOD) or location is None:
        return None
    try:
        address = hop.address.joined(location)
    except ValueError as error:
        raise hop.failure(
            "redirect",
            f"it redirects to a URL that cannot be called: {error}",
            got=f"{status_line(answer)}, Location: {quoted(location)}" if "@" not in location else status_line(answer),
            hint="make the service answer at this URL itself",
        ) from None
    if local and not address.local:
        raise hop.failure(
            "redirect",
            f"it redirects from loopback to {address.authority}",
            expected="a service on loopback that answers itself, or leads to loopback",
            got=f"{status_line(answer)}, Location: {quoted(location)}",
            hint="a test never leaves this machine by a redirect: name the other service itself, if that is meant",
        )
    headers, body, method = hop.headers, hop.body, hop.method
    if answer.status in _BECOMES_GET:
        method, body = ("HEAD" if method == "HEAD" else "GET"), None
        headers = _without(headers, _OF_A_BODY)
    if (address.host, address.port) != (hop.address.host, hop.address.port):
        headers = _without(headers, _SECRET)
    return Turn(method=method, address=address, headers=headers, body=body)


def too_many(hop: Hop, answer: Answer) -> RemoteFailure:
    """Build the failure of a loop of redirects."""
    return hop.failure(
        "redirect",
        f"it redirects more than {MOST_REDIRECTS} times",
        expected=f"an answer within {MOST_REDIRECTS} redirects, as MockForge follows them",
        got=f"{status_line(answer)}, Location: {quoted(answer.header('location') or '')}",
        hint="make the service answer at this URL itself; a missing or doubled slash often makes such a loop",
    )


def late(hop: Hop, deadline: Deadline, got: str, hint: str | None = None) -> RemoteFailure:
    """Build the failure of a service that is not done in time."""
    return hop.failure(
        "timeout",
        f"no whole answer within {deadline.seconds:g} s",
        expected=f"the last byte of an answer within {deadline.seconds:g} s of the call, connecting included",
        got=got,
        hint=hint or "make the service answer sooner, or raise the limit: --mockforge-timeout=30s",
    )


def closed(hop: Hop, cause: str, got: str) -> RemoteFailure:
    """Build the failure of a connection that ended early."""
    return hop.failure(
        "closed",
        cause,
        expected="a whole answer",
        got=got,
        hint="the service's own log says why it gave up; a crash of its worker looks like this",
    )


def oversize(hop: Hop, got: str, cap: int) -> RemoteFailure:
    """Build the failure of a body that passes the cap."""
    return hop.failure(
        "oversize",
        f"its answer is larger than {cap:,} bytes",
        expected=f"at most {cap:,} bytes, as they come and decompressed",
        got=got,
        hint="make the service answer with less",
    )


def undecodable(hop: Hop, cause: str) -> RemoteFailure:
    """Build the failure of a body whose compression is broken."""
    return hop.failure(
        "protocol",
        f"its answer cannot be decompressed: {cause}",
        expected="a body without Content-Encoding, since the request asks for none",
        got=cause,
        hint="turn compression off for requests without Accept-Encoding",
    )


def status_line(answer: Answer) -> str:
    """Write a status as `404 Not Found`, with the standard's words: the service's own are no news and may be rude."""
    try:
        return f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        return str(answer.status)


def _without(headers: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name.lower() not in names)
