"""Reads the keys of one mapping strictly: each unknown key and wrong type is an error with its line.

Knows no document in particular; `testfile` and `accepted` say which keys there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mockforge.documents.pointers import joined
from pytest_mockforge.documents.wording import described, did_you_mean, quoted

if TYPE_CHECKING:
    from pytest_mockforge.documents.yaml12 import Document, JsonValue
    from pytest_mockforge.errors import DocumentError


@dataclass(frozen=True, kw_only=True, slots=True)
class Fields:
    """The keys of the mapping at `pointer`, all of them known."""

    document: Document
    pointer: str
    mapping: dict[str, JsonValue]
    name: str

    def __contains__(self, key: str) -> bool:
        return key in self.mapping

    @property
    def line(self) -> int:
        """Line on which the mapping stands."""
        return self.document.mark(self.pointer).line

    def error(self, key: str, what: str, *, hint: str) -> DocumentError:
        """Make the error that points at a key."""
        return self.document.error(joined(self.pointer, key), what, hint=hint)

    def wrong(self, key: str, *, expected: str, hint: str) -> DocumentError:
        """Make the error for a value of the wrong kind."""
        value = self.mapping.get(key)
        name = f"{key!r} of {self.name}"
        return wrong_value(self.document, joined(self.pointer, key), value, name=name, expected=expected, hint=hint)

    def text(self, key: str) -> str:
        """Read text that is not blank; the key is required."""
        if key not in self.mapping:
            hint = f"add a line such as {key}: TEXT"
            raise self.document.error(self.pointer, f"{self.name} has no {key!r}", hint=hint)
        value = self.mapping[key]
        if not isinstance(value, str):
            raise self.wrong(key, expected="text", hint="write the text; quote what reads as a number, true or null")
        if not value.strip():
            raise self.error(key, f"{key!r} of {self.name} is empty", hint="write the text")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self.mapping.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, expected="true or false", hint="in YAML 1.2 yes, no, on and off are text")
        return value

    def items(self, key: str) -> list[tuple[str, JsonValue]]:
        """Read a list as pairs of pointer and value; an absent key is an empty list."""
        value = self.mapping.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, expected="a list", hint=f"write '- ' before each entry, or remove {key!r}")
        return list_items(joined(self.pointer, key), value)

    def json(self, key: str) -> JsonValue:
        """Read any value that JSON can hold."""
        value = self.mapping[key]
        _refuse_non_finite(self.document, joined(self.pointer, key), value)
        return value

    def json_mapping(self, key: str) -> dict[str, JsonValue]:
        """Read a mapping of any JSON values; an absent key is an empty one."""
        value = self.json(key) if key in self.mapping else {}
        if not isinstance(value, dict):
            raise self.wrong(key, expected="a mapping", hint=f"write {key}: {{KEY: VALUE}}")
        return value


def fields_at(document: Document, pointer: str, value: JsonValue, *, name: str, keys: tuple[str, ...]) -> Fields:
    """Open the mapping at `pointer`; `name` is what messages call it, such as "a sample".

    Raises DocumentError for anything but a mapping, and for a key not in `keys`.
    """
    if not isinstance(value, dict):
        hint = f"valid keys: {', '.join(keys)}"
        raise wrong_value(document, pointer, value, name=name, expected="a mapping", hint=hint)
    for key in value:
        if key not in keys:
            hint = "YAML 1.2 has no merge keys: write the keys out" if key == "<<" else did_you_mean(key, keys)
            raise document.error(joined(pointer, key), f"unknown key {quoted(key)} in {name}", hint=hint)
    return Fields(document=document, pointer=pointer, mapping=value, name=name)


def list_items(pointer: str, value: list[JsonValue]) -> list[tuple[str, JsonValue]]:
    """Pair each item of a list with its pointer."""
    return [(joined(pointer, index), item) for index, item in enumerate(value)]


def wrong_value(
    document: Document, pointer: str, value: JsonValue, *, name: str, expected: str, hint: str
) -> DocumentError:
    """Make the error for a value of the wrong kind at `pointer`."""
    what = f"{name} holds the wrong value"
    return document.error(pointer, what, expected=expected, got=described(value), hint=hint)


def _refuse_non_finite(document: Document, pointer: str, value: JsonValue) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise document.error(pointer, f"JSON cannot hold {value!r}", hint="quote it to make it text")
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for segment, child in children:
        _refuse_non_finite(document, joined(pointer, segment), child)
