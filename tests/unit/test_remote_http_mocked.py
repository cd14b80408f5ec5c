"""Our own client is never intercepted by mocks of httpx, which still hold for the code under test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.remote.http import HttpRuntime
from tests.servers import Runtimes, Server, answering, reply, serving

httpx = pytest.importorskip("httpx")
respx = pytest.importorskip("respx")

LIMITS = Limits(timeout=5.0)

http = Runtimes()


@pytest.fixture(autouse=True)
def _close_runtimes() -> Iterator[None]:
    yield
    http.close()


MOCKERS = ("httpcore", "httpx")


@pytest.fixture
def service() -> Iterator[Server]:
    with serving(answering(reply(b'"real"'))) as server:
        yield server


def called(runtime: HttpRuntime) -> bytes | None:
    return runtime.invoke(Operation.TEMPLATE_FUNCTION, b"{}").reply


@pytest.mark.parametrize("using", MOCKERS)
def test_a_runtime_made_under_respx_reaches_the_service(service: Server, using: str) -> None:
    with respx.mock(using=using, assert_all_called=False) as mock:
        mock.route().respond(json="mocked")
        assert called(http(service.url, limits=LIMITS)) == b'"real"'
        assert not mock.calls


@pytest.mark.parametrize("using", MOCKERS)
def test_a_runtime_made_before_respx_reaches_the_service(service: Server, using: str) -> None:
    runtime = http(service.url, limits=LIMITS)
    assert called(runtime) == b'"real"'
    with respx.mock(using=using, assert_all_called=False) as mock:
        mock.route().respond(json="mocked")
        assert called(runtime) == b'"real"'
        assert runtime.health()
    assert called(runtime) == b'"real"'
    assert service.connections == 1


@pytest.mark.parametrize("using", MOCKERS)
def test_the_code_under_test_is_still_mocked_beside_us(service: Server, using: str) -> None:
    runtime = http(service.url, limits=LIMITS)
    with respx.mock(using=using) as mock:
        mock.get("https://api.example/").respond(json="mocked")
        assert called(runtime) == b'"real"'
        assert httpx.get("https://api.example/").json() == "mocked"
        assert called(runtime) == b'"real"'
        with pytest.raises(respx.models.AllMockedAssertionError):
            httpx.get(service.url)
