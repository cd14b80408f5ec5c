"""Ctrl-C ends a run within a second wherever a plugin holds it up: real runs, real signals, limits of a minute."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests import servers
from tests.answering import ADMITTED
from tests.conftest import ROOT
from tests.guests import REPLY
from tests.hostile_cases import write_wasm

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT, and reads one clock in two processes")

CONFTEST = """
from pathlib import Path
from time import monotonic

import pytest

def pytest_runtest_logstart():
    Path("started").touch()

# First, for then the time is what we took: the terminal's part formats a traceback, which takes pytest half a second.
@pytest.hookimpl(tryfirst=True)
def pytest_keyboard_interrupt():
    Path("interrupted").write_text(str(monotonic()))
"""
LOOP = "(loop $again (br $again))"
LOOPS_WHEN_REUSED = f"""
(module
  (memory (export "memory") 1)
  (data (i32.const {REPLY}) "{ADMITTED.replace('"', chr(92) + "22")}")
  (global $calls (mut i32) (i32.const 0))
  (func (export "alloc") (param i32) (result i32) (i32.const 40000))
  (func (export "dealloc") (param i32 i32))
  (func (export "authenticate") (param i32 i32) (result i32 i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (if (i32.gt_u (global.get $calls) (i32.const 100)) (then {LOOP}))
    (i32.const {REPLY}) (i32.const {len(ADMITTED)})))
"""
INITIALIZER_LOOPS = LOOPS_WHEN_REUSED.replace(
    '(func (export "dealloc")', f'(func (export "_initialize") {LOOP}) (func (export "dealloc")'
)
NEVER_READY = """
start:
  command: [PYTHON, -c, "import time; time.sleep(60)"]
  ready_timeout: 60s
"""


def written(folder: Path, text: str) -> str:
    path = folder / "module.wat"
    path.write_text(text, "utf-8")
    return str(path)


@contextlib.contextmanager
def held_up(place: str, folder: Path) -> Iterator[list[str]]:
    """Give the words of a run that a plugin holds up in one place."""
    if place in ("loops", "start-loops", "alloc-loops"):
        yield [f"--mockforge-plugin={write_wasm(place, folder)}", "--mockforge-checks=MF108"]
    elif place == "_initialize":
        yield [f"--mockforge-plugin={written(folder, INITIALIZER_LOOPS)}", "--mockforge-checks=MF110"]
    elif place == "measuring child":
        module = written(folder, LOOPS_WHEN_REUSED)
        yield [f"--mockforge-plugin={module}", "--mockforge-checks=MF501", "--mockforge-budget=p95<5ms"]
    elif place == "silent service":
        with servers.serving(servers.silent) as server:
            yield [f"--mockforge-plugin={server.url}", "--mockforge-checks=MF601"]
    else:
        plugin = folder / "service"
        plugin.mkdir()
        (plugin / "plugin.yaml").write_text("id: a\n", "utf-8")
        (plugin / "plugin.test.yaml").write_text(NEVER_READY.replace("PYTHON", sys.executable), "utf-8")
        yield [f"--mockforge-plugin={plugin}", "--mockforge-checks=MF601", "--mockforge-allow-commands"]


PLACES = ("start-loops", "_initialize", "alloc-loops", "measuring child", "silent service", "service that starts")


@pytest.mark.parametrize("place", ["loops", *(pytest.param(place, marks=pytest.mark.slow) for place in PLACES)])
def test_ctrl_c_ends_a_run_within_a_second_though_a_plugin_holds_it_up(place: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, "utf-8")
    with held_up(place, tmp_path) as words, (tmp_path / "output").open("w+b") as output:
        run = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-p", "mockforge", "-p", "no:cacheprovider"),
                *("--mockforge-timeout=60s", "--mockforge-fuel=1000000000000000", "--mockforge-cache=off", *words),
            ],
            cwd=tmp_path,
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONPATH": str(ROOT),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(tmp_path / "started", run)
            sleep(0.7)
            assert run.poll() is None, (tmp_path / "output").read_text()
            pressed = monotonic()
            run.send_signal(signal.SIGINT)
            status = run.wait(timeout=30)
        finally:
            run.kill()
            run.wait()
    assert status == pytest.ExitCode.INTERRUPTED, (tmp_path / "output").read_text()
    assert float((tmp_path / "interrupted").read_text()) - pressed < 1


def wait_for(path: Path, run: subprocess.Popen[bytes]) -> None:
    until = monotonic() + 30
    while not path.exists():
        assert run.poll() is None
        assert monotonic() < until
        sleep(0.01)
