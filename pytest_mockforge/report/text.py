"""Text from a plugin made harmless for a terminal, and cut and broken to size. Pure functions."""

from __future__ import annotations

import unicodedata

LONGEST = 2_000
"""Characters of one piece of a plugin's text that are shown."""
_LEAST_WIDTH = 24
"""Cells; on a terminal narrower than this, lines run over."""


def harmless(text: str, longest: int = LONGEST) -> str:
    """Escape control characters and what turns the reading direction, and cut what is too long."""
    safe = "".join(char if char.isprintable() else _escaped(char) for char in text[:longest])
    if len(text) <= longest and len(safe) <= longest:
        return safe
    return f"{safe[:longest]} … ({len(text):,} characters)"


def cells(text: str) -> int:
    """Count the columns that a text takes on a terminal: two for an ideograph or an emoji, none for an accent."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """Break a line between words so that it fits, with one prefix for its first part and another for the others."""
    width = max(width, _LEAST_WIDTH)
    lines, line = [], first
    for word in text.split():
        gap = " " if line.strip() else ""
        if gap and cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line, gap = rest, ""
        line += gap
        while cells(line) + cells(word) > width:
            head = _fitting(word, width - cells(line))
            lines.append(line + head)
            line, word = rest, word[len(head) :]
        line += word
    return [*lines, line] if line.strip() or not lines else lines


def shortened(text: str, width: int) -> str:
    """Cut a line so that it fits, and show that it was cut."""
    width = max(width, _LEAST_WIDTH)
    return text if cells(text) <= width else _fitting(text, width - 1).rstrip() + "…"


def counted(count: int, one: str, many: str) -> str:
    """Write a number with its noun: '1 check holds', '1,200 checks hold'."""
    return f"{count:,} {one if count == 1 else many}"


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


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _fitting(text: str, width: int) -> str:
    """Give the longest beginning that fits, of one character at least."""
    used = 0
    for index, char in enumerate(text):
        used += _cells(char)
        if used > width and index:
            return text[:index]
    return text
