"""One instance of one module: the call sequence of contract 2.3, metered and checked. The hot path of the package.

It holds a store and gives it back in `close`. It knows bytes, pointers and limits; nothing of JSON or policies.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import (
    AbiFailure,
    GuestTrap,
    LimitExceeded,
    LoadFailure,
    PluginFailure,
    SetupError,
    TrapRefusal,
)
from pytest_mockforge.runtimes.base import BorderNote, Exchange, Limits
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.runtimes.wasm import capi, go_sdk
from pytest_mockforge.runtimes.wasm.conventions import AllocatorFamily
from pytest_mockforge.runtimes.wasm.engine import CompiledModule
from pytest_mockforge.runtimes.wasm.guest_memory import MINUS_ONE, SIGN, beyond
from pytest_mockforge.runtimes.wasm.imports import Environment, HostTrap

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.wasm.host_calls import HostBridge

_MOST_ARGUMENTS = 6
_MOST_SPARE = 8
_LIMIT_CODES = {"out-of-fuel", "interrupt", "stack-overflow"}
_MAY_REFUSE = {Operation.TEMPLATE_FUNCTION, Operation.QUERY_DATASOURCE}


class GuestInstance:
    """A store with one instance in it; calls are made one after another."""

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
        self._ticks = self._ticker.ticks(limits.timeout)
        self._slots = _slots_of(module)
        self._functions: dict[str, int] = {}
        self._externs: list[ctypes.Structure] = []
        self._notes: list[BorderNote] = []
        self._used = False
        self._entered = False
        self._instance = capi.new_instance()
        self._instance_address = ctypes.addressof(self._instance)
        if bridge is None and module.imports:
            bridge = open_bridge(module, HostServices())
        self._bridge = bridge
        self._store = native.store_new(module.engine.address, bridge.identity if bridge else None, None)
        self._context = native.store_context(self._store)
        native.store_limiter(self._store, limits.memory, limits.table_elements, limits.instances, -1, -1)
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

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        """Carry `payload` in and the reply out, with other fuel than the limit if given.

        Whatever the guest does wrong is in `Exchange.failure`. Raises SetupError after `close`.
        """
        if self._store is None:
            raise SetupError("the instance is closed", hint="call it before it is closed, or make another one")
        self._module.require_open()
        native, context = self._native, self._context
        failure: PluginFailure | None = None
        reply: bytes | None = None
        raised: BaseException | None = None
        bridge = self._bridge
        fresh, self._used = not self._used, True
        self._notes.clear()
        fuel = self._limits.fuel if fuel is None else fuel
        self._arm(fuel)
        before = native.memory_size(context, self._memory) if self._memory else 0
        started = perf_counter()
        try:
            if bridge is None:
                reply = self._exchange(operation, payload)
            else:
                with bridge:
                    reply = self._exchange(operation, payload)
        except PluginFailure as caught:
            failure = caught
        except BaseException as caught:
            if bridge is None or caught is not bridge.raised:
                raise
            raised = caught
        seconds = perf_counter() - started
        after = native.memory_size(context, self._memory) if self._memory else 0
        native.get_fuel(context, self._slots.fuel_address)
        exchange = Exchange(
            operation=operation,
            request=payload,
            reply=reply,
            failure=failure,
            fuel=fuel - self._slots.fuel.value,
            guest_seconds=seconds,
            memory=after,
            memory_grown=after - before,
            fresh=fresh,
            border=tuple(self._notes),
        )
        return exchange if bridge is None else bridge.complete(exchange, raised)

    def _arm(self, fuel: int) -> None:
        self._fuel = fuel
        self._native.set_fuel(self._context, fuel)
        self._native.set_epoch_deadline(self._context, self._ticks)
        self._ticker.touch(self._limits.timeout)

    def _begin(self, initializer: str | None) -> None:
        self._instantiate()
        self._memory = self._find(self._border.memory, capi.EXTERN_MEMORY) if self._border.memory else 0
        if initializer:
            self._arm(self._limits.fuel)
            self._call(initializer, 1, "_initialize")
            self._entered = True

    def _instantiate(self) -> None:
        slots = self._slots
        self._arm(self._limits.fuel)
        slots.trap.value = None
        error = self._native.instantiate(
            self._module.prepared, self._context, self._instance_address, slots.trap_address
        )
        if not error and not slots.trap.value:
            return
        trap = self._native.take_trap(error, slots.trap.value)
        self._raise_stash(trap, "start")
        if trap.code == "error":
            detail, hint = self._above_limits()
            message = f"the module cannot be instantiated: {trap.message}"
            raise LoadFailure(message, step="instantiate", detail=detail, hint=hint)
        if not trap.backtrace and trap.code not in _LIMIT_CODES:
            # No frame of the guest: the engine was still copying data and element segments.
            raise self._failure(trap, "instantiation", hint="make memory and table as large as the segments in them")
        raise self._failure(trap, "start")

    def _above_limits(self) -> tuple[str, str | None]:
        """Give a word and a mend for what is larger than our limits."""
        info, limits = self._module.info, self._limits
        if sum(memory.minimum_bytes for memory in info.memories) > limits.memory:
            hint = "declare a smaller initial memory, or raise --mockforge-memory: the limit is this run's own"
            return "memory-above-limit", hint
        if any(table.minimum > limits.table_elements for table in info.tables):
            hint = f"declare a smaller table: the limit of {limits.table_elements:,} elements is this run's own"
            return "table-above-limit", hint
        return "", None

    def _exchange(self, operation: Operation, payload: bytes) -> bytes:
        border, slots = self._border, self._slots
        family = border.family
        if not self._memory:
            raise AbiFailure("no usable memory is exported as 'memory'", detail="no-memory")
        if family is None:
            raise AbiFailure("no allocator that the host knows is exported", detail="no-allocator")
        convention = border.operations.get(operation)
        if convention is None and operation in border.sdk_operations and go_sdk.SEPARATOR in payload:
            return self._exchange_parts(operation, payload, family)
        length = len(payload)
        slots.i32[0] = length
        if family.extra is not None:
            slots.i32[4] = family.extra
        self._call(family.allocate, 2, "allocator")
        address = slots.i32[0]
        if address == 0:
            self.note("zero-address", f"{family.allocate}({length}) gave address 0; the host writes there")
        if border.pin:
            self.attempt(border.pin, "pin-trapped", address)
        self.write(address, payload, family.allocate)
        if convention is None:
            raise self._not_callable(operation)
        slots.i32[0], slots.i32[4] = address, length
        self._call(operation.value, 2, operation.value)
        if convention == "multi-value":
            out, size = slots.i32[0], slots.i32[4]
        else:
            packed = slots.i64[0]
            out, size = packed >> 32, packed & 0xFFFF_FFFF
        reply = self._read(out, size, operation)
        if border.release:
            if 0 < address <= out < address + length:
                said = f"the reply lies in the request's buffer, which {border.release} is thus called for twice"
                self.note("released-twice", said)
            self.attempt(border.release, "release-trapped", address, length)
            self.attempt(border.release, "release-trapped", out, size)
        return reply

    def _exchange_parts(self, operation: Operation, payload: bytes, family: AllocatorFamily) -> bytes:
        sdk = self._border.sdk_operations[operation]
        if not go_sdk.carries(sdk, payload):
            raise self._not_callable(operation)
        if self._border.sdk_entry and not self._entered:
            self._enter(self._border.sdk_entry)
        release, most = self._border.release, self._limits.reply
        return go_sdk.exchange(self, operation, payload, sdk=sdk, family=family, release=release, most=most)

    def _enter(self, entry: str) -> None:
        """Run what sets a Go module up, unless `initialize` did, with fuel and time of its own."""
        self._entered = True
        fuel = self._fuel
        self._arm(self._limits.fuel)
        go_sdk.enter(self, entry)
        self._arm(fuel)

    def run(self, name: str, arguments: Sequence[int], during: str) -> int:
        """Call an export with i32s and give its i32."""
        for slot, argument in enumerate(arguments):
            self._slots.i32[4 * slot] = argument
        self._call(name, max(len(arguments), 1), during)
        return self._slots.i32[0]

    def memory_from(self, address: int, operation: Operation) -> memoryview:
        """Show linear memory from an address to its end, for as long as the guest does not run."""
        size = self._native.memory_size(self._context, self._memory)
        if address >= size:
            raise AbiFailure(
                f"{operation} returned a reply outside memory",
                detail="output-outside-memory",
                cause=beyond(address, 0, size),
                expected=f"a pointer within {size} bytes",
                got=f"address {address:#x}",
            )
        start = self._native.memory_data(self._context, self._memory) + address
        return memoryview((ctypes.c_uint8 * (size - address)).from_address(start)).cast("B")

    def write(self, address: int, payload: bytes, allocator: str) -> None:
        """Copy into a buffer of the guest's. Raises AbiFailure where memory has no room for it."""
        size = self._native.memory_size(self._context, self._memory)
        if address + len(payload) > size or address >= SIGN:
            raise AbiFailure(
                f"{allocator}({len(payload)}) gave an address outside memory",
                detail="input-outside-memory",
                cause=beyond(address, len(payload), size),
                expected=f"{len(payload)} bytes within {size}, below 2 GiB",
                got=f"address {address:#x}",
                hint="give the address of a buffer of at least the length asked for",
            )
        ctypes.memmove(self._native.memory_data(self._context, self._memory) + address, payload, len(payload))

    def _read(self, address: int, length: int, operation: Operation) -> bytes:
        if length >= SIGN:
            raise AbiFailure(
                f"{operation} returned a negative length",
                detail="negative-length",
                cause="minus-one" if length == MINUS_ONE else "",
                expected="0 to 2147483647",
                got=str(length - 2**32),
                hint="MockForge panics with a capacity overflow here; return (pointer, length) in this order",
            )
        size = self._native.memory_size(self._context, self._memory)
        if address >= SIGN or address + length > size:
            raise AbiFailure(
                f"{operation} returned a reply outside memory",
                detail="output-outside-memory",
                cause=beyond(address, length, size),
                expected=f"pointer and length within {size} bytes, below 2 GiB",
                got=f"{length} bytes at {address:#x}",
                hint="return (pointer, length) in this order, of a buffer that still exists",
            )
        return ctypes.string_at(self._native.memory_data(self._context, self._memory) + address, length)

    def _not_callable(self, operation: Operation) -> AbiFailure:
        for fault in self._border.faults:
            if fault.export == operation.value:
                return AbiFailure(
                    f"{operation} is exported with a type that cannot be called",
                    detail="wrong-type",
                    cause=fault.cause,
                    expected=fault.expected,
                    got=fault.got,
                )
        hint = None
        if sdk := self._border.sdk_operations.get(operation):
            hint = f"no host of MockForge's calls {sdk.name}, the published Go SDK's; --mockforge-dialect=sdk does"
        return AbiFailure(f"{operation} is not exported", detail="not-exported", hint=hint)

    def attempt(self, name: str, detail: str, *arguments: int) -> None:
        """Call an optional export; what it does wrong is a note, as the host swallows it, unless it never ends."""
        for slot, argument in enumerate(arguments):
            self._slots.i32[4 * slot] = argument
        try:
            self._call(name, 2, name)
        except LimitExceeded:
            raise
        except GuestTrap as trap:
            self.note(detail, f"{name}({', '.join(map(str, arguments))}) trapped: {trap.code}")

    def _call(self, name: str, slots: int, during: str) -> None:
        function = self._functions.get(name) or self._find(name, capi.EXTERN_FUNC)
        trap = self._slots.trap
        trap.value = None
        error = self._native.call(self._context, function, self._slots.address, slots, self._slots.trap_address)
        if error or trap.value:
            taken = self._native.take_trap(error, trap.value)
            self._raise_stash(taken, during)
            raise self._failure(taken, during)

    def _raise_stash(self, trap: capi.Trap, during: str) -> None:
        """Raise what a host function raised, where that is why the guest ended."""
        stash = self._bridge.take_stash() if self._bridge is not None else None
        if isinstance(stash, HostTrap):
            # It may quote the guest: a name that it imports, or what it hands to env.abort.
            message = capi.printable(stash.message)
            raise self._failure(trap._replace(code=stash.code, message=message), during) from None
        if stash is not None:
            raise stash

    def _find(self, name: str, kind: int) -> int:
        extern = capi.new_extern()
        raw = name.encode()
        found = self._native.export_get(self._context, self._instance_address, raw, len(raw), ctypes.addressof(extern))
        if not found or extern.kind != kind:
            raise AbiFailure(f"the export {name!r} cannot be found in the instance", detail="not-exported")
        self._externs.append(extern)
        address = capi.extern_payload(extern)
        if kind == capi.EXTERN_FUNC:
            self._functions[name] = address
        return address

    def _failure(self, trap: capi.Trap, during: str, hint: str | None = None) -> GuestTrap:
        backtrace = tuple(map(self._placed, trap.backtrace, trap.offsets))
        where = f" in {backtrace[0]}" if backtrace else ""
        kind: type[GuestTrap] = GuestTrap
        if trap.code in _LIMIT_CODES:
            kind = LimitExceeded
        elif trap.code == "unreachable" and during in _MAY_REFUSE:
            kind = TrapRefusal
        message = {
            "out-of-fuel": f"{during} used up its fuel of {self._fuel:,} units{where}",
            "interrupt": f"{during} did not return within {self._limits.timeout:g} s{where}",
            "stack-overflow": f"{during} used up the stack of {self._limits.stack:,} bytes{where}",
        }.get(trap.code, f"{during} trapped: {trap.message}{where}")
        return kind(message, code=trap.code, during=during, backtrace=backtrace, hint=hint)

    def _placed(self, function: str, offset: int) -> str:
        """Add to a function's name where in its source the frame stands, if that is known."""
        place = self._module.source_lines.locate(offset)
        return f"{function} ({capi.printable(place)})" if place else function

    def note(self, detail: str, message: str) -> None:
        self._notes.append(BorderNote(detail=detail, message=message))


def _slots_of(module: CompiledModule) -> capi.Slots:
    try:
        return module.spare_slots.pop()
    except IndexError:
        return capi.Slots(_MOST_ARGUMENTS)


def open_bridge(module: CompiledModule, services: HostServices) -> HostBridge:
    """Make what leads from one instance to the functions that it imports."""
    from pytest_mockforge.runtimes.wasm.host_calls import HostBridge

    native = module.engine.native
    return HostBridge(native, Environment(native, module.imports, module.border.memory, services))
