"""The types of a WebAssembly module: as values, and how they are decoded from a section's bytes.

Knows every proposal's encodings that an engine of today accepts, and raises `UnfamiliarError` at others, so that the
caller can go on without them. Must not know wasmtime or pytest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mockforge.runtimes.wasm.binary import MalformedError, Reader, UnfamiliarError

PAGE_SIZE = 65_536

ExternKind = Literal["function", "table", "memory", "global", "tag"]
EXTERN_KINDS: tuple[ExternKind, ...] = ("function", "table", "memory", "global", "tag")


@dataclass(frozen=True, kw_only=True, slots=True)
class FuncType:
    """A function's signature; value types as WebAssembly text writes them, such as `i32` or `(ref null 3)`."""

    params: tuple[str, ...] = ()
    results: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"({', '.join(self.params)}) -> ({', '.join(self.results)})"


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryType:
    """A linear memory: its limits in pages of `page_size` bytes."""

    minimum: int
    maximum: int | None = None
    shared: bool = False
    is64: bool = False
    page_size: int = PAGE_SIZE

    @property
    def minimum_bytes(self) -> int:
        return self.minimum * self.page_size

    def __str__(self) -> str:
        limits = f"{self.minimum}.." + ("" if self.maximum is None else str(self.maximum))
        marks = (" shared" if self.shared else "") + (" 64-bit" if self.is64 else "")
        size = "" if self.page_size == PAGE_SIZE else f" of {self.page_size} bytes"
        return f"{limits} pages{size}{marks}"


@dataclass(frozen=True, kw_only=True, slots=True)
class TableType:
    """A table: what its elements are and how many it holds."""

    element: str
    minimum: int
    maximum: int | None = None
    is64: bool = False

    def __str__(self) -> str:
        return f"{self.minimum}..{'' if self.maximum is None else self.maximum} {self.element}"


@dataclass(frozen=True, kw_only=True, slots=True)
class GlobalType:
    """A global variable's type."""

    value: str
    mutable: bool

    def __str__(self) -> str:
        return f"mut {self.value}" if self.mutable else self.value


ExternType = FuncType | MemoryType | TableType | GlobalType


_NUMERIC = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
_HEAP = {
    0x70: "func", 0x6F: "extern", 0x6E: "any", 0x6D: "eq", 0x6C: "i31", 0x6B: "struct", 0x6A: "array",
    0x71: "none", 0x72: "noextern", 0x73: "nofunc", 0x69: "exn", 0x74: "noexn", 0x68: "cont", 0x75: "nocont",
}  # fmt: skip
_SHORT = {"none": "nullref", "noextern": "nullexternref", "nofunc": "nullfuncref", "noexn": "nullexnref"}
_VALUE = _NUMERIC | {code: _SHORT.get(name, f"{name}ref") for code, name in _HEAP.items()}
_PACKED = (0x77, 0x78)
_SHARED_HEAP = 0x65
_EXACT_HEAP = 0x62


def read_value_type(reader: Reader) -> str:
    start = reader.position
    code = reader.byte()
    known = _VALUE.get(code)
    if known is not None:
        return known
    if code in (0x63, 0x64):
        return f"(ref {'null ' if code == 0x63 else ''}{_heap_type(reader)})"
    if code == _SHARED_HEAP:
        return f"(ref null (shared {_HEAP.get(reader.byte(), '?')}))"
    raise UnfamiliarError(start, f"value type 0x{code:02x} is not known here")


def _heap_type(reader: Reader) -> str:
    start = reader.position
    if reader.left and reader.view[start] in (_SHARED_HEAP, _EXACT_HEAP):
        word = "shared" if reader.byte() == _SHARED_HEAP else "exact"
        return f"({word} {_heap_type_once(reader)})"
    return _heap_type_once(reader)


def _heap_type_once(reader: Reader) -> str:
    start = reader.position
    number = reader.signed(33)
    if number >= 0:
        return str(number)
    name = _HEAP.get(number & 0x7F) if number >= -0x40 else None
    if name is None:
        raise UnfamiliarError(start, f"heap type {number} is not known here")
    return name


def read_types(reader: Reader, into: list[FuncType | None]) -> None:
    """Append the section's types in index order; None stands for a type that is no function's."""
    for _ in range(reader.count(entry_size=2)):
        if reader.left and reader.view[reader.position] == 0x4E:
            reader.skip(1)
            into.extend(_sub_type(reader) for _ in range(reader.count(entry_size=2)))
        else:
            into.append(_sub_type(reader))


def _sub_type(reader: Reader) -> FuncType | None:
    code = reader.byte()
    if code in (0x4F, 0x50):
        for _ in range(reader.count()):
            reader.u32()
        code = reader.byte()
    # The shared and custom-descriptor proposals put words before the type itself.
    while code in (0x4C, 0x4D, _SHARED_HEAP):
        if code != _SHARED_HEAP:
            reader.u32()
        code = reader.byte()
    return _composite_type(reader, code)


def _composite_type(reader: Reader, code: int) -> FuncType | None:
    if code == 0x60:
        return FuncType(params=_value_types(reader), results=_value_types(reader))
    if code == 0x5F:
        for _ in range(reader.count(entry_size=2)):
            _field_type(reader)
    elif code == 0x5E:
        _field_type(reader)
    elif code == 0x5D:
        reader.signed(33)
    else:
        raise UnfamiliarError(reader.position - 1, f"type form 0x{code:02x} is not known here")
    return None


def _value_types(reader: Reader) -> tuple[str, ...]:
    return tuple([read_value_type(reader) for _ in range(reader.count())])


def _field_type(reader: Reader) -> None:
    if reader.left and reader.view[reader.position] in _PACKED:
        reader.skip(1)
    else:
        read_value_type(reader)
    reader.byte()


def read_memory_type(reader: Reader) -> MemoryType:
    start = reader.position
    flags = reader.byte()
    if flags > 0x0F:
        raise UnfamiliarError(start, f"memory limits 0x{flags:02x} are not known here")
    number = reader.u64 if flags & 4 else reader.u32
    minimum = number()
    maximum = number() if flags & 1 else None
    page_size = PAGE_SIZE
    if flags & 8:
        exponent = reader.u32()
        if exponent > 16:
            raise MalformedError(start, f"claims pages of 2^{exponent} bytes", "page-size")
        page_size = 1 << exponent
    return MemoryType(
        minimum=minimum, maximum=maximum, shared=bool(flags & 2), is64=bool(flags & 4), page_size=page_size
    )


def read_table_type(reader: Reader) -> TableType:
    element = read_value_type(reader)
    start = reader.position
    flags = reader.byte()
    if flags > 0x07:
        raise UnfamiliarError(start, f"table limits 0x{flags:02x} are not known here")
    number = reader.u64 if flags & 4 else reader.u32
    minimum = number()
    return TableType(element=element, minimum=minimum, maximum=number() if flags & 1 else None, is64=bool(flags & 4))


def read_global_type(reader: Reader) -> GlobalType:
    value = read_value_type(reader)
    return GlobalType(value=value, mutable=bool(reader.byte() & 1))


_PLAIN_OPERATORS = frozenset((0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E))
#: Of the 0xFB operators that a constant may hold: how many numbers follow.
_GC_OPERANDS = {0: 1, 1: 1, 6: 1, 7: 1, 8: 2, 26: 0, 27: 0, 28: 0}


def skip_constant(reader: Reader) -> None:
    """Step over a constant expression, the initialiser of a global, table or data segment."""
    while True:
        start = reader.position
        code = reader.byte()
        if code == 0x0B:
            return
        if code in (0x23, 0xD2):
            reader.u32()
        elif code in (0x41, 0x42):
            reader.signed(32 if code == 0x41 else 64)
        elif code in (0x43, 0x44):
            reader.skip(4 if code == 0x43 else 8)
        elif code == 0xD0:
            _heap_type(reader)
        elif code in (0xFB, 0xFD):
            _skip_prefixed(reader, code)
        elif code not in _PLAIN_OPERATORS:
            raise UnfamiliarError(start, f"operator 0x{code:02x} in a constant is not known here")


def _skip_prefixed(reader: Reader, prefix: int) -> None:
    start = reader.position - 1
    code = reader.u32()
    if prefix == 0xFD and code == 12:
        reader.skip(16)
    elif prefix == 0xFB and code in _GC_OPERANDS:
        for _ in range(_GC_OPERANDS[code]):
            reader.u32()
    else:
        raise UnfamiliarError(start, f"operator 0x{prefix:02x} {code} in a constant is not known here")
