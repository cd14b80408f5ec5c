"""What a core module holds, as frozen values; names and producers are decoded when first asked for.

Must not know how the rest was read, nor wasmtime or pytest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_mockforge.runtimes.wasm.binary import MalformedError, Reader
from pytest_mockforge.runtimes.wasm.externs import ExternKind, ExternType, FuncType, MemoryType, TableType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Import:
    """One import; `type` is None for a tag, and where the type is of a form this reader does not know."""

    module: str
    name: str
    kind: ExternKind
    type: ExternType | None = None

    @property
    def type_text(self) -> str:
        return f"{self.kind} {self.type}" if self.type is not None else self.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """One export; `type` is None for a tag, and where the type is not known or its index leads nowhere."""

    name: str
    kind: ExternKind
    type: ExternType | None = None

    @property
    def signature(self) -> FuncType | None:
        return self.type if isinstance(self.type, FuncType) else None

    @property
    def memory(self) -> MemoryType | None:
        return self.type if isinstance(self.type, MemoryType) else None

    @property
    def type_text(self) -> str:
        return f"{self.kind} {self.type}" if self.type is not None else self.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomSection:
    """A custom section's name and the bytes of its content, its name not counted."""

    name: str
    size: int


@dataclass(frozen=True, kw_only=True)
class ModuleInfo:
    """A core module, as its file describes it.

    `functions`, `memories`, `tables` and `globals` speak of what the module defines itself; what it imports is in
    `imports` alone. `types` holds None for a type that is not a function's. Names come unescaped, as in the file:
    whoever prints one must quote it.
    """

    size: int
    types: tuple[FuncType | None, ...] = ()
    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
    functions: int = 0
    memories: tuple[MemoryType, ...] = ()
    tables: tuple[TableType, ...] = ()
    globals: int = 0
    start: int | None = None
    custom_sections: tuple[CustomSection, ...] = ()
    data_segments: int = 0
    data_size: int = 0
    code_size: int = 0
    read_problems: tuple[str, ...] = ()
    data_contents: tuple[memoryview, ...] = field(default=(), repr=False, compare=False)
    name_section: memoryview | None = field(default=None, repr=False, compare=False)
    producers_section: memoryview | None = field(default=None, repr=False, compare=False)

    def export(self, name: str) -> Export | None:
        """Return the export of that exact name, or None."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, Export]:
        return {export.name: export for export in self.exports}

    @property
    def producers(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """Each field of the producers section (`language`, `processed-by`, `sdk`) with its names and versions."""
        return self._producers[0]

    @property
    def function_names(self) -> Mapping[int, str]:
        """Names by function index from the name section, which nothing obliges a module to carry."""
        return self._names[0]

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read although the module may well be valid."""
        return self.read_problems + self._producers[1] + self._names[1]

    @cached_property
    def _names(self) -> tuple[Mapping[int, str], tuple[str, ...]]:
        names: dict[int, str] = {}
        return names, _tolerate("name", self.name_section, lambda reader: _read_function_names(reader, names))

    @cached_property
    def _producers(self) -> tuple[Mapping[str, tuple[tuple[str, str], ...]], tuple[str, ...]]:
        fields: dict[str, tuple[tuple[str, str], ...]] = {}
        return fields, _tolerate("producers", self.producers_section, lambda reader: _read_producers(reader, fields))


def _tolerate(name: str, body: memoryview | None, read: Callable[[Reader], None]) -> tuple[str, ...]:
    """Let `read` go as far as it comes; tell why it stopped."""
    if body is None:
        return ()
    try:
        read(Reader(body, 0, len(body)))
    except MalformedError as error:
        return (f"the {name} section, byte {error.offset:,} of its content: {error.reason}",)
    return ()


def _read_function_names(reader: Reader, into: dict[int, str]) -> None:
    while reader.left:
        kind, size = reader.byte(), reader.u32()
        end = reader.position + size
        if kind != 1:
            reader.skip(size)
            continue
        if size > reader.left:
            raise MalformedError(reader.position, f"claims {size:,} bytes where {reader.left:,} are left")
        inner = Reader(reader.view, reader.position, end)
        for _ in range(inner.count(entry_size=2)):
            index = inner.u32()
            into[index] = inner.name()
        return


def _read_producers(reader: Reader, into: dict[str, tuple[tuple[str, str], ...]]) -> None:
    for _ in range(reader.count(entry_size=2)):
        field_name = reader.name()
        into[field_name] = tuple([(reader.name(), reader.name()) for _ in range(reader.count(entry_size=2))])
