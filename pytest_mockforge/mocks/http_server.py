"""A server for HTTP/1.1 on loopback: threads, connections that are kept, and answers broken as a Delivery says.

Every thread is a daemon and ends with `close`, also one that waits. Knows nothing of what is answered.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer
from typing import cast

from pytest_mockforge.mocks import http_front
from pytest_mockforge.mocks.delivery import Delivery
from pytest_mockforge.mocks.mock import PluginMock
from pytest_mockforge.mocks.wires import HttpWire

_END_TIME = 5.0
"""Seconds that threads are waited for."""
_MOST_BODY = 64 * 1024 * 1024


class HttpServer:
    """Serves a stand-in from its making to `close`."""

    def __init__(self, mock: PluginMock, wire: HttpWire) -> None:
        self.mock = mock
        self.wire = wire
        self.over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._wakes, self._wake = socket.socketpair()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._acceptor = threading.Thread(target=self._accept, daemon=True, name=f"{mock.name}-{self.port}")
        self._acceptor.start()

    def close(self) -> None:
        """End everything; calling again does nothing."""
        if self.over.is_set():
            return
        self.over.set()
        self._wake.send(b".")
        self._acceptor.join(_END_TIME)
        with self._lock:
            connections, threads = list(self._open), list(self._threads)
        for connected in connections:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_END_TIME)
        for held in (self._listener, self._wakes, self._wake):
            held.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wakes, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self.over.is_set():
                    return
                if self._listener in ready:
                    with suppress(OSError):
                        self._begin(self._listener.accept()[0])

    def _begin(self, connected: socket.socket) -> None:
        thread = threading.Thread(target=self._serve, args=(connected,), daemon=True, name=self._acceptor.name)
        with self._lock:
            self._open.add(connected)
            self._threads.add(thread)
        thread.start()

    def _serve(self, connected: socket.socket) -> None:
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Conversation(connected, self)
        except (OSError, ValueError):
            pass  # the caller went away, or spoke no HTTP: nothing is left to be told
        finally:
            connected.close()
            with self._lock:
                self._open.discard(connected)
                self._threads.discard(threading.current_thread())


class _Conversation(BaseHTTPRequestHandler):
    """One connection; the standard library's handler reads heads and keeps count of what keeps a connection."""

    protocol_version = "HTTP/1.1"
    server_version = "pytest-mockforge"
    sys_version = ""

    def __init__(self, connected: socket.socket, serving: HttpServer) -> None:
        self._serving = serving
        self._socket = connected
        # The handler keeps it and asks nothing of it.
        super().__init__(connected, connected.getpeername(), cast("BaseServer", serving))

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def _any(self) -> None:
        body = self._body()
        if body is None:
            return
        headers = tuple((name.lower(), value) for name, value in self.headers.items())
        path = self.path.partition("?")[0]
        serving = self._serving
        self._deliver(http_front.answer(serving.mock, serving.wire, self.command, path, body, headers))

    # The names under which the standard library looks for methods.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any  # noqa: N815

    def _body(self) -> bytes | None:
        """Read the request's body; None where it cannot be read, which is answered."""
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return self._chunks()
        told = self.headers.get("Content-Length") or "0"
        if not told.isdigit() or int(told) > _MOST_BODY:
            self._deliver(self._serving.wire.plain(413 if told.isdigit() else 400, f"Content-Length: {told!r}"))
            self.close_connection = True
            return None
        return self.rfile.read(int(told))

    def _chunks(self) -> bytes:
        found = b""
        while len(found) <= _MOST_BODY:
            size = int(self.rfile.readline(100).partition(b";")[0], 16)
            found += self.rfile.read(size)
            if size == 0:
                while self.rfile.readline(65_537).strip():
                    pass  # trailers
                return found
            self.rfile.readline(3)
        raise ValueError("the request's body is too long")

    def _deliver(self, delivery: Delivery) -> None:
        over = self._serving.over
        if delivery.delay and over.wait(delivery.delay):
            return
        if delivery.reset:
            # Without lingering, closing sends a reset instead of an orderly end.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self.send_response(delivery.status)
        self.send_header("Content-Type", delivery.content_type)
        self.send_header("Content-Length", str(delivery.declared))
        self.end_headers()
        if self.command == "HEAD":
            return
        for index, piece in enumerate(delivery.pieces()):
            if index and delivery.pause and over.wait(delivery.pause):
                break
            self.wfile.write(piece)
        if delivery.breaks_off:
            self.close_connection = True
