"""How bytes cross a module's border, read off its exports alone: memory, allocator, and a convention an operation.

Contract 2.2 and 2.3, and 5.1 for the published Go SDK. Knows nothing of wasmtime; what it promises about signatures,
unchecked calls rely on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.wasm.externs import FuncType
from pytest_mockforge.runtimes.wasm.module_info import Export, ModuleInfo

Convention = Literal["multi-value", "packed-i64", "go-sdk"]
"""`multi-value`: two results, pointer and length, the only one that MockForge calls. `packed-i64`: one i64 with the
pointer in its high half. `go-sdk`: several buffers in, a bare pointer out, under names of the published Go SDK's own;
never among `Border.operations`."""

Adapter = Literal["rust", "tinygo", "assemblyscript"]

MULTI_VALUE = FuncType(params=("i32", "i32"), results=("i32", "i32"))
_PACKED = FuncType(params=("i32", "i32"), results=("i64",))

PairForm = Literal["packed-i64", "out-pointer"]
PAIR_FORMS: Mapping[FuncType, PairForm] = {
    _PACKED: "packed-i64",
    FuncType(params=("i32", "i32", "i32"), results=()): "out-pointer",
}
"""How compilers give back a pair where a function has one result or none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AllocatorFamily:
    """The names under which one of MockForge's adapters looks for memory functions, and their types."""

    adapter: Adapter
    allocate: str
    allocate_type: FuncType
    extra: int | None = None
    """A constant passed after the length: AssemblyScript's class id."""
    pin: str | None = None
    release: str
    release_type: FuncType


_ALLOC = FuncType(params=("i32",), results=("i32",))
FAMILIES: tuple[AllocatorFamily, ...] = (
    AllocatorFamily(
        adapter="rust",
        allocate="alloc",
        allocate_type=_ALLOC,
        release="dealloc",
        release_type=FuncType(params=("i32", "i32"), results=()),
    ),
    AllocatorFamily(
        adapter="tinygo",
        allocate="malloc",
        allocate_type=_ALLOC,
        release="free",
        release_type=FuncType(params=("i32",), results=()),
    ),
    AllocatorFamily(
        adapter="assemblyscript",
        allocate="__new",
        allocate_type=FuncType(params=("i32", "i32"), results=("i32",)),
        extra=1,
        pin="__pin",
        release="__unpin",
        release_type=FuncType(params=("i32",), results=()),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SdkExport:
    """What the published Go SDK exports for an operation (contract 5.1)."""

    name: str
    parts: int
    """How many buffers go in, each as a pointer and a length."""

    @property
    def type(self) -> FuncType:
        return FuncType(params=("i32",) * (2 * self.parts), results=("i32",))


SDK_EXPORTS: Mapping[Operation, SdkExport] = {
    Operation.AUTHENTICATE: SdkExport(name="plugin_auth_authenticate", parts=2),
    Operation.TEMPLATE_FUNCTION: SdkExport(name="plugin_template_execute", parts=3),
}
"""Responses and datasources have none."""
_CAPABILITIES = "plugin_auth_capabilities"
_NOTHING = FuncType(params=(), results=())
_POINTER = FuncType(params=(), results=("i32",))


@dataclass(frozen=True, kw_only=True, slots=True)
class BorderFault:
    """One way in which the exports differ from what the adapter wants."""

    detail: str
    """A stable word: `no-memory`, `wrong-memory`, `no-allocator`, `wrong-type`."""
    export: str
    expected: str
    got: str
    cause: str = ""
    """Another, for what lies behind it where that can be told: `packed-i64`, `64-bit`, `other-name`, …"""
    optional: bool = False
    """True for `dealloc`, `free`, `__pin` and `__unpin`, which the host skips in silence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Border:
    """What can be called and how. A name held here is exported with exactly the type that its field implies."""

    memory: str | None
    family: AllocatorFamily | None
    """The family whose allocator is exported with the right type; None when no request can be passed in."""
    pin: str | None
    release: str | None
    operations: Mapping[Operation, Convention] = field(default_factory=dict)
    faults: tuple[BorderFault, ...] = ()
    sdk_operations: Mapping[Operation, SdkExport] = field(default_factory=dict)
    """What can be called in the way of the published Go SDK, where the operation's ordinary export is absent. No host
    of MockForge's calls it."""
    sdk_faults: tuple[BorderFault, ...] = ()
    """Exports that have one of the SDK's names and another type."""
    sdk_entry: str | None = None
    """What has to run before an operation of the SDK: `_initialize`, or `_start`, which runs `main`."""
    sdk_capabilities: str | None = None

    @property
    def convention(self) -> str:
        """The one convention of all operations, `mixed`, or `none`."""
        used = sorted({*self.operations.values(), *(("go-sdk",) if self.sdk_operations else ())})
        return used[0] if len(used) == 1 else "mixed" if used else "none"


def read_border(info: ModuleInfo, adapter: Adapter) -> Border:
    """Judge every export that matters to `adapter`, and take another adapter's allocator where its own is missing.

    `faults` lists all that this adapter would not accept, also where the border can be crossed nevertheless.
    """
    exports = {export.name: export for export in info.exports}
    faults: list[BorderFault] = []
    memory = _memory(exports, faults)
    family = _family(exports, adapter, faults)
    pin = _optional(exports, family.pin, _ALLOC, faults) if family and family.pin else None
    release = _optional(exports, family.release, family.release_type, faults) if family else None
    operations: dict[Operation, Convention] = {}
    for operation in Operation:
        export = exports.get(operation.value)
        if export is None:
            continue
        if export.signature == MULTI_VALUE:
            operations[operation] = "multi-value"
            continue
        if export.signature == _PACKED:
            operations[operation] = "packed-i64"
        faults.append(_wrong_type(export, MULTI_VALUE))
    sdk_faults: list[BorderFault] = []
    sdk_operations = {
        operation: sdk
        for operation, sdk in SDK_EXPORTS.items()
        if operation.value not in exports and _optional(exports, sdk.name, sdk.type, sdk_faults)
    }
    return Border(
        memory=memory,
        family=family,
        pin=pin,
        release=release,
        operations=operations,
        faults=tuple(faults),
        sdk_operations=sdk_operations,
        sdk_faults=tuple(sdk_faults),
        sdk_entry=_entry(exports) if sdk_operations else None,
        sdk_capabilities=_optional(exports, _CAPABILITIES, _POINTER, []),
    )


def _entry(exports: Mapping[str, Export]) -> str | None:
    """Prefer `_initialize`: a module has one or the other, and this one may be followed by calls."""
    return next((name for name in ("_initialize", "_start") if _optional(exports, name, _NOTHING, [])), None)


def _memory(exports: Mapping[str, Export], faults: list[BorderFault]) -> str | None:
    export = exports.get("memory")
    expected = "a memory exported as 'memory', 32-bit and not shared"
    if export is None:
        others = [name for name, other in exports.items() if other.kind == "memory"]
        got = f"a memory exported as {others[0]!r}" if others else "no exported memory"
        cause = "other-name" if others else ""
        faults.append(BorderFault(detail="no-memory", export="memory", expected=expected, got=got, cause=cause))
        return None
    cause = memory_cause(export)
    if cause:
        got = f"a {export.kind}" if export.memory is None else f"a {cause} memory"
        faults.append(BorderFault(detail="wrong-memory", export="memory", expected=expected, got=got, cause=cause))
        return None
    return "memory"


def memory_cause(export: Export) -> str:
    """Give the word for why an export is no memory that can be used: its kind, `shared` or `64-bit`; "" where it is."""
    if export.memory is None:
        return export.kind
    return "shared" if export.memory.shared else "64-bit" if export.memory.is64 else ""


def _family(exports: Mapping[str, Export], adapter: Adapter, faults: list[BorderFault]) -> AllocatorFamily | None:
    wanted = next(family for family in FAMILIES if family.adapter == adapter)
    ordered = [wanted, *(family for family in FAMILIES if family is not wanted)]
    found = None
    for family in ordered:
        export = exports.get(family.allocate)
        if export is not None and export.signature == family.allocate_type:
            found = family
            break
    if found is wanted:
        return found
    expected = f"{wanted.allocate}{wanted.allocate_type}"
    own = exports.get(wanted.allocate)
    if own is not None:
        faults.append(_wrong_type(own, wanted.allocate_type))
    else:
        got = f"no export {wanted.allocate!r}" + (f", but {found.allocate!r}" if found else "")
        faults.append(BorderFault(detail="no-allocator", export=wanted.allocate, expected=expected, got=got))
    return found


def _optional(exports: Mapping[str, Export], name: str, wanted: FuncType, faults: list[BorderFault]) -> str | None:
    export = exports.get(name)
    if export is None:
        return None
    if export.signature == wanted:
        return name
    faults.append(_wrong_type(export, wanted, optional=True))
    return None


def _wrong_type(export: Export, wanted: FuncType, *, optional: bool = False) -> BorderFault:
    return BorderFault(
        detail="wrong-type",
        export=export.name,
        expected=f"{export.name}{wanted}",
        got=f"{export.name}{export.signature}" if export.signature is not None else f"a {export.kind}",
        cause=type_cause(export, wanted),
        optional=optional,
    )


def type_cause(export: Export, wanted: FuncType) -> str:
    """Give the word for how an export's type differs from the one that is called."""
    given = export.signature
    if given is None:
        return "no-function" if export.kind != "function" else "unknown-type"
    if wanted == MULTI_VALUE and given in PAIR_FORMS:
        return PAIR_FORMS[given]
    for what, has, needs in (("parameters", given.params, wanted.params), ("results", given.results, wanted.results)):
        if has != needs:
            amount = "too-few" if len(has) < len(needs) else "too-many" if len(has) > len(needs) else "other"
            return f"{amount}-{what}"
    return ""
