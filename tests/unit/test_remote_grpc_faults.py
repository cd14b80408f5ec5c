"""What is no gRPC service, called as one: each call ends in time, and the message names URL, cause and hint."""

from __future__ import annotations

import time

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RemoteFailure, SpecError
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.remote.grpc import GrpcRuntime
from pytest_mockforge.runtimes.remote.grpc_ended import Ended, lost
from pytest_mockforge.runtimes.remote.grpc_target import parse_target
from tests import servers
from tests.servers import Talk, serving, unused_port

pytest.importorskip("grpc", reason="gRPC needs the extra 'grpc'")
pytest.importorskip("google.protobuf", reason="gRPC needs the extra 'grpc'")

HASTY = Limits(timeout=0.3)
NO_CONNECTION = "failed to connect to all addresses; last error: "
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
"""The first frame of HTTP/2 that a server sends."""


def failed(url: str) -> RemoteFailure:
    """Call a service that gives no good answer; it must take no longer than the timeout."""
    runtime = GrpcRuntime(url, limits=HASTY)
    started = time.perf_counter()
    exchange = runtime.invoke(Operation.AUTHENTICATE, b"{}")
    seconds = time.perf_counter() - started
    runtime.close(for_good=True)
    assert seconds < 5
    assert exchange.wire is None
    assert isinstance(exchange.failure, RemoteFailure)
    assert exchange.failure.message.startswith(f"authenticate got no good answer from {url}: ")
    return exchange.failure


def grpc_url(server: servers.Server) -> str:
    return f"grpc://{server.host}:{server.port}"


def dripping(talk: Talk) -> None:
    """Send HTTP/2 a byte at a time."""
    talk.drip(SETTINGS * 100)


def mute_http2(talk: Talk) -> None:
    """Begin HTTP/2 and answer nothing."""
    talk.send(SETTINGS)
    talk.wait()


def http1(talk: Talk) -> None:
    talk.socket.recv(24)
    talk.send(servers.reply(b"no", status="400 Bad Request"))


def banner(talk: Talk) -> None:
    talk.send(b"SSH-2.0-OpenSSH_9.9\r\n")
    talk.wait()


def closing_at_once(talk: Talk) -> None:
    """Close."""


def closing_midway(talk: Talk) -> None:
    talk.socket.recv(24)
    talk.send(SETTINGS)
    time.sleep(0.05)


def resetting_midway(talk: Talk) -> None:
    closing_midway(talk)
    talk.reset()


def test_a_port_on_which_nobody_listens_is_unreachable() -> None:
    failure = failed(f"grpc://127.0.0.1:{unused_port()}")
    assert failure.kind == "unreachable"
    assert "no connection can be made" in failure.message
    assert "Connection refused" in str(failure.got)
    assert failure.hint == "start the service, and look at host and port"


@pytest.mark.parametrize("handler", [servers.deaf, dripping, mute_http2])
def test_a_server_that_accepts_and_does_not_answer_ends_at_the_timeout(handler: servers.Handler) -> None:
    with serving(handler) as server:
        failure = failed(grpc_url(server))
    assert failure.kind == "timeout"
    assert "no answer to grpc.health.v1.Health/Check within 0.3 s" in failure.message
    assert "raise the timeout" in str(failure.hint)


def test_a_port_that_speaks_http_1_is_told() -> None:
    with serving(http1) as server:
        failure = failed(grpc_url(server))
    assert failure.kind == "protocol"
    assert "the port speaks no gRPC" in failure.message
    assert f"write http://127.0.0.1:{server.port}" in str(failure.hint)


def test_a_port_that_speaks_something_else_is_told() -> None:
    with serving(banner) as server:
        failure = failed(grpc_url(server))
    assert (failure.kind, "the port speaks no gRPC" in failure.message) == ("protocol", True)


@pytest.mark.parametrize("handler", [closing_at_once, closing_midway, resetting_midway])
def test_a_server_that_closes_early_is_told(handler: servers.Handler) -> None:
    with serving(handler) as server:
        failure = failed(grpc_url(server))
    assert failure.kind == "closed"
    assert "the connection was closed before an answer" in failure.message
    assert f"write grpcs://127.0.0.1:{server.port}" in str(failure.hint)


def test_tls_spoken_to_an_http_server_is_told() -> None:
    with serving(http1) as server:
        failure = failed(f"grpcs://127.0.0.1:{server.port}")
    assert (failure.kind, "the service speaks no TLS" in failure.message) == ("tls", True)


def test_a_host_that_is_not_known_is_told() -> None:
    # Not asked for: no test reaches beyond loopback. Both texts are what grpcio 1.68 and 1.85 said.
    for details in (
        "DNS resolution failed for x.invalid:1: C-ares status",
        "errors resolving x.invalid:1: [field:hostname",
    ):
        ended = Ended(path="/a/b", code=14, details=details, seconds=0.1, timeout=1.0)
        failure = lost("health", "grpcs://x.invalid:1", ended, seconds=1.0, cap=1)
        assert failure.message == "health got no good answer from grpcs://x.invalid:1: the host is not known"
        assert failure.kind == "unreachable"


def test_health_of_what_is_not_there_is_false_and_describing_it_is_an_error() -> None:
    runtime = GrpcRuntime(f"grpc://127.0.0.1:{unused_port()}", limits=HASTY)
    assert not runtime.health()
    with pytest.raises(RemoteFailure, match="health got no good answer from grpc://127"):
        runtime.describe()
    runtime.close(for_good=True)


# How a call ended, by the words of grpcio 1.68 and 1.85


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (14, f"{NO_CONNECTION}UNKNOWN: ipv4:1: connect: Connection refused (111)", "unreachable"),
        (14, f"{NO_CONNECTION}INTERNAL: Trying to connect an http1.x server", "protocol"),
        (14, f"{NO_CONNECTION}UNKNOWN: Ssl handshake failed (TSI_PROTOCOL_FAILURE)", "tls"),
        (14, f"{NO_CONNECTION}UNAVAILABLE: Socket closed", "closed"),
        (14, f"{NO_CONNECTION}connection attempt timed out", "timeout"),
        (14, "Socket closed", "closed"),
        (14, "recvmsg:Connection reset by peer", "closed"),
        (14, "Stream removed (recvmsg:Connection reset by peer (104))", "closed"),
        (13, "Received RST_STREAM with error code 2", "closed"),
        (1, "Channel closed!", "closed"),
        (12, "Received http2 header with status: 404", "protocol"),
        (8, "CLIENT: Received message larger than max (5 vs. 1)", "oversize"),
        (8, "Stream removed (CLIENT: Received message larger than max (5 vs. 1))", "oversize"),
        (8, "Decompressed message larger than max", "oversize"),
        (8, "received metadata size exceeds hard limit (value length 1000000 vs. 16384)", "oversize"),
        (14, "down for maintenance", None),
        (14, "upstream: Connection refused", None),
        (8, "quota used up", None),
        (3, "certificate expired", None),
        (13, "Socket of the database closed", None),
        (12, "Method not found!", None),
    ],
)  # fmt: skip
def test_words_of_grpc_are_told_from_words_of_the_service(code: int, details: str, kind: str | None) -> None:
    assert Ended(path="/a/b", code=code, details=details, seconds=0.1, timeout=1.0).lost == kind


@pytest.mark.parametrize(("seconds", "kind"), [(1.0, "timeout"), (0.1, None)])
def test_a_deadline_is_ours_only_when_the_time_was_up(seconds: float, kind: str | None) -> None:
    assert Ended(path="/a/b", code=4, details="x", seconds=seconds, timeout=1.0).lost == kind


# Addresses


@pytest.mark.parametrize(
    ("url", "authority", "tls"),
    [
        ("grpc://localhost:50051", "localhost:50051", False),
        ("grpc://127.0.0.1:1/", "127.0.0.1:1", False),
        ("grpc://[::1]:50051", "[::1]:50051", False),
        ("grpcs://plugins.example.com:443", "plugins.example.com:443", True),
    ],
)
def test_a_url_is_taken_apart(url: str, authority: str, tls: bool) -> None:
    target = parse_target(url)
    assert (target.authority, target.tls, target.url) == (authority, tls, url.rstrip("/"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("grpc://plugins.example.com:50051", "would send everything in the clear"),
        ("grpc://192.0.2.7:50051", "would send everything in the clear"),
        ("grpc://localhost", "it names no port"),
        ("grpc://localhost:0", "it names no port"),
        ("grpc://localhost:99999", "cannot be called"),
        ("grpc://:50051", "it names no host"),
        ("grpc://local host:1", "it names no host"),
        ("grpc://localhost:1/plugin", "there is more behind the port"),
        ("http://localhost:1", "its scheme is neither grpc nor grpcs"),
        ("grpc://[::1:1", "cannot be called"),
    ],
)
def test_a_url_that_cannot_be_called_is_refused(url: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        GrpcRuntime(url, limits=HASTY)


def test_plain_grpc_off_this_machine_is_refused_with_the_way_on() -> None:
    with pytest.raises(SpecError) as raised:
        parse_target("grpc://plugins.example.com:50051")
    assert raised.value.hint == "write grpcs://plugins.example.com:50051, or start the service on 127.0.0.1"


def test_a_password_in_a_url_is_not_shown() -> None:
    with pytest.raises(SpecError, match="the URL of the service cannot be called") as raised:
        parse_target("grpcs://user:s3cret@localhost:1")
    assert "s3cret" not in str(raised.value)
