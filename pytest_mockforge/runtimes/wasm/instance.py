"""One instance of one module: the call sequence of contract 2.3, metered and checked. The hot path of the package.

It knows bytes, operations and conventions; nothing of JSON or policies.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, PluginFailure, SetupError
from pytest_mockforge.runtimes.base import Exchange, Limits
from pytest_mockforge.runtimes.wasm import failures, go_sdk
from pytest_mockforge.runtimes.wasm.conventions import AllocatorFamily
from pytest_mockforge.runtimes.wasm.engine import CompiledModule
from pytest_mockforge.runtimes.wasm.guest import Guest

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.wasm.host_calls import HostBridge


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What is called for one operation, each with the whole of its arguments."""

    allocator: str
    extra: int | None
    allocate: tuple[object, ...]
    call: tuple[object, ...]
    release: tuple[object, ...] | None
    pinned: bool
    packed: bool


class GuestInstance(Guest):
    """Carries requests in and replies out of one instance."""

    def __init__(
        self, module: CompiledModule, limits: Limits, *, initialize: bool, bridge: HostBridge | None = None
    ) -> None:
        """Instantiate, as `Guest` does."""
        self._plans: dict[Operation, _Plan] = {}
        self._used = False
        super().__init__(module, limits, initialize=initialize, bridge=bridge)

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        """Carry `payload` in and the reply out, with other fuel than the limit if given.

        Whatever the guest does wrong is in `Exchange.failure`. Raises SetupError after `close`.
        """
        module = self._module
        if self._store is None:
            raise SetupError("the instance is closed", hint="call it before it is closed, or make another one")
        if not module.prepared or not module.engine.address:
            module.require_open()
        failure: PluginFailure | None = None
        reply: bytes | None = None
        raised: BaseException | None = None
        bridge = self._bridge
        fresh, self._used = not self._used, True
        if self._notes:
            self._notes.clear()
        if fuel is None:
            fuel = self._limits.fuel
        self._arm(fuel)
        before = self._size
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
                self._measure()
                raise
            raised = caught
        seconds = perf_counter() - started
        after = self._measure()
        self._native.quick_get_fuel(self._pointer, self._slots.fuel_place)
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
            border=tuple(self._notes) if self._notes else (),
        )
        return exchange if bridge is None else bridge.complete(exchange, raised)

    def _exchange(self, operation: Operation, payload: bytes) -> bytes:
        """Make the calls one after another, in a straight line: each frame of Python's costs what a call does."""
        plan = self._plans.get(operation) or self._plan(operation)
        if plan is None:
            return self._exchange_otherwise(operation, payload)
        into, i32, trap, length = self._into, self._i32, self._trap, len(payload)
        i32[0] = length
        if plan.extra is not None:
            i32[4] = plan.extra
        error = into(*plan.allocate)
        if error or trap.value:
            raise self._ended(error, "allocator")
        address = i32[0]
        if address == 0 or plan.pinned:
            self._settle(address, length)
        self.write(address, payload, plan.allocator)
        i32[0], i32[4] = address, length
        error = into(*plan.call)
        if error or trap.value:
            raise self._ended(error, operation)
        out, size = i32[0], i32[4]
        if plan.packed:
            packed = self._i64[0]
            out, size = packed >> 32, packed & 0xFFFF_FFFF
        reply = self._read(out, size, operation)
        if plan.release is not None:
            if 0 < address <= out < address + length:
                name = self._border.release
                said = f"the reply lies in the request's buffer, which {name} is thus called for twice"
                self.note("released-twice", said)
            i32[0], i32[4] = address, length
            error = into(*plan.release)
            if error or trap.value:
                self._swallow(error, self._border.release, "release-trapped", (address, length))
            i32[0], i32[4] = out, size
            error = into(*plan.release)
            if error or trap.value:
                self._swallow(error, self._border.release, "release-trapped", (out, size))
        return reply

    def _exchange_otherwise(self, operation: Operation, payload: bytes) -> bytes:
        """Refuse what cannot be called, after what a host does before it finds out; or call it as the Go SDK wants."""
        border = self._border
        family = border.family
        if not self._memory:
            raise AbiFailure("no usable memory is exported as 'memory'", detail="no-memory")
        if family is None:
            raise AbiFailure("no allocator that the host knows is exported", detail="no-allocator")
        if operation in border.sdk_operations and go_sdk.SEPARATOR in payload:
            return self._exchange_parts(operation, payload, family)
        length = len(payload)
        arguments = (length,) if family.extra is None else (length, family.extra)
        address = self.run(family.allocate, arguments, "allocator")
        self._settle(address, length)
        self.write(address, payload, family.allocate)
        raise failures.not_callable(border, operation)

    def _plan(self, operation: Operation) -> _Plan | None:
        """Find once all that is called for an operation; None where it cannot be called in MockForge's way."""
        border, family = self._border, self._border.family
        convention = border.operations.get(operation)
        if not self._memory or family is None or convention is None:
            return None
        self._plans[operation] = plan = _Plan(
            allocator=family.allocate,
            extra=family.extra,
            allocate=self._function(family.allocate),
            call=self._function(operation.value),
            release=self._function(border.release) if border.release else None,
            pinned=border.pin is not None,
            packed=convention == "packed-i64",
        )
        return plan

    def _settle(self, address: int, length: int) -> None:
        """Note an odd address of a new buffer, and pin the buffer where that is the custom."""
        if address == 0:
            family = self._border.family
            assert family is not None
            self.note("zero-address", f"{family.allocate}({length}) gave address 0; the host writes there")
        if self._border.pin:
            self.attempt(self._border.pin, "pin-trapped", address)

    def _exchange_parts(self, operation: Operation, payload: bytes, family: AllocatorFamily) -> bytes:
        sdk = self._border.sdk_operations[operation]
        if not go_sdk.carries(sdk, payload):
            raise failures.not_callable(self._border, operation)
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
