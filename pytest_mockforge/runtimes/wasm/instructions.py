"""Where code speaks of functions by number: a walk over instructions that knows each one's length and nothing else.

All that stands between two mentions of a function is stepped over by one regular expression, as a loop over a module's
instructions in Python takes seconds. Must not know wasmtime or pytest, nor why the places are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_mockforge.runtimes.wasm.binary import Reader, UnfamiliarError
from pytest_mockforge.runtimes.wasm.externs import read_value_type

_NUMBER = rb"[\x80-\xff]*+[\x00-\x7f]"
# 0x62 and 0x65 stand before an exact or shared heap type: left to nobody.
_HEAP = rb"(?![\x62\x65])" + _NUMBER
_VALUE_TYPE = rb"(?:[\x63\x64]" + _HEAP + rb"|[\x66-\x7f])"
_BLOCK = rb"(?:[\x63\x64]" + _HEAP + rb"|(?![\x62-\x65])" + _NUMBER + rb")"
# Of a memory argument's flags, bit 6 says that a memory is named.
_ACCESS = rb"(?:[\x00-\x3f]" + _NUMBER + rb"|[\x40-\x7f]" + _NUMBER + _NUMBER + rb")"

_FORMS: tuple[tuple[bytes, bytes], ...] = (
    (rb"[\x0c\x0d\x20-\x26\x41\x42]", _NUMBER),
    (rb"[\x00\x01\x05\x0a\x0b\x0f\x19-\x1b\x45-\xc4\xd1\xd3\xd4]", b""),
    (rb"[\x28-\x3e]", _ACCESS),
    (rb"[\x02-\x04\x06]", _BLOCK),
    (rb"[\x07-\x09\x14\x15\x18\x3f\x40\xd5\xd6]", _NUMBER),
    (rb"[\x11\x13]", _NUMBER + _NUMBER),
    (rb"\x43", rb".{4}"),
    (rb"\x44", rb".{8}"),
    (rb"\x1c\x01", _VALUE_TYPE),
    (rb"\xd0", _HEAP),
    # Conversions and wide arithmetic; data, elements, tables; copies and initialisation.
    (rb"\xfc[\x00-\x07\x13-\x16]", b""),
    (rb"\xfc[\x09\x0b\x0d\x0f-\x12]", _NUMBER),
    (rb"\xfc[\x08\x0a\x0c\x0e]", _NUMBER + _NUMBER),
    # Vectors: loads and stores, constants and shuffles, lanes, and all that takes its operands from the stack.
    (rb"\xfd[\x00-\x0b\x5c\x5d]", _ACCESS),
    (rb"\xfd[\x0c\x0d]", rb".{16}"),
    (rb"\xfd[\x15-\x22]", rb"."),
    (rb"\xfd[\x54-\x5b]", _ACCESS + rb"."),
    (rb"\xfd(?:[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff]\x01|[\x80-\x93]\x02)", b""),
    # Threads.
    (rb"\xfe\x03", rb"."),
    (rb"\xfe[\x00-\x02\x10-\x4e]", _ACCESS),
    # Structs, arrays and casts.
    (rb"\xfb[\x0f\x1a-\x1e]", b""),
    (rb"\xfb[\x00\x01\x06\x07\x0b-\x0e\x10]", _NUMBER),
    (rb"\xfb[\x02-\x05\x08-\x0a\x11-\x13]", _NUMBER + _NUMBER),
    (rb"\xfb[\x14-\x17]", _HEAP),
    (rb"\xfb[\x18\x19].", _NUMBER + _HEAP + _HEAP),
)
"""Opcodes that name no function, the most frequent first, and what follows them."""
_OTHERS = re.compile(b"(?:" + b"|".join(opcodes + follows for opcodes, follows in _FORMS) + b")*+", re.DOTALL)

_CALL, _RETURN_CALL, _REF_FUNC = 0x10, 0x12, 0xD2
_BR_TABLE, _TRY_TABLE = 0x0E, 0x1F


def function_places(code: bytes | memoryview, start: int, end: int) -> Iterator[int]:
    """Yield where the number of a function stands in the instructions from `start` to `end`.

    Raises UnfamiliarError at an instruction that is not known here, or is cut off.
    """
    position = start
    while True:
        match = _OTHERS.match(code, position, end)
        position = match.end() if match else position
        if position >= end:
            return
        opcode = code[position]
        reader = Reader(memoryview(code), position + 1, end)
        if opcode in (_CALL, _RETURN_CALL, _REF_FUNC):
            yield position + 1
            reader.u32()
        elif opcode == _BR_TABLE:
            for _ in range(reader.count() + 1):
                reader.u32()
        elif opcode == _TRY_TABLE:
            _skip_catches(reader)
        else:
            shown = " ".join(f"{byte:02x}" for byte in code[position : min(position + 3, end)])
            raise UnfamiliarError(position, f"the instruction {shown} is not known here")
        position = reader.position


def skip_locals(reader: Reader) -> None:
    """Step over the local variables at the head of a function's body."""
    for _ in range(reader.count(entry_size=2)):
        reader.u32()
        read_value_type(reader)


def _skip_catches(reader: Reader) -> None:
    first = reader.view[reader.position] if reader.left else 0
    if first == 0x40:
        reader.skip(1)
    elif 0x41 <= first <= 0x7F:
        read_value_type(reader)
    else:
        reader.signed(33)
    for _ in range(reader.count(entry_size=2)):
        kind = reader.byte()
        if kind > 3:
            raise UnfamiliarError(reader.position - 1, f"a catch of kind {kind} is not known here")
        if kind < 2:
            reader.u32()
        reader.u32()
