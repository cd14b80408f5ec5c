"""Accepted findings, from `--mockforge-accept` and from `plugin.test.yaml`: what they excuse, and when they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.answering import ADMITTED, write_answering
from tests.conftest import Run
from tests.hostile_cases import write_wasm

TWICE = '{"authenticated":true,"authenticated":false,"claims":{},"metadata":{}}'


def accept(folder: Path, *entries: str) -> str:
    """Write an accept file and give the option that names it."""
    path = folder / "accept.yaml"
    path.write_text("".join(f"- {{{entry}}}\n" for entry in entries) or "[]\n", "utf-8")
    return f"--mockforge-accept={path}"


def test_an_accepted_error_is_an_xfail_with_its_reason(run: Run, tmp_path: Path) -> None:
    plugin = write_wasm("no-memory", tmp_path)
    option = accept(tmp_path, "code: MF104, reason: the linker hides it until March")
    result = run(f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF101,MF104", "-rx")
    result.assert_outcomes(passed=1, xfailed=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "no-memory: PASS, 2 checks hold, 1 finding accepted",
            "XFAIL mockforge::no-memory::MF104 - the linker hides it until March",
        ]
    )
    result.stdout.no_fnmatch_line("*error MF104*")


def test_plugin_test_yaml_accepts_as_well(run: Run, tmp_path: Path) -> None:
    plugin = write_wasm("no-memory", tmp_path)
    (tmp_path / "plugin.test.yaml").write_text("accept: [{code: MF104, reason: known}]", "utf-8")
    run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF104").assert_outcomes(xfailed=1)


def test_an_ini_key_names_an_accept_file_beside_it(run: Run, tmp_path: Path, pytester: pytest.Pytester) -> None:
    accept(pytester.path, "code: MF104, reason: known")
    pytester.makeini("[pytest]\nmockforge_accept = accept.yaml\n")
    plugin = write_wasm("no-memory", tmp_path)
    run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF104").assert_outcomes(xfailed=1)


def test_what_is_not_accepted_still_fails_and_is_named_alone(run: Run, tmp_path: Path) -> None:
    plugin = write_wasm("reply-wrong-types", tmp_path)
    option = accept(tmp_path, "code: MF205, detail: 'authenticate:*:/claims', reason: known")
    result = run(f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF205")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["reply-wrong-types: FAIL, 0 checks hold, 1 broken, 1 finding accepted"])
    assert "at /authenticated" in result.stdout.str()
    assert "at /claims" not in result.stdout.str()


@pytest.mark.parametrize(
    ("detail", "covered"),
    [
        ("authenticate:wrong-type:/claims", 1),
        ("authenticate:wrong-type:/*", 5),
        ("*", 5),
        ("*:/*m*", 3),
        ("authenticate:wrong-type:/CLAIMS", 0),
        ("wrong-type", 0),
    ],
)
def test_a_star_in_a_detail_stands_for_any_text(run: Run, tmp_path: Path, detail: str, covered: int) -> None:
    plugin = write_wasm("reply-wrong-types", tmp_path)
    option = accept(tmp_path, f"code: MF205, detail: '{detail}', reason: known")
    result = run(f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF205", "-v", "--tb=no")
    outlived = int(covered == 0)
    assert result.stdout.str().count("error MF205: authenticate") == 5 - covered
    assert result.stdout.str().count("error MF205: MF205 is accepted for") == outlived


@pytest.mark.parametrize("day", ["2099-12-31", "9999-12-31"])
def test_an_entry_holds_until_its_day(run: Run, tmp_path: Path, day: str) -> None:
    option = accept(tmp_path, f"code: MF104, reason: known, expires: {day}")
    plugin = write_wasm("no-memory", tmp_path)
    run(f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF104").assert_outcomes(xfailed=1)


def test_an_entry_that_has_run_out_fails_and_says_so(run: Run, tmp_path: Path) -> None:
    option = accept(tmp_path, "code: MF104, reason: known, expires: 2001-01-31")
    result = run(
        f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}", option, "--mockforge-checks=MF104", "--tb=no"
    )
    result.assert_outcomes(failed=1)
    text = " ".join(result.stdout.str().split())
    assert "accept.yaml:1 accepted it until 2001-01-31" in text
    assert "does not occur any more" not in text


def test_an_entry_that_no_longer_occurs_fails_and_names_its_file_and_line(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=ADMITTED)
    option = accept(tmp_path, "code: MF101, reason: a, plugin: other", "code: MF104, reason: was hidden once")
    result = run(f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF104")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "error MF104: MF104 is accepted, but does not occur any more",
            "    expected: the finding of accept.yaml:2 (was hidden once)",
            "    got: no such finding",
            "    hint: remove the entry from accept.yaml, or limit it by 'plugin: LABEL'",
        ]
    )


def test_an_outlived_entry_of_plugin_test_yaml_is_just_to_be_removed(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=ADMITTED)
    (tmp_path / "plugin.test.yaml").write_text("accept:\n- {code: MF104, reason: known}\n", "utf-8")
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF104")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["    expected: *plugin.test.yaml:2 *", "    hint: remove the entry from plugin.test.yaml"]
    )


def test_plugin_limits_an_entry_to_one_label(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    here, there = write_wasm("no-memory", tmp_path), write_wasm("no-memory", tmp_path / "other")
    option = accept(tmp_path, "code: MF104, reason: known, plugin: a")
    plugins = (f"--mockforge-plugin=a={here}", f"--mockforge-plugin=b={there}")
    result = run(*plugins, option, "--mockforge-checks=MF104")
    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED mockforge::b::MF104 *"])


def test_an_entry_for_a_plugin_that_is_not_in_the_run_is_left_alone(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=ADMITTED)
    option = accept(tmp_path, "code: MF104, reason: known, plugin: elsewhere")
    run(f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF104").assert_outcomes(passed=1)


def test_an_accepted_warning_is_counted_and_no_longer_listed(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=TWICE)
    words = (f"--mockforge-plugin={plugin}", "--mockforge-checks=MF207")
    run(*words).stdout.fnmatch_lines(["small: PASS, 1 check holds, 1 warning", "  warning MF207: *"])
    result = run(*words, accept(tmp_path, "code: MF207, reason: known"))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["small: PASS, 1 check holds, 1 finding accepted"])
    result.stdout.no_fnmatch_line("*warning MF207*")


@pytest.mark.slow
def test_the_entries_hold_in_a_distributed_run(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    plugin = write_wasm("no-memory", tmp_path)
    option = accept(tmp_path, "code: MF104, reason: known", "code: MF101, reason: outlived")
    args = (f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF101,MF104")
    result = run("-p", "xdist", "-n", "2", *args, "-rx", subprocess=True)
    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["*accept.yaml:2*", "XFAIL mockforge::no-memory::MF104 - known"])


def test_an_entry_for_a_check_that_was_skipped_has_not_outlived(run: Run, tmp_path: Path) -> None:
    option = accept(tmp_path, "code: MF203, reason: known")
    plugin = write_wasm("empty", tmp_path)
    run(f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF203").assert_outcomes(skipped=1)


def test_an_entry_for_a_check_that_was_not_selected_has_not_outlived(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=ADMITTED)
    option = accept(tmp_path, "code: MF203, reason: known")
    run(f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF101").assert_outcomes(passed=1)


def test_a_code_that_no_check_has_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=ADMITTED)
    result = run(f"--mockforge-plugin={plugin}", accept(tmp_path, "code: MF104, reason: a", "code: MF299, reason: b"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: mockforge: accept.yaml:2 accepts MF299, but no check has this code", "*hint: *MF101, MF102*"]
    )


def test_a_code_that_no_check_has_in_plugin_test_yaml_is_a_finding(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=ADMITTED)
    (tmp_path / "plugin.test.yaml").write_text("accept:\n- {code: MF299, reason: known}\n", "utf-8")
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF208")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["error MF208: plugin.test.yaml:2 accepts MF299, but no check has this code", "    hint: *MF101, *"]
    )


def test_an_entry_without_a_reason_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=ADMITTED)
    result = run(f"--mockforge-plugin={plugin}", accept(tmp_path, "code: MF104"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*accept.yaml*an accepted finding has no 'reason'*"])


def test_an_empty_accept_file_accepts_nothing(run: Run, tmp_path: Path) -> None:
    plugin = write_wasm("no-memory", tmp_path)
    run(f"--mockforge-plugin={plugin}", accept(tmp_path), "--mockforge-checks=MF104").assert_outcomes(failed=1)


def test_runxfail_runs_accepted_findings_as_if_nothing_were_accepted(run: Run, tmp_path: Path) -> None:
    plugin = write_wasm("no-memory", tmp_path)
    option = accept(tmp_path, "code: MF104, reason: known")
    result = run(f"--mockforge-plugin={plugin}", option, "--mockforge-checks=MF104", "--runxfail")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAILED mockforge::no-memory::MF104 - MF104 no memory is exported*"])
