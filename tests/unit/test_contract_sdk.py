"""Requests in the sdk dialect, byte for byte, what it refuses to drop, and what counts as a refusal."""

from __future__ import annotations

import json

import pytest

from pytest_mockforge.contract.dialects import Dialect, HostDialect, dialect_named
from pytest_mockforge.contract.json_text import Json
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import (
    PluginContext,
    Request,
    RequestBuilder,
    RequestMetadata,
    ResolutionContext,
    custom,
)
from pytest_mockforge.contract.sdk_dialect import SdkDialect
from pytest_mockforge.errors import RemoteFailure, RequestError, SettingsError

_BUILD = RequestBuilder()
_SDK: Dialect = SdkDialect()
_HOST: Dialect = HostDialect()


def _context_of(request: Request) -> dict[str, object]:
    context = json.loads(_SDK.encode(request))["context"]
    assert isinstance(context, dict)
    return context


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_an_auth_request_has_context_and_credentials_and_no_key_more() -> None:
    request = _BUILD.auth(bearer="abc", uri="/api", headers={"accept": "*/*"}, body=b"hi", client_ip="203.0.113.9")
    assert _SDK.encode(request) == (
        b'{"context":{"body":"aGk=","headers":{"accept":"*/*","x-forwarded-for":"203.0.113.9"},"method":"GET",'
        b'"uri":"/api"},"credentials":{"data":{},"token":"abc","type":"bearer"}}'
    )


def test_an_auth_request_without_credentials_has_empty_ones() -> None:
    assert _SDK.encode(_BUILD.auth()) == (
        b'{"context":{"body":null,"headers":{},"method":"GET","uri":"/"},'
        b'"credentials":{"data":{},"token":"","type":"none"}}'
    )


def test_user_and_password_travel_as_the_data_of_basic_credentials() -> None:
    assert json.loads(_SDK.encode(_BUILD.auth(basic=("ann", "pw"))))["credentials"] == {
        "type": "basic",
        "token": "YW5uOnB3",
        "data": {"username": "ann", "password": "pw"},
    }


def test_a_template_call_has_an_environment_and_a_request_with_its_uri() -> None:
    request = RequestMetadata(method="POST", path="/users", headers={"accept": "*/*"}, query_params={"q": "a b"})
    call = _BUILD.template("upper", "abc", context=ResolutionContext(environment={"A": "1"}, request_context=request))
    assert _SDK.encode(call) == (
        b'{"args":["abc"],"context":{"environment":{"A":"1"},"request_context":{"body":null,'
        b'"headers":{"accept":"*/*"},"method":"POST","uri":"/users?q=a+b"}},"function_name":"upper"}'
    )


def test_a_template_call_without_a_request_sends_null() -> None:
    assert b'"request_context":null' in _SDK.encode(_BUILD.template("now"))


def test_a_response_request_has_a_context_and_a_request() -> None:
    request = _BUILD.response("POST", "/users/7", query={"x": "1"}, path_params={"id": "7"}, body=b"{}")
    assert _SDK.encode(request) == (
        b'{"context":{"body":"e30=","headers":{},"method":"POST","uri":"/users/7?x=1"},'
        b'"request":{"body":"e30=","headers":{},"method":"POST","path":"/users/7"}}'
    )


def test_a_query_is_an_object_and_has_no_context() -> None:
    query = _BUILD.query("SELECT 1", parameters={"min_age": 18})
    assert _SDK.encode(query) == b'{"query":{"parameters":{"min_age":18},"query":"SELECT 1"}}'


def test_a_query_that_the_uri_does_not_show_is_appended_to_it() -> None:
    request = _BUILD.auth(query={"token": "a b&c", "flag": ""}, uri="/api")
    assert _context_of(request)["uri"] == "/api?token=a+b%26c&flag="


def test_a_query_that_the_uri_shows_is_not_appended_again() -> None:
    assert _context_of(_BUILD.auth(uri="/api?token=1&token=2"))["uri"] == "/api?token=1&token=2"


def test_agent_and_address_travel_as_headers() -> None:
    request = _BUILD.auth(client_ip="203.0.113.9", user_agent="curl/8.5.0", headers={"accept": "*/*"})
    expected = {"accept": "*/*", "user-agent": "curl/8.5.0", "x-forwarded-for": "203.0.113.9"}
    assert _context_of(request)["headers"] == expected


def test_headers_that_name_the_agent_already_stay_as_they_are() -> None:
    request = _BUILD.auth(user_agent="curl", headers={"User-Agent": "curl"})
    assert _context_of(request)["headers"] == {"User-Agent": "curl"}


# --- what is refused --------------------------------------------------------------------------------------------------

_OTHER = PluginContext(plugin_id="other")


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (_BUILD.auth(context=_OTHER), "context"),
        (_BUILD.auth(user_agent="a", headers={"user-agent": "b"}), "user_agent"),
        (_BUILD.auth(client_ip="a", headers={"X-Forwarded-For": "b"}), "client_ip"),
        (_BUILD.response("GET", "/", context=_OTHER), "context"),
        (_BUILD.response("GET", "/users/23", path_params={"id": "3"}), "path_params"),
        (_BUILD.response("GET", "/users/1", path_params={"id": ""}), "path_params"),
        (_BUILD.response("GET", "/users/%C3%A9", path_params={"id": "é"}), "path_params"),
        (_BUILD.query("x", limit=0, offset=0), "limit or offset"),
        (_BUILD.query("x", type="Insert"), "query_type"),
        (_BUILD.query("x", type=custom("a")), "query_type"),
        (_BUILD.query("x", sort=["a"], filters=[{}], options={"a": 1}), "sort or filters or options"),
        (_BUILD.query("x", context=_OTHER), "context"),
    ],
)
def test_what_would_be_dropped_is_refused_by_name(request_: Request, named: str) -> None:
    with pytest.raises(RequestError) as caught:
        _SDK.encode(request_)
    assert caught.value.message.startswith(f"{request_.operation}: the sdk dialect does not carry {named}, so")
    assert "lenient=True" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("context", "named"),
    [
        (ResolutionContext(metadata={"a": "b"}), "context.metadata"),
        (ResolutionContext(timestamp="2000-01-01T00:00:00Z"), "context.timestamp"),
        (
            ResolutionContext(request_context=RequestMetadata(path="/?a=1", query_params={"a": "2"})),
            "context.request_context.query_params",
        ),
    ],
)
def test_a_template_call_is_refused_for_what_its_context_would_lose(context: ResolutionContext, named: str) -> None:
    with pytest.raises(RequestError) as caught:
        _SDK.encode(_BUILD.template("now", context=context))
    assert f"does not carry {named}, so" in caught.value.message
    assert "ResolutionContext" in (caught.value.hint or "")


def test_parameters_that_differ_from_the_query_of_the_uri_are_refused() -> None:
    request = _BUILD.auth(uri="/?a=1")
    request = type(request)(uri=request.uri, query_params={"a": "2"})
    with pytest.raises(RequestError, match="does not carry query_params"):
        _SDK.encode(request)


def test_a_lenient_request_is_sent_without_what_would_be_dropped() -> None:
    lenient = _BUILD.query("x", type="Insert", limit=1, sort=["a"], context=_OTHER, lenient=True)
    assert _SDK.encode(lenient) == _SDK.encode(_BUILD.query("x"))


@pytest.mark.parametrize("path", ["/users/é/posts", "/users/é", "/é/"])
def test_a_path_parameter_that_the_path_shows_needs_no_place_of_its_own(path: str) -> None:
    assert b'"request":' in _SDK.encode(_BUILD.response("GET", path, path_params={"name": "é"}))


def test_a_number_that_json_cannot_hold_is_refused_with_its_pointer() -> None:
    with pytest.raises(RequestError, match="/args/0"):
        _SDK.encode(_BUILD.template("add", float("nan")))


# --- refusals ---------------------------------------------------------------------------------------------------------

_TEMPLATE = Operation.TEMPLATE_FUNCTION
_ENVELOPE = b'{"success": false, "error": "no such function"}'


def _status(status: int, body: bytes = b"") -> RemoteFailure:
    return RemoteFailure("the service answered with an error", kind="status", status=status, body=body)


@pytest.mark.parametrize("operation", [Operation.AUTHENTICATE, Operation.GENERATE_RESPONSE])
@pytest.mark.parametrize("dialect", [_HOST, _SDK])
def test_an_operation_whose_reply_can_say_no_does_not_refuse_by_a_status(
    dialect: Dialect, operation: Operation
) -> None:
    assert dialect.refusal(operation, _status(422, _ENVELOPE)) is None


@pytest.mark.parametrize("operation", [Operation.TEMPLATE_FUNCTION, Operation.QUERY_DATASOURCE])
@pytest.mark.parametrize("dialect", [_HOST, _SDK])
def test_an_error_of_the_caller_is_a_refusal_with_its_words(dialect: Dialect, operation: Operation) -> None:
    assert dialect.refusal(operation, _status(422, _ENVELOPE)) == "no such function"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 408, 413, 415, 429, 500, 503, 302])
@pytest.mark.parametrize("dialect", [_HOST, _SDK])
def test_a_status_that_speaks_of_the_road_or_the_server_is_no_refusal(dialect: Dialect, status: int) -> None:
    assert dialect.refusal(_TEMPLATE, _status(status, b"no")) is None


@pytest.mark.parametrize("code", [3, 9, 11])
@pytest.mark.parametrize("dialect", [_HOST, _SDK])
def test_a_code_of_grpc_that_blames_the_request_is_a_refusal(dialect: Dialect, code: int) -> None:
    assert dialect.refusal(_TEMPLATE, _status(code, b"bad count")) == "bad count"


@pytest.mark.parametrize("code", [2, 4, 5, 12, 13, 14])
@pytest.mark.parametrize("dialect", [_HOST, _SDK])
def test_any_other_code_of_grpc_is_no_refusal(dialect: Dialect, code: int) -> None:
    assert dialect.refusal(_TEMPLATE, _status(code, b"bad count")) is None


def test_an_envelope_with_status_500_is_a_refusal_under_sdk_alone() -> None:
    assert _SDK.refusal(_TEMPLATE, _status(500, _ENVELOPE)) == "no such function"
    assert _HOST.refusal(_TEMPLATE, _status(500, _ENVELOPE)) is None


@pytest.mark.parametrize("body", [b'{"success": false}', b'{"success": false, "error": 7}', b'{"error": "x"}', b"x"])
def test_status_500_without_a_whole_envelope_is_no_refusal(body: bytes) -> None:
    assert _SDK.refusal(_TEMPLATE, _status(500, body)) is None


def test_a_timeout_is_no_refusal() -> None:
    assert _SDK.refusal(_TEMPLATE, RemoteFailure("silent", kind="timeout")) is None
    assert _HOST.refusal(_TEMPLATE, RemoteFailure("silent", kind="timeout")) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"detail": "bad count"}', "bad count"),
        (b'{"message": "bad", "detail": [1]}', "bad"),
        (b'"bad count"', "bad count"),
        (b"bad\n  count\x1b[31m", "bad count [31m"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"", "status 422"),
        (b"x" * 1000, "x" * 299 + "…"),
    ],
)
def test_the_words_of_a_refusal_are_one_printable_line(body: bytes, words: str) -> None:
    assert _HOST.refusal(_TEMPLATE, _status(422, body)) == words


# --- by name ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["host", "sdk"])
def test_a_dialect_is_found_by_its_name(name: str) -> None:
    assert dialect_named(name).name == name


def test_an_unknown_dialect_is_refused_with_the_valid_names() -> None:
    with pytest.raises(SettingsError) as caught:
        dialect_named("auto")
    assert str(caught.value) == "the dialect cannot be 'auto'\n  hint: valid values are host, sdk"


def test_the_host_dialect_carries_every_expectation_whole() -> None:
    reply: Json = {"authenticated": True, "metadata": {"a": 1}}
    assert _HOST.carried(Operation.AUTHENTICATE, reply) is reply
