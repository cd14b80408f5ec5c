"""Text from a plugin made harmless for a terminal, and cut to size. Pure functions."""

from __future__ import annotations

import textwrap

LONGEST = 2_000
"""Characters of one piece of a plugin's text that are shown."""


def harmless(text: str, longest: int = LONGEST) -> str:
    """Escape control characters and what turns the reading direction, and cut what is too long."""
    cut = text if len(text) <= longest else f"{text[:longest]} … ({len(text):,} characters)"
    return "".join(char if char.isprintable() else _escaped(char) for char in cut)


def wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """Break a line so that it fits, with one prefix for its first part and another for the others."""
    return textwrap.wrap(
        text,
        width=max(width, 40),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=True,
    ) or [first.rstrip()]


def size(count: int) -> str:
    """Bytes with a binary unit: 156,676 as '153.0 KiB'."""
    if abs(count) < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if abs(value) < 1024 or unit == "GiB":
            return f"{value:.1f} {unit}" if value % 1 else f"{value:.0f} {unit}"
    raise AssertionError(count)


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
