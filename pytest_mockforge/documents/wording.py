"""How messages about documents name values: one short, printable phrase each. Knows no file and no format."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_QUOTE = 60


def quoted(text: str) -> str:
    """Quote `text` as `repr` does, shortened to 60 characters and safe to print."""
    return repr(text) if len(text) <= _LONGEST_QUOTE else repr(text[: _LONGEST_QUOTE - 1]) + "…"


def described(value: object) -> str:
    """Name a YAML value by its type, with the value itself where that is short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int():
            # repr of an int of thousands of digits raises
            return f"the number {value}" if value.bit_length() <= 128 else "a number of more than 38 digits"
        case float():
            return f"the number {value!r}" if math.isfinite(value) else f"{value!r}, which is no finite number"
        case str():
            return f"text {quoted(value)}"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"a {type(value).__name__}"


def listed(words: Iterable[str]) -> str:
    """Join words with commas."""
    return ", ".join(words)


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """Give the valid word that was probably meant, or None."""
    close = difflib.get_close_matches(word.casefold(), list(valid), n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """Write the hint for a word that is none of the valid ones."""
    names = list(valid)
    close = nearest(word, names)
    choice = f"valid: {listed(names)}"
    return f"did you mean {close!r}? {choice}" if close else choice
