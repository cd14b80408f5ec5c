"""A report as the baseline: which of its figures are compared, and why others are not."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_mockforge.budgets.baseline import read_baseline
from pytest_mockforge.budgets.machine import this_machine
from pytest_mockforge.budgets.model import Dimension
from pytest_mockforge.contract.operations import Operation

FIGURES = {"fuel_steady": 100, "fuel_cold": 120, "fuel_max": 110, "samples": 4, "accepted": 3, "growth": 0.0}


def written(folder: Path, **changed: object) -> Path:
    plugin = {
        "label": "auth",
        "identity": {"size": 1000, "dialect": changed.pop("dialect", None)},
        "operations": {"authenticate": {"figures": {**FIGURES, **(changed.pop("figures", None) or {})}}},  # type: ignore[dict-item]
    }
    report = {
        "schema": "pytest-mockforge-report/1",
        "run": {"wasmtime": version("wasmtime"), "machine": {"identity": this_machine().identity}},
        "plugins": [plugin],
        **changed,
    }
    path = folder / "old.json"
    path.write_text(json.dumps(report), "utf-8")
    return path


def reason(path: Path, kind: Dimension, *, requests: int = 3, operation: Operation = Operation.AUTHENTICATE) -> str:
    found, why = read_baseline(path, "auth", dialect="host").measured(operation, kind, requests=requests)
    assert (found is None) == bool(why)
    return why


def test_exact_figures_are_read(tmp_path: Path) -> None:
    recorded = read_baseline(written(tmp_path), "auth", dialect="host")
    found, why = recorded.measured(Operation.AUTHENTICATE, "fuel", requests=3)
    assert found is not None
    assert not why
    assert (found.fuel_steady, found.fuel_cold, found.fuel_max) == ((100,), (120,), (110,))
    sized, _ = recorded.measured(Operation.AUTHENTICATE, "size")
    assert sized is not None
    assert sized.size == 1000


@pytest.mark.parametrize("verdict", ["inconclusive", "failed"])
def test_growth_that_the_baseline_could_not_judge_says_so(tmp_path: Path, verdict: str) -> None:
    path = written(tmp_path, figures={"growth_verdict": verdict})
    found, _ = read_baseline(path, "auth", dialect="host").measured(Operation.AUTHENTICATE, "growth", requests=3)
    assert found is not None
    assert found.growth_reason == "growth was too little to judge in the baseline's run"


@pytest.mark.parametrize("growth", [0.0, 3, 2.5])
def test_growth_that_the_baseline_judged_is_read(tmp_path: Path, growth: float) -> None:
    path = written(tmp_path, figures={"growth": growth, "growth_verdict": "passed"})
    found, _ = read_baseline(path, "auth", dialect="host").measured(Operation.AUTHENTICATE, "growth", requests=3)
    assert found is not None
    assert (found.growth, found.growth_reason) == (growth, "")


@pytest.mark.parametrize("only", [True, False])
def test_a_baseline_that_only_refused_is_known(tmp_path: Path, only: bool) -> None:
    path = written(tmp_path, figures={"only_refusals": only})
    found, _ = read_baseline(path, "auth", dialect="host").measured(Operation.AUTHENTICATE, "fuel", requests=3)
    assert found is not None
    assert found.only_refusals is only


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux alone tells its processor there")
def test_the_machine_is_known_by_the_name_of_its_processor() -> None:
    fields = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    names = {" ".join(value.split()) for name, _, value in fields if name.strip() == "model name"}
    assert not names or this_machine().cpu in names


def test_fuel_of_another_wasmtime_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, run={"wasmtime": "36.0.0"})
    assert reason(path, "fuel") == f"the baseline's fuel was counted by wasmtime 36.0.0, ours by {version('wasmtime')}"
    assert reason(path, "memory") == ""


def test_fuel_of_another_compiler_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, run={"wasmtime": version("wasmtime"), "compiler": "winch"})
    assert reason(path, "fuel") == "the baseline was compiled by winch, ours by cranelift"


def test_time_of_another_machine_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, run={"wasmtime": version("wasmtime"), "machine": {"identity": "other"}})
    assert reason(path, "time") == "the baseline's time was taken on another machine: name the older module itself"


def test_time_that_took_no_turns_is_refused(tmp_path: Path) -> None:
    assert "was not taken in turns with ours" in reason(written(tmp_path), "time")


def test_figures_of_other_samples_are_refused(tmp_path: Path) -> None:
    said = "the baseline's run had other samples of authenticate: 3 accepted then, 5 now"
    assert reason(written(tmp_path), "fuel", requests=5) == said


def test_an_operation_that_the_report_lacks_is_told(tmp_path: Path) -> None:
    found = reason(written(tmp_path), "fuel", operation=Operation.QUERY_DATASOURCE)
    assert found == "the baseline's report has no figures of query_datasource"


def test_another_dialect_is_told(tmp_path: Path) -> None:
    found = read_baseline(written(tmp_path, dialect="sdk"), "auth", dialect="host")
    assert found.reason == "the baseline speaks the dialect sdk, and the plugin host"


def test_the_only_plugin_of_a_report_is_meant_whatever_its_label(tmp_path: Path) -> None:
    assert read_baseline(written(tmp_path), "new-name", dialect="host").plugin is not None


def test_a_plugin_that_is_none_of_several_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, plugins=[{"label": "a"}, {"label": "b"}])
    assert read_baseline(path, "auth", dialect="host").reason == "old.json has no plugin 'auth'; its plugins: a, b"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "old.json is no report of ours"),
        ("[1, 2]", "old.json is no report of ours"),
        ("{", "old.json is no report of ours"),
        ("[" * 100_000, "old.json is no report of ours"),
        ('{"schema": "x"}', "old.json is no report of ours"),
        ('{"schema": "other/1", "run": {}, "plugins": []}', "old.json has the schema 'other/1'"),
        ('{"schema": "pytest-mockforge-report/1", "run": {}, "plugins": []}', "old.json has no plugin 'auth'"),
    ],
)
def test_what_is_no_report_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(text, "utf-8")
    assert read_baseline(path, "auth", dialect="host").reason.startswith(said)


def test_a_report_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    found = read_baseline(tmp_path, "auth", dialect="host")
    assert found.reason == f"{tmp_path.name} cannot be read: Is a directory"
