"""Reads the WebAssembly binary format's grain: numbers, names and where each section lies.

Decodes in place over a memoryview and copies nothing but names. Every count is checked against the bytes
that are left before anything is allocated, so a hostile file costs no more than its own length. Must not
know wasmtime, pytest, MockForge's JSON, or how a failure is worded to a user: that is `inspection.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

PREAMBLE_SIZE = 8
#: More entries than any engine accepts in one section, and more sections than any toolchain writes.
MAX_ENTRIES = 1_000_000
MAX_SECTIONS = 100_000


SECTION_NAMES = {
    0: "custom", 1: "type", 2: "import", 3: "function", 4: "table", 5: "memory", 6: "global", 7: "export",
    8: "start", 9: "element", 10: "code", 11: "data", 12: "data count", 13: "tag",
}  # fmt: skip


Damage = Literal[
    "truncated",
    "entry-cut",
    "length-too-large",
    "count-too-large",
    "number-too-long",
    "number-too-large",
    "name-not-utf-8",
    "bytes-left-over",
    "section-twice",
    "too-many-sections",
    "page-size",
    "malformed",
]
"""Stable words for what breaks the format; the page of MF117 tells what each means."""


class MalformedError(ValueError):
    """The bytes break the binary format; `offset` counts from the first byte of the file."""

    def __init__(self, offset: int, reason: str, detail: Damage = "malformed") -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason
        self.detail: Damage = detail


class UnfamiliarError(MalformedError):
    """An encoding this reader does not know. It may belong to a newer proposal, so it proves nothing wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Where one section lies: `header` is the byte of its id, `start` and `end` bound its body."""

    id: int
    header: int
    start: int
    end: int


class Reader:
    """A cursor over part of a file. Positions are offsets in the whole file, so errors can name them."""

    __slots__ = ("end", "position", "view")

    def __init__(self, view: memoryview, start: int, end: int) -> None:
        self.view = view
        self.position = start
        self.end = end

    @property
    def left(self) -> int:
        return self.end - self.position

    def byte(self) -> int:
        if self.position >= self.end:
            raise MalformedError(self.position, "ends inside an entry", "entry-cut")
        value = self.view[self.position]
        self.position += 1
        return value

    def skip(self, size: int) -> None:
        if size > self.left:
            raise MalformedError(
                self.position, f"claims {size:,} bytes where {self.left:,} are left", "length-too-large"
            )
        self.position += size

    def u32(self) -> int:
        # Most numbers are one byte, and a module holds thousands of them.
        if self.position < self.end and (value := self.view[self.position]) < 0x80:
            self.position += 1
            return value
        return self._unsigned(32)

    def u64(self) -> int:
        return self._unsigned(64)

    def _unsigned(self, bits: int) -> int:
        start = self.position
        value = self.byte()
        if value < 0x80:
            return value
        value &= 0x7F
        shift = 7
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= bits:
                raise MalformedError(start, f"holds a number longer than {bits} bits", "number-too-long")
        if value >> bits:
            raise MalformedError(start, f"holds a number larger than {bits} bits", "number-too-large")
        return value

    def signed(self, bits: int) -> int:
        start = self.position
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= bits:
                raise MalformedError(start, f"holds a number longer than {bits} bits", "number-too-long")
        if byte & 0x40:
            value -= 1 << shift
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise MalformedError(start, f"holds a number larger than {bits} bits", "number-too-large")
        return value

    def count(self, *, entry_size: int = 1) -> int:
        """Read a number of entries, of which each takes at least `entry_size` bytes."""
        start = self.position
        count = self.u32()
        if count * entry_size > self.left:
            raise MalformedError(start, f"claims {count:,} entries in {self.left:,} bytes", "count-too-large")
        if count > MAX_ENTRIES:
            raise MalformedError(
                start, f"claims {count:,} entries, more than the {MAX_ENTRIES:,} that engines accept", "count-too-large"
            )
        return count

    def name(self) -> str:
        size = self.u32()
        start = self.position
        self.skip(size)
        try:
            return str(self.view[start : self.position], "utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError(start + error.start, "holds a name that is not UTF-8", "name-not-utf-8") from None

    def finish(self) -> None:
        if self.left:
            raise MalformedError(self.position, f"has {self.left:,} bytes left after its last entry", "bytes-left-over")


def section_title(section_id: int) -> str:
    name = SECTION_NAMES.get(section_id)
    return f"the {name} section (id {section_id})" if name else f"section {section_id}"


def sections(view: memoryview) -> Iterator[Section]:
    """Yield the sections that follow the preamble, in file order, without looking into them."""
    reader = Reader(view, PREAMBLE_SIZE, len(view))
    number = 0
    while reader.left:
        header = reader.position
        number += 1
        if number > MAX_SECTIONS:
            raise MalformedError(header, f"the file holds more than {MAX_SECTIONS:,} sections", "too-many-sections")
        section_id = reader.byte()
        try:
            size = reader.u32()
        except MalformedError as error:
            reason = f"the size of {section_title(section_id)} cannot be read"
            raise MalformedError(error.offset, reason, "truncated" if reader.left == 0 else error.detail) from None
        if size > reader.left:
            title = section_title(section_id)
            raise MalformedError(header, f"{title} claims {size:,} bytes where {reader.left:,} are left", "truncated")
        start = reader.position
        reader.skip(size)
        yield Section(id=section_id, header=header, start=start, end=reader.position)
