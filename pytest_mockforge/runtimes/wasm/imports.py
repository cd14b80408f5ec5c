"""The seam between a guest and what it imports: host functions, and the environment in which an instance calls them.

A host function is Python; which one answers an import is decided when an instance is made, its type having been
compared with the import's. What nobody provides, or provides with another type, is a trap that names itself. Each call
is recorded. This module knows no host function by name, and nothing of how a call reaches it: see `host_calls`.
"""

from __future__ import annotations

import ctypes
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from pytest_mockforge.errors import SetupError
from pytest_mockforge.runtimes.base import Exchange, HostCall
from pytest_mockforge.runtimes.host_services import VALUE_TYPES, HostServices, ImportedFunction
from pytest_mockforge.runtimes.wasm import capi
from pytest_mockforge.runtimes.wasm.externs import FuncType
from pytest_mockforge.runtimes.wasm.guest_memory import GuestMemory
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo
from pytest_mockforge.runtimes.wasm.surroundings import CapturedOutput, SeededRandom, VirtualClock

MOST_RECORDS = 1_000
"""Calls of host functions that are recorded of one call of the plugin; more are only counted."""
_LONGEST_DETAIL = 200
_LONGEST_NAME = 200
_UNSIGNED = {"i32": "I12x", "i64": "Q8x", "f32": "f12x", "f64": "d8x"}
_SIGNED = _UNSIGNED | {"i32": "i12x", "i64": "q8x"}


class HostTrap(Exception):
    """Raised by a host function to end the guest; becomes a GuestTrap with this code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True, slots=True)
class HostFunction:
    """A Python function that stands for an import."""

    module: str
    name: str
    type: FuncType
    call: Callable[..., object]
    """Called with memory, environment and one number an argument; integers unsigned unless `signed`."""
    signed: bool = False
    outcome: Callable[[object], str] = field(default=str)
    """How a result is written down in the record."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportSlot:
    """One function that a module imports, and how its numbers are laid out."""

    module: str
    name: str
    type: FuncType
    function: HostFunction | None
    """What answers; None where nobody does, or with another type only."""
    problem: str
    """Why nobody answers; empty when somebody does."""
    arguments: struct.Struct
    results: struct.Struct

    @property
    def key(self) -> str:
        """How the import is called in records and messages."""
        return f"{self.module[:_LONGEST_NAME]}::{self.name[:_LONGEST_NAME]}"


def import_slots(info: ModuleInfo, provided: Mapping[tuple[str, str], HostFunction]) -> tuple[ImportSlot, ...]:
    """Give a slot for each imported function whose values are plain numbers, once a name."""
    slots: dict[tuple[str, str], ImportSlot] = {}
    for imported in info.imports:
        key = imported.module, imported.name
        if key in slots or not isinstance(imported.type, FuncType):
            continue
        if all(value in VALUE_TYPES for value in (*imported.type.params, *imported.type.results)):
            slots[key] = _slot(imported.module, imported.name, imported.type, provided.get(key))
    return tuple(slots.values())


def _slot(module: str, name: str, wanted: FuncType, function: HostFunction | None) -> ImportSlot:
    where = f"`{module[:_LONGEST_NAME]}::{name[:_LONGEST_NAME]}`"
    problem = ""
    if function is None:
        problem = f"unknown import: {where} has not been defined"
    elif function.type != wanted:
        problem = f"unknown import: {where} is imported as {wanted}, and provided as {function.type}"
        function = None
    letters = _SIGNED if function is not None and function.signed else _UNSIGNED
    return ImportSlot(
        module=module,
        name=name,
        type=wanted,
        function=function,
        problem=problem,
        arguments=struct.Struct("<" + "".join(letters[value] for value in wanted.params)),
        results=struct.Struct("<" + "".join(_UNSIGNED[value] for value in wanted.results)),
    )


class Environment:
    """What one instance calls: its host functions, memory, clock, random bytes and output, and what it asked for."""

    def __init__(
        self, native: capi.Native, slots: Sequence[ImportSlot], memory_name: str | None, services: HostServices
    ) -> None:
        self.services = services
        self.memory = GuestMemory(native)
        self.clock = VirtualClock()
        self.random = SeededRandom()
        self.output = CapturedOutput()
        self.descriptors = {0, 1, 2}
        self._memory_name = memory_name
        self._slots = _overlaid(slots, services.answers())
        self._records: list[HostCall] = []
        self._total: Counter[str] = Counter()
        self._detail = ""

    def answer(self, index: int, caller: int, context: int, values: int) -> None:
        """Run the host function of one import on the slots at `values`. Whatever that raises, this raises."""
        slot = self._slots[index]
        self._total[slot.key] += 1
        self._detail = ""
        if not self.memory.attached:
            self.memory.attach(caller, context, self._memory_name)
        arguments = slot.arguments.unpack(ctypes.string_at(values, slot.arguments.size))
        try:
            if slot.function is None:
                raise HostTrap("import", slot.problem)
            result = slot.function.call(self.memory, self, *arguments)
            if slot.type.results:
                packed = _pack(slot, result)
                ctypes.memmove(values, packed, len(packed))
        except HostTrap as trap:
            self._record(slot, arguments, f"trap {trap.code}")
            raise
        except BaseException as error:
            self._record(slot, arguments, f"raised {type(error).__name__}")
            raise
        self._record(slot, arguments, slot.function.outcome(result) if slot.type.results else "")

    def note(self, detail: str) -> None:
        """Say what the arguments of the call under way stand for."""
        self._detail = detail[:_LONGEST_DETAIL]

    def take(self, exchange: Exchange) -> Exchange:
        """Add what was asked for and printed since the last time, and start anew."""
        printed, dropped = self.output.take()
        asked, total = tuple(self._records), dict(self._total)
        self._records.clear()
        self._total.clear()
        self.random.refill()
        return msgspec.structs.replace(
            exchange, asked=asked, asked_total=total, printed=printed, printed_dropped=dropped
        )

    def _record(self, slot: ImportSlot, arguments: tuple[int | float, ...], outcome: str) -> None:
        if len(self._records) < MOST_RECORDS:
            self._records.append(
                HostCall(module=slot.module, name=slot.name, arguments=arguments, outcome=outcome, detail=self._detail)
            )


def _overlaid(
    slots: Sequence[ImportSlot], provided: Mapping[tuple[str, str], ImportedFunction]
) -> Sequence[ImportSlot]:
    if not provided:
        return slots
    return [
        _slot(slot.module, slot.name, slot.type, _given(found))
        if (found := provided.get((slot.module, slot.name)))
        else slot
        for slot in slots
    ]


def _given(provided: ImportedFunction) -> HostFunction:
    def call(memory: GuestMemory, _environment: Environment, *arguments: int | float) -> object:
        return provided.function(memory, *arguments)

    return HostFunction(
        module=provided.module,
        name=provided.name,
        type=FuncType(params=tuple(provided.params), results=tuple(provided.results)),
        call=call,
        signed=True,
        outcome=lambda result: str(result)[:_LONGEST_DETAIL],
    )


def _pack(slot: ImportSlot, result: object) -> bytes:
    """Lay results out as raw values. Raises SetupError when they do not fit the import's type."""
    wanted = slot.type.results
    values = result if isinstance(result, tuple) else (result,)
    try:
        return slot.results.pack(*(_raw(value, kind) for value, kind in zip(values, wanted, strict=True)))
    except (TypeError, ValueError, OverflowError, struct.error):
        raise SetupError(
            f"the Python function for {slot.key} gave a result that the guest cannot take",
            expected=", ".join(wanted),
            got=f"{result!r:.200}",
            hint="return a number in the range of its type, or a tuple of numbers where there are several results",
        ) from None


def _raw(value: object, kind: str) -> int | float:
    if kind in ("f32", "f64"):
        if not isinstance(value, int | float):
            raise TypeError
        return float(value)
    if not isinstance(value, int):
        raise TypeError
    bits = 32 if kind == "i32" else 64
    number = int(value)
    if not -(2 ** (bits - 1)) <= number < 2**bits:
        raise OverflowError
    masked: int = number & ((1 << bits) - 1)
    return masked
