"""The hook `pytest_mockforge_host_functions`: what another package adds, every plugin of the run may import."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mockforge import ImportedFunction, SetupError
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.runtimes.wasm.catalogue import refuse_conflicts
from tests.conftest import RUST, Run
from tests.guests import REPLY, imported, text_of

# Replies with the byte that `clock::now` gives, and traps where nobody provides it.
CLOCK = text_of(
    imported("now", "", module="clock", results="i"), f"(i32.store8 (i32.const {REPLY}) (call $now))", reply=1
)
PACKAGE = """
from pytest_mockforge import ImportedFunction

def now(memory):
    return 7

def pytest_mockforge_host_functions(config):
    return [ImportedFunction(module="clock", name="now", function=now, results=["i32"])]
"""
CALLS = """
def test_it(mockforge_plugin):
    assert mockforge_plugin.call_raw("authenticate", b"{}") == b"\\x07"

def test_a_test_comes_first(mockforge_plugin, mockforge_host):
    mockforge_host.provide("clock", "now", lambda memory: 9, results=["i32"])
    assert mockforge_plugin.call_raw("authenticate", b"{}") == b"\\x09"

def test_it_is_there_again(mockforge_plugin, mockforge_host):
    assert mockforge_plugin.call_raw("authenticate", b"{}") == b"\\x07"
"""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    path = tmp_path / "clock.wat"
    path.write_text(CLOCK, "utf-8")
    return path


def test_a_conftest_adds_a_function_that_a_test_may_replace(run: Run, pytester: pytest.Pytester, clock: Path) -> None:
    pytester.makeconftest(PACKAGE)
    pytester.makepyfile(CALLS)
    run(f"--mockforge-plugin={clock}", "--mockforge-checks=none").assert_outcomes(passed=3)


def test_a_conftest_of_a_folder_below_adds_it_too(run: Run, pytester: pytest.Pytester, clock: Path) -> None:
    folder = pytester.mkdir("below")
    (folder / "conftest.py").write_text(PACKAGE, "utf-8")
    (folder / "test_below.py").write_text(CALLS, "utf-8")
    run(f"--mockforge-plugin={clock}", "--mockforge-checks=none").assert_outcomes(passed=3)


def test_a_package_adds_a_function_for_plugins_that_a_test_loads_itself(
    run: Run, pytester: pytest.Pytester, clock: Path
) -> None:
    pytester.makepyfile(package=PACKAGE)
    pytester.makepyfile(
        f"""
        def test_it(mockforge_load):
            assert mockforge_load({str(clock)!r}).call_raw("authenticate", b"{{}}") == b"\\x07"
        """
    )
    pytester.syspathinsert()
    run("-p", "package").assert_outcomes(passed=1)


def test_the_suite_calls_the_plugin_with_it_and_still_tells_that_mockforge_would_not(
    run: Run, pytester: pytest.Pytester, clock: Path
) -> None:
    pytester.makeconftest(PACKAGE)
    result = run(f"--mockforge-plugin={clock}", "--mockforge-checks=MF103,MF201", "--mockforge-host=adapter")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["error MF103: the module imports clock::now, which MockForge does not provide"])


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n1")])
def test_two_packages_that_give_one_import_are_a_usage_error_that_names_both(
    run: Run, pytester: pytest.Pytester, clock: Path, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(first=PACKAGE, second=PACKAGE)
    pytester.syspathinsert()
    result = run("-p", "first", "-p", "second", f"--mockforge-plugin={clock}", *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: mockforge: clock::now is provided by *.now (*.py:3) and by *.now (*.py:3)",
            "  hint: leave one of the two packages out*",
        ]
    )
    said = result.stderr.str()
    assert "first.now (first.py:3)" in said
    assert "second.now (second.py:3)" in said


def test_a_function_that_stands_for_one_of_ours_is_a_usage_error(
    run: Run, pytester: pytest.Pytester, clock: Path
) -> None:
    pytester.makeconftest(PACKAGE.replace('"clock", name="now"', '"env", name="abort"'))
    result = run(f"--mockforge-plugin={clock}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: mockforge: env::abort is provided by conftest.now (conftest.py:3), and by pytest-mockforge itself"]
    )


@pytest.mark.parametrize("given", ["[5]", "5", "['clock::now']", "{'clock': 1}"])
def test_anything_else_than_functions_is_a_usage_error(
    run: Run, pytester: pytest.Pytester, clock: Path, given: str
) -> None:
    pytester.makeconftest(f"def pytest_mockforge_host_functions(config):\n    return {given}\n")
    result = run(f"--mockforge-plugin={clock}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: mockforge: pytest_mockforge_host_functions of 'conftest.py' gave *, which is no ImportedFunction",
            "  hint: give a list*",
        ]
    )


def test_one_that_has_nothing_to_add_gives_none(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_mockforge_host_functions(config):\n    return None\n")
    run(f"--mockforge-plugin={RUST}", "--mockforge-checks=MF101").assert_outcomes(passed=1)


def test_without_our_plugin_an_optional_hook_harms_nobody(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "import pytest\n@pytest.hookimpl(optionalhook=True)\ndef pytest_mockforge_host_functions(config): ...\n"
    )
    pytester.makepyfile("def test_it(): ...")
    pytester.runpytest_inprocess("-p", "no:mockforge").assert_outcomes(passed=1)


def test_a_function_keeps_its_place_in_the_services_when_a_test_ends() -> None:
    function = ImportedFunction(module="clock", name="now", function=lambda _memory: 7, results=["i32"])
    services = HostServices(functions=[function])
    services.provide("clock", "now", lambda _memory: 9, results=["i32"])
    assert services.answers()["clock", "now"] is not function
    services.reset()
    assert services.answers() == {("clock", "now"): function}


def test_a_conflict_names_a_callable_by_its_type() -> None:
    class Clock:
        def __call__(self, _memory: object) -> int:
            return 7

    functions = [ImportedFunction(module="clock", name="now", function=function) for function in (Clock(), print)]
    with pytest.raises(SetupError, match=r"clock::now is provided by .*\.Clock and by builtins\.print\n"):
        refuse_conflicts(functions)
