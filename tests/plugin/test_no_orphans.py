"""However a run ends, nothing of its services is left: real runs, real services, real signals."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from time import monotonic

import pytest

from pytest_mockforge.services.supervisor import process_table
from tests.conftest import ROOT
from tests.services import WITH_DAEMON, living, processes_in

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"),
    reason="the service of these tests leaves its group and its tree, and only Linux finds it then",
)

CONFTEST = """
import sys
import pytest
sys.path.insert(0, {root!r})
from pytest_mockforge.services.launch import launch
from tests.services import WITH_DAEMON, python

@pytest.fixture(scope="session")
def service():
    with launch(python(WITH_DAEMON, PIDS={pids!r}), label="forks", grace=0.2) as service:
        yield service
"""
TESTS = {
    "passes": "def test_it(service): assert service.alive",
    "fails": "def test_it(service): raise RuntimeError('in the body')",
    "errors": "import pytest\n@pytest.fixture\ndef more(service): raise OSError\ndef test_it(more): pass",
    "waits": "import time\ndef test_it(service): open('waiting', 'w').close(); time.sleep(60)",
    "exits": "import os\ndef test_it(service): os._exit(9)",
    "is killed": "import os, signal\ndef test_it(service): os.kill(os.getpid(), signal.SIGKILL)",
    "crashes": "import ctypes\ndef test_it(service): ctypes.string_at(0)",
    "forks": (
        "import os, signal, time\n"
        "def test_it(service):\n"
        "    child = os.fork()\n"
        "    if child == 0: time.sleep(20); os._exit(0)\n"
        "    open('child', 'w').write(str(child))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    ),
}

Run = subprocess.Popen[bytes]


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    return tmp_path / "pids"


def run_of(test: str, pids: Path, *words: str) -> Run:
    """Begin a run of pytest over one test, in a folder and a session of its own."""
    folder = pids.parent
    (folder / "conftest.py").write_text(CONFTEST.format(root=str(ROOT), pids=str(pids)))
    (folder / "test_it.py").write_text(TESTS[test])
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words, "test_it.py"],
        cwd=folder,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def ended(run: Run) -> int:
    return run.wait(timeout=60)


@pytest.mark.parametrize(
    ("test", "status"),
    [("passes", 0), ("fails", 1), ("errors", 1), ("exits", 9), ("is killed", -signal.SIGKILL)],
)
def test_nothing_is_left_of_a_run_whose_test(test: str, status: int, pids: Path) -> None:
    assert ended(run_of(test, pids)) == status
    assert living(processes_in(pids, 3)) == []


def test_nothing_is_left_of_a_run_whose_test_crashes_the_interpreter(pids: Path) -> None:
    assert ended(run_of("crashes", pids)) == -signal.SIGSEGV
    assert living(processes_in(pids, 3)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("whole_group", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["process", "group"])
def test_nothing_is_left_of_a_run_that_gets_a_signal(number: signal.Signals, whole_group: bool, pids: Path) -> None:
    run = run_of("waits", pids)
    processes = waiting(pids)
    if whole_group:
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    ended(run)
    assert living(processes) == []


def test_nothing_is_left_of_a_run_that_is_interrupted_twice(pids: Path) -> None:
    run = run_of("waits", pids)
    processes = waiting(pids)
    run.send_signal(signal.SIGINT)
    run.send_signal(signal.SIGINT)
    ended(run)
    assert living(processes) == []


def test_nothing_is_left_of_a_run_that_forked_and_was_killed(pids: Path) -> None:
    run = run_of("forks", pids)
    assert ended(run) == -signal.SIGKILL
    child = int((pids.parent / "child").read_text())
    try:
        assert living(processes_in(pids, 3)) == []
        assert child in process_table()
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(find_spec("xdist") is None, reason="needs pytest-xdist: pip install pytest-xdist")
@pytest.mark.parametrize("test", ["passes", "is killed", "exits"])
def test_nothing_is_left_of_a_worker_whose_test(test: str, pids: Path) -> None:
    run = run_of(test, pids, "-p", "xdist", "-n", "1", "--max-worker-restart=0")
    ended(run)
    assert living(processes_in(pids, 3)) == []


@pytest.mark.skipif(find_spec("xdist") is None, reason="needs pytest-xdist: pip install pytest-xdist")
def test_nothing_is_left_of_workers_whose_controller_was_killed(pids: Path) -> None:
    run = run_of("waits", pids, "-p", "xdist", "-n", "1")
    processes = waiting(pids)
    run.kill()
    ended(run)
    # The worker itself notices only when its test is over; it is no part of a service.
    workers = [process for process in process_table() if works_in(process, pids.parent)]
    for process in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert living(processes) == []


def test_the_service_of_these_tests_does_fork_away(pids: Path) -> None:
    """What the others say would be worth nothing if this service were an obedient one."""
    run = run_of("waits", pids)
    try:
        daemon, service, supervisor = waiting(pids)
        table = process_table()
        assert table[service] == table[daemon] == supervisor
        assert table[supervisor] == run.pid
        assert len({os.getsid(process) for process in (daemon, service, supervisor, run.pid)}) == 4
        assert "SIG_IGN" in WITH_DAEMON
    finally:
        run.kill()
        ended(run)
    assert living([daemon, service, supervisor]) == []


def waiting(pids: Path) -> list[int]:
    """Wait until the run's test waits too, and give the processes of its service."""
    processes = processes_in(pids, 3)
    until = monotonic() + 20
    while not (pids.parent / "waiting").exists():
        assert living(processes, seconds=0) == processes
        assert monotonic() < until
    return processes


def works_in(process: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{process}/cwd").resolve() == folder
    except OSError:
        return False
