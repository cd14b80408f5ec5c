"""What a service hears from us and what we make of its good answers: over real sockets on loopback."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_mockforge import RequestBuilder, load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RemoteFailure, RemoteRefusal, RequestError, SettingsError, SetupError, SpecError
from pytest_mockforge.runtimes.base import Exchange, InstancePolicy, Limits
from pytest_mockforge.runtimes.remote.answer import RemoteAuth
from pytest_mockforge.runtimes.remote.roads import doubled_slash
from tests.servers import (
    OK,
    Handler,
    Runtimes,
    Seen,
    Server,
    Talk,
    answering,
    closing,
    dripping_body,
    once,
    reply,
    serving,
)

pytest.importorskip("httpcore")

LIMITS = Limits(timeout=5.0, reply=64 * 1024)

http = Runtimes()


@pytest.fixture(autouse=True)
def _close_runtimes() -> Iterator[None]:
    yield
    http.close()


ASK = Operation.AUTHENTICATE


@pytest.fixture
def echo() -> Iterator[Server]:
    """A service that answers with what it was sent."""
    with serving(answering(lambda seen: reply(seen.body))) as server:
        yield server


def asked(handler: Handler, *, operation: Operation = ASK, limits: Limits = LIMITS) -> Exchange:
    with serving(handler) as server:
        runtime = http(server.url, limits=limits)
        return runtime.invoke(operation, b"{}")


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (Operation.AUTHENTICATE, "/plugin/authenticate"),
        (Operation.TEMPLATE_FUNCTION, "/plugin/template/execute"),
        (Operation.GENERATE_RESPONSE, "/plugin/response/generate"),
        (Operation.QUERY_DATASOURCE, "/plugin/datasource/query"),
    ],
)
def test_each_operation_is_posted_to_the_hosts_path(echo: Server, operation: Operation, path: str) -> None:
    exchange = http(echo.url, limits=LIMITS).invoke(operation, b'{"a":1}')
    assert (exchange.reply, exchange.failure) == (b'{"a":1}', None)
    seen = echo.seen[0]
    assert (seen.method, seen.target, seen.body) == ("POST", path, b'{"a":1}')
    assert seen.headers == {
        "host": f"127.0.0.1:{echo.port}",
        "accept": "*/*",
        "content-type": "application/json",
        "content-length": "7",
    }


def test_the_path_is_appended_to_the_url_as_it_stands(echo: Server) -> None:
    http(f"{echo.url}/v1/", limits=LIMITS).invoke(ASK, b"{}")
    assert echo.seen[0].target == "/v1//plugin/authenticate"
    assert (
        doubled_slash("http://h/v1/")
        == "the URL ends with a slash, so MockForge would call http://h/v1//plugin/authenticate"
    )
    assert doubled_slash("http://h/v1") is None


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (RemoteAuth(kind="bearer", value="s3cret"), ("authorization", "Bearer s3cret")),
        (RemoteAuth(kind="api-key", value="s3cret"), ("x-api-key", "s3cret")),
    ],
)
def test_credentials_go_with_operations_and_not_with_health(
    echo: Server, auth: RemoteAuth, header: tuple[str, str]
) -> None:
    runtime = http(echo.url, limits=LIMITS, auth=auth)
    runtime.invoke(ASK, b"{}")
    assert runtime.health()
    called, health = echo.seen
    assert called.headers[header[0]] == header[1]
    assert (health.method, health.target, header[0] in health.headers) == ("GET", "/health", False)
    assert "s3cret" not in repr(auth)


def test_an_error_text_shows_no_credentials_that_the_service_echoes() -> None:
    with serving(answering(lambda seen: reply(seen.headers["x-api-key"].encode(), "403 Forbidden"))) as server:
        auth = RemoteAuth(kind="api-key", value="s3cret")
        failure = http(server.url, limits=LIMITS, auth=auth).invoke(ASK, b"{}").failure
    assert "s3cret" not in str(failure)
    assert "got: 403 Forbidden, '***'" in str(failure)


def test_credentials_with_a_line_feed_are_refused() -> None:
    with pytest.raises(SettingsError, match="cannot be sent in a header"):
        http("http://127.0.0.1:1", limits=LIMITS, auth=RemoteAuth(kind="bearer", value="key\n"))


@pytest.mark.parametrize(("status", "healthy"), [("200 OK", True), ("204 No Content", True), ("503 Down", False)])
def test_health_is_any_2xx(status: str, healthy: bool) -> None:
    with serving(answering(reply(b"", status))) as server:
        assert http(server.url, limits=LIMITS).health() is healthy


def test_metrics_are_those_of_the_host() -> None:
    metrics = http("http://127.0.0.1:1", limits=LIMITS, plugin_id="mine").metrics()
    assert metrics == {"plugin_id": "mine", "endpoint": "http://127.0.0.1:1", "protocol": "Http"}


@pytest.mark.parametrize(("policy", "connections"), [("item", 1), ("kept", 1), ("call", 3)])
def test_connections_are_kept_unless_each_call_wants_its_own(
    echo: Server, policy: InstancePolicy, connections: int
) -> None:
    runtime = http(echo.url, limits=LIMITS, policy=policy)
    fresh = [runtime.invoke(ASK, b"{}").fresh for _ in range(3)]
    runtime.renew()
    assert echo.connections == connections
    assert fresh == [True, policy == "call", policy == "call"]


def test_connecting_is_timed_apart(echo: Server) -> None:
    runtime = http(echo.url, limits=LIMITS)
    first, second = runtime.invoke(ASK, b"{}"), runtime.invoke(ASK, b"{}")
    assert first.wire is not None
    assert second.wire is not None
    assert first.wire.connect_seconds > 0 == second.wire.connect_seconds
    assert 0 < first.guest_seconds < 5


def test_what_came_with_the_answer_is_kept() -> None:
    wire = asked(answering(reply(b"{}", headers=("Content-Type: text/html", "X-Two: 1", "X-Two: 2")))).wire
    assert wire is not None
    assert (wire.status, wire.content_type, wire.redirects) == (200, "text/html", 0)
    assert [pair for pair in wire.headers if pair[0] == "x-two"] == [("x-two", "1"), ("x-two", "2")]


def test_a_body_in_chunks_is_put_together() -> None:
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n1\r\n \r\n0\r\n\r\n"
    assert asked(once(chunked)).reply == b"{} "


def test_a_body_that_ends_with_the_connection_is_whole() -> None:
    assert asked(once(OK + b"\r\n{}")).reply == b"{}"


def test_an_interim_answer_is_passed_over() -> None:
    assert asked(once(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply(b"1"))).reply == b"1"


def test_an_empty_answer_is_empty_bytes() -> None:
    exchange = asked(answering(reply(b"", "204 No Content", ())))
    assert (exchange.reply, exchange.failure) == (b"", None)


def test_a_compressed_answer_is_undone_and_noted() -> None:
    exchange = asked(answering(reply(gzip.compress(b'{"a":1}'), headers=("Content-Encoding: gzip",))))
    assert exchange.reply == b'{"a":1}'
    assert [note.detail for note in exchange.border] == ["compressed-reply"]
    assert "MockForge would not undo" in exchange.border[0].message


def test_a_coding_that_nobody_knows_is_left_as_it_comes() -> None:
    exchange = asked(answering(reply(b"\x0b\x02", headers=("Content-Encoding: br",))))
    assert (exchange.reply, len(exchange.border)) == (b"\x0b\x02", 1)


def test_an_error_status_is_a_failure_with_its_body() -> None:
    exchange = asked(answering(reply(b"a" * 70_000, "500 Internal Server Error")), limits=Limits(reply=100_000))
    failure = exchange.failure
    assert isinstance(failure, RemoteFailure)
    assert (failure.kind, failure.status, len(failure.body)) == ("status", 500, 64 * 1024)
    assert failure.message.startswith("authenticate was answered with 500 Internal Server Error at http://127.0.0.1:")
    assert exchange.wire is not None
    assert exchange.reply is None


def test_the_body_of_an_error_is_shown_harmless_and_short() -> None:
    failure = asked(answering(reply(b"\x1b[31m" + b"a" * 1_000, "500 X"))).failure
    assert failure is not None
    assert failure.got is not None
    assert "\x1b" not in failure.got
    assert len(failure.got) < 300


def test_an_error_status_counts_although_its_body_never_ends() -> None:
    def slow(talk: Talk) -> None:
        talk.request()
        talk.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nabc")
        talk.wait()

    failure = asked(slow, limits=Limits(timeout=0.3)).failure
    assert isinstance(failure, RemoteFailure)
    assert (failure.kind, failure.status, failure.body) == ("status", 404, b"abc")


def test_a_refusal_keeps_what_is_known_of_its_answer() -> None:
    body = b'{"success":false,"error":{"code":"X","message":"no such function","details":null}}'
    with serving(answering(lambda _seen: reply(body, "422 X"))) as server, load(server.url, dialect="sdk") as plugin:
        failure = plugin.observe(RequestBuilder().template("upper", "abc")).failure
    assert isinstance(failure, RemoteRefusal)
    assert (failure.kind, failure.status, failure.body) == ("status", 422, body)


def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    with serving(once(reply(b"1"))) as server:
        runtime = http(server.url, limits=LIMITS)
        exchanges = [runtime.invoke(ASK, b"{}") for _ in range(3)]
        assert [exchange.failure for exchange in exchanges] == [None] * 3
        assert [exchange.fresh for exchange in exchanges] == [True] * 3


def test_a_kept_connection_that_dies_of_the_request_is_tried_once_more() -> None:
    def dies_on_the_second(talk: Talk) -> None:
        talk.request()
        talk.send(reply(b"1"))
        talk.request()

    with serving(dies_on_the_second) as server:
        runtime = http(server.url, limits=LIMITS)
        assert [runtime.invoke(ASK, b"{}").reply for _ in range(2)] == [b"1", b"1"]
        assert len(server.seen) == 3


def test_a_new_connection_that_dies_of_the_request_is_not_tried_again() -> None:
    with serving(closing) as server:
        failure = http(server.url, limits=LIMITS).invoke(ASK, b"{}").failure
        assert isinstance(failure, RemoteFailure)
        assert (failure.kind, len(server.seen)) == ("closed", 1)


def test_ten_threads_call_at_once_and_get_their_own_answers() -> None:
    together = threading.Barrier(10, timeout=5)

    def answer(seen: Seen) -> bytes:
        together.wait()
        return reply(seen.body)

    with serving(answering(answer)) as server, ThreadPoolExecutor(10) as threads:
        runtime = http(server.url, limits=LIMITS)
        bodies = [str(number).encode() for number in range(10)]
        replies = list(threads.map(lambda body: runtime.invoke(ASK, body).reply, bodies))
    assert replies == bodies


def test_it_can_be_called_inside_of_a_running_event_loop(echo: Server) -> None:
    async def test() -> bytes | None:
        return http(echo.url, limits=LIMITS).invoke(ASK, b"{}").reply

    assert asyncio.run(test()) == b"{}"


def test_no_proxy_of_the_environment_is_used(echo: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert http(echo.url, limits=LIMITS).invoke(ASK, b"{}").failure is None


def test_a_cookie_is_not_kept() -> None:
    with serving(answering(reply(b"{}", headers=("Set-Cookie: a=b",)))) as server:
        runtime = http(server.url, limits=LIMITS)
        runtime.invoke(ASK, b"{}")
        runtime.invoke(ASK, b"{}")
        assert "cookie" not in server.seen[1].headers


def test_ipv6_is_spoken() -> None:
    try:
        serving_there = serving(answering(), host="::1")
        server = serving_there.__enter__()
    except OSError as error:
        pytest.skip(f"no IPv6 on loopback here: {error}")
    try:
        url = f"http://[::1]:{server.port}"
        assert http(url, limits=LIMITS).invoke(ASK, b"{}").reply == b"{}"
        assert server.seen[0].headers["host"] == f"[::1]:{server.port}"
    finally:
        serving_there.__exit__(None, None, None)


def test_after_a_close_it_connects_again_but_not_after_one_for_good(echo: Server) -> None:
    runtime = http(echo.url, limits=LIMITS)
    runtime.invoke(ASK, b"{}")
    runtime.close()
    assert runtime.invoke(ASK, b"{}").fresh
    runtime.close(for_good=True)
    runtime.close(for_good=True)
    with pytest.raises(SetupError, match="the plugin is closed"):
        runtime.invoke(ASK, b"{}")


def test_send_gives_any_answer_whatever_its_status() -> None:
    with serving(answering(reply(b"no", "405 Method Not Allowed", ("Allow: POST",)))) as server:
        answer = http(server.url, limits=LIMITS).send("DELETE", "/plugin/authenticate?x=%20y")
        assert (answer.status, answer.reason, answer.body) == (405, "Method Not Allowed", b"no")
        assert answer.header("Allow") == "POST"
        assert (server.seen[0].method, server.seen[0].target) == ("DELETE", "/plugin/authenticate?x=%20y")


def test_send_takes_headers_and_a_content_type(echo: Server) -> None:
    runtime = http(echo.url, limits=LIMITS, auth=RemoteAuth(kind="bearer", value="a"))
    runtime.send(
        "POST", "/x", body=b"\xff", headers={"authorization": "Bearer b", "X-A": "1"}, content_type="text/plain"
    )
    headers = echo.seen[0].headers
    assert (headers["authorization"], headers["x-a"], headers["content-type"]) == ("Bearer b", "1", "text/plain")


def test_send_can_leave_the_body_unread() -> None:
    with serving(dripping_body) as server:
        answer = http(server.url, limits=Limits(timeout=5)).send("GET", "/", read=False)
        assert (answer.status, answer.body) == (200, b"")


def test_send_has_a_time_limit_of_its_own() -> None:
    with (
        serving(dripping_body) as server,
        pytest.raises(RemoteFailure, match=r"no whole answer within 0\.2 s") as caught,
    ):
        http(server.url, limits=LIMITS).send("GET", "/", timeout=0.2)
    assert caught.value.message.startswith(f"GET {server.url}/ gave no good answer")


def test_send_refuses_a_header_that_would_be_two() -> None:
    with pytest.raises(RequestError, match="HTTP cannot carry the header 'X-A'"):
        http("http://127.0.0.1:1", limits=LIMITS).send("GET", "/", headers={"X-A": "1\r\nX-B: 2"})


def test_send_refuses_a_method_that_http_does_not_allow(echo: Server) -> None:
    with pytest.raises(RequestError, match="HTTP cannot carry"):
        http(echo.url, limits=LIMITS).send("GE T", "/")


def test_abort_sends_a_part_and_goes_away() -> None:
    heard: list[Seen | None] = []
    gone = threading.Event()

    def listen(talk: Talk) -> None:
        heard.append(talk.request())
        gone.set()

    with serving(listen) as server:
        http(server.url, limits=LIMITS).abort("/plugin/authenticate", b"0123456789")
        assert gone.wait(5)
    assert heard[0] is not None
    assert (heard[0].headers["content-length"], heard[0].body) == ("10", b"01234")


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("ftp://h/", "its scheme is 'ftp', not http or https"),
        ("http://", "it has no host"),
        ("http://h:99999", "its host or port cannot be read"),
        ("http://h:0", "port 0 cannot be called"),
        ("http://a b/", "it holds a blank or a control character"),
        ("http://h\n/", "it holds a blank or a control character"),
        ("http://[::1", "its host or port cannot be read"),
        ("http://a..b/", "'a..b' is no host name"),
    ],
)
def test_a_url_that_cannot_be_called_is_refused_at_once(url: str, cause: str) -> None:
    with pytest.raises(SpecError) as caught:
        http(url, limits=LIMITS)
    assert cause in str(caught.value)


def test_credentials_in_the_url_are_refused_and_not_shown() -> None:
    with pytest.raises(SpecError) as caught:
        http("http://user:pa55@127.0.0.1:1", limits=LIMITS)
    assert "pa55" not in str(caught.value)
    assert "hint: give credentials as bearer token or API key, apart from the URL" in str(caught.value)
