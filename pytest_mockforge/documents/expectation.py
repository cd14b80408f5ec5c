"""Compares a reply with what a sample expects, and leaves out what may differ between equal calls.

Pure functions over plain JSON values and JSON pointers; they know neither files nor how a reply was got.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeGuard

from pytest_mockforge.documents import pointers

if TYPE_CHECKING:
    from pytest_mockforge.contract.operations import Operation


_LONGEST_SHOWN = 300


class _Missing(Enum):
    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


#: Stands where there is no value at all, which null is.
MISSING: Final = _Missing.MISSING
Missing: TypeAlias = Literal[_Missing.MISSING]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mismatch:
    """One place where a reply differs: JSON text, shortened; `got` says `nothing` where the reply has no value."""

    pointer: str
    expected: str
    got: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Volatile:
    """A reply field that may differ between equal calls, with all that lies in it; for every operation if None.

    `*` in the pointer stands for one segment of any name.
    """

    pointer: str
    operation: Operation | None = None


def matches(expected: object, actual: object, *, path: str = "") -> tuple[Mismatch, ...]:
    """Compare `actual` with `expected` and give each difference; none is a match.

    An object matches if it holds the expected keys, whatever else it holds; this goes for objects inside of lists
    too. A list matches item by item and in length. Anything else matches exactly, with its type: neither is 1 equal
    to 1.0 nor to true.
    """
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return tuple(
            mismatch
            for key, value in expected.items()
            for mismatch in matches(value, actual.get(key, MISSING), path=pointers.joined(path, str(key)))
        )
    if _is_list(expected) and _is_list(actual) and len(expected) == len(actual):
        return tuple(
            mismatch
            for index, (value, got) in enumerate(zip(expected, actual, strict=True))
            for mismatch in matches(value, got, path=pointers.joined(path, index))
        )
    if type(expected) is type(actual) and expected == actual:
        return ()
    return (Mismatch(pointer=path, expected=_shown(expected), got=_shown(actual)),)


def differing(one: object, other: object) -> tuple[Mismatch, ...]:
    """Give each place in which two values differ, what only the second has at the end.

    Unlike `matches`, which lets an object hold more than is expected of it.
    """
    found = matches(one, other)
    known = {mismatch.pointer for mismatch in found}
    back = (mismatch for mismatch in matches(other, one) if mismatch.pointer not in known)
    return (*found, *(Mismatch(pointer=only.pointer, expected=only.got, got=only.expected) for only in back))


def without_volatile(value: object, operation: Operation, volatile: Sequence[Volatile]) -> object:
    """Copy a reply without its volatile fields. A volatile item of a list becomes None, so that the others keep
    their places."""
    return _without(value, _patterns(volatile, operation))


def _patterns(volatile: Sequence[Volatile], operation: Operation) -> list[tuple[str, ...]]:
    return [pointers.segments(entry.pointer) for entry in volatile if entry.operation in (None, operation)]


def _without(value: object, patterns: list[tuple[str, ...]]) -> object:
    if not patterns:
        return value
    if isinstance(value, Mapping):
        kept = {key: (item, _inside(patterns, str(key))) for key, item in value.items()}
        return {key: _without(item, inside) for key, (item, inside) in kept.items() if () not in inside}
    if _is_list(value):
        insides = [_inside(patterns, str(index)) for index in range(len(value))]
        return [None if () in inside else _without(item, inside) for item, inside in zip(value, insides, strict=True)]
    return value


def _inside(patterns: list[tuple[str, ...]], segment: str) -> list[tuple[str, ...]]:
    return [pattern[1:] for pattern in patterns if pattern and pattern[0] in ("*", segment)]


def _shown(value: object) -> str:
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=repr)
    short = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in short)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)
