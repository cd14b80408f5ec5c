"""Recordings without pytest: what a line says, what is read of a file that is not whole, what a replay compares."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pytest_mockforge import AuthRequest, Observation, Plugin, RequestBuilder, TemplateCall, load
from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.documents.testfile import EMPTY, TestFile, read_testfile
from pytest_mockforge.errors import DocumentError, PluginFailure, SettingsError
from pytest_mockforge.recording import recorder as recorder_module
from pytest_mockforge.recording.reading import Recording, distinct, read_recording
from pytest_mockforge.recording.recorder import Recorder
from pytest_mockforge.recording.replaying import Replayed, replay
from pytest_mockforge.recording.writing import RecordingFile, destination
from tests.conftest import ROOT, RUST

PORTED = ROOT / "fixtures" / "ported" / "c"
TURNSTILE = ROOT / "example_tests" / "turnstile" / "plugin.wat"
HEADER = '{"format":"mockforge-recording","version":1}\n'
CALL = (
    '{"plugin":"rust","operation":"template_function","dialect":"host",'
    '"request":{"function_name":"upper","args":["abc"]},"outcome":"reply","reply":{"json":"ABC"}}\n'
)
KNOWN = read_testfile(RUST / "plugin.test.yaml")
request = RequestBuilder()


@pytest.fixture(scope="module")
def rust() -> Iterator[Plugin]:
    with load(RUST) as plugin:
        yield plugin


def note(recorder: Recorder, plugin: Plugin) -> None:
    """Let a recorder be told of each call of a plugin."""

    def witness(request: object, seen: Observation) -> None:
        dialect = plugin.dialect if request is not None else ""
        recorder.note(label="rust", dialect=dialect, request=request, seen=seen)  # type: ignore[arg-type]

    plugin.witness = witness


def recorded(plugin: Plugin, *calls: Callable[[Plugin], object], testfiles: Sequence[TestFile] = (KNOWN,)) -> list[str]:
    recorder = Recorder(lambda: testfiles)
    with plugin.view() as view:
        note(recorder, view)
        for call in calls:
            with suppress(PluginFailure):
                call(view)
    return list(recorder.take().lines)


def upper(text: str) -> Callable[[Plugin], object]:
    return lambda plugin: plugin.template_function("upper", text)


def file_of(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "traffic.jsonl"
    path.write_text(header + "".join(line if line.endswith("\n") else f"{line}\n" for line in lines))
    return path


def replayed(folder: Path, plugin: Plugin, lines: Sequence[str], testfile: TestFile = KNOWN) -> list[Replayed]:
    recording = read_recording(file_of(folder, *lines))
    assert recording.problems == ()
    with plugin.fresh() as view:
        return [replay(view, one, recording=recording, testfile=testfile) for one in distinct(recording.lines)]


def problems(path: Path) -> list[str]:
    return [problem.removeprefix(f"{path}:") for problem in read_recording(path).problems]


# --- lines ------------------------------------------------------------------------------------------------------------


def test_a_line_tells_the_request_the_reply_and_the_cost(rust: Plugin) -> None:
    (line,) = map(json.loads, recorded(rust, upper("abc")))
    assert line.pop("fuel") > 1000
    assert line.pop("milliseconds") > 0
    assert line == {
        "plugin": "rust",
        "operation": "template_function",
        "dialect": "host",
        "request": {"function_name": "upper", "args": ["abc"]},
        "outcome": "reply",
        "accepted": True,
        "reply": {"json": "ABC"},
        "fresh": True,
    }


def test_a_refusal_and_raw_bytes_have_lines_of_their_own(rust: Plugin) -> None:
    refused, raw, garbage = map(
        json.loads,
        recorded(
            rust,
            lambda plugin: plugin.template_function("nonsense"),
            lambda plugin: plugin.call_raw("template_function", b'{"function_name": "upper", "args": ["x"]}'),
            lambda plugin: plugin.call_raw("template_function", b"\xff\0"),
        ),
    )
    assert (refused["outcome"], "reply" in refused) == ("refused", False)
    assert raw["payload"] == {"text": '{"function_name": "upper", "args": ["x"]}'}
    assert raw["reply"] == {"json": "X"}
    assert "dialect" not in raw
    assert garbage["payload"] == {"base64": "/wA="}


def test_secrets_of_samples_have_a_name_and_others_a_number(rust: Plugin) -> None:
    lines = recorded(
        rust,
        *(
            partial(lambda token, plugin: plugin.authenticate(request.auth(query={"token": token})), token)
            for token in ("alpha", "sekret-one", "sekret-two", "sekret-one")
        ),
    )
    tokens = [json.loads(line)["request"]["query"]["token"] for line in lines]
    assert tokens == ["~secret.a-known-token-is-admitted.token~", "~secret.1~", "~secret.2~", "~secret.1~"]
    assert "sekret" not in "".join(lines)


def test_numbers_of_secrets_go_on_when_another_plugin_is_opened(rust: Plugin) -> None:
    opened: list[TestFile] = []
    recorder = Recorder(lambda: opened, prefix="gw1-")
    with rust.view() as view:
        note(recorder, view)
        for token in ("sekret-one", "sekret-two"):
            view.authenticate(request.auth(query={"token": token}))
            opened.append(EMPTY)
        view.authenticate(request.auth(query={"token": "sekret-one"}))
    tokens = [json.loads(line)["request"]["query"]["token"] for line in recorder.take().lines]
    assert tokens == ["~secret.gw1-1~", "~secret.gw1-2~", "~secret.gw1-1~"]


def test_a_secret_in_the_id_of_a_test_is_masked(rust: Plugin) -> None:
    recorder = Recorder(lambda: [KNOWN])
    recorder.begin("test_it.py::test_it[key-ci]")
    with rust.view() as view:
        note(recorder, view)
        view.template_function("upper", "abc")
    assert "key-ci" not in recorder.take().lines[0]


def test_what_is_too_much_is_counted(rust: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "MOST_CALLS", 2)
    monkeypatch.setattr(recorder_module, "LONGEST_LINE", 400)
    recorder = Recorder(tuple)
    with rust.view() as view:
        note(recorder, view)
        for text in ("a", "b" * 400, "c", "d"):
            view.template_function("upper", text)
    batch = recorder.take()
    assert [json.loads(line)["request"]["args"] for line in batch.lines] == [["a"], ["c"]]
    assert batch.left_out == 2
    assert recorder.take().lines == []


def test_a_call_of_a_service_has_its_status_and_the_dialect_that_was_spoken() -> None:
    with load("asgi:fixtures.buggy.service.key_order.app:app", dialect="host") as service:
        (line,) = map(json.loads, recorded(service, lambda plugin: plugin.query_datasource(request.query("SELECT 1"))))
    assert (line["status"], line["dialect"], line["outcome"]) == (404, "host", "status-404")
    assert "fuel" not in line


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_recording_is_in_its_place_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "traffic.jsonl"
    path.write_text("older")
    file = RecordingFile(path)
    file.write([])
    assert os.listdir(tmp_path) == ["traffic.jsonl"]
    file.write([CALL.strip()])
    assert path.read_text() == "older"
    assert len(read_recording(file.beside).lines) == 1
    file.finish()
    assert os.listdir(tmp_path) == ["traffic.jsonl"]
    assert (len(read_recording(path).lines), read_recording(path).problems) == (1, ())


def test_a_recording_that_cannot_be_put_in_its_place_says_where_it_is(tmp_path: Path) -> None:
    file = RecordingFile(tmp_path / "traffic.jsonl")
    file.write([CALL.strip()])
    file.path.mkdir()
    file.finish()
    assert "Is a directory; what there is stands in" in file.problem
    assert str(file.beside) in file.problem


@pytest.mark.parametrize(
    ("text", "message"), [("nowhere/t.jsonl", "does not exist"), (".", "it is no file"), ("a\0b", "NUL")]
)
def test_a_path_that_cannot_be_written_is_known_before_the_run(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        destination(text, tmp_path)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("what is this", "2: is not JSON: JSON is malformed"),
        ("[1]", "2: is no call of a recording: Expected `object`, got `array`"),
        ('{"plugin":"x"}', "2: is no call of a recording: Object missing required field `operation`"),
        (CALL.replace("upper", "\\ud800"), "2: is not JSON"),
        (CALL.replace('"request"', '"requests"'), "2: is no call of a recording: Object contains unknown field"),
        (CALL.replace('{"json":"ABC"}', "{}"), "2: holds a payload that is not one of json, text and base64"),
        (CALL.replace('"plugin"', '"payload":{"text":"x"},"plugin"'), "2: is no call of a recording: it has one of"),
        (CALL.replace('"abc"', "[" * 100_000 + "]" * 100_000), "2: is nested too deeply"),
        ("\0\0\0", "2: is not JSON"),
        ('{"format":"mockforge-recording","version":2}', "2: is of version 2, where version 1 can be read"),
    ],
    ids=["text", "list", "no-call", "surrogate", "key", "no-reply", "two-requests", "deep", "nul", "version"],
)
def test_a_line_that_cannot_be_read_is_named_and_loses_no_other(tmp_path: Path, row: str, reason: str) -> None:
    path = file_of(tmp_path, row, HEADER + CALL)
    assert len(read_recording(path).lines) == 1
    (problem,) = problems(path)
    assert problem.startswith(reason)


def test_a_line_that_was_cut_is_told_from_one_that_is_foreign(tmp_path: Path) -> None:
    path = tmp_path / "traffic.jsonl"
    path.write_text(HEADER + CALL + CALL[:-20])
    assert problems(path) == ["3: was cut off"]
    path.write_text(HEADER + CALL.strip())
    assert problems(path) == []


def test_an_enormous_line_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_mockforge.recording.reading.LONGEST_LINE", 300)
    path = file_of(tmp_path, CALL.replace("abc", "a" * 300), CALL)
    assert problems(path) == ["2: is longer than 300 bytes"]
    assert len(read_recording(path).lines) == 1


def test_lines_of_another_version_are_not_taken_for_ours(tmp_path: Path) -> None:
    path = file_of(tmp_path, CALL, header=HEADER.replace("1}", "2}"))
    assert problems(path) == ["1: is of version 2, where version 1 can be read; what follows is not read"]
    assert read_recording(path).lines == ()


def test_recordings_that_were_put_together_are_read_as_one(tmp_path: Path) -> None:
    path = file_of(tmp_path, CALL, HEADER, CALL)
    assert [one.line for one in read_recording(path).lines] == [2, 4]
    assert problems(path) == []


def test_calls_without_a_header_are_read_all_the_same(tmp_path: Path) -> None:
    path = file_of(tmp_path, CALL, CALL, header="")
    assert problems(path) == ['1: names no version: a recording begins with {"format":"mockforge-recording"}']
    assert len(read_recording(path).lines) == 2


def test_line_ends_of_another_system_and_empty_lines_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "traffic.jsonl"
    path.write_bytes((HEADER + "\n" + CALL).replace("\n", "\r\n").encode())
    assert (problems(path), len(read_recording(path).lines)) == ([], 1)


def test_an_empty_file_is_no_recording(tmp_path: Path) -> None:
    assert problems(file_of(tmp_path, header="")) == [
        "1: is empty: a recording begins with a line that names its version"
    ]


def test_of_many_foreign_lines_a_hundred_are_named(tmp_path: Path) -> None:
    found = read_recording(file_of(tmp_path, "x\n" * 250, CALL))
    assert len(found.problems) == 101
    assert found.problems[-1].endswith("and 150 more lines that cannot be read")
    assert len(found.lines) == 1


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="is a folder, not a file"):
        read_recording(tmp_path)


# --- replays ----------------------------------------------------------------------------------------------------------


def calls_of_every_kind() -> list[Callable[[Plugin], object]]:
    return [
        lambda plugin: plugin.authenticate(request.auth(query={"token": "alpha"})),
        upper("abc"),
        lambda plugin: plugin.template_function("nonsense"),
        lambda plugin: plugin.generate_response(request.response("GET", "/users/2", path_params={"id": "2"})),
        lambda plugin: plugin.query_datasource(request.query("SELECT * FROM users")),
        lambda plugin: plugin.call_raw("template_function", b'{"args": [], "function_name": "echo"}'),
    ]


def test_an_unchanged_plugin_answers_as_recorded(rust: Plugin, tmp_path: Path) -> None:
    came = replayed(tmp_path, rust, recorded(rust, *calls_of_every_kind()))
    assert came == [Replayed()] * 6


def test_a_port_is_caught_in_the_fields_that_differ(rust: Plugin, tmp_path: Path) -> None:
    lines = recorded(rust, *calls_of_every_kind())
    with load(PORTED) as port:
        texts = [one.failure for one in replayed(tmp_path, port, lines)]
    assert texts[0].startswith(
        "/claims/scope differs from the recording, and 1 more field\n"
        '  /claims/scope\n    expected: "read write"\n    got: nothing\n'
    )
    assert f"recorded: {tmp_path}/traffic.jsonl:2" in texts[0]
    assert texts[4].startswith("/rows/0/note differs from the recording")


def test_a_reply_to_bytes_is_compared_as_json(rust: Plugin, tmp_path: Path) -> None:
    (line,) = recorded(rust, calls_of_every_kind()[5])
    assert line.count('"reply":{"json":[]}') == 1
    (came,) = replayed(tmp_path, rust, [line.replace('"reply":{"json":[]}', '"reply":{"json":[1]}')])
    assert came.failure.startswith("the whole reply differs")
    assert '  request: {"args": [], "function_name": "echo"}' in came.failure


def test_another_outcome_is_told_with_both(rust: Plugin, tmp_path: Path) -> None:
    line = CALL.replace('"reply","reply":{"json":"ABC"}', '"refused"')
    assert replayed(tmp_path, rust, [line])[0].failure.startswith(
        'the whole reply differs from the recording\n  (the whole reply)\n    expected: refused\n    got: "ABC"\n'
    )


def test_a_volatile_field_may_differ(rust: Plugin, tmp_path: Path) -> None:
    lines = [line.replace("u-alice", "u-carol") for line in recorded(rust, calls_of_every_kind()[0])]
    volatile = replace(KNOWN, volatile=(Volatile(pointer="/identity/user_id"), Volatile(pointer="/claims/sub")))
    assert replayed(tmp_path, rust, lines)[0].failure.startswith("/identity/user_id differs")
    assert replayed(tmp_path, rust, lines, volatile) == [Replayed()]


def test_a_cell_of_a_row_is_volatile_by_its_place_in_the_reply(rust: Plugin, tmp_path: Path) -> None:
    lines = [line.replace("Ada Lovelace", "Ada King") for line in recorded(rust, calls_of_every_kind()[4])]
    volatile = replace(KNOWN, volatile=(Volatile(pointer="/rows/*/values/1"),))
    assert replayed(tmp_path, rust, lines)[0].failure.startswith("/rows/0/name differs")
    assert replayed(tmp_path, rust, lines, volatile) == [Replayed()]


def test_a_masked_secret_comes_from_the_samples_or_the_environment(
    rust: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = recorded(rust, calls_of_every_kind()[0])
    unknown = recorded(rust, calls_of_every_kind()[0], testfiles=())
    assert ("~secret.1~" in known[0], "~secret.1~" in unknown[0]) == (False, True)
    assert replayed(tmp_path, rust, known) == [Replayed()]
    reason = "a secret was masked in its request: set MOCKFORGE_SECRET_1, or name it in a sample of plugin.test.yaml"
    assert replayed(tmp_path, rust, unknown) == [Replayed(skipped=reason)]
    monkeypatch.setenv("MOCKFORGE_SECRET_1", "alpha")
    assert replayed(tmp_path, rust, unknown) == [Replayed()]
    monkeypatch.setenv("MOCKFORGE_SECRET_1", "sekret-of-ours")
    (came,) = replayed(tmp_path, rust, unknown)
    assert came.failure
    assert "sekret" not in came.failure


def test_a_secret_that_was_masked_in_a_reply_is_not_compared(rust: Plugin, tmp_path: Path) -> None:
    line = CALL.replace("upper", "echo").replace('"ABC"', '["~secret.1~"]')
    assert replayed(tmp_path, rust, [line]) == [Replayed()]
    other = line.replace('["~secret.1~"]', '["~secret.1~","more"]')
    assert replayed(tmp_path, rust, [other])[0].failure


def test_a_call_that_ran_into_a_limit_is_skipped(rust: Plugin, tmp_path: Path) -> None:
    with load(RUST, fuel=2_000) as short:
        lines = recorded(short, upper("abc"))
    assert replayed(tmp_path, rust, lines) == [Replayed(skipped="it ran into a limit when it was recorded")]


def test_a_call_that_was_answered_in_two_ways_is_skipped(rust: Plugin, tmp_path: Path) -> None:
    (came,) = replayed(tmp_path, rust, [CALL, CALL.replace('"ABC"', '"abc"')])
    assert came.skipped == f"it was answered in more than one way: {tmp_path}/traffic.jsonl:2 and line 3"


def test_of_a_stateful_plugin_only_first_calls_are_asked_again(tmp_path: Path) -> None:
    with load(TURNSTILE) as plugin:
        stateful = replace(KNOWN, stateful=True)
        lines = recorded(plugin, *[lambda plugin: plugin.authenticate(AuthRequest())] * 4)
        assert replayed(tmp_path, plugin, lines)[0].skipped.startswith("it was answered in more than one way")
        assert replayed(tmp_path, plugin, lines, stateful) == [Replayed()]
        assert replayed(tmp_path, plugin, lines[1:], stateful)[0].skipped.startswith("the plugin is stateful")


def test_an_operation_that_a_plugin_has_not_fails(tmp_path: Path) -> None:
    with load(ROOT / "example_tests" / "tickets" / "plugin.wat") as plugin:
        (came,) = replayed(tmp_path, plugin, [CALL])
    assert "got: tickets has no template_function" in came.failure


def test_a_request_that_cannot_be_made_is_skipped_with_the_reason(rust: Plugin, tmp_path: Path) -> None:
    lines = [CALL.replace('"args"', '"arguments"')]
    assert replayed(tmp_path, rust, lines)[0].skipped.startswith("it cannot be asked: holds a request that cannot")


def test_a_request_that_no_sample_can_say_is_asked_again(rust: Plugin, tmp_path: Path) -> None:
    odd = AuthRequest(uri="/?token=omega", query_params={"token": "alpha"})
    lines = recorded(rust, lambda plugin: plugin.authenticate(odd))
    assert json.loads(lines[0])["model"]["uri"] == "/?token=~secret.an-expired-token-is-turned-away.token~"
    assert replayed(tmp_path, rust, lines) == [Replayed()]


def test_equal_requests_are_one_whatever_test_made_them(rust: Plugin, tmp_path: Path) -> None:
    lines = recorded(rust, upper("abc"), upper("abd"), upper("abc"))
    found: Recording = read_recording(file_of(tmp_path, *lines))
    assert [len(one.lines) for one in distinct(found.lines)] == [2, 1]


def test_a_name_stays_as_long_as_the_request_does(rust: Plugin, tmp_path: Path) -> None:
    (line,) = recorded(rust, lambda plugin: plugin.observe(TemplateCall(function_name="upper", args=("abc",))))
    for text in (line, CALL):
        (one,) = distinct(read_recording(file_of(tmp_path, text)).lines)
        assert one.name == "template_function-27cb8314be95"
