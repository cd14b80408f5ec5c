"""Bad input around a module: each ends in time with its own finding or usage error, and harms no other plugin."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import RUST, Run
from tests.hostile_cases import write_wasm
from tests.judging import module
from tests.recorded import RECORDER, Recorded, recorded

CHECKS = "--mockforge-checks=MF101,MF104,MF208,MF701,MF702"


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """An empty folder called bad."""
    folder = pytester.path / "bad"
    folder.mkdir()
    return folder


@pytest.fixture
def good(folder: Path) -> Path:
    """A module of which nothing bad can be said."""
    return write_wasm("two-memories", folder).rename(folder / "plugin.wasm")


Judge = Callable[[object], dict[str, Recorded]]


@pytest.fixture
def judge(run: Run, pytester: pytest.Pytester) -> Judge:
    """Run the checks of one SPEC beside the Rust plugin, which must keep its verdict; give the reports by code."""

    def judge(spec: object) -> dict[str, Recorded]:
        pytester.makeconftest(RECORDER)
        result = run(f"--mockforge-plugin=rust={RUST}", f"--mockforge-plugin=bad={spec}", CHECKS)
        result.stdout.fnmatch_lines(["rust: PASS, 5 checks hold"])
        assert "Traceback" not in result.stdout.str() + result.stderr.str()
        reports = [report for report in recorded(pytester.path) if report.plugin == "bad"]
        assert result.ret == (1 if any(report.outcome == "failed" for report in reports) else 0)
        return {report.nodeid.rpartition("::")[2]: report for report in reports}

    return judge


def failed(reports: dict[str, Recorded]) -> set[str]:
    return {code for code, report in reports.items() if report.outcome == "failed"}


def usage_error(result: pytest.RunResult) -> str:
    """Give the text of a usage error, which says what to do."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stderr.str()
    assert "ERROR: mockforge: " in text
    assert "hint: " in text
    assert "Traceback" not in text
    return text


# ---- what a SPEC names --------------------------------------------------------------------------------------------


def test_a_file_that_does_not_exist_is_a_usage_error(run: Run) -> None:
    text = usage_error(run(f"--mockforge-plugin={RUST}", "--mockforge-plugin=gone.wasm"))
    assert "'gone.wasm' does not exist" in text


def test_links_that_lead_in_a_circle_are_a_usage_error(run: Run, folder: Path) -> None:
    (folder / "a.wasm").symlink_to(folder / "b.wasm")
    (folder / "b.wasm").symlink_to(folder / "a.wasm")
    assert "a.wasm' " in usage_error(run(f"--mockforge-plugin={RUST}", f"--mockforge-plugin={folder / 'a.wasm'}"))


def test_a_link_to_nothing_is_a_usage_error(run: Run, folder: Path) -> None:
    (folder / "a.wasm").symlink_to(folder / "gone.wasm")
    assert "does not exist" in usage_error(run(f"--mockforge-plugin={RUST}", f"--mockforge-plugin={folder / 'a.wasm'}"))


def test_a_name_longer_than_any_file_has_is_a_usage_error(run: Run) -> None:
    usage_error(run(f"--mockforge-plugin={RUST}", f"--mockforge-plugin={'x' * 5000}.wasm"))


def test_a_folder_without_a_manifest_is_told_what_to_put_there(judge: Judge, folder: Path, good: Path) -> None:
    assert good.exists()
    reports = judge(folder)
    assert failed(reports) == {"MF701"}
    assert "plugin.yaml" in reports["MF701"].text
    assert "hint: " in reports["MF701"].text


def test_a_folder_with_two_modules_names_both(judge: Judge, folder: Path) -> None:
    write_wasm("two-memories", folder)
    write_wasm("no-release", folder)
    (folder / "plugin.yaml").write_text("id: demo\n", "utf-8")
    reports = judge(folder)
    assert failed(reports) == {"MF101"}
    for part in ("two-memories.wasm", "no-release.wasm", "detail: no-single-module:several", "hint: "):
        assert part in reports["MF101"].text


def test_a_folder_without_a_module_is_told_so(judge: Judge, folder: Path) -> None:
    (folder / "plugin.yaml").write_text("id: demo\n", "utf-8")
    reports = judge(folder)
    assert failed(reports) == {"MF101"}
    assert "hint: " in reports["MF101"].text
    assert "detail: no-single-module:none" in reports["MF101"].text


def test_a_folder_called_like_a_module_is_a_folder(judge: Judge, folder: Path) -> None:
    (folder / "x.wasm").mkdir()
    reports = judge(folder / "x.wasm")
    assert failed(reports) == {"MF101", "MF701"}
    assert "hint: " in reports["MF701"].text


def test_a_folder_in_the_place_of_the_module_is_no_file(judge: Judge, folder: Path) -> None:
    (folder / "plugin.wasm").mkdir()
    (folder / "plugin.yaml").write_text("id: demo\n", "utf-8")
    assert failed(judge(folder)) == {"MF101"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_says_so(judge: Judge, good: Path) -> None:
    good.chmod(0)
    reports = judge(good)
    assert failed(reports) == {"MF101"}
    assert "Permission denied" in reports["MF101"].text
    assert "detail: cannot-be-read" in reports["MF101"].text


def test_a_named_pipe_is_not_waited_for(judge: Judge, folder: Path) -> None:
    os.mkfifo(folder / "pipe.wasm")
    reports = judge(folder / "pipe.wasm")
    assert failed(reports) == {"MF101"}
    assert "is not a regular file" in reports["MF101"].text
    assert "detail: not-a-file" in reports["MF101"].text
    assert "hint: " in reports["MF101"].text


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/stdin"])
def test_a_device_is_not_read(judge: Judge, device: str) -> None:
    reports = judge(device)
    assert failed(reports) == {"MF101"}
    assert "hint: " in reports["MF101"].text


def test_a_file_of_a_terabyte_is_refused_unread(judge: Judge, folder: Path) -> None:
    with (folder / "vast.wasm").open("wb") as file:
        file.truncate(2**40)
    reports = judge(folder / "vast.wasm")
    assert failed(reports) == {"MF101"}
    assert "1,099,511,627,776" in reports["MF101"].text
    assert "detail: too-large" in reports["MF101"].text


def test_the_same_spec_twice_counts_once(run: Run) -> None:
    result = run(f"--mockforge-plugin={RUST}", f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101")
    result.assert_outcomes(passed=1)


def test_two_roads_to_one_module_count_once(run: Run, folder: Path, good: Path) -> None:
    (folder / "other").symlink_to(folder)
    result = run(
        f"--mockforge-plugin=a={good}",
        f"--mockforge-plugin=a={folder / 'other' / 'plugin.wasm'}",
        "--mockforge-checks=MF101",
    )  # fmt: skip
    result.assert_outcomes(passed=1)


def test_equal_labels_are_numbered(run: Run, pytester: pytest.Pytester, good: Path) -> None:
    other = pytester.path / "elsewhere" / "bad"
    shutil.copytree(good.parent, other)
    words = (f"--mockforge-plugin={good}", f"--mockforge-plugin={other / 'plugin.wasm'}")
    result = run(*words, "--mockforge-checks=MF101", "-v")
    result.stdout.fnmatch_lines(["mockforge::bad::MF101 PASSED*", "mockforge::bad-2::MF101 PASSED*"])


def test_one_label_for_two_plugins_is_a_usage_error(run: Run, good: Path) -> None:
    text = usage_error(run(f"--mockforge-plugin=one={RUST}", f"--mockforge-plugin=one={good}"))
    assert "the label 'one' names two plugins" in text


@pytest.mark.parametrize("name", ["a::b", "a[b]", "a b", "é", "\x1b[31m"])
def test_a_label_that_would_break_an_id_is_a_usage_error(run: Run, name: str) -> None:
    text = usage_error(run(f"--mockforge-plugin={name}={RUST}"))
    assert "\x1b" not in text


# ---- what a module exports ----------------------------------------------------------------------------------------


def test_very_many_exports_and_very_long_names_cost_little_and_have_details_of_their_own(
    run: Run, pytester: pytest.Pytester, folder: Path
) -> None:
    many = "".join(f'(export "e{number}" (func 0))' for number in range(100_000))
    (folder / "many.wasm").write_bytes(module(many))
    (folder / "long.wasm").write_bytes(module(f'(export "{"x" * 100_000}" (func 0))'))
    (folder / "longer.wasm").write_bytes(module(f'(export "{"x" * 2**20}" (func 0))'))
    pytester.makeconftest(RECORDER)
    plugins = [f"--mockforge-plugin={folder / name}.wasm" for name in ("many", "long", "longer")]
    result = run(*plugins, "--mockforge-host=loader", "--mockforge-checks=MF1", "-vv")
    said = {name: set[str]() for name in ("many", "long", "longer")}
    for report in recorded(pytester.path):
        said[report.plugin] |= {one for one in report.said() if one.startswith(("MF102", "MF113", "note:MF112"))}
        assert report.seconds < 20
    assert said == {
        "many": {"MF113 exports", "MF113 functions"},
        "long": {"note:MF112 long-name"},
        "longer": {"MF102 compile:name-too-long"},
    }
    assert len(result.stdout.str()) < 100_000


# ---- plugin.yaml --------------------------------------------------------------------------------------------------

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_a_manifest_may_ask_for_64_gb_and_gets_what_the_run_allows(judge: Judge, good: Path) -> None:
    good.with_name("plugin.yaml").write_text("id: demo\nresource_limits: {max_memory_bytes: 64000000000}\n", "utf-8")
    reports = judge(good)
    assert failed(reports) == set()
    (note,) = [finding for finding in reports["MF702"].findings if finding["detail"] == "memory-above-limit"]
    assert (note["severity"], note["got"]) == ("note", "64,000,000,000 bytes")
    assert "raise --mockforge-memory" in note["hint"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("id: [unclosed\n", "syntax"),
        (BOMB, "aliases-explode"),
        ("id: demo\nid: other\n", "duplicate-key"),
        ("", "empty"),
        ("# nothing but a comment\n", "empty"),
        ("just a word\n", "no-mapping"),
        ("- a\n- list\n", "no-mapping"),
        ("id: demo\n---\nid: other\n", "several-documents"),
        ("id: !!python/object/apply:os.system [exit]\n", "tag"),
        ("id: demo\ncapabilities:\n\t- network\n", "tab"),
        ("\0\0\0", "forbidden-character"),
        ("id: \x1b[31mred\n", "forbidden-character"),
        ("[" * 5_000, "too-deep"),
        ("x: " * 1_000, "second-colon"),
    ],
    ids=[
        "not YAML", "alias bomb", "duplicate keys", "empty", "a comment", "a word", "a list", "two documents", "a tag",
        "a tab", "NUL", "control characters", "brackets", "colons",
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_read_leaves_the_module_judged(
    judge: Judge, good: Path, text: str, cause: str
) -> None:
    good.with_name("plugin.yaml").write_text(text, "utf-8")
    reports = judge(good)
    assert failed(reports) == {"MF701"}
    assert f"detail: unreadable:{cause}" in reports["MF701"].text
    assert "hint: " in reports["MF701"].text
    assert "plugin.yaml" in reports["MF701"].text
    assert reports["MF701"].seconds < 20


def test_a_manifest_with_a_scalar_of_100_megabytes_is_refused_unread(judge: Judge, good: Path) -> None:
    with good.with_name("plugin.yaml").open("wb") as file:
        file.write(b"id: '")
        file.truncate(100_000_000)
    reports = judge(good)
    assert failed(reports) == {"MF701"}
    assert "detail: unreadable:too-large" in reports["MF701"].text
    assert reports["MF701"].seconds < 10


@pytest.mark.parametrize("name", ["../two-memories.wasm", "/etc/plugin.wasm"])
def test_a_manifest_whose_module_lies_outside_of_its_folder_is_not_followed(
    judge: Judge, folder: Path, name: str
) -> None:
    write_wasm("two-memories", folder.parent)
    (folder / "plugin.yaml").write_text(f"id: demo\nruntime: {{wasm: {name}}}\n", "utf-8")
    reports = judge(folder)
    assert failed(reports) == {"MF101"}
    assert "leaves the plugin's folder" in reports["MF101"].text
    assert "detail: no-single-module:outside-the-folder" in reports["MF101"].text


@pytest.mark.parametrize("name", ["plugin.yaml", "plugin.test.yaml"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "not UTF-8", "circle of links"])
def test_a_document_that_is_no_text_file_is_told(judge: Judge, good: Path, name: str, kind: str) -> None:
    path = good.with_name(name)
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "not UTF-8":
            path.write_bytes(b"id: \xff\xfe\n")
        case _:
            path.symlink_to(path)
    reports = judge(good)
    code = "MF701" if name == "plugin.yaml" else "MF208"
    assert failed(reports) == {code}
    assert "hint: " in reports[code].text


# ---- plugin.test.yaml ---------------------------------------------------------------------------------------------

SAMPLE = "samples: [{{name: one, operation: {operation}, request: {request}}}]\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sample: []\n", ["'sample'", "samples"]),
        (SAMPLE.format(operation="authorise", request="{}"), ["'authorise'", "authenticate"]),
        (
            "samples:\n- {name: one, operation: authenticate, request: {}}\n"
            "- {name: one, operation: authenticate, request: {}}\n",
            ["two samples are named 'one'", "line 2"],
        ),
        ("samples: [{name: one, operation: authenticate}]\n", ["request"]),
        ("samples: {}\n", ["samples"]),
        ("version: 2\n", ["version"]),
        ("stateful: 'yes'\n", ["stateful"]),
        ("volatile: [nowhere]\n", ["'nowhere'"]),
        ("accept: [{code: MF403}]\n", ["reason"]),
        ("", []),
        ("[]", []),
        ("samples: [", []),
        (BOMB, []),
        ("samples: []\nsamples: []\n", ["samples"]),
    ],
    ids=[
        "unknown key", "unknown operation", "duplicate names", "no request", "no list", "unknown version", "wrong type",
        "bad pointer", "accepted without a reason", "empty", "a list", "not YAML", "alias bomb", "duplicate keys",
    ],
)  # fmt: skip
def test_a_test_file_that_cannot_be_read_fails_the_check_on_samples(
    judge: Judge, good: Path, text: str, parts: list[str]
) -> None:
    good.with_name("plugin.test.yaml").write_text(text, "utf-8")
    reports = judge(good)
    assert failed(reports) == {"MF208"}
    for part in (*parts, "plugin.test.yaml", "hint: "):
        assert part in reports["MF208"].text


@pytest.mark.parametrize(
    ("operation", "request_text", "parts"),
    [
        ("authenticate", "{quary: {}}", ["'one'", "cannot be built", "'quary'"]),
        ("authenticate", "{query: 7}", ["'one'", "cannot be built"]),
        ("authenticate", "{bearer: token}", ["'one'"]),
        ("query_datasource", "{query: SELECT 1}", ["'one'", "query_datasource cannot be called", "MF106"]),
    ],
    ids=["unknown keyword", "wrong type", "what the dialect drops", "an operation that is not exported"],
)
def test_a_sample_that_cannot_be_tried_fails_by_its_name(
    judge: Judge, good: Path, operation: str, request_text: str, parts: list[str]
) -> None:
    text = SAMPLE.format(operation=operation, request=request_text)
    good.with_name("plugin.test.yaml").write_text(text, "utf-8")
    reports = judge(good)
    assert failed(reports) == {"MF208"}
    for part in (*parts, "hint: "):
        assert part in reports["MF208"].text
    assert {finding["detail"] for finding in reports["MF208"].findings} == {"one"}


def test_an_operation_of_a_sample_that_is_not_exported_is_missing(run: Run, good: Path) -> None:
    text = SAMPLE.format(operation="query_datasource", request="{query: SELECT 1}")
    good.with_name("plugin.test.yaml").write_text(text, "utf-8")
    result = run(f"--mockforge-plugin={good}", "--mockforge-checks=MF106")
    result.stdout.fnmatch_lines(["MF106 query_datasource is declared but not exported", "    hint: *"])


# ---- accept files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("code: MF403\n", ["a list"]),
        ("- [", []),
        (BOMB, []),
        ("- {code: MF403}\n", ["reason"]),
        ("- {code: X1, reason: so}\n", ["'X1'"]),
        ("- {code: MF403, reason: so, until: never}\n", ["'until'"]),
        ("- {code: MF403, reason: so, expires: soon}\n", ["'soon'"]),
        ("- {code: MF403, reason: so}\n- {code: MF403, reason: so}\n", ["accepted twice"]),
    ],
    ids=["empty", "no list", "not YAML", "alias bomb", "no reason", "no code", "unknown key", "no date", "twice"],
)
def test_a_broken_accept_file_is_a_usage_error(run: Run, folder: Path, text: str, parts: list[str]) -> None:
    (folder / "accepted.yaml").write_text(text, "utf-8")
    told = usage_error(run(f"--mockforge-plugin={RUST}", f"--mockforge-accept={folder / 'accepted.yaml'}"))
    for part in (*parts, "accepted.yaml"):
        assert part in told


@pytest.mark.parametrize("path", ["gone.yaml", ".", "/dev/zero"])
def test_an_accept_file_that_is_no_file_is_a_usage_error(run: Run, path: str) -> None:
    usage_error(run(f"--mockforge-plugin={RUST}", f"--mockforge-accept={path}"))


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ("empty", {"MF101": "failed", "MF116": "skipped", "MF117": "skipped", "MF102": "skipped"}),
        ("component", {"MF101": "passed", "MF116": "failed", "MF117": "skipped", "MF102": "skipped"}),
        ("truncated", {"MF101": "passed", "MF116": "passed", "MF117": "failed", "MF102": "skipped"}),
        ("invalid-body", {"MF101": "passed", "MF116": "passed", "MF117": "passed", "MF102": "failed"}),
    ],
)
def test_a_check_of_what_could_not_be_reached_is_skipped_and_not_passed(
    run: Run, pytester: pytest.Pytester, name: str, outcomes: dict[str, str]
) -> None:
    pytester.makeconftest(RECORDER)
    run(f"--mockforge-plugin={write_wasm(name, pytester.path)}", "--mockforge-checks=MF101,MF102,MF116,MF117")
    assert {one.nodeid.rpartition("::")[2]: one.outcome for one in recorded(pytester.path)} == outcomes
