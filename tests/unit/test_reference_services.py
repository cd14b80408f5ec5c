"""The reference services answer every case as written, in both dialects, in-process and behind a real socket."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import from_mapping
from pytest_mockforge.contract.sdk_dialect import SdkDialect
from pytest_mockforge.documents.manifest import read_manifest
from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.errors import RequestError
from tests.reference_module import REFERENCE, Case, read_cases, request_bytes, same
from tests.reference_services import FOLDERS, KINDS, PATHS, Service, command, missing, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_mockforge.contract.json_text import Json

DIALECTS = ("host", "sdk")
LARGEST_REQUEST = 8 * 1024 * 1024
DENIED: dict[str, object] = {
    "authenticated": False,
    "identity": None,
    "claims": {},
    "metadata": {},
    "error_message": "malformed request",
}


# Services


def opened(factory: pytest.TempPathFactory, kind: str, dialect: str) -> Iterator[Service]:
    with running(kind, dialect, factory.mktemp("service") / "log.txt") as service:
        yield service


@pytest.fixture(scope="module", params=KINDS)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from opened(tmp_path_factory, request.param, "host")


@pytest.fixture(scope="module", params=KINDS)
def sdk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from opened(tmp_path_factory, request.param, "sdk")


@pytest.fixture(scope="module", params=[(kind, dialect) for kind in KINDS for dialect in DIALECTS], ids="-".join)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    kind, dialect = request.param
    yield from opened(tmp_path_factory, kind, dialect)


# The cases


CASES = read_cases()


def sdk_bytes(case: Case) -> bytes | None:
    """Write a case as the SDKs take it, its secret as credentials; None where their shape cannot hold it."""
    if "request" not in case:
        return None
    given = dict(case["request"])
    query = given.get("query")
    if case["operation"] == "authenticate" and isinstance(query, dict):
        secrets = {"token": "bearer", "api_key": "api_key"}
        given |= {secrets[name]: secret for name, secret in query.items() if name in secrets}
        # The page reads one secret where a caller shows two; credentials are always one.
        if len(query.keys() & secrets.keys()) > 1:
            return None
    params = given.get("path_params")
    if isinstance(params, dict) and not set(params.values()) <= set(str(given["path"]).split("/")[1:]):
        return None
    try:
        return SdkDialect().encode(from_mapping(Operation(case["operation"]), given))
    except RequestError:
        return None


SDK_CASES = [(case, body) for case in CASES if (body := sdk_bytes(case)) is not None]


@pytest.mark.parametrize("case", CASES, ids=[case["name"].replace(" ", "-") for case in CASES])
def test_a_case_ends_as_it_is_written_in_the_host_dialect(host: Service, case: Case) -> None:
    answer = host.post(case["operation"], request_bytes(case))
    if case["outcome"] == "refused" and case["reply"] is None:
        assert (answer.status_code, answer.json()) == (422, {"error": "refused"})
    else:
        assert answer.status_code == 200
        assert same(answer.json(), case["reply"]), answer.text
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("case", "body"), SDK_CASES, ids=[case["name"].replace(" ", "-") for case, _ in SDK_CASES])
def test_a_case_ends_as_it_is_written_in_the_sdk_dialect(sdk: Service, case: Case, body: bytes) -> None:
    operation = Operation(case["operation"])
    answer = sdk.post(operation, body)
    if case["outcome"] == "refused" and case["reply"] is None:
        assert (answer.status_code, answer.json()) == (500, {"success": False, "error": "refused"})
        return
    assert answer.status_code == 200, answer.text
    decoded = SdkDialect().decode(operation, answer.content)
    assert [violation for violation in decoded.violations if violation.severity != "note"] == []
    assert same(decoded.value, SdkDialect().carried(operation, cast("Json", case["reply"]))), answer.text


def test_most_of_what_a_builder_can_write_travels_in_the_sdk_dialect() -> None:
    counts = {operation: sum(case["operation"] == operation for case, _ in SDK_CASES) for operation in PATHS}
    assert all(count >= 10 for count in counts.values()), counts
    assert len(SDK_CASES) >= 90


# What is no request


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"nul", b"[1,]", b'{"a":1,}', b"{a:1}", b"'a'", b"//", b"[\x0c1]", b"[\xc2\xa01]"),
        *(b"01", b"+1", b"1.", b".5", b"1e", b"-", b"0x10", b"NaN", b"Infinity", b"-Infinity", b"1_0", b"1n"),
        *(
            b'"\n"',
            b'"\\x41"',
            b'"\\u12g4"',
            b'"a\\"',
            b'"\x80"',
            b'"\xc0\xaf"',
            b'"\xed\xa0\x80"',
            b'"\xf4\x90\x80\x80"',
        ),
    ],
)
def test_a_value_that_is_no_json_makes_the_request_malformed(host: Service, text: bytes) -> None:
    answer = host.post("authenticate", b'{"context":%s,"query_params":{}}' % text)
    assert (answer.status_code, answer.json()) == (200, DENIED)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_nesting_without_end_is_malformed_and_no_overflow(host: Service, opening: bytes) -> None:
    assert host.post("authenticate", opening * 100_000).json() == DENIED
    nested = b'{"function_name":"echo","args":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}"
    assert host.post("template_function", nested).status_code == 422


@pytest.mark.parametrize("name", ["constructor", "toString", "__proto__", "hasOwnProperty"])
def test_what_every_object_of_javascript_has_is_no_member_of_a_request(host: Service, name: str) -> None:
    answer = host.post("template_function", json.dumps({"function_name": name, "args": []}).encode())
    assert answer.status_code == 422
    denied = host.call("authenticate", query_params={"token": name})
    assert isinstance(denied, dict)
    assert denied["error_message"] == "unknown token"
    assert host.call("template_function", function_name="echo", args=[{name: 1}]) == [{name: 1}]


def test_arguments_may_be_more_than_a_call_can_hold(host: Service) -> None:
    many = [0] * 1_000_000
    assert host.call("template_function", function_name="echo", args=many) == many
    assert host.call("template_function", function_name="add", args=many) == 0


@pytest.mark.parametrize("number", ["0.1", "-1.1e-5", "123456789.125", "9007199254740991", "5e-324", "1.25E+300"])
def test_an_echoed_number_keeps_its_value(host: Service, number: str) -> None:
    answer = host.post("template_function", f'{{"function_name":"echo","args":[{number}]}}'.encode())
    assert answer.json() == [float(number)]


@pytest.mark.parametrize(("member", "rows"), [("limit", 6), ("offset", 0)])
def test_a_count_may_be_however_large(host: Service, member: str, rows: int) -> None:
    request = f'{{"query":"q","query_type":"Select","parameters":{{}},"{member}":1e300}}'
    reply = host.post("query_datasource", request.encode()).json()
    assert (len(reply["rows"]), reply["total_count"]) == (rows, 6)


# HTTP


def test_health_names_the_plugin_and_its_version(service: Service) -> None:
    folder = "node-http" if service.kind == "node-http" else "python-http"
    answer = service.ask("GET", "/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "plugin": f"reference-{folder}", "version": "1.0.0"}


def failure(service: Service, why: str) -> dict[str, object]:
    return {"error": why} if service.dialect == "host" else {"success": False, "error": why}


@pytest.mark.parametrize("path", ["/", "/plugin/authenticate/", "/Plugin/authenticate", "/plugin/plugin/authenticate"])
def test_another_path_is_not_found(service: Service, path: str) -> None:
    answer = service.ask("POST", path, b"{}")
    assert (answer.status_code, answer.json()) == (404, failure(service, "not found"))


@pytest.mark.parametrize(("method", "path"), [*(("GET", path) for path in PATHS.values()), ("POST", "/health")])
def test_another_method_is_not_allowed(service: Service, method: str, path: str) -> None:
    answer = service.ask(method, path)
    assert (answer.status_code, answer.json()) == (405, failure(service, "method not allowed"))
    assert ("GET" if method == "POST" else "POST") in answer.headers["allow"]


def test_a_request_of_eight_mebibytes_is_read(host: Service) -> None:
    body = b'{"query_params":{"token":"alpha"}}'
    reply = host.post("authenticate", body + b" " * (LARGEST_REQUEST - len(body))).json()
    assert reply["authenticated"] is True


def test_a_byte_more_is_too_large(service: Service) -> None:
    answer = service.post("authenticate", b" " * (LARGEST_REQUEST + 1))
    assert (answer.status_code, answer.json()) == (413, failure(service, "request entity too large"))


def test_a_compressed_request_is_not_read(service: Service) -> None:
    headers = {"content-encoding": "gzip"}
    assert service.ask("POST", PATHS["authenticate"], b"{}", **headers).status_code == 415


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_the_content_type_of_a_request_does_not_matter(host: Service, content_type: str) -> None:
    headers = {"content-type": content_type}
    answer = host.ask("POST", PATHS["authenticate"], b'{"query_params":{"token":"alpha"}}', **headers)
    assert answer.json()["authenticated"] is True


def test_a_request_is_answered_after_a_refusal(host: Service) -> None:
    assert host.post("template_function", b"").status_code == 422
    assert host.call("template_function", function_name="add", args=[20, 22]) == 42


@pytest.mark.parametrize("folder", FOLDERS)
def test_ten_answers_at_once_are_kept_apart(tmp_path: Path, folder: str) -> None:
    texts = [f"caller {number} " * 500 for number in range(50)]

    with running(folder, "host", tmp_path / "log.txt") as service, ThreadPoolExecutor(10) as pool:
        replies = pool.map(lambda text: service.call("template_function", function_name="echo", args=[text]), texts)
        assert list(replies) == [[text] for text in texts]


# The sdk dialect


WITH_CONTEXT: dict[str, object] = {"context": {"method": "GET", "uri": "/", "headers": {}, "body": None}}


def refused(service: Service, operation: str, **request: object) -> str:
    answer = service.post(operation, json.dumps(request).encode())
    reply = answer.json()
    assert (answer.status_code, reply["success"]) == (500, False)
    why: str = reply["error"]
    assert answer.text.count("\n") == 0
    return why


@pytest.mark.parametrize("operation", ["authenticate", "generate_response"])
def test_sdk_refuses_a_context_of_the_host(sdk: Service, operation: str) -> None:
    case = next(case for case in CASES if case["operation"] == operation)
    why = refused(sdk, operation, **json.loads(request_bytes(case)))
    assert why == "context: unexpected key 'custom'"


def test_sdk_refuses_a_query_that_is_text(sdk: Service) -> None:
    assert refused(sdk, "query_datasource", query="SELECT 1") == "query: expected an object"


def test_sdk_refuses_a_request_context_of_the_host_but_ignores_what_is_beside_it(sdk: Service) -> None:
    beside = {"environment": {}, "metadata": {}, "timestamp": "2026-01-02T03:04:05Z"}
    call = {"function_name": "upper", "args": ["a"]}
    body = json.dumps({**call, "context": {**beside, "request_context": None}}).encode()
    assert sdk.post("template_function", body).json() == {"success": True, "result": "A"}
    around = {"method": "GET", "path": "/", "headers": {}, "query_params": {}}
    why = refused(sdk, "template_function", **call, context={**beside, "request_context": around})
    assert why == "context.request_context: unexpected key 'path'"


def test_sdk_needs_credentials(sdk: Service) -> None:
    assert refused(sdk, "authenticate", **WITH_CONTEXT) == "credentials: expected an object"


@pytest.mark.parametrize("kind", ["token", "bearer"])
def test_sdk_admits_by_the_token_of_the_credentials(sdk: Service, kind: str) -> None:
    reply = sdk.call("authenticate", **WITH_CONTEXT, credentials={"type": kind, "token": "beta"})
    claims = {"sub": "u-bob", "scope": "read", "exp": 4102444800, "admin": False}
    assert reply == {"success": True, "result": {"authenticated": True, "user_id": "u-bob", "claims": claims}}


@pytest.mark.parametrize("kind", ["basic", "none", "constructor"])
def test_sdk_denies_credentials_of_another_kind(sdk: Service, kind: str) -> None:
    reply = sdk.call("authenticate", **WITH_CONTEXT, credentials={"type": kind, "token": "beta", "data": {}})
    assert reply == {"success": True, "result": {"authenticated": False, "user_id": "", "claims": {}}}


def test_sdk_reads_a_caller_from_headers_and_a_query_from_the_uri(sdk: Service) -> None:
    headers = {"User-Agent": "curl/8 é", "X-Forwarded-For": "203.0.113.9"}
    context = {"method": "GET", "uri": "/whoami?x=1", "headers": headers}
    reply = sdk.call("generate_response", context=context, request={"method": "GET", "path": "/whoami"})
    result = {"status_code": 200, "headers": {}, "body": "Y3VybC84IMOp", "content_type": "text/plain; charset=utf-8"}
    assert reply == {"success": True, "result": result}
    context = {"method": "GET", "uri": "/bytes?count=9&count=%32&&x"}
    reply = sdk.call("generate_response", context=context, request={"method": "GET", "path": "/bytes"})
    assert isinstance(reply, dict)
    assert reply["result"]["body"] == "AAE="


def test_sdk_gives_rows_as_objects_and_types_as_text(sdk: Service) -> None:
    reply = sdk.call("query_datasource", query={"query": "q", "parameters": {"id": 6}})
    columns = {"id": "Integer", "name": "Text", "balance": "money", "active": "Boolean"}
    columns |= {"joined": "DateTime", "note": "Text"}
    row = {"id": 6, "name": "zoe", "balance": 1000000, "active": True}
    row |= {"joined": "2023-01-01T00:00:00Z", "note": "line one\nline two"}
    described = [{"name": name, "data_type": kind} for name, kind in columns.items()]
    assert reply == {"success": True, "result": {"columns": described, "rows": [row]}}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"\xff"', b"[" * 100_000])
@pytest.mark.parametrize("operation", PATHS)
def test_sdk_answers_what_is_no_object_with_a_failure(sdk: Service, operation: str, body: bytes) -> None:
    answer = sdk.post(operation, body)
    assert (answer.status_code, answer.json()) == (500, failure(sdk, "request: expected an object"))


# The folders


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_unknown_dialect_is_refused_at_the_start(folder: str) -> None:
    if reason := missing(folder):
        pytest.skip(reason)
    environment = {**os.environ, "PORT": "0", "MOCKFORGE_DIALECT": "grpc"}
    ended = subprocess.run(
        command(folder),
        cwd=REFERENCE / folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert ended.stderr.strip() == "MOCKFORGE_DIALECT is 'grpc'; expected host or sdk"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_manifest_says_that_the_plugin_is_remote(folder: str) -> None:
    manifest = read_manifest(REFERENCE / folder / "plugin.yaml")
    assert (manifest.id, manifest.version, manifest.language) == (f"reference-{folder}", "1.0.0", "remote")
    assert manifest.problems == ()
    assert manifest.remote is not None
    assert (manifest.remote.protocol, manifest.remote.timeout_ms) == ("http", 5000)
    assert manifest.operations == frozenset(Operation)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_samples_are_those_of_the_modules(folder: str) -> None:
    ours = read_testfile(REFERENCE / folder / "plugin.test.yaml").samples
    theirs = read_testfile(REFERENCE / "rust" / "plugin.test.yaml").samples
    assert [(one.name, one.outcome, one.reply) for one in ours] == [
        (one.name, one.outcome, one.reply) for one in theirs
    ]


def test_the_test_files_say_how_the_services_are_started() -> None:
    starts = [read_testfile(REFERENCE / folder / "plugin.test.yaml").start for folder in FOLDERS]
    commands = [start and (start.command, start.cwd.name, start.ready) for start in starts]
    uvicorn = ("{python}", "-m", "uvicorn", "app:app", "--port", "{port}")
    assert commands == [(uvicorn, "python-http", "/health"), (("node", "server.js"), "node-http", "/health")]


def test_the_lock_file_names_no_package_host() -> None:
    assert '"resolved"' not in (REFERENCE / "node-http" / "package-lock.json").read_text("utf-8")
