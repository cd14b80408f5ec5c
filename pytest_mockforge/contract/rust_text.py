"""How Rust prints a float and a quoted string, since host messages and requests hold both. Knows nothing of JSON."""

from __future__ import annotations

import re
import unicodedata

# serde_json before 1.0.149 wrote exponents bare (`1e21`), as contract 1.1 records; later ones sign them (`1e+21`).
_POSITIVE_EXPONENT = "e"
_SHORT_ESCAPES = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_PRINTABLE_ASCII = re.compile(r"[ !#-\[\]-~]*")
# Characters that Rust escapes as grapheme extenders although their category is neither Mn nor Me.
_SPACING_EXTENDERS = frozenset(
    "\u09be\u09d7\u0b3e\u0b57\u0bbe\u0bd7\u0cc0\u0cc2\u0cc7\u0cc8\u0cca\u0ccb\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf\u1715"
    "\u1734\u1b35\u1b3b\u1b3d\u1b43\u1b44\u1baa\u1bf2\u1bf3\u302e\u302f\ua953\ua9c0\uff9e\uff9f\U000111c0\U00011235"
    "\U0001133e\U0001134d\U00011357\U000114b0\U000114bd\U000115af\U000116b6\U00011930\U0001193d\U00016ff0\U00016ff1"
    "\U0001d165\U0001d166\U0001d16d\U0001d16e\U0001d16f\U0001d170\U0001d171\U0001d172"
)


def float_text(value: float) -> str:
    """Print a finite float as serde_json does: shortest digits, plain from 1e-5 up to below 1e16, else an exponent."""
    text = repr(value)
    mantissa, letter, exponent = text.partition("e")
    if not letter:
        return text
    power = int(exponent)
    if power > 0:
        return f"{mantissa}{_POSITIVE_EXPONENT}{power}"
    if power == -5:  # Python turns to exponents one power of ten earlier
        sign = "-" if mantissa.startswith("-") else ""
        return f"{sign}0.0000{mantissa.lstrip('-').replace('.', '')}"
    return f"{mantissa}e{power}"


def debug_text(text: str) -> str:
    """Quote `text` as Rust's `{:?}` does; what is not printable becomes `\\u{…}`."""
    if _PRINTABLE_ASCII.fullmatch(text):
        return f'"{text}"'
    return '"' + "".join(map(_debug_character, text)) + '"'


def _debug_character(character: str) -> str:
    short = _SHORT_ESCAPES.get(character)
    if short is not None:
        return short
    if character.isprintable() and not _extends_grapheme(character):
        return character
    return f"\\u{{{ord(character):x}}}"


def _extends_grapheme(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me") or character in _SPACING_EXTENDERS
