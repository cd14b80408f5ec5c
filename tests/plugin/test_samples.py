"""The samples of `plugin.test.yaml` as MF208 judges them, and what volatile fields and state change elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.answering import ADMITTED, DENIED, ROWS, write_answering, write_spoilable
from tests.conftest import Run
from tests.hostile_cases import write_wasm


def write_samples(folder: Path, text: str) -> None:
    (folder / "plugin.test.yaml").write_text(text, "utf-8")


def sample(operation: str, expect: str, request: str = "{}") -> str:
    return f"samples:\n- name: the one\n  operation: {operation}\n  request: {request}\n  expect: {expect}\n"


def judged(run: Run, plugin: Path, *args: str) -> pytest.RunResult:
    return run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF208", *args)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return write_answering(
        tmp_path / "small.wat",
        authenticate=ADMITTED,
        template_function='{"a": [1, 2.0, "x"], "none": null}',
        query_datasource=ROWS,
        generate_response='{"status_code":404,"headers":{},"body":[],"content_type":"text/plain","metadata":{},'
        '"custom":{}}',
    )


CALL = "{function_name: f, args: []}"


@pytest.mark.parametrize(
    ("operation", "request_", "expect"),
    [
        ("authenticate", "{uri: /}", "{outcome: accepted}"),
        ("authenticate", "{uri: /}", "{reply: {identity: {user_id: u-1}}}"),
        ("authenticate", "{uri: /}", "{reply: {claims: {}, identity: {roles: [user]}}}"),
        ("template_function", CALL, "{}"),
        ("template_function", CALL, "{reply: {a: [1, 2.0, x]}}"),
        ("template_function", CALL, "{reply: {none: null}}"),
        ("query_datasource", "{query: SELECT}", "{reply: {rows: [{values: [1, Zo]}], columns: [{}, {name: name}]}}"),
        ("generate_response", "{method: GET, path: /x}", "{outcome: refused, reply: {status_code: 404}}"),
    ],
)
def test_a_sample_holds_where_the_reply_has_what_it_names(
    run: Run, plugin: Path, operation: str, request_: str, expect: str
) -> None:
    write_samples(plugin.parent, sample(operation, expect, request_))
    judged(run, plugin).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("reply", "pointer", "expected", "got"),
    [
        ("{a: [1, 2, x]}", "/a/1", "2", "2.0"),
        ("{a: [true, 2.0, x]}", "/a/0", "true", "1"),
        ("{a: [1, 2.0]}", "/a", "[1, 2.0]", '[1, 2.0, "x"]'),
        ("{b: 1}", "/b", "1", "nothing"),
        ("{none: {}}", "/none", "{}", "null"),
        ("[]", "the top", "[]", '{"a": [1, 2.0, "x"], "none": null}'),
        ("null", "the top", "null", '{"a": [1, 2.0, "x"], "none": null}'),
    ],
)
def test_a_reply_that_differs_is_named_by_its_pointer(
    run: Run, plugin: Path, reply: str, pointer: str, expected: str, got: str
) -> None:
    write_samples(plugin.parent, sample("template_function", f"{{reply: {reply}}}", CALL))
    result = judged(run, plugin)
    result.assert_outcomes(failed=1)
    lines = result.outlines
    start = lines.index(f"error MF208: template_function: the sample 'the one' differs at {pointer}")
    place = "" if pointer == "the top" else pointer
    assert lines[start + 1 : start + 4] == [
        f"    detail: the one:{place}",
        f"    expected: {expected}",
        f"    got: {got}",
    ]


def test_every_place_that_differs_is_named(run: Run, plugin: Path) -> None:
    write_samples(plugin.parent, sample("template_function", "{reply: {a: [2, 3, y], b: 1}}", CALL))
    text = judged(run, plugin, "--tb=no").stdout.str()
    assert [text.count(f"differs at {pointer}") for pointer in ("/a/0", "/a/1", "/a/2", "/b")] == [1, 1, 1, 1]


def test_the_request_of_a_sample_that_fails_is_shown(run: Run, plugin: Path) -> None:
    request = "{function_name: greet, args: [Zoë]}"
    write_samples(plugin.parent, sample("template_function", "{reply: 1}", request))
    (line,) = [line for line in judged(run, plugin).outlines if line.startswith("    request: ")]
    assert '"args":["Zoë"]' in line
    assert '"function_name":"greet"' in line


def test_an_outcome_that_differs_shows_the_reply(run: Run, plugin: Path) -> None:
    write_samples(plugin.parent, sample("authenticate", "{outcome: refused}", "{uri: /}"))
    result = judged(run, plugin)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "error MF208: authenticate: the sample 'the one' was accepted",
            "    expected: refused",
            '    got: accepted: {"authenticated":true,*',
        ]
    )


@pytest.mark.parametrize(
    ("operation", "reply"),
    [
        ("authenticate", DENIED),
        ("query_datasource", '{"rows":[],"columns":[],"total_count":0,"execution_time_ms":0,"metadata":{}}'),
        (
            "generate_response",
            '{"status_code":500,"headers":{},"body":[],"content_type":"text/plain","metadata":{},"custom":{}}',
        ),
    ],
)
def test_what_is_no_yes_is_a_refusal(run: Run, tmp_path: Path, operation: str, reply: str) -> None:
    plugin = write_answering(tmp_path / "small.wat", **{operation: reply})
    request = {"authenticate": "{uri: /}", "query_datasource": "{query: SELECT}"}.get(
        operation, "{method: GET, path: /}"
    )
    write_samples(tmp_path, sample(operation, "{outcome: refused}", request))
    judged(run, plugin).assert_outcomes(passed=1)
    write_samples(tmp_path, sample(operation, "{outcome: accepted}", request))
    result = judged(run, plugin)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"error MF208: {operation}: the sample 'the one' was refused"])


def test_a_trap_that_may_refuse_is_a_refusal_and_one_that_may_not_is_a_failure(run: Run, tmp_path: Path) -> None:
    plugin = write_wasm("unreachable", tmp_path)
    write_samples(tmp_path, sample("template_function", "{outcome: refused}", CALL))
    judged(run, plugin).assert_outcomes(passed=1)
    write_samples(tmp_path, sample("authenticate", "{outcome: refused}", "{uri: /}"))
    result = judged(run, plugin)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error MF208: authenticate: the sample 'the one' failed", "    got: failed: *trap*"])


def test_a_reply_that_breaks_the_contract_is_no_refusal(run: Run, tmp_path: Path) -> None:
    plugin = write_wasm("reply-wrong-types", tmp_path)
    write_samples(tmp_path, sample("authenticate", "{outcome: refused}", "{uri: /}"))
    judged(run, plugin).assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("request_", "hint"),
    [("{headers: {a: b}}", "*"), ("{uri: 7}", "*"), ("{nonsense: 1}", "*")],
)
def test_a_sample_whose_request_cannot_be_built_fails_by_name(run: Run, plugin: Path, request_: str, hint: str) -> None:
    write_samples(plugin.parent, sample("authenticate", "{outcome: accepted}", request_))
    result = judged(run, plugin)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"error MF208: *the sample 'the one'*{hint}"])


def test_a_sample_of_an_operation_that_cannot_be_called_fails(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=ADMITTED)
    write_samples(tmp_path, sample("template_function", "{}", CALL))
    result = judged(run, plugin)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error MF208: the sample 'the one' could not be tried: template_function cannot be *"])


def test_a_test_file_that_cannot_be_read_is_a_finding_with_its_line(run: Run, plugin: Path) -> None:
    write_samples(plugin.parent, "stateful: false\nsample: []\n")
    result = judged(run, plugin)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error MF208: *plugin.test.yaml*2*unknown key 'sample'*", "    hint: *'samples'*"])


VOLATILE = "volatile: [/claims/calls]\n"


def test_a_volatile_field_is_left_out_of_the_comparison(run: Run, plugin: Path) -> None:
    differing = sample("authenticate", "{reply: {claims: {calls: 9}, authenticated: true}}", "{uri: /}")
    write_samples(plugin.parent, differing)
    judged(run, plugin).assert_outcomes(failed=1)
    write_samples(plugin.parent, VOLATILE + differing)
    judged(run, plugin).assert_outcomes(passed=1)


def test_a_volatile_field_does_not_hide_the_others(run: Run, plugin: Path) -> None:
    reply = "{claims: {calls: 9}, identity: {user_id: u-2}}"
    write_samples(plugin.parent, VOLATILE + sample("authenticate", f"{{reply: {reply}}}", "{uri: /}"))
    result = judged(run, plugin)
    result.assert_outcomes(failed=1)
    assert "differs at /identity/user_id" in result.stdout.str()
    assert "differs at /claims" not in result.stdout.str()


def test_a_field_that_is_volatile_for_another_operation_is_compared(run: Run, plugin: Path) -> None:
    volatile = "volatile: [{pointer: /claims/calls, operation: query_datasource}]\n"
    write_samples(plugin.parent, volatile + sample("authenticate", "{reply: {claims: {calls: 9}}}", "{uri: /}"))
    judged(run, plugin).assert_outcomes(failed=1)


def test_a_volatile_item_of_a_list_leaves_the_others_their_places(run: Run, plugin: Path) -> None:
    volatile = "volatile: [/rows/*/values/0]\n"
    request = "{query: SELECT}"
    write_samples(plugin.parent, volatile + sample("query_datasource", "{reply: {rows: [{values: [7, Zo]}]}}", request))
    judged(run, plugin).assert_outcomes(passed=1)
    write_samples(plugin.parent, volatile + sample("query_datasource", "{reply: {rows: [{values: [7, Zu]}]}}", request))
    assert "differs at /rows/0/values/1" in judged(run, plugin).stdout.str()


SPOILT = ADMITTED.replace('"calls":1', '"calls":2')


def cut_short(run: Run, folder: Path, *args: str) -> pytest.RunResult:
    plugin = write_spoilable(folder / "small.wat", ADMITTED, SPOILT)
    return run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF405", *args)


def test_an_answer_that_a_cut_call_spoils_is_a_warning(run: Run, tmp_path: Path) -> None:
    result = cut_short(run, tmp_path)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["  warning MF405: authenticate answers otherwise after a call that was cut short"])


def test_of_a_stateful_plugin_it_is_a_note(run: Run, tmp_path: Path) -> None:
    write_samples(tmp_path, "stateful: true\n")
    cut_short(run, tmp_path).stdout.fnmatch_lines(["small: PASS, 1 check holds", "  1 note hidden, -v shows them"])
    cut_short(run, tmp_path, "-v").stdout.fnmatch_lines(["  note MF405: authenticate answers otherwise after a call *"])


def test_a_volatile_field_is_not_spoilt(run: Run, tmp_path: Path) -> None:
    write_samples(tmp_path, VOLATILE)
    result = cut_short(run, tmp_path, "-v")
    result.stdout.fnmatch_lines(["small: PASS, 1 check holds"])
    result.stdout.no_fnmatch_line("*MF405: *")


def test_a_field_that_is_volatile_may_hang_on_initialize(run: Run, tmp_path: Path) -> None:
    plugin = write_wasm("needs-initialize", tmp_path)
    words = (f"--mockforge-plugin={plugin}", "--mockforge-checks=MF110")
    run(*words).assert_outcomes(failed=1)
    write_samples(tmp_path, "volatile: [/authenticated, /identity, /error_message]\n")
    run(*words).assert_outcomes(passed=1)
    write_samples(tmp_path, "volatile: [/identity, /error_message]\n")
    run(*words).assert_outcomes(failed=1)


def test_accepted_samples_are_what_is_measured(run: Run, plugin: Path) -> None:
    write_samples(plugin.parent, sample("authenticate", "{outcome: accepted}", "{uri: /}"))
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF401")
    rows = {line.split()[0]: line.split()[1] for line in result.outlines if line.startswith("  ") and "  " in line[2:]}
    assert rows["authenticate"] == "1/1"
    assert rows["template_function"] == "-"
