"""An instance on the plain engine that tells how long it was inside of the guest. Knows nothing of what is measured.

Nothing ends a guest here: only for a process that can be killed.
"""

from __future__ import annotations

from ctypes import c_size_t, c_void_p
from time import perf_counter
from typing import NamedTuple

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Exchange, Limits
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.runtimes.wasm import capi
from pytest_mockforge.runtimes.wasm.engine import CompiledModule
from pytest_mockforge.runtimes.wasm.host_calls import HostBridge
from pytest_mockforge.runtimes.wasm.imports import Environment
from pytest_mockforge.runtimes.wasm.instance import GuestInstance


class Laps(NamedTuple):
    """Seconds of one call, step by step."""

    guest: float
    """Inside of the guest: allocator, operation and release, each with the way in and out."""
    copy_in: float
    copy_out: float


class TimedInstance(GuestInstance):
    """Makes calls as `GuestInstance` does, under limits of memory and stack alone."""

    def __init__(self, module: CompiledModule, limits: Limits, *, initialize: bool) -> None:
        """Instantiate; raises as `GuestInstance` does."""
        self._inside = self._copied_in = self._copied_out = 0.0
        self._environment: _TimedEnvironment | None = None
        self._prepared: dict[tuple[str, int], tuple[object, ...]] = {}
        self._quick_call = module.engine.native.quick_call()
        bridge = None
        if module.imports:
            native = module.engine.native
            self._environment = _TimedEnvironment(native, module.imports, module.border.memory, HostServices())
            bridge = HostBridge(native, self._environment)
        super().__init__(module, limits, initialize=initialize, bridge=bridge)

    def timed(self, operation: Operation, payload: bytes) -> tuple[bytes, Laps]:
        """Make one call. Raises what the guest does wrong, as a PluginFailure."""
        environment = self._environment
        self._inside = self._copied_in = self._copied_out = 0.0
        if environment is None or self._bridge is None:
            reply = self._exchange(operation, payload)
            return reply, Laps(self._inside, self._copied_in, self._copied_out)
        environment.seconds = 0.0
        try:
            with self._bridge:
                reply = self._exchange(operation, payload)
        finally:
            environment.take(_nothing(operation))
        # What our own host functions take is Python's time and not the guest's.
        return reply, Laps(self._inside - environment.seconds, self._copied_in, self._copied_out)

    def _arm(self, fuel: int) -> None:
        """Set neither fuel nor deadline: the plain engine has none."""

    def _call(self, name: str, slots: int, during: str) -> None:
        arguments = self._prepared.get((name, slots)) or self._prepare(name, slots)
        call, trap = self._quick_call, self._slots.trap
        trap.value = None
        started = perf_counter()
        error = call(*arguments)
        self._inside += perf_counter() - started
        if error or trap.value:
            taken = self._native.take_trap(error, trap.value)
            self._raise_stash(taken, during)
            raise self._failure(taken, during)

    def _prepare(self, name: str, slots: int) -> tuple[object, ...]:
        function = self._functions.get(name) or self._find(name, capi.EXTERN_FUNC)
        prepared = (
            *(c_void_p(address) for address in (self._context, function, self._slots.address)),
            c_size_t(slots),
            c_void_p(self._slots.trap_address),
        )
        self._prepared[name, slots] = prepared
        return prepared

    def write(self, address: int, payload: bytes, allocator: str) -> None:
        started = perf_counter()
        super().write(address, payload, allocator)
        self._copied_in += perf_counter() - started

    def _read(self, address: int, length: int, operation: Operation) -> bytes:
        started = perf_counter()
        reply = super()._read(address, length, operation)
        self._copied_out += perf_counter() - started
        return reply


class _TimedEnvironment(Environment):
    """Counts the seconds that host functions take."""

    seconds = 0.0

    def answer(self, index: int, caller: int, context: int, values: int) -> None:
        started = perf_counter()
        try:
            super().answer(index, caller, context, values)
        finally:
            self.seconds += perf_counter() - started


def _nothing(operation: Operation) -> Exchange:
    return Exchange(
        operation=operation, request=b"", reply=None, failure=None, fuel=None, guest_seconds=0.0, fresh=False
    )
