"""What a plugin printed, as a section of a failing test's report. Pure functions."""

from __future__ import annotations

from pytest_mockforge.report.text import harmless

_MOST_LINES = 200
_MOST_CHARACTERS = 8_192
_LONGEST_HEADING = 120


def printed_section(label: str, printed: str) -> tuple[str, str]:
    """Give title and text of what a plugin printed during a test."""
    return section(f"{label} printed", printed)


def section(heading: str, printed: str) -> tuple[str, str]:
    """Give title and text, harmless line by line and cut to what a person reads."""
    lines = printed[:_MOST_CHARACTERS].splitlines()
    shown = [harmless(line) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES or len(printed) > _MOST_CHARACTERS:
        shown.append(f"… ({len(printed):,} characters in all)")
    return f"mockforge: {harmless(heading, _LONGEST_HEADING)}", "\n".join(shown)
