"""What AssemblyScript imports from `env` unless told not to: `abort`, `seed` and `trace`."""

from __future__ import annotations

from pytest_mockforge.errors import AbiFailure
from pytest_mockforge.runtimes.wasm.externs import FuncType
from pytest_mockforge.runtimes.wasm.guest_memory import GuestMemory
from pytest_mockforge.runtimes.wasm.imports import Environment, HostFunction, HostTrap

_LONGEST_TEXT = 2_048
"""Bytes of one text that are read."""


def _text(memory: GuestMemory, address: int) -> str:
    """Read a string object: UTF-16, with its length in bytes four bytes before it; '' for null."""
    if address == 0:
        return ""
    try:
        length = memory.read_u32(address - 4)
        memory.check(address, length)
        return memory.read(address, min(length, _LONGEST_TEXT)).decode("utf-16-le", "replace")
    except AbiFailure:
        return "(no text: the address lies outside memory)"


def _abort(memory: GuestMemory, environment: Environment, message: int, file: int, line: int, column: int) -> None:
    text, place = _text(memory, message), _text(memory, file) or "an unnamed file"
    told = f"{text or 'no message'} at {place}:{line}:{column}"
    environment.note(told)
    raise HostTrap("abort", f"abort: {told}")


def _seed(_memory: GuestMemory, environment: Environment) -> float:
    drawn = environment.random.take(6) or b""
    return float(int.from_bytes(drawn, "little"))


def _trace(memory: GuestMemory, environment: Environment, message: int, count: int, *values: float) -> None:
    words = ["trace:", _text(memory, message), *(f"{value:g}" for value in values[: min(count, len(values))])]
    environment.output.add((" ".join(words) + "\n").encode())


FUNCTIONS = (
    HostFunction(module="env", name="abort", type=FuncType(params=("i32", "i32", "i32", "i32")), call=_abort),
    HostFunction(module="env", name="seed", type=FuncType(results=("f64",)), call=_seed),
    HostFunction(module="env", name="trace", type=FuncType(params=("i32", "i32", *("f64",) * 5)), call=_trace),
)
