"""HTTP/1.1 over kept connections: one request out, one answer or one RemoteFailure back; owner of httpcore.

Each connection is an `httpcore.HTTP11Connection`, a public class, over a socket of ours. Neither httpx's client nor
httpcore's pool is in between: those are what respx and its like replace for the whole process, so that a plugin under
test would be mocked away; besides, they bound each read instead of the whole call, and decompress without bound.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import httpcore
import msgspec

from pytest_mockforge.errors import RemoteFailure, RequestError, SettingsError
from pytest_mockforge.runtimes.base import KIB
from pytest_mockforge.runtimes.remote.answer import Answer
from pytest_mockforge.runtimes.remote.body import Body, TooLarge, Undecodable
from pytest_mockforge.runtimes.remote.hop import Carried, Deadline, Hop, closed, late, oversize, undecodable
from pytest_mockforge.runtimes.remote.sockets import DeadlineStream, NotHttp, connect

IDLE_SECONDS = 4.0
"""How long a connection is kept unused: less than the five seconds after which Node and uvicorn close theirs."""
MOST_IDLE = 32
HEAD_LIMIT = httpcore.HTTP11Connection.MAX_INCOMPLETE_EVENT_SIZE
"""Bytes of status line and headers that httpcore takes."""


class _Stale(Exception):
    """The server had closed the kept connection before it saw the request, as far as can be told."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One connection and the socket below it."""

    http: httpcore.HTTP11Connection
    stream: DeadlineStream
    connect_seconds: float


class Transport:
    """Makes requests; keeps connections between them. A lock is held only while one is taken or put back."""

    def __init__(self, *, cap: int, keep: bool, ca: Path | None) -> None:
        """`cap` is the most bytes of a body. Raises SettingsError for a CA file that cannot be read."""
        self._cap = cap
        self._keep = keep
        self._ca = ca
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str, int], list[_Line]] = {}
        self._tls: ssl.SSLContext | None = None if ca is None else _context(ca)

    def carry(self, hop: Hop, deadline: Deadline, *, read: bool) -> Carried:
        """Make one request. Raises RemoteFailure when no head of an answer came.

        A kept connection that turns out closed is replaced once. Its server closed it before any byte of an answer,
        as servers do with idle ones; it may in theory have seen the request. Operations are questions, which MockForge
        itself may ask any number of times, so that asking again is safe; a service that dies of the request dies again
        on the new connection, and that is reported.
        """
        line = self._take(hop)
        if line is not None:
            try:
                return self._talk(line, hop, deadline, fresh=False, read=read)
            except _Stale:
                pass
        return self._talk(self._open(hop, deadline), hop, deadline, fresh=True, read=read)

    def abandon(self, hop: Hop, deadline: Deadline) -> None:
        """Send a request's head and half of its body on a new connection, then close it."""
        line = self._open(hop, deadline)
        body = hop.body or b""
        words = (f"{name}: {value}\r\n" for name, value in _framed(hop))
        head = f"{hop.method} {hop.address.target} HTTP/1.1\r\n{''.join(words)}\r\n".encode("latin-1")
        try:
            line.stream.begin(deadline)
            line.stream.write(head + body[: len(body) // 2])
        except (httpcore.WriteError, httpcore.WriteTimeout):
            pass  # gone before us: it is aborted either way
        finally:
            line.stream.close()

    def close(self) -> None:
        """Close the connections that are idle; calls under way end by themselves."""
        with self._lock:
            lines = [line for kept in self._idle.values() for line in kept]
            self._idle.clear()
        for line in lines:
            line.http.close()

    def _open(self, hop: Hop, deadline: Deadline) -> _Line:
        tls = None
        if hop.address.scheme == "https":
            if self._tls is None:
                self._tls = _context(None)
            tls = self._tls
        made = connect(hop, deadline, tls)
        http = httpcore.HTTP11Connection(_origin(hop), made.stream, keepalive_expiry=IDLE_SECONDS)
        return _Line(http=http, stream=made.stream, connect_seconds=made.seconds)

    def _take(self, hop: Hop) -> _Line | None:
        while self._keep:
            with self._lock:
                kept = self._idle.get(hop.address.origin)
                if not kept:
                    return None
                line = kept.pop()
            if not line.http.has_expired():
                return line
            line.http.close()
        return None

    def _put_back(self, line: _Line, hop: Hop) -> None:
        if self._keep and line.http.is_idle():
            with self._lock:
                kept = self._idle.setdefault(hop.address.origin, [])
                if len(kept) < MOST_IDLE:
                    kept.append(line)
                    return
        line.http.close()

    def _talk(self, line: _Line, hop: Hop, deadline: Deadline, *, fresh: bool, read: bool) -> Carried:
        line.stream.begin(deadline)
        started = perf_counter()
        try:
            response = line.http.handle_request(_request(hop))
        except httpcore.LocalProtocolError as error:
            raise RequestError(
                f"HTTP cannot carry {hop.method} {hop.shown}: {error}",
                hint="look at the method and the headers for characters that HTTP does not allow",
            ) from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            if not fresh and not line.stream.received and not isinstance(error, httpcore.TimeoutException):
                raise _Stale from None
            raise _headless(hop, line.stream, deadline, error) from None
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers)
        answer = Answer(
            status=response.status,
            reason=bytes(response.extensions.get("reason_phrase", b"")).decode("latin-1"),
            headers=headers,
            url=hop.shown,
            seconds=0.0,
            connect_seconds=line.connect_seconds if fresh else 0.0,
            fresh=fresh,
        )
        try:
            whole = self._read(response, answer, hop, deadline) if read else answer
        finally:
            response.close()
            self._put_back(line, hop)
        timed = msgspec.structs.replace(whole, seconds=perf_counter() - started)
        return Carried(answer=timed, local=line.stream.local)

    def _read(self, response: httpcore.Response, answer: Answer, hop: Hop, deadline: Deadline) -> Answer:
        assert isinstance(response.stream, Iterable)
        cut: RemoteFailure | None = None
        body = Body(cap=self._cap, coding=answer.header("content-encoding") or "")
        try:
            length = answer.header("content-length") or ""
            if length.isdecimal() and hop.method != "HEAD":
                body.announce(int(length))
            for chunk in response.stream:
                body.feed(chunk)
            body.finish()
        except TooLarge as error:
            cut = oversize(hop, str(error), self._cap)
        except Undecodable as error:
            cut = undecodable(hop, str(error))
        except httpcore.TimeoutException:
            cut = late(hop, deadline, f"the head of an answer and {body.received:,} bytes of its body")
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            cut = _cut_off(hop, answer, body, error)
        return msgspec.structs.replace(answer, body=body.so_far, compression=body.coding, cut=cut)


def _context(ca: Path | None) -> ssl.SSLContext:
    context = httpcore.default_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca is not None:
        try:
            context.load_verify_locations(cafile=str(ca))
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"the CA file {str(ca)!r} cannot be used",
                expected="a file with certificates in PEM format",
                got=getattr(error, "strerror", None) or str(error),
                hint="name the file with the certificate of the authority that signed the service's",
            ) from None
    return context


def _origin(hop: Hop) -> httpcore.Origin:
    address = hop.address
    return httpcore.Origin(address.scheme.encode(), address.host.encode(), address.port)


def _framed(hop: Hop) -> list[tuple[str, str]]:
    framed = [("Host", hop.address.authority), *hop.headers]
    if hop.body is not None:
        framed.append(("Content-Length", str(len(hop.body))))
    named = {name.lower() for name, _ in hop.headers}
    return [pair for index, pair in enumerate(framed) if 0 < index <= len(hop.headers) or pair[0].lower() not in named]


def _request(hop: Hop) -> httpcore.Request:
    address = hop.address
    url = httpcore.URL(
        scheme=address.scheme.encode(),
        host=address.host.encode(),
        port=address.port,
        target=address.target.encode(),
    )
    headers = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in _framed(hop)]
    return httpcore.Request(hop.method, url, headers=headers, content=hop.body or b"")


def _headless(hop: Hop, stream: DeadlineStream, deadline: Deadline, error: Exception) -> RemoteFailure:
    began = stream.began
    if isinstance(error, NotHttp) or (began and not began.startswith(b"HTTP/")):
        return _not_http(hop, began)
    if isinstance(error, httpcore.TimeoutException):
        got = f"{stream.received:,} bytes, and no end of the headers" if stream.received else "no byte of an answer"
        return late(hop, deadline, got)
    if stream.received > HEAD_LIMIT:
        return hop.failure(
            "oversize",
            f"its headers are larger than {HEAD_LIMIT // KIB} KiB",
            expected=f"at most {HEAD_LIMIT // KIB} KiB of status line and headers",
            got=f"{stream.received:,} bytes without an end of the headers",
            hint="send what is large in the body",
        )
    if isinstance(error, httpcore.NetworkError) or stream.ended:
        got = f"{stream.received:,} bytes of an answer" if stream.received else "no byte of an answer"
        cause = str(error) if isinstance(error, httpcore.NetworkError) else "the service closed the connection"
        return closed(hop, f"the connection ended before the answer ({cause})", got)
    return hop.failure(
        "protocol",
        f"its answer is not valid HTTP ({error})",
        expected="an HTTP/1.1 answer",
        got=f"an answer that begins with {began!r}",
        hint="let a web framework write the answer",
    )


def _not_http(hop: Hop, began: bytes) -> RemoteFailure:
    hint = "the URL's port must be that of an HTTP/1.1 service"
    if began.startswith((b"\x15\x03", b"\x16\x03")):
        hint = "the service speaks TLS: write https:// instead of http://"
    elif began.startswith(b"\x00\x00"):
        hint = "the service speaks HTTP/2, as gRPC does: write grpc:// instead of http://"
    return hop.failure(
        "protocol",
        "its answer is not HTTP/1",
        expected="an answer that begins with b'HTTP/1.1 '",
        got=f"an answer that begins with {began!r}",
        hint=hint,
    )


def _cut_off(hop: Hop, answer: Answer, body: Body, error: Exception) -> RemoteFailure:
    length = answer.header("content-length")
    promised = f" of {length} announced" if length and length.isdecimal() else ""
    if isinstance(error, httpcore.ProtocolError) and "closed connection" not in str(error):
        return hop.failure(
            "protocol",
            f"the body of its answer is not valid HTTP ({error})",
            expected="a body with a Content-Length or in chunks",
            got=f"{body.received:,} bytes{promised}, then something else",
            hint="let a web framework write the answer",
        )
    return closed(hop, "the connection ended in the middle of the body", f"{body.received:,} bytes{promised}")
