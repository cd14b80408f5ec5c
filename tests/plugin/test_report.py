"""The header and the summary as pytest shows them: verbosity, colour, width, distributed runs, hostile text."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pytest_mockforge.report.text import cells
from tests.answering import ADMITTED, DENIED, write_answering
from tests.conftest import RUST, Run
from tests.hostile_cases import write_wasm

HEAD = "= mockforge ="
CHEAP = "--mockforge-checks=MF1,MF2"
"""Families that ask for no measuring, for tests of what is written and not of figures."""


def summary(result: pytest.RunResult) -> list[str]:
    """Give the lines between our heading and the next."""
    lines = result.outlines
    start = next(index for index, line in enumerate(lines) if HEAD in line) + 1
    return lines[start : next(index for index, line in enumerate(lines) if index >= start and line.startswith("="))]


def raw(text: str) -> set[str]:
    """Give the characters of an output that could act on a terminal."""
    return {char for char in text if not char.isprintable() and char != "\n"}


def test_the_summary_says_what_it_is_whether_it_loads_and_what_calls_cost(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    lines = summary(run(f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101,MF401,MF402,MF403"))
    assert re.fullmatch(r"  rust, multi-value, \d+\.\d KiB", lines.pop(1))
    assert lines.pop(2).startswith("  hosts: adapter, loader, sandbox accepted; ")
    assert lines[:4] == [
        "rust: PASS, 4 checks hold",
        "  MockForge 0.3.213 (rust adapter) would load and call it",
        "",
        "  operation          accepted  fuel cold   steady      max   memory  growth",
    ]
    rows = [re.split(r" {2,}", line.strip()) for line in lines[4:8]]
    assert [row[0] for row in rows] == [
        "authenticate",
        "template_function",
        "generate_response",
        "query_datasource",
    ]
    for row in rows:
        assert row[1] == "3/4"
        assert all(re.fullmatch(r"\d{1,3}(,\d{3})+", figure) for figure in row[2:5])
        assert row[5:] == ["+64 KiB", "none"]
    assert lines[8:] == []


def test_a_finding_is_listed_with_code_expected_got_and_hint(run: Run, tmp_path: Path) -> None:
    lines = summary(run(f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}", "--tb=no"))
    start = lines.index("  error MF104: no memory is exported as 'memory'")
    assert [line.split(":")[0].strip() for line in lines[start + 1 : start + 5]] == [
        "expected",
        "got",
        "MockForge says",
        "hint",
    ]


def test_the_host_is_quoted_at_the_breach_where_it_stops(run: Run, tmp_path: Path) -> None:
    lines = summary(run(f"--mockforge-plugin={write_wasm('reply-wrong-types', tmp_path)}", CHEAP, "--tb=no"))
    assert sum("error MF205" in line for line in lines) == 5
    said = [index for index, line in enumerate(lines) if "MockForge says" in line]
    assert len(said) == 1
    assert "/authenticated" in next(line for line in reversed(lines[: said[0]]) if "error MF205" in line)


def test_v_shows_notes_which_are_hidden_otherwise(run: Run, tmp_path: Path) -> None:
    args = (f"--mockforge-plugin={write_wasm('unreachable', tmp_path)}", "--mockforge-checks=MF201", "--tb=no")
    assert not any("note MF201" in line for line in summary(run(*args)))
    assert summary(run(*args))[-1] == "  2 notes hidden, -v shows them"
    loud = summary(run(*args, "-v"))
    assert sum(line.startswith("  note MF201: ") for line in loud) == 2
    assert not any("hidden" in line for line in loud)


def test_q_shows_a_headline_and_one_line_a_finding(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('reply-wrong-types', tmp_path)}", CHEAP, "-q", "--tb=no")
    lines = summary(result)
    assert re.fullmatch(r"reply-wrong-types: FAIL, \d+ checks hold, 1 broken", lines[0])
    assert [line[:15] for line in lines[1:]] == ["  error MF205: "] * 5


def test_qq_shows_one_line_a_plugin(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}", CHEAP, "-qq", "--tb=no")
    ours = [line for line in result.outlines if "FAIL," in line]
    assert len(ours) == 1
    assert HEAD not in result.stdout.str()
    assert "hint:" not in result.stdout.str()


def test_no_summary_leaves_ours_out_too(run: Run) -> None:
    result = run(f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101", "--no-summary")
    assert result.ret == 0
    assert HEAD not in result.stdout.str()


def test_no_header_leaves_ours_out_too(run: Run) -> None:
    args = (f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101")
    run(*args).stdout.fnmatch_lines([f"mockforge: rust ({RUST}); host adapter; cache *"])
    run(*args, "--no-header").stdout.no_fnmatch_line("mockforge: rust*")


def test_there_is_no_header_and_no_summary_without_a_plugin(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = run("--mockforge-fuel=1M")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("mockforge*")
    assert HEAD not in result.stdout.str()


def test_there_is_no_summary_where_no_check_ran(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockforge_plugin): pass")
    assert HEAD not in run(f"--mockforge-plugin={RUST}", "test_it.py").stdout.str()
    assert HEAD not in run(f"--mockforge-plugin={RUST}", "--co", "-q").stdout.str()


def test_without_a_terminal_reporter_the_run_has_its_status(run: Run, tmp_path: Path) -> None:
    broken = write_wasm("no-memory", tmp_path)
    good = run("-p", "no:terminal", f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101", subprocess=True)
    bad = run("-p", "no:terminal", f"--mockforge-plugin={broken}", "--mockforge-checks=MF104", subprocess=True)
    assert (good.ret, bad.ret) == (0, 1)
    assert "Traceback" not in good.stderr.str() + bad.stderr.str()


def test_tb_no_keeps_the_findings(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}", "--mockforge-checks=MF104", "--tb=no")
    assert "= FAILURES =" not in result.stdout.str()
    assert "      hint: " in result.stdout.str()


def test_colour_says_the_verdict_and_ends_with_its_line(run: Run, tmp_path: Path) -> None:
    broken = write_wasm("no-memory", tmp_path)
    args = (f"--mockforge-plugin={RUST}", f"--mockforge-plugin={broken}", "--mockforge-checks=MF101,MF104", "--tb=no")
    lines = run(*args, "--color=yes").outlines
    assert any(line.startswith("\x1b[32mrust: PASS") for line in lines)
    assert any(line.startswith("\x1b[31mno-memory: FAIL") for line in lines)
    assert any(line.startswith("\x1b[31m  error MF104") for line in lines)
    for line in lines[next(index for index, line in enumerate(lines) if HEAD in line) :]:
        codes = re.findall(r"\x1b\[(\d+)m", line)
        assert not codes or codes[-1] == "0"


def test_color_no_writes_no_escape_sequence(run: Run) -> None:
    result = run(f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101", "--color=no")
    assert "\x1b" not in result.stdout.str()


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    plugin = write_wasm("reply-wrong-types", tmp_path)
    result = run(
        f"--mockforge-plugin={plugin}", f"--mockforge-plugin={RUST}", "--mockforge-checks=MF205,MF401", "--tb=no"
    )
    assert max(map(cells, summary(result))) <= columns
    stacked = any(line.startswith("  authenticate: accepted 3/4, ") for line in result.outlines)
    assert stacked == (columns < 74)


@pytest.mark.slow
def test_the_summary_of_a_distributed_run_is_that_of_a_plain_one_and_stands_once(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    small = write_answering(tmp_path / "small.wat", authenticate=ADMITTED, template_function="1")
    plugins = (f"--mockforge-plugin={small}", f"--mockforge-plugin={write_wasm('unreachable', tmp_path)}")
    # A search says how long it took, which is another time in each run.
    args = (*plugins, "--mockforge-checks=-MF3", "-v", "--tb=no")
    spread = run("-p", "xdist", "-n", "2", *args, subprocess=True)
    assert spread.stdout.str().count(HEAD) == 1
    assert summary(spread) == summary(run(*args))


def test_a_check_that_runs_on_every_worker_counts_once(run: Run) -> None:
    pytest.importorskip("xdist")
    args = (f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101,MF102")
    result = run("-p", "xdist", "-n", "2", "--dist=each", *args, subprocess=True)
    assert summary(result)[0] == "rust: PASS, 2 checks hold"


def test_a_check_that_breaks_off_is_never_a_pass(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_call(item):
            if item.name == "MF102":
                raise RuntimeError("out of order")
        """
    )
    result = run(f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101,MF102")
    assert summary(result)[0] == "rust: FAIL, 1 check holds, 1 broken"
    assert "  error MF102: the check broke off, so that nothing is known" in summary(result)


def test_a_worker_that_dies_within_a_check_is_never_a_pass(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makeconftest(
        """
        import os

        def pytest_runtest_call(item):
            if item.name == "MF102":
                os._exit(3)
        """
    )
    args = (f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101,MF102")
    result = run("-p", "xdist", "-n", "1", *args, subprocess=True)
    assert summary(result)[0] == "rust: FAIL, 1 check holds, 1 broken"


def test_checks_that_could_not_be_made_are_inconclusive(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('empty', tmp_path)}", "--mockforge-checks=MF203")
    lines = summary(result)
    assert lines[0] == "empty: INCONCLUSIVE, 0 checks hold, 1 skipped"
    assert "  skipped: the module cannot be loaded, see MF101" in lines


def test_an_operation_that_is_not_exported_is_named(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=ADMITTED, template_function="1")
    lines = summary(run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF402"))
    assert lines[-1] == "  not tested, as it cannot be called: generate_response, query_datasource"
    assert [line.split()[0] for line in lines if "+0" in line] == ["authenticate", "template_function"]


def test_figures_of_refusals_alone_are_marked(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=DENIED, template_function="1")
    lines = summary(run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF401"))
    assert any(line.startswith("  authenticate*  ") for line in lines)
    assert any(line.startswith("  template_function  ") for line in lines)
    assert "  * only refusals measured: plugin.test.yaml has no sample that is accepted" in lines


def test_the_mark_is_kept_on_a_narrow_terminal(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    plugin = write_answering(tmp_path / "small.wat", authenticate=DENIED)
    text = " ".join(" ".join(summary(run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF401"))).split())
    assert "authenticate*: fuel cold" in text
    assert "* only refusals measured" in text


UGLY = "a\x1b[2J\u202eb\x07"


@pytest.mark.parametrize("case", ["reply-escape-sequences", "control-characters-in-names", "wasi-print"])
@pytest.mark.parametrize("verbosity", ["-q", "-v"])
def test_no_text_of_a_module_acts_on_the_terminal(run: Run, tmp_path: Path, case: str, verbosity: str) -> None:
    result = run(f"--mockforge-plugin={write_wasm(case, tmp_path)}", CHEAP, verbosity, "--color=no")
    assert raw(result.stdout.str()) == set()


def test_a_reply_in_a_sample_that_differs_does_not_act_on_the_terminal(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", template_function='"\\u001b[2J\\u202e\\u0007"')
    (tmp_path / "plugin.test.yaml").write_text(
        r"""
samples:
  - name: "paints \e[31m \u202e"
    operation: template_function
    request: {function_name: "f\e[2J", args: ["\a\u2066"]}
    expect: {reply: "\e]0;title\a"}
""",
        "utf-8",
    )
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF208", "--color=no", "-v")
    result.assert_outcomes(failed=1)
    assert raw(result.stdout.str()) == set()
    assert r"expected: " in result.stdout.str()


def test_a_files_name_does_not_act_on_the_terminal(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / UGLY
    folder.mkdir()
    plugin = write_answering(folder / f"{UGLY}.wat", authenticate="nonsense")
    (folder / "plugin.yaml").write_text("id: [", "utf-8")
    (folder / "plugin.test.yaml").write_text("samples: 1", "utf-8")
    args = ("--color=no", "-v", "--mockforge-checks=MF1,MF2,MF701")
    # pytest itself writes the id as it is, and our label stands in it.
    result = run(f"--mockforge-plugin={plugin}", *args)
    assert raw(result.stdout.str()) == set()
    assert any(line.startswith("a-2J-b: FAIL") for line in result.outlines)


def test_the_reason_of_an_accepted_finding_does_not_act_on_the_terminal(run: Run, tmp_path: Path) -> None:
    accept = tmp_path / "accept.yaml"
    accept.write_text('- {code: MF104, reason: "known\\e[2J \\u202e"}\n', "utf-8")
    plugin = write_wasm("no-memory", tmp_path)
    args = (f"--mockforge-accept={accept}", "--mockforge-checks=MF104", "-rx", "--color=no")
    result = run(f"--mockforge-plugin={plugin}", *args)
    result.assert_outcomes(xfailed=1)
    assert raw(result.stdout.str()) == set()
    assert r"known\x1b[2J \u202e" in result.stdout.str()


def test_a_failure_in_an_authors_own_test_does_not_act_on_the_terminal(
    run: Run, tmp_path: Path, pytester: pytest.Pytester
) -> None:
    reply = '{"authenticated":"\\u001b[31mno\\u202e","claims":{"\\u001b[2J":1},"\\u0007":1}'
    plugin = write_answering(tmp_path / "small.wat", authenticate=reply)
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin, mockforge_request):
            mockforge_plugin.authenticate(mockforge_request.auth())
        """
    )
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=none", "--color=no", "--tb=short")
    result.assert_outcomes(failed=1)
    assert "broke the contract" in result.stdout.str()
    assert raw(result.stdout.str()) == set()


def test_junit_is_valid_xml_where_a_finding_holds_control_characters(
    run: Run, tmp_path: Path, pytester: pytest.Pytester
) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate=b'\x01\x1b[31m{"\xff]]>&<\x0b')
    run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF2", "--junitxml=junit.xml")
    failures = list(ElementTree.parse(pytester.path / "junit.xml").iter("failure"))
    assert failures
    assert all(len(str(failure.get("message"))) < 400 for failure in failures)


def test_a_very_long_reply_is_cut_everywhere(run: Run, tmp_path: Path) -> None:
    plugin = write_answering(tmp_path / "small.wat", authenticate="x" * 60_000)
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF2", "-v")
    assert len(result.stdout.str()) < 30_000


def test_many_findings_are_cut_with_a_count(run: Run, tmp_path: Path) -> None:
    claims = ",".join(f'"c{number}":1,"c{number}":2' for number in range(300))
    plugin = write_answering(
        tmp_path / "small.wat", authenticate=f'{{"authenticated":false,"claims":{{{claims}}},"metadata":{{}}}}'
    )
    lines = summary(run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF207"))
    assert lines[0] == "small: PASS, 1 check holds, 300 warnings"
    assert sum(line.startswith("  warning MF207: ") for line in lines) == 20
    assert lines[-1] == "  … and 280 more findings, -vv shows all"


def test_a_terminal_without_unicode_gets_the_summary_too(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("PYTHONUTF8", "0")
    plugin = write_answering(tmp_path / "small.wat", authenticate='{"authenticated":"李"}')
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF205", subprocess=True)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "small: FAIL" in result.stdout.str()
