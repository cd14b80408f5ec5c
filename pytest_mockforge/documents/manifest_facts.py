"""Looks facts up in a manifest and notes what is wrong with them. Knows no manifest shape and no unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.wording import described

if TYPE_CHECKING:
    from pytest_mockforge.documents.yaml12 import JsonValue


class Facts:
    """Looks facts up in a manifest by JSON pointer and notes each value of the wrong kind once."""

    def __init__(self, data: dict[str, JsonValue]) -> None:
        self.data = data
        self.problems: dict[str, str] = {}

    def at(self, pointer: str) -> JsonValue:
        """Give what stands there; None where nothing does."""
        value: JsonValue = self.data
        for segment in pointers.segments(pointer):
            if not isinstance(value, dict):
                return None
            value = value.get(segment)
        return value

    def wrong(self, pointer: str, expected: str) -> None:
        """Note that the value there is not what it should be."""
        self.problem(pointer, f"expected {expected}, got {described(self.at(pointer))}")

    def problem(self, pointer: str, message: str) -> None:
        """Note a problem; the first one at a place is kept."""
        self.problems.setdefault(pointer, message)

    def section(self, pointer: str) -> dict[str, JsonValue]:
        """Give the mapping there, or an empty one."""
        value = self.at(pointer)
        if value is not None and not isinstance(value, dict):
            self.wrong(pointer, "a mapping")
        return value if isinstance(value, dict) else {}

    def text(self, *places: str) -> str | None:
        """Give the first text, not blank, at one of these places."""
        for pointer in places:
            value = self.at(pointer)
            if isinstance(value, str) and value.strip():
                return value
            if isinstance(value, str):
                self.problem(pointer, "expected text, got an empty one")
            elif value is not None:
                hint = "; quote it to make it text" if isinstance(value, bool | int | float) else ""
                self.problem(pointer, f"expected text, got {described(value)}{hint}")
        return None

    def texts(self, pointer: str) -> tuple[str, ...]:
        """Give the texts of the list there, each once."""
        value = self.at(pointer)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(pointer, "a list of texts")
            return ()
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self.problem(pointers.joined(pointer, index), f"expected text, got {described(item)}")
        return tuple(dict.fromkeys(item for item in value if isinstance(item, str)))
