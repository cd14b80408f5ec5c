"""`--mockforge-report` as users see it: files in each form, judged before the run, written once, by the controller."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pytest_mockforge.report import charts
from pytest_mockforge.report.json_report import json_schema
from tests.answering import ADMITTED, DENIED, write_answering
from tests.conftest import ROOT, Run
from tests.hostile_cases import write_wasm
from tests.report_cases import HOSTILE

pytestmark = pytest.mark.slow

with contextlib.suppress(ImportError):
    # Here, as what it imports replaces how Python finds installed packages: pytester, which undoes what an inner run
    # imported, would undo half of that.
    charts.load()

CHEAP = "--mockforge-checks=MF1"
"""A family that asks for no measuring."""


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what a CI service sets, whoever runs these tests."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def read(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return report


def test_each_form_is_written_and_the_terminal_names_the_files(run: Run, rust: Path, pytester: pytest.Pytester) -> None:
    result = run(
        f"--mockforge-plugin={rust}", CHEAP, *(f"--mockforge-report=r.{end}" for end in ("json", "md", "html"))
    )
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"mockforge report: {pytester.path / 'r.json'}", "*r.md", "*r.html"])
    assert "| `rust` | `rust` | ✅ pass |" in (pytester.path / "r.md").read_text("utf-8")
    assert "<h1>MockForge plugins: 1 passed</h1>" in (pytester.path / "r.html").read_text("utf-8")


def test_a_real_run_is_valid_by_the_schema_and_tells_what_was_measured(
    run: Run, rust: Path, pytester: pytest.Pytester
) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked with jsonschema")
    run(f"--mockforge-plugin={rust}", "--mockforge-checks=MF101,MF401,MF402,MF403", "--mockforge-report=r.json")
    report = read(pytester.path / "r.json")
    jsonschema.Draft202012Validator(json_schema()).validate(report)
    (plugin,) = report["plugins"]
    assert (report["verdict"], plugin["verdict"], report["run"]["exit_status"]) == ("pass", "pass", 0)
    assert plugin["identity"]["language"] == "rust"
    operation = plugin["operations"]["authenticate"]
    assert operation["figures"]["fuel_steady"] > 10_000
    assert operation["memory_over_calls"][-1] == [20_000, 0]


def test_a_budget_of_time_has_its_samples_and_its_verdict(run: Run, rust: Path, pytester: pytest.Pytester) -> None:
    budget = "--mockforge-budget=authenticate: p95<10s"
    run(f"--mockforge-plugin={rust}", "--mockforge-checks=MF501", budget, "--mockforge-report=r.json")
    (plugin,) = read(pytester.path / "r.json")["plugins"]
    (verdict,) = plugin["checks"][0]["budget"]
    assert (verdict["operation"], verdict["outcome"]) == ("authenticate", "pass")
    time = plugin["operations"]["authenticate"]["time"]
    assert sum(map(len, time["samples"])) == time["count"] >= 59


def test_a_module_that_leaks_has_its_memory_drawn_over_calls(
    run: Run, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    if not charts.can_draw():
        pytest.skip("charts are drawn with pygal")
    leaking = f"--mockforge-plugin={write_wasm('leaks-a-page', tmp_path)}"
    run(leaking, "--mockforge-checks=MF403", "--mockforge-report=r.json", "--mockforge-report=r.html", "--tb=no")
    (plugin,) = read(pytester.path / "r.json")["plugins"]
    curves = [known["memory_over_calls"] for known in plugin["operations"].values()]
    assert any(len(curve) > 8 and curve[-1][1] > 0 for curve in curves)
    assert "Memory grown since the warm-up" in (pytester.path / "r.html").read_text("utf-8")


def test_a_distributed_run_writes_the_same_results_once(run: Run, rust: Path, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    args = (f"--mockforge-plugin={rust}", CHEAP)
    run(*args, "--mockforge-report=one.json")
    result = run("-p", "xdist", "-n", "2", *args, "--mockforge-report=two.json", subprocess=True)
    assert result.stdout.str().count("mockforge report: ") == 1
    one, two = read(pytester.path / "one.json"), read(pytester.path / "two.json")
    assert (one["run"]["workers"], two["run"]["workers"]) == (0, 2)
    assert one["plugins"] == two["plugins"]


def test_ini_keys_count_from_the_folder_of_the_ini_file(run: Run, rust: Path, pytester: pytest.Pytester) -> None:
    inner = pytester.mkdir("inner")
    pytester.makeini(f"[pytest]\nmockforge_plugins = {rust}\nmockforge_reports =\n    a.json\n    inner/b.md\n")
    os.chdir(inner)
    run(CHEAP, f"--rootdir={pytester.path}", f"-c={pytester.path / 'tox.ini'}", "--mockforge-report=c.md")
    assert sorted(path.name for path in (*pytester.path.glob("*.json"), *inner.iterdir())) == ["a.json", "b.md", "c.md"]


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        (["r.xml"], "the report 'r.xml' has the ending '.xml', which names no form of report"),
        (["gone/r.json"], "the report 'gone/r.json' cannot be written: * does not exist"),
        (["r.json", "./r.json"], "two reports are on one path: 'r.json' and './r.json'"),
    ],
)
def test_a_report_that_cannot_be_written_is_a_usage_error_before_anything_runs(
    reports: list[str], said: str, run: Run, rust: Path, pytester: pytest.Pytester
) -> None:
    result = run(f"--mockforge-plugin={rust}", CHEAP, *(f"--mockforge-report={report}" for report in reports))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: mockforge: {said}", "  hint: *"])
    assert list(pytester.path.glob("r.*")) == []


def test_a_report_without_a_plugin_is_a_usage_error(run: Run) -> None:
    result = run("--mockforge-report=r.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: mockforge: the report 'r.json' would be about no plugin"])


def test_an_ini_file_that_names_reports_leaves_runs_without_a_plugin_alone(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmockforge_reports = r.json\n")
    pytester.makepyfile("def test_it(): pass")
    assert run().ret == pytest.ExitCode.OK
    assert not (pytester.path / "r.json").exists()


def test_a_path_that_becomes_unwritable_during_the_run_is_said_fails_it_and_loses_no_other(
    run: Run, rust: Path, pytester: pytest.Pytester
) -> None:
    pytester.mkdir("out")
    pytester.makepyfile("import os\n\ndef test_it():\n    os.rmdir('out')\n")
    args = ("--mockforge-report=out/r.json", "--mockforge-report=r.md", "--mockforge-report=out/r.html")
    result = run(f"--mockforge-plugin={rust}", CHEAP, *args)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    where = pytester.path / "out"
    result.stdout.fnmatch_lines(
        [
            f"mockforge report: {pytester.path / 'r.md'}",
            f"mockforge: the report '{where / 'r.json'}' could not be written: No such file or directory",
            f"mockforge: the report '{where / 'r.html'}' could not be written: No such file or directory",
        ]
    )
    assert (pytester.path / "r.md").exists()


def test_a_run_that_is_cut_short_still_tells_what_it_found(run: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    run(f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}", CHEAP, "-x", "--mockforge-report=r.json")
    report = read(pytester.path / "r.json")
    assert report["verdict"] == "fail"
    assert report["run"]["exit_status"] != 0


def test_listing_the_checks_writes_no_report(run: Run, rust: Path, pytester: pytest.Pytester) -> None:
    run(f"--mockforge-plugin={rust}", CHEAP, "--co", "--mockforge-report=r.json")
    assert not (pytester.path / "r.json").exists()


def test_the_step_summary_gets_the_table_where_its_variable_is_set(
    run: Run, rust: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = pytester.path / "summary.md"
    summary.write_text("what an earlier step wrote\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    run(f"--mockforge-plugin={rust}", CHEAP)
    lines = summary.read_text("utf-8").splitlines()
    assert lines[:2] == ["what an earlier step wrote", "### ✅ MockForge plugins: 1 passed"]


def test_a_step_summary_that_cannot_be_written_is_said_and_fails_nothing(
    run: Run, rust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/nowhere/summary.md")
    result = run(f"--mockforge-plugin={rust}", CHEAP)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["mockforge: the summary '/nowhere/summary.md' could not be written: *"])


def test_each_failure_is_one_annotation_that_names_the_manifest_within_the_repository(
    run: Run, rust: Path, pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.mkdir(".git")
    write_wasm("no-memory", tmp_path).rename(rust / "plugin.wasm")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = run(f"--mockforge-plugin={rust}", "--mockforge-checks=MF104", "--tb=no")
    lines = [line for line in result.outlines if line.startswith("::")]
    assert len(lines) == 1
    assert lines[0].startswith("::error file=plugins/rust/plugin.yaml,title=rust%3A ")
    assert "::MF104 no memory is exported as 'memory'%0A" in lines[0]


def test_annotations_come_from_the_controller_of_a_distributed_run_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xdist")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    broken = f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}"
    result = run("-p", "xdist", "-n", "2", broken, "--mockforge-checks=MF104", "--tb=no", subprocess=True)
    assert sum(line.startswith("::error") for line in (*result.outlines, *result.errlines)) == 1


def test_outside_of_ci_there_are_no_annotations(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('no-memory', tmp_path)}", CHEAP, "--tb=no")
    assert not [line for line in result.outlines if line.startswith("::")]


def test_junit_has_properties_with_code_severity_and_figures(run: Run, rust: Path, pytester: pytest.Pytester) -> None:
    run(f"--mockforge-plugin={rust}", "--mockforge-checks=MF401,MF201", "--junitxml=junit.xml")
    cases = ElementTree.parse(pytester.path / "junit.xml").getroot().iter("testcase")
    found = {case.get("name"): {one.get("name"): one.get("value") for one in case.iter("property")} for case in cases}
    fuel = found["MF401"]
    assert (fuel["mockforge.plugin"], fuel["mockforge.code"], fuel["mockforge.language"]) == ("rust", "MF401", "rust")
    assert int(fuel["mockforge.authenticate.fuel_steady"] or 0) > 10_000
    assert found["MF201"]["mockforge.severity"] == "note"


def test_a_token_of_a_sample_stands_in_no_report(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module denies what its sample says it admits, so that a finding speaks of the sample's request."""
    folder = pytester.mkdir("mine")
    plugin = write_answering(folder / "mine.wat", authenticate=DENIED)
    token = "tok-4711-do-not-tell"
    (folder / "plugin.test.yaml").write_text(
        "version: 1\nsamples:\n  - name: known\n    operation: authenticate\n"
        f"    request: {{query: {{token: {token}}}, uri: /}}\n    expect: {{outcome: accepted}}\n"
    )
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    forms = [f"--mockforge-report=r.{end}" for end in ("json", "md", "html")]
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF2", *forms, "--junitxml=junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert token not in result.stdout.str()
    for name in ("r.json", "r.md", "r.html", "summary.md", "junit.xml"):
        assert token not in (pytester.path / name).read_text("utf-8"), name
    assert "~secret." in (pytester.path / "r.json").read_text("utf-8")


def test_hostile_text_of_a_plugin_is_harmless_in_every_form(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = HOSTILE.replace("\ud800", "")
    reply = json.dumps({**json.loads(ADMITTED), "authenticated": hostile})
    plugin = write_answering(pytester.path / "hostile.wat", authenticate=reply)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    forms = [f"--mockforge-report=r.{end}" for end in ("json", "md", "html")]
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF2", *forms, "--junitxml=junit.xml")
    assert "alert" in (pytester.path / "r.html").read_text("utf-8"), "the text came through"
    for name in ("r.json", "r.md", "r.html"):
        text = (pytester.path / name).read_text("utf-8")
        assert {char for char in text if not char.isprintable()} == {"\n"}, name
    assert "<script" not in (pytester.path / "r.html").read_text("utf-8")
    assert ElementTree.parse(pytester.path / "junit.xml") is not None
    assert not [line for line in result.outlines if line.startswith("::") and not line.startswith("::error ")]


def test_the_schema_and_the_style_are_in_the_package() -> None:
    assert (ROOT / "pytest_mockforge" / "report" / "assets" / "report.schema.json").is_file()
    assert (ROOT / "pytest_mockforge" / "report" / "assets" / "report.css").is_file()
