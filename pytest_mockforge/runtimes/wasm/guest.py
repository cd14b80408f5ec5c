"""A store with one instance in it: its exports are called, its memory is reached, and how a call ended is told.

It knows limits, pointers and lengths; nothing of operations, and of JSON or policies still less.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_uint8
from typing import TYPE_CHECKING

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, GuestTrap, LimitExceeded
from pytest_mockforge.runtimes.base import BorderNote, Limits
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.runtimes.wasm import capi, failures
from pytest_mockforge.runtimes.wasm.engine import CompiledModule
from pytest_mockforge.runtimes.wasm.guest_memory import SIGN
from pytest_mockforge.runtimes.wasm.imports import Environment, HostTrap

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.wasm.host_calls import HostBridge

_MOST_ARGUMENTS = 6
_MOST_SPARE = 8


class Guest:
    """One instance, from its start to `close`. Calls are made one after another."""

    def __init__(
        self, module: CompiledModule, limits: Limits, *, initialize: bool, bridge: HostBridge | None = None
    ) -> None:
        """Instantiate, run the start function and, if asked, `_initialize`.

        `bridge` leads to what the module imports and is closed with the instance; one with nothing special behind it
        is made where it is needed.

        Raises LoadFailure when the module cannot be instantiated, GuestTrap or LimitExceeded when its own code fails,
        and SetupError when the module was closed.
        """
        module.require_open()
        self._native = native = module.engine.native
        self._module = module
        self._border = module.border
        self._limits = limits
        self._fuel = limits.fuel
        self._ticker = module.engine.ticker
        self._slots = slots = module.spare_slots.pop() if module.spare_slots else capi.Slots(_MOST_ARGUMENTS)
        self._i32, self._i64, self._trap = slots.i32, slots.i64, slots.trap
        self._functions: dict[str, tuple[object, ...]] = {}
        """Of each export that was called, the whole of what `enter` takes."""
        self._into = native.enter
        self._notes: list[BorderNote] = []
        self._entered = False
        self._memory: tuple[object, ...] = ()
        """What asks for the size of memory; nothing where none can be used."""
        self._base = self._size = 0
        """Where memory begins, which never moves (`engine`), and how large it was when last asked: it never shrinks."""
        if bridge is None and module.imports:
            bridge = open_bridge(module, HostServices())
        self._bridge = bridge
        self._store = native.store_new(module.engine.address, bridge.identity if bridge else None, None)
        self._context = native.store_context(self._store)
        native.store_limiter(self._store, limits.memory, limits.table_elements, limits.instances, -1, -1)
        self._pointer = capi.pointer(self._context)
        self._deadline = self._pointer, capi.number(self._ticker.ticks(limits.timeout))
        try:
            if bridge is None:
                self._begin(module.initializer if initialize else None)
            else:
                with bridge:
                    self._begin(module.initializer if initialize else None)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Free the store; the instance cannot be used afterwards."""
        store, self._store = self._store, None
        if store and not self._module.engine.inherited:
            self._native.store_delete(store)
            if len(self._module.spare_slots) < _MOST_SPARE:
                self._module.spare_slots.append(self._slots)
        if self._bridge is not None:
            self._bridge.close()

    def note(self, detail: str, message: str) -> None:
        self._notes.append(BorderNote(detail=detail, message=message))

    def run(self, name: str, arguments: Sequence[int], during: str) -> int:
        """Call an export with i32s and give its i32."""
        for slot, argument in enumerate(arguments):
            self._i32[4 * slot] = argument
        self._call(name, during)
        return self._i32[0]

    def memory_from(self, address: int, operation: Operation) -> memoryview:
        """Show linear memory from an address to its end, for as long as the guest does not run."""
        size = self._measure()
        if address >= size:
            raise failures.outside(operation, address, size)
        return memoryview((c_uint8 * (size - address)).from_address(self._base + address)).cast("B")

    def write(self, address: int, payload: bytes, allocator: str) -> None:
        """Copy into a buffer of the guest's. Raises AbiFailure where memory has no room for it."""
        end = address + len(payload)
        if address >= SIGN or (end > self._size and end > self._measure()):
            raise failures.no_room(allocator, address, len(payload), self._measure())
        capi.reach(self._base + address).raw = payload

    def attempt(self, name: str, detail: str, *arguments: int) -> None:
        """Call an optional export; what it does wrong is a note, as the host swallows it, unless it never ends."""
        for slot, argument in enumerate(arguments):
            self._i32[4 * slot] = argument
        error = self._into(*self._function(name))
        if error or self._trap.value:
            self._swallow(error, name, detail, arguments)

    def _arm(self, fuel: int) -> None:
        self._fuel = fuel
        self._native.quick_set_fuel(self._pointer, capi.number(fuel))
        self._native.quick_deadline(*self._deadline)
        self._ticker.touch(self._limits.timeout)

    def _begin(self, initializer: str | None) -> None:
        self._instantiate()
        if self._border.memory:
            memory = self._find(self._border.memory, capi.EXTERN_MEMORY)[0]
            self._memory = self._pointer, memory
            self._base = self._native.memory_data(self._context, memory)
        if initializer:
            self._arm(self._limits.fuel)
            self._call(initializer, "_initialize")
            self._entered = True
        self._measure()

    def _measure(self) -> int:
        """Ask for the size of memory; 0 where there is none."""
        if self._memory:
            self._size = self._native.quick_size(*self._memory) or 0
        return self._size

    def _instantiate(self) -> None:
        slots = self._slots
        self._arm(self._limits.fuel)
        error = self._native.instantiate(
            self._module.prepared, self._context, slots.instance_address, slots.trap_address
        )
        if not error and not slots.trap.value:
            return
        trap, by_host = self._take_end(error)
        if by_host:
            raise failures.trapped(trap, "start", self._module, self._limits, self._fuel)
        raise failures.not_instantiated(trap, self._module, self._limits, self._fuel)

    def _read(self, address: int, length: int, operation: Operation) -> bytes:
        end = address + length
        if length >= SIGN or address >= SIGN or (end > self._size and end > self._measure()):
            raise failures.unreadable(operation, address, length, self._measure())
        return capi.reach(self._base + address)[:length]

    def _call(self, name: str, during: str) -> None:
        error = self._into(*self._function(name))
        if error or self._trap.value:
            raise self._ended(error, during)

    def _swallow(self, error: int | None, name: str | None, detail: str, arguments: Sequence[int]) -> None:
        failure = self._ended(error, str(name))
        if isinstance(failure, LimitExceeded):
            raise failure
        self.note(detail, f"{name}({', '.join(map(str, arguments))}) trapped: {failure.code}")

    def _ended(self, error: int | None, during: str) -> GuestTrap:
        """Say how the call ended that just did, without a result; raise what a host function raised in it."""
        trap, _ = self._take_end(error)
        return failures.trapped(trap, during, self._module, self._limits, self._fuel)

    def _take_end(self, error: int | None) -> tuple[capi.Trap, bool]:
        """Take what the guest left behind, so that its place is empty again, and tell whether it is a host's word."""
        address, self._trap.value = self._trap.value, None
        trap = self._native.take_trap(error, address)
        stash = self._bridge.take_stash() if self._bridge is not None else None
        if isinstance(stash, HostTrap):
            # It may quote the guest: a name that it imports, or what it hands to env.abort.
            return trap._replace(code=stash.code, message=capi.printable(stash.message)), True
        if stash is not None:
            raise stash
        return trap, False

    def _function(self, name: str) -> tuple[object, ...]:
        """Give what `_into` takes to call an exported function."""
        found = self._functions.get(name)
        if found is None:
            self._functions[name] = found = (self._pointer, *self._find(name, capi.EXTERN_FUNC))
        return found

    def _find(self, name: str, kind: int) -> tuple[object, ...]:
        extern, arguments = self._slots.place(name)
        raw = name.encode()
        address = self._slots.instance_address
        found = self._native.export_get(self._context, address, raw, len(raw), ctypes.addressof(extern))
        if not found or extern.kind != kind:
            raise AbiFailure(f"the export {name!r} cannot be found in the instance", detail="not-exported")
        return arguments


def open_bridge(module: CompiledModule, services: HostServices) -> HostBridge:
    """Make what leads from one instance to the functions that it imports."""
    from pytest_mockforge.runtimes.wasm.host_calls import HostBridge

    native = module.engine.native
    return HostBridge(native, Environment(native, module.imports, module.border.memory, services))
