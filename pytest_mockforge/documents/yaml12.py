"""Reads one YAML 1.2 document into plain JSON values, in bounded time and memory.

Scalars follow the core schema of YAML 1.2: `no`, `on` and `2027-01-31` are text, `true` and `null` are not. An
unquoted `1.10` is still a number there, 1.1, so a version wants quotes. Mapping keys are always text, as they stand
in the file. There are no merge keys (`<<` is a key like any other) and no tags but `!!str`.

Values are built here from events, so that each limit holds before the memory it guards is spent. This module knows
nothing of manifests or tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.files import read_regular
from pytest_mockforge.documents.wording import quoted
from pytest_mockforge.documents.yaml_events import MAX_DEPTH, Event, Mark, error_at, events, mark_at, too_deep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mockforge.errors import DocumentError

JsonScalar: TypeAlias = bool | int | float | str | None
JsonValue: TypeAlias = "JsonScalar | list[JsonValue] | dict[str, JsonValue]"

MAX_BYTES = 1024 * 1024
#: The parser handles some 20,000 to 30,000 values a second; a larger document is refused rather than waited for.
MAX_NODES = 20_000
MAX_LINES = 50_000
MAX_ALIASED_NODES = 10_000
MAX_DIGITS = 400

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_INTEGERS = (
    (re.compile(r"[-+]?[0-9]+"), 10),
    (re.compile(r"0o[0-7]+"), 8),
    (re.compile(r"0x[0-9a-fA-F]+"), 16),
)
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    mark: Mark
    node: _Node


@dataclass(frozen=True, kw_only=True, slots=True)
class _Node:
    """A value with its places. Aliases share nodes; `count`, `characters` and `height` tell what a copy costs."""

    mark: Mark
    content: JsonScalar | list[_Node] | dict[str, _Entry]
    text: str | None = None
    count: int = 1
    characters: int = 0
    height: int = 1

    def plain(self) -> JsonValue:
        if isinstance(self.content, list):
            return [item.plain() for item in self.content]
        if isinstance(self.content, dict):
            return {key: entry.node.plain() for key, entry in self.content.items()}
        return self.content

    def child(self, segment: str) -> tuple[Mark, _Node] | None:
        if isinstance(self.content, dict) and (entry := self.content.get(segment)):
            return entry.mark, entry.node
        if isinstance(self.content, list) and segment.isdecimal() and len(segment) < 9:
            item = self.content[int(segment)] if int(segment) < len(self.content) else None
            return (item.mark, item) if item else None
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document that was read: its value, and where each part of it stands."""

    path: Path
    value: JsonValue
    root: _Node = field(repr=False, compare=False)

    def mark(self, pointer: str) -> Mark:
        """Find where a JSON pointer stands: at its key in a mapping, at the item in a list.

        A pointer to something absent gives the nearest thing around it.
        """
        mark, node = self.root.mark, self.root
        for segment in pointers.segments(pointer):
            if (found := node.child(segment)) is None:
                break
            mark, node = found
        return mark

    def error(
        self,
        pointer: str,
        what: str,
        *,
        cause: str = "",
        expected: str | None = None,
        got: str | None = None,
        hint: str,
    ) -> DocumentError:
        """Make the error that names file, line and column of a JSON pointer."""
        return error_at(self.path, self.mark(pointer), what, cause=cause, expected=expected, got=got, hint=hint)


def load(path: Path, *, max_bytes: int = MAX_BYTES) -> Document:
    """Read the one YAML document of a regular file.

    Raises DocumentError, `FILE:LINE:COLUMN: what`, for whatever keeps it from being read: no regular file, too
    large, not UTF-8, broken syntax, a duplicate key, a tag, aliases that expand without end, depth over 64 …
    """
    text = _decoded(path, read_regular(path, max_bytes=max_bytes))
    if max(text.count("\n"), text.count("\r")) > MAX_LINES:
        mark, what = Mark(line=MAX_LINES, column=1), f"more than {MAX_LINES} lines"
        raise error_at(path, mark, what, cause="too-many-lines", hint="split the file")
    root = _Composer(path, events(path, text), max_characters=max_bytes).document()
    return Document(path=path, value=root.plain(), root=root)


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind a byte order mark that it skipped; its own object does too.
        before = error.object[: error.start].decode("utf-8", "replace")
        what = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        mark = mark_at(before, len(before))
        raise error_at(path, mark, what, cause="not-utf-8", hint="save the file as UTF-8") from None


class _Composer:
    """Builds nodes from events; refuses what would be too many, too deep, ambiguous or endless."""

    def __init__(self, path: Path, stream: Iterator[Event], *, max_characters: int) -> None:
        self._path = path
        self._stream = stream
        self._max_characters = max_characters
        self._anchors: dict[str, _Node | None] = {}
        self._nodes = 0
        self._aliased_nodes = 0
        self._aliased_characters = 0

    def document(self) -> _Node:
        event = next(self._stream)
        if event.kind == "document":
            event = next(self._stream)
        if event.kind == "end" or (event.plain and not event.text):
            raise self._error(event, "empty", "the file is empty", "write the document, or remove the file")
        root = self._node(event, depth=1)
        for following in self._stream:
            if following.kind == "document":
                hint = "keep one document a file: remove the line '---' and what follows"
                raise self._error(following, "several-documents", "a second document begins here", hint)
        return root

    def _error(self, event: Event, cause: str, what: str, hint: str) -> DocumentError:
        return error_at(self._path, event.mark, what, cause=cause, hint=hint)

    def _node(self, event: Event, *, depth: int) -> _Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            what = f"more than {MAX_NODES} values in one document"
            raise self._error(event, "too-many-values", what, "split or shorten the file")
        if depth > MAX_DEPTH:
            raise too_deep(self._path, event.mark)
        if event.kind == "alias":
            return self._alias(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        match event.kind:
            case "sequence":
                node = self._sequence(event, depth)
            case "mapping":
                node = self._mapping(event, depth)
            case _:
                content = self._resolved(event) if event.plain else event.text
                node = _Node(mark=event.mark, content=content, text=event.text, characters=len(event.text))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Event, depth: int) -> _Node:
        name = event.anchor or ""
        if name not in self._anchors:
            hint = "define it with '&' further up, or quote a value that begins with '*'"
            raise self._error(event, "unknown-alias", f"no anchor {quoted(name)} stands before this alias", hint)
        node = self._anchors[name]
        if node is None:
            what = f"the alias {quoted(name)} contains itself"
            raise self._error(event, "alias-in-itself", what, "write the value out")
        self._aliased_nodes += node.count
        self._aliased_characters += node.characters
        if self._aliased_nodes > MAX_ALIASED_NODES or self._aliased_characters > self._max_characters:
            what = f"aliases expand to more than {MAX_ALIASED_NODES} values or {self._max_characters} characters"
            raise self._error(
                event, "aliases-explode", what, "write the values out: aliases of aliases grow without end"
            )
        if depth + node.height - 1 > MAX_DEPTH:
            raise too_deep(self._path, event.mark)
        return node

    def _resolved(self, event: Event) -> JsonScalar:
        text = event.text
        if text in _WORDS:
            return _WORDS[text]
        if infinite := _INFINITE.fullmatch(text):
            return float(f"{infinite[1]}inf")
        base = next((base for form, base in _INTEGERS if form.fullmatch(text)), None)
        if base is None and not _FLOAT.fullmatch(text):
            return text
        if len(text) > MAX_DIGITS:
            what = f"a number of more than {MAX_DIGITS} digits"
            raise self._error(event, "number-too-long", what, "quote it to make it text")
        if base is None:
            return float(text)
        return int(text, base) if base == 10 else int(text[2:], base)

    def _sequence(self, start: Event, depth: int) -> _Node:
        items: list[_Node] = []
        while (event := next(self._stream)).kind != "end":
            items.append(self._node(event, depth=depth + 1))
        return _grown(start.mark, items, items)

    def _mapping(self, start: Event, depth: int) -> _Node:
        entries: dict[str, _Entry] = {}
        parts: list[_Node] = []
        while (event := next(self._stream)).kind != "end":
            key = self._node(event, depth=depth + 1)
            if key.text is None:
                what = "a list or mapping stands as a key"
                raise self._error(event, "key-is-no-text", what, "quote the key to make it text")
            if key.text in entries:
                first = entries[key.text].mark.line
                what = f"the key {quoted(key.text)} stands twice in one mapping (first on line {first})"
                raise self._error(event, "duplicate-key", what, "remove or rename one of the two")
            value = self._node(next(self._stream), depth=depth + 1)
            entries[key.text] = _Entry(mark=event.mark, node=value)
            parts += (key, value)
        return _grown(start.mark, entries, parts)


def _grown(mark: Mark, content: list[_Node] | dict[str, _Entry], parts: list[_Node]) -> _Node:
    return _Node(
        mark=mark,
        content=content,
        count=1 + sum(part.count for part in parts),
        characters=sum(part.characters for part in parts),
        height=1 + max((part.height for part in parts), default=0),
    )
