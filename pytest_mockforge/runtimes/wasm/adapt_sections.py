"""A module as its sections, of which a few are edited and all others written back byte for byte.

Numbers keep the width they had, padded if need be, so that what follows moves as little as it can. Knows the binary
format alone: not why a section is edited, nor wasmtime, pytest or MockForge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_mockforge.runtimes.wasm.binary import (
    MAX_ENTRIES,
    PREAMBLE_SIZE,
    MalformedError,
    Reader,
    Section,
    sections,
)

CUSTOM, TYPE, FUNCTION, GLOBAL, EXPORT, CODE = 0, 1, 3, 6, 7, 10
#: The order in which sections have to stand: by meaning, not by id (tags before globals, data count before code).
_RANK = {section_id: rank for rank, section_id in enumerate((1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11))}
_FUNCTION_NAMES = 1


def unsigned(value: int, width: int = 1) -> bytes:
    """Write an unsigned LEB128 in at least `width` bytes."""
    out = bytearray()
    while value > 0x7F or len(out) + 1 < width:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    """Write a signed LEB128."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def text(name: str) -> bytes:
    """Write a name: its length in bytes, and the bytes."""
    raw = name.encode()
    return unsigned(len(raw)) + raw


@dataclass(kw_only=True, slots=True)
class _Piece:
    """One section: where its body lies, or the body that takes its place."""

    id: int
    name: str = ""
    section: Section | None = None
    body: bytes | None = None


class Layout:
    """The sections of one module in file order."""

    def __init__(self, view: memoryview) -> None:
        """Take a module whose preamble was checked. Raises MalformedError."""
        self.view = view
        self._pieces: list[_Piece] = []
        for section in sections(view):
            name = Reader(view, section.start, section.end).name() if section.id == CUSTOM else ""
            self._pieces.append(_Piece(id=section.id, name=name, section=section))

    def body(self, section_id: int, name: str = "") -> memoryview:
        """Give a section's body, of a custom one what follows its name; empty when there is none."""
        piece = self._find(section_id, name)
        if piece is None:
            return memoryview(b"")
        body = self._body(piece)
        return body[_name_end(body) :] if section_id == CUSTOM else body

    def replace(self, section_id: int, body: bytes, name: str = "") -> None:
        """Put another body in place of a section's, or put the section where it has to stand."""
        piece = self._find(section_id, name)
        if piece is None:
            piece = _Piece(id=section_id, name=name)
            self._pieces.insert(self._place(section_id), piece)
        piece.body = text(name) + body if section_id == CUSTOM else body

    def has_custom(self, name: str) -> bool:
        return self._find(CUSTOM, name) is not None

    def drop_custom(self, name: str) -> None:
        """Leave out every custom section of that name."""
        self._pieces = [piece for piece in self._pieces if piece.id != CUSTOM or piece.name != name]

    def code_offset(self) -> int:
        """Count the bytes of the file up to the first function's body."""
        offset = PREAMBLE_SIZE
        for piece in self._pieces:
            body = self._body(piece)
            if piece.id == CODE:
                return offset + len(self._header(piece)) + count_width(body)
            offset += len(self._header(piece)) + len(body)
        return offset

    def render(self) -> bytes:
        """Write the module."""
        parts: list[bytes | memoryview] = [self.view[:PREAMBLE_SIZE]]
        for piece in self._pieces:
            parts += [self._header(piece), self._body(piece)]
        return b"".join(parts)

    def _header(self, piece: _Piece) -> bytes:
        section = piece.section
        if piece.body is None and section is not None:
            return bytes(self.view[section.header : section.start])
        width = 1 if section is None else section.start - section.header - 1
        return bytes((piece.id,)) + unsigned(len(piece.body or b""), width)

    def _body(self, piece: _Piece) -> memoryview:
        if piece.body is not None:
            return memoryview(piece.body)
        assert piece.section is not None
        return self.view[piece.section.start : piece.section.end]

    def _find(self, section_id: int, name: str) -> _Piece | None:
        return next((piece for piece in self._pieces if piece.id == section_id and piece.name == name), None)

    def _place(self, section_id: int) -> int:
        place = 0
        for index, piece in enumerate(self._pieces):
            if _RANK.get(piece.id, len(_RANK)) < _RANK[section_id]:
                place = index + 1
        return place


def _name_end(body: memoryview) -> int:
    cursor = reader(body)
    cursor.name()
    return cursor.position


def reader(body: memoryview) -> Reader:
    """Open a section's body; positions count from its first byte."""
    return Reader(body, 0, len(body))


def count_width(body: memoryview) -> int:
    """Count the bytes that a section's number of entries takes; 0 when there is no body."""
    if not body:
        return 0
    cursor = reader(body)
    cursor.u32()
    return cursor.position


def count_of(body: memoryview) -> int:
    """Give a section's number of entries; 0 when there is no body."""
    return reader(body).u32() if body else 0


def appended(body: memoryview, entries: Sequence[bytes]) -> bytes:
    """Add entries behind the others of a body that begins with their number. Raises MalformedError at too many."""
    count, width = count_of(body) + len(entries), count_width(body)
    if count > MAX_ENTRIES:
        raise MalformedError(0, f"has no room for {len(entries)} more entries")
    return b"".join((unsigned(count, width), body[width:], *entries))


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportEntry:
    """One export: what it leads to, and where its number lies in the section's body."""

    name: str
    kind: int
    index: int
    start: int
    end: int


def read_exports(body: memoryview) -> Iterator[ExportEntry]:
    """Yield the exports in file order."""
    cursor = reader(body)
    for _ in range(cursor.count(entry_size=3) if body else 0):
        name, kind, start = cursor.name(), cursor.byte(), cursor.position
        index = cursor.u32()
        yield ExportEntry(name=name, kind=kind, index=index, start=start, end=cursor.position)


def repointed(body: memoryview, targets: Mapping[str, int], added: Mapping[str, int]) -> bytes:
    """Let the functions exported under the names in `targets` be others, and export those in `added` behind them."""
    parts: list[bytes | memoryview] = []
    done = 0
    for entry in read_exports(body):
        if entry.name in targets:
            parts += [body[done : entry.start], unsigned(targets[entry.name])]
            done = entry.end
    changed = b"".join((*parts, body[done:]))
    return appended(memoryview(changed), [text(name) + b"\0" + unsigned(index) for name, index in added.items()])


def with_function_names(content: memoryview, names: Mapping[int, str]) -> bytes | None:
    """Add names to a name section, for functions behind all that it names; None when it cannot be read to its end."""
    entries = [unsigned(index) + text(name) for index, name in names.items()]
    parts: list[bytes | memoryview] = []
    named = False
    try:
        cursor = reader(content)
        while cursor.left:
            start, kind = cursor.position, cursor.byte()
            size = cursor.u32()
            first = cursor.position
            cursor.skip(size)
            if not named and kind >= _FUNCTION_NAMES:
                named = True
                old = content[first : cursor.position] if kind == _FUNCTION_NAMES else memoryview(b"")
                _check_names(old, min(names))
                inner = appended(old, entries)
                parts.append(bytes((_FUNCTION_NAMES,)) + unsigned(len(inner), first - start - 1) + inner)
                if kind == _FUNCTION_NAMES:
                    continue
            parts.append(content[start : cursor.position])
    except MalformedError:
        return None
    if not named:
        inner = appended(memoryview(b""), entries)
        parts.append(bytes((_FUNCTION_NAMES,)) + unsigned(len(inner)) + inner)
    return b"".join(parts)


def _check_names(body: memoryview, first: int) -> None:
    cursor = reader(body)
    for _ in range(cursor.count(entry_size=2) if body else 0):
        if cursor.u32() >= first:
            raise MalformedError(cursor.position, "names functions that do not exist")
        cursor.name()
    cursor.finish()


def with_multivalue(content: memoryview) -> bytes | None:
    """Say in a target_features section that two results are used; None when it says so or cannot be read."""
    parts: list[bytes | memoryview] = []
    try:
        cursor = reader(content)
        count = cursor.count(entry_size=2)
        head = cursor.position
        for _ in range(count):
            start, prefix = cursor.position, cursor.byte()
            if cursor.name() != "multivalue":
                parts.append(content[start : cursor.position])
            elif prefix == ord("+"):
                return None
        cursor.finish()
    except MalformedError:
        return None
    parts.append(b"+" + text("multivalue"))
    return b"".join((unsigned(len(parts), head), *parts))
