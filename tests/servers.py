"""Small real servers on loopback, most of them bad: what a service can do to its caller.

Each is a context manager over threads of its own, which all end with it; a handler gets one connection at a time.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_mockforge.runtimes.base import InstancePolicy, Limits
from pytest_mockforge.runtimes.remote.answer import RemoteAuth
from pytest_mockforge.runtimes.remote.http import HttpRuntime

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """Which connection it came on, counted from 1."""


class Talk:
    """One connection, from the server's side."""

    def __init__(self, connected: socket.socket, number: int, over: threading.Event, seen: list[Seen]) -> None:
        self.socket = connected
        self.number = number
        self._over = over
        self._seen = seen

    def request(self) -> Seen | None:
        """Read a whole request; None when the client is gone."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                return None
            head += byte
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = b""
        while len(body) < int(headers.get("content-length", "0")):
            data = self.socket.recv(65_536)
            if not data:
                break
            body += data
        method, target, _ = first.split(" ")
        seen = Seen(method=method, target=target, headers=headers, body=body, connection=self.number)
        self._seen.append(seen)
        return seen

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def wait(self, seconds: float = 30.0) -> None:
        """Do nothing, until the time or the server is over."""
        self._over.wait(seconds)

    def drip(self, data: bytes, every: float = 0.05) -> None:
        """Send a byte at a time."""
        for byte in data:
            if self._over.wait(every):
                return
            self.send(bytes([byte]))

    def reset(self) -> None:
        """End the connection with a reset instead of an orderly close."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Handler = Callable[[Talk], object]


@dataclass(kw_only=True)
class Server:
    """A running server, and what it saw."""

    host: str
    port: int
    scheme: str
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@contextlib.contextmanager
def serving(handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Server]:
    """Serve each connection by `handler` in a thread of its own."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    server = Server(host=host, port=listener.getsockname()[1], scheme="https" if tls else "http")
    over = threading.Event()
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(connected: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            if tls is not None:
                connected = tls.wrap_socket(connected, server_side=True)
                opened.append(connected)
            handler(Talk(connected, number, over, server.seen))
        connected.close()

    def accept() -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            if over.is_set():
                connected.close()
                return
            server.connections += 1
            opened.append(connected)
            threads.append(threading.Thread(target=serve, args=(connected, server.connections), name="served"))
            threads[-1].start()

    acceptor = threading.Thread(target=accept, name="accepting")
    acceptor.start()
    try:
        yield server
    finally:
        over.set()
        # A thread in accept() is only woken by a connection, on every system alike.
        with contextlib.suppress(OSError):
            socket.create_connection((host, server.port), timeout=1).close()
        acceptor.join()
        listener.close()
        for connected in opened:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def reply(
    body: bytes = b"{}", status: str = "200 OK", headers: tuple[str, ...] = ("Content-Type: application/json",)
) -> bytes:
    """Write an answer with its Content-Length."""
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode("latin-1") + body


def answering(make: Callable[[Seen], bytes] | bytes = b"") -> Handler:
    """Answer every request on every connection, which stays open."""

    def handle(talk: Talk) -> None:
        while (seen := talk.request()) is not None:
            talk.send(make(seen) if callable(make) else make or reply())

    return handle


def once(data: bytes) -> Handler:
    """Answer one request with these bytes, then close the connection."""

    def handle(talk: Talk) -> None:
        if talk.request() is not None:
            talk.send(data)

    return handle


def silent(talk: Talk) -> None:
    """Read the request and say nothing."""
    talk.request()
    talk.wait()


def deaf(talk: Talk) -> None:
    """Accept and read nothing."""
    talk.wait()


def dripping_head(talk: Talk) -> None:
    """Send a byte of the head every twentieth of a second."""
    talk.request()
    talk.drip(OK + b"X-Long: " + b"a" * 10_000)


def dripping_body(talk: Talk) -> None:
    """Send the head at once, then a byte of the body every twentieth of a second."""
    talk.request()
    talk.send(OK + b"Content-Length: 10000\r\n\r\n")
    talk.drip(b"a" * 10_000)


def endless(talk: Talk) -> None:
    """Send a body without an end."""
    talk.request()
    talk.send(OK + b"Connection: close\r\n\r\n")
    while True:
        talk.send(b"a" * 65_536)


def endless_head(talk: Talk) -> None:
    """Send headers of a megabyte and more."""
    talk.request()
    talk.send(OK)
    for number in range(200):
        talk.send(f"X-{number}: {'a' * 10_000}\r\n".encode())


def two_gigabytes(talk: Talk) -> None:
    """Announce 2 GB."""
    talk.request()
    talk.send(OK + b"Content-Length: 2000000000\r\n\r\n")
    talk.wait()


def gzip_bomb(size: int, layers: int = 1) -> Handler:
    """Answer with zeros, compressed once or more often."""
    data = bytes(size)
    for _ in range(layers):
        data = gzip.compress(data, 9)
    coding = f"Content-Encoding: {', '.join(['gzip'] * layers)}"
    return answering(reply(data, headers=(coding,)))


def http_09(talk: Talk) -> None:
    """Answer as in 1991: a page and nothing around it."""
    talk.request()
    talk.send(b"<html>hello</html>\r\n")


def resetting(talk: Talk) -> None:
    """Read the request and reset the connection."""
    talk.request()
    talk.reset()


def closing(talk: Talk) -> None:
    """Read the request and close the connection in an orderly way."""
    talk.request()


def redirecting(location: str, status: int = 307) -> Handler:
    """Redirect every request."""
    return answering(reply(b"", f"{status} Found", (f"Location: {location}",)))


def unused_port() -> int:
    """Give a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    assert isinstance(port, int)
    return port


class Runtimes:
    """Opens runtimes to such servers and closes them all."""

    def __init__(self) -> None:
        self._open: list[HttpRuntime] = []

    def __call__(
        self,
        url: str,
        *,
        limits: Limits,
        auth: RemoteAuth | None = None,
        ca: Path | None = None,
        policy: InstancePolicy = "item",
        plugin_id: str = "pytest-mockforge",
    ) -> HttpRuntime:
        runtime = HttpRuntime(url, limits=limits, auth=auth, ca=ca, policy=policy, plugin_id=plugin_id)
        self._open.append(runtime)
        return runtime

    def close(self) -> None:
        while self._open:
            self._open.pop().close()
