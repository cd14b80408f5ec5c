"""Rules that several hosts share, each as a function from a candidate to objections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pytest_mockforge.errors import GuestTrap, LoadFailure
from pytest_mockforge.hosts import messages
from pytest_mockforge.hosts.mends import Topic
from pytest_mockforge.hosts.objections import Objection, Rule, detail_of
from pytest_mockforge.hosts.profile import Candidate, Files
from pytest_mockforge.runtimes.base import MIB
from pytest_mockforge.runtimes.wasm.adapt import mendable
from pytest_mockforge.runtimes.wasm.binary import Damage
from pytest_mockforge.runtimes.wasm.features import NEWER_THAN_36, refused_proposal
from pytest_mockforge.runtimes.wasm.module_info import Import, ModuleInfo

MEMORY_LIMIT = 10 * MIB
"""Bytes of linear memory that `runtime` and `sandbox` allow (contract 3.1 and 3.2)."""

WASI = "wasi_snapshot_preview1"
HOST_MODULE = "mockforge:plugin/host"
IMPORT_MODULES = (WASI, "wasi:io/streams", "wasi:filesystem/types", HOST_MODULE)
"""Modules that `runtime` and `loader` let a plugin import from (contract 3.1 step 7, 3.3 step 4)."""

FILE_FUNCTIONS = (
    "fd_read", "fd_write", "fd_close", "fd_fdstat_get", "path_open", "path_readlink", "path_filestat_get",
)  # fmt: skip
WASI_FUNCTIONS = (*FILE_FUNCTIONS, "clock_time_get", "proc_exit", "random_get")
HOST_FUNCTIONS = ("log_message", "get_config_value", "store_data", "retrieve_data")


def broken_rule(failure: LoadFailure) -> Rule:
    """The rule that a file breaks which is no module that can be looked into, or does not compile."""
    if failure.step == "compile":
        return "compile"
    if failure.detail == "component":
        return "component"
    return "damage" if failure.detail in get_args(Damage) else "read"


def unreadable(failure: LoadFailure, files: Files, host_message: str) -> Objection:
    """The module is no module, or does not compile."""
    rule = broken_rule(failure)
    return Objection(
        rule=rule,
        detail=failure.detail or failure.step,
        message=failure.message.partition("\n")[0],
        expected=failure.expected or "a core module in the binary format, of proposals that wasmtime has on by default",
        got=failure.got or "",
        host_message=host_message,
        hint=failure.hint or files.mend("proposal" if rule == "compile" else "module"),
    )


def proposals_objection(candidate: Candidate, host_message: str, switched_off: frozenset[str]) -> Iterator[Objection]:
    """The module uses a proposal that the host's wasmtime 36 does not accept."""
    off = NEWER_THAN_36 | switched_off
    reason = candidate.refused_without(off)
    if reason is not None:
        without = f" without {', '.join(sorted(switched_off))}" if switched_off else ", and wasmtime 36's defaults"
        yield Objection(
            rule="compile",
            detail=detail_of("proposal", refused_proposal(candidate.files.data, off)),
            message=f"the module uses a proposal that MockForge's wasmtime 36 has off: {reason}",
            expected=f"WebAssembly 2.0{without}",
            got=reason,
            host_message=host_message,
            hint=candidate.files.mend("proposal"),
        )


def instantiation_objection(candidate: Candidate, prefix: str) -> Iterator[Objection]:
    """The start function, the segments or our own limits stop the instance."""
    failure = candidate.failure
    if failure is None or candidate.unlinkable:
        return
    trapped = isinstance(failure, GuestTrap)
    reason = messages.instantiation_reason(failure)
    ran = isinstance(failure, GuestTrap) and bool(failure.backtrace)
    detail = detail_of("cannot-instantiate", failure.detail if isinstance(failure, LoadFailure) else "")
    yield Objection(
        rule="instantiate",
        detail=failure.code if isinstance(failure, GuestTrap) else detail,
        message=failure.message.partition("\n")[0],
        expected="an instance, made within the limits" + (", its start function returning" if trapped else ""),
        got=failure.got or failure.message,
        host_message=None if reason is None else prefix + reason,
        hint=failure.hint or (candidate.files.mend("start") if ran else None),
    )


def memory_over(candidate: Candidate, limit: int, prefix: str) -> Iterator[Objection]:
    """A memory starts out larger than the host allows at all."""
    for memory in candidate.info.memories:
        if memory.minimum_bytes > limit:
            yield Objection(
                rule="limits",
                detail="memory",
                message=f"the memory starts with {memory.minimum_bytes:,} bytes, more than the host allows",
                expected=f"at most {limit:,} bytes ({limit // memory.page_size:,} pages)",
                got=f"{memory.minimum:,} pages",
                host_message=f"{prefix}memory minimum size of {memory.minimum} pages exceeds memory limits",
                hint=candidate.files.mend("memory-size"),
            )


def memory_growth(candidate: Candidate, limit: int) -> Iterator[Objection]:
    """Say how far a memory may grow, where the module leaves that open or declares more."""
    for memory in candidate.info.memories:
        if memory.minimum_bytes <= limit and (memory.maximum is None or memory.maximum * memory.page_size > limit):
            yield note(
                "memory-growth",
                "memory grows no further than the host allows: memory.grow gives -1",
                f"at most {limit:,} bytes ({limit // memory.page_size:,} pages)",
                "no maximum" if memory.maximum is None else f"a maximum of {memory.maximum:,} pages",
            )


def import_problem(imported: Import) -> tuple[str, tuple[str, ...]] | None:
    """What `loader` says first against an import by module and name, with what it allows."""
    if imported.module not in IMPORT_MODULES:
        return f"Disallowed import module: {imported.module}", IMPORT_MODULES
    if imported.module == WASI and imported.name not in WASI_FUNCTIONS:
        return f"Disallowed WASI function: {imported.name}", WASI_FUNCTIONS
    if imported.module == HOST_MODULE and imported.name not in HOST_FUNCTIONS:
        return f"Disallowed host function: {imported.name}", HOST_FUNCTIONS
    return None


def import_topic(imported: Import) -> Topic:
    """The mend that an import wants."""
    if imported.kind == "memory":
        return "imported-memory"
    if imported.module.startswith("wasi"):
        return "wasi"
    return "abort" if (imported.module, imported.name) == ("env", "abort") else "imports"


def distinct_imports(info: ModuleInfo) -> Iterator[Import]:
    """Each import once, in the module's order: one may stand there twice."""
    first: dict[tuple[str, str], Import] = {}
    for imported in info.imports:
        first.setdefault((imported.module, imported.name), imported)
    yield from first.values()


def signature_mend(candidate: Candidate, name: str) -> str:
    """How to give an operation the one type that is called; `adapt` does it for two others."""
    export = candidate.info.export(name)
    form = mendable(export.signature if export is not None else None)
    if form is None:
        return "let it take pointer and length and return both, as two i32 or packed in one i64, which adapt can split"
    return f"its form is {form}; {candidate.files.mend('signature')}"


def note(detail: str, message: str, expected: str = "", got: str = "") -> Objection:
    """A limit or habit of the host that breaks nothing by itself."""
    return Objection(rule="limits", detail=detail, message=message, expected=expected, got=got, severity="note")
