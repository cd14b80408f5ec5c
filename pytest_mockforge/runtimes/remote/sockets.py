"""Connections whose every read and write counts against one deadline; owner of httpcore's network interface.

httpx's and httpcore's own timeouts are per read, so a server that drips a byte a second passes them for ever. Knows
addresses and bytes, nothing of HTTP but how its first line begins.
"""

from __future__ import annotations

import queue
import select
import socket
import ssl
import threading
from dataclasses import dataclass
from time import perf_counter

import httpcore

from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.runtimes.remote.address import is_loopback
from pytest_mockforge.runtimes.remote.hop import Deadline, Hop

_STATUS_LINE = b"HTTP/"
_REMEMBERED = 40


class NotHttp(httpcore.RemoteProtocolError):
    """What came does not begin as an HTTP/1 answer does."""


class DeadlineStream(httpcore.NetworkStream):
    """A connected socket, plain or TLS, for one call after another."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._deadline = Deadline(0.0)
        self.local = is_loopback(str(connected.getpeername()[0]))
        self.received = 0
        self.ended = False
        self.began = b""

    def begin(self, deadline: Deadline) -> None:
        """Start a call: count from nothing, under its deadline."""
        self._deadline = deadline
        self.received = 0
        self.ended = False
        self.began = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline rules
        self._arm(httpcore.ReadTimeout)
        try:
            data = self._socket.recv(max_bytes)
        except TimeoutError:
            raise httpcore.ReadTimeout from None
        except OSError as error:
            raise httpcore.ReadError(_cause(error)) from None
        self.received += len(data)
        self.ended = not data
        if len(self.began) < _REMEMBERED:
            self.began += data[: _REMEMBERED - len(self.began)]
            if not self.began.startswith(_STATUS_LINE[: len(self.began)]):
                raise NotHttp("no status line")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline rules
        rest = memoryview(buffer)
        while rest:
            self._arm(httpcore.WriteTimeout)
            try:
                rest = rest[self._socket.send(rest) :]
            except TimeoutError:
                raise httpcore.WriteTimeout from None
            except OSError as error:
                raise httpcore.WriteError(_cause(error)) from None

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> object:
        # httpcore asks this of an idle connection: readable then means that the server closed it.
        return _readable(self._socket) if info == "is_readable" else None

    def _arm(self, late: type[httpcore.TimeoutException]) -> None:
        left = self._deadline.left
        if left <= 0:
            raise late
        self._socket.settimeout(left)


@dataclass(frozen=True, kw_only=True)
class Connected:
    """A new connection and what it took."""

    stream: DeadlineStream
    seconds: float


def connect(hop: Hop, deadline: Deadline, tls: ssl.SSLContext | None) -> Connected:
    """Connect to a hop's address. Raises RemoteFailure of kind `unreachable`, `tls` or `timeout`."""
    started = perf_counter()
    plain = _connected(hop, deadline)
    try:
        ready = plain if tls is None else _secured(plain, hop, deadline, tls)
        return Connected(stream=DeadlineStream(ready), seconds=perf_counter() - started)
    except BaseException as error:
        plain.close()
        if isinstance(error, OSError):
            # The peer was gone again before it could be asked for its name.
            raise _unreachable(hop, _cause(error)) from None
        raise


def _connected(hop: Hop, deadline: Deadline) -> socket.socket:
    places = _resolved(hop, deadline)
    last = "no address"
    for index, (family, kind, protocol, _, place) in enumerate(places):
        # An address that swallows packets must leave time for the next one.
        left = deadline.left / (len(places) - index)
        if left <= 0:
            break
        attempt = socket.socket(family, kind, protocol)
        try:
            attempt.settimeout(left)
            attempt.connect(place)
            attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return attempt
        except OSError as error:
            attempt.close()
            last = "" if isinstance(error, TimeoutError) else _cause(error)
        except BaseException:
            attempt.close()
            raise
    if not last:
        raise hop.failure(
            "timeout",
            f"no connection within {deadline.seconds:g} s",
            expected=f"a service that listens at {hop.address.authority}",
            got="no reply to our attempt to connect",
            hint="look at the host and port of the URL, and for a firewall on the way",
        )
    raise _unreachable(hop, last)


def _unreachable(hop: Hop, cause: str) -> RemoteFailure:
    return hop.failure(
        "unreachable",
        f"no connection ({cause})",
        expected=f"a service that listens at {hop.address.authority}",
        got=cause,
        hint="start the service first, and look at the port: `start:` in plugin.test.yaml lets the suite start it",
    )


def _resolved(hop: Hop, deadline: Deadline) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
    answers: queue.SimpleQueue[list[tuple[int, int, int, str, tuple[object, ...]]] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(hop.address.host, hop.address.port, type=socket.SOCK_STREAM)))
        except OSError as error:
            answers.put(error)

    if hop.address.local or ":" in hop.address.host or hop.address.host.replace(".", "").isdigit():
        ask()
    else:
        # A resolver cannot be interrupted: it is asked in a thread that may be left behind.
        threading.Thread(target=ask, daemon=True, name="mockforge-resolver").start()
    try:
        found = answers.get(timeout=deadline.left)
    except queue.Empty:
        found = TimeoutError(f"the resolver gave no answer within {deadline.seconds:g} s")
    if isinstance(found, OSError):
        cause = _cause(found)
        raise hop.failure(
            "unreachable",
            f"the host {hop.address.host!r} has no address ({cause})",
            expected="a host name that resolves, or an IP address",
            got=cause,
            hint="look at the spelling of the host in the URL",
        )
    return found


def _secured(plain: socket.socket, hop: Hop, deadline: Deadline, tls: ssl.SSLContext) -> socket.socket:
    try:
        plain.settimeout(max(deadline.left, 0.001))
        return tls.wrap_socket(plain, server_hostname=hop.address.host)
    except TimeoutError:
        raise hop.failure(
            "timeout",
            f"no TLS handshake within {deadline.seconds:g} s",
            expected="a service that speaks TLS",
            got="a connection on which nothing came",
            hint="if the service speaks no TLS, write http:// instead of https://",
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise hop.failure(
            "tls",
            f"its certificate was not accepted ({error.verify_message})",
            expected=f"a certificate for {hop.address.host} that a trusted authority signed",
            got=str(error.verify_message),
            hint="name the file of the authority that signed it; certificates are always verified",
        ) from None
    except (ssl.SSLError, OSError) as error:
        cause = getattr(error, "reason", None) or _cause(error)
        plainly = cause in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
        raise hop.failure(
            "tls",
            f"the TLS handshake failed ({cause})",
            expected="a service that speaks TLS 1.2 or later",
            got="an answer that is not TLS" if plainly else str(cause),
            hint="if the service speaks no TLS, write http:// instead of https://",
        ) from None


def _cause(error: OSError) -> str:
    text = error.strerror or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]


def _readable(connected: socket.socket) -> bool:
    if connected.fileno() < 0:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connected, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([connected], [], [], 0)[0])
