"""Values as Python source: ASCII, laid out as ruff and Black lay it out, long repetitions written as `"a" * 65537`.

Whatever does not fit in a line of 88 gets a line for each part with a comma behind the last one, which formatters leave
as it is at any width. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 88
_RUN = re.compile(r"(.{1,8}?)\1{24,}", re.DOTALL)
_DEEPEST = 40
"""Brackets within brackets that Python's own parser surely takes, and a reader too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Parts in brackets, each behind its own beginning, such as `query=`."""

    opening: str
    parts: tuple[tuple[str, Node], ...]
    closing: str
    lone_comma: bool = False
    """True for a tuple of one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sum:
    """Pieces of one text; joined where they do not fit in a line."""

    pieces: tuple[str, ...]
    empty: str


Node: TypeAlias = str | Group | Sum


def call(name: str, *parts: Node, **named: Node) -> Group:
    """Write a call."""
    return Group(
        opening=f"{name}(",
        parts=(*(("", part) for part in parts), *((f"{key}=", part) for key, part in named.items())),
        closing=")",
    )


def expression(value: object) -> Node:
    """Write a value that JSON can hold, bytes, or a tuple; what is nested very deeply as the text of its JSON."""
    if isinstance(value, str | bytes):
        return text(value)
    if isinstance(value, Mapping):
        # A key is written whole: it has no place for an expression that would be cut in two.
        entries = tuple((f"{_quoted(key)}: ", expression(member)) for key, member in value.items())
        return Group(opening="{", parts=entries, closing="}")
    if isinstance(value, tuple):
        items = tuple(("", expression(item)) for item in value)
        return Group(opening="(", parts=items, closing=")", lone_comma=len(items) == 1)
    if isinstance(value, list):
        return Group(opening="[", parts=tuple(("", expression(item)) for item in value), closing="]")
    # Formatters write 1e308 where Python writes 1e+308.
    return repr(value).replace("e+", "e")


def is_deep(value: object, room: int = _DEEPEST) -> bool:
    """Tell whether a value is nested too deeply to be written out."""
    if isinstance(value, Mapping):
        return room == 0 or any(is_deep(member, room - 1) for member in value.values())
    if isinstance(value, list | tuple):
        return room == 0 or any(is_deep(item, room - 1) for item in value)
    return False


def text(value: str | bytes) -> Node:
    """Write a text or bytes, what repeats as a product."""
    letters = value if isinstance(value, str) else value.decode("latin-1")
    pieces: list[str] = []
    done = 0

    def take(part: str) -> str:
        return _quoted(part if isinstance(value, str) else part.encode("latin-1"))

    for run in _RUN.finditer(letters):
        if run.start() > done:
            pieces.append(take(letters[done : run.start()]))
        pieces.append(f"{take(run[1])} * {len(run[0]) // len(run[1])}")
        done = run.end()
    if done < len(letters) or not pieces:
        pieces.append(take(letters[done:]))
    return pieces[0] if len(pieces) == 1 else Sum(pieces=tuple(pieces), empty=take(""))


def statement(node: Node, *, indent: int, before: str = "", after: str = "") -> list[str]:
    """Lay out a node with what stands before and after it, as lines."""
    return _lines(node, " " * indent, before, after)


def _lines(node: Node, margin: str, before: str, after: str) -> list[str]:
    flat = f"{margin}{before}{_flat(node)}{after}"
    if len(flat) <= WIDTH or isinstance(node, str) or (isinstance(node, Group) and not node.parts):
        return [flat]
    if isinstance(node, Sum):
        joined = Group(opening="[", parts=tuple(("", piece) for piece in node.pieces), closing="]")
        return _lines(call(f"{node.empty}.join", joined), margin, before, after)
    inner = margin + " " * 4
    parts = [line for name, part in node.parts for line in _lines(part, inner, name, ",")]
    return [f"{margin}{before}{node.opening}", *parts, f"{margin}{node.closing}{after}"]


def _flat(node: Node) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, Sum):
        return " + ".join(node.pieces)
    inside = ", ".join(f"{name}{_flat(part)}" for name, part in node.parts)
    return f"{node.opening}{inside}{',' if node.lone_comma else ''}{node.closing}"


def _quoted(value: str | bytes) -> str:
    """Quote as formatters do: with double quotes, unless single ones save escapes."""
    letters = value if isinstance(value, str) else value.decode("latin-1")
    quote = "'" if letters.count('"') > letters.count("'") else '"'
    mark = "" if isinstance(value, str) else "b"
    return f"{mark}{quote}{''.join(_escaped(letters, quote))}{quote}"


def _escaped(letters: str, quote: str) -> Iterable[str]:
    for letter in letters:
        if letter in (quote, "\\"):
            yield f"\\{letter}"
        elif " " <= letter <= "~":
            yield letter
        else:
            # Python's own escapes, \n and \x00 and \u0416, in lower case.
            yield ascii(letter)[1:-1]
