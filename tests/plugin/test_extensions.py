"""What other packages add through our hooks goes the way of what is built in, for one run; what breaks is named."""

from __future__ import annotations

import ast
import json
import re
import shutil
import textwrap
from pathlib import Path

import pytest

from pytest_mockforge import hookspecs
from pytest_mockforge.additions import Additions, current
from tests.conftest import ROOT, RUST, Run
from tests.guests import text_of

EXAMPLE = ROOT / "example_tests" / "extension"
PLAIN = text_of("", "(nop)", reply=1)

EDGE = """
class Edge:
    name = "edge"
    as_shipped = ""
    def not_compiled(self, files):
        return ""
    def judge_files(self, files):
        return ()
    def judge(self, candidate):
        return ()

def pytest_mockforge_hosts(config):
    return [Edge()]
"""

BREAKING = """
from pytest_mockforge.extending import Check, CheckFamily, Finding, ReportSection

class Edge:
    name = "edge"
    as_shipped = ""
    def not_compiled(self, files):
        return ""
    def judge_files(self, files):
        yield from ()
    def judge(self, candidate):
        return 1 // 0

def pytest_mockforge_hosts(config):
    return [Edge()]

def forgets(bench):
    \"""A rule.\"""
    yield Finding(code="MF101", severity="error", detail="x", message="m")

def raises(bench):
    \"""A rule.\"""
    yield from ()
    {}["lost"]

def holds(bench):
    \"""A rule.\"""
    yield Finding(code="XY9003", severity="error", detail="known", message="as ever")

def pytest_mockforge_checks(config):
    runs = (forgets, raises, holds)
    checks = [Check(code=f"XY900{at}", title=f"rule {at}", run=run) for at, run in enumerate(runs, 1)]
    return [CheckFamily(prefix="XY9", title="ours", checks=checks)]

def pytest_mockforge_report_sections(config):
    return [ReportSection(name="sizes", build=lambda report: report.nothing)]
"""


def documented() -> str:
    """Give the examples of all hooks as one module."""
    tree = ast.parse(Path(str(hookspecs.__file__)).read_text("utf-8"))
    examples = []
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            text = ast.get_docstring(function) or ""
            start = re.search(r"^ *(from pytest_mockforge|def )", text, re.MULTILINE)
            assert start, f"{function.name} shows no example"
            examples.append(textwrap.dedent(text[start.start() :]))
    return "\n\n".join(examples)


@pytest.fixture
def plain(pytester: pytest.Pytester) -> Path:
    """A module that MockForge would load."""
    path = pytester.path / "plain.wat"
    path.write_text(PLAIN, "utf-8")
    return path


@pytest.fixture(autouse=True)
def nothing_stays() -> object:
    """Hold that a run takes back what it added."""
    yield
    assert current() == Additions()


def test_the_example_uses_every_hook() -> None:
    hooks = {name for name in vars(hookspecs) if name.startswith("pytest_mockforge_")}
    assert len(hooks) == 9
    text = (EXAMPLE / "acme.py").read_text("utf-8")
    assert set(re.findall(r"^def (pytest_mockforge_\w+)", text, re.MULTILINE)) == hooks


def test_the_example_adds_a_thing_of_each_kind(run: Run, pytester: pytest.Pytester) -> None:
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    pytester.syspathinsert()
    module = pytester.path / "m.wat"
    text = re.search(r'MODULE = """(.*?)"""', (EXAMPLE / "test_acme.py").read_text("utf-8"), re.DOTALL)
    assert text
    module.write_text(text[1], "utf-8")
    result = run(
        *("-p", "syrupy", "-p", "acme", "--mockforge-plugin=queue://greeter", f"--mockforge-plugin={module}"),
        *("--mockforge-host=acme-edge", "--mockforge-budget=default", "--mockforge-checks=ACME,MF103,MF505"),
        *("--mockforge-report=r.json", "--mockforge-report=r.md", "--mockforge-report=r.html", "."),
    )
    # MF103 is the host's: it lets anything be imported.
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(
        [
            "*greeter: PASS, 1 check holds*",
            "*remote, queue, speaks acme*",
            "*m: PASS, 3 checks hold*",
            "*moonbit, multi-value*",
            "*moonbit: size<64KiB: *",
            "Longest replies, in bytes",
            "  plugin   operation          bytes",
            "  greeter  template_function  *",
        ]
    )
    report = json.loads((pytester.path / "r.json").read_text("utf-8"))
    assert [section["name"] for section in report["sections"]] == ["acme-replies"]
    assert "Longest replies, in bytes" in (pytester.path / "r.md").read_text("utf-8")
    assert 'id="section-acme-replies"' in (pytester.path / "r.html").read_text("utf-8")


def test_the_tests_of_the_example_are_left_out_where_it_is_not_in_use(run: Run, pytester: pytest.Pytester) -> None:
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
    assert run(".").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_examples_of_the_hooks_work_as_they_stand(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(documented=documented())
    pytester.syspathinsert()
    result = run(
        *("-p", "documented", "--mockforge-plugin=quiet://anywhere", f"--mockforge-plugin={RUST}"),
        *("--mockforge-host=edge", "--mockforge-checks=ACME,MF111", "--mockforge-budget=default"),
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["Sizes", "  plugin    bytes", "  rust      1*"])


def test_workers_of_a_distributed_run_know_what_is_added(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(documented())
    result = run(
        *("-p", "xdist", "-n1", "--mockforge-plugin=quiet://anywhere", "--mockforge-host=edge"),
        *("--mockforge-dialect=shouting", "--mockforge-checks=ACME001"),
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*speaks shouting", "Sizes"])


def test_a_page_of_an_added_check_is_printed(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(documented())
    result = run("--mockforge-explain=ACME001")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["ACME001  replies are short", "family ACME: our gateway", "*Mend: leave out*"])


def test_two_runs_in_one_process_do_not_see_each_others(run: Run, pytester: pytest.Pytester, plain: Path) -> None:
    pytester.makepyfile(first=EDGE)
    pytester.mkdir("empty")
    pytester.makepyfile(
        f"""
        import pytest
        from pytest_mockforge.opening import hosts

        def test_it(capsys):
            inner = ["-p", "mockforge", "-p", "no:cacheprovider", "--mockforge-plugin={plain}", "empty"]
            assert pytest.main([*inner, "--mockforge-host=edge"]) == pytest.ExitCode.USAGE_ERROR
            assert "the host cannot be 'edge'" in capsys.readouterr().err
            assert "edge" in hosts()
        """
    )
    pytester.syspathinsert()
    result = run("-p", "first", f"--mockforge-plugin={plain}", "--mockforge-host=edge", "--mockforge-checks=none")
    result.assert_outcomes(passed=1)


def test_two_packages_that_give_one_name_are_a_usage_error_that_names_both(
    run: Run, pytester: pytest.Pytester, plain: Path
) -> None:
    pytester.makepyfile(first=EDGE, second=EDGE)
    pytester.syspathinsert()
    result = run("-p", "first", "-p", "second", f"--mockforge-plugin={plain}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: mockforge: the host profile 'edge' is given by pytest_mockforge_hosts of 'first', "
            "and by pytest_mockforge_hosts of 'second'",
            "  hint: leave one of the two packages out*",
        ]
    )


def test_a_hook_that_raises_is_a_usage_error_that_names_it(run: Run, pytester: pytest.Pytester, plain: Path) -> None:
    pytester.makeconftest("def pytest_mockforge_checks(config):\n    raise ValueError('no luck')\n")
    result = run(f"--mockforge-plugin={plain}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: mockforge: pytest_mockforge_checks of 'conftest.py': the hook raised ValueError: no luck",
            "  got: raised at conftest.py:2",
            "  hint: this is a defect of the extension*",
        ]
    )


def test_what_a_conftest_adds_too_late_is_not_left_out_in_silence(
    run: Run, pytester: pytest.Pytester, plain: Path
) -> None:
    below = pytester.mkdir("below")
    (below / "conftest.py").write_text(EDGE, "utf-8")
    (below / "test_it.py").write_text("def test_it(): ...", "utf-8")
    result = run(f"--mockforge-plugin={plain}", "--mockforge-checks=none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: mockforge: pytest_mockforge_hosts of 'below/conftest.py' comes too late: *"])


def test_a_run_without_a_plugin_under_test_asks_no_extension(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest("def pytest_mockforge_hosts(config):\n    raise AssertionError\n")
    pytester.makepyfile("def test_it(): ...")
    pytester.runpytest_inprocess("-p", "mockforge").assert_outcomes(passed=1)


def test_what_breaks_is_named_and_the_run_goes_on(run: Run, pytester: pytest.Pytester, plain: Path) -> None:
    pytester.makeconftest(BREAKING)
    (pytester.path / "accept.yaml").write_text("- {code: XY9003, detail: known, reason: for now}", "utf-8")
    result = run(
        *(f"--mockforge-plugin={plain}", "--mockforge-checks=MF101,XY9", "--mockforge-accept=accept.yaml"),
        *("-W", "default"),
    )
    result.assert_outcomes(passed=1, failed=2, xfailed=1, warnings=1)
    mine = "of 'conftest.py'"
    result.stdout.fnmatch_lines(
        [
            f"pytest_mockforge_checks {mine}: XY9001 gave what cannot be used",
            "  expected: Finding with the code XY9001",
            f"pytest_mockforge_checks {mine}: XY9002 raised KeyError: 'lost'",
            "*what the extension raised*",
            "*conftest.py*in raises",
            "*ExtensionWarning: mockforge: no verdict of host 'edge': pytest_mockforge_hosts "
            f"{mine}: judge of the host profile 'edge' raised ZeroDivisionError*",
            "sizes",
            f"  pytest_mockforge_report_sections {mine}: build of the section*",
        ],
    )
    result.stdout.no_fnmatch_line("*direct cause*")
