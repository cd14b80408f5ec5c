"""Stand-ins for gRPC: the channel on grpcio-testing, the server on loopback, and servicers as plugins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import perf_counter, sleep
from typing import Any, NoReturn

import pytest

grpc = pytest.importorskip("grpc", reason="gRPC needs the extra 'grpc'")
pytest.importorskip("grpc_testing", reason="gRPC needs the extra 'grpc'")

from pytest_mockforge import (  # noqa: E402 - only where grpcio is there
    AuthResponse,
    ColumnInfo,
    ContractFailure,
    DataResult,
    DataRow,
    Refusal,
    RemoteFailure,
    RequestBuilder,
    RequestError,
    SettingsError,
    SetupError,
    TemplateCall,
)
from pytest_mockforge.contract.operations import Operation  # noqa: E402
from pytest_mockforge.mocks import faults  # noqa: E402
from pytest_mockforge.mocks.faults import Fault  # noqa: E402
from pytest_mockforge.mocks.grpc_mock import GrpcMock  # noqa: E402
from pytest_mockforge.mocks.mock import PluginMock  # noqa: E402
from pytest_mockforge.mocks.server_mock import ServerMock  # noqa: E402
from pytest_mockforge.mocks.verdict import complaint  # noqa: E402
from pytest_mockforge.proto.messages import message_class, method_path, reply_name, request_name  # noqa: E402
from pytest_mockforge.runtimes.base import Limits  # noqa: E402
from pytest_mockforge.runtimes.remote.grpc import GrpcRuntime  # noqa: E402

BUILD = RequestBuilder()
ADMITTED = AuthResponse(authenticated=True, claims={"n": 2**60}, metadata={})
CODE = grpc.StatusCode


class Stub:
    """What protoc makes of plugin.proto, as far as tests call it."""

    def __init__(self, channel: Any) -> None:
        self.authenticate = self._method(channel, Operation.AUTHENTICATE)
        self.template = self._method(channel, Operation.TEMPLATE_FUNCTION)

    @staticmethod
    def _method(channel: Any, operation: Operation) -> Any:
        asked: Any = message_class(request_name(operation))
        answered: Any = message_class(reply_name(operation))
        return channel.unary_unary(
            method_path(operation),
            request_serializer=asked.SerializeToString,
            response_deserializer=answered.FromString,
        )


def message(kind: str, /, **fields: object) -> Any:
    build: Any = message_class(kind)
    return build(**fields)


def asked(token: str) -> Any:
    return message("AuthRequest", method="GET", uri="/", query_params={"token": token})


@pytest.fixture
def in_process() -> Iterator[GrpcMock]:
    made = GrpcMock("mock", seed=1)
    yield made
    made.close()


def missing(reason: str) -> NoReturn:
    raise AssertionError(reason)


@pytest.fixture
def server() -> Iterator[ServerMock]:
    made = ServerMock("mock", seed=1, missing=missing)
    yield made(protocol="grpc")
    made.close()


Both = tuple[PluginMock, Stub]


@pytest.fixture(params=["channel", "socket"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    """A stand-in behind each of the two roads, and a stub that calls it."""
    if request.param == "channel":
        channel_mock: GrpcMock = request.getfixturevalue("in_process")
        yield channel_mock, Stub(channel_mock.channel)
        return
    server_mock: ServerMock = request.getfixturevalue("server")
    with grpc.insecure_channel(server_mock.target) as channel:
        yield server_mock, Stub(channel)


def failure(call: Callable[[], object]) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_a_stub_is_answered_and_what_it_asked_is_typed(both: Both) -> None:
    mock, stub = both
    expectation = mock.on.authenticate(query={"token": "alpha"}).reply(ADMITTED)
    reply = stub.authenticate(asked("alpha"), metadata=(("x-api-key", "k"),))
    assert (reply.success, reply.result.authenticated) == (True, True)
    assert reply.result.claims_json == b'{"n":1152921504606846976}'
    assert expectation.last.request.query_params == {"token": "alpha"}
    assert expectation.last.header("X-API-Key") == "k"
    assert complaint(mock) is None


def test_credentials_headers_and_body_can_be_expected(both: Both) -> None:
    mock, stub = both
    wanted = {"type": "bearer", "token": "alpha"}
    mock.on.authenticate(credentials=wanted, headers={"Accept": "x"}, body=b"\x00").reply(ADMITTED)
    credentials = message("AuthCredentials", type="bearer", token="alpha")
    asked = message("AuthRequest", method="GET", uri="/", headers={"accept": "x"}, body=b"\x00")
    assert failure(lambda: stub.authenticate(asked)).code() is CODE.UNIMPLEMENTED
    asked.credentials.CopyFrom(credentials)
    assert stub.authenticate(asked).success


def test_an_unexpected_call_is_unimplemented_and_told(both: Both) -> None:
    mock, stub = both
    mock.on.authenticate(query={"token": "alpha"}).reply(ADMITTED)
    error = failure(lambda: stub.authenticate(asked("beta")))
    assert error.code() is CODE.UNIMPLEMENTED
    assert error.details().startswith("mock expected no such call: authenticate")
    assert "query.token\n        expected: 'alpha'\n        got: 'beta'" in (complaint(mock) or "")


def test_a_method_that_there_is_not_is_told(both: Both) -> None:
    mock, _ = both
    channel = mock.channel if isinstance(mock, GrpcMock) else grpc.insecure_channel(str(getattr(mock, "target", "")))
    call = channel.unary_unary("/mockforge.plugin.v1.PluginService/Nonsense")
    assert failure(lambda: call(b"")).code() is CODE.UNIMPLEMENTED
    channel.close()
    assert "not expected: /mockforge.plugin.v1.PluginService/Nonsense" in (complaint(mock) or "")


def test_bytes_that_are_no_message_are_an_invalid_argument(both: Both) -> None:
    mock, _ = both
    channel = mock.channel if isinstance(mock, GrpcMock) else grpc.insecure_channel(str(getattr(mock, "target", "")))
    call = channel.unary_unary(method_path(Operation.AUTHENTICATE))
    assert failure(lambda: call(b"\xff")).code() is CODE.INVALID_ARGUMENT
    channel.close()
    assert "no message of plugin.proto" in (complaint(mock) or "")


def test_a_refusal_is_success_false_or_a_code(both: Both) -> None:
    mock, stub = both
    mock.on.template_function(name="a").refuse("no such function")
    mock.on.template_function(name="b").refuse("none", status=5)
    reply = stub.template(message("TemplateFunctionRequest", function_name="a"))
    assert (reply.success, reply.error) == (False, "no such function")
    error = failure(lambda: stub.template(message("TemplateFunctionRequest", function_name="b")))
    assert (error.code(), error.details()) == (CODE.NOT_FOUND, "none")


def test_raw_bytes_are_the_message_whatever_they_are(both: Both) -> None:
    mock, _ = both
    mock.on.authenticate().reply_raw(b"\xff\xff")
    channel = mock.channel if isinstance(mock, GrpcMock) else grpc.insecure_channel(str(getattr(mock, "target", "")))
    call = channel.unary_unary(method_path(Operation.AUTHENTICATE))
    assert call(asked("x").SerializeToString()) == b"\xff\xff"
    channel.close()


def test_what_plugin_proto_cannot_carry_is_an_error_at_its_declaration(in_process: GrpcMock) -> None:
    broken = AuthResponse(authenticated="yes", claims={}, metadata={})  # type: ignore[arg-type] # broken on purpose
    with pytest.raises(RequestError, match=r"plugin\.proto cannot carry the reply"):
        in_process.on.authenticate().reply(broken, breaks_contract=True)


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.code("RESOURCE_EXHAUSTED", "busy"), CODE.RESOURCE_EXHAUSTED),
        (faults.code("CANCELLED"), CODE.CANCELLED),
        (faults.reset(), CODE.UNAVAILABLE),
        (faults.early_close(), CODE.UNAVAILABLE),
        (faults.oversize("5MiB"), CODE.RESOURCE_EXHAUSTED),
    ],
    ids=repr,
)
def test_a_fault_is_the_code_that_clients_make_of_it(both: Both, fault: Fault, code: object) -> None:
    mock, stub = both
    mock.on.authenticate().reply(ADMITTED).fault(fault)
    assert failure(lambda: stub.authenticate(asked("x"))).code() is code


def test_an_oversize_message_that_is_taken_says_the_same(both: Both) -> None:
    mock, stub = both
    mock.on.authenticate().reply(ADMITTED).fault(faults.oversize("3MiB"))
    assert stub.authenticate(asked("x")).result.authenticated


def test_latency_is_waited_for_and_a_timeout_ends_it(both: Both) -> None:
    mock, stub = both
    mock.on.authenticate().reply(ADMITTED).fault(faults.latency(0.2))
    started = perf_counter()
    assert stub.authenticate(asked("x"), timeout=2).success
    assert perf_counter() - started >= 0.2
    assert failure(lambda: stub.authenticate(asked("x"), timeout=0.05)).code() is CODE.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(503),
        faults.drip(),
        faults.malformed_json(),
        faults.truncated_json(),
        faults.wrong_content_type(),
        faults.wrong_length(),
    ],
    ids=repr,
)
def test_a_fault_that_grpc_cannot_have_is_refused_with_what_can(both: Both, fault: Fault) -> None:
    mock, _ = both
    with pytest.raises(SettingsError, match="cannot happen over gRPC") as caught:
        mock.fault(fault)
    assert caught.value.hint


# --- the channel ------------------------------------------------------------------------------------------------------


def test_a_call_can_be_had_with_its_code(in_process: GrpcMock) -> None:
    in_process.on.authenticate().reply(ADMITTED)
    reply, call = Stub(in_process.channel).authenticate.with_call(asked("x"))
    assert reply.success
    assert call.code() is CODE.OK


def test_a_future_waits_in_the_background(in_process: GrpcMock) -> None:
    in_process.on.authenticate().reply(ADMITTED).fault(faults.latency(0.1))
    future = Stub(in_process.channel).authenticate.future(asked("x"))
    told = threading.Event()
    future.add_done_callback(lambda _: told.set())
    assert not future.done()
    with pytest.raises(grpc.FutureTimeoutError):
        future.result(timeout=0.01)
    assert future.result(timeout=2).success
    assert future.done()
    assert told.wait(1)


def test_a_future_that_fails_has_its_exception(in_process: GrpcMock) -> None:
    in_process.on.authenticate().reply(ADMITTED).fault(faults.reset())
    future = Stub(in_process.channel).authenticate.future(asked("x"))
    assert future.exception().code() is CODE.UNAVAILABLE


def test_a_cancelled_future_stays_cancelled(in_process: GrpcMock) -> None:
    in_process.on.authenticate().reply(ADMITTED).fault(faults.latency(30))
    future = Stub(in_process.channel).authenticate.future(asked("x"))
    assert future.cancel()
    assert future.cancelled()
    assert failure(future.result).code() is CODE.CANCELLED
    before = perf_counter()
    in_process.close()
    assert perf_counter() - before < 20
    assert future.code() is CODE.CANCELLED


def test_interceptors_stand_before_the_channel(in_process: GrpcMock) -> None:
    class Adds(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc,name-defined] # grpcio has no types
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            return continuation(details._replace(metadata=(("trace", "1"),)), request)

    expectation = in_process.on.authenticate().reply(ADMITTED)
    assert Stub(grpc.intercept_channel(in_process.channel, Adds())).authenticate(asked("x")).success
    assert expectation.last.header("trace") == "1"


def test_code_under_test_may_close_the_channel(in_process: GrpcMock) -> None:
    in_process.on.authenticate(times=2).reply(ADMITTED)
    for _ in range(2):
        with in_process.channel as channel:
            assert Stub(channel).authenticate(asked("x")).success


def test_a_ready_future_of_the_channel_is_ready(in_process: GrpcMock) -> None:
    grpc.channel_ready_future(in_process.channel).result(timeout=1)


def test_a_stream_is_refused(in_process: GrpcMock) -> None:
    with pytest.raises(SetupError, match=r"plugin\.proto has none"):
        in_process.channel.unary_stream("/a/B")


def test_calls_of_many_threads_are_kept_apart(in_process: GrpcMock) -> None:
    def delayed(call: TemplateCall) -> str:
        return call.function_name

    in_process.on.template_function().reply(delayed).fault(faults.uniform_latency(0, 0.01))
    stub, wrong = Stub(in_process.channel), []

    def work(start: int) -> None:
        for number in range(start, start + 10):
            reply = stub.template(message("TemplateFunctionRequest", function_name=str(number)))
            if reply.result_json != f'"{number}"'.encode():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- the server -------------------------------------------------------------------------------------------------------


def test_our_own_runtime_is_answered_over_the_socket(server: ServerMock) -> None:
    server.on.authenticate(query={"token": "alpha"}).reply(ADMITTED)
    runtime = GrpcRuntime(server.url, limits=Limits(timeout=2))
    payload = b'{"context":{"custom":{},"environment":{},"plugin_id":"p","request_id":"r","timeout_ms":1,"version":{}},'
    payload += b'"method":"GET","query_params":{"token":"alpha"},"uri":"/"}'
    assert runtime.health()
    server.healthy = False
    assert not runtime.health()
    assert runtime.invoke(Operation.AUTHENTICATE, payload).reply is not None
    assert len(runtime.describe().lacks) == 0
    runtime.close()
    assert complaint(server) is None


def test_no_thread_outlives_the_server_even_while_it_waits(server: ServerMock) -> None:
    server.on.authenticate().reply(ADMITTED).fault(faults.latency(60))
    before = set(threading.enumerate())
    channel = grpc.insecure_channel(server.target)
    future = Stub(channel).authenticate.future(asked("x"))
    while not server.calls:
        pass
    started = perf_counter()
    server.close()
    assert perf_counter() - started < 20
    assert future.exception(timeout=5) is not None
    channel.close()
    after = [thread.name for thread in threading.enumerate() if thread not in before]
    assert [name for name in after if name.startswith("mock")] == []
    assert len(after) <= 1


# --- servicers --------------------------------------------------------------------------------------------------------


class Servicer:
    """What an author writes on the base class that protoc makes."""

    def Authenticate(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - gRPC's name
        known = request.query_params["token"] == "alpha" or request.credentials.token == "alpha"
        result = message("AuthResult", authenticated=known)
        return message("AuthResponse", success=True, result=result)

    def ExecuteTemplateFunction(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.function_name == "abort":
            context.abort(CODE.INVALID_ARGUMENT, "no such function")
        if request.function_name == "raise":
            raise ZeroDivisionError
        if request.function_name == "say":
            return message("TemplateFunctionResponse", success=False, error="not today")
        return message("TemplateFunctionResponse", success=True, result_json=request.args_json)

    def QueryDataSource(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        row = message("DataRow", values_json=b"[1]")
        column = message("ColumnInfo", name="n", data_type="Number")
        return message("DataSourceResponse", success=True, result=message("DataResult", rows=[row], columns=[column]))


def test_a_servicer_is_a_plugin(in_process: GrpcMock) -> None:
    plugin = in_process.plugin(Servicer())
    assert plugin.authenticate(BUILD.auth(query={"token": "alpha"})).authenticated
    assert plugin.authenticate(BUILD.auth(bearer="alpha")).authenticated
    assert not plugin.authenticate(BUILD.auth()).authenticated
    assert plugin.template_function("echo", 1, 2**60) == [1, 2**60]


def test_a_servicer_refuses_by_code_and_by_word(in_process: GrpcMock) -> None:
    plugin = in_process.plugin(Servicer())
    with pytest.raises(Refusal, match="refused: no such function"):
        plugin.template_function("abort")
    with pytest.raises(Refusal, match="refused: not today"):
        plugin.template_function("say")


class Status(grpc.Status):  # type: ignore[misc, name-defined] # grpcio has no types
    code = CODE.NOT_FOUND
    details = "no such row"
    trailing_metadata = ()


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (lambda context: context.abort(CODE.INVALID_ARGUMENT, "no such function"), "INVALID_ARGUMENT (3), 'no such"),
        (lambda context: context.abort(CODE.OK, "fine"), "UNKNOWN (2), ''"),
        (lambda context: context.abort_with_status(Status()), "NOT_FOUND (5), 'no such row'"),
    ],
    ids=["a code", "OK, which is none", "a status"],
)
def test_a_servicer_that_aborts_ends_the_call_and_logs_nothing(
    end: Callable[[Any], object], said: str, in_process: GrpcMock, caplog: pytest.LogCaptureFixture
) -> None:
    before = set(threading.enumerate())

    class Aborting:
        def Authenticate(self, request: Any, context: Any) -> None:  # noqa: N802, ARG002 - gRPC's name
            end(context)

    with pytest.raises(RemoteFailure) as caught:
        in_process.plugin(Aborting()).authenticate(BUILD.auth())
    assert said in str(caught.value)
    until = perf_counter() + 10
    while set(threading.enumerate()) - before and perf_counter() < until:
        sleep(0.01)
    assert caplog.text == ""


def test_a_servicer_that_raises_or_lacks_a_method_fails(in_process: GrpcMock, caplog: pytest.LogCaptureFixture) -> None:
    plugin = in_process.plugin(Servicer())
    with pytest.raises(RemoteFailure, match=r"UNKNOWN \(2\)"):
        plugin.template_function("raise")
    assert "Exception calling application" in caplog.text
    with pytest.raises(RemoteFailure, match=r"UNIMPLEMENTED \(12\)"):
        plugin.generate_response(BUILD.response("GET", "/"))
    assert Operation.GENERATE_RESPONSE not in plugin.operations


def test_a_servicers_reply_is_held_against_the_contract(in_process: GrpcMock) -> None:
    with pytest.raises(ContractFailure, match="/columns/0/data_type"):
        in_process.plugin(Servicer()).query_datasource(BUILD.query("SELECT 1"))


def test_a_servicer_that_is_none_is_an_error(in_process: GrpcMock) -> None:
    with pytest.raises(SetupError, match="object is no servicer of"):
        in_process.plugin(object())


def test_replies_with_rows_travel(both: Both) -> None:
    mock, _ = both
    rows = DataResult(
        rows=(DataRow(values=(1,), metadata={}),),
        columns=(ColumnInfo(name="n", data_type="Integer", nullable=False, metadata={}),),
        execution_time_ms=0,
        metadata={},
    )
    expectation = mock.on.query_datasource(query="SELECT 1").reply(rows)
    channel = mock.channel if isinstance(mock, GrpcMock) else grpc.insecure_channel(str(getattr(mock, "target", "")))
    call = channel.unary_unary(method_path(Operation.QUERY_DATASOURCE))
    data = call(message("DataSourceRequest", query="SELECT 1", query_type="Select").SerializeToString())
    channel.close()
    reply: Any = message_class("DataSourceResponse")
    assert reply.FromString(data).result.rows[0].values_json == b"[1]"
    assert len(expectation.calls) == 1
