"""The stand-in behind a real socket: what our client, the standard library's and bare sockets see of it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import NoReturn

import pytest

from pytest_mockforge import AuthResponse, RequestBuilder, SettingsError
from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.mocks import faults
from pytest_mockforge.mocks.faults import Fault
from pytest_mockforge.mocks.server_mock import ServerMock
from pytest_mockforge.mocks.verdict import complaint
from pytest_mockforge.runtimes.base import Exchange, Limits
from pytest_mockforge.runtimes.remote.http import HttpRuntime

ADMITTED = AuthResponse(authenticated=True, claims={}, metadata={})
BODY = dialect_named("host").encode(RequestBuilder().auth(query={"token": "alpha"}))
PATH = "/plugin/authenticate"
REPLY = 85
"""Bytes of ADMITTED in the host dialect."""


def missing(reason: str) -> NoReturn:
    raise AssertionError(reason)


@pytest.fixture
def mock() -> Iterator[ServerMock]:
    made = ServerMock("mock", seed=1, missing=missing)
    yield made
    made.close()


Ask = Callable[[], Exchange]


@pytest.fixture
def ask(mock: ServerMock) -> Iterator[Ask]:
    """Ask with our own client, which gives up after a second."""
    runtimes: list[HttpRuntime] = []

    def ask() -> Exchange:
        if not runtimes:
            runtimes.append(HttpRuntime(mock.url, limits=Limits(timeout=1.0, reply=1_000_000)))
        return runtimes[0].invoke(Operation.AUTHENTICATE, BODY)

    yield ask
    for runtime in runtimes:
        runtime.close()


def post(mock: ServerMock) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=2)
    try:
        connection.request("POST", PATH, BODY)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def raw(mock: ServerMock) -> bytes:
    """Give all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", mock.port), timeout=2) as connected:
        connected.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
        found = b""
        while data := connected.recv(65_536):
            found += data
        return found


def broken(mock: ServerMock, fault: Fault) -> None:
    mock.on.authenticate().reply(ADMITTED).fault(fault)


def kind(exchange: Exchange) -> str:
    assert exchange.failure is not None
    return str(getattr(exchange.failure, "kind", ""))


def test_our_client_is_answered(mock: ServerMock, ask: Ask) -> None:
    expectation = mock.on.authenticate(query={"token": "alpha"}).reply(ADMITTED)
    assert json.loads(ask().reply or b"")["authenticated"] is True
    assert expectation.last.header("Content-Type") == "application/json"
    assert complaint(mock) is None


def test_a_connection_is_kept(mock: ServerMock) -> None:
    mock.on.authenticate(times=2).reply(ADMITTED)
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=2)
    ports = set()
    for _ in range(2):
        connection.request("POST", PATH, BODY)
        assert connection.sock is not None
        ports.add(connection.sock.getsockname()[1])
        assert len(connection.getresponse().read()) == REPLY
    connection.close()
    assert len(ports) == 1


def test_a_body_in_chunks_is_read(mock: ServerMock) -> None:
    expectation = mock.on.authenticate().reply(ADMITTED)
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=2)
    connection.request("POST", PATH, iter([BODY[:10], BODY[10:]]), encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert expectation.last.body == BODY


def test_an_unexpected_call_is_answered_at_once(mock: ServerMock) -> None:
    response, body = post(mock)
    assert response.status == 501
    assert json.loads(body)["error"].startswith("mock expected no such call: authenticate: AuthRequest(")


def test_what_is_no_http_harms_nobody(mock: ServerMock, ask: Ask) -> None:
    mock.on.authenticate().reply(ADMITTED)
    for noise in (b"\x16\x03\x01\x00\x05hello", b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
        with socket.create_connection(("127.0.0.1", mock.port), timeout=2) as connected:
            connected.sendall(noise)
            connected.shutdown(socket.SHUT_WR)
            while connected.recv(1000):
                pass
    assert ask().reply


# --- faults -----------------------------------------------------------------------------------------------------------


def test_latency_is_waited_for(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.latency(0.1))
    exchange = ask()
    assert exchange.reply is not None
    assert 0.1 <= exchange.guest_seconds < 5


def test_latency_beyond_the_callers_patience_is_a_timeout(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.latency(5))
    assert kind(ask()) == "timeout"


def test_a_uniform_latency_stays_within_its_bounds(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.uniform_latency(0.02, 0.06))
    seconds = [ask().guest_seconds for _ in range(4)]
    assert min(seconds) >= 0.02
    assert len(set(seconds)) == 4


def test_a_lognormal_latency_is_waited_for(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.lognormal_latency(median=0.02, sigma=0.2))
    assert ask().guest_seconds >= 0.005


def test_a_status_comes_with_an_error_in_the_dialect(mock: ServerMock) -> None:
    mock(dialect="sdk").fault(faults.status(503))
    response, body = post(mock)
    assert response.status == 503
    assert json.loads(body) == {"success": False, "error": "a fault of the mock: status 503"}


def test_a_reset_is_a_reset(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.reset())
    with pytest.raises(ConnectionResetError):
        raw(mock)
    assert kind(ask()) == "closed"


def test_an_early_close_comes_after_so_many_bytes(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.early_close(after=10))
    head, _, body = raw(mock).partition(b"\r\n\r\n")
    assert len(body) == 10
    assert f"Content-Length: {REPLY}".encode() in head
    with pytest.raises(http.client.IncompleteRead):
        post(mock)
    assert kind(ask()) == "closed"


def test_an_early_close_always_leaves_something_out(mock: ServerMock) -> None:
    broken(mock, faults.early_close(after=10_000))
    assert len(raw(mock).partition(b"\r\n\r\n")[2]) == REPLY - 1


def test_a_drip_comes_in_pieces(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.drip(size=20, every=0.03))
    exchange = ask()
    assert exchange.reply is not None
    assert exchange.guest_seconds >= 0.09


def test_a_drip_that_takes_too_long_is_a_timeout(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.drip(every=0.05))
    assert kind(ask()) == "timeout"


@pytest.mark.parametrize("fault", [faults.malformed_json(), faults.truncated_json()])
def test_a_body_that_is_no_json_has_a_right_length(mock: ServerMock, fault: Fault) -> None:
    broken(mock, fault)
    _, body = post(mock)
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


@pytest.mark.parametrize("value", ["ABC", 12, 1, None, [1], {"a": 1}, True])
def test_truncated_json_is_never_json(mock: ServerMock, value: object) -> None:
    mock.on.template_function().reply(value).fault(faults.truncated_json())  # type: ignore[arg-type] # Json all of them
    payload = dialect_named("host").encode(RequestBuilder().template("f"))
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=2)
    connection.request("POST", "/plugin/template/execute", payload)
    body = connection.getresponse().read()
    connection.close()
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_a_wrong_content_type_goes_with_a_right_body(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.wrong_content_type())
    exchange = ask()
    assert exchange.wire is not None
    assert exchange.wire.content_type == "text/html; charset=utf-8"
    assert json.loads(exchange.reply or b"")["authenticated"] is True


def test_too_great_a_length_is_a_body_that_is_cut(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.wrong_length(10))
    assert kind(ask()) == "closed"
    with pytest.raises(http.client.IncompleteRead):
        post(mock)


def test_too_small_a_length_leaves_bytes_behind(mock: ServerMock) -> None:
    broken(mock, faults.wrong_length(-10))
    assert len(post(mock)[1]) == REPLY - 10
    assert len(raw(mock).partition(b"\r\n\r\n")[2]) == REPLY


def test_an_oversize_body_is_json_and_too_large(mock: ServerMock, ask: Ask) -> None:
    broken(mock, faults.oversize("2MB"))
    assert kind(ask()) == "oversize"
    _, body = post(mock)
    assert len(body) == 2_000_000
    assert json.loads(body)["authenticated"] is True


def test_faults_add_up(mock: ServerMock) -> None:
    mock.on.authenticate().reply(ADMITTED).fault(faults.latency(0.05)).fault(faults.status(500))
    started = perf_counter()
    assert post(mock)[0].status == 500
    assert perf_counter() - started >= 0.05


# --- life -------------------------------------------------------------------------------------------------------------


def test_no_thread_and_no_socket_outlive_it_even_while_it_waits(mock: ServerMock) -> None:
    broken(mock, faults.latency(60))
    before = threading.active_count()
    kept = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=5)
    kept.request("POST", PATH, BODY)
    idle = socket.create_connection(("127.0.0.1", mock.port), timeout=5)
    while not mock.calls:
        pass
    port, started = mock.port, perf_counter()
    mock.close()
    mock.close()
    assert perf_counter() - started < 20
    assert threading.active_count() == before
    kept.close()
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_after_its_end_it_has_no_url(mock: ServerMock) -> None:
    mock.close()
    with pytest.raises(SettingsError, match="mock is over"):
        _ = mock.url


def test_a_running_server_cannot_be_configured(mock: ServerMock) -> None:
    _ = mock.url
    with pytest.raises(SettingsError, match="mock is running already"):
        mock(dialect="sdk")


def test_a_protocol_that_there_is_not_names_the_valid_ones(mock: ServerMock) -> None:
    with pytest.raises(SettingsError) as caught:
        mock(protocol="grcp")  # type: ignore[arg-type] # wrong on purpose
    assert "did you mean 'grpc'? valid: http, grpc" in str(caught.value)


def test_grpc_speaks_no_sdk(mock: ServerMock) -> None:
    with pytest.raises(SettingsError, match="cannot speak 'sdk' over gRPC"):
        mock(protocol="grpc", dialect="sdk")
