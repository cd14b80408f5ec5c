"""MockForge's runtime adapters (contract 2), the host that calls plugins; and `any`, where only calls count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import GuestTrap, LoadFailure, PluginFailure
from pytest_mockforge.hosts.common import proposals_objection
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.hosts.profile import Candidate, register
from pytest_mockforge.runtimes.wasm.conventions import FAMILIES, MULTI_VALUE, Border, BorderFault
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo

_NAMED = {"rust": "", "tinygo": "TinyGo ", "assemblyscript": "AssemblyScript "}

_IMPORT_HINTS = {
    "wasi_snapshot_preview1": "build for a target without WASI: wasm32-unknown-unknown in Rust, "
    "-target=wasm-unknown in TinyGo, wasm32-freestanding in zig",
    "env.abort": "compile with `asc --use abort=`, so that AssemblyScript does not import env.abort",
    "env.memory": "export the memory instead of importing it: drop --import-memory or --importMemory",
}


class Adapters:
    """The family of adapters, one a language; detection chooses (2.4)."""

    name = "adapter"
    as_shipped = ""

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give every rule that the plugin breaks."""
        yield from proposals_objection(candidate, frozenset())
        yield from import_objections(candidate.info, candidate.adapter)
        if not candidate.unlinkable:
            yield from instantiation_objections(candidate.failure, candidate.adapter)
        yield from _border(candidate.border, candidate.adapter)
        yield from _operations(candidate.info, candidate.border, candidate.declared)


class Anything:
    """No host: what can be called at all. Functions that a module imports are provided, or traps."""

    name = "any"
    as_shipped = ""

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give what keeps the module from being called."""
        if candidate.unlinkable:
            yield from import_objections(candidate.info, candidate.adapter)
        else:
            yield from instantiation_objections(candidate.failure, candidate.adapter)
        yield from _border(candidate.border, candidate.adapter)
        yield from _operations(candidate.info, candidate.border, candidate.declared)


def unreadable(failure: LoadFailure, adapter: str) -> Objection:
    """State that the module is no module, or does not compile."""
    return Objection(
        rule="compile" if failure.step == "compile" else "read",
        detail=failure.step,
        message=failure.message.partition("\n")[0],
        expected=failure.expected or "a core module in the binary format, of proposals that wasmtime has on by default",
        got=failure.got or "",
        host_message=f"Failed to load {_NAMED[adapter]}WASM module: failed to parse WebAssembly module",
        hint=failure.hint,
    )


def import_objections(info: ModuleInfo, adapter: str) -> Iterator[Objection]:
    """MockForge links nothing, so any import at all is one too many (2.1)."""
    counted = Counter((imported.module, imported.name) for imported in info.imports)
    kinds = {(imported.module, imported.name): imported.type_text for imported in reversed(info.imports)}
    for index, ((module, name), count) in enumerate(counted.items()):
        # The host names only the first one.
        host_message = (
            f"Failed to instantiate {_NAMED[adapter]}module: unknown import: `{module}::{name}` has not been defined"
        )
        yield Objection(
            rule="imports",
            detail=f"{module}::{name}",
            message=f"the module imports {module}::{name}, which MockForge does not provide",
            expected="no imports: MockForge links none, not even WASI",
            got=kinds[module, name] + (f", imported {count} times" if count > 1 else ""),
            host_message=host_message if index == 0 else None,
            hint=_IMPORT_HINTS.get(f"{module}.{name}") or _IMPORT_HINTS.get(module),
        )


def instantiation_objections(failure: PluginFailure | None, adapter: str) -> Iterator[Objection]:
    """The start function or the limits stop the instance."""
    if failure is None:
        return
    trapped = isinstance(failure, GuestTrap)
    yield Objection(
        rule="instantiate",
        detail=failure.code if isinstance(failure, GuestTrap) else "cannot-instantiate",
        message=failure.message.partition("\n")[0],
        expected="an instance, made within the limits" + (", its start function returning" if trapped else ""),
        got=failure.got or failure.message,
        host_message=f"Failed to instantiate {_NAMED[adapter]}module: …",
        hint=failure.hint or ("mend or drop the start section: MockForge runs it on every load" if trapped else None),
    )


def _border(border: Border, adapter: str) -> Iterator[Objection]:
    wanted = next(family for family in FAMILIES if family.adapter == adapter)
    named = _NAMED[adapter]
    for fault in border.faults:
        if fault.optional or fault.export in {operation.value for operation in Operation}:
            continue
        if fault.export == "memory":
            yield _from_fault(
                fault,
                "memory",
                f"{named}WASM module must export 'memory'",
                "export one 32-bit memory, not shared, under the name 'memory'",
            )
        else:
            specific = {"rust": "alloc", "tinygo": "malloc", "assemblyscript": "__new"}[adapter]
            suffix = "" if adapter == "rust" else f" ({named.strip()} specific)"
            reason = (
                f"failed to find function export `{specific}`"
                if fault.detail == "no-allocator"
                else f"failed to convert function `{specific}` to given type"
            )
            yield _from_fault(
                fault,
                "allocator",
                f"Failed to get {specific} function{suffix}: {reason}",
                f"MockForge takes this module for {adapter}, and so looks for {wanted.allocate}{wanted.allocate_type}",
            )


def _operations(info: ModuleInfo, border: Border, declared: frozenset[Operation]) -> Iterator[Objection]:
    for fault in border.faults:
        if fault.export in {operation.value for operation in Operation}:
            yield _from_fault(
                fault,
                "operations",
                f"Function '{fault.export}' not found: failed to convert function `{fault.export}` to given type",
                "return two i32 results, pointer and length; MockForge reports any other type as not found",
            )
    exported = {export.name for export in info.exports}
    for operation in Operation:
        if operation in declared and operation.value not in exported:
            yield Objection(
                rule="operations",
                detail=f"{operation}:missing",
                message=f"{operation} is declared but not exported",
                expected=f"{operation}{MULTI_VALUE}",
                got="no such export",
                host_message=f"Function '{operation}' not found: failed to find function export `{operation}`",
                hint="export it, or drop it from plugin.yaml and plugin.test.yaml",
            )
    if not exported & {operation.value for operation in Operation}:
        yield Objection(
            rule="operations",
            detail="none",
            message="the module exports none of the four operations",
            expected=", ".join(operation.value for operation in Operation) + ": at least one",
            got=_shorten([export.name for export in info.exports if export.kind == "function"])
            or "no exported function",
            hint="export the operations under these very names",
        )


def _from_fault(fault: BorderFault, rule: str, host_message: str, hint: str) -> Objection:
    assert rule in ("memory", "allocator", "operations")
    problem = {
        "no-memory": "no memory is exported as 'memory'",
        "wrong-memory": "the export 'memory' is of a kind that the host cannot use",
        "no-allocator": f"the allocator {fault.export!r} is not exported",
        "wrong-type": f"{fault.export} is exported with another type than the host calls",
    }[fault.detail]
    return Objection(
        rule=rule,  # type: ignore[arg-type]  # narrowed by the assertion above
        detail=f"{fault.export}:{fault.detail}",
        message=problem,
        expected=fault.expected,
        got=fault.got,
        host_message=host_message,
        hint=hint,
    )


def _shorten(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


register(Adapters())
register(Anything())
