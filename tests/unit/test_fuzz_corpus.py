"""The replay corpus: what a file holds, that it comes back, and what becomes of files that are none."""

from __future__ import annotations

import json
import os
import re
import stat
import tracemalloc
from pathlib import Path
from time import process_time
from typing import cast

import msgspec
import pytest

from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import (
    DataQuery,
    PluginContext,
    Request,
    RequestBuilder,
    RequestMetadata,
    ResolutionContext,
    ResponseRequest,
    Version,
    custom,
    from_mapping,
)
from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.errors import DocumentError
from pytest_mockforge.fuzz import corpus
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.sample_form import sample_form
from pytest_mockforge.masking import named_secrets

BUILD = RequestBuilder()
UPPER = BUILD.template("upper", "a\0é🎸", 1.0, -0.0, None, {"b": [True, 2**53 + 1]})
TOKEN = "s3cr3t-tok"
SECRETS = {"a-known-token.token": TOKEN}


def case(request: Request, **more: str) -> Case:
    payload = HostDialect().encode(request)
    return Case(operation=request.operation, payload=payload, request=request, family=more.get("family", ""))


def raw(payload: bytes, operation: Operation = Operation.TEMPLATE_FUNCTION) -> Case:
    return Case(operation=operation, payload=payload, request=None, family="truncated")


def discovery(
    of: Case, *, code: str = "MF301", before: tuple[Case, ...] = (), got: str = "", seed: int = 7
) -> Discovery:
    return Discovery(
        code=code,
        detail=f"{of.operation}:memory-out-of-bounds",
        message=f"{of.operation} traps by memory-out-of-bounds",
        got=got,
        hint="look at upper",
        case=of,
        before=before,
        backtrace=("upper", "template_function"),
        seed=seed,
        label="rust",
        dialect="host",
    )


def plain(path: Path) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(path.read_text("ascii")))


def reasons(folder: Path) -> dict[str, str]:
    return {problem.path.name: problem.reason for problem in corpus.read(folder).problems}


# --- what a file holds ------------------------------------------------------------------------------------------------


def test_what_was_found_comes_back_as_it_was(tmp_path: Path) -> None:
    found = discovery(case(UPPER), code="MF305", before=(case(BUILD.auth(query={"a": "b"})), raw(b"\xff\xfe")))
    path = corpus.write(tmp_path, found)
    assert corpus.read(tmp_path) == corpus.CorpusReading(kept=(corpus.Kept(path=path, discovery=found),))


def test_the_name_tells_code_and_operation(tmp_path: Path) -> None:
    path = corpus.write(tmp_path, discovery(case(UPPER)))
    assert re.fullmatch(r"MF301-template_function-[0-9a-f]{12}\.json", path.name)


def test_a_file_is_made_to_be_read(tmp_path: Path) -> None:
    path = corpus.write(tmp_path, discovery(case(BUILD.template("upper", "é"))))
    text = path.read_text("ascii")
    assert text.endswith("}\n")
    file = plain(path)
    assert list(file) == sorted(file)
    assert file["version"] == 1
    assert file["seed"] == 7
    assert file["label"] == "rust"
    assert file["dialect"] == "host"
    assert file["masked"] is False
    assert file["message"] == "template_function traps by memory-out-of-bounds"
    assert set(cast("dict[str, str]", file["made_by"])) == {"pytest-mockforge", "wasmtime"}
    kept = cast("dict[str, dict[str, object]]", file["case"])
    assert kept["request"] == {"function_name": "upper", "args": ["é"]}
    assert cast("dict[str, object]", kept["payload"]["json"])["args"] == ["é"]


def test_the_request_can_be_pasted_into_plugin_test_yaml(tmp_path: Path) -> None:
    path = corpus.write(tmp_path, discovery(case(BUILD.auth(query={"token": "a"}, client_ip="::1"))))
    request = cast("dict[str, object]", plain(path)["case"])["request"]
    sample = {"name": "pasted", "operation": "authenticate", "request": request}
    (tmp_path / "plugin.test.yaml").write_text(json.dumps({"samples": [sample]}))
    read = read_testfile(tmp_path / "plugin.test.yaml").samples[0]
    assert from_mapping(read.operation, read.request) == BUILD.auth(query={"token": "a"}, client_ip="::1")


@pytest.mark.parametrize(
    ("payload", "form"),
    [
        (b'{"a":1}', {"json": {"a": 1}}),
        (b'{"b":1,"a":2}', {"text": '{"b":1,"a":2}'}),
        (b'{"a":1,"a":2}', {"text": '{"a":1,"a":2}'}),
        (b'{"a":', {"text": '{"a":'}),
        (b"", {"text": ""}),
        (b"null", {"json": None}),
        (b"-0", {"text": "-0"}),
        (b"1e400", {"text": "1e400"}),
        (b"\xef\xbb\xbf{}", {"text": "\ufeff{}"}),
        (b"\xff", {"base64": "/w=="}),
        (b'"\\ud800"', {"text": '"\\ud800"'}),
        (b"[" * 500, {"text": "[" * 500}),
    ],
)
def test_a_payload_stands_in_the_form_that_is_read_best_and_comes_back_byte_by_byte(
    tmp_path: Path, payload: bytes, form: object
) -> None:
    path = corpus.write(tmp_path, discovery(raw(payload)))
    assert cast("dict[str, object]", plain(path)["case"])["payload"] == form
    assert corpus.read(tmp_path).cases[0].case.payload == payload


@pytest.mark.parametrize(
    ("request_", "form"),
    [
        (BUILD.auth(), {}),
        (BUILD.auth(query={"a b": "c"}, uri="/x"), {"query": {"a b": "c"}, "uri": "/x"}),
        (BUILD.auth(uri="/x?a=1&a=2"), {"uri": "/x?a=1&a=2"}),
        (BUILD.auth(bearer="t", lenient=True), {"bearer": "t", "lenient": True}),
        (BUILD.auth(basic=("u", "p"), lenient=True), {"basic": ["u", "p"], "lenient": True}),
        (
            BUILD.auth(headers={"A": "b"}, body=b"x", lenient=True),
            {"headers": {"A": "b"}, "body": "x", "lenient": True},
        ),
        (BUILD.template("f"), {"function_name": "f"}),
        (
            BUILD.template("f", context=ResolutionContext(request_context=RequestMetadata(path="/a"))),
            {"function_name": "f", "context": {"request_context": {"path": "/a"}}},
        ),
        (BUILD.response("GET", "/a"), {"method": "GET", "path": "/a"}),
        (BUILD.response("GET", "/a", query={"b": "c"}), {"method": "GET", "path": "/a", "query": {"b": "c"}}),
        (BUILD.response("GET", "/a?b=%63"), {"method": "GET", "path": "/a?b=%63"}),
        (
            BUILD.query("q", type=custom("x"), limit=2**64 - 1),
            {"query": "q", "type": 'Custom("x")', "limit": 2**64 - 1},
        ),
        (
            BUILD.query("q", context=PluginContext(version=Version(major=9), custom={"a": 1})),
            {"query": "q", "context": {"version": {"major": 9}, "custom": {"a": 1}}},
        ),
    ],
)
def test_a_request_is_written_with_what_differs_from_the_defaults(request_: Request, form: dict[str, object]) -> None:
    assert sample_form(request_) == form
    assert from_mapping(request_.operation, form) == request_


@pytest.mark.parametrize(
    "request_",
    [
        msgspec.structs.replace(BUILD.auth(), query_params={"a": "b"}),
        BUILD.auth(body=b"\xff", lenient=True),
        ResponseRequest(method="GET", uri="/other", path="/a"),
        DataQuery(query="q", query_type="Upsert"),
    ],
)
def test_what_no_sample_can_say_is_kept_with_its_fields(tmp_path: Path, request_: Request) -> None:
    path = corpus.write(tmp_path, discovery(case(request_)))
    assert "request" not in cast("dict[str, object]", plain(path)["case"])
    assert corpus.read(tmp_path).cases[0].case == case(request_)


# --- the same finding again -------------------------------------------------------------------------------------------


def test_the_same_finding_is_kept_once_with_the_message_first_seen(tmp_path: Path) -> None:
    found = discovery(case(UPPER), got="first")
    path = corpus.write(tmp_path, found)
    before = path.read_bytes()
    again = msgspec.structs.replace(found, got="second", seed=8, message="otherwise", label="other")
    assert corpus.write(tmp_path, again) == path
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "other",
    [
        discovery(case(UPPER), code="MF302"),
        discovery(case(BUILD.template("upper"))),
        discovery(case(UPPER), before=(case(UPPER),)),
        msgspec.structs.replace(discovery(case(UPPER)), detail="template_function:unreachable"),
    ],
)
def test_another_finding_is_another_file(tmp_path: Path, other: Discovery) -> None:
    assert corpus.write(tmp_path, discovery(case(UPPER))) != corpus.write(tmp_path, other)
    assert len(corpus.read(tmp_path).kept) == 2


def test_a_file_that_was_broken_is_written_anew(tmp_path: Path) -> None:
    path = corpus.write(tmp_path, discovery(case(UPPER)))
    path.write_text(path.read_text()[:50])
    assert corpus.read(tmp_path).kept == ()
    assert corpus.write(tmp_path, discovery(case(UPPER))) == path
    assert len(corpus.read(tmp_path).kept) == 1


def test_the_file_has_the_rights_of_any_other(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    path = corpus.write(tmp_path, discovery(case(UPPER)))
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_link_in_the_files_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "corpus", tmp_path / "outside.json"
    folder.mkdir()
    path = corpus.write(folder, discovery(case(UPPER)))
    text = path.read_bytes()
    path.unlink()
    outside.write_text("mine")
    path.symlink_to(outside)
    assert corpus.write(folder, discovery(case(UPPER))) == path
    assert outside.read_text() == "mine"
    assert not path.is_symlink()
    assert path.read_bytes() == text


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_the_tokens_of_samples_are_masked_and_come_back_with_the_samples(tmp_path: Path) -> None:
    assert named_secrets([("a known token", {"query": {"token": TOKEN}})]) == SECRETS
    bad = case(BUILD.auth(query={"token": f"{TOKEN}\0"}, uri="/api"))
    found = discovery(bad, code="MF309", before=(raw(f'{{"t":"{TOKEN}'.encode()),), got=f"admitted {TOKEN}")
    path = corpus.write(tmp_path, found, secrets=SECRETS)
    assert TOKEN not in path.read_text()
    assert "~secret.a-known-token.token~" in path.read_text()
    assert plain(path)["masked"] is True

    known = corpus.read(tmp_path, secrets=SECRETS).kept[0]
    assert (known.masked, known.discovery.case, known.discovery.before) == (False, bad, found.before)
    assert known.discovery.got == "admitted ~secret.a-known-token.token~"
    unknown = corpus.read(tmp_path).kept[0]
    assert unknown.masked
    assert TOKEN.encode() not in unknown.discovery.case.payload


def test_what_a_search_made_up_is_not_masked_where_the_secrets_are_known(tmp_path: Path) -> None:
    bad = case(BUILD.auth(query={"token": "eyJhbGciOiJub25lIn0.e30."}))
    corpus.write(tmp_path, discovery(bad), secrets=SECRETS)
    kept = corpus.read(tmp_path).kept[0]
    assert (kept.masked, kept.discovery.case) == (False, bad)


def test_without_knowing_the_secrets_what_stands_under_a_telling_name_is_lost(tmp_path: Path) -> None:
    headers = {"Authorization": "Bearer hunter22hunter22", "X-Page": "7"}
    bad = case(BUILD.auth(query={"token": "t0k3n-t0k3n"}, headers=headers, bearer="b34r3r-b34r3r", lenient=True))
    path = corpus.write(tmp_path, discovery(bad, got="no user hunter22hunter22"))
    text = path.read_text()
    assert not re.search("hunter22|t0k3n-|b34r3r", text)
    assert '"Bearer ~secret.' in text
    assert plain(path)["masked"] is True
    assert corpus.read(tmp_path, secrets=SECRETS).kept[0].masked


def test_a_finding_with_the_same_secret_gets_the_same_file_whatever_the_secret(tmp_path: Path) -> None:
    one, two = (discovery(case(BUILD.auth(query={"token": token}))) for token in ("t0k3n-1111", "t0k3n-2222"))
    assert corpus.write(tmp_path, one) == corpus.write(tmp_path, two)


# --- folders that cannot be used --------------------------------------------------------------------------------------


def test_a_missing_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    for use in (
        lambda: corpus.read(tmp_path / "none"),
        lambda: corpus.write(tmp_path / "none", discovery(case(UPPER))),
    ):
        with pytest.raises(DocumentError, match=rf"the corpus {tmp_path}/none: no such folder"):
            use()


def test_a_file_in_place_of_the_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DocumentError, match=rf"the corpus {tmp_path}/file: is no folder"):
        corpus.read(tmp_path / "file")


def test_a_folder_that_cannot_be_written_to_is_an_error_that_names_it(tmp_path: Path) -> None:
    # Also root may not write there.
    folder = Path("/proc/self/fdinfo")
    if not folder.is_dir():
        tmp_path.chmod(0o500)
        folder = tmp_path
    with pytest.raises(DocumentError, match=rf"the corpus {folder}: MF301\S+\.json cannot be written: "):
        corpus.write(folder, discovery(case(UPPER)))


# --- files that are no cases ------------------------------------------------------------------------------------------


def broken(path: Path, **changes: object) -> None:
    file = plain(corpus.write(path.parent, discovery(case(UPPER))))
    path.write_text(json.dumps({**file, **changes}))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "is not JSON: "),
        (b"{", "is not JSON: "),
        (b"\xff\xfe\0", "is not JSON: "),
        (b"[]", "is no case of a corpus: Expected `object`, got `array`"),
        (b'"text"', "is no case of a corpus: "),
        (b"{}", "names no version, where version 1 can be read"),
        (b'{"name":"left-pad","version":"1.3.0"}', "is of version '1.3.0', where version 1 can be read"),
        (b'{"version":2}', "is of version 2, where version 1 can be read"),
        (b'{"version":true}', "is of version True, where version 1 can be read"),
        (b'{"version":1}', "is no case of a corpus: Object missing required field `code`"),
        (b"[" * 100_000, "is n"),
        (b'{"version":1,"code":' + b"[" * 100_000, "is n"),
        (b'{"version":' + b"9" * 5000 + b"}", "is no case of a corpus: Integer value out of range - at `$.version`"),
    ],
)
def test_a_file_that_is_no_case_is_a_problem_with_a_reason(tmp_path: Path, text: bytes, reason: str) -> None:
    (tmp_path / "x.json").write_bytes(text)
    assert reasons(tmp_path)["x.json"].startswith(reason)
    assert corpus.read(tmp_path).kept == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"code": "MF9999"}, "is no case of a corpus: Expected `str` matching regex"),
        ({"code": 301}, "is no case of a corpus: Expected `str`, got `int` - at `$.code`"),
        ({"extra": 1}, "is no case of a corpus: Object contains unknown field `extra`"),
        ({"case": {}}, "is no case of a corpus: Object missing required field `operation` - at `$.case`"),
        ({"case": {"operation": "fly", "payload": {"text": ""}}}, "is no case of a corpus: Invalid enum value 'fly'"),
        (
            {"case": {"operation": "authenticate", "payload": {}}},
            "holds a payload that is not one of json, text and base64",
        ),
        (
            {"case": {"operation": "authenticate", "payload": {"text": "", "json": 1}}},
            "holds a payload that is not one of json, text and base64",
        ),
        (
            {"case": {"operation": "authenticate", "payload": {"base64": "?"}}},
            "holds a payload that cannot be read: ",
        ),
        (
            {"case": {"operation": "authenticate", "payload": {"text": "\ud800"}}},
            "is not JSON: ",
        ),
        (
            {"case": {"operation": "authenticate", "payload": {"text": ""}, "request": {"quary": {}}}},
            "holds a request that cannot be made: request of authenticate: unknown key 'quary'",
        ),
        (
            {"case": {"operation": "query_datasource", "payload": {"text": ""}, "model": {"query": 1}}},
            "holds a request that cannot be made: Expected `str`, got `int` - at `$.query`",
        ),
        ({"before": [{"operation": "authenticate", "payload": {"text": ""}}] * 1001}, "is no case of a corpus: "),
        ({"a\x1b[31m\nb": 1}, "is no case of a corpus: Object contains unknown field `a\\x1b[31m"),
    ],
)
def test_a_file_with_a_wrong_value_is_a_problem_that_names_the_place(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    broken(tmp_path / "x.json", **change)
    said = reasons(tmp_path)["x.json"]
    assert said.startswith(reason)
    assert said.isprintable()
    assert len(corpus.read(tmp_path).kept) == 1


def test_what_lies_there_beside_files_is_a_problem_or_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    folder = tmp_path / "corpus"
    folder.mkdir()
    kept = corpus.write(folder, discovery(case(UPPER)))
    outside.write_bytes(kept.read_bytes())
    (folder / "folder.json").mkdir()
    (folder / "link.json").symlink_to(outside)
    (folder / "nowhere.json").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.json")
    (folder / "README.md").write_text("mine")
    (folder / ".hidden.json").write_text("mine")
    (folder / "deeper").mkdir()
    assert reasons(folder) == {
        "folder.json": "is a folder, not a file",
        "link.json": "is a link, which is not followed",
        "nowhere.json": "is a link, which is not followed",
        "pipe.json": "is no regular file",
    }
    assert [one.path for one in corpus.read(folder).kept] == [kept]


def test_an_enormous_file_is_a_problem_and_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    tracemalloc.start()
    try:
        said = reasons(tmp_path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert said == {"x.json": "is too large for a case: 104,857,600 bytes, at most 16,777,216"}
    assert most < 10 * 1024 * 1024


@pytest.mark.slow
def test_of_ten_thousand_files_the_first_thousand_are_read(tmp_path: Path) -> None:
    data = corpus.write(tmp_path, discovery(case(UPPER))).read_bytes()
    for number in range(10_000):
        (tmp_path / f"x-{number:05}.json").write_bytes(data)
    started = process_time()
    reading = corpus.read(tmp_path)
    assert process_time() - started < 5
    assert len(reading.kept) == 1_000
    assert [problem.reason for problem in reading.problems] == [
        "9,001 files, from 'x-00999.json' on, are not read: a corpus may have 1,000 files"
    ]


def test_of_many_foreign_files_the_first_hundred_are_named(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"{number:03}.json").write_text("{}")
    problems = corpus.read(tmp_path).problems
    assert len(problems) == 101
    assert problems[-1].reason == "50 more files are no cases"


def test_a_problem_is_one_printable_line_also_for_a_strange_name(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31m\n.json").write_text("{}")
    assert str(corpus.read(tmp_path).problems[0]).isprintable()


def test_a_finding_that_is_too_large_to_be_kept_is_an_error(tmp_path: Path) -> None:
    huge = raw(b"x" * (17 * 1024 * 1024))
    with pytest.raises(DocumentError, match="is too large to be kept"):
        corpus.write(tmp_path, discovery(huge))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind_when_a_file_cannot_be_put_in_place(tmp_path: Path) -> None:
    path = corpus.write(tmp_path, discovery(case(UPPER)))
    path.unlink()
    path.mkdir()
    (path / "mine").touch()
    with pytest.raises(DocumentError, match="cannot be written: Is a directory"):
        corpus.write(tmp_path, discovery(case(UPPER)))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
