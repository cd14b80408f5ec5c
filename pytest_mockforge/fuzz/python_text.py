"""Values as Python source: ASCII, laid out as ruff and Black lay it out, long repetitions written as `"a" * 65537`.

Whatever does not fit in a line of 88 gets a line for each part with a comma behind the last one, which formatters leave
as it is at any width. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 88
_RUN = re.compile(r"(.{1,8}?)\1{24,}", re.DOTALL)
_NUMBERED = re.compile(r"k[0-9]+")
_MANY = 100
"""Characters, items or keys from which on a repetition is worth an expression."""
_LONGEST_PERIODIC = 300_000
_UNIT = 8
_SHORT = 50
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
        if (many := _numbered(value)) is not None:
            return many
        # A key is written whole: it has no place for an expression that would be cut in two.
        entries = tuple((f"{_quoted(key)}: ", expression(member)) for key, member in value.items())
        return Group(opening="{", parts=entries, closing="}")
    if isinstance(value, tuple):
        items = tuple(("", expression(item)) for item in value)
        return Group(opening="(", parts=items, closing=")", lone_comma=len(items) == 1)
    if isinstance(value, list):
        if len(value) > _MANY and (product := _repeated_items(value)) is not None:
            return product
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
    if _MANY < len(letters) <= _LONGEST_PERIODIC and (period := _period(letters, most=len(letters) // 3)):
        count = len(letters) // period
        product = f"{_quoted(value[:period])} * {count}"
        rest = value[count * period :]
        return Sum(pieces=(product, _quoted(rest)), empty=_quoted(value[:0])) if rest else product
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


def _repeated_items(items: list[object]) -> str | None:
    """Write a list of few different items as a product; None for any other."""
    # 1, 1.0 and True are equal, and not the same here.
    period = _period([repr(item) for item in items], most=_UNIT)
    if period is None:
        return None
    count = len(items) // period
    unit, rest = (_flat_list(part) for part in (items[:period], items[count * period :]))
    text = f"{unit} * {count}" + (f" + {rest}" if rest != "[]" else "")
    return text if len(text) <= _SHORT else None


def _flat_list(items: list[object]) -> str:
    return _flat(Group(opening="[", parts=tuple(("", expression(item)) for item in items), closing="]"))


def _numbered(value: Mapping[object, object]) -> str | None:
    """Write an object that was made larger by numbered keys, as the search for costs makes it."""
    own = {key: member for key, member in value.items() if not _NUMBERED.fullmatch(str(key)) or member != "v"}
    count = len(value) - len(own)
    if count <= _MANY or any(f"k{number}" not in value for number in range(count)):
        return None
    start = _flat(expression(own))[1:-1]
    each = f'f"k{{number}}": "v" for number in range({count})'
    return f"{{{start}, **{{{each}}}}}" if start else f"{{{each}}}"


def _period(value: Sequence[object], *, most: int) -> int | None:
    """Give the shortest period of a whole sequence, by the failure function; None where it is longer than `most`."""
    borders = [0] * len(value)
    border = 0
    for index in range(1, len(value)):
        while border and value[index] != value[border]:
            border = borders[border - 1]
        border += value[index] == value[border]
        borders[index] = border
    period = len(value) - border
    return period if period <= most else None


def statement(node: Node, *, indent: int, before: str = "", after: str = "") -> list[str]:
    """Lay out a node with what stands before and after it, as lines."""
    return _lines(node, " " * indent, before, after)


def _lines(node: Node, margin: str, before: str, after: str) -> list[str]:
    flat = f"{margin}{before}{_flat(node)}{after}"
    if len(flat) <= WIDTH or (isinstance(node, Group) and not node.parts):
        return [flat]
    if isinstance(node, str):
        # A product of a long text is broken before its sign; a text alone never is.
        unit, sign, count = node.rpartition(" * ")
        return [f"{margin}{before}{unit}", f"{margin}* {count}{after}"] if sign and count.isdigit() else [flat]
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
