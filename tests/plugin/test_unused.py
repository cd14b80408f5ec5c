"""What the package costs a run that does not use it: nothing heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

from tests.reference_module import REFERENCE

HEAVY = ("wasmtime", "msgspec", "ruamel", "httpx", "respx", "grpc", "hypothesis", "syrupy")

PROBE = """
import sys
import pytest

class Probe:
    def pytest_unconfigure(self):
        heavy = {heavy!r}
        print("LOADED", sorted(name for name in sys.modules if name.partition(".")[0] in heavy))
        print("OURS", sorted(name for name in sys.modules if name.startswith("pytest_mockforge")))

sys.exit(pytest.main(["-p", "mockforge", "-q", "-s", *sys.argv[1:]], plugins=[Probe()]))
"""

COUNT = """
import cProfile, pstats, sys
import pytest

profile = cProfile.Profile()
profile.runcall(pytest.main, sys.argv[1:])
print(pstats.Stats(profile).total_calls)
"""


def probe(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[str, str]:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    command = [sys.executable, "-c", PROBE.format(heavy=HEAVY), *words]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False)
    loaded = next(line for line in done.stdout.splitlines() if line.startswith("LOADED"))
    ours = next(line for line in done.stdout.splitlines() if line.startswith("OURS"))
    return loaded, ours


def test_a_run_without_a_plugin_imports_no_heavy_library(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("def test_it(): pass")
    loaded, ours = probe(pytester, monkeypatch)
    assert loaded == "LOADED []"
    assert ours == (
        "OURS ['pytest_mockforge', 'pytest_mockforge.fixtures', 'pytest_mockforge.hookspecs', "
        "'pytest_mockforge.options', 'pytest_mockforge.plugin']"
    )


def calls_of_an_empty_run(folder: Path, *words: str) -> int:
    """Count the function calls of a run that collects nothing. Asserts are left as they are: rewriting is cached."""
    command = [sys.executable, "-c", COUNT, "--assert=plain", "--collect-only", "-q", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def test_a_run_without_a_plugin_makes_few_calls_more_than_one_without_the_package(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (pytester.path / "nothing.py").touch()
    without = calls_of_an_empty_run(pytester.path, "-p", "nothing")
    unused = calls_of_an_empty_run(pytester.path, "-p", "mockforge")
    assert unused - without < 8_000


def test_the_probe_sees_what_a_used_fixture_imports(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile("def test_it(mockforge_request): assert mockforge_request.auth().method == 'GET'")
    loaded, _ = probe(pytester, monkeypatch)
    assert "'msgspec'" in loaded
    assert "'wasmtime'" not in loaded


def test_a_run_of_tests_of_a_module_imports_no_check_and_nothing_of_services(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("def test_it(mockforge_plugin): assert mockforge_plugin.template_function('upper', 'a') == 'A'")
    module = REFERENCE / "rust" / "plugin.wasm"
    loaded, ours = probe(pytester, monkeypatch, f"--mockforge-plugin={module}", "--mockforge-checks=none")
    roots = {name.partition(".")[0] for name in literal_eval(loaded.removeprefix("LOADED "))}
    assert roots <= {"wasmtime", "msgspec", "ruamel"}
    apart = ("checks.bench", "checks.fuzz", "checks.module", "checks.remote", "checks.service", "run_benches")
    for part in (*apart, "services", "mocks", "proto", "recording."):
        assert f"'pytest_mockforge.{part}" not in ours


def test_importing_the_package_imports_nothing() -> None:
    code = "import sys, pytest_mockforge; print(sorted(n for n in sys.modules if n.startswith('pytest_mockforge')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['pytest_mockforge']"


def test_a_run_without_a_plugin_says_nothing_of_us(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_inprocess("-p", "mockforge")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*mockforge:*")
