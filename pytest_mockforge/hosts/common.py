"""Rules that several hosts share, each as a function from a candidate to objections."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.hosts.profile import Candidate
from pytest_mockforge.runtimes.base import MIB
from pytest_mockforge.runtimes.wasm.features import NEWER_THAN_36, refusal

MEMORY_LIMIT = 10 * MIB
"""Bytes of linear memory that `runtime` and `sandbox` allow (contract 3.1 and 3.2)."""

IMPORT_MODULES = ("wasi_snapshot_preview1", "wasi:io/streams", "wasi:filesystem/types", "mockforge:plugin/host")
"""Modules that `runtime` and `loader` let a plugin import from (contract 3.1 step 7, 3.3 step 4)."""

FILE_FUNCTIONS = frozenset(
    {"fd_read", "fd_write", "fd_close", "fd_fdstat_get", "path_open", "path_readlink", "path_filestat_get"}
)
WASI_FUNCTIONS = FILE_FUNCTIONS | {"clock_time_get", "proc_exit", "random_get"}
HOST_FUNCTIONS = frozenset({"log_message", "get_config_value", "store_data", "retrieve_data"})


def proposals_objection(candidate: Candidate, switched_off: frozenset[str]) -> Iterator[Objection]:
    """The module uses a proposal that the host's wasmtime 36 does not accept."""
    reason = refusal(candidate.data, NEWER_THAN_36 | switched_off)
    if reason is not None:
        yield Objection(
            rule="compile",
            detail="proposal",
            message=f"the module uses a proposal that MockForge's wasmtime 36 has off: {reason}",
            expected="WebAssembly 2.0"
            + (f" without {', '.join(sorted(switched_off))}" if switched_off else ", and wasmtime 36's defaults"),
            got=reason,
            hint="build without that proposal: a -C target-feature, an -m or a --disable flag of the compiler",
        )


def memory_over(candidate: Candidate, limit: int) -> Iterator[Objection]:
    """A memory starts out larger than the host allows at all."""
    for memory in candidate.info.memories:
        if memory.minimum_bytes > limit:
            pages = limit // memory.page_size
            yield Objection(
                rule="limits",
                detail="memory",
                message=f"the memory starts with {memory.minimum_bytes:,} bytes, more than the host allows",
                expected=f"at most {limit:,} bytes ({pages:,} pages)",
                got=f"{memory.minimum:,} pages",
                host_message=f"memory minimum size of {memory.minimum} pages exceeds memory limits",
                hint="ask the linker for a smaller initial memory or stack",
            )


def import_module_objections(candidate: Candidate) -> Iterator[Objection]:
    """Imports by module and name, as `runtime` and `loader` judge them alike."""
    seen: set[tuple[str, str]] = set()
    for imported in candidate.info.imports:
        key = (imported.module, imported.name)
        if key in seen:
            continue
        seen.add(key)
        if imported.module not in IMPORT_MODULES:
            wrong, valid = f"Disallowed import module: {imported.module}", ", ".join(IMPORT_MODULES)
        elif imported.module == "wasi_snapshot_preview1" and imported.name not in WASI_FUNCTIONS:
            wrong, valid = f"Disallowed WASI function: {imported.name}", ", ".join(sorted(WASI_FUNCTIONS))
        elif imported.module == "mockforge:plugin/host" and imported.name not in HOST_FUNCTIONS:
            wrong, valid = f"Disallowed host function: {imported.name}", ", ".join(sorted(HOST_FUNCTIONS))
        else:
            continue
        yield Objection(
            rule="imports",
            detail=f"{imported.module}::{imported.name}",
            message=f"the module imports {imported.module}::{imported.name}, which the host does not allow",
            expected=f"one of {valid}",
            got=f"{imported.module}::{imported.name}",
            host_message=wrong,
        )


def allocator_objection(candidate: Candidate) -> Iterator[Objection]:
    """`runtime` and `sandbox` know one allocator, whatever the language: `alloc`."""
    export = candidate.info.export("alloc")
    if export is None or export.kind != "function":
        yield Objection(
            rule="allocator",
            detail="alloc:no-allocator",
            message="the allocator 'alloc' is not exported",
            expected="a function exported as 'alloc'",
            got="no such function",
            host_message="WASM module must export an 'alloc' function for memory allocation",
            hint="export alloc(i32) -> i32, whatever the language",
        )
