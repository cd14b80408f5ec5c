"""Components in the suite and in an author's tests: refused by every host, and called through our own WIT world."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

# Here, as pytester drops what an inner run imported, of which half would be imported anew.
import wasmtime.component  # noqa: F401

from tests.conftest import ROOT, Run

COMPONENTS = ROOT / "fixtures" / "component"
PYTHON = ROOT / "fixtures" / "reference" / "python-wasm" / "plugin.wasm"


def test_a_component_is_refused_by_every_host_and_called_all_the_same(run: Run) -> None:
    result = run(f"--mockforge-plugin={COMPONENTS / 'echo.wat'}", "--mockforge-checks=MF116,MF119,MF201,MF204,MF401")
    result.assert_outcomes(failed=1, passed=4)
    result.stdout.fnmatch_lines(
        [
            "  unknown, component, *",
            "  MockForge * would refuse it: the file is a component, not*",
            "  error MF116: the file is a component, not a core module",
        ]
    )


def test_what_needs_a_core_module_is_skipped_with_the_code_of_the_cause(run: Run) -> None:
    result = run(f"--mockforge-plugin={COMPONENTS / 'echo.wat'}", "--mockforge-checks=MF103,MF202,MF403,MF705")
    result.assert_outcomes(skipped=4)
    result.stdout.fnmatch_lines(["  skipped: the module cannot be loaded, see MF116"])


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("wrong-type", "MF119 the component exports authenticate with another type than our world's*"),
        ("nothing-of-ours", "MF119 the component exports none of the four operations"),
        ("unknown-import", "MF119 the component imports what nobody provides: acme:billing/ledger@1.2.0"),
    ],
)
def test_a_component_that_cannot_be_called_says_why(run: Run, name: str, line: str) -> None:
    plugin = COMPONENTS / f"{name}.wat"
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=MF119,MF204")
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines([line, "  skipped: no operation of the component can be called, see MF119"])


def test_a_trap_in_a_component_fails_the_test_that_called_it(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin):
            mockforge_plugin.template_function("upper", "abc")
        """
    )
    result = run(f"--mockforge-plugin={COMPONENTS / 'trap.wat'}", "--mockforge-checks=none")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *GuestTrap: template_function *unreachable*"])


def test_a_component_that_loops_is_ended(run: Run) -> None:
    result = run(
        f"--mockforge-plugin={COMPONENTS / 'loop.wat'}", "--mockforge-fuel=1M", "--mockforge-checks=MF401,MF201"
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["MF401 authenticate used up its fuel of 1,000,000 units in*"])


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="not built: fixtures/reference/python-wasm/build")
def test_python_inside_webassembly_keeps_the_contract(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "python-wasm"
    folder.mkdir()
    for name in ("plugin.wasm", "plugin.yaml", "plugin.test.yaml"):
        shutil.copy(PYTHON.parent / name, folder / name)
    result = run(f"--mockforge-plugin={folder}", "--mockforge-host=any", "--mockforge-checks=MF2,MF401")
    assert result.parseoutcomes().get("failed", 0) == 0
    result.stdout.fnmatch_lines(["  python, component, *"])
