"""MockForge's `PluginRuntime` (contract 3.1): ten WASI functions, fuel, 10 MiB, exports `init` and `process`."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.hosts.calls import call_objections
from pytest_mockforge.hosts.common import (
    FILE_FUNCTIONS,
    HOST_FUNCTIONS,
    HOST_MODULE,
    IMPORT_MODULES,
    MEMORY_LIMIT,
    WASI,
    WASI_FUNCTIONS,
    distinct_imports,
    import_topic,
    instantiation_objection,
    memory_growth,
    memory_over,
    note,
    proposals_objection,
)
from pytest_mockforge.hosts.manifest_rules import listed_capabilities, runtime_manifest_objections
from pytest_mockforge.hosts.messages import EXECUTION, RUNTIME_MODULE, SECURITY
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.hosts.profile import Candidate, Files, register
from pytest_mockforge.runtimes.base import MIB
from pytest_mockforge.runtimes.wasm.module_info import Import

_LARGEST_FILE = 50 * MIB
_TABLES = 1
"""The store allows ten, but the pool of instances has room for one a module."""
_TABLE_ELEMENTS = 1000
_FUEL = 5_000_000
_OFF = frozenset({"threads", "simd", "relaxed_simd", "multi_memory"})
_FILE_CAPABILITIES = {"filesystem:read", "filesystem:write"}
_INSTANTIATE = f"{RUNTIME_MODULE}Failed to instantiate WASM module with WASI: "
_COMPILE = f"{RUNTIME_MODULE}Failed to load WASM module: "


class Runtime:
    """Calls any export by name, and wants `init` and `process` to be among them."""

    name = "runtime"
    as_shipped = "panics before it loads a plugin: its engine has SIMD off and relaxed SIMD on (contract 3.1)"

    def not_compiled(self, _files: Files) -> str:
        """Give what the host prints of a module that its engine does not take."""
        return f"{_COMPILE}…"

    def judge_files(self, files: Files) -> Iterator[Objection]:
        """Give every rule on the file's size and on the manifest that is broken."""
        size = len(files.data)
        if size > _LARGEST_FILE:
            yield Objection(
                rule="size",
                detail="file",
                message="the file is larger than the host takes",
                expected=f"at most {_LARGEST_FILE:,} bytes",
                got=f"{size:,} bytes",
                host_message=f"{SECURITY}Plugin file size {size} exceeds maximum allowed size {_LARGEST_FILE}",
                hint=files.mend("size"),
            )
        yield from runtime_manifest_objections(files)

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give every other rule that the plugin breaks."""
        yield from proposals_objection(candidate, self.not_compiled(candidate.files), _OFF)
        yield from _tables_of_pool(candidate)
        yield from _imports(candidate)
        yield from _exports(candidate)
        yield from memory_over(candidate, MEMORY_LIMIT, _INSTANTIATE)
        yield from _table_elements(candidate)
        yield from instantiation_objection(candidate, _INSTANTIATE)
        yield from call_objections(
            candidate,
            prefix=EXECUTION,
            lookup=lambda name, _exported: f"Function '{name}' not found in WASM module",
            memory_kind="WASM module must export a 'memory'",
        )
        yield from _notes(candidate)


def _imports(candidate: Candidate) -> Iterator[Objection]:
    """Two checks stand one after the other, and the second refuses most of what the first let through."""
    for imported in distinct_imports(candidate.info):
        said, expected, capability = _import_problem(imported, listed_capabilities(candidate.files.manifest))
        if said:
            name = f"{imported.module}::{imported.name}"
            yield Objection(
                rule="imports",
                detail=f"{name}:capability" if capability else name,
                message=f"{imported.name} is imported, but no filesystem capability is declared"
                if capability
                else f"the module imports {name}, which the host does not allow",
                expected=expected,
                got=imported.type_text,
                host_message=said,
                hint="declare filesystem:read or filesystem:write in plugin.yaml, or build without WASI"
                if capability
                else candidate.files.mend(import_topic(imported)),
            )


def _import_problem(imported: Import, declared: frozenset[str]) -> tuple[str | None, str, bool]:
    """What the host prints of an import, what it expects, and whether a capability alone is missing."""
    module, name = imported.module, imported.name
    of_host, of_wasi = ", ".join(HOST_FUNCTIONS), ", ".join(WASI_FUNCTIONS)
    if module not in IMPORT_MODULES:
        return f"{SECURITY}Disallowed import module: {module}", f"imports from {WASI} alone", False
    if module == HOST_MODULE and name not in HOST_FUNCTIONS:
        return f"{SECURITY}Disallowed host function: {name}", f"one of {of_host}", False
    if module != HOST_MODULE and name in FILE_FUNCTIONS and not declared & _FILE_CAPABILITIES:
        said = f"Plugin imports filesystem function '{name}' but has no filesystem capabilities"
        return SECURITY + said, "filesystem:read or filesystem:write among the capabilities of plugin.yaml", True
    if module != HOST_MODULE and name not in WASI_FUNCTIONS:
        return f"{SECURITY}Disallowed WASI function: {name}", f"one of {of_wasi}", False
    if module != WASI:
        # Its first check allows the module, its second does not.
        return f"{SECURITY}Dangerous import module: {module}", f"imports from {WASI} alone", False
    if imported.kind != "function":
        return f"{_INSTANTIATE}…", "a function", False
    return None, "", False


def _exports(candidate: Candidate) -> Iterator[Objection]:
    for export in candidate.info.exports:
        if export.name.startswith("_"):
            yield Objection(
                rule="names",
                detail=export.name,
                message=f"the export {export.name!r} begins with an underscore",
                expected="no export that begins with '_', of whatever kind",
                got=f"{export.kind} {export.name!r}",
                host_message=f"{SECURITY}Private export function not allowed: {export.name}",
                hint=candidate.files.mend("names"),
            )
    missing = [name for name in ("init", "process") if candidate.info.export(name) is None]
    if missing:
        plural = "exports {} are" if len(missing) > 1 else "export {} is"
        yield Objection(
            rule="names",
            detail="init-process",
            message=f"{plural.format(' and '.join(missing))} missing",
            expected="exports named 'init' and 'process', of any kind",
            got=f"no {' and no '.join(missing)}",
            host_message=f"{SECURITY}Plugin must export 'init' and 'process' functions",
            hint=candidate.files.mend("init-process"),
        )


def _tables_of_pool(candidate: Candidate) -> Iterator[Objection]:
    count = len(candidate.info.tables)
    if count > _TABLES:
        yield Objection(
            rule="limits",
            detail="tables",
            message="the module defines more tables than the host has room for",
            expected=f"at most {_TABLES}: its pool has one a module, whatever its store allows",
            got=f"{count} tables",
            host_message=f"{_COMPILE}…",
        )


def _table_elements(candidate: Candidate) -> Iterator[Objection]:
    most = max((table.minimum for table in candidate.info.tables), default=0)
    if most > _TABLE_ELEMENTS:
        yield Objection(
            rule="limits",
            detail="table-elements",
            message="a table is larger than the host allows",
            expected=f"at most {_TABLE_ELEMENTS:,} elements",
            got=f"{most:,} elements",
            host_message=f"{_INSTANTIATE}table minimum size of {most} elements exceeds table limits",
            hint="call fewer functions through pointers and trait objects",
        )


def _notes(candidate: Candidate) -> Iterator[Objection]:
    yield from memory_growth(candidate, MEMORY_LIMIT)
    yield note(
        "fuel",
        f"the host gives each call, and instantiation, {_FUEL:,} units of fuel, counted by wasmtime 36",
        f"at most {_FUEL:,} units",
        "see MF401; fuel of another version of wasmtime is another unit",
    )
    yield note(
        "input-ignored",
        "the host passes the PluginContext alone: the request itself never reaches the plugin",
        "a plugin that makes do with plugin_id, version, timeout_ms, request_id, environment and custom",
    )


register(Runtime())
