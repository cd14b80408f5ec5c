"""The built-in suite as pytest sees it: ids, selection, outcomes, other people's options."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import RUST, Run
from tests.hostile_cases import write_wasm

USER_TEST = """
def test_mine():
    pass
"""


def collected(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("mockforge::") or ".py::" in line]


def test_a_good_plugin_passes_in_an_empty_folder(run: Run) -> None:
    result = run(f"--mockforge-plugin={RUST}")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["rust: PASS, * checks hold*", "*MockForge 0.3.213 (rust adapter) would load and call it"]
    )


def test_each_check_has_a_stable_id(run: Run) -> None:
    ids = collected(run(f"--mockforge-plugin={RUST}", "--co", "-q"))
    assert "mockforge::rust::MF101" in ids
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"mockforge::rust::MF\d{3}", one) for one in ids)


def test_the_tree_names_suite_plugin_and_check(run: Run) -> None:
    result = run(f"--mockforge-plugin={RUST}", "--co")
    result.stdout.fnmatch_lines(["*<MockforgeSuite mockforge>", "*<MockforgePlugin rust>", "*<MockforgeCheck MF101>"])
    collected_line = next(line for line in result.outlines if "collected" in line)
    assert collected_line.split()[1] == str(sum("<MockforgeCheck" in line for line in result.outlines))


def test_k_selects_checks(run: Run) -> None:
    assert collected(run(f"--mockforge-plugin={RUST}", "--co", "-q", "-k", "MF101 or MF203")) == [
        "mockforge::rust::MF101",
        "mockforge::rust::MF203",
    ]


def test_an_id_is_an_argument(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_user=USER_TEST)
    result = run(f"--mockforge-plugin={RUST}", "mockforge::rust::MF203", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["mockforge::rust::MF203 PASSED*"])


def test_a_plugins_id_stands_for_all_its_checks(run: Run) -> None:
    words = (f"--mockforge-plugin=a={RUST}", f"--mockforge-plugin=b={RUST}")
    ids = collected(run(*words, "mockforge::b", "--co", "-q"))
    assert "mockforge::b::MF101" in ids
    assert all(one.startswith("mockforge::b::") for one in ids)


def test_an_id_goes_with_a_users_file(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_user=USER_TEST)
    ids = collected(run(f"--mockforge-plugin={RUST}", "mockforge::rust::MF203", "test_user.py", "--co", "-q"))
    assert ids == ["test_user.py::test_mine", "mockforge::rust::MF203"]


def test_an_id_that_does_not_exist_is_a_usage_error(run: Run) -> None:
    result = run(f"--mockforge-plugin={RUST}", "mockforge::rust::MF999")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*mockforge::rust::MF999 names no check of this run*", "*hint: *rust*"])


def test_deselect_takes_an_id(run: Run) -> None:
    ids = collected(run(f"--mockforge-plugin={RUST}", "--co", "-q", "--deselect", "mockforge::rust::MF101"))
    assert "mockforge::rust::MF101" not in ids
    assert "mockforge::rust::MF102" in ids


def test_a_users_folder_keeps_the_suite(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(**{"mine/test_user": USER_TEST})
    ids = collected(run(f"--mockforge-plugin={RUST}", "mine", "--co", "-q"))
    assert {"mine/test_user.py::test_mine", "mockforge::rust::MF101"} <= set(ids)


@pytest.mark.parametrize("argument", ["test_user.py", "test_user.py::test_mine"])
def test_naming_a_users_file_or_id_leaves_the_suite_out(run: Run, pytester: pytest.Pytester, argument: str) -> None:
    pytester.makepyfile(test_user=USER_TEST)
    assert collected(run(f"--mockforge-plugin={RUST}", argument, "--co", "-q")) == ["test_user.py::test_mine"]


def test_asking_for_checks_keeps_the_suite_beside_a_named_file(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_user=USER_TEST)
    ids = collected(run(f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101", "test_user.py", "--co", "-q"))
    assert ids == ["test_user.py::test_mine", "mockforge::rust::MF101"]


@pytest.mark.parametrize(
    ("selection", "inside", "outside"),
    [
        ("none", set(), {"MF101"}),
        ("MF2", {"MF201", "MF208"}, {"MF101", "MF401"}),
        ("MF2,-MF203", {"MF202", "MF204"}, {"MF203"}),
        ("-MF4", {"MF101", "MF203"}, {"MF401", "MF403"}),
        ("all,-MF1", {"MF203"}, {"MF101"}),
        ("mf101", {"MF101"}, {"MF102"}),
    ],
)
def test_checks_are_selected_by_an_expression(run: Run, selection: str, inside: set[str], outside: set[str]) -> None:
    result = run(f"--mockforge-plugin={RUST}", f"--mockforge-checks={selection}", "--co", "-q")
    codes = {one.rpartition("::")[2] for one in collected(result)}
    assert inside <= codes
    assert not outside & codes


def test_x_stops_at_the_first_broken_check(run: Run, tmp_path: Path) -> None:
    path = write_wasm("no-memory", tmp_path)
    result = run(f"--mockforge-plugin={path}", "-x")
    result.assert_outcomes(failed=1, passed=3)
    result.stdout.fnmatch_lines(["*stopping after 1 failures*"])


def test_lf_runs_what_broke_last_time(run: Run, tmp_path: Path) -> None:
    path = write_wasm("no-memory", tmp_path)
    first = run(f"--mockforge-plugin={path}").parseoutcomes()
    again = run(f"--mockforge-plugin={path}", "--lf")
    again.assert_outcomes(failed=first["failed"], deselected=sum(first.values()) - first["failed"])
    again.stdout.fnmatch_lines(["*run-last-failure: rerun previous*"])


def test_one_broken_plugin_leaves_the_others_their_verdicts(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('empty', tmp_path)}", f"--mockforge-plugin={RUST}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["empty: FAIL, *", "rust: PASS, *"])


def test_the_short_summary_says_what_is_wrong_in_one_line(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}")
    result.stdout.fnmatch_lines(["FAILED mockforge::no-memory::MF104 - MF104 no memory is exported as 'memory'*"])


def test_a_failure_shows_its_findings_and_no_traceback(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}", "mockforge::no-memory::MF104")
    result.stdout.fnmatch_lines(
        [
            "MF104 no memory is exported as 'memory'",
            "error MF104: *",
            "    expected: a memory exported as 'memory', 32-bit and not shared",
            "    got: *",
            "    MockForge says: Plugin execution error: WASM module must export 'memory'",
            "    hint: *",
            "rule: *--mockforge-explain=MF104 tells more",
        ]
    )
    result.stdout.no_fnmatch_line("*suite.py*")
    result.stdout.no_fnmatch_line("*Traceback*")


def test_junit_has_short_messages(run: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    run(f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}", "--junitxml=junit.xml")
    cases = ElementTree.parse(pytester.path / "junit.xml").iter("testcase")
    failures = {case.get("name"): failure for case in cases if (failure := case.find("failure")) is not None}
    assert failures["MF104"].get("message") == "MF104 no memory is exported as 'memory'"
    assert "hint: " in str(failures["MF104"].text)


def test_checks_that_cannot_be_made_are_skipped_with_the_cause(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('empty', tmp_path)}", "-rs")
    result.stdout.fnmatch_lines(["SKIPPED * the module cannot be loaded, see MF101"])


@pytest.mark.slow
def test_the_suite_runs_distributed(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    broken = write_wasm("no-memory", tmp_path)
    args = (f"--mockforge-plugin={RUST}", f"--mockforge-plugin={broken}")
    alone = run(*args)
    spread = run("-p", "xdist", "-n", "2", *args, subprocess=True)
    assert spread.parseoutcomes() == alone.parseoutcomes()
    verdicts = [line for line in alone.outlines if ": PASS," in line or ": FAIL," in line]
    assert [line for line in spread.outlines if ": PASS," in line or ": FAIL," in line] == verdicts
    spread.stdout.fnmatch_lines(["FAILED mockforge::no-memory::MF104 - MF104 no memory is exported as 'memory'*"])


def test_a_second_run_does_not_compile_again(run: Run, pytester: pytest.Pytester) -> None:
    cache = pytester.path / "compiled"
    run(f"--mockforge-plugin={RUST}", f"--mockforge-cache={cache}", "-q")
    before = {path: path.stat().st_mtime_ns for path in cache.glob("*.cwasm")}
    assert before
    run(f"--mockforge-plugin={RUST}", f"--mockforge-cache={cache}", "-q", subprocess=True)
    assert {path: path.stat().st_mtime_ns for path in cache.glob("*.cwasm")} == before


def test_explain_prints_the_page_of_a_check(run: Run) -> None:
    result = run("--mockforge-explain=mf103")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["MF103  nothing is imported", "family MF1: loading and ABI", "*contract 2.1*", "Mend*"]
    )


def test_explain_lists_the_codes_for_an_unknown_one(run: Run) -> None:
    result = run("--mockforge-explain=MF999")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*there is no check 'MF999'*", "*hint: the codes are MF101, *"])


def test_results_cross_as_plain_data(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import json
        def pytest_runtest_logreport(report):
            if hasattr(report, "mockforge"):
                print("PLAIN", json.dumps(report.mockforge))
        """
    )
    result = run(f"--mockforge-plugin={RUST}", "-s", "mockforge::rust::MF401")
    (plain,) = [json.loads(line.partition("PLAIN ")[2]) for line in result.outlines if "PLAIN " in line]
    assert plain["plugin"] == "rust"
    assert plain["figures"]["authenticate"]["fuel_cold"] > 0
