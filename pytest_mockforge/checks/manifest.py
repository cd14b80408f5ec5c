"""MF7: can the manifest be read, and does it ask for what it can have?"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.reading import objected
from pytest_mockforge.checks.registry import check
from pytest_mockforge.hosts.manifest_parsers import verdicts
from pytest_mockforge.hosts.manifest_rules import MEANINGFUL
from pytest_mockforge.hosts.objections import detail_of


@check("MF701", "plugin.yaml can be read", need="nothing")
def manifest_readable(bench: Bench) -> Iterator[Finding]:
    """The manifest is YAML 1.2, without duplicate keys, tags or aliases that explode.

    Source: contract 7. A bare module works without a manifest; then there is nothing to check. YAML 1.2 reads `no` and
    `on` as text, as MockForge's parser does.

    Details: `unreadable:` and `no-manifest` or `two-manifests`, of a folder; `not-a-file`, `cannot-be-read`,
    `too-large`; `empty`, `several-documents`, `no-mapping`; `duplicate-key`, `key-is-no-text`, `aliases-explode`,
    `alias-in-itself`, `unknown-alias`, `tag`, `directive`; `tab`, `indentation`, `second-colon`, `no-colon`, `syntax`;
    `forbidden-character`, `surrogate`, `not-utf-8`; `too-deep`, `too-many-values`, `too-many-lines`, `number-too-long`.

    Mend: the message names file, line and column.
    """
    error = bench.subject.manifest_error
    if error is not None:
        first, _, rest = error.message.partition("\n")
        yield Finding(
            code="MF701",
            severity="error",
            detail=detail_of("unreadable", error.cause),
            message=first,
            expected=error.expected or "",
            got=error.got or rest.strip(),
            hint=error.hint or "",
        )


@check("MF702", "the values of plugin.yaml have the types they need", need="nothing")
def manifest_values(bench: Bench) -> Iterator[Finding]:
    """A value of a wrong type is left out of account, so a limit or a capability may silently not hold.

    Source: contract 7.1 and 7.4. A manifest may lower the limits of a test run and never raise them: what it asks
    for beyond them is noted.

    Mend: the message names the value and what it should be.
    """
    manifest = bench.subject.manifest
    if manifest is None:
        return
    for problem in manifest.problems:
        yield Finding(
            code="MF702",
            severity="warning",
            detail=problem.pointer,
            message=f"plugin.yaml line {problem.line}, {problem.pointer}: {problem.message}",
        )
    if manifest.memory_bytes is not None and manifest.memory_bytes > bench.limits.memory:
        yield Finding(
            code="MF702",
            severity="note",
            detail="memory-above-limit",
            message="plugin.yaml asks for more memory than this run allows",
            expected=f"at most {bench.limits.memory:,} bytes",
            got=f"{manifest.memory_bytes:,} bytes",
            hint="raise --mockforge-memory if the plugin needs as much",
        )


@check("MF703", "MockForge's hosts accept the manifest", need="nothing", of="module", mends=("manifest",))
def manifest_accepted(bench: ModuleBench) -> Iterator[Finding]:
    """MockForge has five parsers for `plugin.yaml`, and hardly a published manifest is accepted by one of them.

    Source: contract 7.2 and 7.3. What each says is noted, with the first reason, and so is a capability under another
    name than the hosts know. Under a host that reads the manifest (`runtime`, `loader`) a refusal is an error.

    Mend: the loader's shape: info{id, version{major, minor, patch}, name, description, author{name}}, a list of
    capabilities, and a map of dependencies.
    """
    yield from objected(bench, "MF703", "manifest")
    manifest = bench.subject.manifest
    if manifest is None:
        return
    for verdict in verdicts(manifest.document):
        said = "accepts plugin.yaml" if verdict.reason is None else f"refuses plugin.yaml: {verdict.reason}"
        yield _noted(
            f"parser-{verdict.parser}",
            f"parser {verdict.parser} ({verdict.used_by}) {said}",
            f"it warns: {', '.join(verdict.warnings)}" if verdict.warnings else "",
        )
    for name, spellings in manifest.spellings.items():
        own = MEANINGFUL.get(name)
        others = [spelling for spelling in spellings if spelling != own]
        if others and own:
            yield _noted(f"spelling:{name}", f"the hosts know {', '.join(others)} as {own}, and by no other name")
        elif others:
            yield _noted(f"spelling:{name}", f"no host knows the capability {name!r}")


def _noted(detail: str, message: str, got: str = "") -> Finding:
    return Finding(code="MF703", severity="note", detail=detail, message=message, got=got)
