"""The fixtures and the marker in an author's own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import RUST, Run
from tests.hostile_cases import write_wasm


def test_a_test_runs_over_every_plugin(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin):
            assert mockforge_plugin.template_function("upper", "abc") == "ABC"
        """
    )
    result = run(f"--mockforge-plugin=one={RUST}", f"--mockforge-plugin=two={RUST}", "--mockforge-checks=none", "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::test_it[[]one[]] PASSED*", "*::test_it[[]two[]] PASSED*"])


def test_without_a_plugin_the_fixture_is_an_error_with_a_hint(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockforge_plugin): pass")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*mockforge_plugin: no plugin is under test", "*hint: run pytest with --mockforge-plugin=SPEC*"]
    )


def test_the_fixture_asked_for_by_name_gives_the_only_plugin(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(request): assert request.getfixturevalue('mockforge_plugin').label == 'rust'")
    run(f"--mockforge-plugin={RUST}", "--mockforge-checks=none").assert_outcomes(passed=1)


@pytest.mark.usefixtures("rust")
def test_the_ini_file_names_plugins_relative_to_itself(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmockforge_plugins =\n    plugins/rust\n")
    below = pytester.mkdir("below")
    pytester.makepyfile(**{"below/test_it": "def test_it(mockforge_plugin): assert mockforge_plugin.label == 'rust'"})
    run(f"--rootdir={pytester.path}", f"-c{pytester.path / 'tox.ini'}", below / "test_it.py").assert_outcomes(passed=1)


COUNTER = """
def count(plugin):
    return plugin.call_raw("authenticate", b"{}")

def test_first(mockforge_plugin):
    assert count(mockforge_plugin) != count(mockforge_plugin)

def test_second(mockforge_plugin):
    first = count(mockforge_plugin)
    with mockforge_plugin.fresh() as fresh:
        assert count(fresh) == count(fresh) == first

def test_third(mockforge_plugin):
    with mockforge_plugin.reused() as kept:
        assert count(kept) != count(kept)
        assert count(kept) != count(mockforge_plugin)
"""


def test_each_test_begins_with_a_fresh_instance(run: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile(COUNTER)
    run(f"--mockforge-plugin={write_wasm('counts-calls', tmp_path)}", "--mockforge-checks=none").assert_outcomes(
        passed=3
    )


def test_each_hypothesis_example_begins_with_a_fresh_instance(
    run: Run, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    pytest.importorskip("hypothesis")
    pytester.makepyfile(
        """
        from hypothesis import given, settings, strategies as st

        seen = set()

        @settings(max_examples=20, database=None)
        @given(st.binary(max_size=20))
        def test_it(mockforge_plugin, request_bytes):
            seen.add(mockforge_plugin.call_raw("authenticate", b"{}"))

        def test_all_examples_saw_the_first_call():
            assert len(seen) == 1
        """
    )
    path = write_wasm("counts-calls", tmp_path)
    run("-p", "hypothesispytest", f"--mockforge-plugin={path}", "--mockforge-checks=none").assert_outcomes(passed=2)


def test_a_trapped_instance_is_replaced(run: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile(
        """
        import pytest
        from pytest_mockforge import GuestTrap

        def test_default(mockforge_plugin):
            mockforge_plugin.call_raw("authenticate", b"{}")
            with pytest.raises(GuestTrap):
                mockforge_plugin.call_raw("authenticate", b"{}")
            assert mockforge_plugin.last.failure.code == "unreachable"
            mockforge_plugin.call_raw("authenticate", b"{}")
            assert mockforge_plugin.last.fresh

        def test_kept(mockforge_plugin):
            with mockforge_plugin.reused() as kept:
                kept.call_raw("authenticate", b"{}")
                with pytest.raises(GuestTrap):
                    kept.call_raw("authenticate", b"{}")
                kept.call_raw("authenticate", b"{}")
                assert not kept.last.fresh
        """
    )
    path = write_wasm("traps-every-second-call", tmp_path)
    run(f"--mockforge-plugin={path}", "--mockforge-checks=none").assert_outcomes(passed=2)


def test_a_broken_contract_fails_the_test_and_names_every_violation(
    run: Run, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin, mockforge_request):
            mockforge_plugin.authenticate(mockforge_request.auth())
        """
    )
    result = run(f"--mockforge-plugin={write_wasm('reply-missing-fields', tmp_path)}", "--mockforge-checks=none")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*authenticate broke the contract at *missing-field*", "*MockForge would say: *missing field `authenticated`*"]
    )
    result.stdout.no_fnmatch_line("*plugin_under_test.py*")


def test_the_marker_sets_limits_for_one_test(run: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile(
        """
        import pytest
        from pytest_mockforge import LimitExceeded

        @pytest.mark.mockforge(fuel="20k", memory="2MiB", timeout="250ms")
        def test_marked(mockforge_plugin):
            assert (mockforge_plugin.limits.fuel, mockforge_plugin.limits.memory) == (20_000, 2 * 2**20)
            with pytest.raises(LimitExceeded, match="used up its fuel of 20,000 units"):
                mockforge_plugin.call_raw("authenticate", b"{}")

        def test_unmarked(mockforge_plugin):
            assert mockforge_plugin.limits.fuel == 1_000_000
        """
    )
    path = write_wasm("loops", tmp_path)
    run(f"--mockforge-plugin={path}", "--mockforge-fuel=1M", "--mockforge-checks=none").assert_outcomes(passed=2)


def test_the_marker_chooses_plugins(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.mockforge(plugins=["two"])
        def test_some(mockforge_plugin):
            assert mockforge_plugin.label == "two"

        @pytest.mark.mockforge(plugins=["three"])
        def test_none(mockforge_plugin):
            assert False
        """
    )
    result = run(f"--mockforge-plugin=one={RUST}", f"--mockforge-plugin=two={RUST}", "--mockforge-checks=none", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*none of its plugins (three) is under test"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("fule=1", "the mockforge marker does not take the keyword 'fule'"),
        ("1", "the mockforge marker does not take positional arguments"),
        ("timeout='5'", "the mockforge marker's timeout: '5' is a duration without a unit*"),
        ("host='moon'", "the mockforge marker's host cannot be 'moon'"),
        ("plugins='rust'", "the mockforge marker's plugins cannot be 'rust'"),
    ],
)
def test_a_wrong_marker_names_what_is_valid(run: Run, pytester: pytest.Pytester, arguments: str, message: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.mockforge({arguments})
        def test_it(mockforge_plugin): pass
        """
    )
    result = run(f"--mockforge-plugin={RUST}", "--mockforge-checks=none")
    assert result.ret != 0
    result.stdout.fnmatch_lines([f"*{message}*"])


@pytest.mark.usefixtures("rust")
def test_load_opens_any_plugin(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from pytest_mockforge import SpecError

        def test_it(mockforge_load):
            plugin = mockforge_load("plugins/rust")
            assert plugin.template_function("upper", "abc") == "ABC"
            assert mockforge_load("plugins/rust") is plugin
            with pytest.raises(SpecError, match="'nothing.wasm' does not exist"):
                mockforge_load("nothing.wasm")
        """
    )
    run().assert_outcomes(passed=1)


def test_a_module_that_cannot_be_loaded_is_an_error_that_says_why(
    run: Run, pytester: pytest.Pytester, tmp_path: Path
) -> None:
    pytester.makepyfile("def test_it(mockforge_plugin): pass")
    result = run(f"--mockforge-plugin={write_wasm('empty', tmp_path)}", "--mockforge-checks=none")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*LoadFailure: *empty*"])


def test_what_the_dialect_would_drop_is_an_error_unless_lenient(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from pytest_mockforge import RequestError

        def test_it(mockforge_plugin, mockforge_request):
            with pytest.raises(RequestError, match="does not carry"):
                mockforge_plugin.authenticate(mockforge_request.auth(bearer="alpha"))
            assert not mockforge_plugin.authenticate(mockforge_request.auth(bearer="alpha", lenient=True)).authenticated
        """
    )
    run(f"--mockforge-plugin={RUST}", "--mockforge-checks=none").assert_outcomes(passed=1)


def test_a_request_of_another_operation_is_an_error(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from pytest_mockforge import RequestError

        def test_it(mockforge_plugin, mockforge_request):
            with pytest.raises(RequestError, match="authenticate wants a request of its own kind"):
                mockforge_plugin.authenticate(mockforge_request.query("SELECT 1"))
        """
    )
    run(f"--mockforge-plugin={RUST}", "--mockforge-checks=none").assert_outcomes(passed=1)


def test_an_observation_tells_what_a_call_cost(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin, mockforge_request):
            mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"}))
            seen = mockforge_plugin.last
            assert seen.reply.authenticated and seen.failure is None
            assert seen.fuel > 1000 and 0 < seen.guest_seconds < 5 and 0 < seen.host_seconds < 5
            assert seen.memory >= 17 * 65536 and seen.fresh and seen.border == ()
            assert seen.request_bytes.startswith(b'{"client_ip":null,"context":{')
            again = seen.fuel
            mockforge_plugin.renew()
            mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"}))
            assert mockforge_plugin.last.fuel == again
        """
    )
    run(f"--mockforge-plugin={RUST}", "--mockforge-checks=none").assert_outcomes(passed=1)


def test_a_module_is_healthy_and_has_no_metrics_as_the_host_says_without_asking(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin):
            assert mockforge_plugin.health() is True
            assert mockforge_plugin.metrics() == {}
            assert mockforge_plugin.last is None
        """
    )
    run(f"--mockforge-plugin={RUST}", "--mockforge-checks=none").assert_outcomes(passed=1)
