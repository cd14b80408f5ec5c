"""Start a service on a free port and test it as any other plugin. It ends with the run, whatever happens."""

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the service needs FastAPI: pip install fastapi uvicorn")

FOLDER = Path(__file__).parent.parent / "fixtures" / "reference" / "python-http"
COMMAND = ["{python}", "-m", "uvicorn", "app:app", "--port", "{port}", "--log-level", "warning"]


@pytest.fixture
def service(mockforge_remote):
    # The first test starts it, the others find it running.
    return mockforge_remote(COMMAND, cwd=FOLDER, env={"MOCKFORGE_DIALECT": "host"})


def test_it_is_healthy(service):
    assert service.health()


def test_it_admits_a_known_token(service, mockforge_request):
    reply = service.authenticate(mockforge_request.auth(query={"token": "alpha"}))

    assert reply.identity.user_id == "u-alice"
    assert service.last.wire.status == 200


def test_it_forgets_nothing_that_matters_when_it_is_restarted(service, mockforge_remote):
    mockforge_remote.restart(service)

    assert service.template_function("upper", "abc") == "ABC"


@pytest.mark.mockforge(dialect="sdk")
def test_the_same_service_may_speak_as_the_published_sdks_do(mockforge_remote, mockforge_request):
    service = mockforge_remote(COMMAND, cwd=FOLDER, env={"MOCKFORGE_DIALECT": "sdk"}, name="reference-sdk")

    reply = service.authenticate(mockforge_request.auth(bearer="alpha"))
    assert reply.authenticated
