"""What a core WebAssembly module holds, read from its bytes by our own reader and never by running it.

`inspect_module` reads section headers, types, imports, exports and the small lists; code and data bodies are
stepped over. Must not know wasmtime, pytest or MockForge's JSON. What it cannot read as a module raises
`LoadFailure`; what it merely does not know (a newer proposal) or what no engine looks at (names) is a `problem`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.runtimes.wasm.binary import (
    SECTION_NAMES,
    MalformedError,
    Reader,
    Section,
    UnfamiliarError,
    section_title,
    sections,
)
from pytest_mockforge.runtimes.wasm.externs import (
    EXTERN_KINDS,
    ExternKind,
    ExternType,
    FuncType,
    GlobalType,
    MemoryType,
    TableType,
    read_global_type,
    read_memory_type,
    read_table_type,
    read_types,
    skip_constant,
)
from pytest_mockforge.runtimes.wasm.module_info import CustomSection, Export, Import, ModuleInfo
from pytest_mockforge.runtimes.wasm.preamble import check_preamble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "CustomSection",
    "Export",
    "FuncType",
    "GlobalType",
    "Import",
    "MemoryType",
    "ModuleInfo",
    "TableType",
    "collect_names",
    "inspect_module",
]

_Item = TypeVar("_Item")

#: What import entries add to the kind byte for a function whose type must match exactly.
_EXACT_FUNCTION = 0x20


def inspect_module(data: bytes | memoryview) -> ModuleInfo:
    """Read a core module without running it; takes time linear in its length and copies neither code nor data.

    Raises `LoadFailure` with step `read` for what is no core module and for one whose sections do not hold together.
    """
    view = memoryview(data).cast("B")
    check_preamble(view)
    outline = _Outline(view)
    try:
        for section in sections(view):
            outline.read(section)
    except MalformedError as error:
        raise LoadFailure(
            f"the module is malformed at byte {error.offset:,}: {error.reason}",
            step="read",
            detail=error.detail,
            hint="copy or build the file again: it was cut off or damaged",
        ) from None
    return outline.finish()


def collect_names(data: bytes | memoryview) -> tuple[list[str], list[str]]:
    """Return the names of exports and of custom sections up to the first byte that cannot be read. Never raises."""
    view = memoryview(data).cast("B")
    outline = _Outline(view)
    try:
        check_preamble(view)
        for section in sections(view):
            if section.id in (0, 7) and not outline.problems:
                outline.read(section)
    except (MalformedError, LoadFailure):
        pass
    return [name for name, _, _ in outline.exports], [section.name for section in outline.custom]


class _Outline:
    """Gathers what the sections say, one method a section; only `finish` looks across them."""

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.seen: set[int] = set()
        self.problems: list[str] = []
        self.types: list[FuncType | None] = []
        self.imports: list[Import] = []
        self.imports_known = True
        self.function_types: Sequence[int] = ()
        self.tables: list[TableType] = []
        self.memories: list[MemoryType] = []
        self.globals: list[GlobalType] = []
        self.global_count = 0
        self.exports: list[tuple[str, int, int]] = []
        self.start: int | None = None
        self.custom: list[CustomSection] = []
        self.bodies: dict[str, memoryview] = {}
        self.data_contents: list[memoryview] = []
        self.code_size = self.data_segments = self.data_size = 0
        self.methods: dict[int, Callable[[Reader], None]] = {
            1: lambda reader: read_types(reader, self.types),
            2: self.read_imports,
            3: self.read_functions,
            4: self.read_tables,
            5: self.read_memories,
            6: self.read_globals,
            7: self.read_exports,
            8: self.read_start,
            11: self.read_data,
        }

    def read(self, section: Section) -> None:
        reader = Reader(self.view, section.start, section.end)
        title = section_title(section.id)
        if section.id and section.id in self.seen:
            raise MalformedError(section.header, f"{title} stands twice", "section-twice")
        self.seen.add(section.id)
        try:
            self.read_body(section, reader)
        except UnfamiliarError as error:
            self.problems.append(f"{title}, byte {error.offset:,}: {error.reason}")
            self.imports_known = self.imports_known and section.id != 2
        except MalformedError as error:
            raise MalformedError(error.offset, f"{title} {error.reason}", error.detail) from None

    def read_body(self, section: Section, reader: Reader) -> None:
        if section.id == 0:
            self.read_custom(reader)
        elif section.id == 10:
            self.code_size = reader.left
            reader.count()
        elif section.id in self.methods:
            self.methods[section.id](reader)
            reader.finish()
        elif section.id not in SECTION_NAMES:
            raise UnfamiliarError(section.header, "no such section is known here")

    def read_custom(self, reader: Reader) -> None:
        name = reader.name()
        self.custom.append(CustomSection(name=name, size=reader.left))
        if name in ("name", "producers"):
            self.bodies.setdefault(name, reader.view[reader.position : reader.end])

    def read_imports(self, reader: Reader) -> None:
        for _ in range(reader.count(entry_size=4)):
            module, name = reader.name(), reader.name()
            start = reader.position
            code = reader.byte()
            kind = EXTERN_KINDS[0] if code == _EXACT_FUNCTION else _extern_kind(code, start)
            self.imports.append(Import(module=module, name=name, kind=kind, type=self.read_import_type(kind, reader)))

    def read_import_type(self, kind: ExternKind, reader: Reader) -> ExternType | None:
        if kind == "function":
            return _at(self.types, reader.u32())
        if kind == "table":
            return read_table_type(reader)
        if kind == "memory":
            return read_memory_type(reader)
        if kind == "global":
            return read_global_type(reader)
        reader.byte()
        reader.u32()
        return None

    def read_functions(self, reader: Reader) -> None:
        count = reader.count()
        self.function_types = [reader.u32() for _ in range(count)]

    def read_tables(self, reader: Reader) -> None:
        for _ in range(reader.count(entry_size=3)):
            # 0x40 0x00 announces a table that brings the value its elements start with.
            initialised = reader.left > 1 and reader.view[reader.position] == 0x40
            if initialised:
                reader.skip(2)
            self.tables.append(read_table_type(reader))
            if initialised:
                skip_constant(reader)

    def read_memories(self, reader: Reader) -> None:
        self.memories.extend(read_memory_type(reader) for _ in range(reader.count(entry_size=2)))

    def read_globals(self, reader: Reader) -> None:
        self.global_count = reader.count(entry_size=3)
        for _ in range(self.global_count):
            self.globals.append(read_global_type(reader))
            skip_constant(reader)

    def read_exports(self, reader: Reader) -> None:
        add = self.exports.append
        for _ in range(reader.count(entry_size=3)):
            name, start, code = reader.name(), reader.position, reader.byte()
            _extern_kind(code, start)
            add((name, code, reader.u32()))

    def read_start(self, reader: Reader) -> None:
        self.start = reader.u32()

    def read_data(self, reader: Reader) -> None:
        self.data_segments = reader.count(entry_size=2)
        for _ in range(self.data_segments):
            start = reader.position
            flags = reader.u32()
            if flags > 2:
                raise UnfamiliarError(start, f"data segment form {flags} is not known here")
            if flags == 2:
                reader.u32()
            if flags != 1:
                skip_constant(reader)
            size = reader.u32()
            self.data_contents.append(reader.view[reader.position : reader.position + size])
            reader.skip(size)
            self.data_size += size

    def finish(self) -> ModuleInfo:
        return ModuleInfo(
            size=len(self.view),
            types=tuple(self.types),
            imports=tuple(self.imports),
            exports=tuple(self.resolve_exports()),
            functions=len(self.function_types),
            memories=tuple(self.memories),
            tables=tuple(self.tables),
            globals=self.global_count,
            start=self.start,
            custom_sections=tuple(self.custom),
            data_segments=self.data_segments,
            data_size=self.data_size,
            data_contents=tuple(self.data_contents),
            code_size=self.code_size,
            read_problems=tuple(self.problems),
            name_section=self.bodies.get("name"),
            producers_section=self.bodies.get("producers"),
        )

    def resolve_exports(self) -> list[Export]:
        spaces: dict[str, list[ExternType | None]] = {kind: [] for kind in EXTERN_KINDS}
        # With an import missing every later index would be off, and a wrong signature is worse than none.
        if self.imports_known:
            for imported in self.imports:
                spaces[imported.kind].append(imported.type)
            spaces["function"] += [_at(self.types, index) for index in self.function_types]
            spaces["table"] += self.tables
            spaces["memory"] += self.memories
            spaces["global"] += self.globals
        exports = []
        for name, code, index in self.exports:
            kind = EXTERN_KINDS[code]
            exports.append(Export(name=name, kind=kind, type=_at(spaces[kind], index)))
        return exports


def _at(items: Sequence[_Item], index: int) -> _Item | None:
    return items[index] if index < len(items) else None


def _extern_kind(code: int, offset: int) -> ExternKind:
    if code >= len(EXTERN_KINDS):
        raise UnfamiliarError(offset, f"extern kind 0x{code:02x} is not known here")
    return EXTERN_KINDS[code]
