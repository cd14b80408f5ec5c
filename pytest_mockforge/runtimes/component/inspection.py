"""What a component holds, read from its bytes by our own reader and never by running it.

`describe_component` reads the names at the component's own border and what its core modules were built with, those of
components within it too; types are left to the engine. Must not know wasmtime, pytest or MockForge's JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.runtimes.wasm.binary import PREAMBLE_SIZE, MalformedError, Reader
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.language import LanguageEvidence, detect_language
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo
from pytest_mockforge.runtimes.wasm.preamble import COMPONENT, MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

ComponentKind = Literal["module", "function", "value", "type", "component", "instance"]

PREAMBLE = MAGIC + COMPONENT
_KINDS: tuple[ComponentKind, ...] = ("module", "function", "value", "type", "component", "instance")
_CUSTOM, _MODULE, _COMPONENT, _IMPORT, _EXPORT = 0, 1, 4, 10, 11
_DEEPEST = 32
_MOST_SECTIONS = 1_000_000
#: A module costs more than its bytes to look at, so of a file made of nothing else only the beginning is.
_MOST_MODULES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class ComponentItem:
    """One import or export at the component's border; its name comes as in the file, so whoever prints it quotes it."""

    name: str
    kind: ComponentKind


@dataclass(frozen=True, kw_only=True, slots=True)
class ComponentInfo:
    """A component, as its file describes it.

    `modules` counts the core modules, those of nested components too. `problems` holds what could not be read although
    the component may well be valid; imports and exports behind such a place are missing.
    """

    size: int
    language: LanguageEvidence
    imports: tuple[ComponentItem, ...] = ()
    exports: tuple[ComponentItem, ...] = ()
    modules: int = 0
    problems: tuple[str, ...] = ()

    @property
    def functions(self) -> frozenset[str]:
        """The names of the functions exported at the root."""
        return frozenset(item.name for item in self.exports if item.kind == "function")


def is_component(data: bytes | memoryview) -> bool:
    """Tell from its first eight bytes whether a file says that it is a component."""
    return bytes(data[:PREAMBLE_SIZE]) == PREAMBLE


def describe_component(data: bytes | memoryview) -> ComponentInfo:
    """Read a component without running it, in time linear in its length.

    Raises `LoadFailure` with step `read` for what is no component, and for one whose sections do not hold together.
    """
    view = memoryview(data).cast("B")
    if not is_component(view):
        raise LoadFailure(
            "the file is no component",
            step="read",
            detail="no-component",
            expected=PREAMBLE.hex(" "),
            got=bytes(view[:PREAMBLE_SIZE]).hex(" "),
            hint="name a component, as componentize-py, cargo component or jco write one",
        )
    outline = _Outline()
    try:
        outline.read(view, 0)
    except MalformedError as error:
        raise LoadFailure(
            f"the component is malformed at byte {error.offset:,}: {error.reason}",
            step="read",
            detail=error.detail,
            hint="copy or build the file again: it was cut off or damaged",
        ) from None
    return ComponentInfo(
        size=len(view),
        imports=tuple(outline.imports),
        exports=tuple(outline.exports),
        modules=outline.modules,
        language=outline.language(),
        problems=tuple(outline.problems),
    )


class _UnknownForm(ValueError):
    """A form of entry that this reader does not know; it may belong to a newer proposal."""


class _Outline:
    def __init__(self) -> None:
        self.imports: list[ComponentItem] = []
        self.exports: list[ComponentItem] = []
        self.problems: list[str] = []
        self.modules = 0
        self.sections = 0
        self.producers: memoryview | None = None
        self.judged: list[tuple[int, LanguageEvidence]] = []

    def read(self, view: memoryview, depth: int) -> None:
        for kind, body in self.bodies(view):
            if kind == _MODULE:
                self.read_module(body)
            elif kind == _COMPONENT:
                self.read_nested(body, depth + 1)
            elif depth == 0:
                self.read_border(kind, Reader(body, 0, len(body)))

    def bodies(self, view: memoryview) -> Iterator[tuple[int, memoryview]]:
        reader = Reader(view, PREAMBLE_SIZE, len(view))
        while reader.left:
            header = reader.position
            self.sections += 1
            if self.sections > _MOST_SECTIONS:
                raise MalformedError(header, f"it holds more than {_MOST_SECTIONS:,} sections")
            kind, size = reader.byte(), reader.u32()
            start = reader.position
            if size > reader.left:
                raise MalformedError(header, f"section {kind} claims {size:,} bytes where {reader.left:,} are left")
            reader.skip(size)
            yield kind, view[start : reader.position]

    def read_module(self, body: memoryview) -> None:
        self.modules += 1
        if self.modules > _MOST_MODULES:
            return
        try:
            self.judged.append((len(body), detect_language(inspect_module(body), bytes(body))))
        except LoadFailure as failure:
            self.problems.append(f"core module {self.modules}: {failure.message.splitlines()[0]}")

    def read_nested(self, body: memoryview, depth: int) -> None:
        if depth > _DEEPEST:
            self.problems.append(f"components are nested deeper than {_DEEPEST}")
        elif is_component(body):
            self.read(body, depth)
        else:
            self.problems.append("what stands for a nested component is none")

    def read_border(self, kind: int, reader: Reader) -> None:
        try:
            if kind == _IMPORT:
                self.imports.extend(_import(reader) for _ in range(reader.count(entry_size=4)))
            elif kind == _EXPORT:
                self.exports.extend(_export(reader) for _ in range(reader.count(entry_size=4)))
            elif kind == _CUSTOM and reader.name() == "producers":
                self.producers = reader.view[reader.position : reader.end]
        except (_UnknownForm, MalformedError) as error:
            self.problems.append(f"section {kind}: {error}")

    def language(self) -> LanguageEvidence:
        """Judge by the component's own producers, then by the modules: Python's before all, then the largest.

        A component made from Python holds an interpreter in C and a runtime in Rust beside it.
        """
        info = ModuleInfo(size=0, producers_section=self.producers)
        own = detect_language(info, b"")
        if own.language != "unknown":
            return own
        known = [(size, found) for size, found in self.judged if found.language != "unknown"]
        if not known:
            return own
        return max(known, key=lambda module: (module[1].language == "python", module[0]))[1]


def _name(reader: Reader) -> str:
    form = reader.byte()
    if form > 1:
        raise _UnknownForm(f"the form {form} of a name is not known here")
    return reader.name()


def _import(reader: Reader) -> ComponentItem:
    name = _name(reader)
    return ComponentItem(name=name, kind=_description(reader))


def _export(reader: Reader) -> ComponentItem:
    name = _name(reader)
    sort = reader.byte()
    if sort >= len(_KINDS):
        raise _UnknownForm(f"the sort {sort} of an export is not known here")
    if sort == 0:
        reader.byte()
    reader.u32()
    if reader.byte():
        _description(reader)
    return ComponentItem(name=name, kind=_KINDS[sort])


def _description(reader: Reader) -> ComponentKind:
    """Step over what an import or export is declared to be; give its kind."""
    code = reader.byte()
    if code >= len(_KINDS):
        raise _UnknownForm(f"the kind {code} of an import is not known here")
    kind = _KINDS[code]
    if kind == "module":
        reader.byte()
        reader.u32()
    elif kind == "value":
        reader.byte()
        reader.signed(33)
    elif kind == "type":
        # A resource has no index behind it, a type that equals another has.
        if reader.byte() == 0:
            reader.u32()
    else:
        reader.u32()
    return kind
