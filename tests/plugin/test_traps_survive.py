"""Traps end in exceptions and never in the process, whoever enables faulthandler and whenever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.hostile_cases import write_wasm

TRAPS = {"reads-outside-memory": "memory-out-of-bounds", "recurses": "stack-overflow", "unreachable": "unreachable"}
BEGIN = """
import faulthandler, sys
from pytest_mockforge import RequestBuilder, load
from pytest_mockforge.errors import GuestTrap
request = RequestBuilder().auth()

def trap():
    for path in sys.argv[1:]:
        with load(path, cache="off") as plugin:
            for _ in range(3):
                try:
                    plugin.authenticate(request)
                except GuestTrap as trapped:
                    code = trapped.code
            print(code, flush=True)
"""


@pytest.fixture
def modules(tmp_path: Path) -> list[str]:
    return [str(write_wasm(name, tmp_path)) for name in TRAPS]


def python(script: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=folder,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(folder / "cache"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("times", [1, 3])
def test_a_trap_survives_a_faulthandler_that_is_enabled_after_the_first_one(
    modules: list[str], tmp_path: Path, times: int
) -> None:
    script = BEGIN + "trap()\nfor _ in range(" + str(times) + "):\n    faulthandler.enable()\n    trap()\n"
    ended = python(script, *modules, folder=tmp_path)
    assert (ended.returncode, ended.stdout.split()) == (0, list(TRAPS.values()) * (times + 1))


def test_a_trap_survives_a_faulthandler_that_is_switched_off(modules: list[str], tmp_path: Path) -> None:
    script = "import faulthandler\nfaulthandler.enable()\n" + BEGIN + "trap()\nfaulthandler.disable()\ntrap()\n"
    ended = python(script, *modules, folder=tmp_path)
    assert (ended.returncode, ended.stdout.split()) == (0, list(TRAPS.values()) * 2)


def test_a_trap_survives_a_run_of_pytest_inside_the_process(modules: list[str], tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "test_traps.py").write_text(
        """
import pytest
from pytest_mockforge.errors import GuestTrap

def test_it(mockforge_plugin, mockforge_request):
    with pytest.raises(GuestTrap):
        mockforge_plugin.authenticate(mockforge_request.auth())
"""
    )
    script = (
        BEGIN
        + """
import pytest
trap()
words = ["-p", "mockforge", "-q", *(f"--mockforge-plugin={path}" for path in sys.argv[1:]), "test_traps.py"]
for _ in range(2):
    print("status", int(pytest.main(words)), flush=True)
    trap()
"""
    )
    ended = python(script, *modules, folder=inner)
    codes = list(TRAPS.values())
    assert ended.returncode == 0, ended.stdout
    told = [line for line in ended.stdout.splitlines() if line in codes or line.startswith("status")]
    assert told == [*codes, "status 0", *codes, "status 0", *codes]


@pytest.mark.parametrize("inner", ["runpytest_inprocess", pytest.param("runpytest_subprocess", marks=pytest.mark.slow)])
def test_traps_survive_pytester(modules: list[str], tmp_path: Path, inner: str) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    (outer / "test_outer.py").write_text(
        f"""
import pytest
from pytest_mockforge import GuestTrap

MODULES = {modules!r}
TEST = '''
import pytest
from pytest_mockforge import GuestTrap

def test_inner(mockforge_plugin, mockforge_request):
    with pytest.raises(GuestTrap):
        mockforge_plugin.authenticate(mockforge_request.auth())
'''

@pytest.mark.parametrize("path", MODULES)
def test_outer(mockforge_load, mockforge_request, pytester, path):
    for _ in range(2):
        with pytest.raises(GuestTrap):
            mockforge_load(path).authenticate(mockforge_request.auth())
        pytester.makepyfile(test_inner=TEST)
        words = [f"--mockforge-plugin={{one}}" for one in MODULES]
        result = pytester.{inner}("-p", "mockforge", *words, "--mockforge-checks=none")
        result.assert_outcomes(passed=len(MODULES))
"""
    )
    script = "import sys, pytest\nsys.exit(pytest.main(['-p', 'mockforge', '-p', 'pytester', '-q']))"
    ended = python(script, folder=outer)
    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout
