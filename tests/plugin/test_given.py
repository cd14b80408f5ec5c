"""Strategies in an author's own tests, over a plugin."""

from __future__ import annotations

import pytest

from tests.conftest import RUST, Run

TESTS = """
from hypothesis import given, settings, strategies as st
from pytest_mockforge import AuthRequest, Refusal, strategies

quick = settings(max_examples=60, database=None, derandomize=True)

@quick
@given(request=strategies.requests("authenticate"))
def test_authenticate(mockforge_plugin, request):
    mockforge_plugin.authenticate(request)

@quick
@given(call=strategies.template_calls("upper", arguments=["string"]))
def test_template_function(mockforge_plugin, call):
    assert mockforge_plugin.template_function(call.function_name, *call.args) is not None

@quick
@given(request=strategies.response_requests())
def test_generate_response(mockforge_plugin, request):
    mockforge_plugin.generate_response(request)

@quick
@given(query=strategies.data_queries())
def test_query_datasource(mockforge_plugin, query):
    try:
        mockforge_plugin.query_datasource(query)
    except Refusal:
        pass
"""


def test_a_users_given_over_the_plugin_passes_every_health_check(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("hypothesis")
    pytester.makepyfile(TESTS)
    words = ("-p", "hypothesispytest", "-W", "error", f"--mockforge-plugin={RUST}", "--mockforge-checks=none")
    run(*words).assert_outcomes(passed=4)


PROFILE = """
from hypothesis import settings

settings.register_profile("mine", max_examples=7)
settings.load_profile("mine")
"""
UNDER_A_PROFILE = """
from hypothesis import given, settings
from pytest_mockforge import strategies

seen = []

@given(request=strategies.requests("authenticate"))
def test_authenticate(mockforge_plugin, request):
    mockforge_plugin.authenticate(request)
    seen.append(request)

def test_as_often_as_the_profile_says():
    assert len(seen) == 7
    assert settings.default.max_examples == 7
"""


@pytest.mark.slow
@pytest.mark.parametrize("words", [("-p", "no:hypothesispytest"), ("-p", "_hypothesis_pytestplugin")])
def test_a_users_given_and_profile_work_in_a_folder_where_hypothesis_never_ran(
    run: Run, pytester: pytest.Pytester, words: tuple[str, str]
) -> None:
    pytest.importorskip("hypothesis")
    pytester.makeconftest(PROFILE)
    pytester.makepyfile(UNDER_A_PROFILE)
    others = ("-W", "error", f"--mockforge-plugin={RUST}", "--mockforge-checks=none")
    run(*words, *others, subprocess=True).assert_outcomes(passed=2)


def test_a_failing_test_shows_the_request_that_was_left(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("hypothesis")
    pytester.makepyfile(
        """
        from hypothesis import given, settings
        from pytest_mockforge import strategies

        @settings(max_examples=300, database=None, derandomize=True)
        @given(request=strategies.requests("authenticate"))
        def test_it(mockforge_plugin, request):
            assert "api_key" not in mockforge_plugin.authenticate(request).metadata.get("scheme", "")
        """
    )
    words = ("-p", "hypothesispytest", f"--mockforge-plugin={RUST}", "--mockforge-checks=none")
    result = run(*words)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*uri='/[?]api_key=*", "*query_params={'api_key': '?*'}*"])
