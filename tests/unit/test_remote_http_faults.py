"""What bad servers do to a call: each ends within its time with a failure that names call, cause and hint."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RemoteFailure, SettingsError
from pytest_mockforge.runtimes.base import Limits
from tests import servers
from tests.servers import OK, Handler, Runtimes, Talk, once, reply, serving, unused_port

pytest.importorskip("httpcore")

MIB = 1024 * 1024
LIMITS = Limits(timeout=0.3, reply=MIB)

http = Runtimes()


@pytest.fixture(autouse=True)
def _close_runtimes() -> Iterator[None]:
    yield
    http.close()


PATIENT = Limits(timeout=5.0, reply=MIB)


def failed(url: str, limits: Limits = PATIENT, ca: Path | None = None) -> RemoteFailure:
    exchange = http(url, limits=limits, ca=ca).invoke(Operation.AUTHENTICATE, b"{}")
    assert isinstance(exchange.failure, RemoteFailure)
    assert exchange.reply is None
    assert exchange.failure.message.startswith("authenticate got no good answer from POST http")
    assert exchange.failure.expected
    assert exchange.failure.got
    assert exchange.failure.hint
    return exchange.failure


def failed_by(handler: Handler, limits: Limits = PATIENT) -> RemoteFailure:
    with serving(handler) as server:
        failure = failed(server.url, limits)
        assert server.url in failure.message
        return failure


@pytest.mark.parametrize(
    ("handler", "got"),
    [
        (servers.silent, "no byte of an answer"),
        (servers.deaf, "no byte of an answer"),
        (servers.dripping_head, "and no end of the headers"),
        (servers.dripping_body, "bytes of its body"),
    ],
)
def test_a_server_that_takes_too_long_is_left_on_time(handler: Handler, got: str) -> None:
    started = perf_counter()
    failure = failed_by(handler, LIMITS)
    assert perf_counter() - started < 10
    assert failure.kind == "timeout"
    assert "no whole answer within 0.3 s" in failure.message
    assert got in str(failure.got)


def test_a_server_that_does_not_read_a_large_request_is_left_on_time() -> None:
    with serving(servers.deaf) as server:
        exchange = http(server.url, limits=LIMITS).invoke(Operation.AUTHENTICATE, bytes(32 * MIB))
    assert isinstance(exchange.failure, RemoteFailure)
    assert exchange.failure.kind == "timeout"


@pytest.mark.parametrize(
    ("handler", "got"),
    [
        (servers.endless, "bytes and more to come"),
        (servers.two_gigabytes, "an announced 2,000,000,000 bytes"),
        (servers.gzip_bomb(20 * MIB), "bytes of gzip that decompress to more than 1,048,576"),
        (servers.gzip_bomb(20 * MIB, 2), "bytes of gzip, gzip that decompress to more than 1,048,576"),
    ],
)
def test_an_answer_past_the_cap_is_not_taken_in(handler: Handler, got: str) -> None:
    failure = failed_by(handler)
    assert failure.kind == "oversize"
    assert "its answer is larger than 1,048,576 bytes" in failure.message
    assert got in str(failure.got)


def test_a_gzip_bomb_is_never_held() -> None:
    with serving(servers.gzip_bomb(100 * MIB, 2)) as server:
        runtime = http(server.url, limits=PATIENT)
        runtime.health()
        tracemalloc.start()
        runtime.invoke(Operation.AUTHENTICATE, b"{}")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 6 * MIB


def test_headers_of_a_megabyte_are_not_taken_in() -> None:
    failure = failed_by(servers.endless_head)
    assert failure.kind == "oversize"
    assert "its headers are larger than 100 KiB" in failure.message


@pytest.mark.parametrize(
    ("handler", "cause"),
    [
        (servers.resetting, "connection reset by peer"),
        (servers.closing, "the service closed the connection"),
        (once(b"HTTP/1.1 200 OK\r\nContent-"), "the service closed the connection"),
        (once(OK + b"Content-Length: 10\r\n\r\nabc"), "the connection ended in the middle of the body"),
        (once(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), "the connection ended in the middle of the body"),
    ],
)
def test_an_answer_that_is_cut_off_is_not_taken_for_whole(handler: Handler, cause: str) -> None:
    failure = failed_by(handler)
    assert failure.kind == "closed"
    assert cause in failure.message


@pytest.mark.parametrize(
    ("handler", "cause", "hint"),
    [
        (servers.http_09, "its answer is not HTTP/1", "must be that of an HTTP/1.1 service"),
        (once(b"\x15\x03\x03\x00\x02\x02\x46"), "its answer is not HTTP/1", "write https:// instead"),
        (once(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"), "its answer is not HTTP/1", "write grpc:// instead"),
        (once(b"HTTP/1.1 abc\r\n\r\n"), "not valid HTTP", "web framework"),
        (once(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "body of its answer is not valid HTTP", "framework"),
        (once(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "not valid HTTP", "web framework"),
        (once(reply(b"{}", headers=("Content-Encoding: gzip",))), "cannot be decompressed", "turn compression off"),
    ],
)
def test_what_is_no_http_is_named_as_such(handler: Handler, cause: str, hint: str) -> None:
    failure = failed_by(handler)
    assert failure.kind == "protocol"
    assert cause in failure.message
    assert hint in str(failure.hint)


def test_a_port_on_which_nobody_listens_is_unreachable() -> None:
    port = unused_port()
    failure = failed(f"http://127.0.0.1:{port}")
    assert failure.kind == "unreachable"
    assert "no connection (connection refused)" in failure.message
    assert failure.expected == f"a service that listens at 127.0.0.1:{port}"


def test_a_host_without_an_address_is_unreachable() -> None:
    failure = failed("http://nowhere.localhost.invalid:8080", Limits(timeout=2.0))
    assert failure.kind == "unreachable"
    assert "'nowhere.localhost.invalid' has no address" in failure.message


def test_a_failure_leaves_the_next_call_alone() -> None:
    with serving(once(OK + b"Content-Length: 10\r\n\r\nabc")) as server:
        runtime = http(server.url, limits=PATIENT)
        kinds = [getattr(runtime.invoke(Operation.AUTHENTICATE, b"{}").failure, "kind", None) for _ in range(2)]
    assert kinds == ["closed", "closed"]


def test_health_of_a_service_that_is_not_there_is_false() -> None:
    assert not http(f"http://127.0.0.1:{unused_port()}", limits=LIMITS).health()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signed itself, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    wanted = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mockforge-test "
        "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    subprocess.run(
        ["openssl", *wanted.split()],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_nobody_trusts_is_refused(tls: ssl.SSLContext) -> None:
    with serving(servers.answering(), tls=tls) as server:
        failure = failed(server.url)
        assert server.seen == []
    assert failure.kind == "tls"
    assert "its certificate was not accepted (self-signed certificate)" in failure.message
    assert "name the file of the authority" in str(failure.hint)


def test_a_certificate_of_the_ca_file_is_accepted(tls: ssl.SSLContext, certificate: Path) -> None:
    with serving(servers.answering(), tls=tls) as server:
        runtime = http(server.url, limits=PATIENT, ca=certificate)
        exchanges = [runtime.invoke(Operation.AUTHENTICATE, b"{}") for _ in range(2)]
    assert [exchange.reply for exchange in exchanges] == [b"{}", b"{}"]


def test_a_certificate_for_another_name_is_refused(tls: ssl.SSLContext, certificate: Path) -> None:
    with serving(servers.answering(), tls=tls) as server:
        failure = failed(f"https://localhost:{server.port}", ca=certificate)
    assert failure.kind == "tls"
    assert "localhost" in failure.message


def test_a_server_without_tls_is_told_by_https() -> None:
    def plain(talk: Talk) -> None:
        talk.socket.recv(10)
        talk.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serving(plain) as server:
        failure = failed(f"https://127.0.0.1:{server.port}")
    assert failure.kind == "tls"
    assert failure.got == "an answer that is not TLS"
    assert "write http:// instead of https://" in str(failure.hint)


def test_a_tls_handshake_that_never_comes_ends_on_time() -> None:
    with serving(servers.deaf) as server:
        failure = failed(f"https://127.0.0.1:{server.port}", LIMITS)
    assert failure.kind == "timeout"
    assert "no TLS handshake within 0.3 s" in failure.message


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(SettingsError, match=r"the CA file .*\.pem' cannot be used"):
            http("https://127.0.0.1:1", limits=LIMITS, ca=tmp_path / name)
