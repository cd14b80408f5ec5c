"""Shapes of YAML values, walked as serde walks them: fields in the file's order, then what is missing as declared.

Each shape gives its faults one by one, so that the first is the one that the host prints. Pure; knows no manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pytest_mockforge.documents.pointers import joined
from pytest_mockforge.documents.yaml12 import Document, JsonValue

U32, U64 = 2**32 - 1, 2**64 - 1

Fault = tuple[str, str]
"""JSON pointer and message."""
Shape = Callable[[JsonValue, str], Iterator[Fault]]


def first_fault(document: Document, shape: Shape) -> str | None:
    """Give the first fault as serde_yaml prints it, with path, line and column; None when the document fits."""
    for pointer, message in shape(document.value, ""):
        mark = document.mark(pointer)
        path = pointer.strip("/").replace("/", ".")
        return f"{f'{path}: ' if path else ''}{message} at line {mark.line} column {mark.column}"
    return None


def _got(value: JsonValue) -> str:
    if value is None:
        return "unit value"
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{value}`"
    if isinstance(value, str):
        return f'string "{value[:60]}"'
    return "map" if isinstance(value, dict) else "sequence"


def _plain(kind: type[str] | type[bool], expected: str) -> Shape:
    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if not isinstance(value, kind):
            yield pointer, f"invalid type: {_got(value)}, expected {expected}"

    return walk


def _unsigned(name: str, largest: int) -> Shape:
    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield pointer, f"invalid type: {_got(value)}, expected {name}"
        elif not 0 <= value <= largest:
            yield pointer, f"invalid value: {_got(value)}, expected {name}"

    return walk


def number(value: JsonValue, pointer: str) -> Iterator[Fault]:
    """An f64; a whole number is one too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield pointer, f"invalid type: {_got(value)}, expected f64"


def anything(_value: JsonValue, _pointer: str) -> Iterator[Fault]:
    """Any value."""
    return iter(())


def optional(shape: Shape) -> Shape:
    """The shape, or null."""
    return lambda value, pointer: iter(()) if value is None else shape(value, pointer)


def sequence(shape: Shape) -> Shape:
    """A list of values of one shape."""

    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield pointer, f"invalid type: {_got(value)}, expected a sequence"
            return
        for index, item in enumerate(value):
            yield from shape(item, joined(pointer, index))

    return walk


def mapping_of(shape: Shape) -> Shape:
    """A mapping from text to values of one shape."""

    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield pointer, f"invalid type: {_got(value)}, expected a map"
            return
        for key, item in value.items():
            yield from shape(item, joined(pointer, key))

    return walk


def struct(name: str, required: Mapping[str, Shape], options: Mapping[str, Shape] | None = None) -> Shape:
    """A mapping with fields of their own shapes, of which `options` may be absent or null; others are ignored."""
    shapes = {**required, **{key: optional(shape) for key, shape in (options or {}).items()}}

    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield pointer, f"invalid type: {_got(value)}, expected struct {name}"
            return
        for key, item in value.items():
            if key in shapes:
                yield from shapes[key](item, joined(pointer, key))
        for key in required:
            if key not in value:
                yield pointer, f"missing field `{key}`"

    return walk


def variant(*names: str) -> Shape:
    """One of a few words."""
    listed = ", ".join(f"`{name}`" for name in names)

    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if not isinstance(value, str):
            yield pointer, f"invalid type: {_got(value)}, expected one of {listed}"
        elif value not in names:
            yield pointer, f"unknown variant `{value}`, expected one of {listed}"

    return walk


text, flag = _plain(str, "a string"), _plain(bool, "a boolean")
u32, u64 = _unsigned("u32", U32), _unsigned("u64", U64)
texts = sequence(text)
