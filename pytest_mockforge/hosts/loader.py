"""MockForge's `PluginLoader` and its validator (contract 3.3): what `mockforge plugin validate` asks."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.hosts.common import import_module_objections, proposals_objection
from pytest_mockforge.hosts.manifest_rules import loader_manifest_objections
from pytest_mockforge.hosts.objections import Objection, Rule
from pytest_mockforge.hosts.profile import Candidate, register
from pytest_mockforge.runtimes.base import MIB
from pytest_mockforge.runtimes.wasm.externs import FuncType

_LARGEST_FILE = 10 * MIB
_EXPORTS = 1000
_PAGES = 100
_PARAMS, _RESULTS, _FEW_PARAMS = 20, 10, 5
_FUNCTIONS = 5000
SUSPICIOUS = (
    "http://", "https://", "/bin/", "/usr/bin/", "eval(", "exec(", "system(", "shell", "cmd.exe", "powershell", "wget",
    "curl", "nc ", "netcat", "python -c", "ruby -e", "node -e", "bash -c", "sh -c",
)  # fmt: skip
"""Texts that no data segment may hold (contract 3.3 step 12)."""


class Loader:
    """Validates and registers a plugin's folder; calls nothing."""

    name = "loader"
    as_shipped = "refuses every module at its last check, which is fed the compiled image, not the file (contract 3.3)"

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give every rule that the plugin breaks."""
        yield from loader_manifest_objections(candidate)
        if len(candidate.data) > _LARGEST_FILE:
            size = len(candidate.data)
            yield _objection(
                "size",
                "file",
                "the file is larger than the host takes",
                f"at most {_LARGEST_FILE:,} bytes",
                f"{size:,} bytes",
                f"WASM file too large: {size} bytes (max: {_LARGEST_FILE} bytes)",
            )
        yield from proposals_objection(candidate, frozenset())
        yield from import_module_objections(candidate)
        yield from _memories(candidate)
        yield from _functions(candidate)
        yield from _words(candidate)


def _memories(candidate: Candidate) -> Iterator[Objection]:
    exported = [export for export in candidate.info.exports if export.kind == "memory"]
    if not exported:
        message = "WASM module must export memory"
        yield _objection("memory", "none", "no memory is exported", "an exported memory of any name", "none", message)
    for export in exported:
        limits = export.memory
        if limits is not None and limits.maximum is not None and limits.maximum > _PAGES:
            message = f"Exported memory limit too high: {limits.maximum} pages"
            expected, got = f"a maximum of at most {_PAGES} pages, or none at all", f"{limits.maximum:,} pages"
            yield _objection("limits", "memory", "the exported memory may grow too large", expected, got, message)
    for imported in candidate.info.imports:
        maximum = getattr(imported.type, "maximum", None)
        if imported.kind == "memory" and maximum is not None and maximum > _PAGES:
            expected, got = f"a maximum of at most {_PAGES} pages", f"{maximum:,} pages"
            yield _objection("limits", "imported-memory", "the imported memory may grow too large", expected, got)


def _functions(candidate: Candidate) -> Iterator[Objection]:
    exported = [export for export in candidate.info.exports if export.kind == "function"]
    imported = sum(one.kind == "function" for one in candidate.info.imports)
    if len(exported) > _EXPORTS:
        got = f"{len(exported):,}"
        yield _objection("limits", "exports", "too many functions are exported", f"at most {_EXPORTS:,}", got)
    if len(exported) + imported > _FUNCTIONS:
        got, expected = f"{len(exported) + imported:,}", f"at most {_FUNCTIONS:,} exported and imported functions"
        yield _objection("limits", "functions", "too many functions are exported and imported", expected, got)
    for export in exported:
        if export.signature is not None and not _modest(export.signature):
            yield _objection(
                "limits",
                f"signature:{export.name}",
                f"the function {export.name!r} has a type that the host does not take",
                f"at most {_PARAMS} parameters and {_RESULTS} results, vectors and references at most half of many",
                str(export.signature),
            )


def _modest(signature: FuncType) -> bool:
    if len(signature.params) > _PARAMS or len(signature.results) > _RESULTS:
        return False
    unusual = sum(param not in ("i32", "i64", "f32", "f64") for param in signature.params)
    return len(signature.params) <= _FEW_PARAMS or 2 * unusual <= len(signature.params)


def _words(candidate: Candidate) -> Iterator[Objection]:
    contents = [bytes(segment) for segment in candidate.info.data_contents]
    for word in SUSPICIOUS:
        found = sum(word.encode() in content for content in contents)
        if found:
            yield _objection(
                "words",
                word.strip(),
                f"a data segment holds the text {word!r}, which the host takes for suspicious",
                "data segments with none of its words",
                f"{word!r} in {found} of {len(contents)} segments",
                f"Data segment contains suspicious content: '{word}'",
                "keep such texts out of constants: panic messages and URLs of crates count, so strip them",
            )


def _objection(
    rule: Rule, detail: str, message: str, expected: str, got: str, host: str | None = None, hint: str | None = None
) -> Objection:
    return Objection(
        rule=rule, detail=detail, message=message, expected=expected, got=got, host_message=host, hint=hint
    )


register(Loader())
