"""What a guest did wrong, as the failure that a user reads. Pure: it looks at what was seen and calls nothing."""

from __future__ import annotations

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, GuestTrap, LimitExceeded, LoadFailure, TrapRefusal
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm import capi
from pytest_mockforge.runtimes.wasm.conventions import Border
from pytest_mockforge.runtimes.wasm.engine import CompiledModule
from pytest_mockforge.runtimes.wasm.guest_memory import MINUS_ONE, SIGN, beyond

_LIMIT_CODES = {"out-of-fuel", "interrupt", "stack-overflow"}
_MAY_REFUSE = {Operation.TEMPLATE_FUNCTION, Operation.QUERY_DATASOURCE}


def trapped(
    trap: capi.Trap, during: str, module: CompiledModule, limits: Limits, fuel: int, *, hint: str | None = None
) -> GuestTrap:
    """Say how a call into the guest ended: `during` names the operation, `allocator` or what else was called."""

    def placed(function: str, offset: int) -> str:
        place = module.source_lines.locate(offset)
        return f"{function} ({capi.printable(place)})" if place else function

    backtrace = tuple(map(placed, trap.backtrace, trap.offsets))
    where = f" in {backtrace[0]}" if backtrace else ""
    kind: type[GuestTrap] = GuestTrap
    if trap.code in _LIMIT_CODES:
        kind = LimitExceeded
    elif trap.code == "unreachable" and during in _MAY_REFUSE:
        kind = TrapRefusal
    message = {
        "out-of-fuel": f"{during} used up its fuel of {fuel:,} units{where}",
        "interrupt": f"{during} did not return within {limits.timeout:g} s{where}",
        "stack-overflow": f"{during} used up the stack of {limits.stack:,} bytes{where}",
    }.get(trap.code, f"{during} trapped: {trap.message}{where}")
    return kind(message, code=trap.code, during=str(during), backtrace=backtrace, hint=hint)


def not_instantiated(trap: capi.Trap, module: CompiledModule, limits: Limits, fuel: int) -> LoadFailure | GuestTrap:
    """Say why there is no instance: it asks for too much, its segments do not fit, or its start function trapped."""
    if trap.code == "error":
        detail, hint = _above_limits(module, limits)
        message = f"the module cannot be instantiated: {trap.message}"
        return LoadFailure(message, step="instantiate", detail=detail, hint=hint)
    if not trap.backtrace and trap.code not in _LIMIT_CODES:
        # No frame of the guest: the engine was still copying data and element segments.
        hint = "make memory and table as large as the segments in them"
        return trapped(trap, "instantiation", module, limits, fuel, hint=hint)
    return trapped(trap, "start", module, limits, fuel)


def _above_limits(module: CompiledModule, limits: Limits) -> tuple[str, str | None]:
    """Give a word and a mend for what is larger than our limits."""
    if sum(memory.minimum_bytes for memory in module.info.memories) > limits.memory:
        hint = "declare a smaller initial memory, or raise --mockforge-memory: the limit is this run's own"
        return "memory-above-limit", hint
    if any(table.minimum > limits.table_elements for table in module.info.tables):
        hint = f"declare a smaller table: the limit of {limits.table_elements:,} elements is this run's own"
        return "table-above-limit", hint
    return "", None


def no_room(allocator: str, address: int, length: int, size: int) -> AbiFailure:
    """Say that an allocator gave a buffer that does not lie inside of a memory of `size` bytes."""
    return AbiFailure(
        f"{allocator}({length}) gave an address outside memory",
        detail="input-outside-memory",
        cause=beyond(address, length, size),
        expected=f"{length} bytes within {size}, below 2 GiB",
        got=f"address {address:#x}",
        hint="give the address of a buffer of at least the length asked for",
    )


def unreadable(operation: Operation, address: int, length: int, size: int) -> AbiFailure:
    """Say that pointer and length of a reply lead nowhere in a memory of `size` bytes."""
    if length >= SIGN:
        return AbiFailure(
            f"{operation} returned a negative length",
            detail="negative-length",
            cause="minus-one" if length == MINUS_ONE else "",
            expected="0 to 2147483647",
            got=str(length - 2**32),
            hint="MockForge panics with a capacity overflow here; return (pointer, length) in this order",
        )
    return AbiFailure(
        f"{operation} returned a reply outside memory",
        detail="output-outside-memory",
        cause=beyond(address, length, size),
        expected=f"pointer and length within {size} bytes, below 2 GiB",
        got=f"{length} bytes at {address:#x}",
        hint="return (pointer, length) in this order, of a buffer that still exists",
    )


def outside(operation: Operation, address: int, size: int) -> AbiFailure:
    """Say that a bare pointer to a reply leads nowhere in a memory of `size` bytes."""
    return AbiFailure(
        f"{operation} returned a reply outside memory",
        detail="output-outside-memory",
        cause=beyond(address, 0, size),
        expected=f"a pointer within {size} bytes",
        got=f"address {address:#x}",
    )


def not_callable(border: Border, operation: Operation) -> AbiFailure:
    """Say why an operation cannot be called: the type of its export, or that there is none."""
    for fault in border.faults:
        if fault.export == operation.value:
            return AbiFailure(
                f"{operation} is exported with a type that cannot be called",
                detail="wrong-type",
                cause=fault.cause,
                expected=fault.expected,
                got=fault.got,
            )
    hint = None
    if sdk := border.sdk_operations.get(operation):
        hint = f"no host of MockForge's calls {sdk.name}, the published Go SDK's; --mockforge-dialect=sdk does"
    return AbiFailure(f"{operation} is not exported", detail="not-exported", hint=hint)
