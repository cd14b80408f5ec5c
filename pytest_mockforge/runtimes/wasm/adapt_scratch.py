"""Where a wrapper finds eight bytes of the guest's memory for the two results of an out-pointer function.

The shadow stack of compilers built on LLVM when it can be told for certain, otherwise the module's own allocator.
Must not know wasmtime, pytest or how the wrapper is put into the module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_mockforge.runtimes.wasm.adapt_sections import CODE, CUSTOM, GLOBAL, ExportEntry, Layout, reader
from pytest_mockforge.runtimes.wasm.binary import MalformedError
from pytest_mockforge.runtimes.wasm.conventions import FAMILIES
from pytest_mockforge.runtimes.wasm.externs import GlobalType, read_global_type, read_value_type, skip_constant
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo

STACK_POINTER = "__stack_pointer"
_MUTABLE_I32 = GlobalType(value="i32", mutable=True)
_GLOBAL_NAMES = 7
_LEB = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
#: global.get sp; i32.const frame; i32.sub; local.tee x; global.set sp: how LLVM's functions make their frame.
_PROLOGUE = re.compile(
    rb"\x23(?P<sp>" + _LEB + rb")\x41(?P<frame>" + _LEB + rb")\x6b\x22" + _LEB + rb"\x24(?P=sp)", re.DOTALL
)
_LONGEST_PROLOGUE = 32
_FRAME = 16
_GLOBAL_KIND = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ShadowStack:
    """The stack pointer's global. `base` is what it holds whenever the host enters; None when that cannot be known."""

    index: int
    base: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Allocator:
    """Function indices of the module's allocator; `release` is None when nothing can be given back."""

    allocate: int
    release: int | None
    release_takes_size: bool


def find_scratch(layout: Layout, info: ModuleInfo, exports: Sequence[ExportEntry]) -> ShadowStack | Allocator | None:
    """Give the safest place there is. `exports` are the entries that `info` speaks of. Raises MalformedError."""
    return _shadow_stack(layout, info, exports) or _allocator(info, {entry.name: entry.index for entry in exports})


def _allocator(info: ModuleInfo, indices: Mapping[str, int]) -> Allocator | None:
    for family in FAMILIES:
        allocate, release = info.export(family.allocate), info.export(family.release)
        # A collector might take memory that nothing points to while the operation runs.
        if family.extra is not None or allocate is None or allocate.signature != family.allocate_type:
            continue
        releases = release is not None and release.signature == family.release_type
        return Allocator(
            allocate=indices[family.allocate],
            release=indices[family.release] if releases else None,
            release_takes_size=len(family.release_type.params) == 2,
        )
    return None


def _shadow_stack(layout: Layout, info: ModuleInfo, exports: Sequence[ExportEntry]) -> ShadowStack | None:
    exported = {entry.name: entry.index for entry in exports if entry.kind == _GLOBAL_KIND}
    named = exported.get(STACK_POINTER, _named(layout))
    index = _decremented(layout) if named is None else named
    imported = [one.type for one in info.imports if one.kind == "global"]
    defined = list(_globals(layout))
    types = [*imported, *(kind for kind, _ in defined)]
    if index is None or index >= len(types) or types[index] != _MUTABLE_I32:
        return None
    start = defined[index - len(imported)][1] if index >= len(imported) else None
    if start is not None and not _FRAME <= start <= sum(memory.minimum_bytes for memory in info.memories):
        start = None
    if named is None and start is None:
        return None
    # Without imports nobody can enter while a call runs: each entry finds the stack as it was at first, but for what
    # a trap left on it. An exported pointer is somebody else's to set.
    alone = not info.imports and index not in exported.values()
    return ShadowStack(index=index, base=start if alone else None)


def _globals(layout: Layout) -> Iterator[tuple[GlobalType, int | None]]:
    """Yield type and, where it is a plain i32.const, the first value of each global that the module defines."""
    body = layout.body(GLOBAL)
    cursor = reader(body)
    for _ in range(cursor.count(entry_size=3) if body else 0):
        kind, start = read_global_type(cursor), cursor.position
        skip_constant(cursor)
        value = None
        if body[start] == 0x41:
            constant = reader(body[start + 1 : cursor.position - 1])
            number = constant.signed(32)
            value = number & 0xFFFF_FFFF if not constant.left else None
        yield kind, value


def _named(layout: Layout) -> int | None:
    """Find the global that the name section calls the stack pointer."""
    try:
        cursor = reader(layout.body(CUSTOM, "name"))
        while cursor.left:
            kind, size = cursor.byte(), cursor.u32()
            start = cursor.position
            cursor.skip(size)
            if kind == _GLOBAL_NAMES:
                inner = reader(cursor.view[start : cursor.position])
                names = [(inner.u32(), inner.name()) for _ in range(inner.count(entry_size=2))]
                return next((index for index, name in names if name == STACK_POINTER), None)
    except MalformedError:
        return None
    return None


def _decremented(layout: Layout) -> int | None:
    """Find the one global that functions lower as they begin and raise by as much before they end."""
    found: set[int] = set()
    for body in _bodies(layout):
        match = _PROLOGUE.match(body[:_LONGEST_PROLOGUE])
        if match is None:
            continue
        epilogue = b"\x41" + match["frame"] + b"\x6a\x24" + match["sp"]
        if epilogue in bytes(body):
            found.add(reader(memoryview(match["sp"])).u32())
    return found.pop() if len(found) == 1 else None


def _bodies(layout: Layout) -> Iterator[memoryview]:
    """Yield the instructions of each function."""
    code = layout.body(CODE)
    cursor = reader(code)
    for _ in range(cursor.count() if code else 0):
        size = cursor.u32()
        start = cursor.position
        cursor.skip(size)
        inner = reader(code[start : cursor.position])
        for _ in range(inner.count(entry_size=2)):
            inner.u32()
            read_value_type(inner)
        yield inner.view[inner.position :]
