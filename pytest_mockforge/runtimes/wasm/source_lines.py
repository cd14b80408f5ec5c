"""Where in its source an instruction of a module came from: from DWARF in the module, or from a source map beside it.

Read when the first trap asks, and kept. A map is taken only from the module's own folder, or from the module itself.
Whatever cannot be read is as if it were not there. Of a module that `adapt` gave, the lines are those of the module
before: it puts its functions last and moves all others by as many bytes. Knows nothing of traps.
"""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from functools import cached_property
from pathlib import Path, PurePosixPath

from pytest_mockforge.runtimes.wasm.binary import MalformedError, Reader, sections
from pytest_mockforge.runtimes.wasm.dwarf_lines import Row, read_lines

_CODE = 10
_LARGEST_MAP = 16 * 2**20
_MOST_MAPPINGS = 4 * 2**20
"""Characters of a map's mappings that are read; reading that many takes a second or two, once."""
_WANTED = (".debug_line", ".debug_str", ".debug_line_str", "sourceMappingURL")
_LONGEST_PLACE = 200
_DIGITS = {char: value for value, char in enumerate(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)}  # fmt: skip


class SourceLines:
    """The places of one module; `before` is the module that `adapt` made it from, if any."""

    def __init__(self, data: bytes, folder: Path | None, before: bytes | None = None) -> None:
        self._data = data if before is None else before
        self._adapted = None if before is None else data
        self._folder = folder

    def locate(self, offset: int) -> str:
        """Give `file:line:column` for an instruction by its offset in the module; '' where that is not known.

        What a compiler made of nothing in the source, such as the trap of an assertion, goes by what stands before it
        in the same function.
        """
        offsets, places = self._table
        bodies = self._bodies
        offset -= self._shift
        if self._adapted is not None and bodies and offset >= bodies[-1]:
            # A wrapper, which no source has.
            return ""
        begin = bodies[bisect_right(bodies, offset) - 1] if bodies else 0
        index = bisect_right(offsets, offset) - 1
        while index >= 0:
            place = places[index]
            if place.file:
                return f"{place.file[-_LONGEST_PLACE:]}:{place.line}:{place.column}"
            index -= 1
            if index < 0 or offsets[index] < begin:
                break
        return ""

    @cached_property
    def _shift(self) -> int:
        """By how many bytes `adapt` moved the functions."""
        after = _bodies(self._adapted) if self._adapted is not None else []
        return after[0] - self._bodies[0] if after and self._bodies else 0

    @cached_property
    def _bodies(self) -> list[int]:
        return _bodies(self._data)

    @cached_property
    def _table(self) -> tuple[list[int], list[Row]]:
        code, found = self._sections()
        rows = read_lines(
            found.get(".debug_line", b""), found.get(".debug_str", b""), found.get(".debug_line_str", b"")
        )
        if rows:
            return [code + row.address for row in rows], rows
        entries = self._mapped(found["sourceMappingURL"]) if "sourceMappingURL" in found else []
        return [entry.address for entry in entries], entries

    def _sections(self) -> tuple[int, dict[str, bytes]]:
        """Find where the code section's content begins, and the custom sections that matter."""
        code, found = 0, {}
        view = memoryview(self._data)
        try:
            for section in sections(view):
                if section.id == _CODE:
                    code = section.start
                elif section.id == 0:
                    reader = Reader(view, section.start, section.end)
                    name = reader.name()
                    if name in _WANTED:
                        found[name] = bytes(view[reader.position : section.end])
        except MalformedError:
            pass
        return code, found

    def _mapped(self, section: bytes) -> list[Row]:
        try:
            url = Reader(memoryview(section), 0, len(section)).name()
            text = self._map_text(url)
            return [] if text is None else _read_map(text)
        # A RuntimeError is what pathlib raises for a link that leads to itself, before Python 3.13.
        except (OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError):
            return []

    def _map_text(self, url: str) -> bytes | None:
        if url.startswith("data:"):
            if len(url) > 2 * _LARGEST_MAP:
                return None
            try:
                return base64.b64decode(url.partition(",")[2], validate=True)
            except binascii.Error:
                return None
        name = PurePosixPath(url.removeprefix("./"))
        if self._folder is None or name.name != str(name) or "\\" in url or ":" in url:
            return None
        folder = self._folder.resolve()
        path = (folder / name).resolve()
        # A link may lead elsewhere, and what is no file may never end.
        if path.parent != folder or not path.is_file():
            return None
        with path.open("rb") as file:
            text = file.read(_LARGEST_MAP + 1)
        return text if len(text) <= _LARGEST_MAP else None


def _bodies(data: bytes) -> list[int]:
    """Find where each function begins, and where the last one ends; nothing where that cannot be read."""
    view, found = memoryview(data), []
    try:
        for section in sections(view):
            if section.id == _CODE:
                reader = Reader(view, section.start, section.end)
                for _ in range(reader.count()):
                    found.append(reader.position)
                    reader.skip(reader.u32())
                found.append(reader.position)
    except MalformedError:
        pass
    return found


def _read_map(text: bytes) -> list[Row]:
    """Read a source map of version 3, whose single line counts bytes of the module."""
    document = json.loads(text)
    sources, mappings = document["sources"], document["mappings"]
    if not isinstance(sources, list) or not isinstance(mappings, str):
        raise TypeError
    entries: list[Row] = []
    # Whatever is no text would be written out for each entry that points to it.
    names = [source if isinstance(source, str) else "" for source in sources]
    offset = source = line = column = 0
    for segment in mappings[:_MOST_MAPPINGS].split(";")[0].split(","):
        deltas = _deltas(segment)
        if not deltas:
            continue
        offset += deltas[0]
        name = ""
        if len(deltas) >= 4:
            source, line, column = source + deltas[1], line + deltas[2], column + deltas[3]
            if 0 <= source < len(names):
                name = names[source]
        entries.append(Row(offset, name, line + 1, column + 1))
    entries.sort()
    return entries


def _deltas(segment: str) -> list[int]:
    deltas, value, shift = [], 0, 0
    for char in segment:
        digit = _DIGITS[char]
        value |= (digit & 31) << shift
        if digit & 32:
            shift += 5
            if shift > 60:
                raise ValueError("a number of the map is too long")
            continue
        deltas.append(-(value >> 1) if value & 1 else value >> 1)
        value = shift = 0
    return deltas
