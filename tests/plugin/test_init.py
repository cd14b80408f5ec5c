"""`python -m pytest_mockforge init` as a user runs it: over a module, over a service, and then pytest by itself."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.documents.yaml12 import load
from tests.conftest import ROOT, RUST

pytestmark = pytest.mark.slow

PYTHON_HTTP = ROOT / "fixtures" / "reference" / "python-http"


@pytest.fixture
def environment(cache: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GITHUB", "CI"))}
    return {**kept, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def ran(folder: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def service(folder: Path) -> Path:
    """Copy the reference service, which takes its behaviour from a file beside its folder."""
    for module in ("httpcore", "fastapi", "uvicorn"):
        pytest.importorskip(module)
    hidden = shutil.ignore_patterns(".*", "__pycache__")
    for name in ("python", "python-http"):
        shutil.copytree(PYTHON_HTTP.parent / name, folder / name, ignore=hidden)
    return folder / "python-http"


def test_a_module_is_set_up_and_passes(tmp_path: Path, environment: dict[str, str]) -> None:
    for name in ("plugin.wasm", "plugin.yaml"):
        shutil.copy(RUST / name, tmp_path / name)
    done = ran(tmp_path, environment, "pytest_mockforge", "init", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\S+: PASS, \d+ checks hold$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("✓ pytest passes; run it again with: pytest\n")
    written = read_testfile(tmp_path / "plugin.test.yaml")
    assert {sample.operation.value for sample in written.samples if sample.outcome == "accepted"} == {
        "template_function",
        "query_datasource",
    }
    assert len(written.budgets) == 2
    workflow = next((tmp_path / ".github" / "workflows").iterdir())
    assert isinstance(load(workflow).value, dict)
    again = ran(tmp_path, environment, "pytest", "-p", "mockforge", "--mockforge-strict-budgets")
    assert again.returncode == 0, again.stdout
    assert "  budgets: 2 hold\n" in again.stdout


def test_a_service_is_started_tried_set_up_and_passes(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = service(tmp_path)
    (folder / "plugin.test.yaml").unlink()
    done = ran(folder, environment, "pytest_mockforge", "init", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "· starting the service: {python} -m uvicorn app:app --port {port}\n" in done.stdout
    written = read_testfile(folder / "plugin.test.yaml")
    assert written.start is not None
    assert written.start.command == ("{python}", "-m", "uvicorn", "app:app", "--port", "{port}")
    assert written.samples
    assert "pip install -r requirements.txt" in next((folder / ".github" / "workflows").iterdir()).read_text()
    again = ran(folder, environment, "pytest", "-p", "mockforge", "--mockforge-checks=MF2,MF6,-MF609")
    assert again.returncode == 0, again.stdout
    assert "python-http: PASS" in again.stdout


def test_what_an_author_wrote_for_a_service_is_kept(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = service(tmp_path)
    quick = {**environment, "PYTEST_ADDOPTS": "--mockforge-checks=MF208"}
    done = ran(folder, quick, "pytest_mockforge", "init", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "plugin.test.yaml").read_bytes() == (PYTHON_HTTP / "plugin.test.yaml").read_bytes()
    # The author's own samples are what the tests begin with.
    assert 'query={"token": "alpha"}' in (folder / "test_python_http.py").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_at_a_real_terminal_it_asks_and_shows_colours(tmp_path: Path, environment: dict[str, str]) -> None:
    shutil.copy(RUST / "plugin.wasm", tmp_path / "plugin.wasm")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ours, theirs = pty.openpty()
    settings = {**environment, "PYTEST_ADDOPTS": "--mockforge-checks=none", "TERM": "xterm"}
    settings.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "pytest_mockforge", "init"]
    process = subprocess.Popen(command, cwd=tmp_path, env=settings, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, b"y\n")
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait(60) == 0, shown.decode()
    assert b"? add it? [Y/n] " in shown
    assert b"\x1b[32m\xe2\x9c\x93\x1b[0m added to " in shown
    assert "mockforge_plugins = plugin.wasm" in (tmp_path / "pytest.ini").read_text()
