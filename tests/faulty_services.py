"""Small services on loopback that speak the `host` dialect, good but for one fault: what the MF6 checks are to find."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import cast

import pytest

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.registry import find
from pytest_mockforge.checks.runner import run_check
from pytest_mockforge.checks.service_bench import ServiceBench
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.opening import Means, open_subject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.service_subject import ServiceSubject
from pytest_mockforge.spec import parse_spec
from tests.servers import Handler, Seen, Server, Talk, serving

Reply = tuple[int, bytes]
Answer = Callable[[Talk, Seen], Reply | None]
"""Gives status and body; None closes the connection."""

AUTH, TEMPLATE = "/plugin/authenticate", "/plugin/template/execute"
RESPONSE, QUERY = "/plugin/response/generate", "/plugin/datasource/query"
LARGEST = 1 << 20
HASTY = Limits(timeout=0.3)
Json = dict[str, object]


# --- a good service ---------------------------------------------------------------------------------------------------


def written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def error(status: int, why: str) -> Reply:
    return status, written({"error": why})


def good(seen: Seen) -> Reply:
    """Answer as a service should: strictly, and with what the request holds, so that no two answers are alike."""
    if seen.target == "/health":
        return (200, b'{"status":"healthy"}') if seen.method == "GET" else error(405, "method not allowed")
    if seen.target not in ANSWERS:
        return error(404, "not found")
    if seen.method != "POST":
        return error(405, "method not allowed")
    if len(seen.body) > LARGEST:
        return error(413, "too large")
    try:
        request = json.loads(seen.body.decode("utf-8"))
        if not isinstance(request, dict):
            raise TypeError("no object")
        return 200, written(ANSWERS[seen.target](request))
    except (ValueError, RecursionError, KeyError, TypeError):
        return error(400, "malformed")


def typed(request: Json, **kinds: type) -> None:
    """Raise TypeError for a member of another type; whether it is there is another question."""
    for name, kind in kinds.items():
        if name in request and not isinstance(request[name], kind):
            raise TypeError(f"{name} is no {kind.__name__}")


def authenticate(request: Json) -> Json:
    typed(request, method=str, uri=str, query_params=dict, context=dict)
    known = cast("dict[str, str]", request["query_params"]).get("token") == "abc"
    identity = {"user_id": request["uri"], "roles": [], "groups": [], "attributes": {}} if known else None
    return {"authenticated": known, "identity": identity, "claims": {}, "metadata": {}, "error_message": None}


def template_function(request: Json) -> object:
    typed(request, function_name=str, args=list, context=dict)
    if request["function_name"] not in ("upper", "reverse"):
        raise ValueError("unknown function")
    return str(cast("list[object]", request["args"])[0]).upper()


def generate_response(request: Json) -> Json:
    typed(request, method=str, path=str, query_params=dict, path_params=dict, context=dict)
    body = list(f"{request['method']} {request['path']}".encode())
    return {
        "status_code": 200, "headers": {}, "body": body, "content_type": "text/plain", "metadata": {},
        "cache_control": None, "custom": {},
    }  # fmt: skip


def query_datasource(request: Json) -> Json:
    typed(request, query=str, parameters=dict, context=dict)
    column = {"name": "query", "data_type": "Text", "nullable": False, "description": None, "metadata": {}}
    rows = [{"values": [str(request["query"])], "metadata": {}}]
    return {"rows": rows, "columns": [column], "total_count": 1, "execution_time_ms": 0, "metadata": {}}


ANSWERS: dict[str, Callable[[Json], object]] = {
    AUTH: authenticate,
    TEMPLATE: template_function,
    RESPONSE: generate_response,
    QUERY: query_datasource,
}


def speaking(answer: Answer) -> Handler:
    """Serve each connection by a function from requests to answers."""

    def handle(talk: Talk) -> None:
        while (seen := received(talk)) is not None:
            reply = answer(talk, seen)
            if reply is None:
                return
            status, body = reply
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Length: {len(body)}\r\n\r\n"
            talk.send(head.encode() + body)

    return handle


def received(talk: Talk) -> Seen | None:
    """Read a request; a body that breaks off is given as far as it came, under the method `BROKEN`."""
    stream = talk.socket.makefile("rb")
    first = stream.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    length = int(headers.get("content-length", "0"))
    body = stream.read(length)
    method = first[0] if len(body) == length else "BROKEN"
    return Seen(method=method, target=first[1], headers=headers, body=body, connection=talk.number)


def always_good(_talk: Talk, seen: Seen) -> Reply | None:
    return good(seen)


# --- faults -----------------------------------------------------------------------------------------------------------


def instead(when: Callable[[Seen], bool], reply: Reply | None) -> Answer:
    """Answer some requests with the same, or close the connection over them."""
    return lambda _talk, seen: reply if when(seen) else good(seen)


def hanging(when: Callable[[Seen], bool]) -> Answer:
    """Say nothing to some requests."""

    def answer(talk: Talk, seen: Seen) -> Reply | None:
        if when(seen):
            talk.wait()
            return None
        return good(seen)

    return answer


def dying(when: Callable[[Seen], bool]) -> Answer:
    """Answer nothing any more after such a request, as a process that crashed."""
    dead = threading.Event()

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if when(seen):
            dead.set()
        return None if dead.is_set() else good(seen)

    return answer


def is_json(seen: Seen) -> bool:
    try:
        return isinstance(json.loads(seen.body), dict)
    except (ValueError, RecursionError):
        return False


def garbage(seen: Seen) -> bool:
    return seen.method == "POST" and not is_json(seen)


def deep(seen: Seen) -> bool:
    return seen.body.startswith(b"[[[[")


def oversize(seen: Seen) -> bool:
    return len(seen.body) > LARGEST


def unknown_keys(seen: Seen) -> bool:
    return b"unknown" in seen.body


def without_fields(seen: Seen) -> bool:
    return seen.body == b"{}"


def nowhere(seen: Seen) -> bool:
    return seen.target not in (*ANSWERS, "/health")


def wrong_method(seen: Seen) -> bool:
    return seen.target in ANSWERS and seen.method != "POST"


def admitting(when: Callable[[Seen], bool]) -> Answer:
    """Say yes to some requests, whatever they are."""
    request: Json = {
        "query_params": {"token": "abc"},
        "uri": "/",
        "function_name": "upper",
        "args": ["a"],
        "query": "x",
    }
    request |= {"method": "GET", "path": "/"}

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if when(seen):
            return 200, written(ANSWERS.get(seen.target, authenticate)(request))
        return good(seen)

    return answer


def sharing() -> Answer:
    """Keep the request where another thread's call overwrites it, and take a moment before answering."""
    held: list[Seen] = []

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        held[:] = [seen]
        time.sleep(0.01)
        mine = held[0]
        return good(mine if mine.target == seen.target else seen)

    return answer


def busy() -> Answer:
    """Turn away who comes while another is served."""
    lock = threading.Lock()

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if not lock.acquire(blocking=False):
            return error(503, "busy")
        with contextlib.closing(_Released(lock)):
            time.sleep(0.005)
            return good(seen)

    return answer


class _Released:
    def __init__(self, lock: threading.Lock) -> None:
        self.close = lock.release


def upset_by_breaking_off() -> Answer:
    """Fail once after a request that broke off, as a worker does whose buffer still holds half of it."""
    upset = threading.Event()

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if seen.method == "BROKEN":
            upset.set()
            return None
        if upset.is_set() and seen.method == "POST":
            time.sleep(0.01)
            upset.clear()
            return error(500, "out of step")
        return good(seen)

    return answer


def counting(field: str = "claims") -> Answer:
    """Put the number of the call into each answer of `authenticate`."""
    numbers = iter(range(1_000_000))

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        status, body = good(seen)
        if seen.target != AUTH or status != 200:
            return status, body
        return status, written({**json.loads(body), field: {"call": next(numbers)}})

    return answer


def measuring() -> Answer:
    """Tell another execution_time_ms each time."""
    numbers = iter(range(1_000_000))

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        status, body = good(seen)
        if seen.target != QUERY or status != 200:
            return status, body
        return status, written({**json.loads(body), "execution_time_ms": next(numbers)})

    return answer


def telling(text: str | Callable[[Seen], str]) -> Answer:
    """Say more than is wise in every error."""

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        status, body = good(seen)
        if status < 400:
            return status, body
        return error(status, text if isinstance(text, str) else text(seen))

    return answer


FAULTS: dict[str, Callable[[], Answer]] = {
    "MF601": lambda: instead(lambda seen: seen.target == "/health", error(503, "starting")),
    "MF602": lambda: instead(lambda seen: seen.target in ANSWERS, (200, b'{"success":true,"result":{}}')),
    "MF603": lambda: instead(lambda seen: seen.target == AUTH, error(500, "boom")),
    "MF604": lambda: instead(nowhere, (200, b"<html>hello</html>")),
    "MF605": lambda: admitting(garbage),
    "MF606": lambda: dying(deep),
    "MF607": lambda: instead(unknown_keys, error(422, "extra fields not permitted")),
    "MF608": lambda: admitting(without_fields),
    "MF609": sharing,
    "MF610": upset_by_breaking_off,
    "MF611": counting,
    "MF612": lambda: telling('Traceback (most recent call last):\n  File "app.py", line 3, in <module>'),
}
"""For each code a service that breaks it."""


# --- checks over them -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def faulty(answer: Answer) -> Iterator[Server]:
    """Serve with a fault."""
    with serving(speaking(answer)) as server:
        yield server


@contextlib.contextmanager
def bench_of(
    spec: str, base: Path, *, limits: Limits = HASTY, host: str = "adapter", dialect: str = "auto"
) -> Iterator[ServiceBench]:
    """Put a service on its bench."""
    subject = open_subject(parse_spec(spec, base), Means(cache=None, allow_commands=True))
    assert isinstance(subject, ServiceSubject)
    bench = ServiceBench(subject, limits=limits, host=host, dialect=dialect)
    try:
        yield bench
    finally:
        bench.close()
        subject.close()


def run_on(bench: ServiceBench, code: str) -> tuple[Finding, ...]:
    """Run one check; it must not be skipped."""
    result, _ = run_check(find(code), bench, accepted=(), today=date(2026, 1, 1))
    assert not result.skipped, result.skipped
    return result.findings


def found(code: str, answer: Answer, *, testfile: str = "", host: str = "adapter") -> tuple[Finding, ...]:
    """Run one check over a service with a fault, which may have a plugin.test.yaml beside it."""
    with faulty(answer) as server, contextlib.ExitStack() as stack:
        if not testfile:
            bench = stack.enter_context(bench_of(server.url, Path.cwd(), host=host))
        else:
            bench = stack.enter_context(bench_of(str(_folder(stack, server.url, testfile)), Path.cwd(), host=host))
        return run_on(bench, code)


def _folder(stack: contextlib.ExitStack, url: str, testfile: str) -> Path:
    import tempfile

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (folder / "plugin.yaml").write_text("id: faulty\nversion: '1.0.0'\ntypes: [auth]\n", "utf-8")
    (folder / "plugin.test.yaml").write_text(testfile.replace("URL", url), "utf-8")
    return folder


def details(findings: Sequence[Finding], severity: str = "error") -> list[str]:
    """Give the details of one severity."""
    return [finding.detail for finding in findings if finding.severity == severity]


# --- gRPC -------------------------------------------------------------------------------------------------------------

GrpcAnswer = Callable[[str, bytes], bytes | tuple[str, str]]
"""From a method's path and a message to a message, or to a code and its details."""


def grpc_good(path: str, data: bytes) -> bytes | tuple[str, str]:
    """Answer as a good service does, from the host's JSON in a message."""
    from pytest_mockforge.proto.json_form import reply_to_wire, request_from_wire
    from pytest_mockforge.proto.messages import WireError, method_path

    if path.endswith("Health/Check"):
        return b"\x08\x01"
    operation = next((one for one in Operation if method_path(one) == path), None)
    if operation is None:
        return "UNIMPLEMENTED", "unknown method"
    try:
        request = json.loads(request_from_wire(operation, data))
        return reply_to_wire(operation, written(_BY_OPERATION[operation](request)))
    except (WireError, ValueError, RecursionError, LookupError, TypeError):
        return "INVALID_ARGUMENT", "malformed"


_BY_OPERATION = dict(zip(Operation, ANSWERS.values(), strict=True))


@contextlib.contextmanager
def grpc_faulty(answer: GrpcAnswer) -> Iterator[str]:
    """Serve every method there is by one function; gives the URL."""
    grpc = pytest.importorskip("grpc", reason="gRPC needs the extra 'grpc'")

    def called(path: str) -> Callable[[bytes, object], bytes]:
        def call(data: bytes, context: object) -> bytes:
            reply = answer(path, data)
            if isinstance(reply, bytes):
                return reply
            context.abort(getattr(grpc.StatusCode, reply[0]), reply[1])  # type: ignore[attr-defined] # grpcio's
            raise AssertionError("abort raises")

        return call

    class Everything(grpc.GenericRpcHandler):  # type: ignore[name-defined,misc] # grpcio has no types
        def service(self, details: object) -> object:
            return grpc.unary_unary_rpc_method_handler(called(details.method))  # type: ignore[attr-defined]

    with ThreadPoolExecutor(12) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)])
        server.add_generic_rpc_handlers((Everything(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"grpc://127.0.0.1:{port}"
        finally:
            server.stop(0).wait()
