"""Redirects: which are followed, with what, and which are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.runtimes.base import Exchange, Limits
from pytest_mockforge.runtimes.remote.answer import RemoteAuth
from tests.servers import Handler, Runtimes, Seen, Server, Talk, answering, redirecting, reply, serving

pytest.importorskip("httpcore")

LIMITS = Limits(timeout=5.0)

http = Runtimes()


@pytest.fixture(autouse=True)
def _close_runtimes() -> Iterator[None]:
    yield
    http.close()


AUTH = RemoteAuth(kind="api-key", value="s3cret")


def asked(server: Server) -> Exchange:
    return http(server.url, limits=LIMITS, auth=AUTH).invoke(Operation.AUTHENTICATE, b'{"a":1}')


def moved_to(location: str, status: int) -> Handler:
    def answer(seen: Seen) -> bytes:
        if seen.target == "/new":
            return reply(seen.method.encode() + seen.body)
        return reply(b"", f"{status} Moved", (f"Location: {location}",))

    return answering(answer)


@pytest.mark.parametrize(
    ("status", "heard"), [(301, b"GET"), (302, b"GET"), (303, b"GET"), (307, b'POST{"a":1}'), (308, b'POST{"a":1}')]
)
def test_a_redirect_keeps_method_and_body_only_for_307_and_308(status: int, heard: bytes) -> None:
    with serving(moved_to("/new", status)) as server:
        exchange = asked(server)
        assert ("content-type" in server.seen[1].headers) is (status > 303)
        assert server.seen[1].headers["x-api-key"] == "s3cret"
    assert exchange.reply == heard
    assert exchange.wire is not None
    assert exchange.wire.redirects == 1


def test_credentials_stay_behind_when_host_or_port_change() -> None:
    with serving(answering()) as other, serving(redirecting(f"{other.url}/x")) as server:
        assert asked(server).reply == b"{}"
        assert (other.seen[0].target, other.seen[0].body) == ("/x", b'{"a":1}')
        assert "x-api-key" not in other.seen[0].headers


def test_a_redirect_off_loopback_is_refused() -> None:
    with serving(redirecting("http://service.example/plugin")) as server:
        exchange = asked(server)
    failure = exchange.failure
    assert isinstance(failure, RemoteFailure)
    assert failure.kind == "redirect"
    assert "it redirects from loopback to service.example" in failure.message
    assert exchange.wire is not None
    assert exchange.wire.status == 307


def test_a_loop_ends_after_ten_redirects() -> None:
    with serving(redirecting("/again")) as server:
        failure = asked(server).failure
        assert len(server.seen) == 11
    assert isinstance(failure, RemoteFailure)
    assert failure.kind == "redirect"
    assert "it redirects more than 10 times" in failure.message


def test_ten_redirects_are_followed() -> None:
    def answer(seen: Seen) -> bytes:
        steps = int(seen.headers["x-steps"]) if "x-steps" in seen.headers else len(server.seen)
        return reply(b"there") if steps > 10 else reply(b"", "307 Moved", (f"Location: /{steps}",))

    with serving(answering(answer)) as server:
        assert asked(server).reply == b"there"


@pytest.mark.parametrize(
    ("location", "cause"),
    [
        ("ftp://127.0.0.1/", "its scheme is 'ftp'"),
        ("http://user:pa55@127.0.0.1/", "it holds a user name or a password"),
        ("http://127.0.0.1:99999/", "its host or port cannot be read"),
    ],
)
def test_a_redirect_to_what_cannot_be_called_is_a_failure(location: str, cause: str) -> None:
    with serving(redirecting(location)) as server:
        failure = asked(server).failure
    assert isinstance(failure, RemoteFailure)
    assert failure.kind == "redirect"
    assert cause in failure.message
    assert "pa55" not in str(failure)


def test_a_redirect_without_a_location_is_an_error_status() -> None:
    with serving(answering(reply(b"", "302 Found", ()))) as server:
        failure = asked(server).failure
    assert isinstance(failure, RemoteFailure)
    assert (failure.kind, failure.status) == ("status", 302)


def test_redirects_share_one_time_limit() -> None:
    def slowly(talk: Talk) -> None:
        while talk.request() is not None:
            talk.wait(0.1)
            talk.send(reply(b"", "307 Moved", ("Location: /x",)))

    with serving(slowly) as server:
        exchange = http(server.url, limits=Limits(timeout=0.35)).invoke(Operation.AUTHENTICATE, b"{}")
        assert len(server.seen) < 6
    assert isinstance(exchange.failure, RemoteFailure)
    assert exchange.failure.kind == "timeout"
