"""Services behind gRPC, called over real connections: the reference service, and small ones that misbehave."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

import msgspec
import pytest

from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import realistic_requests
from pytest_mockforge.contract.requests import RequestBuilder
from pytest_mockforge.errors import RemoteFailure, RequestError, SettingsError, SetupError
from pytest_mockforge.proto.dialect import ProtoDialect
from pytest_mockforge.proto.json_form import refusal_to_wire, reply_to_wire
from pytest_mockforge.proto.messages import HEALTH, SERVICE, encode, method_path
from pytest_mockforge.runtimes.base import MIB, Limits
from pytest_mockforge.runtimes.remote.answer import RemoteAuth
from pytest_mockforge.runtimes.remote.grpc import GrpcRuntime
from tests.reference_module import REFERENCE, Case, read_cases, request_bytes, same

grpc = pytest.importorskip("grpc", reason="gRPC needs the extra 'grpc'")
pytest.importorskip("google.protobuf", reason="gRPC needs the extra 'grpc'")

SERVER = REFERENCE / "python-grpc" / "server.py"
AUTH, TEMPLATE = Operation.AUTHENTICATE, Operation.TEMPLATE_FUNCTION
RESPONSE, QUERY = Operation.GENERATE_RESPONSE, Operation.QUERY_DATASOURCE
LIMITS = Limits(timeout=5.0)
HASTY = Limits(timeout=0.3)
DENIED = b'{"authenticated":false,"claims":{},"error_message":null,"identity":null,"metadata":{}}'
ASKED = HostDialect().encode(realistic_requests(AUTH)[0].request)
CALLED = HostDialect().encode(realistic_requests(TEMPLATE)[0].request)
GOOD = reply_to_wire(AUTH, DENIED)

# A method of a small service: from a request's bytes to a reply's; the context is grpcio's.
Answer = Callable[[bytes, "Context"], bytes]


class Context(Protocol):
    """What these tests use of a grpcio context."""

    def abort(self, code: object, details: str) -> bytes: ...
    def invocation_metadata(self) -> tuple[tuple[str, str], ...]: ...
    def send_initial_metadata(self, pairs: tuple[tuple[str, str], ...]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Handler:
    """Answers paths that it knows, and nothing else."""

    answers: Mapping[str, Answer]

    def service(self, details: object) -> object:
        answer = self.answers.get(details.method)  # type: ignore[attr-defined] # grpcio's
        return None if answer is None else grpc.unary_unary_rpc_method_handler(answer)


@contextlib.contextmanager
def serving(
    answers: Mapping[str, Answer], *, credentials: object = None, port: int = 0, compression: object = None
) -> Iterator[str]:
    """Serve methods by their paths; gives host and port."""
    with ThreadPoolExecutor(12) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)], compression=compression)
        server.add_generic_rpc_handlers((Handler(answers=answers),))
        where = f"127.0.0.1:{port}"
        port = server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where)
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(0).wait()


@contextlib.contextmanager
def calling(
    answers: Mapping[str, Answer], *, limits: Limits = LIMITS, compression: object = None
) -> Iterator[GrpcRuntime]:
    """Serve methods, and give a runtime that calls them."""
    with serving(answers, compression=compression) as where, opened(f"grpc://{where}", limits=limits) as runtime:
        yield runtime


@contextlib.contextmanager
def opened(url: str, *, limits: Limits = LIMITS, auth: RemoteAuth | None = None) -> Iterator[GrpcRuntime]:
    runtime = GrpcRuntime(url, limits=limits, auth=auth)
    try:
        yield runtime
    finally:
        runtime.close(for_good=True)


def always(data: bytes) -> Answer:
    return lambda _request, _context: data


def aborting(code: str, details: str) -> Answer:
    return lambda _request, context: context.abort(getattr(grpc.StatusCode, code), details)


def failure_of(runtime: GrpcRuntime, operation: Operation = AUTH) -> RemoteFailure:
    exchange = runtime.invoke(operation, ASKED if operation is AUTH else CALLED)
    assert isinstance(exchange.failure, RemoteFailure)
    assert exchange.reply is None
    return exchange.failure


def load_server() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_grpc_server", SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference() -> Iterator[GrpcRuntime]:
    """The reference service on a free port, and a runtime that calls it."""
    with ThreadPoolExecutor(12) as pool:
        server = load_server().create_server(pool)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with opened(f"grpc://127.0.0.1:{port}") as runtime:
            yield runtime
        server.stop(0).wait()


# The reference service


@pytest.mark.parametrize("case", [one for one in read_cases() if "request" in one], ids=lambda case: case["name"])
def test_the_reference_service_answers_as_every_language_does(reference: GrpcRuntime, case: Case) -> None:
    exchange = reference.invoke(Operation(case["operation"]), request_bytes(case))
    if case["reply"] is None and case["outcome"] == "refused":
        assert isinstance(exchange.failure, RemoteFailure)
        assert exchange.failure.status == 3
    else:
        assert exchange.reply is not None, exchange.failure
        assert same(json.loads(exchange.reply), case["reply"]), exchange.reply


@pytest.mark.parametrize("operation", Operation)
def test_the_reference_service_lives_through_realistic_requests(reference: GrpcRuntime, operation: Operation) -> None:
    for named in realistic_requests(operation):
        exchange = reference.invoke(operation, HostDialect().encode(named.request))
        failure = exchange.failure
        assert failure is None or (isinstance(failure, RemoteFailure) and failure.status == 3), named.name


def test_the_reference_service_takes_credentials_before_the_query(reference: GrpcRuntime) -> None:
    request = RequestBuilder().auth(query={"token": "omega"}, bearer="beta")
    exchange = reference.invoke(AUTH, ProtoDialect().encode(request))
    assert json.loads(exchange.reply or b"{}")["claims"]["sub"] == "u-bob"


def test_the_reference_service_is_healthy(reference: GrpcRuntime) -> None:
    assert reference.health()


def test_metrics_are_the_hosts(reference: GrpcRuntime) -> None:
    metrics = {"plugin_id": "pytest-mockforge", "endpoint": reference.endpoint, "protocol": "Grpc"}
    assert reference.metrics() == metrics


def test_ten_calls_at_once_are_kept_apart(reference: GrpcRuntime) -> None:
    def ask(number: int) -> object:
        payload = b'{"args":[%d,1],"context":{},"function_name":"add"}' % number
        return json.loads(reference.invoke(TEMPLATE, payload).reply or b"null")

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(ask, range(100))) == list(range(1, 101))


def test_the_reference_service_tells_what_it_offers(reference: GrpcRuntime) -> None:
    # Its older versions cannot be imported beside the oldest protobuf that they say they take.
    module = "grpc_reflection.v1alpha.reflection"
    pytest.importorskip(module, reason="reflection needs grpcio-reflection", exc_type=ImportError)
    offer = reference.describe()
    assert (offer.health, offer.reflection, offer.lacks) == ("SERVING", "grpc.reflection.v1alpha", ())
    assert SERVICE in offer.services
    assert str(offer) == (
        "its reflection offers Authenticate, ExecuteTemplateFunction, GenerateResponse, QueryDataSource"
    )


def test_the_reference_service_runs_as_a_program_and_ends_when_it_is_told_to() -> None:
    environment = {**os.environ, "PORT": "0", "PYTHONPATH": str(REFERENCE.parents[1])}
    with subprocess.Popen([sys.executable, SERVER], stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("serving ").strip()
            with opened(url) as runtime:
                assert runtime.health()
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()


# How a call goes


def test_the_first_call_of_a_connection_is_fresh_and_tells_how_long_connecting_took() -> None:
    with calling({method_path(AUTH): always(GOOD)}) as runtime:
        first, second = (runtime.invoke(AUTH, ASKED) for _ in range(2))
    assert (first.fresh, second.fresh) == (True, False)
    assert first.wire is not None
    assert second.wire is not None
    assert first.wire.connect_seconds > 0 == second.wire.connect_seconds
    assert (first.reply, first.wire.status) == (DENIED, 0)


def test_under_the_policy_call_each_call_has_a_connection_of_its_own() -> None:
    with serving({method_path(AUTH): always(GOOD)}) as where:
        runtime = GrpcRuntime(f"grpc://{where}", limits=LIMITS, policy="call")
        assert [runtime.invoke(AUTH, ASKED).fresh for _ in range(3)] == [True, True, True]
        runtime.close(for_good=True)


def test_metadata_of_an_answer_is_kept() -> None:
    def answer(_request: bytes, context: Context) -> bytes:
        context.send_initial_metadata((("x-demo", "1"),))
        return GOOD

    with calling({method_path(AUTH): answer}) as runtime:
        exchange = runtime.invoke(AUTH, ASKED)
    assert exchange.wire is not None
    assert ("x-demo", "1") in exchange.wire.headers


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (RemoteAuth(kind="bearer", value="s3cret"), ("authorization", "Bearer s3cret")),
        (RemoteAuth(kind="api-key", value="s3cret"), ("x-api-key", "s3cret")),
    ],
    ids=["bearer", "api-key"],
)
def test_credentials_go_with_calls_and_not_with_health(auth: RemoteAuth, header: tuple[str, str]) -> None:
    seen: dict[str, tuple[tuple[str, str], ...]] = {}

    def noting(name: str, data: bytes) -> Answer:
        def answer(_request: bytes, context: Context) -> bytes:
            seen[name] = tuple((pair[0], pair[1]) for pair in context.invocation_metadata())
            return data

        return answer

    answers = {method_path(AUTH): noting("call", GOOD), f"/{HEALTH}/Check": noting("health", b"\x08\x01")}
    with serving(answers) as where, opened(f"grpc://{where}", auth=auth) as runtime:
        assert runtime.invoke(AUTH, ASKED).reply == DENIED
        assert runtime.health()
    assert header in seen["call"]
    assert header[0] not in dict(seen["health"])


@pytest.mark.parametrize("value", ["", "s3cret\n", "clé"])
def test_credentials_that_metadata_cannot_hold_are_an_error_that_does_not_show_them(value: str) -> None:
    with pytest.raises(SettingsError, match="cannot be sent in gRPC metadata") as raised:
        GrpcRuntime("grpc://127.0.0.1:1", limits=LIMITS, auth=RemoteAuth(kind="bearer", value=value))
    assert not value or value not in str(raised.value)


def test_a_closed_runtime_refuses_calls() -> None:
    runtime = GrpcRuntime("grpc://127.0.0.1:1", limits=LIMITS)
    runtime.close(for_good=True)
    runtime.close()
    with pytest.raises(SetupError, match="the plugin is closed"):
        runtime.invoke(AUTH, ASKED)


def test_a_runtime_that_was_closed_for_now_connects_again() -> None:
    with calling({method_path(AUTH): always(GOOD)}) as runtime:
        runtime.invoke(AUTH, ASKED)
        runtime.close()
        assert runtime.invoke(AUTH, ASKED).fresh


def test_a_request_that_messages_cannot_carry_is_an_error_that_says_where() -> None:
    with opened("grpc://127.0.0.1:1") as runtime, pytest.raises(RequestError, match=r"/colour: plugin\.proto has no"):
        runtime.invoke(AUTH, b'{"colour":"red"}')


def test_no_thread_is_left_and_none_is_made() -> None:
    with serving({method_path(AUTH): always(GOOD)}) as where:
        before = set(threading.enumerate())
        with opened(f"grpc://{where}") as runtime:
            runtime.invoke(AUTH, ASKED)
            runtime.describe()
            made = [thread.name for thread in set(threading.enumerate()) - before]
    assert [name for name in made if not name.startswith("ThreadPool")] == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with calling({method_path(AUTH): always(GOOD)}) as runtime:
        assert runtime.invoke(AUTH, ASKED).reply == DENIED


# What a service may answer instead


def test_success_false_is_a_failure_with_the_services_words() -> None:
    with calling({method_path(AUTH): always(refusal_to_wire(AUTH, "database\x1b[31m down"))}) as runtime:
        failure = failure_of(runtime)
    assert (failure.kind, failure.status, failure.body) == ("status", 0, b"database\x1b[31m down")
    assert failure.message.startswith("authenticate was answered with success = false at grpc://127.0.0.1:")
    assert r"database\x1b[31m down" in str(failure)


@pytest.mark.parametrize(
    ("code", "number"), [("INVALID_ARGUMENT", 3), ("FAILED_PRECONDITION", 9), ("OUT_OF_RANGE", 11)]
)
def test_a_code_that_blames_the_request_is_kept_with_its_words(code: str, number: int) -> None:
    with calling({method_path(TEMPLATE): aborting(code, "unknown function")}) as runtime:
        refusal = failure_of(runtime, TEMPLATE)
    assert HostDialect().refusal(TEMPLATE, refusal) is not None
    assert (refusal.status, refusal.body) == (number, b"unknown function")


@pytest.mark.parametrize(
    ("code", "number"),
    [("INTERNAL", 13), ("NOT_FOUND", 5), ("UNAVAILABLE", 14), ("DEADLINE_EXCEEDED", 4), ("ABORTED", 10)],
)
def test_any_other_code_of_the_service_is_a_failure_with_its_number(code: str, number: int) -> None:
    with calling({method_path(TEMPLATE): aborting(code, "connection refused by the database")}) as runtime:
        failure = failure_of(runtime, TEMPLATE)
    assert (failure.kind, failure.status) == ("status", number)
    assert f"template_function was answered with {code} ({number}) at grpc://127.0.0.1:" in failure.message
    assert "'connection refused by the database'" in str(failure.got)


def test_what_we_proved_ourselves_with_is_not_shown_when_a_service_echoes_it() -> None:
    answers = {method_path(AUTH): aborting("UNAUTHENTICATED", "Bearer s3cret is unknown")}
    auth = RemoteAuth(kind="bearer", value="s3cret")
    with serving(answers) as where, opened(f"grpc://{where}", auth=auth) as runtime:
        failure = failure_of(runtime)
    assert "s3cret" not in str(failure)
    assert "credentials" in str(failure.hint)


def test_a_method_that_is_missing_is_named_with_its_service() -> None:
    with calling({method_path(TEMPLATE): always(b"")}) as runtime:
        failure = failure_of(runtime)
    assert (failure.kind, failure.status) == ("status", 12)
    assert failure.hint == f"serve the method Authenticate of {SERVICE}, from our plugin.proto"


def reflecting(package: str, services: tuple[str, ...], files: tuple[bytes, ...]) -> dict[str, Answer]:
    def answer(request: bytes, _context: Context) -> bytes:
        name = "grpc.reflection.v1.ServerReflectionResponse"
        if b"*" in request:
            return encode(name, {"list_services_response": {"service": [{"name": one} for one in services]}})
        if not files:
            return encode(name, {"error_response": {"error_code": 5, "error_message": "not found"}})
        return encode(name, {"file_descriptor_response": {"file_descriptor_proto": list(files)}})

    return {f"/{package}.ServerReflection/ServerReflectionInfo": answer}


def declared(package: str, service: str, *methods: str) -> bytes:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto  # type: ignore[import-untyped] # no types

    file = FileDescriptorProto(name="theirs.proto", package=package)
    file.service.add(name=service)
    for method in methods:
        file.service[0].method.add(name=method, input_type="x", output_type="y")
    return cast("bytes", file.SerializeToString())


@pytest.mark.parametrize("package", ["grpc.reflection.v1", "grpc.reflection.v1alpha"])
def test_a_missing_method_is_told_beside_those_that_reflection_offers(package: str) -> None:
    package_name, _, service = SERVICE.rpartition(".")
    files = (b"\xff", declared(package_name, service, "ExecuteTemplateFunction", "GenerateResponse"))
    with calling(reflecting(package, (SERVICE, f"{package}.ServerReflection"), files)) as runtime:
        failure = failure_of(runtime)
        assert runtime.operations == {TEMPLATE, RESPONSE}
    assert "offers ExecuteTemplateFunction, GenerateResponse, and lacks Authenticate, QueryDataSource" in str(
        failure.hint
    )


def test_a_service_under_another_name_is_told_by_reflection() -> None:
    with calling(reflecting("grpc.reflection.v1", ("PluginService", "grpc.health.v1.Health"), ())) as runtime:
        failure = failure_of(runtime)
    assert f"; its reflection offers PluginService, and lacks {SERVICE}" in str(failure.hint)


@pytest.mark.parametrize("data", [b"\xff\xff", encode("AuthResponse", {"success": True})])
def test_a_reply_that_is_another_message_breaks_the_protocol(data: bytes) -> None:
    with calling({method_path(AUTH): always(data)}) as runtime:
        failure = failure_of(runtime)
    assert failure.kind == "protocol"
    assert f"the reply to {SERVICE}/Authenticate cannot be read" in failure.message
    assert "plugin.proto" in str(failure.hint)


@pytest.mark.parametrize("compression", ["NoCompression", "Gzip"])
def test_a_reply_of_100_mb_is_stopped_also_when_it_came_compressed(compression: str) -> None:
    limits = msgspec.structs.replace(LIMITS, reply=MIB)
    with calling(
        {method_path(AUTH): always(bytes(100 * MIB))}, limits=limits, compression=getattr(grpc.Compression, compression)
    ) as runtime:
        failure = failure_of(runtime)
    assert failure.kind == "oversize"
    assert "the reply is larger than 1048576 bytes" in failure.message


def test_metadata_of_a_megabyte_is_refused() -> None:
    def answer(_request: bytes, context: Context) -> bytes:
        context.send_initial_metadata((("x-long", "a" * MIB),))
        return GOOD

    with calling({method_path(AUTH): answer}) as runtime:
        failure = failure_of(runtime)
    assert failure.kind == "oversize"
    assert "its metadata is larger than gRPC takes" in failure.message


def test_a_method_that_does_not_answer_ends_at_the_timeout() -> None:
    over = threading.Event()

    def answer(_request: bytes, _context: Context) -> bytes:
        over.wait(10)
        return GOOD

    with calling({method_path(AUTH): answer}, limits=HASTY) as runtime:
        started = time.perf_counter()
        failure = failure_of(runtime)
        seconds = time.perf_counter() - started
        over.set()
    assert (failure.kind, seconds < 5) == ("timeout", True)
    assert f"no answer to {SERVICE}/Authenticate within 0.3 s" in failure.message


def test_a_service_that_was_restarted_is_found_again_at_once() -> None:
    answers = {method_path(AUTH): always(GOOD)}
    with contextlib.ExitStack() as stack:
        with serving(answers) as where:
            runtime = stack.enter_context(opened(f"grpc://{where}"))
            assert runtime.invoke(AUTH, ASKED).reply == DENIED
        assert failure_of(runtime).kind in ("unreachable", "closed")
        assert failure_of(runtime).kind == "unreachable"
        with serving(answers, port=int(where.rpartition(":")[2])):
            exchange = runtime.invoke(AUTH, ASKED)
            assert (exchange.reply, exchange.fresh) == (DENIED, True)


# Health


@pytest.mark.parametrize(("status", "healthy"), [(0, False), (1, True), (2, False), (3, False), (9, False)])
def test_health_is_what_the_standard_service_says(status: int, healthy: bool) -> None:
    data = encode(f"{HEALTH.rpartition('.')[0]}.HealthCheckResponse", {"status": status})
    with calling({f"/{HEALTH}/Check": always(data)}) as runtime:
        assert runtime.health() is healthy


def test_a_service_without_a_health_service_is_healthy_when_it_answers() -> None:
    with calling({}) as runtime:
        assert runtime.health()


def test_health_that_fails_is_not_healthy() -> None:
    with calling({f"/{HEALTH}/Check": aborting("INTERNAL", "broken")}) as runtime:
        assert not runtime.health()


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signed itself, beside its key."""
    folder = tmp_path_factory.mktemp("tls")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    try:
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return folder / "cert.pem"


@pytest.fixture
def tls(certificate: Path) -> Iterator[str]:
    """A good service behind TLS; gives host and port."""
    pair = (certificate.with_name("key.pem").read_bytes(), certificate.read_bytes())
    with serving({method_path(AUTH): always(GOOD)}, credentials=grpc.ssl_server_credentials([pair])) as where:
        yield where


def test_a_certificate_of_the_ca_file_is_accepted(tls: str, certificate: Path) -> None:
    runtime = GrpcRuntime(f"grpcs://{tls}", limits=LIMITS, ca=certificate)
    assert runtime.invoke(AUTH, ASKED).reply == DENIED
    runtime.close(for_good=True)


def test_a_certificate_that_nobody_trusts_is_refused(tls: str) -> None:
    with opened(f"grpcs://{tls}") as runtime:
        failure = failure_of(runtime)
    assert failure.kind == "tls"
    assert "the TLS handshake failed" in failure.message
    assert "name the file of the authority" in str(failure.hint)


def test_grpcs_own_lines_do_not_reach_standard_error(tls: str) -> None:
    script = f"""
import subprocess
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.remote.grpc import GrpcRuntime
for url in ("grpcs://{tls}", "grpc://{tls}", "grpc://127.0.0.1:1"):
    runtime = GrpcRuntime(url, limits=Limits(timeout=2.0))
    print(runtime.invoke(Operation.AUTHENTICATE, b"{{}}").failure.kind != "status")
    subprocess.run(["true"], check=True)
"""
    environment = {**os.environ, "PYTHONPATH": str(REFERENCE.parents[1])}
    environment.pop("GRPC_VERBOSITY", None)
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=30)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("True\n" * 3, "", 0)


def test_tls_spoken_to_a_service_without_it_is_told() -> None:
    with serving({}) as where, opened(f"grpcs://{where}") as runtime:
        failure = failure_of(runtime)
    assert failure.kind == "tls"
    assert f"grpcs://{where}: the service speaks no TLS" in failure.message
    assert f"write grpc://{where}" in str(failure.hint)


def test_a_service_that_wants_tls_closes_a_plain_connection(tls: str) -> None:
    with opened(f"grpc://{tls}") as runtime:
        failure = failure_of(runtime)
    assert failure.kind in ("closed", "protocol")
    assert f"write grpcs://{tls}" in str(failure.hint)


def test_a_ca_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"the CA file '.*none\.pem' cannot be used"):
        GrpcRuntime("grpcs://127.0.0.1:1", limits=LIMITS, ca=tmp_path / "none.pem")


def test_a_ca_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(SettingsError, match="no certificate in it"):
        GrpcRuntime("grpcs://127.0.0.1:1", limits=LIMITS, ca=tmp_path / "ca.pem")
