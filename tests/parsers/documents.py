"""The parsers of documents that users write, each with good data for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fixtures.hostile.make import expanded, folders
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.accepted import read_accept_file
from pytest_mockforge.documents.added_samples import NewSample, add_samples
from pytest_mockforge.documents.manifest import read_manifest
from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.hosts.manifest_parsers import verdicts
from tests.conftest import ROOT, RUST
from tests.mutations import Seeds
from tests.parsers.judging import Parser, as_file, yaml_seeds

_FIXTURES = ROOT / "fixtures"
_EXAMPLES = ROOT / "example_tests"


def _manifest(data: bytes, folder: Path) -> None:
    with as_file(data, folder, ".yaml") as path:
        verdicts(read_manifest(path).document)


def _testfile(data: bytes, folder: Path) -> None:
    with as_file(data, folder, ".test.yaml") as path:
        read_testfile(path)


def _accepted(data: bytes, folder: Path) -> None:
    with as_file(data, folder, ".yaml") as path:
        read_accept_file(path)


def _added_samples(data: bytes, folder: Path) -> None:
    sample = NewSample(name="added", operation=Operation.AUTHENTICATE, request={"uri": "/"}, outcome="accepted")
    with as_file(data, folder, ".test.yaml") as path:
        if add_samples(path, [sample]):
            assert [one.name for one in read_testfile(path).samples][-1:] == ["added"]
        else:
            assert path.read_bytes() == data


@cache
def _manifests() -> Seeds:
    paths = [RUST / "plugin.yaml", *sorted(_EXAMPLES.glob("*/plugin.yaml"))]
    hostile = [text for row in folders().values() for name, text in row.files.items() if name.startswith("plugin.y")]
    registry = (
        "{name: a, version: 1.2.3, description: b, author: {name: c}, license: d, tags: [e], category: auth,"
        " dependencies: {}}"
    )
    core = (
        '{manifest_version: "1.0", plugin: {id: a, name: b, version: {major: 1, minor: 0, patch: 0}, types: [auth],'
        " keywords: []}, capabilities: {network: {allow_http: false, allowed_hosts: [], max_connections: 1},"
        " filesystem: {read_paths: [], write_paths: [], allow_temp_files: false}, resources: {max_memory_bytes: 1,"
        " max_cpu_percent: 1.5, max_execution_time_ms: 1, max_concurrent_executions: 1}, custom: {}}, dependencies:"
        " [{id: c, version: d, optional: true}], metadata: {}, config_schema: {version: '1.0', properties: {e: {type:"
        " string, default: f, validation: {min: 1}}}, required: [e]}}"
    )
    texts = [path.read_bytes() for path in paths] + [registry.encode(), core.encode()]
    return yaml_seeds(texts, [expanded(text) for text in hostile if len(expanded(text)) < 5000])


@cache
def _testfiles() -> Seeds:
    paths = [RUST / "plugin.test.yaml", *sorted(_EXAMPLES.glob("*/plugin.test.yaml"))]
    paths += sorted(_FIXTURES.glob("buggy/service/*/plugin.test.yaml"))
    whole = (
        "{version: 1, stateful: true, growth: 2, volatile: [/a, {pointer: /b/*, operation: authenticate}], samples:"
        " [{name: a, operation: query_datasource, request: {query: SELECT 1}, expect: {outcome: refused, reply: {rows:"
        " []}}}], accept: [{code: MF403, reason: b, detail: c*, expires: '2027-01-31'}], differences: [{pointer: /a,"
        " reason: b}], start: {command: [a, '{port}'], cwd: ., env: {A: b}, ready: /health, ready_timeout: 5s, prefix:"
        " /v1}, budgets: ['rust: p95<5ms', authenticate: fuel<200k]}"
    )
    remote = "{remote: {url: 'https://localhost:1', auth: {type: bearer, env: TOKEN}, ca: a.pem}}"
    return yaml_seeds([whole.encode(), remote.encode()], [path.read_bytes() for path in paths])


@cache
def _accept_files() -> Seeds:
    full = "- {code: MF403, reason: known, detail: 'a*', expires: '2027-01-31', plugin: rust}\n"
    return yaml_seeds([f"{full}- {{code: MF201, reason: b}}\n".encode()])


PARSERS = (
    Parser(name="manifest", feed=_manifest, seeds=_manifests),
    Parser(name="plugin.test.yaml", feed=_testfile, seeds=_testfiles),
    Parser(name="accept file", feed=_accepted, seeds=_accept_files),
    Parser(name="added samples", feed=_added_samples, seeds=_testfiles),
)
