"""The server's end of both dialects: what goes out comes back, and what is no request is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.json_text import Json
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import NamedRequest, realistic_requests
from pytest_mockforge.contract.replies import (
    AuthResponse,
    ColumnInfo,
    DataResult,
    DataRow,
    Reply,
    ResponseData,
    UserIdentity,
)
from pytest_mockforge.contract.requests import (
    Request,
    RequestBuilder,
    RequestMetadata,
    ResolutionContext,
    ResponseRequest,
    from_mapping,
)
from pytest_mockforge.contract.server_side import decode_request, encode_error, encode_reply, reply_value
from pytest_mockforge.errors import RemoteFailure, RequestError, SettingsError
from tests.conftest import ROOT

_BUILD = RequestBuilder()
_REALISTIC = [named for operation in Operation for named in realistic_requests(operation)]

_NOT_UNDER_SDK = (
    "with-metadata",
    "insert",
    "update",
    "delete-query",
    "custom",
    "custom-with-quotes",
    "limit-zero",
    "limit-and-offset",
    "largest-limit",
)


def _is_under_sdk(named: NamedRequest) -> bool:
    query = named.request.operation is Operation.QUERY_DATASOURCE
    return (f"{named.name}-query" if query and named.name == "delete" else named.name) not in _NOT_UNDER_SDK


def _id(named: NamedRequest) -> str:
    return f"{named.request.operation}-{named.name}"


def _through(dialect: str, request: Request) -> Request:
    return decode_request(dialect, request.operation, dialect_named(dialect).encode(request))


# --- requests come back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", _REALISTIC, ids=_id)
def test_a_realistic_request_comes_back_from_the_host_dialect(named: NamedRequest) -> None:
    assert _through("host", named.request) == named.request


@pytest.mark.parametrize("named", [named for named in _REALISTIC if _is_under_sdk(named)], ids=_id)
def test_a_realistic_request_comes_back_from_the_sdk_dialect(named: NamedRequest) -> None:
    request = named.request
    if isinstance(request, ResponseRequest):
        # Shown in the path, but not by name.
        request = msgspec.structs.replace(request, path_params={})
    assert _through("sdk", named.request) == request


@pytest.mark.parametrize("named", [named for named in _REALISTIC if not _is_under_sdk(named)], ids=_id)
def test_a_realistic_request_that_would_lose_something_is_refused_under_sdk(named: NamedRequest) -> None:
    with pytest.raises(RequestError, match="the sdk dialect does not carry"):
        _through("sdk", named.request)


@pytest.mark.parametrize(
    "request_",
    [
        _BUILD.auth(bearer="t"),
        _BUILD.auth(basic=("a", "b")),
        _BUILD.auth(api_key="k", headers={"accept": "*/*"}, body=b"\0\xff"),
        _BUILD.response("POST", "/x", body=b"", headers={"a": "b"}),
        _BUILD.template(
            "f",
            context=ResolutionContext(
                request_context=RequestMetadata(path="/a", headers={"user-agent": "x"}, query_params={"q": "ä &"})
            ),
        ),
    ],
)
def test_what_only_the_sdk_carries_comes_back_from_it(request_: Request) -> None:
    assert _through("sdk", request_) == request_


def test_agent_and_address_of_a_client_come_back_as_fields_under_any_spelling() -> None:
    context = {"method": "GET", "uri": "/", "headers": {"User-Agent": "curl", "X-Forwarded-For": "::1", "a": "b"}}
    payload = json.dumps({"context": context, "credentials": {"type": "none", "token": ""}}).encode()
    expected = _BUILD.auth(user_agent="curl", client_ip="::1", headers={"a": "b"})
    assert decode_request("sdk", Operation.AUTHENTICATE, payload) == expected


# --- requests that are refused ----------------------------------------------------------------------------------------


def _refusal(dialect: str, operation: Operation, payload: object) -> RequestError:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    with pytest.raises(RequestError) as caught:
        decode_request(dialect, operation, raw)
    return caught.value


@pytest.mark.parametrize("named", _REALISTIC, ids=_id)
def test_a_request_of_the_host_is_none_of_the_sdk_but_for_bare_templates(named: NamedRequest) -> None:
    operation = named.request.operation
    payload = dialect_named("host").encode(named.request)
    if operation is Operation.TEMPLATE_FUNCTION and named.name != "with-request-context":
        assert decode_request("sdk", operation, payload).operation is operation
    else:
        error = _refusal("sdk", operation, payload)
        assert error.message.startswith(f"{operation}: the request is none of the sdk dialect at /")


def test_an_unknown_key_is_refused_with_its_pointer_and_the_keys_that_the_sdk_takes() -> None:
    context = {"method": "GET", "uri": "/", "headers": {}, "plugin_id": "x"}
    error = _refusal("sdk", Operation.AUTHENTICATE, {"context": context, "credentials": {"type": "none", "token": ""}})
    assert str(error) == (
        "authenticate: the request is none of the sdk dialect at /context/plugin_id\n"
        "  /context/plugin_id\n"
        "    expected: no such key\n"
        '    got: string "x" (1 character)\n'
        "  hint: the published SDK takes method, uri, headers, body here, and no other key"
    )


def test_every_breach_of_a_request_is_named() -> None:
    error = _refusal("host", Operation.QUERY_DATASOURCE, {"query": 1, "parameters": [], "limit": -1})
    assert error.message.startswith("query_datasource: the request is none of the host dialect at /limit, and 4 more")
    for pointer in ("/limit", "/parameters", "/query", "/query_type", "/context"):
        assert f"\n  {pointer}\n" in error.message


@pytest.mark.parametrize(
    ("dialect", "operation", "payload", "where"),
    [
        ("sdk", Operation.QUERY_DATASOURCE, {"query": "SELECT 1"}, "/query"),
        ("sdk", Operation.QUERY_DATASOURCE, {"query": {"query": "x", "limit": 1}}, "/query/limit"),
        ("sdk", Operation.AUTHENTICATE, {"context": {"method": "GET", "uri": "/", "headers": {}}}, "/credentials"),
        ("host", Operation.TEMPLATE_FUNCTION, {"function_name": "f", "args": []}, "/context"),
        ("host", Operation.AUTHENTICATE, [], "its root"),
    ],
)
def test_a_request_that_lacks_a_part_is_refused_with_its_place(
    dialect: str, operation: Operation, payload: object, where: str
) -> None:
    assert f"dialect at {where}" in _refusal(dialect, operation, payload).message


def test_a_kind_of_credentials_that_nobody_sends_is_refused() -> None:
    payload = json.loads(dialect_named("sdk").encode(_BUILD.auth()))
    payload["credentials"]["type"] = "token"
    error = _refusal("sdk", Operation.AUTHENTICATE, payload)
    assert "expected: one of none, bearer, basic, api_key" in error.message


def test_a_body_that_is_no_base64_is_refused() -> None:
    payload = json.loads(dialect_named("sdk").encode(_BUILD.auth()))
    payload["context"]["body"] = "hi!"
    assert "/context/body" in _refusal("sdk", Operation.AUTHENTICATE, payload).message


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff"])
def test_bytes_that_are_no_json_are_refused(payload: bytes) -> None:
    assert "is no JSON\n  expected: one JSON value" in _refusal("host", Operation.AUTHENTICATE, payload).message


# --- replies come back ------------------------------------------------------------------------------------------------

_IDENTITY = UserIdentity(user_id="u-1", roles=(), groups=(), attributes={})
_PLAIN: list[tuple[Operation, Reply]] = [
    (Operation.AUTHENTICATE, AuthResponse(authenticated=True, identity=_IDENTITY, claims={"a": [1]}, metadata={})),
    (Operation.AUTHENTICATE, AuthResponse(authenticated=False, claims={}, metadata={})),
    (Operation.TEMPLATE_FUNCTION, "ABC"),
    (Operation.TEMPLATE_FUNCTION, None),
    (Operation.TEMPLATE_FUNCTION, {"success": False, "error": "of the value"}),
    (
        Operation.GENERATE_RESPONSE,
        ResponseData(
            status_code=201, headers={"a": "b"}, body=bytes(range(256)), content_type="x/y", metadata={}, custom={}
        ),
    ),
    (Operation.QUERY_DATASOURCE, DataResult(rows=(), columns=(), execution_time_ms=0, metadata={})),
    (
        Operation.QUERY_DATASOURCE,
        DataResult(
            rows=(DataRow(values=(1, {"deep": [None]}), metadata={}),),
            columns=(
                ColumnInfo(name="id", data_type="Integer", nullable=True, metadata={}),
                ColumnInfo(name="price", data_type="Custom", custom_type="money", nullable=True, metadata={}),
            ),
            execution_time_ms=0,
            metadata={},
        ),
    ),
]


@pytest.mark.parametrize("dialect", ["host", "sdk"])
@pytest.mark.parametrize(("operation", "reply"), _PLAIN)
def test_a_reply_comes_back_as_it_was(dialect: str, operation: Operation, reply: Reply) -> None:
    decoded = dialect_named(dialect).decode(operation, encode_reply(dialect, operation, reply))
    assert decoded.violations == ()
    assert decoded.reply == reply


def _reference_replies() -> list[tuple[str, Operation, Json]]:
    cases = json.loads((ROOT / "fixtures" / "reference" / "cases.json").read_text("utf-8"))["cases"]
    return [(case["name"], Operation(case["operation"]), case["reply"]) for case in cases if case["reply"] is not None]


@pytest.mark.parametrize("dialect", ["host", "sdk"])
@pytest.mark.parametrize(
    ("operation", "value"),
    [case[1:] for case in _reference_replies()],
    ids=[case[0] for case in _reference_replies()],
)
def test_an_expectation_for_the_host_holds_under_either_dialect(
    dialect: str, operation: Operation, value: Json
) -> None:
    reply = dialect_named("host").decode(operation, json.dumps(value).encode()).reply
    spoken = dialect_named(dialect)
    decoded = spoken.decode(operation, encode_reply(dialect, operation, reply))
    assert decoded.value == spoken.carried(operation, value)


def test_the_requests_of_the_reference_cases_come_back_where_the_sdk_carries_them() -> None:
    cases = json.loads((ROOT / "fixtures" / "reference" / "cases.json").read_text("utf-8"))["cases"]
    requests = [from_mapping(Operation(case["operation"]), case["request"]) for case in cases if "request" in case]
    assert len(requests) > 100
    assert [_through("host", request) for request in requests] == requests


def test_an_sdk_reply_stands_in_its_envelope() -> None:
    assert encode_reply("sdk", Operation.TEMPLATE_FUNCTION, "ABC") == b'{"result":"ABC","success":true}'


def test_a_host_reply_is_bare() -> None:
    reply = AuthResponse(authenticated=False, claims={}, metadata={})
    assert encode_reply("host", Operation.AUTHENTICATE, reply) == (
        b'{"authenticated":false,"claims":{},"error_message":null,"identity":null,"metadata":{}}'
    )


def test_an_sdk_reply_leaves_out_what_the_sdk_has_no_place_for() -> None:
    reply = AuthResponse(authenticated=False, claims={}, metadata={"a": 1}, error_message="no")
    assert encode_reply("sdk", Operation.AUTHENTICATE, reply) == (
        b'{"result":{"authenticated":false,"claims":{},"user_id":""},"success":true}'
    )


def test_a_reply_that_breaks_the_contract_is_written_all_the_same() -> None:
    reply = ResponseData(status_code=7, headers={}, body=b"", content_type="", metadata={}, custom={})
    assert b'"status_code":7' in encode_reply("host", Operation.GENERATE_RESPONSE, reply)


@pytest.mark.parametrize(
    ("operation", "reply", "expected", "got"),
    [
        (Operation.AUTHENTICATE, _PLAIN[5][1], "AuthResponse", "ResponseData"),
        (Operation.GENERATE_RESPONSE, {"status_code": 200}, "ResponseData", "dict"),
        (Operation.TEMPLATE_FUNCTION, _PLAIN[0][1], "a JSON value", "AuthResponse"),
    ],
)
def test_a_reply_of_another_operation_is_refused(operation: Operation, reply: Reply, expected: str, got: str) -> None:
    with pytest.raises(RequestError) as caught:
        encode_reply("host", operation, reply)
    assert f"{operation}: a reply of another kind\n  expected: {expected}\n  got: {got}" in str(caught.value)


def test_a_reply_that_json_cannot_hold_is_refused_with_its_pointer() -> None:
    with pytest.raises(RequestError, match='the reply at "/result/0" cannot be written as JSON'):
        encode_reply("sdk", Operation.TEMPLATE_FUNCTION, [float("inf")])


def test_a_model_gives_the_json_that_the_host_reads() -> None:
    column = ColumnInfo(name="p", data_type="Custom", custom_type="money", nullable=False, metadata={})
    result = DataResult(rows=(), columns=(column,), execution_time_ms=3, metadata={})
    assert reply_value(result) == {
        "rows": [],
        "columns": [
            {"name": "p", "data_type": {"Custom": "money"}, "nullable": False, "description": None, "metadata": {}}
        ],
        "total_count": None,
        "execution_time_ms": 3,
        "metadata": {},
    }


@pytest.mark.parametrize("dialect", ["host", "sdk"])
def test_an_error_is_read_as_a_refusal_with_its_words(dialect: str) -> None:
    failure = RemoteFailure("no", kind="status", status=422, body=encode_error(dialect, "no such function"))
    assert dialect_named(dialect).refusal(Operation.TEMPLATE_FUNCTION, failure) == "no such function"


def test_an_sdk_error_is_an_envelope() -> None:
    assert encode_error("sdk", "x") == b'{"error":"x","success":false}'


@pytest.mark.parametrize(
    "use",
    [
        lambda: decode_request("auto", Operation.AUTHENTICATE, b"{}"),
        lambda: encode_reply("auto", Operation.TEMPLATE_FUNCTION, 1),
        lambda: encode_error("auto", "x"),
    ],
)
def test_an_unknown_dialect_is_refused_by_name(use: Callable[[], object]) -> None:
    with pytest.raises(SettingsError, match="'auto'"):
        use()
