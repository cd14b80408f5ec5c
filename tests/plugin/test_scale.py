"""What one more test of a user's costs: calls are counted, and blocks of memory that we keep; nothing is timed."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from tests.reference_module import REFERENCE

PLUGIN = REFERENCE / "rust" / "plugin.wasm"
TESTS = 150
CALL = "mockforge_plugin.template_function('upper', 'abc')"

SPREAD = """
import pytest

@pytest.fixture(scope="session")
def nothing(request):
    return None

def pytest_generate_tests(metafunc):
    metafunc.parametrize("nothing", ["plugin"], indirect=True, scope="session")
"""

COUNT = """
import gc, json, sys, tracemalloc
import pytest

class Probe:
    calls = 0
    collected, finished, blocks = [], [], []

    def see(self, frame, event, arg):
        self.calls += event in ("call", "c_call")

    def pytest_sessionstart(self):
        sys.setprofile(self.see)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self):
        self.collected.append(self.calls)

    def pytest_collection_finish(self):
        self.collected.append(self.calls)

    def pytest_runtest_logfinish(self):
        self.finished.append(self.calls)
        if len(self.finished) == 10:
            tracemalloc.start()
        if len(self.finished) in (50, 150):
            sys.setprofile(None)
            gc.collect()
            ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/pytest_mockforge/*")])
            self.blocks.append(len(ours.traces))
            sys.setprofile(self.see)

    def pytest_unconfigure(self):
        sys.setprofile(None)
        tracemalloc.stop()

probe = Probe()
pytest.main(sys.argv[1:], plugins=[probe])
print(json.dumps([probe.collected, probe.finished, probe.blocks]))
"""


class Counted(NamedTuple):
    """What was counted in one run."""

    collected: list[int]
    """Calls until collection began, and until it was over."""
    finished: list[int]
    """Calls until each test was over."""
    blocks: list[int]
    """Blocks of memory that lines of ours hold, after 50 tests and after 150."""

    @property
    def collection(self) -> float:
        """Calls to collect one test."""
        return (self.collected[1] - self.collected[0]) / TESTS

    def running(self, first: int, last: int) -> float:
        """Calls to run one test, of those in the middle of a stretch."""
        stretch = self.finished[first:last]
        return statistics.median(after - before for before, after in pairwise(stretch))


@cache
def counted(fixture: str, body: str, first: str = "") -> Counted:
    """Run tests that are all alike but for the first, and count."""
    with TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "pytest.ini").touch()
        same = "".join(f"def test_{number:03}({fixture}):\n    {body}\n\n" for number in range(TESTS - bool(first)))
        (folder / "test_all.py").write_text(f"import pytest\n\n{first}\n\n{same}")
        words = ["-q", "--assert=plain", "-p", "no:cacheprovider"]
        if "mockforge" not in fixture:
            (folder / "conftest.py").write_text(SPREAD)
        else:
            words += ["-p", "mockforge", f"--mockforge-plugin={PLUGIN}", "--mockforge-checks=none"]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [sys.executable, "-c", COUNT, *words]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        assert f"{TESTS - bool(first)} passed" in done.stdout, done.stdout + done.stderr
        return Counted(*json.loads(done.stdout.splitlines()[-1]))


def spread() -> Counted:
    """Without us, but spread over one parameter as we spread tests over plugins: what that costs is pytest's."""
    return counted("nothing", "pass")


def calling() -> Counted:
    return counted("mockforge_plugin", CALL)


def printing() -> Counted:
    return counted("mockforge_plugin", "print('abc')")


def test_collecting_a_test_of_the_plugin_takes_few_calls_more_than_any_that_is_spread() -> None:
    assert calling().collection - spread().collection < 30


def test_a_test_that_calls_a_fresh_instance_takes_few_calls_more_than_an_empty_one() -> None:
    assert calling().running(50, 150) - spread().running(50, 150) < 300


def test_a_test_that_prints_reads_no_secrets_anew() -> None:
    assert printing().running(50, 150) - spread().running(50, 150) < 1_000


@pytest.mark.parametrize("run", [calling, printing], ids=["calling", "printing"])
def test_the_last_tests_of_many_take_as_many_calls_as_the_first(run: Callable[[], Counted]) -> None:
    assert run().running(100, 150) == run().running(20, 50)


def test_nothing_is_kept_of_a_test_that_passed() -> None:
    early, late = calling().blocks
    assert late - early < 20


def test_calls_after_a_failed_test_with_a_budget_are_not_kept_for_it() -> None:
    marker = "@pytest.mark.mockforge_budget('fuel<1M')"
    failing = f"{marker}\ndef test_fails(mockforge_plugin): assert not mockforge_plugin.label"
    early, late = counted("mockforge_plugin", CALL, failing).blocks
    assert late - early < 20
