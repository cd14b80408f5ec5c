"""What ten thousand tests of a user's cost beyond pytest's own, in time and in memory, and what a second process saves.

    python benchmarks/bench_scale.py [TESTS [ROUNDS]]

Folders of tests on the Rust reference plugin are run whole, in turn with the same tests without us: those take a
fixture of their conftest.py and have an empty body, once as it is and once spread over one parameter, as tests are
spread over plugins. Each folder has a tenth, half and all of TESTS; a figure for one test is the slope between the
smallest and the largest, so that starting up is in none. Collection is `--collect-only`; the rest of a run is set-up,
hooks and teardown where the body is empty, and the call with its fresh instance where it is not. Processor time is
compared, which other processes disturb less than the clock. Growth is that of peak resident memory.

`-n 2` is measured against `-n 0` by the clock, on tests that each keep a processor busy for some 30 ms: by calls of the
plugin, and by plain Python without us, which is the most that this machine and xdist can give. Where the machine is not
free, compare the processor time of both: what `-n 2` spends more is what it cannot save.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pytest_mockforge import load

PLUGIN = Path(__file__).parent.parent / "fixtures" / "reference" / "rust" / "plugin.wasm"
TESTS_A_FILE = 500
BUSY = 0.03
"""Seconds that one test works where processes are compared."""

FIXTURE = """
import pytest

@pytest.fixture(scope="session")
def nothing({argument}): return None
"""
SPREAD = """
def pytest_generate_tests(metafunc):
    metafunc.parametrize("nothing", ["plugin"], indirect=True, scope="session")
"""
CALL = "assert mockforge_plugin.template_function('upper', 'abc') == 'ABC'"


class Side(NamedTuple):
    """What the tests of one folder are."""

    fixture: str
    body: str = "pass"
    conftest: str = ""


class Cost(NamedTuple):
    """What one run took."""

    clock: float
    processor: float
    kib: float


SIDES = {
    "pytest alone": Side("nothing", conftest=FIXTURE.format(argument="")),
    "pytest alone, one parameter": Side("nothing", conftest=FIXTURE.format(argument="request") + SPREAD),
    "mockforge_plugin, empty body": Side("mockforge_plugin"),
    "mockforge_plugin, one call": Side("mockforge_plugin", CALL),
}
ALONE = "pytest alone"
KINDS: dict[str, tuple[str, ...]] = {"collection": ("--collect-only",), "run": ()}
Taken = dict[tuple[str, int, str], list[Cost]]
"""Runs by side, number of tests and kind."""


def write(folder: Path, side: Side, tests: int) -> Path:
    """Write a folder of tests."""
    folder.mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(side.conftest)
    for first in range(0, tests, TESTS_A_FILE):
        numbers = range(first, min(first + TESTS_A_FILE, tests))
        text = "".join(f"def test_{number:05}({side.fixture}):\n    {side.body}\n\n" for number in numbers)
        (folder / f"test_from_{first:05}.py").write_text(text)
    return folder


def run(folder: Path, side: Side, *words: str) -> Cost:
    """Run a folder's tests in a process of its own."""
    around = folder.parent.parent
    ours = side.fixture.startswith("mockforge")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    if ours:
        command += ["-p", "mockforge", "--mockforge-checks=none", f"--mockforge-cache={around / 'cache'}"]
        command += [f"--mockforge-plugin={PLUGIN}"]
    # Bytecode of its own, as a developer's setting may forbid to keep any, which every run would pay for.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(around / "bytecode"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    clock = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit status {process.returncode} in {folder}")
    return Cost(clock, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def scale(around: Path, tests: int, rounds: int) -> Taken:
    """Collect and run the folders of each size in turn."""
    taken: Taken = {}
    folders = {
        (name, size): write(around / "tests" / f"{name} {size}", side, size)
        for size in (tests // 10, tests // 2, tests)
        for name, side in SIDES.items()
    }
    for (name, size), folder in folders.items():
        # Which writes bytecode, warms the file cache and, in the smallest folder of ours, compiles the module.
        run(folder, SIDES[name], *(() if size == tests // 10 else KINDS["collection"]))
    for number in range(rounds):
        for (name, size), folder in reversed(folders.items()) if number % 2 else folders.items():
            for kind, words in KINDS.items():
                taken.setdefault((name, size, kind), []).append(run(folder, SIDES[name], *words))
    return taken


def show(taken: Taken, tests: int, rounds: int) -> None:
    """Print what a test costs each side, and beyond the first one."""
    small, half = tests // 10, tests // 2
    middle = {key: Cost(*map(statistics.median, zip(*costs, strict=True))) for key, costs in taken.items()}

    def seconds(name: str, kind: str) -> float:
        return (middle[name, tests, kind].processor - middle[name, small, kind].processor) / (tests - small)

    def growth(name: str, first: int, last: int) -> float:
        return (middle[name, last, "run"].kib - middle[name, first, "run"].kib) / (last - first)

    print(f"{tests:,} tests, medians of {rounds} rounds; µs of processor time a test (beyond {ALONE!r})")
    print(f"{'':<30}{'collection':>16}{'the rest':>16}{'whole run':>16}   KiB a test: to half, to all, beyond")
    base: list[float] = []
    for name in SIDES:
        collection, whole = (seconds(name, kind) * 1e6 for kind in KINDS)
        figures = [collection, whole - collection, whole]
        base = base or figures
        cells = "".join(f"{f'{one:.0f} ({one - alone:+.0f})':>16}" for one, alone in zip(figures, base, strict=True))
        beyond = growth(name, small, tests) - growth(ALONE, small, tests)
        print(f"{name:<30}{cells}   {growth(name, small, half):.2f}, {growth(name, half, tests):.2f}, {beyond:+.2f}")
    for name in SIDES:
        memory = ", ".join(f"{middle[name, size, 'run'].kib / 1024:.1f}" for size in (small, half, tests))
        print(f"{name:<30}MiB at most of {small:,}, {half:,} and {tests:,} tests: {memory}")


def parallel(around: Path, tests: int, rounds: int) -> None:
    """Print how many times as fast two processes are as one."""
    with load(PLUGIN) as plugin:
        calls = times(lambda: plugin.template_function("upper", "abc"))
    turns = times(lambda: sum(range(1000)))
    sides = {
        "calls of the plugin": Side(
            "mockforge_plugin", f"for _ in range({calls}): mockforge_plugin.template_function('upper', 'abc')"
        ),
        "plain Python": Side("nothing", f"for _ in range({turns}): sum(range(1000))", FIXTURE.format(argument="")),
    }
    folders = {name: write(around / "busy" / name, side, tests) for name, side in sides.items()}
    taken: dict[tuple[str, int], list[Cost]] = {}
    for name, folder in folders.items():
        run(folder, sides[name], *KINDS["collection"])
    for number in range(rounds):
        for name, folder in folders.items():
            for processes in (2, 0) if number % 2 else (0, 2):
                words = ("-p", "xdist", "-n", str(processes))
                taken.setdefault((name, processes), []).append(run(folder, sides[name], *words))
    milliseconds, processors = BUSY * 1000, os.cpu_count()
    print(f"{tests:,} tests of {milliseconds:.0f} ms, medians of {rounds} rounds by the clock, {processors} processors")
    for name in sides:
        one, two = (Cost(*map(statistics.median, zip(*taken[name, count], strict=True))) for count in (0, 2))
        spent = f"(processor time {one.processor:.2f} s and {two.processor:.2f} s)"
        print(f"{name:<30}-n 0 {one.clock:.2f} s, -n 2 {two.clock:.2f} s: {one.clock / two.clock:.2f} times {spent}")


def times(work: Callable[[], object]) -> int:
    """Find how often work is done until a test of it is long enough."""
    for _ in range(100):
        work()
    started = time.process_time()
    for _ in range(1000):
        work()
    return max(1, round(BUSY / ((time.process_time() - started) / 1000)))


def main() -> None:
    tests = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        print(f"load average before: {os.getloadavg()[0]:.1f}")
        show(scale(Path(folder), tests, rounds), tests, rounds)
        print(f"load average between: {os.getloadavg()[0]:.1f}")
        parallel(Path(folder), max(20, min(400, tests // 20)), rounds)
        print(f"load average after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
