"""An ASGI app that runs on an event loop in a thread of its own, from its lifespan's start to its end.

Nothing here relies on the calling thread having a loop, or on its having none: tests may be async themselves.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

from pytest_mockforge.errors import LoadFailure, SetupError
from pytest_mockforge.runtimes.remote.answer import Answer
from pytest_mockforge.runtimes.remote.asgi_call import AsgiCall
from pytest_mockforge.runtimes.remote.asgi_target import App, Message, failure, imported, is_users, place_in
from pytest_mockforge.runtimes.remote.hop import Deadline

START_TIMEOUT = 30.0
"""Seconds for importing an app and for its lifespan's start."""
STOP_TIMEOUT = 5.0
"""Seconds for the lifespan's end; a thread that an app holds longer is left behind."""
_NUDGE = 0.05


class AsgiApp:
    """An app that is started once and may serve several runtimes; a context manager."""

    def __init__(
        self,
        target: str,
        *,
        search: Sequence[Path] = (),
        start_timeout: float = START_TIMEOUT,
        stop_timeout: float = STOP_TIMEOUT,
    ) -> None:
        """Import `package.module:app` or `package.module:create_app()` and start it.

        It is imported from the folders of `search` or the working directory. Raises LoadFailure with step `start`.
        """
        self.target = target
        self._search = (*search, Path.cwd())
        self._stop_timeout = stop_timeout
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app: App | None = None
        self._state: dict[str, object] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._closed = False
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._stopping: asyncio.Event | None = None
        # A daemon, since an app that never gives its loop back must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name=f"mockforge-asgi-{target}", daemon=True)
        self._thread.start()
        try:
            self._started.result(start_timeout)
        except concurrent.futures.TimeoutError:
            place = self._busy_at()
            self.close()
            raise failure(
                target,
                f"it is not ready after {start_timeout:g} s",
                expected="an import and a lifespan start that end",
                got=f"still at {place}" if place else "a lifespan start that waits",
                hint="look for what the app waits for: a database, another service",
            ) from None
        except BaseException:
            self.close()
            raise

    def call(self, call: AsgiCall, deadline: Deadline) -> Answer:
        """Make one request. Raises RemoteFailure when no head of an answer came in time."""
        if self._closed or self._loop is None or self._app is None:
            raise SetupError(f"asgi:{self.target} is closed", hint="call it inside of its `with` block")
        if not self._thread.is_alive():
            raise call.unheard()
        future = asyncio.run_coroutine_threadsafe(self._conversed(call), self._loop)
        on_time, hint = True, None
        try:
            future.result(deadline.left)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            on_time = False
            place = self._blocked_at()
            future.cancel()
            if place is not None:
                hint = f"the app blocks its event loop at {place}: await there, or write the endpoint without async"
        except BaseException:
            future.cancel()
            raise
        return call.answer(deadline, on_time=on_time, hint=hint)

    def close(self) -> None:
        """Run the lifespan's shutdown and end the thread; calling again does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._loop is not None and self._stopping is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(self._stop_timeout + _NUDGE if self._started.done() else _NUDGE)

    def __enter__(self) -> AsgiApp:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<AsgiApp {self.target}{' (closed)' if self._closed else ''}>"

    def _run(self) -> None:
        try:
            # Before the loop runs: an app may well call asyncio.run while it is imported.
            self._app = imported(self.target, self._search)
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._live(self._app))
        except LoadFailure as error:
            self._settle(error)
        except BaseException as error:  # noqa: BLE001 - the last frame of a thread: the starter is told
            self._settle(failure(self.target, "its event loop ended", got=repr(error)))

    def _settle(self, error: LoadFailure | None) -> None:
        with contextlib.suppress(concurrent.futures.InvalidStateError):
            if error is None:
                self._started.set_result(None)
            else:
                self._started.set_exception(error)

    async def _live(self, app: App) -> None:
        self._stopping = asyncio.Event()
        if self._closed:
            return
        lifespan = _Lifespan(self.target, app, self._state)
        starting = asyncio.create_task(lifespan.start())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                self._settle(None)
                await stopping
        finally:
            starting.cancel()
            stopping.cancel()
            await lifespan.stop(self._stop_timeout)

    async def _conversed(self, call: AsgiCall) -> None:
        assert self._app is not None
        task = await call.run(self._app, self._state)
        if not task.done():
            # What an app does after its answer (background tasks) goes on; a task without a reference may vanish.
            self._working.add(task)
            task.add_done_callback(self._working.discard)

    def _blocked_at(self) -> str | None:
        """Name the line that holds the loop; None when the loop is free."""
        assert self._loop is not None
        free = threading.Event()
        self._loop.call_soon_threadsafe(free.set)
        return None if free.wait(_NUDGE) else self._busy_at()

    def _busy_at(self) -> str | None:
        frame = sys._current_frames().get(self._thread.ident or 0)
        own = [each for each in traceback.extract_stack(frame) if is_users(each.filename)] if frame else []
        return f"{own[-1].filename}:{own[-1].lineno} in {own[-1].name}" if own else None


class _Lifespan:
    """The lifespan protocol; an app that does not speak it is fine."""

    def __init__(self, target: str, app: App, state: dict[str, object]) -> None:
        self._target = target
        self._app = app
        self._state = state
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._ready = asyncio.Event()
        self._stopped = asyncio.Event()
        self._failed: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Wait until the app says that it is ready, or ends. Raises LoadFailure with what it says when it is not."""
        self._task = asyncio.create_task(self._called())
        self._events.put_nowait({"type": "lifespan.startup"})
        await self._ready.wait()
        if self._failed is not None:
            words = self._failed.strip().rpartition("\n")[2] or "no message"
            place = place_in(self._failed)
            raise failure(
                self._target,
                "its lifespan's start failed",
                expected="a start that ends with lifespan.startup.complete",
                got=f"{words!r}, raised at {place}" if place else repr(words),
                hint=f"start it alone to see all of it, for example with: uvicorn {self._target}",
            )

    async def stop(self, timeout: float) -> None:
        """Tell the app that it is over, and wait for it for a while."""
        if self._task is None or self._task.done():
            return
        if self._ready.is_set() and self._failed is None:
            self._events.put_nowait({"type": "lifespan.shutdown"})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), timeout)
        self._task.cancel()

    async def _called(self) -> None:
        scope: Message = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        try:
            await self._app(scope, self._events.get, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException:  # noqa: BLE001 - servers take it as "speaks no lifespan" where the app said nothing first
            pass
        finally:
            self._ready.set()
            self._stopped.set()

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            self._failed = str(message.get("message", ""))
        if message["type"] in ("lifespan.startup.complete", "lifespan.startup.failed"):
            self._ready.set()
        elif message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            self._stopped.set()
