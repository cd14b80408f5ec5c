"""The parsers of files that we wrote and read again, each with good data for it."""

from __future__ import annotations

import contextlib
import json
from functools import cache
from pathlib import Path

from pytest_mockforge.budgets.baseline import read_baseline
from pytest_mockforge.budgets.model import Dimension
from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request, RequestBuilder
from pytest_mockforge.documents.testfile import EMPTY
from pytest_mockforge.fuzz import corpus
from pytest_mockforge.fuzz.corpus_file import UnreadableCase
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.masking import Redactor
from pytest_mockforge.recording.reading import distinct, read_recording
from pytest_mockforge.recording.samples import samples_from
from pytest_mockforge.report.json_report import from_json, to_json
from pytest_mockforge.runtimes.wasm.cache import CompileCache
from pytest_mockforge.snapshot import text as snapshot_text
from pytest_mockforge.snapshot.file import read_snapshots
from tests.conftest import ROOT
from tests.mutations import Seeds, Value
from tests.parsers.judging import Parser, as_file, json_seeds
from tests.report_cases import error, report_of, result

_EXAMPLES = ROOT / "example_tests"
_SECRETS = {"a-known-token.token": "s3cr3t-tok", "a": "hunter2-hunter2"}


def _recording(data: bytes, folder: Path) -> None:
    with as_file(data, folder, ".jsonl") as path:
        recording = read_recording(path)
        redactor = Redactor(_SECRETS)
        for one in distinct(recording.lines):
            call = one.lines[0].call
            assert isinstance(call.masked, frozenset)
            with contextlib.suppress(UnreadableCase):
                call.asked(redactor)
        for replies in (False, True):
            samples_from(recording, EMPTY, label=None, replies=replies)
        assert all(problem.isprintable() for problem in recording.problems)


def _corpus(data: bytes, folder: Path) -> None:
    place = folder / "corpus"
    place.mkdir(exist_ok=True)
    (place / "MF301-a.json").write_bytes(data)
    reading = corpus.read(place, secrets=_SECRETS)
    assert len(reading.kept) + len(reading.problems) == 1
    assert all(str(problem).isprintable() for problem in reading.problems)


def _snapshots(data: bytes, folder: Path) -> None:
    with as_file(data, folder, ".mockforge") as path:
        for text in read_snapshots(path).values():
            with contextlib.suppress(snapshot_text.Unreadable):
                snapshot_text.read(text)


def _baseline(data: bytes, folder: Path) -> None:
    kinds: tuple[Dimension, ...] = ("time", "fuel", "memory", "growth", "size")
    with as_file(data, folder, ".json") as path:
        recorded = read_baseline(path, "auth", dialect="host")
        for operation in Operation:
            for kind in kinds:
                found, reason = recorded.measured(operation, kind, requests=3)
                assert (found is None) == bool(reason)


def _report(data: bytes, _folder: Path) -> None:
    from_json(data)


def _compile_record(data: bytes, folder: Path) -> None:
    store = CompileCache(folder / "compiled")

    def obtain() -> bytes:
        return store.obtain(
            b"module", "engine", load=lambda path: Path(path).read_bytes(), make=lambda: b"native", serialize=bytes
        )

    obtain()
    (record,) = (folder / "compiled").glob("*.record")
    record.write_bytes(data)
    assert obtain() == b"native"


@cache
def _recordings() -> Seeds:
    head = '{"format":"mockforge-recording","version":1,"made_by":{"a":"1"}}\n'
    calls: list[dict[str, Value]] = [
        {
            "operation": "template_function",
            "request": {"function_name": "upper", "args": ["abc"]},
            "reply": {"json": "ABC"},
        },
        {
            "operation": "authenticate",
            "request": {"uri": "/a?token=~secret.a~", "method": "GET"},
            "reply": {"text": "{"},
        },
        {"operation": "authenticate", "payload": {"base64": "/w=="}, "reply": {"base64": "YQ=="}, "accepted": True},
        {
            "operation": "query_datasource",
            "model": {"query": "SELECT 1", "parameters": {"a": [1]}},
            "fuel": 3,
            "fresh": True,
        },
        {
            "operation": "generate_response",
            "request": {"uri": "/b", "headers": {"a": "b"}},
            "status": 200,
            "limited": True,
        },
    ]
    lines = [json.dumps({"plugin": "rust", "outcome": "reply", "test": "t.py::test_a[b]", **call}) for call in calls]
    seeds = [(head + "\n".join(lines[:size]) + "\n").encode() for size in (1, 2, 5)]
    # A line is the JSON that is changed, and behind a head it is read.
    values = [json.loads(line) for line in lines]
    return Seeds("json", [*seeds, *(head.encode() + line.encode() for line in lines)], (head.encode(),), values)


def _line_of_recording(data: bytes, folder: Path) -> None:
    _recording(b'{"format":"mockforge-recording","version":1}\n' + data.replace(b"\n", b" ") + b"\n", folder)


@cache
def _corpora(folder: str) -> Seeds:
    build = RequestBuilder()
    asked: list[Request] = [
        build.auth(query={"token": "s3cr3t-tok"}),
        build.template("upper", "a\0é", [1]),
        build.query("SELECT 1"),
    ]
    texts = []
    for request in asked:
        case = Case(operation=request.operation, payload=HostDialect().encode(request), request=request)
        raw = Case(operation=request.operation, payload=b"\xff\xfe{", request=None, family="truncated")
        found = Discovery(
            code="MF305", detail="a", message="b", got="c", hint="d", case=case, before=(raw, case), backtrace=("e",),
            seed=7, label="rust", dialect="host",
        )  # fmt: skip
        texts.append(corpus.write(Path(folder), found, secrets=_SECRETS).read_bytes())
    return json_seeds(texts)


@cache
def _snapshot_files() -> Seeds:
    paths = sorted(_EXAMPLES.glob("**/__snapshots__/*.mockforge"))
    words = (
        b"# test_a\n",
        b"  a: json\n",
        b"  a: text\n    |",
        b"  a: table\n",
        b"  a: digest\n    bytes: 1\n    sha256: a\n",
        b"  ",
        b" | ",
        b"# pytest-mockforge snapshots ",
        b'# "a',
        b"  a:\n",
        b"\\U00110000",
        b"\\ud800",
        b"(none)",
        b"  " * 300 + b"a:\n",
    )
    return Seeds("text", [path.read_bytes() for path in paths], words)


@cache
def _baselines() -> Seeds:
    from importlib.metadata import version

    figures = {
        "fuel_steady": 100,
        "fuel_cold": 120,
        "accepted": 3,
        "growth": 0.5,
        "growth_verdict": "fine",
        "only_refusals": False,
    }
    plugin = {
        "label": "auth",
        "identity": {"size": 1000, "dialect": None},
        "operations": {"authenticate": {"figures": figures}},
    }
    run = {"wasmtime": version("wasmtime"), "machine": {"identity": "a"}, "compiler": "cranelift"}
    return json_seeds([json.dumps({"schema": "pytest-mockforge-report/1", "run": run, "plugins": [plugin]}).encode()])


@cache
def _reports() -> Seeds:
    return json_seeds([to_json(report_of([result("rust", "MF203", error())])).encode()])


@cache
def _records() -> Seeds:
    return json_seeds(
        [b'{"sha256": "' + b"a" * 64 + b'", "looks": null}', b'{"sha256": "a", "looks": [1, 2, 3, 4, 5]}']
    )


@cache
def _corpus_seeds() -> Seeds:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return _corpora(folder)


PARSERS = (
    Parser(name="recording", feed=_recording, seeds=_recordings),
    Parser(name="line of a recording", feed=_line_of_recording, seeds=_recordings),
    Parser(name="corpus", feed=_corpus, seeds=_corpus_seeds),
    Parser(name="snapshots", feed=_snapshots, seeds=_snapshot_files),
    Parser(name="baseline", feed=_baseline, seeds=_baselines),
    Parser(name="report", feed=_report, seeds=_reports),
    Parser(name="record of the compile cache", feed=_compile_record, seeds=_records),
)
