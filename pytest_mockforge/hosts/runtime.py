"""MockForge's `PluginRuntime` (contract 3.1): ten WASI functions, fuel, 10 MiB, exports `init` and `process`."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.hosts.adapter import instantiation_objections
from pytest_mockforge.hosts.common import (
    FILE_FUNCTIONS,
    MEMORY_LIMIT,
    allocator_objection,
    import_module_objections,
    memory_over,
    proposals_objection,
)
from pytest_mockforge.hosts.manifest_rules import runtime_manifest_objections
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.hosts.profile import Candidate, register
from pytest_mockforge.runtimes.base import MIB

_LARGEST_FILE = 50 * MIB
_TABLES = 10
_TABLE_ELEMENTS = 1000
_FUEL = 5_000_000
_OFF = frozenset({"threads", "simd", "relaxed_simd", "multi_memory"})
_FILE_CAPABILITIES = {"filesystem:read", "filesystem:write"}


class Runtime:
    """Calls any export by name, and wants `init` and `process` to be among them."""

    name = "runtime"
    as_shipped = "panics before it loads a plugin: its engine has SIMD off and relaxed SIMD on (contract 3.1)"

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give every rule that the plugin breaks."""
        yield from _size(candidate)
        yield from runtime_manifest_objections(candidate.manifest)
        yield from proposals_objection(candidate, _OFF)
        yield from import_module_objections(candidate)
        yield from _imports(candidate)
        yield from _exports(candidate)
        yield from memory_over(candidate, MEMORY_LIMIT)
        yield from _tables(candidate)
        if not candidate.unlinkable:
            yield from instantiation_objections(candidate.failure, candidate.adapter)
        yield from allocator_objection(candidate)
        yield Objection(
            rule="limits",
            detail="fuel",
            message=f"the host gives each call {_FUEL:,} units of fuel, counted by wasmtime 36",
            expected=f"calls of at most {_FUEL:,} units",
            got="see MF401; fuel of another version of wasmtime is another unit",
            severity="note",
        )


def _size(candidate: Candidate) -> Iterator[Objection]:
    if len(candidate.data) > _LARGEST_FILE:
        yield Objection(
            rule="size",
            detail="file",
            message="the file is larger than the host takes",
            expected=f"at most {_LARGEST_FILE:,} bytes",
            got=f"{len(candidate.data):,} bytes",
            host_message=f"Plugin file size {len(candidate.data)} exceeds maximum allowed size {_LARGEST_FILE}",
            hint="strip debug sections",
        )


def _imports(candidate: Candidate) -> Iterator[Objection]:
    """Two checks stand one after the other, and the second refuses most of what the first let through."""
    declared = candidate.manifest.capabilities if candidate.manifest else frozenset()
    seen: set[tuple[str, str]] = set()
    for imported in candidate.info.imports:
        key = (imported.module, imported.name)
        if key in seen:
            continue
        seen.add(key)
        if imported.module == "wasi_snapshot_preview1":
            if imported.name in FILE_FUNCTIONS and not declared & _FILE_CAPABILITIES:
                yield Objection(
                    rule="imports",
                    detail=f"{imported.module}::{imported.name}:capability",
                    message=f"{imported.name} is imported, but no filesystem capability is declared",
                    expected="filesystem:read or filesystem:write among the capabilities of plugin.yaml",
                    got=", ".join(sorted(declared)) or "no capability",
                    host_message=(
                        f"Plugin imports filesystem function '{imported.name}' but has no filesystem capabilities"
                    ),
                    hint="declare it, or build without WASI",
                )
        elif imported.module in ("wasi:io/streams", "wasi:filesystem/types", "mockforge:plugin/host"):
            yield Objection(
                rule="imports",
                detail=f"{imported.module}::{imported.name}",
                message=f"the module imports {imported.module}, which a first check allows and a second refuses",
                expected="imports from wasi_snapshot_preview1 alone",
                got=f"{imported.module}::{imported.name}",
                host_message=f"Dangerous import module: {imported.module}",
            )


def _exports(candidate: Candidate) -> Iterator[Objection]:
    for export in candidate.info.exports:
        if export.name.startswith("_"):
            yield Objection(
                rule="names",
                detail=export.name,
                message=f"the export {export.name!r} begins with an underscore",
                expected="no export that begins with '_', of whatever kind",
                got=f"{export.kind} {export.name!r}",
                host_message=f"Private export function not allowed: {export.name}",
                hint="hide it: in Rust link with --no-export-dynamic, or drop __data_end and __heap_base",
            )
    missing = [name for name in ("init", "process") if candidate.info.export(name) is None]
    if missing:
        yield Objection(
            rule="names",
            detail="init-process",
            message=f"the host wants exports that are not there: {', '.join(missing)}",
            expected="exports named 'init' and 'process', of any kind",
            got=f"no {' and no '.join(missing)}",
            host_message="Plugin must export 'init' and 'process' functions",
        )


def _tables(candidate: Candidate) -> Iterator[Objection]:
    tables = candidate.info.tables
    most = max((table.minimum for table in tables), default=0)
    if len(tables) > _TABLES or most > _TABLE_ELEMENTS:
        yield Objection(
            rule="limits",
            detail="tables",
            message="the tables are more or larger than the host allows",
            expected=f"at most {_TABLES} tables of at most {_TABLE_ELEMENTS:,} elements",
            got=f"{len(tables)} tables, the largest of {most:,} elements",
        )


register(Runtime())
