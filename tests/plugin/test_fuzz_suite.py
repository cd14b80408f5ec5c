"""The MF3 checks as pytest items: found, shown, repeatable, out of the way of other people's Hypothesis."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import RUST, Run
from tests.guests_for_fuzzing import guest, holding

pytestmark = pytest.mark.slow

LIMITS = ("--mockforge-checks=MF3", "--mockforge-cache=off")
BRIEF = (*LIMITS, "--mockforge-fuzz-examples=30", "--mockforge-fuzz-time=20s")


@pytest.fixture
def trapping(tmp_path: Path) -> Path:
    """A plugin that admits everybody, but traps where the request holds an apostrophe."""
    return guest(tmp_path / "trapping.wat", holding("'", "(unreachable)", "(;1;)"))


def failures(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("FAILED")]


def test_the_reference_plugin_passes_every_check_of_the_family(run: Run) -> None:
    result = run(f"--mockforge-plugin={RUST}", *LIMITS, search=True)
    # MF311 is about bytes that no module is sent.
    result.assert_outcomes(passed=10)
    assert result.duration < 30


def test_bytes_that_no_module_is_sent_are_notes_where_their_code_is_named(run: Run, tmp_path: Path) -> None:
    # Traps unless the request ends as JSON does.
    body = """(if (result i32 i32)
      (i32.eq (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $size)) (i32.const 1))) (i32.const 125))
      (then (;1;)) (else (unreachable)))"""
    plugin = guest(tmp_path / "ending.wat", body)
    words = ("--mockforge-cache=off", "--mockforge-fuzz-examples=30", "--mockforge-fuzz-time=20s", "-v")
    result = run(f"--mockforge-plugin={plugin}", "--mockforge-checks=mf311", *words)
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"  fuzzed: 30 examples in .*; seed \d+"])
    result.stdout.fnmatch_lines(["*note MF311: authenticate does not stand bytes of the kind *"])


def test_a_search_that_time_cut_says_that_the_next_may_differ(run: Run) -> None:
    words = ("--mockforge-fuzz-time=0.3s", "--mockforge-cache=off", "-v")
    result = run(f"--mockforge-plugin={RUST}", "--mockforge-checks=MF301", *words, search=True)
    text = " ".join(result.stdout.str().split())
    assert "note MF301: the time box ended the search after " in text
    assert " of 400 examples, so that the next run may find something else" in text


def test_a_trap_fails_its_check_alone_and_shows_the_request(run: Run, trapping: Path) -> None:
    result = run(f"--mockforge-plugin={trapping}", *BRIEF)
    assert result.ret == 1
    assert [line.split()[1] for line in failures(result)] == ["mockforge::trapping::MF301"]
    result.stdout.fnmatch_lines(["*authenticate traps by unreachable*"])
    assert any("'" in line for line in result.outlines if "query_params" in line or "uri" in line)


def test_an_unchanged_plugin_gives_an_unchanged_result(run: Run, trapping: Path) -> None:
    def shown() -> list[str]:
        result = run(f"--mockforge-plugin={trapping}", *BRIEF, "-k", "MF301")
        return [line for line in result.outlines if "traps" in line or "query_params" in line]

    first = shown()
    assert first
    assert shown() == first


def test_no_finding_of_the_search_is_an_error_of_hypothesis(run: Run, trapping: Path) -> None:
    output = run(f"--mockforge-plugin={trapping}", *BRIEF).stdout.str()
    for word in ("Flaky", "Unsatisfiable", "ExceptionGroup", "Falsifying", "HealthCheck", "FoundError", "Traceback"):
        assert word not in output


@pytest.mark.parametrize("words", [("-p", "no:hypothesispytest"), ("-p", "_hypothesis_pytestplugin")])
def test_the_plugin_of_hypothesis_may_be_there_or_not(run: Run, trapping: Path, words: tuple[str, str]) -> None:
    result = run(f"--mockforge-plugin={trapping}", *BRIEF, *words, "-k", "MF301 or MF302", subprocess=True)
    result.assert_outcomes(passed=1, failed=1)


def test_the_checks_run_on_workers(run: Run, trapping: Path) -> None:
    words = ("-p", "xdist", "-n", "2", "-k", "MF301 or MF307")
    result = run(f"--mockforge-plugin={trapping}", *BRIEF, *words, subprocess=True)
    result.assert_outcomes(passed=1, failed=1)


def test_users_own_properties_and_profiles_are_left_alone(run: Run, pytester: pytest.Pytester, trapping: Path) -> None:
    pytester.makepyfile(
        test_mine="""
        from hypothesis import given, settings, strategies as st

        settings.register_profile("mine", max_examples=7)
        settings.load_profile("mine")
        seen = []

        @given(st.integers())
        def test_mine(number):
            seen.append(number)

        def test_as_often_as_the_profile_says():
            assert len(seen) == 7
            assert settings.default.max_examples == 7
        """
    )
    result = run(f"--mockforge-plugin={trapping}", *BRIEF, "-k", "MF302 or mine or often", "mockforge::trapping", ".")
    result.assert_outcomes(passed=3)


def test_without_hypothesis_the_checks_are_skipped_with_the_command(
    run: Run, pytester: pytest.Pytester, trapping: Path
) -> None:
    pytester.makeconftest(
        """
        import importlib.util
        there = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name == "hypothesis" else there(name, *rest)
        """
    )
    result = run(f"--mockforge-plugin={trapping}", *BRIEF, subprocess=True)
    result.assert_outcomes(skipped=10)
    result.stdout.fnmatch_lines(["*pip install 'pytest-mockforge?fuzz?'*"])


def test_what_cannot_be_called_is_skipped_with_the_code_of_the_cause(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"\0asm")
    result = run(f"--mockforge-plugin={broken}", *BRIEF)
    result.assert_outcomes(skipped=10)


def test_a_stateful_plugin_gets_notes(run: Run, pytester: pytest.Pytester) -> None:
    body = """(global.set $state (i32.add (global.get $state) (i32.const 1)))
    (if (result i32 i32) (i32.gt_u (global.get $state) (i32.const 1)) (then (;0;)) (else (;1;)))"""
    folder = pytester.mkdir("counting")
    guest(folder / "plugin.wat", body)
    result = run(f"--mockforge-plugin={folder / 'plugin.wat'}", *BRIEF, "-k", "MF305")
    assert result.ret == 1
    (folder / "plugin.test.yaml").write_text("stateful: true\n")
    assert run(f"--mockforge-plugin={folder / 'plugin.wat'}", *BRIEF, "-k", "MF305").ret == 0


FIXTURE = """
import pytest
from pytest_mockforge import PluginFailure

def test_it_finds(mockforge_fuzz, mockforge_load):
    plugin = mockforge_load("trapping.wat")
    with pytest.raises(PluginFailure, match="MF301 authenticate traps by unreachable"):
        mockforge_fuzz(plugin)

def test_a_view_is_no_plugin_of_the_run(mockforge_fuzz, mockforge_load):
    with mockforge_load("trapping.wat").view() as view:
        mockforge_fuzz(view)
"""


def test_a_plugin_that_a_test_opened_is_searched_with_the_options_of_the_run(
    run: Run, pytester: pytest.Pytester, trapping: Path
) -> None:
    pytester.makepyfile(FIXTURE)
    trapping.rename(pytester.path / "trapping.wat")
    result = run("--mockforge-fuzz-examples=5", "--mockforge-corpus=kept", "--mockforge-cache=off")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*'trapping' is no plugin of this run*", "*not a view of it*"])
    (kept,) = (pytester.path / "kept").iterdir()
    assert kept.name.startswith("MF301-authenticate-")
