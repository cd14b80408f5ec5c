"""An instance on the plain engine that tells how long it was inside of the guest. Knows nothing of what is measured.

Calls are made step by step, as `GuestInstance` makes them; or by the driver, which stands beside the plugin in the
same store and makes all steps of a call in one go, so that less of the time is the border's. Nothing ends a guest
here: only for a process that can be killed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_void_p
from time import perf_counter
from typing import NamedTuple

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import SetupError
from pytest_mockforge.runtimes.base import Exchange, Limits
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.runtimes.wasm import capi
from pytest_mockforge.runtimes.wasm.driver import PLUGIN, REQUESTS, driver_module
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
    """Makes calls under limits of memory and stack alone."""

    def __init__(self, module: CompiledModule, limits: Limits, *, initialize: bool) -> None:
        """Instantiate; raises as `GuestInstance` does."""
        self._inside = self._copied_in = self._copied_out = 0.0
        self._environment: _TimedEnvironment | None = None
        self._driven: dict[Operation, tuple[object, ...]] = {}
        self._driver: _Driver | None = None
        bridge = None
        if module.imports:
            native = module.engine.native
            self._environment = _TimedEnvironment(native, module.imports, module.border.memory, HostServices())
            bridge = HostBridge(native, self._environment)
        # The driver is a second instance in the store.
        limits = msgspec.structs.replace(limits, instances=2)
        self._quick_enter = module.engine.native.quick_enter()
        super().__init__(module, limits, initialize=initialize, bridge=bridge)
        self._into = self._timed

    def close(self) -> None:
        """Free the store and the driver."""
        super().close()
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def timed(self, operation: Operation, payload: bytes) -> tuple[bytes, Laps]:
        """Make one call step by step. Raises what the guest does wrong, as a PluginFailure."""
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

    def open_driver(self, room: int) -> bool:
        """Put the driver beside the plugin, with so many bytes for requests; False where there can be none."""
        data = driver_module(self._border, room)
        if data is None:
            return False
        self._driver = _Driver(self._module, data, self._context, self._slots)
        return True

    def place(self, payloads: Sequence[bytes]) -> list[tuple[int, int]]:
        """Lay requests into the driver's memory, and give offset and length of each."""
        assert self._driver is not None
        return [self._driver.place(payload) for payload in payloads]

    def drive(self, operation: Operation, offset: int, length: int) -> float:
        """Let the driver make one call with a request that was placed, and give the seconds that it took.

        Raises PluginFailure, also where a release traps, which the host would swallow.
        """
        driver, environment, slots = self._driver, self._environment, self._slots
        assert driver is not None
        arguments = self._driven.get(operation)
        if arguments is None:
            arguments = self._driven[operation] = self._pointer, *driver.function(operation)
        slots.i32[0], slots.i32[4] = offset, length
        self._inside = 0.0
        if environment is None or self._bridge is None:
            self._quick(arguments, operation)
            return self._inside
        environment.seconds = 0.0
        try:
            with self._bridge:
                self._quick(arguments, operation)
        finally:
            environment.take(_nothing(operation))
        return self._inside - environment.seconds

    def _arm(self, fuel: int) -> None:
        """Set neither fuel nor deadline: the plain engine has none."""

    def _timed(self, *arguments: object) -> int | None:
        started = perf_counter()
        error = self._quick_enter(*arguments)
        self._inside += perf_counter() - started
        return error

    def _quick(self, arguments: tuple[object, ...], during: str) -> None:
        error = self._timed(*arguments)
        if error or self._trap.value:
            raise self._ended(error, during)

    def write(self, address: int, payload: bytes, allocator: str) -> None:
        started = perf_counter()
        super().write(address, payload, allocator)
        self._copied_in += perf_counter() - started

    def _read(self, address: int, length: int, operation: Operation) -> bytes:
        started = perf_counter()
        reply = super()._read(address, length, operation)
        self._copied_out += perf_counter() - started
        return reply


class _Driver:
    """The driver's instance, in the plugin's store; freed with that."""

    def __init__(self, plugin: CompiledModule, data: bytes, context: int, slots: capi.Slots) -> None:
        engine = plugin.engine
        self._native, self._context = engine.native, context
        self._module = engine.compile(data)
        self._instance = capi.new_instance()
        self._slots = slots
        self._next = 0
        library, trap = engine.native.library, c_void_p()
        linker = library.wasmtime_linker_new(engine.address)
        try:
            name = PLUGIN.encode()
            error = library.wasmtime_linker_define_instance(linker, context, name, len(name), slots.instance_address)
            if not error:
                error = library.wasmtime_linker_instantiate(
                    linker,
                    context,
                    capi.pointer_value(self._module.ptr()),
                    ctypes.addressof(self._instance),
                    ctypes.addressof(trap),
                )
        finally:
            library.wasmtime_linker_delete(linker)
        if error or trap.value:
            self.close()
            raise SetupError(f"the driver cannot be linked: {engine.native.take_trap(error, trap.value).message}")
        self._memory = self._find(REQUESTS)[0]

    def place(self, payload: bytes) -> tuple[int, int]:
        offset, length = self._next, len(payload)
        if offset + length > self._native.memory_size(self._context, self._memory):
            raise SetupError("the driver has no room for the requests")
        ctypes.memmove(self._native.memory_data(self._context, self._memory) + offset, payload, length)
        self._next += length
        return offset, length

    def function(self, operation: Operation) -> tuple[object, ...]:
        return self._find(operation.value)

    def close(self) -> None:
        self._module.close()

    def _find(self, name: str) -> tuple[object, ...]:
        # The plugin exports functions of the same names, whose places are in use.
        extern, arguments = self._slots.place(f"driver {name}")
        raw, address = name.encode(), ctypes.addressof(self._instance)
        found = self._native.export_get(self._context, address, raw, len(raw), ctypes.addressof(extern))
        assert found
        return arguments


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
