"""Writes values as YAML on one line, so that `yaml12` reads back what was written. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*(?: [A-Za-z0-9_./@*-]+)*")
#: Text to YAML 1.2, or at least to ours, and something else to readers of YAML 1.1.
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def flow(value: object) -> str:
    """Write a value that JSON can hold in YAML's flow style; text is quoted only where it has to be."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)
        case Mapping():
            return "{" + ", ".join(f"{flow(str(key))}: {flow(member)}" for key, member in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(flow, value)) + "]"
        case _:
            raise TypeError(f"YAML cannot hold a {type(value).__name__}")


def _quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
