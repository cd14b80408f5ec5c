"""The fixtures for an author's own tests. What they give is imported when they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_mockforge.contract.requests import RequestBuilder
    from pytest_mockforge.plugin_under_test import Plugin
    from pytest_mockforge.remote_starter import RemoteStarter
    from pytest_mockforge.runtimes.host_services import HostServices


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
