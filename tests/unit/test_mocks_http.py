"""The stand-in on respx: what httpx clients, sync and async, see of it, and whom it leaves alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Protocol

import httpx
import pytest
import respx

from pytest_mockforge import AuthResponse, RequestBuilder
from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.mocks import faults
from pytest_mockforge.mocks.faults import Fault
from pytest_mockforge.mocks.respx_mock import HttpMock
from pytest_mockforge.mocks.verdict import complaint
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.remote.http import HttpRuntime
from tests.servers import OK, Talk, serving

ADMITTED = AuthResponse(authenticated=True, claims={}, metadata={})
BODY = dialect_named("host").encode(RequestBuilder().auth(query={"token": "alpha"}))
PATH = "/plugin/authenticate"


@pytest.fixture
def mock() -> Iterator[HttpMock]:
    made = HttpMock("mock", seed=1)
    yield made
    made.close()


def by_sync(url: str, timeout: float = 5.0) -> httpx.Response:
    with httpx.Client(timeout=timeout, trust_env=False) as client:
        return client.post(url + PATH, content=BODY)


def by_async(url: str, timeout: float = 5.0) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
            return await client.post(url + PATH, content=BODY)

    return asyncio.run(ask())


BOTH = pytest.mark.parametrize("ask", [by_sync, by_async])


class Ask(Protocol):
    def __call__(self, url: str, timeout: float = 5.0) -> httpx.Response: ...


def broken(mock: HttpMock, fault: Fault) -> None:
    mock.on.authenticate().reply(ADMITTED).fault(fault)


@BOTH
def test_both_clients_are_answered(mock: HttpMock, ask: Ask) -> None:
    mock.on.authenticate(query={"token": "alpha"}).reply(ADMITTED)
    assert ask(mock.url).json()["authenticated"] is True


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://plugin.example/base", "http://plugin.test:80"])
def test_it_stands_at_any_url(mock: HttpMock, url: str) -> None:
    mock(url=url).on.authenticate().reply(ADMITTED)
    assert by_sync(url).status_code == 200


def test_a_sync_client_inside_of_a_running_loop_is_answered(mock: HttpMock) -> None:
    broken(mock, faults.latency(0.01))

    async def ask() -> int:
        return by_sync(mock.url).status_code

    assert asyncio.run(ask()) == 200


def test_other_traffic_of_httpx_passes_through(mock: HttpMock) -> None:
    def answer(talk: Talk) -> None:
        while talk.request():
            talk.send(OK + b"Content-Length: 2\r\n\r\nhi")

    with serving(answer) as server:
        assert (by_sync(server.url).text, by_async(server.url).text) == ("hi", "hi")
    assert complaint(mock) is None


def test_other_traffic_can_be_forbidden(mock: HttpMock) -> None:
    mock(pass_through=False)
    with pytest.raises(AssertionError, match=r"it is not for http://plugin\.test"):
        httpx.get("http://elsewhere.test/")
    assert "not expected: GET http://elsewhere.test/" in (complaint(mock) or "")


def test_a_url_that_only_begins_alike_is_other_traffic(mock: HttpMock) -> None:
    mock(url="http://plugin.test/a", pass_through=False)
    with pytest.raises(AssertionError, match="it is not for"):
        httpx.post("http://plugin.test/ab/plugin/authenticate")


@BOTH
def test_routes_of_the_tests_own_respx_are_answered_by_it(mock: HttpMock, ask: Ask) -> None:
    mock.on.authenticate().reply(ADMITTED)
    with respx.mock(assert_all_called=False) as routes:
        routes.post(f"http://elsewhere.test{PATH}").respond(json={"theirs": True})
        assert ask("http://elsewhere.test").json() == {"theirs": True}
        assert ask(mock.url).json()["authenticated"] is True
        with pytest.raises(AssertionError, match="not mocked"):
            ask("http://nobody.test")


def test_our_own_client_is_never_intercepted(mock: HttpMock) -> None:
    def answer(talk: Talk) -> None:
        talk.request()
        talk.send(OK + b"Content-Length: 4\r\n\r\nreal")

    with serving(answer) as server:
        mock(url=server.url).on.authenticate(optional=True).reply(ADMITTED)
        runtime = HttpRuntime(server.url, limits=Limits(timeout=2))
        assert runtime.invoke(Operation.AUTHENTICATE, BODY).reply == b"real"
        runtime.close()
    assert mock.calls == ()


def test_after_its_end_nothing_is_patched() -> None:
    made = HttpMock("mock", seed=1)
    made.close()
    made.close()
    with pytest.raises(httpx.ConnectError):
        by_sync("http://127.0.0.1:9")


# --- faults, as httpx shows them --------------------------------------------------------------------------------------


@BOTH
def test_latency_is_waited_for(mock: HttpMock, ask: Ask) -> None:
    broken(mock, faults.latency(0.05))
    started = time.perf_counter()
    assert ask(mock.url).status_code == 200
    assert time.perf_counter() - started >= 0.05


@BOTH
def test_latency_beyond_the_clients_timeout_is_a_read_timeout(mock: HttpMock, ask: Ask) -> None:
    broken(mock, faults.latency(30))
    started = time.perf_counter()
    with pytest.raises(httpx.ReadTimeout):
        ask(mock.url, 0.05)
    assert time.perf_counter() - started < 20


def test_latency_does_not_block_the_loop(mock: HttpMock) -> None:
    broken(mock, faults.latency(0.5))

    async def ten_at_once() -> list[httpx.Response]:
        async with httpx.AsyncClient() as client:
            return await asyncio.gather(*(client.post(mock.url + PATH, content=BODY) for _ in range(10)))

    started = time.perf_counter()
    assert {reply.status_code for reply in asyncio.run(ten_at_once())} == {200}
    assert time.perf_counter() - started < 4


@BOTH
def test_a_status_is_a_status(mock: HttpMock, ask: Ask) -> None:
    broken(mock, faults.status(503))
    assert ask(mock.url).status_code == 503


@BOTH
def test_a_reset_is_a_read_error(mock: HttpMock, ask: Ask) -> None:
    broken(mock, faults.reset())
    with pytest.raises(httpx.ReadError, match="Connection reset by peer") as caught:
        ask(mock.url)
    assert str(caught.value.request.url) == mock.url + PATH


@BOTH
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (faults.early_close(after=10), r"received 10 bytes, expected 85"),
        (faults.wrong_length(10), r"received 85 bytes, expected 95"),
    ],
)
def test_a_body_that_is_cut_is_a_protocol_error(mock: HttpMock, ask: Ask, fault: Fault, message: str) -> None:
    broken(mock, fault)
    with pytest.raises(httpx.RemoteProtocolError, match=message):
        ask(mock.url)


@BOTH
def test_too_small_a_length_cuts_the_body(mock: HttpMock, ask: Ask) -> None:
    broken(mock, faults.wrong_length(-10))
    assert len(ask(mock.url).content) == 75


@BOTH
def test_a_drip_is_a_stream_that_waits(mock: HttpMock, ask: Ask) -> None:
    broken(mock, faults.drip(size=20, every=0.02))
    started = time.perf_counter()
    assert ask(mock.url).json()["authenticated"] is True
    assert time.perf_counter() - started >= 0.06


def test_a_streaming_client_gets_a_drip_piece_by_piece(mock: HttpMock) -> None:
    broken(mock, faults.drip(size=40, every=0.001))
    with httpx.Client() as client, client.stream("POST", mock.url + PATH, content=BODY) as reply:
        assert [len(piece) for piece in reply.iter_raw()] == [40, 40, 5]


@BOTH
def test_a_drip_slower_than_the_timeout_is_a_read_timeout(mock: HttpMock, ask: Ask) -> None:
    broken(mock, faults.drip(every=10))
    with pytest.raises(httpx.ReadTimeout):
        ask(mock.url, 0.05)


@BOTH
@pytest.mark.parametrize("fault", [faults.malformed_json(), faults.truncated_json()])
def test_a_body_that_is_no_json_cannot_be_parsed(mock: HttpMock, ask: Ask, fault: Fault) -> None:
    broken(mock, fault)
    with pytest.raises(json.JSONDecodeError):
        ask(mock.url).json()


@BOTH
def test_a_wrong_content_type_is_shown(mock: HttpMock, ask: Ask) -> None:
    broken(mock, faults.wrong_content_type("application/xml"))
    assert ask(mock.url).headers["content-type"] == "application/xml"


@BOTH
def test_an_oversize_body_arrives_whole(mock: HttpMock, ask: Ask) -> None:
    broken(mock, faults.oversize(1_000_000))
    reply = ask(mock.url)
    assert len(reply.content) == 1_000_000
    assert reply.json()["authenticated"] is True
