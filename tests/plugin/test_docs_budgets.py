"""The page on budgets tells the truth: expressions can be read, tables hold, what is shown is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from pytest_mockforge.budgets.expressions import DEFAULTS, parse_budgets
from pytest_mockforge.budgets.verdicts import needed
from tests.conftest import ROOT, Run

BUDGETS = (ROOT / "docs" / "budgets.md").read_text("utf-8")


def blocks(language: str, page: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def rows(page: str, head: str) -> list[list[str]]:
    table = page.partition(f"| {head} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_each_expression_of_the_table_is_judged_by_the_code_beside_it() -> None:
    found = rows(BUDGETS, "expression")
    assert len(found) >= 12
    for texts, code, _ in found:
        for text in re.findall(r"`([^`]+)`", texts):
            codes = {one.code for one in parse_budgets(text, source="docs")}
            assert not code or code in codes, text


def test_the_defaults_are_those_that_are_listed() -> None:
    assert tuple(budget.strip("`") for budget, _ in rows(BUDGETS, "budget")) == DEFAULTS


def test_the_samples_that_a_metric_needs_are_those_that_are_listed() -> None:
    asked = {name: samples for names, samples, *_ in rows(BUDGETS, "metric") for name in re.findall(r"`(\w+)`", names)}
    assert asked["p95"] == f"{needed('p95')}, {needed('p99')}"
    assert {name: int(asked[name]) for name in ("median", "mean", "max")} == {
        name: needed(name) for name in ("median", "mean", "max")
    }


def test_the_error_shown_is_the_one_that_is_printed(run: Run, rust: Path) -> None:
    result = run(f"--mockforge-plugin={rust}", "--mockforge-budget=p95<5")
    assert [line for line in result.errlines if line] == blocks("text", BUDGETS)[0].splitlines()


def test_the_profile_shown_is_of_the_form_that_is_printed(rust: Path, cache: Path) -> None:
    command = next(block for block in blocks("sh", BUDGETS) if "profile" in block)
    printed = shell(command, rust, cache).stdout.splitlines()
    shown = next(block for block in blocks("text", BUDGETS) if "units of fuel" in block).splitlines()
    like = re.compile(r"[\d,.]+|  \S+$")
    assert [like.sub("N", line) for line in (*printed[:2], *printed[-2:])] == [
        like.sub("N", line) for line in (*shown[:2], *shown[-2:])
    ]
    assert len(printed) == len(shown)


def shell(command: str, folder: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, in the folder of a plugin."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    words = {"PATH": path, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache), "HOME": str(folder)}
    return subprocess.run(["bash", "-euc", command], cwd=folder, env=words, capture_output=True, text=True, check=False)
