"""The fixtures for an author's own tests. What they give is imported when they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import NoReturn, TypeVar

    from pytest_mockforge.budgets.model import Budget
    from pytest_mockforge.comparer import Comparer
    from pytest_mockforge.contract.requests import RequestBuilder
    from pytest_mockforge.fuzzer import Fuzzer
    from pytest_mockforge.mocks.grpc_mock import GrpcMock
    from pytest_mockforge.mocks.mock import PluginMock
    from pytest_mockforge.mocks.respx_mock import HttpMock
    from pytest_mockforge.mocks.server_mock import ServerMock
    from pytest_mockforge.plugin_under_test import Plugin
    from pytest_mockforge.remote_starter import RemoteStarter
    from pytest_mockforge.run_state import RunState
    from pytest_mockforge.runtimes.host_services import HostServices
    from pytest_mockforge.snapshot.comparison import MockforgeSnapshot

    Mock = TypeVar("Mock", bound=PluginMock)

STATE: pytest.StashKey[RunState] = pytest.StashKey()
"""What a run holds open."""
MOCKS: pytest.StashKey[list[PluginMock]] = pytest.StashKey()
"""The stand-ins of a test."""
BUDGETS: pytest.StashKey[tuple[Budget, ...]] = pytest.StashKey()
"""What the markers of a test allow its calls; missing where it has none."""


@pytest.fixture(scope="session")
def mockforge_plugin(request: pytest.FixtureRequest) -> Plugin:
    """The plugin under test, once for each plugin of the run.

    The fixture lives as long as the session, the instance behind it as long as one test, or one Hypothesis example.

        def test_a_known_token_is_admitted(mockforge_plugin, mockforge_request):
            reply = mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"}))
            assert reply.authenticated
    """
    from pytest_mockforge.active import plugin_for

    return plugin_for(request)


@pytest.fixture(scope="session")
def mockforge_load(request: pytest.FixtureRequest) -> Callable[[str | Path], Plugin]:
    """Open a plugin by its SPEC, whatever the run was started with; a relative path counts from the rootdir.

    def test_the_old_module_still_answers(mockforge_load):
        assert mockforge_load("old/plugin.wasm").template_function("upper", "abc") == "ABC"
    """
    from pytest_mockforge.active import state_of

    state, root = state_of(request.config), request.config.rootpath
    return lambda spec: state.load(str(spec), root)


@pytest.fixture
def mockforge_host(request: pytest.FixtureRequest) -> Iterator[HostServices]:
    """What every plugin of this test finds behind its imports: configuration in, store and log out, empty at first.

    `provide` lets a Python function stand for an import, from the next instance on.

        def test_the_greeting_is_configurable(mockforge_plugin, mockforge_host):
            mockforge_host.config["greeting"] = "Ahoy"
            mockforge_host.provide("env", "now", lambda memory: 1_700_000_000, results=["i64"])
            assert mockforge_plugin.template_function("greet", "Ann") == "Ahoy, Ann"
            assert mockforge_host.log[0].message == "greeted Ann"
    """
    from pytest_mockforge.active import state_of

    services = state_of(request.config).services
    yield services
    services.reset()


@pytest.fixture(scope="session")
def mockforge_fuzz(request: pytest.FixtureRequest) -> Fuzzer:
    """Searches for requests that a plugin does not stand, and fails the test with the smallest ones it finds.

    The seed comes from the plugin's content, so that an unchanged plugin gives an unchanged result.

        def test_authentication_stands_anything(mockforge_fuzz, mockforge_plugin):
            report = mockforge_fuzz(mockforge_plugin, operations=["authenticate"], examples=200)
            assert report.tried > 0
    """
    pytest.importorskip("hypothesis", reason="fuzzing needs hypothesis: pip install 'pytest-mockforge[fuzz]'")
    from pytest_mockforge.active import state_of

    return state_of(request.config).fuzzer()


@pytest.fixture(scope="session")
def mockforge_differential(request: pytest.FixtureRequest) -> Comparer:
    """Makes the same requests of several plugins, and fails the test on the first field in which one differs.

    The first plugin is the reference. What is meant to differ is allowed by JSON pointers.

        def test_the_port_answers_as_the_old_plugin_did(mockforge_differential, mockforge_plugin):
            allow = [{"pointer": "/metadata/engine", "reason": "names the language"}]
            mockforge_differential("old/plugin.wasm", mockforge_plugin, fuzz=100, allow=allow)
    """
    from pytest_mockforge.active import state_of

    return state_of(request.config).comparer(request.config.rootpath)


@pytest.fixture(scope="session")
def mockforge_remote(request: pytest.FixtureRequest) -> RemoteStarter:
    """Starts services on free ports, each once a session, and gives each as a plugin; all end with the session.

    Their logs stand with a failing test. `restart`, `stop` and `log` take the plugin that it gave.

        def test_the_service_is_healthy(mockforge_remote):
            plugin = mockforge_remote(["{python}", "-m", "uvicorn", "app:app", "--port", "{port}"], cwd="service")
            assert plugin.health()
    """
    from pytest_mockforge.active import state_of

    return state_of(request.config).starter(request.config.rootpath)


@pytest.fixture(scope="session")
def mockforge_request() -> RequestBuilder:
    """Builds requests, each with sensible defaults for what a test does not name.

    def test_health_is_answered(mockforge_plugin, mockforge_request):
        reply = mockforge_plugin.generate_response(mockforge_request.response("GET", "/health"))
        assert reply.status_code == 200
    """
    from pytest_mockforge.contract.requests import RequestBuilder

    return RequestBuilder()


@pytest.fixture
def mockforge_snapshot(request: pytest.FixtureRequest) -> MockforgeSnapshot:
    """Equals a reply that is as the snapshot says, which all plugins of the run share (on syrupy).

    `pytest --snapshot-update` writes what is missing or differs, if all plugins agree. Ids, times and secrets are left
    out; `mockforge_snapshot(name=…, redact=["/body/id"], keep=["timestamp"])` changes that for one comparison.

        def test_a_user_is_shown(mockforge_plugin, mockforge_request, mockforge_snapshot):
            request = mockforge_request.response("GET", "/users/2", path_params={"id": "2"})
            assert mockforge_plugin.generate_response(request) == mockforge_snapshot
    """
    from pytest_mockforge.snapshot_run import snapshot_for

    return snapshot_for(request)


@pytest.fixture
def mockforge_mock_http(request: pytest.FixtureRequest) -> Iterator[HttpMock]:
    """A stand-in for a plugin, for code that calls it with httpx, sync or async; no socket is opened.

    Calls that nobody declared, and declared ones that do not come, fail the test. httpx's other traffic passes through.

        def test_an_unknown_token_is_turned_away(mockforge_mock_http):
            denied = AuthResponse(authenticated=False, claims={}, metadata={})
            mockforge_mock_http.on.authenticate(query={"token": "wrong"}).reply(denied)
            assert not my_client(mockforge_mock_http.url).may_enter("wrong")
    """
    name = "mockforge_mock_http"
    try:
        from pytest_mockforge.mocks.respx_mock import HttpMock
    except ModuleNotFoundError as error:
        _skip_without(name, error, "remote")
    yield from _until_over(request, HttpMock(name, seed=_seed(request)))


@pytest.fixture
def mockforge_mock_grpc(request: pytest.FixtureRequest) -> Iterator[GrpcMock]:
    """A stand-in for a plugin behind gRPC, for clients that are given its `channel`; no socket is opened.

    `plugin(servicer)` goes the other way round: a servicer of your own as a plugin under test.

        def test_a_function_is_rendered(mockforge_mock_grpc):
            mockforge_mock_grpc.on.template_function(name="upper", args=["abc"]).reply("ABC")
            assert my_renderer(mockforge_mock_grpc.channel).render("{{upper abc}}") == "ABC"
    """
    name = "mockforge_mock_grpc"
    try:
        from pytest_mockforge.mocks.grpc_mock import GrpcMock
    except ModuleNotFoundError as error:
        _skip_without(name, error, "grpc")
    yield from _until_over(request, GrpcMock(name, seed=_seed(request)))


@pytest.fixture
def mockforge_mock_server(request: pytest.FixtureRequest) -> Iterator[ServerMock]:
    """A stand-in for a plugin behind a real socket of 127.0.0.1, for code in any language.

    `mockforge_mock_server(protocol="grpc")` speaks gRPC, `mockforge_mock_server(dialect="sdk")` as the published SDK.

        def test_a_late_answer_is_given_up(mockforge_mock_server):
            mockforge_mock_server.on.template_function(name="upper").reply("ABC").fault(faults.latency(5))
            assert my_program("--plugin", mockforge_mock_server.url, "--timeout", "0.2").exit_status == 1
    """
    from pytest_mockforge.mocks.server_mock import ServerMock

    def missing(reason: str) -> NoReturn:
        pytest.skip(reason)

    mock = ServerMock("mockforge_mock_server", seed=_seed(request), missing=missing)
    yield from _until_over(request, mock)


def judge_mocks(mocks: list[PluginMock]) -> None:
    """Fail a test whose body passed, if a stand-in was not called as declared; what its functions raised is raised."""
    __tracebackhide__ = True
    from pytest_mockforge.mocks.verdict import complaint

    for mock in mocks:
        if mock.errors:
            raise mock.errors[0]
    texts = [text for mock in mocks if (text := complaint(mock))]
    if texts:
        pytest.fail("\n".join(texts), pytrace=False)


def show_mocks(item: pytest.Item, mocks: list[PluginMock]) -> None:
    """Put beside the failure of a test what its stand-ins saw that nobody declared."""
    from pytest_mockforge.mocks.verdict import remark

    for mock in mocks:
        if text := remark(mock):
            item.add_report_section("call", "mockforge", text)


def _until_over(request: pytest.FixtureRequest, mock: Mock) -> Iterator[Mock]:
    item: pytest.Item = request.node
    item.stash.setdefault(MOCKS, []).append(mock)
    try:
        yield mock
    finally:
        mock.close()


def _seed(request: pytest.FixtureRequest) -> int:
    """Draw a seed from the test's id: the same test meets the same faults, in each run and on each worker."""
    from zlib import crc32

    return crc32(request.node.nodeid.encode())


def _skip_without(name: str, error: ModuleNotFoundError, extra: str) -> NoReturn:
    from pytest_mockforge.mocks.server_mock import missing_text

    pytest.skip(missing_text(name, error, extra))
