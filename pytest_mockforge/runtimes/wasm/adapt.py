"""Gives operations that return one packed i64, or through a hidden pointer, the two results that MockForge calls for.

For each such export a wrapper goes behind the last function and the export is repointed to it; the original stays
exported under another name. No function, element, start or data entry changes or moves its index. Bytes to bytes:
must not know wasmtime, pytest or files.

What holds of a wrapper around an out-pointer function, whose results need a place in the guest's memory:

- On the shadow stack it takes 16 bytes, as a caller compiled by LLVM would, and is re-entrant. When the operation
  traps, these and the operation's own frames stay taken, as with any such function; MockForge keeps the instance. In a
  module that imports nothing each call therefore begins on the empty stack again, so that nothing is lost for good.
- Of the allocator it takes eight bytes a call and gives them back if the module exports the means. A trap leaks them,
  as it leaks the request. An allocator that answers 0 is a trap.

A packed result passes through without touching memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AdaptError
from pytest_mockforge.runtimes.wasm.adapt_bodies import Packing, reads_back, splits_packed
from pytest_mockforge.runtimes.wasm.adapt_scratch import Allocator, ShadowStack, find_scratch
from pytest_mockforge.runtimes.wasm.adapt_sections import (
    CODE,
    CUSTOM,
    EXPORT,
    FUNCTION,
    TYPE,
    ExportEntry,
    Layout,
    appended,
    count_of,
    count_width,
    read_exports,
    reader,
    repointed,
    unsigned,
    with_function_names,
    with_multivalue,
)
from pytest_mockforge.runtimes.wasm.binary import MalformedError, UnfamiliarError
from pytest_mockforge.runtimes.wasm.conventions import MULTI_VALUE, PAIR_FORMS
from pytest_mockforge.runtimes.wasm.conventions import PairForm as Form
from pytest_mockforge.runtimes.wasm.externs import FuncType, MemoryType, read_types, read_value_type
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.language import host_detection
from pytest_mockforge.runtimes.wasm.module_info import Export, ModuleInfo

__all__ = ["LARGEST_MODULE", "Adapted", "Form", "Packing", "Wrapped", "adapt", "mendable"]

LARGEST_MODULE = 256 * 1024 * 1024
"""Bytes; a larger module is refused unread."""

_KEPT_AS: Mapping[Form, str] = {"packed-i64": "packed", "out-pointer": "out-pointer"}
_TWO_RESULTS = bytes.fromhex("60 02 7f7f 02 7f7f")
_SOURCE_MAP = "sourceMappingURL"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrapped:
    """One operation that was given a wrapper; `original` is the name under which it is still exported."""

    export: str
    was: Form
    original: str
    scratch: Literal["shadow-stack", "allocator"] | None = None
    """Where an out-pointer wrapper keeps the two results; None for a packed one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapted:
    """The module as MockForge can call it; `dropped` tells in words of custom sections that had to go."""

    data: bytes
    wrapped: tuple[Wrapped, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """One wrapper to be made: which function it calls, and how."""

    export: str
    form: Form
    target: int
    original: str


def mendable(signature: FuncType | None) -> Form | None:
    """Tell which of the two forms a function's type is; None when adapt can do nothing for it."""
    return None if signature is None else PAIR_FORMS.get(signature)


def adapt(data: bytes, *, packing: Packing = "pointer-high") -> Adapted:
    """Wrap every operation that MockForge reports as not found for its type; what needs nothing is given back as is.

    Raises LoadFailure for what is no core module, and AdaptError for one that cannot be mended as a whole.
    """
    if len(data) > LARGEST_MODULE:
        raise AdaptError(
            "the module is too large to be adapted",
            expected=f"at most {LARGEST_MODULE:,} bytes",
            got=f"{len(data):,}",
            hint="MockForge's own loader stops at 10 MiB: build optimised and without debug sections",
        )
    info = inspect_module(data)
    _refuse_relocatable(info)
    try:
        layout = Layout(memoryview(data))
        exports = tuple(read_exports(layout.body(EXPORT)))
        if len(exports) != len(info.exports):
            _check_read(info)
        plans = _plan(info, exports)
        if not plans:
            return Adapted(data=data)
        _check_memory(info)
        _check_read(info)
        return _rewrite(layout, info, exports, plans, packing)
    except MalformedError as error:
        kind = "is of a form that adapt does not know" if isinstance(error, UnfamiliarError) else "is malformed"
        raise AdaptError(
            f"the module {kind}: {error.reason}",
            hint="adapt the module as the compiler wrote it, before any other tool",
        ) from None


def _refuse_relocatable(info: ModuleInfo) -> None:
    for section in info.custom_sections:
        if section.name == "linking" or section.name.startswith("reloc."):
            raise AdaptError(
                f"the module is a relocatable object: it has a section {section.name[:60]!r}",
                hint="link it first, with wasm-ld or the compiler, and adapt what comes out",
            )


def _plan(info: ModuleInfo, exports: Sequence[ExportEntry]) -> list[_Plan]:
    taken = {entry.name for entry in exports}
    plans: list[_Plan] = []
    for operation in Operation:
        named = zip(info.exports, exports, strict=True)
        found = [(export, entry) for export, entry in named if entry.name == operation]
        if len(found) > 1:
            raise AdaptError(f"{operation} is exported {len(found)} times", hint="a valid module exports a name once")
        for export, entry in found:
            form = _form(export)
            if form is None:
                continue
            original = _free_name(f"{operation}.{_KEPT_AS[form]}", taken)
            taken.add(original)
            plans.append(_Plan(export=operation.value, form=form, target=entry.index, original=original))
    return plans


def _form(export: Export) -> Form | None:
    """Give the form of an operation that needs a wrapper, None when it needs none."""
    if export.kind == "function" and export.signature == MULTI_VALUE:
        return None
    form = mendable(export.signature)
    if form is None:
        known = export.kind != "function" or export.signature is not None
        raise AdaptError(
            f"{export.name} is exported with a type that adapt cannot mend",
            expected=" or ".join(f"{export.name}{signature}" for signature in PAIR_FORMS),
            got=f"{export.name}{export.signature}"
            if export.signature is not None
            else f"a {export.kind}" + ("" if known else " of a type that cannot be read"),
            hint="let the function take pointer and length, and return both packed in one i64",
        )
    return form


def _free_name(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}.{number}"
    return name


def _check_memory(info: ModuleInfo) -> None:
    memories = [one.type for one in info.imports if isinstance(one.type, MemoryType)] + list(info.memories)
    if not memories:
        raise AdaptError(
            "the module has no memory, so its pointers lead nowhere", hint="export the memory that replies lie in"
        )
    for word, wrong in (("64-bit", any(m.is64 for m in memories)), ("shared", any(m.shared for m in memories))):
        if wrong:
            raise AdaptError(
                f"the module has a {word} memory, which MockForge's adapter does not take",
                expected="a 32-bit memory that is not shared",
                hint="build for wasm32 without threads",
            )


def _check_read(info: ModuleInfo) -> None:
    if info.read_problems:
        raise AdaptError(
            f"the module holds what adapt does not know: {info.read_problems[0]}",
            hint="build without the proposal that it belongs to; MockForge's wasmtime 36 may well refuse it too",
        )


def _rewrite(
    layout: Layout, info: ModuleInfo, exports: Sequence[ExportEntry], plans: Sequence[_Plan], packing: Packing
) -> Adapted:
    imported = sum(one.kind == "function" for one in info.imports)
    _check_bodies(layout)
    first = imported + count_of(layout.body(FUNCTION))
    if any(plan.target >= first for plan in plans):
        raise MalformedError(0, "an export leads to a function that does not exist")
    scratch = _scratch(layout, info, exports, plans)
    offset, width = layout.code_offset(), count_width(layout.body(CODE))
    indices = {plan.export: first + number for number, plan in enumerate(plans)}
    kind = _two_result_type(layout)
    bodies = [
        splits_packed(plan.target, packing)
        if scratch is None or plan.form == "packed-i64"
        else reads_back(plan.target, scratch)
        for plan in plans
    ]
    layout.replace(FUNCTION, appended(layout.body(FUNCTION), [unsigned(kind)] * len(plans)))
    originals = {plan.original: plan.target for plan in plans}
    layout.replace(EXPORT, repointed(layout.body(EXPORT), indices, originals))
    layout.replace(CODE, appended(layout.body(CODE), [unsigned(len(body)) + body for body in bodies]))
    _rewrite_custom(layout, {index: f"{name}.adapted" for name, index in indices.items()})
    dropped = _drop_shifted(layout, info, moved=bool(width) and layout.code_offset() != offset, width=width)
    data = layout.render()
    if dropped and (before := host_detection(info, bytes(layout.view))) != (after := host_detection(None, data)):
        dropped = (*dropped, f"MockForge's detection takes the module for {after} without them, not for {before}")
    wrapped = tuple(
        Wrapped(export=plan.export, was=plan.form, original=plan.original, scratch=_scratch_word(plan, scratch))
        for plan in plans
    )
    return Adapted(data=data, wrapped=wrapped, dropped=dropped)


def _check_bodies(layout: Layout) -> None:
    """Raise MalformedError unless the bodies are as many as the functions and end where a wrapper is to begin."""
    code = layout.body(CODE)
    cursor = reader(code)
    count = cursor.count() if code else 0
    if count != count_of(layout.body(FUNCTION)):
        raise MalformedError(0, "functions and their bodies differ in number")
    for _ in range(count):
        cursor.skip(cursor.u32())
    cursor.finish()


def _scratch(
    layout: Layout, info: ModuleInfo, exports: Sequence[ExportEntry], plans: Sequence[_Plan]
) -> ShadowStack | Allocator | None:
    plan = next((plan for plan in plans if plan.form == "out-pointer"), None)
    if plan is None:
        return None
    if len(info.memories) + sum(one.kind == "memory" for one in info.imports) > 1:
        raise AdaptError(
            f"{plan.export} returns through a pointer, and the module has several memories it might lead into",
            hint="build with one memory, or let the function return both numbers packed in one i64",
        )
    scratch = find_scratch(layout, info, exports)
    if scratch is None:
        raise AdaptError(
            f"{plan.export} returns through a pointer, and there is no memory that a wrapper may safely use for it",
            expected="a mutable global named __stack_pointer, functions that lower one as LLVM's do, or an exported "
            "alloc(i32) -> (i32) or malloc(i32) -> (i32)",
            got="none of them",
            hint="export the allocator, which MockForge needs as well, or keep the name section when linking",
        )
    return scratch


def _scratch_word(plan: _Plan, scratch: ShadowStack | Allocator | None) -> Literal["shadow-stack", "allocator"] | None:
    if plan.form == "packed-i64":
        return None
    return "shadow-stack" if isinstance(scratch, ShadowStack) else "allocator"


def _two_result_type(layout: Layout) -> int:
    """Give the index of (i32, i32) -> (i32, i32), added when it is not there."""
    body = layout.body(TYPE)
    types: list[FuncType | None] = []
    read_types(reader(body), types)
    # Entries are compared as long as they are plain: in a group or open to subtypes the same type would be another.
    cursor = reader(body)
    for index in range(cursor.count(entry_size=2)):
        if cursor.byte() != _TWO_RESULTS[0]:
            break
        params = [read_value_type(cursor) for _ in range(cursor.count())]
        results = [read_value_type(cursor) for _ in range(cursor.count())]
        if FuncType(params=tuple(params), results=tuple(results)) == MULTI_VALUE:
            return index
    layout.replace(TYPE, appended(body, [_TWO_RESULTS]))
    return len(types)


def _rewrite_custom(layout: Layout, names: Mapping[int, str]) -> None:
    for section, rewritten in (
        ("name", with_function_names(layout.body(CUSTOM, "name"), names)),
        ("target_features", with_multivalue(layout.body(CUSTOM, "target_features"))),
    ):
        if layout.has_custom(section) and rewritten is not None:
            layout.replace(CUSTOM, rewritten, section)


def _drop_shifted(layout: Layout, info: ModuleInfo, *, moved: bool, width: int) -> tuple[str, ...]:
    """Leave out what would point at other code than it was written for.

    DWARF counts from the start of the code section, and so holds while the number of functions takes as many bytes as
    before. A source map counts from the start of the file, and lies elsewhere.
    """
    present = dict.fromkeys(section.name for section in info.custom_sections)
    dropped = []
    if width and count_width(layout.body(CODE)) != width:
        debug = [name for name in present if name.startswith(".debug_") or name == "external_debug_info"]
        if debug:
            dropped.append(f"{', '.join(debug)}: the number of functions takes a byte more, which moves every address")
        for name in debug:
            layout.drop_custom(name)
    if moved and _SOURCE_MAP in present:
        dropped.append(f"{_SOURCE_MAP}: the wrappers' exports move the code, and the map counts from the file's start")
        layout.drop_custom(_SOURCE_MAP)
    return tuple(dropped)
