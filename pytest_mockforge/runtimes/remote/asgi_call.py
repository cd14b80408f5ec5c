"""One request to an ASGI app and what it sends back, driven on the app's own loop. Knows no threads.

An exception of the app's becomes what a server makes of it: a 500 before the answer began, a cut connection after.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from time import perf_counter
from urllib.parse import unquote

from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.runtimes.remote.answer import Answer
from pytest_mockforge.runtimes.remote.asgi_target import App, Message, blamed
from pytest_mockforge.runtimes.remote.body import Body, TooLarge, Undecodable
from pytest_mockforge.runtimes.remote.hop import Deadline, Hop, closed, late, oversize, undecodable

_AFTER_THE_ANSWER = 0.05
"""Seconds in which an app that answered with a 5xx may still raise what it answered about, as Starlette does."""


class AsgiCall:
    """One request: what goes in, and what came back so far; may be looked at from another thread once it is over."""

    def __init__(self, hop: Hop, *, cap: int, sent: int | None = None, read: bool = True) -> None:
        """`sent` is how many bytes of the body arrive before the client goes away; None for the whole."""
        self._hop = hop
        self._cap = cap
        self._sent = sent
        self._read = read
        self._requested = False
        self._status: int | None = None
        self._headers: tuple[tuple[str, str], ...] = ()
        self._body = Body(cap=cap)
        self._complete = False
        self._cut: RemoteFailure | None = None
        self._printed = ""
        self._blamed = ""
        self._over: asyncio.Event | None = None
        self._started = perf_counter()

    async def run(self, app: App, state: dict[str, object]) -> asyncio.Task[None]:
        """Call the app until its answer is whole or cut; gives its task, which may still have work to do."""
        self._over = asyncio.Event()
        task = asyncio.create_task(self._called(app, state))
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait((task, over), return_when=asyncio.FIRST_COMPLETED)
            if self._complete and (self._status or 0) >= 500:
                await asyncio.wait((task,), timeout=_AFTER_THE_ANSWER)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            over.cancel()
            self._over.set()
        if not self._complete:
            task.cancel()
        return task

    def answer(self, deadline: Deadline, *, on_time: bool, hint: str | None = None) -> Answer:
        """Give what came. Raises RemoteFailure when no head of an answer came in time."""
        if self._status is None:
            if not on_time:
                raise late(self._hop, deadline, "no part of an answer", hint)
            return self._server_error()
        cut = self._cut
        if not on_time:
            cut = late(
                self._hop, deadline, f"the head of an answer and {self._body.received:,} bytes of its body", hint
            )
        elif cut is None and not self._complete and self._read:
            got = f"{self._body.received:,} bytes of it" + (f", then {self._blamed}" if self._blamed else "")
            cut = closed(self._hop, "the app ended in the middle of the body", got)
        return Answer(
            status=self._status,
            headers=self._headers,
            body=self._body.so_far,
            url=self._hop.shown,
            seconds=perf_counter() - self._started,
            compression=self._body.coding,
            printed=self._printed,
            blamed=self._blamed,
            cut=cut,
        )

    def unheard(self) -> RemoteFailure:
        """Build the failure of an app whose event loop has ended."""
        return closed(self._hop, "the app ended its event loop", "no part of an answer")

    def _server_error(self) -> Answer:
        return Answer(
            status=500,
            headers=(("content-type", "text/plain; charset=utf-8"),),
            body=b"Internal Server Error",
            url=self._hop.shown,
            seconds=perf_counter() - self._started,
            printed=self._printed,
            blamed=self._blamed or "the app returned without an answer",
        )

    async def _called(self, app: App, state: dict[str, object]) -> None:
        try:
            await app(self._scope(state), self._receive, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit too must not end the loop that other calls run on
            own = error.__traceback__
            self._printed = "".join(traceback.format_exception(error.with_traceback(own and own.tb_next)))
            self._blamed = blamed(error)

    def _scope(self, state: dict[str, object]) -> Message:
        address = self._hop.address
        path, _, query = address.target.partition("?")
        named = {name.lower() for name, _ in self._hop.headers}
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self._hop.headers]
        if "host" not in named:
            headers.insert(0, (b"host", address.authority.encode()))
        if self._hop.body is not None and "content-length" not in named:
            headers.append((b"content-length", str(len(self._hop.body)).encode()))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self._hop.method.upper(),
            "scheme": address.scheme,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 49152),
            "server": (address.host, address.port),
            "state": state.copy(),
        }

    async def _receive(self) -> Message:
        assert self._over is not None
        if not self._requested:
            self._requested = True
            body = self._hop.body or b""
            partly = self._sent is not None
            return {"type": "http.request", "body": body[: self._sent], "more_body": partly}
        if self._sent is None:
            await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        assert self._over is not None
        if self._over.is_set():
            return  # the client is gone: servers let that pass in silence
        if message["type"] == "http.response.start" and self._status is None:
            self._begin(message)
        elif message["type"] == "http.response.body" and self._status is not None:
            self._take(message)
        else:
            begun = "before" if self._status is None else "after"
            raise RuntimeError(f"ASGI message {message['type']!r} came {begun} http.response.start")

    def _begin(self, message: Message) -> None:
        status, headers = message["status"], message.get("headers", ())
        if not isinstance(status, int) or not isinstance(headers, list | tuple):
            raise RuntimeError("http.response.start needs an int as status and pairs of bytes as headers")
        pairs = [(bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1")) for name, value in headers]
        self._status, self._headers = status, tuple(pairs)
        named = dict(pairs)
        self._body = Body(cap=self._cap, coding=named.get("content-encoding", ""))
        if self._hop.method != "HEAD":
            self._guarded(lambda: self._body.announce(_length(named)))
        if not self._read:
            self._finish(complete=False)

    def _take(self, message: Message) -> None:
        chunk = message.get("body", b"")
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise RuntimeError(f"http.response.body needs bytes, not {type(chunk).__name__}")
        if self._hop.method != "HEAD":
            self._guarded(lambda: self._body.feed(bytes(chunk)))
        if not message.get("more_body", False) and self._cut is None:
            self._guarded(self._body.finish)
            self._measure()
            self._finish(complete=True)

    def _measure(self) -> None:
        length = _length(dict(self._headers))
        if length >= 0 and self._hop.method != "HEAD" and self._cut is None and length != self._body.received:
            got = f"{self._body.received:,} bytes of {length:,} announced"
            self._cut = closed(self._hop, "its Content-Length is not the length of the body", got)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except TooLarge as error:
            self._cut = oversize(self._hop, str(error), self._cap)
        except Undecodable as error:
            self._cut = undecodable(self._hop, str(error))
        if self._cut is not None:
            self._finish(complete=False)

    def _finish(self, *, complete: bool) -> None:
        assert self._over is not None
        self._complete = complete
        self._over.set()


def _length(headers: dict[str, str]) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() else -1
