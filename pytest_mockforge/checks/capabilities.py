"""MF7, the capability proof: what the plugin was seen to ask for, held against what its manifest declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.registry import check

_READS = ("fd_read", "fd_pread", "fd_readdir", "path_readlink", "path_filestat_get")
_WRITES = (
    "fd_pwrite",
    "fd_allocate",
    "path_create_directory",
    "path_link",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "path_filestat_set_times",
)
_WASI: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_READS, ("filesystem:read",)),
    **dict.fromkeys(_WRITES, ("filesystem:write",)),
    # Which of the two an open asks for hangs on its rights; either declaration will do.
    "path_open": ("filesystem:read", "filesystem:write"),
    **dict.fromkeys(("sock_accept", "sock_recv", "sock_send", "sock_shutdown"), ("network",)),
}
"""WASI functions with the capabilities of which one must be declared."""
_PROVABLE = {name for names in _WASI.values() for name in names}


@check("MF704", "capabilities that are used are declared", need="border", of="module")
def capability_proof(bench: ModuleBench) -> Iterator[Finding]:
    """A plugin that reads files or opens sockets must say so; what it was seen to call is the proof.

    Every call of an imported function is recorded while samples and realistic requests are made. A call that needs a
    capability which plugin.yaml does not declare is an error; a capability that is declared and of which no call was
    seen is noted. Standard input, output, clock and random numbers need none. Without a manifest nothing is judged.

    Source: contract 7.2, 7.4 and 3.1 step 7.

    Mend: declare the capability, or drop the call; drop declarations that nothing uses.
    """
    manifest = bench.subject.manifest
    if manifest is None:
        return
    seen: dict[str, str] = {}
    for operation, trials in bench.survey.items():
        for trial in trials:
            for call in trial.observation.asked:
                # Descriptors 0 to 2 are standard input and output.
                standard = call.name.startswith("fd_") and bool(call.arguments) and call.arguments[0] in (0, 1, 2)
                if call.module == "wasi_snapshot_preview1" and call.name in _WASI and not standard:
                    detail = f" {call.detail!r}" if call.detail else ""
                    seen.setdefault(call.name, f"{operation} called {call.name}{detail}, on {trial.name!r}")
    for name, message in seen.items():
        if not manifest.capabilities & set(_WASI[name]):
            yield Finding(
                code="MF704",
                severity="error",
                detail=f"{name}:undeclared",
                message=f"{message}, which no capability of plugin.yaml allows",
                expected=f"{' or '.join(_WASI[name])} among the capabilities",
                got=", ".join(sorted(manifest.capabilities)) or "no capability",
            )
    used = {capability for name in seen for capability in _WASI[name]}
    for capability in sorted((manifest.capabilities & _PROVABLE) - used):
        yield Finding(
            code="MF704",
            severity="note",
            detail=f"{capability}:unused",
            message=f"plugin.yaml declares {capability}, of which no call was seen",
        )
