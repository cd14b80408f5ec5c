"""The page on fuzzing tells the truth: its tests pass, its file is read, its tables are whole."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mockforge.checks.registry import catalogue
from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.fuzzer import Fuzzer
from tests.conftest import ROOT, Run

PAGE = (ROOT / "docs" / "fuzzing.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def first_cells(head: str) -> list[str]:
    table = PAGE.partition(f"| {head} |")[2].partition("\n\n")[0]
    return [line.split("|")[1].strip() for line in table.splitlines()[2:]]


def test_every_check_of_the_family_is_in_the_table() -> None:
    assert first_cells("code") == [check.code for check in catalogue() if check.family == "MF3"]


def test_every_parameter_of_the_fixture_is_in_the_table() -> None:
    named = {name for cell in first_cells("parameter") for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(inspect.signature(Fuzzer.__call__).parameters) - {"self", "plugin"}


def test_the_file_shown_is_read(tmp_path: Path) -> None:
    (tmp_path / "plugin.test.yaml").write_text(blocks("yaml")[0])
    read = read_testfile(tmp_path / "plugin.test.yaml")
    assert (read.stateful, read.growth, len(read.volatile), len(read.samples)) == (True, 2.0, 1, 1)


@pytest.mark.slow
def test_the_tests_shown_pass(run: Run, pytester: pytest.Pytester, rust: Path) -> None:
    pytester.makepyfile(blocks("python")[0])
    result = run(f"--mockforge-plugin={rust}", "--mockforge-checks=none", "-W", "error", subprocess=True)
    result.assert_outcomes(passed=3)


@pytest.mark.slow
def test_the_nightly_command_runs_on_a_few_examples(rust: Path, cache: Path) -> None:
    command = next(block for block in blocks("sh") if "=date" in block).replace("=500", "=5")
    words = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(cache),
        "HOME": str(rust),
    }
    done = subprocess.run(["bash", "-euc", command], cwd=rust, env=words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
