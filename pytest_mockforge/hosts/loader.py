"""MockForge's `PluginLoader` and its validator (contract 3.3): what `mockforge plugin validate` and the admin UI ask.

A load ends with an instance in the sandbox, so the sandbox's rules of instantiation hold as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.hosts.common import (
    MEMORY_LIMIT,
    distinct_imports,
    import_problem,
    import_topic,
    instantiation_objection,
    memory_over,
    proposals_objection,
)
from pytest_mockforge.hosts.manifest_rules import loader_manifest_objections
from pytest_mockforge.hosts.messages import LOADER_MODULE, SECURITY, VALIDATION, unknown_import
from pytest_mockforge.hosts.objections import Objection, Rule
from pytest_mockforge.hosts.profile import Candidate, Files, register
from pytest_mockforge.hosts.sandbox import INSTANTIATE
from pytest_mockforge.runtimes.base import MIB
from pytest_mockforge.runtimes.wasm.externs import FuncType, MemoryType

_LARGEST_FILE = 10 * MIB
_EXPORTS = 1000
_PAGES = 100
_PARAMS, _RESULTS, _FEW_PARAMS = 20, 10, 5
_FUNCTIONS = 5000
_SURROUNDING = 24
"""Bytes shown on both sides of a suspicious text."""
SUSPICIOUS = (
    "http://", "https://", "/bin/", "/usr/bin/", "eval(", "exec(", "system(", "shell", "cmd.exe", "powershell", "wget",
    "curl", "nc ", "netcat", "python -c", "ruby -e", "node -e", "bash -c", "sh -c",
)  # fmt: skip
"""Texts that no data segment may hold (contract 3.3 step 12)."""


class Loader:
    """Validates and registers a plugin's folder; calls nothing."""

    name = "loader"
    as_shipped = "refuses every module at its last check, which is fed the compiled image, not the file (contract 3.3)"

    def not_compiled(self, _files: Files) -> str:
        """Give what the host prints of a module that its engine does not take."""
        return f"{LOADER_MODULE}Invalid WASM module: …"

    def judge_files(self, files: Files) -> Iterator[Objection]:
        """Give every rule on folder, manifest and size of the file that is broken."""
        yield from loader_manifest_objections(files)
        size = len(files.data)
        if size > _LARGEST_FILE:
            yield _objection(
                "size",
                "file",
                "the file is larger than the host takes",
                f"at most {_LARGEST_FILE:,} bytes",
                f"{size:,} bytes",
                f"{SECURITY}WASM file too large: {size} bytes (max: {_LARGEST_FILE} bytes)",
                files.mend("size"),
            )

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give every other rule that the plugin breaks."""
        yield from proposals_objection(candidate, self.not_compiled(candidate.files), frozenset())
        yield from _imports(candidate)
        yield from _memories(candidate)
        yield from _functions(candidate)
        yield from _words(candidate)
        yield from memory_over(candidate, MEMORY_LIMIT, INSTANTIATE)
        yield from instantiation_objection(candidate, INSTANTIATE)


def _imports(candidate: Candidate) -> Iterator[Objection]:
    """What the validator lets through, the sandbox does not link."""
    for imported in distinct_imports(candidate.info):
        problem = import_problem(imported)
        name = f"{imported.module}::{imported.name}"
        said, expected = INSTANTIATE + unknown_import(imported.module, imported.name), "no imports"
        message = f"the module imports {name}, which the validator allows and the sandbox behind it does not provide"
        if problem is not None:
            said, expected = problem[0], f"one of {', '.join(problem[1])}; and the sandbox behind it provides none"
            message = f"the module imports {name}, which the host does not allow"
        hint = candidate.files.mend(import_topic(imported))
        yield _objection("imports", name, message, expected, imported.type_text, said, hint)


def _memories(candidate: Candidate) -> Iterator[Objection]:
    files = candidate.files
    exported = [export for export in candidate.info.exports if export.kind == "memory"]
    imported = [one.type for one in candidate.info.imports if isinstance(one.type, MemoryType)]
    if not exported:
        said = f"{VALIDATION}WASM module must export memory"
        expected = "an exported memory of any name"
        yield _objection("memory", "memory:none", "no memory is exported", expected, "none", said, files.mend("memory"))
    for memory in imported:
        yield from _maximum(memory, "imported-memory", "the imported memory", None, files.mend("maximum"))
    for export in exported:
        if export.memory is not None:
            said = f"Exported memory limit too high: {export.memory.maximum} pages"
            yield from _maximum(export.memory, "memory", "the exported memory", said, files.mend("maximum"))


def _maximum(memory: MemoryType, detail: str, which: str, said: str | None, hint: str) -> Iterator[Objection]:
    if memory.shared and memory.maximum is None:
        expected, got = "a maximum, or a memory that is not shared", "a shared memory without a maximum"
        yield _objection("limits", f"{detail}-shared", f"{which} is shared and has no maximum", expected, got)
    elif memory.maximum is not None and memory.maximum > _PAGES:
        expected, got = f"a maximum of at most {_PAGES} pages, or none at all", f"{memory.maximum:,} pages"
        yield _objection("limits", f"{detail}-maximum", f"{which} may grow too large", expected, got, said, hint)


def _functions(candidate: Candidate) -> Iterator[Objection]:
    exported = [export for export in candidate.info.exports if export.kind == "function"]
    imported = sum(one.kind == "function" for one in candidate.info.imports)
    hint = "export only what the host calls"
    if len(exported) > _EXPORTS:
        got = f"{len(exported):,}"
        message = "too many functions are exported"
        yield _objection("limits", "exports", message, f"at most {_EXPORTS:,}", got, None, hint)
    if len(exported) + imported > _FUNCTIONS:
        got, expected = f"{len(exported) + imported:,}", f"at most {_FUNCTIONS:,} exported and imported functions"
        message = "too many functions are exported and imported"
        yield _objection("limits", "functions", message, expected, got, None, hint)
    for export in exported:
        if export.signature is not None and not _modest(export.signature):
            yield _objection(
                "limits",
                f"signature:{export.name}",
                f"the function {export.name!r} has a type that the host does not take",
                f"at most {_PARAMS} parameters and {_RESULTS} results; of more than {_FEW_PARAMS} parameters at most "
                "half vectors and references",
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
        found = [(content, content.find(word.encode())) for content in contents if word.encode() in content]
        if found:
            content, at = found[0]
            around = content[max(0, at - _SURROUNDING) : at + len(word) + _SURROUNDING].decode("utf-8", "replace")
            yield _objection(
                "words",
                word.strip(),
                f"a data segment holds the text {word!r}, which the host takes for suspicious",
                "data segments with none of its words",
                f"{around!r} in {'one' if len(found) == 1 else f'{len(found):,}'} of {len(contents):,} segments",
                f"{SECURITY}Data segment contains suspicious content: '{word}'",
                candidate.files.mend("words"),
            )


def _objection(
    rule: Rule, detail: str, message: str, expected: str, got: str, said: str | None = None, hint: str | None = None
) -> Objection:
    return Objection(
        rule=rule,
        detail=detail,
        message=message,
        expected=expected,
        got=got,
        host_message=said,
        hint=hint,
        # It calls nothing, so that whatever it minds it minds when it loads.
        at_load=True,
    )


register(Loader())
