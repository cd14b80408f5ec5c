"""Differences between two plugins that are meant: a field, why, and perhaps until when. Knows nothing of comparing.

They stand under `differences:` in the `plugin.test.yaml` of the plugin that differs, or are given by a test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents import pointers
from pytest_mockforge.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEYS = ("pointer", "operation", "reason", "expires")
_QUALIFIED = re.compile(rf"(?P<operation>{'|'.join(Operation)}):(?P<pointer>.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class AllowedDifference:
    """A field of replies that may differ, with all that lies in it; an empty pointer is the whole reply."""

    pointer: str
    """A JSON pointer, in which `*` stands for one segment of any name."""
    operation: Operation | None = None
    """None where the field may differ in the replies of every operation."""
    reason: str = ""
    expires: date | None = None
    where: str = ""
    """Where it is written, such as `plugin.test.yaml:12`."""

    def covers(self, operation: Operation, ways: Sequence[tuple[str, ...]]) -> bool:
        """Tell whether a field is meant, whose place can be written in several ways."""
        return self.operation in (None, operation) and points_to(self.pointer, ways)

    def expired(self, today: date) -> bool:
        """Tell whether the entry has run out; it still holds on the day that it names."""
        return self.expires is not None and today > self.expires

    def __str__(self) -> str:
        return f"{self.operation}:{self.pointer}" if self.operation else self.pointer or "(the whole reply)"


def points_to(pointer: str, ways: Sequence[tuple[str, ...]]) -> bool:
    """Tell whether a field, or something that it lies in, is meant by a pointer in which `*` stands for any segment."""
    pattern = pointers.segments(pointer)
    return any(
        len(pattern) <= len(way) and all(part in ("*", segment) for part, segment in zip(pattern, way, strict=False))
        for way in ways
    )


def allowed_difference(given: str | Mapping[str, object], *, where: str) -> AllowedDifference:
    """Read what a test allows: a pointer, `OPERATION:POINTER`, or a mapping with `pointer`, `operation`, `reason` and
    `expires`, which is a date or its text.

    Raises SettingsError.
    """
    if isinstance(given, str):
        match = _QUALIFIED.fullmatch(given)
        given = dict(match.groupdict()) if match else {"pointer": given}
    if not isinstance(given, Mapping) or not isinstance(given.get("pointer"), str):
        raise _wrong(where, given, "a JSON pointer such as '/claims/role', or a mapping with 'pointer'")
    for key in given:
        if key not in _KEYS:
            raise _wrong(where, key, f"one of the keys {', '.join(_KEYS)}")
    operation, reason = given.get("operation"), given.get("reason", "")
    if operation is not None and operation not in list(Operation):
        raise _wrong(where, operation, f"one of the operations {', '.join(Operation)}")
    if not isinstance(reason, str):
        raise _wrong(where, reason, "a reason that is text")
    pointer = str(given["pointer"])
    try:
        pointers.segments(pointer)
    except ValueError as error:
        raise _wrong(where, pointer, f"a JSON pointer: {error}") from None
    return AllowedDifference(
        pointer=pointer,
        operation=None if operation is None else Operation(str(operation)),
        reason=reason,
        expires=_day(where, given.get("expires")),
        where=where,
    )


def _day(where: str, given: object) -> date | None:
    if given is None or (isinstance(given, date) and type(given) is date):
        return given
    try:
        return date.fromisoformat(str(given))
    except ValueError:
        raise _wrong(where, given, "a date, or its text as in '2027-01-31'") from None


def _wrong(where: str, got: object, expected: str) -> SettingsError:
    return SettingsError(f"{where}: {got!r} cannot be allowed", expected=expected, got=repr(got))
