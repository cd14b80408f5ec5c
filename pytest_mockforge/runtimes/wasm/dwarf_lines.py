"""Reads the line tables of DWARF 2 to 5: which source line an instruction came from.

Takes untrusted bytes: it stops at what it cannot read and gives what came before; each turn of a loop uses up a byte,
so it ends. Knows neither modules nor traps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from pytest_mockforge.runtimes.wasm.binary import MalformedError, Reader

MOST_BYTES = 2**20
"""Of line tables that are read; reading that many takes a second or two, once."""
_TOMBSTONES = (0, 0xFFFF_FFFF, 0xFFFF_FFFE)
"""Addresses that linkers give to functions which they dropped."""
_PATH, _DIRECTORY = 1, 2
_LONGEST_NAME: Final = 4096
_MOST_TEXT: Final = 16 * 2**20
"""Characters of names that are copied out of the tables of text, into which any number of entries may point."""
_WIDEST_ADDRESS: Final = 8


class Row(NamedTuple):
    """From `address` on, counted from the code section's content, instructions belong to this place."""

    address: int
    file: str
    """Empty where nothing is known."""
    line: int
    column: int


class _Texts:
    """`.debug_str` and `.debug_line_str` by the forms that point into them."""

    def __init__(self, strings: bytes, line_strings: bytes) -> None:
        self._tables = {0x0E: strings, 0x1F: line_strings}
        self._left = _MOST_TEXT

    def __contains__(self, form: int) -> bool:
        return form in self._tables

    def at(self, form: int, start: int) -> str:
        table = self._tables[form]
        end = table.find(b"\0", start, start + _LONGEST_NAME)
        text = table[start : end if end >= 0 else start + _LONGEST_NAME].decode("utf-8", "replace")
        self._left -= len(text)
        if self._left < 0:
            raise MalformedError(start, f"names more than {_MOST_TEXT:,} characters of files")
        return text


@dataclass(frozen=True, kw_only=True, slots=True)
class _Header:
    least_length: int
    base: int
    span: int
    lengths: tuple[int, ...]
    """Of the operands of standard opcodes, the first of which is 1."""
    files: tuple[str, ...]
    program: int
    """Where the program begins."""


def read_lines(lines: bytes, strings: bytes = b"", line_strings: bytes = b"") -> list[Row]:
    """Read `.debug_line`, with the text of `.debug_str` and `.debug_line_str`; rows come sorted by address."""
    rows: list[Row] = []
    if len(lines) > MOST_BYTES:
        return rows
    view, texts = memoryview(lines), _Texts(strings, line_strings)
    position = 0
    try:
        while position + 4 < len(lines):
            size = int.from_bytes(view[position : position + 4], "little")
            wide = size == 0xFFFF_FFFF
            start = position + (12 if wide else 4)
            if wide:
                size = int.from_bytes(view[position + 4 : start], "little")
            end = min(start + size, len(lines))
            header = _read_header(Reader(view, start, end), wide, texts)
            if header is not None:
                _run(lines, header, end, rows)
            position = start + size
    except (MalformedError, IndexError, ValueError):
        pass
    # Where one sequence ends and another begins, the beginning comes last and so counts.
    rows.sort(key=lambda row: (row.address, row.file != ""))
    return rows


def _fixed(reader: Reader, size: int) -> int:
    start = reader.position
    reader.skip(size)
    return int.from_bytes(reader.view[start : reader.position], "little")


def _text(reader: Reader) -> str:
    start = reader.position
    while reader.byte():
        pass
    return str(reader.view[start : reader.position - 1], "utf-8", "replace")


def _read_header(reader: Reader, wide: bool, texts: _Texts) -> _Header | None:
    word = 8 if wide else 4
    version = _fixed(reader, 2)
    if not 2 <= version <= 5:
        return None
    if version == 5:
        reader.skip(2)
    length = _fixed(reader, word)
    program = reader.position + length
    least_length = reader.byte()
    if version >= 4:
        reader.byte()
    reader.byte()
    base = int.from_bytes(bytes([reader.byte()]), "little", signed=True)
    span, count = reader.byte(), reader.byte()
    if span == 0 or count == 0:
        return None
    lengths = tuple(reader.byte() for _ in range(count - 1))
    files = _files_5(reader, word, texts) if version == 5 else _files(reader)
    return _Header(
        least_length=least_length,
        base=base,
        span=span,
        lengths=lengths,
        files=files,
        program=program,
    )


def _files(reader: Reader) -> tuple[str, ...]:
    """Read the lists of versions 2 to 4; files count from 1."""
    while _text(reader):
        pass
    names = [""]
    while name := _text(reader):
        for _ in range(3):
            reader.u64()
        names.append(name)
    return tuple(names)


def _files_5(reader: Reader, word: int, texts: _Texts) -> tuple[str, ...]:
    """Read the lists of version 5; files count from 0."""
    names: list[str] = []
    for _ in range(2):
        forms = [(reader.u64(), reader.u64()) for _ in range(reader.byte())]
        names = []
        for _ in range(reader.count(entry_size=max(len(forms), 1))):
            name = ""
            for content, form in forms:
                value = _value(reader, form, word, texts)
                if content == _PATH and isinstance(value, str):
                    name = value
            names.append(name)
    return tuple(names)


def _value(reader: Reader, form: int, word: int, texts: _Texts) -> str | int:
    if form == 0x08:
        return _text(reader)
    if form in texts:
        return texts.at(form, _fixed(reader, word))
    if form == 0x0F:
        return reader.u64()
    sizes = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}
    if form in sizes:
        return _fixed(reader, sizes[form])
    raise MalformedError(reader.position, "holds an entry of a form that line tables do not use")


def _run(data: bytes, header: _Header, end: int, rows: list[Row]) -> None:
    """Run the line program of one unit; a sequence that begins where no code is counts for nothing."""
    reader = Reader(memoryview(data), header.program, end)
    base, span, first_special = header.base, header.span, len(header.lengths) + 1
    advance = (255 - first_special) // span * header.least_length
    address, file, line, column = 0, 1, 1, 0
    sequence: list[Row] = []
    files = dict(enumerate(header.files))
    while reader.left:
        opcode = reader.byte()
        if opcode >= first_special:
            steps, more = divmod(opcode - first_special, span)
            address += steps * header.least_length
            line += base + more
            sequence.append(Row(address, files.get(file, ""), line, column))
        elif opcode == 0:
            after = reader.u64() + reader.position
            kind = reader.byte()
            if kind == 1:
                sequence.append(Row(address, "", 0, 0))
                if sequence[0].address not in _TOMBSTONES:
                    rows += sequence
                sequence = []
                address, file, line, column = 0, 1, 1, 0
            elif kind == 2:
                # Each row holds one: of the length that a file may claim they would fill any memory.
                if after - reader.position > _WIDEST_ADDRESS:
                    raise MalformedError(reader.position, "holds an address of more than 64 bits")
                address = _fixed(reader, after - reader.position)
            reader.skip(after - reader.position)
        elif opcode == 1:
            sequence.append(Row(address, files.get(file, ""), line, column))
        elif opcode == 2:
            address += reader.u64() * header.least_length
        elif opcode == 3:
            line += reader.signed(64)
        elif opcode == 4:
            file = reader.u64()
        elif opcode == 5:
            column = reader.u64()
        elif opcode == 8:
            address += advance
        elif opcode == 9:
            address += _fixed(reader, 2)
        else:
            for _ in range(header.lengths[opcode - 1]):
                reader.u64()
