"""The clock that ends a guest which does not return: one daemon thread that advances an engine's epoch.

It ticks while guests are being called and parks when none can still be running. At Ctrl-C it ends all of them at once,
as Python acts on it only when they have ended. It knows no engine, only `advance`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from pytest_mockforge.runtimes.wasm.ctrl_c import CTRL_C

TICK = 0.01
"""Seconds between two ticks, hence the accuracy of every time limit."""


class Ticker:
    """Calls `advance` every `TICK` seconds as long as a guest that was announced by `touch` may be running."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self._advance = advance
        self._touched = 0
        self._longest = 0.0
        self._parked = True
        self._closed = False
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    @staticmethod
    def ticks(seconds: float) -> int:
        """Turn a duration into a distance of epochs that never ends early."""
        return max(1, math.ceil(seconds / TICK)) + 1

    def touch(self, timeout: float) -> None:
        """Say that a guest is about to run for at most `timeout` seconds; next to free while the thread ticks."""
        self._touched += 1
        if timeout > self._longest:
            self._longest = timeout
        if self._parked:
            self._unpark()

    def close(self) -> None:
        """End the thread and wait for it."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _unpark(self) -> None:
        CTRL_C.listen()
        self._wake.set()
        # Two guests may be the first at once, and a second thread would end them in half of their time.
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mockforge-ticker", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        self._parked = False
        seen, since = self._touched, time.monotonic()
        ticked, pressed = since, CTRL_C.count()
        while not self._closed:
            time.sleep(TICK)
            self._advance()
            if CTRL_C.count() != pressed:
                pressed = CTRL_C.count()
                for _ in range(self.ticks(self._longest)):
                    self._advance()
            now = time.monotonic()
            ticked += TICK
            # A guest that keeps calling the host holds the interpreter, and on a busy machine nobody wakes on time:
            # what was slept too long is made up for, unless a guest began meanwhile, which would end early by it.
            while now - ticked >= TICK and self._touched == seen:
                self._advance()
                ticked += TICK
            if self._touched != seen:
                seen, since, ticked = self._touched, now, now
            elif now - since > self._longest + 1:
                self._park(seen)
                since = ticked = time.monotonic()
                pressed = CTRL_C.count()

    def _park(self, seen: int) -> None:
        self._wake.clear()
        self._parked = True
        # A guest may have been announced before the line above; its `touch` saw no parked thread and woke nobody.
        if self._touched == seen and not self._closed:
            self._wake.wait()
        self._parked = False
