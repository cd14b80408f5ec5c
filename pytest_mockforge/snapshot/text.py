"""The written form of a snapshot, and the way back: one line a value, so that two of them can be compared in review.

    generate_response:
      status_code: 200
      headers:
        x-user-id: "2"
      body: json
        {
          "id": 2
        }

A field is followed by its value as JSON, by its own fields, or by a word for the block below it: `json`, `text` (each
line behind a bar), `digest` (size, SHA-256 and hex dump) or `table`. No line holds a character that cannot be seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from pytest_mockforge.contract.json_text import Json
from pytest_mockforge.report.text import cells
from pytest_mockforge.snapshot.tree import Data, Digest, Document, Fields, Node, Table, Text

_INDENT: Final = "  "
_BAR: Final = " | "
_NO_CELLS: Final = "(none)"
_WIDEST_PADDING: Final = 40
#: Widths of columns are multiples of this, so that one longer cell seldom moves all the other rows.
_STEP: Final = 8
_ODD = re.compile(r"[^\n -~]")
_BARE_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_BARE_HEADING = re.compile(r"[^\s\"|](?:[^\"|\n]*[^\s\"|])?")
_ESCAPE = re.compile(r"\\(\\|u[0-9a-f]{4}|U[0-9a-f]{8})")
_LINE = re.compile(r'(?P<name>[A-Za-z0-9_.-]+|"(?:[^"\\]|\\.)*"):(?: (?P<rest>.+))?')


class Unreadable(ValueError):
    """Text that is no snapshot of ours: somebody changed it by hand."""


def write(document: Document) -> str:
    """Write a reply down, without a line end after the last line."""
    return "\n".join(_entry(document.title, document.node))


def read(text: str) -> Document:
    """Read what `write` wrote. Raises Unreadable."""
    try:
        found = dict(_fields(text.split("\n")))
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    if len(found) != 1:
        raise Unreadable("not one reply")
    title, node = found.popitem()
    return Document(title=title, node=node)


def as_json(value: Json, *, pretty: bool = False) -> str:
    """Write a JSON value with its keys sorted; what cannot be seen is escaped."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2 if pretty else None)
    return text if text.isascii() and "\x7f" not in text else _ODD.sub(_json_escape, text)


# --- writing ----------------------------------------------------------------------------------------------------------


def _entry(name: str, node: Node) -> Iterator[str]:
    label = name if _BARE_NAME.fullmatch(name) else as_json(name)
    block: Iterator[str]
    match node:
        case Fields(members=members) if members:
            yield f"{label}:"
            block = (line for inner, member in members.items() for line in _entry(inner, member))
        case Fields():
            yield f"{label}: {{}}"
            return
        case Data(value=value) if value and isinstance(value, dict | list):
            yield f"{label}: json"
            block = iter(as_json(value, pretty=True).split("\n"))
        case Data(value=value):
            yield f"{label}: {as_json(value)}"
            return
        case Text(text=text):
            yield f"{label}: text"
            block = (f"|{_escaped(line)}" for line in text.split("\n"))
        case Digest():
            yield f"{label}: digest"
            block = iter((f"bytes: {node.size}", f"sha256: {node.sha256}", *node.head))
        case Table():
            yield f"{label}: table"
            block = _table_lines(node)
    yield from (_INDENT + line for line in block)


def _table_lines(table: Table) -> Iterator[str]:
    headings = [name if _is_bare_heading(name) else _cell(name) for name in table.columns]
    lines = [headings, *([_cell(row[name]) if name in row else "" for name in table.columns] for row in table.rows)]
    widths = [max(cells(line[column]) for line in lines) for column in range(len(headings))]
    padded = [min(-(-width // _STEP) * _STEP, _WIDEST_PADDING) for width in widths]
    for line in lines:
        spaced = (cell + " " * (width - cells(cell)) for cell, width in zip(line, padded, strict=True))
        yield _BAR.join(spaced).rstrip() or _NO_CELLS


def _is_bare_heading(name: str) -> bool:
    return bool(_BARE_HEADING.fullmatch(name)) and name.isprintable() and name != _NO_CELLS


def _cell(value: Json) -> str:
    return as_json(value).replace("|", "\\u007c")


def _json_escape(match: re.Match[str]) -> str:
    char = match[0]
    if char.isprintable():
        return char
    code = ord(char)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def _escaped(line: str) -> str:
    """Escape what cannot be seen, and the last blank of a line, which an editor may drop."""
    safe = _ODD.sub(_text_escape, line.replace("\\", "\\\\"))
    return f"{safe[:-1]}\\u0020" if safe.endswith(" ") else safe


def _text_escape(match: re.Match[str]) -> str:
    char = match[0]
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


# --- reading ----------------------------------------------------------------------------------------------------------


def _fields(lines: list[str]) -> Iterator[tuple[str, Node]]:
    position = 0
    while position < len(lines):
        head = _LINE.fullmatch(lines[position])
        if head is None:
            raise Unreadable(f"line {position + 1} of a block is no field: {lines[position]!r}")
        position += 1
        start = position
        while position < len(lines) and lines[position].startswith(_INDENT):
            position += 1
        block = [line.removeprefix(_INDENT) for line in lines[start:position]]
        name = json.loads(head["name"]) if head["name"].startswith('"') else head["name"]
        yield name, _node(head["rest"], block)


def _node(rest: str | None, block: list[str]) -> Node:
    if rest is None:
        return Fields(members=dict(_fields(block)))
    reader = _BLOCKS.get(rest)
    if reader is not None:
        return reader(block)
    if block:
        raise Unreadable("a value has a block below it")
    return Data(value=json.loads(rest))


def _read_json(block: list[str]) -> Data:
    return Data(value=json.loads("\n".join(block)))


def _read_text(block: list[str]) -> Text:
    if not all(line.startswith("|") for line in block):
        raise Unreadable("a line of text without its bar")
    return Text(text="\n".join(_ESCAPE.sub(_unescaped, line[1:]) for line in block))


def _unescaped(match: re.Match[str]) -> str:
    return "\\" if match[1] == "\\" else chr(int(match[1][1:], 16))


def _read_digest(block: list[str]) -> Digest:
    if len(block) < 2 or not block[0].startswith("bytes: ") or not block[1].startswith("sha256: "):
        raise Unreadable("a digest without size or SHA-256")
    size = int(block[0].removeprefix("bytes: "))
    return Digest(size=size, sha256=block[1].removeprefix("sha256: "), head=tuple(block[2:]))


def _read_table(block: list[str]) -> Table:
    split = [[] if line == _NO_CELLS else [cell.strip(" ") for cell in f"{line} ".split(_BAR)] for line in block]
    headings = [json.loads(name) if name.startswith('"') else name for name in (split[0] if split else [])]
    rows: list[Mapping[str, Json]] = []
    for line in split[1:]:
        if len(line) > len(headings):
            raise Unreadable("a row has more cells than there are columns")
        rows.append({name: json.loads(cell) for name, cell in zip(headings, line, strict=False) if cell})
    return Table(columns=tuple(headings), rows=tuple(rows))


_BLOCKS: Final[dict[str, Callable[[list[str]], Node]]] = {
    "json": _read_json,
    "text": _read_text,
    "digest": _read_digest,
    "table": _read_table,
}
