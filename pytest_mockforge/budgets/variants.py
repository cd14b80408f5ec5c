"""One module in several layouts: dead functions in front of its own move all its code, and change nothing else.

Where code lies decides on its speed by a quarter and more, so a comparison of time runs over layouts. The new functions
come first, so every number of a function of the module's own grows: in code, exports, elements, initial values, the
start function and names. What cannot be read to its last instruction is not touched. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.runtimes.wasm.adapt_sections import (
    CODE,
    CUSTOM,
    EXPORT,
    FUNCTION,
    GLOBAL,
    TYPE,
    Layout,
    appended,
    count_of,
    count_width,
    read_exports,
    reader,
    signed,
    unsigned,
)
from pytest_mockforge.runtimes.wasm.binary import MalformedError, Reader, UnfamiliarError
from pytest_mockforge.runtimes.wasm.externs import (
    FuncType,
    read_global_type,
    read_table_type,
    read_types,
    read_value_type,
    skip_constant,
)
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.instructions import function_places, skip_locals

_TABLE, _START, _ELEMENT = 4, 8, 9
_FUNCTION_EXPORT = 0
_DEAD_TYPE = bytes.fromhex("60 01 7f 01 7f")
_STALE = (".debug_", "reloc.", "linking", "external_debug_info", "sourceMappingURL")
"""Custom sections that count bytes of the code: no engine needs them, and they are left out."""
_HINTS = "metadata.code."
_NAMES, _LOCAL_NAMES, _LABEL_NAMES = 1, 2, 3
_STEPS = (7, 45, 18, 70, 29)
"""How long each dead function is, in turn: lengths that move the code by another part of a cache line each time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variants:
    """The same module in several layouts, the module itself first."""

    modules: tuple[bytes, ...]
    reason: str = ""
    """Why there is one layout only; empty when there are as many as were asked for."""


def layout_variants(data: bytes, count: int) -> Variants:
    """Give a module with 0, 1, 2 … dead functions in front; of one that cannot be rewritten, itself and the reason."""
    try:
        rewriting = Rewriting(data)
        return Variants(modules=(data, *(rewriting.moved(number) for number in range(1, count))))
    except LoadFailure as failure:
        return Variants(modules=(data,), reason=failure.message)
    except MalformedError as error:
        kind = "holds what is not known here" if isinstance(error, UnfamiliarError) else "is malformed"
        return Variants(modules=(data,), reason=f"the module {kind}: {error.reason}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Places:
    """A stretch of bytes, and where functions are named in it."""

    content: bytes
    places: tuple[int, ...]


class Rewriting:
    """A module whose numbers of functions were all found, ready to be written with functions in front of its own."""

    def __init__(self, data: bytes) -> None:
        """Find them. Raises LoadFailure for what is no core module, MalformedError for what cannot be read whole."""
        info = inspect_module(data)
        if info.read_problems:
            raise UnfamiliarError(0, info.read_problems[0])
        for section in info.custom_sections:
            if section.name.startswith(_HINTS):
                raise UnfamiliarError(0, f"a section {section.name[:60]!r}, whose hints count bytes of the code")
        self._data = data
        self._imported = sum(one.kind == "function" for one in info.imports)
        layout = Layout(memoryview(data))
        self._customs = {section.name for section in info.custom_sections}
        self._bodies = tuple(_bodies(bytes(layout.body(CODE))))
        if len(self._bodies) != count_of(layout.body(FUNCTION)):
            raise MalformedError(0, "functions and their bodies differ in number")
        finders: dict[int, Callable[[Reader], Iterator[int]]] = {
            _TABLE: _in_tables,
            GLOBAL: _in_globals,
            _START: _in_start,
            _ELEMENT: _in_elements,
        }
        self._sections: dict[int, _Places] = {}
        for section_id, find in finders.items():
            content = bytes(layout.body(section_id))
            if content:
                places = tuple(find(reader(memoryview(content))))
                self._sections[section_id] = _Places(content=content, places=places)
        content = bytes(layout.body(EXPORT))
        exported = tuple(e.start for e in read_exports(memoryview(content)) if e.kind == _FUNCTION_EXPORT)
        self._sections[EXPORT] = _Places(content=content, places=exported)

    def moved(self, count: int) -> bytes:
        """Write the module with `count` dead functions in front of its own."""
        layout = Layout(memoryview(self._data))
        types: list[FuncType | None] = []
        read_types(reader(layout.body(TYPE)), types)
        layout.replace(TYPE, appended(layout.body(TYPE), [_DEAD_TYPE]))
        layout.replace(FUNCTION, _prefixed(layout.body(FUNCTION), [unsigned(len(types))] * count))
        for section_id, section in self._sections.items():
            if section.places:
                layout.replace(section_id, self._shifted(section, count))
        bodies = [self._shifted(body, count) for body in self._bodies]
        dead = [_dead_function(number) for number in range(count)]
        everything = [unsigned(len(body)) + body for body in (*dead, *bodies)]
        layout.replace(CODE, unsigned(len(everything), count_width(layout.body(CODE))) + b"".join(everything))
        for name in self._customs:
            if name.startswith(_STALE):
                layout.drop_custom(name)
        if "name" in self._customs:
            renamed = self._renamed(layout.body(CUSTOM, "name"), count)
            layout.drop_custom("name") if renamed is None else layout.replace(CUSTOM, renamed, "name")
        return layout.render()

    def _shifted(self, section: _Places, by: int) -> bytes:
        content, parts, done = section.content, [], 0
        view = memoryview(content)
        for place in section.places:
            cursor = Reader(view, place, len(content))
            index = cursor.u32()
            if index >= self._imported:
                parts += [content[done:place], unsigned(index + by, cursor.position - place)]
                done = cursor.position
        return b"".join((*parts, content[done:]))

    def _renamed(self, body: memoryview, by: int) -> bytes | None:
        """Shift the name section; None when it cannot be read, which no engine minds."""
        content = bytes(body)
        parts: list[bytes] = []
        try:
            cursor = reader(memoryview(content))
            while cursor.left:
                kind, size = cursor.byte(), cursor.u32()
                start = cursor.position
                cursor.skip(size)
                part = content[start : cursor.position]
                if kind in (_NAMES, _LOCAL_NAMES, _LABEL_NAMES):
                    places = tuple(_in_names(reader(memoryview(part)), nested=kind != _NAMES))
                    part = self._shifted(_Places(content=part, places=places), by)
                parts.append(bytes((kind,)) + unsigned(len(part)) + part)
        except MalformedError:
            return None
        return b"".join(parts)


def _bodies(content: bytes) -> Iterator[_Places]:
    """Yield every function's body, without its length."""
    cursor = reader(memoryview(content))
    for _ in range(cursor.count(entry_size=2) if content else 0):
        size = cursor.u32()
        start = cursor.position
        cursor.skip(size)
        inner = Reader(memoryview(content), start, cursor.position)
        skip_locals(inner)
        places = function_places(content, inner.position, cursor.position)
        yield _Places(content=content[start : cursor.position], places=tuple(place - start for place in places))
    if content:
        cursor.finish()


def _in_constant(cursor: Reader) -> Iterator[int]:
    start = cursor.position
    skip_constant(cursor)
    yield from function_places(cursor.view, start, cursor.position)


def _in_tables(cursor: Reader) -> Iterator[int]:
    for _ in range(cursor.count(entry_size=3)):
        initialised = cursor.left > 1 and cursor.view[cursor.position] == 0x40
        if initialised:
            cursor.skip(2)
        read_table_type(cursor)
        if initialised:
            yield from _in_constant(cursor)


def _in_globals(cursor: Reader) -> Iterator[int]:
    for _ in range(cursor.count(entry_size=3)):
        read_global_type(cursor)
        yield from _in_constant(cursor)


def _in_start(cursor: Reader) -> Iterator[int]:
    yield cursor.position


def _in_elements(cursor: Reader) -> Iterator[int]:
    for _ in range(cursor.count(entry_size=2)):
        start, flags = cursor.position, cursor.u32()
        if flags > 7:
            raise UnfamiliarError(start, f"element segment form {flags} is not known here")
        if not flags & 1:
            if flags & 2:
                cursor.u32()
            yield from _in_constant(cursor)
        if flags & 3:
            read_value_type(cursor) if flags & 4 else cursor.byte()
        for _ in range(cursor.count()):
            if flags & 4:
                yield from _in_constant(cursor)
            else:
                yield cursor.position
                cursor.u32()
    cursor.finish()


def _in_names(cursor: Reader, *, nested: bool) -> Iterator[int]:
    for _ in range(cursor.count(entry_size=2)):
        yield cursor.position
        cursor.u32()
        if not nested:
            cursor.name()
            continue
        for _ in range(cursor.count(entry_size=2)):
            cursor.u32()
            cursor.name()
    cursor.finish()


def _prefixed(body: memoryview, entries: Sequence[bytes]) -> bytes:
    """Put entries before the others of a body that begins with their number."""
    width = count_width(body)
    return b"".join((unsigned(count_of(body) + len(entries), width), *entries, body[width:]))


def _dead_function(number: int) -> bytes:
    """A function that nobody calls: arithmetic that no compiler can fold, of another length than its neighbours'."""
    parts = [b"\x00", b"\x20\x00"]  # no locals; local.get 0
    for step in range(_STEPS[number % len(_STEPS)]):
        # i32.const, i32.mul, i32.const, i32.xor, i32.const, i32.rotl
        parts.append(
            b"\x41" + signed(40_503 + 2 * step) + b"\x6c\x41" + signed(7_919 * (step + 1)) + b"\x73\x41\x07\x77"
        )
    return b"".join((*parts, b"\x0b"))
