"""What the package costs a run that does not use it: nothing heavy is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("wasmtime", "msgspec", "ruamel", "httpx", "respx", "grpc", "hypothesis", "syrupy")

PROBE = """
import sys
import pytest

class Probe:
    def pytest_unconfigure(self):
        heavy = {heavy!r}
        print("LOADED", sorted(name for name in sys.modules if name.partition(".")[0] in heavy))
        print("OURS", sorted(name for name in sys.modules if name.startswith("pytest_mockforge")))

sys.exit(pytest.main(["-p", "mockforge", "-q", "-s"], plugins=[Probe()]))
"""


def probe(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    command = [sys.executable, "-c", PROBE.format(heavy=HEAVY)]
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
        "OURS ['pytest_mockforge', 'pytest_mockforge.errors', 'pytest_mockforge.extensions', "
        "'pytest_mockforge.fixtures', 'pytest_mockforge.hookspecs', 'pytest_mockforge.markers', "
        "'pytest_mockforge.plugin', 'pytest_mockforge.settings', 'pytest_mockforge.suite']"
    )


def test_the_probe_sees_what_a_used_fixture_imports(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile("def test_it(mockforge_request): assert mockforge_request.auth().method == 'GET'")
    loaded, _ = probe(pytester, monkeypatch)
    assert "'msgspec'" in loaded
    assert "'wasmtime'" not in loaded


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
