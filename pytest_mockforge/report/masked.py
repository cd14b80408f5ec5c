"""A test's report without secrets: what failed, what was captured. Takes what pytest made as it is; imports none of it.

A failure is a tree of pytest's own values, which terminal and JUnit files render: each text in it is changed in place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

Mask = Callable[[str], str]


def mask_report(report: pytest.TestReport, mask: Mask) -> None:
    """Change the texts of one report, those of its failure and of its sections."""
    sections = [(title, mask(text)) for title, text in report.sections]
    if sections != report.sections:
        # Else there would be two of each text for as long as the report is kept.
        report.sections = sections
    # What comes back is of the type that went in.
    report.longrepr = _masked(report.longrepr, mask, set())  # type: ignore[assignment]


def _masked(value: object, mask: Mask, seen: set[int]) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        # Together, as a key may be longer than a line.
        text = "\n".join(value)
        return value if (changed := mask(text)) == text else changed.split("\n")
    if isinstance(value, list | tuple):
        return type(value)([_masked(inner, mask, seen) for inner in value])
    if dataclasses.is_dataclass(value) and id(value) not in seen:
        # The last failure of a chain stands in it twice.
        seen.add(id(value))
        for field in dataclasses.fields(value):
            before = getattr(value, field.name, None)
            after = _masked(before, mask, seen)
            if after != before:
                setattr(value, field.name, after)
    return value
