"""What inner pytest runs need: our plugin alone, a cache of their own, and plugins to test."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import pytest_mockforge

# Loaded before any inner run, as pytester drops what that imported, while others keep the classes that it made.
for _module in pkgutil.walk_packages(pytest_mockforge.__path__, "pytest_mockforge."):
    if not _module.name.endswith("__main__"):
        # A module of an extra that is not installed.
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(_module.name)

# A run in the background of a script, or under nohup, ignores these; runs that tests start would inherit that.
for _name in ("SIGINT", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
RUST = ROOT / "fixtures" / "reference" / "rust"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder shared by all inner runs of one process."""
    return tmp_path_factory.mktemp("cache")


Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Run:
    """Run pytest in an empty folder with our plugin and no other; `subprocess=True` for a process of its own.

    The search is left out, by the ini key of checks, so that runs that are about something else are short; not with
    `search=True`.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    # In CI pytest leaves its short summary uncut, which would be another output than at a desk;
    # and where a worker's name is set, pytest-benchmark takes itself for disabled.
    for name in (
        "PYTEST_XDIST_WORKER",
        "PYTEST_ADDOPTS",
        "CI",
        "BUILD_NUMBER",
        "GITHUB_ACTIONS",
        "GITHUB_STEP_SUMMARY",
    ):
        monkeypatch.delenv(name, raising=False)

    def run(*args: object, subprocess: bool = False, search: bool = False) -> pytest.RunResult:
        brief = () if search else ("-o", "mockforge_checks=default,-MF3")
        words = ("-p", "mockforge", *brief, *(str(arg) for arg in args))
        return pytester.runpytest_subprocess(*words) if subprocess else pytester.runpytest_inprocess(*words)

    return run


@pytest.fixture
def rust(pytester: pytest.Pytester) -> Path:
    """The Rust reference plugin's folder, copied so that a test may change it."""
    folder = pytester.path / "plugins" / "rust"
    folder.mkdir(parents=True)
    for name in ("plugin.wasm", "plugin.yaml", "plugin.test.yaml"):
        shutil.copy(RUST / name, folder / name)
    return folder
