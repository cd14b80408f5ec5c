"""The README does not drift: its blocks run, and what it shows is what the tool prints today, figures aside."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pytest_mockforge.checks.registry import FAMILIES, catalogue
from tests.conftest import ROOT, Run
from tests.hostile_cases import write_wasm

README = (ROOT / "README.md").read_text("utf-8")
OPTIONS = (ROOT / "docs" / "options.md").read_text("utf-8")
CI = (ROOT / ".ci" / "run").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def likened(lines: list[str]) -> list[str]:
    """Put N for each number and one blank for several, so that figures may change and words may not."""
    return [re.sub(r"\s+", " ", re.sub(r"\d[\d,.]*", "N", line)).strip() for line in lines if line.strip()]


def test_it_stays_short() -> None:
    assert len(README.splitlines()) <= 150


def test_the_main_job_prints_what_is_shown(run: Run, rust: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = blocks("text")[0].splitlines()
    monkeypatch.chdir(rust)
    printed = run("--mockforge-plugin=plugin.wasm", search=True).outlines
    start = printed.index(next(line for line in printed if line.startswith("plugin: ")))
    assert likened(printed[start:])[: len(likened(shown))] == likened(shown)
    assert printed[-1].startswith("=")
    assert len(likened(printed[start:])) == len(likened(shown)) + 1


def test_the_tests_shown_pass(run: Run, pytester: pytest.Pytester, rust: Path) -> None:
    pytester.makepyfile(blocks("python")[0])
    run(f"--mockforge-plugin={rust}", "--mockforge-checks=none").assert_outcomes(passed=2)


def test_the_failure_shown_is_what_that_test_gives(run: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile(blocks("python")[0])
    plugin = write_wasm("reply-float-status", tmp_path)
    printed = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=none", "-k", "well").outlines
    shown = blocks("text")[1].splitlines()
    start = printed.index(shown[0])
    assert printed[start : start + len(shown)] == shown


def test_the_samples_shown_hold(run: Run, rust: Path) -> None:
    (rust / "plugin.test.yaml").write_text(blocks("yaml")[0], "utf-8")
    result = run(f"--mockforge-plugin={rust}", "--mockforge-checks=MF208,MF401")
    result.assert_outcomes(passed=2)
    result.stdout.re_match_lines([r"  authenticate +1/1 .*"])


def test_the_way_to_start_a_service_that_is_shown_starts_one(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    reference = ROOT / "fixtures" / "reference"
    shutil.copytree(reference / "python-http", tmp_path / "python-http")
    shutil.copytree(reference / "python", tmp_path / "python")
    (tmp_path / "python-http" / "plugin.test.yaml").write_text(blocks("yaml")[1], "utf-8")
    plugin = tmp_path / "python-http"
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-allow-commands", "--mockforge-checks=MF601,MF602,MF205")
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_listed_with_its_codes(family: str) -> None:
    codes = [check.code for check in catalogue() if check.family == family]
    row = next((line for line in README.splitlines() if line.startswith(f"| {family} ")), "")
    assert row.startswith(f"| {family} {FAMILIES[family]} | {codes[0]} to {codes[-1]} |")


def test_each_option_and_ini_key_is_named_and_exists(run: Run) -> None:
    text = run("--help").stdout.str()
    there = {name for name in re.findall(r"--mockforge-[a-z-]+", text) if name != "--mockforge-id"}
    assert set(re.findall(r"--mockforge-[a-z-]+", OPTIONS)) == there
    assert set(re.findall(r"--mockforge-[a-z-]+", README)) <= there
    keys = set(re.findall(r"^ +(mockforge_[a-z_]+) \(", text, re.MULTILINE))
    rows = [line.split("|")[2].strip(" `") for line in OPTIONS.splitlines() if line.startswith("| `--mockforge-")]
    assert set(rows) == keys


def test_each_fixture_and_the_marker_are_named(run: Run) -> None:
    fixtures = set(re.findall(r"^(mockforge_[a-z_]+)\b", run("--fixtures").stdout.str(), re.MULTILINE))
    assert set(re.findall(r"^\| `(mockforge_[a-z_]+)` \|", README, re.MULTILINE)) == fixtures
    marker = next(line for line in run("--markers").outlines if line.startswith("@pytest.mark.mockforge("))
    assert marker.removeprefix("@pytest.mark.").partition(":")[0] in README


def test_each_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_ci_runs_the_two_commands() -> None:
    assert len(blocks("sh")) == 2
    assert "readme_command 1" in CI
    assert "readme_command 2" in CI
