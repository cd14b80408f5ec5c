"""MockForge's runtime adapters (contract 2), the host that calls plugins; and `any`, where only calls count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.hosts import messages
from pytest_mockforge.hosts.common import (
    distinct_imports,
    import_topic,
    instantiation_objection,
    proposals_objection,
    signature_mend,
)
from pytest_mockforge.hosts.mends import Topic
from pytest_mockforge.hosts.objections import Objection, Rule, detail_of
from pytest_mockforge.hosts.profile import Candidate, Files, register
from pytest_mockforge.runtimes.wasm.conventions import FAMILIES, MULTI_VALUE, BorderFault

_OPERATIONS = frozenset(operation.value for operation in Operation)
_PROBLEMS = {
    "no-memory": "no memory is exported as 'memory'",
    "wrong-memory": "the export 'memory' is of a kind that the host cannot use",
}


class Adapters:
    """The family of adapters, one a language; detection chooses (2.4)."""

    name = "adapter"
    as_shipped = ""

    def not_compiled(self, files: Files) -> str:
        """Give what the host prints of a module that its engine does not take."""
        return messages.not_compiled(files.adapter)

    def judge_files(self, _files: Files) -> Iterator[Objection]:
        """Give nothing: an adapter is handed bytes, and reads no manifest."""
        return iter(())

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give every rule that the plugin breaks."""
        adapter = candidate.files.adapter
        yield from proposals_objection(candidate, messages.not_compiled(adapter), frozenset())
        yield from import_objections(candidate, messages.not_instantiated(adapter, ""))
        yield from instantiation_objection(candidate, messages.not_instantiated(adapter, ""))
        yield from _border(candidate)
        yield from _operations(candidate)


class Anything(Adapters):
    """No host: what can be called at all. Functions that a module imports are provided, or traps."""

    name = "any"

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give what keeps the module from being called."""
        prefix = messages.not_instantiated(candidate.files.adapter, "")
        if candidate.unlinkable:
            yield from import_objections(candidate, prefix)
        yield from instantiation_objection(candidate, prefix)
        yield from _border(candidate)
        yield from _operations(candidate)


def import_objections(candidate: Candidate, prefix: str) -> Iterator[Objection]:
    """Nothing is linked, so any import at all is one too many (2.1). `prefix` stands before the engine's reason."""
    info = candidate.info
    counted = Counter((imported.module, imported.name) for imported in info.imports)
    for index, imported in enumerate(distinct_imports(info)):
        count = counted[imported.module, imported.name]
        reason = messages.unknown_import(imported.module, imported.name)
        yield Objection(
            rule="imports",
            detail=f"{imported.module}::{imported.name}",
            message=f"the module imports {imported.module}::{imported.name}, which MockForge does not provide",
            expected="no imports: MockForge links none, not even WASI",
            got=imported.type_text + (f", imported {count} times" if count > 1 else ""),
            # The host names only the first one.
            host_message=prefix + reason if index == 0 else None,
            hint=candidate.files.mend(import_topic(imported)),
        )


def _border(candidate: Candidate) -> Iterator[Objection]:
    files = candidate.files
    wanted = next(family for family in FAMILIES if family.adapter == files.adapter)
    for fault in candidate.border.faults:
        if fault.optional or fault.export in _OPERATIONS:
            continue
        if fault.export == "memory":
            # A memory with 64-bit addresses the host finds; it only ever has 32-bit ones of a guest.
            said = None if _is_wide(candidate) else messages.no_memory(files.adapter)
            yield _from_fault(fault, "memory", said, files.mend("memory"))
            continue
        # A language without an adapter of its own goes by Rust's rules; any other mistake is one of detection.
        own = files.language if files.language in ("tinygo", "assemblyscript") else "rust"
        mistaken = files.language != "unknown" and own == "rust" and files.adapter != "rust"
        topic: Topic = "detection" if mistaken else "allocator"
        looks_for = f"MockForge takes this module for {files.adapter}, and so looks for {wanted.allocate}"
        yield _from_fault(
            fault,
            "allocator",
            messages.no_allocator(files.adapter, exported=_is_function(candidate, wanted.allocate)),
            f"{looks_for}{wanted.allocate_type}; {files.mend(topic)}",
        )


def _operations(candidate: Candidate) -> Iterator[Objection]:
    files = candidate.files
    for fault in candidate.border.faults:
        if fault.export in _OPERATIONS:
            message = messages.no_operation(fault.export, exported=_is_function(candidate, fault.export))
            yield _from_fault(fault, "operations", message, signature_mend(candidate, fault.export))
    exported = {export.name for export in candidate.info.exports}
    for operation in Operation:
        if operation in candidate.declared and operation.value not in exported:
            yield Objection(
                rule="operations",
                detail=f"{operation}:missing",
                message=f"{operation} is declared but not exported",
                expected=f"{operation}{MULTI_VALUE}",
                got="no such export",
                host_message=messages.no_operation(operation.value, exported=False),
                hint=files.mend("operations"),
            )
    if not exported & _OPERATIONS:
        functions = [export.name for export in candidate.info.exports if export.kind == "function"]
        yield Objection(
            rule="operations",
            detail="none",
            message="the module exports none of the four operations",
            expected=", ".join(operation.value for operation in Operation) + ": at least one",
            got=_shortened(functions) or "no exported function",
            host_message=messages.no_operation(Operation.AUTHENTICATE.value, exported=False),
            hint=files.mend("operations"),
        )


def _is_function(candidate: Candidate, name: str) -> bool:
    export = candidate.info.export(name)
    return export is not None and export.kind == "function"


def _is_wide(candidate: Candidate) -> bool:
    export = candidate.info.export("memory")
    memory = export.memory if export is not None else None
    return memory is not None and memory.is64 and not memory.shared


def _from_fault(fault: BorderFault, rule: Rule, host_message: str | None, hint: str) -> Objection:
    problem = _PROBLEMS.get(fault.detail)
    if problem is None and fault.detail == "no-allocator":
        problem = f"the allocator {fault.export!r} is not exported"
    return Objection(
        rule=rule,
        detail=detail_of(fault.export, fault.detail, fault.cause),
        message=problem or f"{fault.export} is exported with another type than the host calls",
        expected=fault.expected,
        got=fault.got,
        host_message=host_message,
        hint=hint,
    )


def _shortened(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


register(Adapters())
register(Anything())
