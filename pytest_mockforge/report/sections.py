"""Sections that extensions add to every report: what one is, how it is made of a report, its lines on a terminal.

How it looks elsewhere is the matter of each form. Pure but for calling what an extension gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from pytest_mockforge.errors import ExtensionError
from pytest_mockforge.masking import Redactor
from pytest_mockforge.report.model import Report, Section, with_sections
from pytest_mockforge.report.text import cells, harmless, wrapped

if TYPE_CHECKING:
    from pytest_mockforge.additions import Origin

_MOST_ROWS = 40
"""Rows of one section that the terminal shows; the reports have all."""
_LONGEST = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSection:
    """A section of every report: the summary on the terminal, Markdown, HTML and JSON."""

    name: str
    """Lower-case letters, digits and hyphens; names the section in JSON and in links."""
    build: Callable[[Report], Section | None]
    """Makes it of what was found and measured, masked already; None for no section."""


def guarded_section(given: ReportSection, origin: Origin) -> ReportSection:
    """Give the same section, with a function that names the extension."""

    def build(report: Report) -> Section | None:
        what = f"build of the section {given.name!r}"
        with origin.named(what):
            made: object = given.build(report)
        if made is None:
            return None
        try:
            # A struct checks no type when it is made.
            section = msgspec.convert(msgspec.to_builtins(made), Section)
        except (msgspec.ValidationError, TypeError) as error:
            raise origin.misused(what, expected="a Section, of text alone", got=error) from None
        if not isinstance(made, Section) or any(len(row) != len(section.head) for row in section.rows):
            raise origin.misused(what, expected="a Section whose rows are as long as its head", got=made)
        return msgspec.structs.replace(section, name=given.name)

    return replace(given, build=build)


def add_sections(report: Report, sections: Iterable[ReportSection]) -> Report:
    """Make each section of the report; one that breaks off says so in its place, and keeps no other back."""
    redactor, made = Redactor(), []
    for one in sections:
        try:
            section = one.build(report)
        except ExtensionError as error:
            section = Section(name=one.name, title=one.name, failed=str(error))
        if section is not None:
            made.append(_masked(section, redactor.text))
    return with_sections(report, made)


def section_lines(section: Section, width: int) -> list[str]:
    """Render a section for the terminal: its title, its lines, its table as far as it fits."""
    lines = [harmless(section.title, _LONGEST)]
    for text in (*section.failed.splitlines(), *section.lines):
        lines += wrapped(harmless(text, _LONGEST), width, "  ", "    ")
    shown = [tuple(harmless(cell, _LONGEST) for cell in row) for row in (section.head, *section.rows[:_MOST_ROWS])]
    widths = [max(cells(row[column]) for row in shown) for column in range(len(section.head))]
    if sum(widths) + 2 * len(widths) > width:
        for row in shown[1:]:
            named = ", ".join(f"{name} {cell}" for name, cell in zip(shown[0][1:], row[1:], strict=True))
            lines += wrapped(f"{row[0]}: {named}", width, "  ", "    ")
    elif widths:
        lines += ["  " + "  ".join(_padded(row, widths)).rstrip() for row in shown]
    if len(section.rows) > _MOST_ROWS:
        lines.append(f"  … and {len(section.rows) - _MOST_ROWS:,} more rows, which reports have")
    return lines


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True)]


def _masked(section: Section, mask: Callable[[str], str]) -> Section:
    return Section(
        name=section.name,
        title=mask(section.title),
        lines=tuple(map(mask, section.lines)),
        head=tuple(map(mask, section.head)),
        rows=tuple(tuple(map(mask, row)) for row in section.rows),
        failed=mask(section.failed),
    )
