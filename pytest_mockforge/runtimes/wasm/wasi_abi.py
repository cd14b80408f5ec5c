"""What all functions of our WASI preview 1 share: its error numbers, and how a Python function becomes one of them.

Numbers and signatures are those of the standard, `wasi_snapshot_preview1`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from pytest_mockforge.errors import AbiFailure
from pytest_mockforge.runtimes.wasm.externs import FuncType
from pytest_mockforge.runtimes.wasm.guest_memory import GuestMemory
from pytest_mockforge.runtimes.wasm.imports import Environment, HostFunction

MODULE = "wasi_snapshot_preview1"
MOST_VECTORS = 1_024
"""Buffers, and subscriptions, that one call may name: what Linux allows."""

_LETTERS = {"i": "i32", "I": "i64"}


class Errno(IntEnum):
    """The numbers that our functions answer with."""

    SUCCESS = 0
    TOO_BIG = 1
    BADF = 8
    FAULT = 21
    ILSEQ = 25
    INVAL = 28
    NAMETOOLONG = 37
    NOMEM = 48
    NOTDIR = 54
    NOTSOCK = 57
    NOTSUP = 58
    SPIPE = 70
    NOTCAPABLE = 76


def errno_name(result: object) -> str:
    """Write an error number as C's headers name it."""
    if result == Errno.SUCCESS:
        return "ok"
    return "E2BIG" if result == Errno.TOO_BIG else f"E{Errno(result).name}" if isinstance(result, int) else str(result)


def wasi_function(name: str, letters: str, call: Callable[..., Errno]) -> HostFunction:
    """Make a host function; `letters` has `i` for an i32 and `I` for an i64. A pointer outside memory is EFAULT."""

    def checked(memory: GuestMemory, environment: Environment, *arguments: int) -> Errno:
        try:
            return call(memory, environment, *arguments)
        except AbiFailure:
            return Errno.FAULT

    return HostFunction(
        module=MODULE,
        name=name,
        type=FuncType(params=tuple(_LETTERS[letter] for letter in letters), results=("i32",)),
        call=checked,
        outcome=errno_name,
    )
