"""How a call of a guest reaches its environment: one C callback for all imports of all modules, and what keeps it safe.

ctypes swallows what a callback raises outside a `try`, and hands garbage to wasmtime as its result. So nothing may be
raised there: signals wait while no `try` is open, and there must be room on the stack before a guest is called.
"""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

import msgspec

from pytest_mockforge.runtimes.base import Exchange
from pytest_mockforge.runtimes.wasm import capi
from pytest_mockforge.runtimes.wasm.imports import Environment, HostTrap

_FRAMES = 16
"""Frames that must be free before a guest is called: those of the callback outside its `try`."""
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)
"""Those that Ctrl-C, a CI runner and plugins for time limits send."""

_bridges: dict[int, HostBridge] = {}
_identities = itertools.count(1)


class HostBridge:
    """The environment of one store, found through the store's data; and what a call of it left behind.

    Used as a context manager around every call of the guest.
    """

    def __init__(self, native: capi.Native, environment: Environment) -> None:
        self.native = native
        self.environment = environment
        self.identity = next(_identities)
        """The data of the store."""
        self.raised: BaseException | None = None
        """The last exception that was raised in a host function and is to come out of the call."""
        self._stash: BaseException | None = None
        self._guarded = False
        self._waiting: list[tuple[int, Callable[[int, FrameType | None], object]]] = []
        self._shielded: list[tuple[int, Callable[[int, FrameType | None], object]]] = []
        _bridges[self.identity] = self

    def close(self) -> None:
        """Forget the store."""
        _bridges.pop(self.identity, None)

    def take_stash(self) -> BaseException | None:
        """Give what a host function raised during the call that has just failed."""
        stash, self._stash = self._stash, None
        if stash is not None and not isinstance(stash, HostTrap):
            self.raised = stash
        return stash

    def complete(self, exchange: Exchange, raised: BaseException | None = None) -> Exchange:
        """Add to an exchange what the guest asked for and printed since the last one."""
        asked = self.environment.take(exchange)
        return asked if raised is None else msgspec.structs.replace(asked, raised=raised)

    def cross(self, index: int, caller: int, context: int, values: int) -> int:
        """Answer one call; give 0, or a trap once the exception is kept."""
        try:
            # From here on a signal may raise.
            self._guarded = True
            while self._waiting:
                number, handler = self._waiting.pop(0)
                handler(number, None)
            self.environment.answer(index, caller, context, values)
        except BaseException as error:  # noqa: BLE001  # it is raised again when the guest has ended
            self._guarded = False
            self._stash = error
            return self.native.trap_new(b"host", 4) or 0
        self._guarded = False
        return 0

    def __enter__(self) -> None:
        _make_sure_of_room(_FRAMES)
        if threading.get_ident() == threading.main_thread().ident:
            try:
                self._shield()
            except BaseException:
                self._unshield()
                raise

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._unshield()
        while self._waiting:
            number, handler = self._waiting.pop(0)
            handler(number, None)

    def _shield(self) -> None:
        def wait(number: int, frame: FrameType | None) -> None:
            handler = handlers[number]
            if self._guarded:
                handler(number, frame)
            else:
                self._waiting.append((number, handler))

        handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):
                handlers[int(number)] = handler
                self._shielded.append((number, handler))
                signal.signal(number, wait)

    def _unshield(self) -> None:
        try:
            while self._shielded:
                number, handler = self._shielded[-1]
                signal.signal(number, handler)
                self._shielded.pop()
        except BaseException:
            # A handler that is back in its place has raised; the others must get back too.
            self._unshield()
            raise


def _make_sure_of_room(frames: int) -> None:
    if frames:
        _make_sure_of_room(frames - 1)


def _on_host_call(data: int, caller: int, values: int, _count: int) -> int:
    bridge: HostBridge | None = None
    try:
        native = capi.native()
        context = native.caller_context(caller)
        bridge = _bridges[native.context_data(context)]
        return bridge.cross(data - 1, caller, context, values)
    except BaseException as error:  # noqa: BLE001  # as in `cross`
        if bridge is not None:
            bridge._stash = error
        return capi.native().trap_new(b"host", 4) or 0


CALLBACK = capi.HOST_CALLBACK(_on_host_call)
"""Serves every import; the data of a definition is the import's place in its module, counted from 1."""
