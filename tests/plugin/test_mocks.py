"""The fixtures of stand-ins: what fails a test and when, what is shown, what is skipped, what is left behind."""

from __future__ import annotations

import pytest

from tests.conftest import Run

HEAD = """
import httpx
import pytest
from pytest_mockforge import AuthResponse, RequestBuilder
from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.mocks import faults

ADMITTED = AuthResponse(authenticated=True, claims={}, metadata={})


def ask(url, token):
    body = dialect_named("host").encode(RequestBuilder().auth(query={"token": token}))
    return httpx.post(url + "/plugin/authenticate", content=body)

"""
PARAMETRIZED = """
@pytest.fixture(params=["mockforge_mock_http", "mockforge_mock_server"])
def mock(request):
    return request.getfixturevalue(request.param)

"""


def test_a_mock_that_is_used_as_declared_passes(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + PARAMETRIZED
        + """
def test_it(mock):
    mock.on.authenticate(query={"token": "alpha"}).reply(ADMITTED)
    assert ask(mock.url, "alpha").json()["authenticated"]
"""
    )
    run().assert_outcomes(passed=2)


def test_what_was_not_expected_fails_the_test_in_its_call_phase_with_what_differs(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        test_m=HEAD
        + PARAMETRIZED
        + """
def test_it(mock):
    mock.on.authenticate(query={"token": "alpha"}, optional=True).reply(ADMITTED)
    assert ask(mock.url, "beta").status_code == 501
"""
    )
    result = run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*_ test_it?mockforge_mock_http? _*",
            "mockforge_mock_http: 1 call was not expected",
            "  not expected: authenticate: AuthRequest(uri='/?token=beta', query_params={'token': 'beta'})",
            "    closest: authenticate(query={'token': 'alpha'}), declared at test_*.py:*",
            "      query.token",
            "        expected: 'alpha'",
            "        got: 'beta'",
            "  hint: declare what may come with mockforge_mock_http.on, or mend the code that calls",
            "FAILED test_m.py::test_it?mockforge_mock_server? - Failed: *",
        ]
    )
    result.stdout.no_fnmatch_line("*traceback entries are hidden*")
    result.stdout.no_fnmatch_line("*error*in teardown*")


def test_an_unused_expectation_fails_the_test(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(mockforge_mock_http):
    mockforge_mock_http.on.query_datasource(query="SELECT 1").refuse("no")
"""
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "mockforge_mock_http: 1 expectation was not met",
            "  not met: query_datasource(query='SELECT 1'), declared at test_*.py:*",
            "    expected: at least one call",
            "    got: none",
            "    no call of query_datasource came at all",
            "  hint: mend the code that should have called, or declare with optional=True what may stay away",
        ]
    )


def test_a_body_that_fails_is_shown_with_what_was_not_expected(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(mockforge_mock_http):
    mockforge_mock_http.fault(faults.latency(0), probability=0.5)
    mockforge_mock_http.on.query_datasource().refuse("no")
    ask(mockforge_mock_http.url, "beta").raise_for_status()
"""
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E   *501 Not Implemented*",
            "*- Captured mockforge call -*",
            "mockforge_mock_http:",
            "  not expected: authenticate: *",
            "  faults were drawn with seed=*: mockforge_mock_http(seed=*) repeats them",
        ]
    )
    result.stdout.no_fnmatch_line("*not met*")


def test_a_test_that_is_skipped_in_its_body_stays_skipped(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(mockforge_mock_http):
    mockforge_mock_http.on.authenticate().reply(ADMITTED)
    pytest.skip("not today")
"""
    )
    run().assert_outcomes(skipped=1)


def test_what_a_function_raises_in_the_servers_thread_is_the_tests_failure(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def judged(request):
    assert request.method == "PUT", "not with PUT"
    return ADMITTED

def test_it(mockforge_mock_server):
    mockforge_mock_server.on.authenticate().reply(judged)
    ask(mockforge_mock_server.url, "x")
"""
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">       assert request.method == *", "E       AssertionError: not with PUT"])


def test_each_test_has_a_mock_of_its_own(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.parametrize("n", range(3))
def test_it(n, mockforge_mock_http, mockforge_mock_server):
    assert mockforge_mock_http.calls == mockforge_mock_server.calls == ()
    mockforge_mock_http.on.authenticate(times=1).reply(ADMITTED)
    mockforge_mock_server.on.authenticate(times=1).reply(ADMITTED)
    assert ask(mockforge_mock_http.url, "x").status_code == ask(mockforge_mock_server.url, "x").status_code == 200

def test_no_thread_is_left():
    import threading
    assert [thread.name for thread in threading.enumerate() if "mockforge_mock" in thread.name] == []
"""
    )
    run().assert_outcomes(passed=4)


@pytest.mark.slow
def test_the_same_test_meets_the_same_faults_in_each_run_and_under_xdist(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(mockforge_mock_http):
    mockforge_mock_http.on.authenticate().reply(ADMITTED)
    mockforge_mock_http.fault(faults.status(503), probability=0.5)
    found = [ask(mockforge_mock_http.url, "x").status_code for _ in range(12)]
    assert False, f"saw {found}"
"""
    )

    def seen(*arguments: str) -> list[str]:
        return [line for line in run(*arguments).outlines if line.startswith("E   ") and "saw [" in line]

    first = seen()
    assert len(first) == 1
    assert first == seen() == seen("-p", "xdist", "-n1")


def test_grpc_fails_a_test_in_the_same_way(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("grpc_testing", reason="gRPC needs the extra 'grpc'")
    pytester.makepyfile(
        """
        import grpc
        import pytest

        def test_channel(mockforge_mock_grpc):
            mockforge_mock_grpc.on.template_function(name="upper").reply("ABC")

        def test_socket(mockforge_mock_server):
            mockforge_mock_server(protocol="grpc").on.template_function(name="upper").reply("ABC")
            assert mockforge_mock_server.url.startswith("grpc://127.0.0.1:")
        """
    )
    result = run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["mockforge_mock_grpc: 1 expectation was not met"])
    result.stdout.fnmatch_lines(["mockforge_mock_server: 1 expectation was not met"])


@pytest.mark.parametrize(
    ("library", "use", "extra"),
    [
        ("respx", "mockforge_mock_http", "remote"),
        ("grpc_testing", "mockforge_mock_grpc", "grpc"),
        ("grpc", "mockforge_mock_server(protocol='grpc')", "grpc"),
    ],
)
def test_a_missing_library_skips_with_the_command_that_installs_it(
    run: Run, pytester: pytest.Pytester, library: str, use: str, extra: str
) -> None:
    name = use.partition("(")[0]
    pytester.makepyfile(f"def test_it({name}): {use}")
    pytester.makeconftest(f"import sys\nsys.modules[{library!r}] = None")
    result = run("-rs", subprocess=True)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        [f"SKIPPED*{name}: {library} is not installed: pip install 'pytest-mockforge?{extra}?'"]
    )


def test_a_test_without_mocks_imports_nothing_for_them(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_fails():
            assert False

        def test_nothing_is_loaded():
            assert not [name for name in sys.modules if name.startswith("pytest_mockforge.mocks")]
        """
    )
    run(subprocess=True).assert_outcomes(failed=1, passed=1)


def test_a_mock_in_a_unittest_case_is_judged_too(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import unittest
        import pytest

        class TestIt(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _mock(self, mockforge_mock_http):
                self.mock = mockforge_mock_http

            def test_it(self):
                self.mock.on.template_function().reply(1)
        """
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["mockforge_mock_http: 1 expectation was not met"])
