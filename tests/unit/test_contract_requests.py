"""Requests built in Python and from the `request:` of a sample."""

from __future__ import annotations

import msgspec
import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import (
    AuthRequest,
    Credentials,
    DataQuery,
    PluginContext,
    RequestBuilder,
    RequestMetadata,
    ResolutionContext,
    ResponseRequest,
    TemplateCall,
    Version,
    custom,
    from_mapping,
)
from pytest_mockforge.errors import RequestError

_BUILD = RequestBuilder()


def test_a_request_that_names_nothing_is_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_SECRET", "hush")
    first = _BUILD.auth()
    assert first == RequestBuilder().auth() == AuthRequest()
    assert first.context.environment == {"MOCKFORGE_ENV": "test"}
    assert first.context.plugin_id == "pytest-mockforge"
    assert first.context.version == Version(major=0, minor=1, patch=0)
    assert first.context.timeout_ms == 5000
    assert _BUILD.template("now").context.timestamp == "2026-01-02T03:04:05Z"
    assert _BUILD.template("now").context.environment == {"MOCKFORGE_ENV": "test"}


def test_each_request_knows_its_operation() -> None:
    assert AuthRequest.operation is Operation.AUTHENTICATE
    assert TemplateCall.operation is Operation.TEMPLATE_FUNCTION
    assert ResponseRequest.operation is Operation.GENERATE_RESPONSE
    assert DataQuery.operation is Operation.QUERY_DATASOURCE


def test_a_request_is_changed_by_replace() -> None:
    request = msgspec.structs.replace(_BUILD.auth(uri="/a"), method="PUT")
    assert (request.method, request.uri) == ("PUT", "/a")


# --- URIs and queries -------------------------------------------------------------------------------------------------


def test_a_query_is_appended_to_the_uri_form_urlencoded() -> None:
    request = _BUILD.auth(query={"token": "a b&c=ü", "flag": ""}, uri="/api/users")
    assert request.uri == "/api/users?token=a+b%26c%3D%C3%BC&flag="
    assert request.query_params == {"token": "a b&c=ü", "flag": ""}


def test_a_query_in_the_uri_is_read_and_the_last_of_a_repeated_name_wins() -> None:
    request = _BUILD.auth(uri="/a?x=1&x=2&y=%C3%BC+z&flag&=e&z=a=b")
    assert request.uri == "/a?x=1&x=2&y=%C3%BC+z&flag&=e&z=a=b"
    assert request.query_params == {"x": "2", "y": "ü z", "flag": "", "": "e", "z": "a=b"}


def test_an_empty_query_leaves_the_uri_alone() -> None:
    assert _BUILD.auth(query={}, uri="/a").uri == "/a"


@pytest.mark.parametrize("query", [{"x": "1"}, {}])
def test_a_query_beside_one_in_the_uri_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(RequestError, match="uri and query both give query parameters"):
        _BUILD.auth(query=query, uri="/a?x=2")


def test_a_response_path_is_percent_encoded_in_the_uri_alone() -> None:
    request = _BUILD.response("GET", "/café/a%20b", query={"x": "1"}, path_params={"id": "7"})
    assert request.path == "/café/a%20b"
    assert request.uri == "/caf%C3%A9/a%20b?x=1"
    assert request.path_params == {"id": "7"}


def test_a_response_path_may_hold_the_query() -> None:
    request = _BUILD.response("GET", "/a?x=1&x=2")
    assert (request.path, request.uri, request.query_params) == ("/a", "/a?x=1&x=2", {"x": "2"})


# --- credentials and clients ------------------------------------------------------------------------------------------


def test_each_kind_of_credentials_is_kept() -> None:
    assert _BUILD.auth(bearer="t").credentials == Credentials(type="bearer", token="t")
    assert _BUILD.auth(api_key="k").credentials == Credentials(type="api_key", token="k")
    assert _BUILD.auth(basic=("al", "pä")).credentials == Credentials(
        type="basic", token="YWw6cMOk", data={"username": "al", "password": "pä"}
    )


def test_two_kinds_of_credentials_are_refused() -> None:
    with pytest.raises(RequestError, match="more than one kind of credentials") as caught:
        _BUILD.auth(bearer="t", api_key="k")
    assert "got: bearer and api_key" in caught.value.message


def test_a_bad_pair_for_basic_is_refused_without_showing_it() -> None:
    with pytest.raises(RequestError, match="basic is no pair") as caught:
        _BUILD.auth(basic="alice:secret")  # type: ignore[arg-type] # the point of the test
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("headers", "address", "agent"),
    [
        ({"X-Forwarded-For": "1.2.3.4, 5.6.7.8", "X-Real-Ip": "9.9.9.9"}, "1.2.3.4, 5.6.7.8", None),
        ({"x-real-ip": "9.9.9.9", "User-Agent": "curl/8"}, "9.9.9.9", "curl/8"),
        ({"x-forwarded-for": "é", "x-real-ip": "9.9.9.9", "user-agent": "é"}, None, None),
        ({}, None, None),
    ],
)
def test_a_lenient_request_takes_address_and_agent_from_its_headers(
    headers: dict[str, str], address: str | None, agent: str | None
) -> None:
    for request in (
        _BUILD.auth(headers=headers, lenient=True),
        _BUILD.response("GET", "/", headers=headers, lenient=True),
    ):
        assert (request.client_ip, request.user_agent) == (address, agent)


def test_an_address_that_is_given_goes_before_the_headers() -> None:
    request = _BUILD.auth(headers={"x-real-ip": "9.9.9.9"}, client_ip="::1", lenient=True)
    assert request.client_ip == "::1"


def test_a_strict_request_derives_nothing_from_its_headers() -> None:
    assert _BUILD.auth(headers={"x-real-ip": "9.9.9.9"}).client_ip is None


# --- queries ----------------------------------------------------------------------------------------------------------


def test_a_custom_query_type_is_written_as_rust_debugs_it() -> None:
    assert custom("name") == 'Custom("name")'
    assert custom('a"b\\c\n\u200b') == 'Custom("a\\"b\\\\c\\n\\u{200b}")'
    assert _BUILD.query("x", type=custom("")).query_type == 'Custom("")'


@pytest.mark.parametrize("name", ["select", "Merge", "", "Custom", 'Custom("'])
def test_a_query_type_that_no_host_sends_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match=r"^query_datasource: unknown query type\n") as caught:
        _BUILD.query("x", type=name)
    assert 'Select, Insert, Update, Delete or custom("name")' in caught.value.message


@pytest.mark.parametrize("limit", [-1, 2**64, True, 1.0, "1"])
def test_a_limit_that_is_no_u64_is_refused(limit: object) -> None:
    with pytest.raises(RequestError, match="query_datasource: limit is out of range"):
        _BUILD.query("x", limit=limit)  # type: ignore[arg-type] # the point of the test


# --- values of a wrong type -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": {"x": 1}}, "authenticate: query['x'] is no text\n  expected: text\n  got: 1 (int)"),
        ({"query": {1: "x"}}, "authenticate: a key of query is no text"),
        ({"query": [("x", "1")]}, "authenticate: query is no mapping"),
        ({"uri": None}, "authenticate: uri is no text"),
        ({"method": b"GET"}, "authenticate: method is no text"),
        ({"headers": {"a": None}}, "authenticate: headers['a'] is no text"),
        ({"body": "text"}, "authenticate: body is not bytes"),
        ({"client_ip": 1}, "authenticate: client_ip is no text"),
        ({"user_agent": "\ud800"}, "authenticate: user_agent holds half a surrogate pair"),
        ({"context": {}}, "authenticate: context is of another type\n  expected: a PluginContext"),
        ({"api_key": 1}, "authenticate: api_key is no text"),
        ({"lenient": 1}, "authenticate: lenient is neither true nor false"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(arguments: dict[str, object], message: str) -> None:
    build = _BUILD.auth
    with pytest.raises(RequestError) as caught:
        build(**arguments)  # type: ignore[arg-type] # the point of the test
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(("length", "shown"), [(58, '"' + "x" * 58 + '"'), (59, '"' + "x" * 58 + "…")])
def test_a_long_value_is_shown_by_its_first_sixty_letters(length: int, shown: str) -> None:
    with pytest.raises(RequestError) as caught:
        _BUILD.auth(body="x" * length)  # type: ignore[arg-type] # the point of the test
    assert caught.value.message.endswith(f"got: {shown} (str)")


# --- samples ----------------------------------------------------------------------------------------------------------


def test_a_sample_of_each_operation_is_built_as_the_builder_does() -> None:
    assert from_mapping(
        Operation.AUTHENTICATE, {"query": {"token": "abc"}, "uri": "/a", "basic": ["al", "pw"], "body": "hé"}
    ) == _BUILD.auth(query={"token": "abc"}, uri="/a", basic=("al", "pw"), body="hé".encode())
    assert from_mapping(
        Operation.TEMPLATE_FUNCTION, {"function_name": "upper", "args": ["abc", 1, None]}
    ) == _BUILD.template("upper", "abc", 1, None)
    assert from_mapping(
        Operation.GENERATE_RESPONSE, {"method": "GET", "path": "/a", "path_params": {"id": "7"}, "lenient": True}
    ) == _BUILD.response("GET", "/a", path_params={"id": "7"}, lenient=True)
    assert from_mapping(
        Operation.QUERY_DATASOURCE, {"query": "SELECT 1", "type": {"custom": "x"}, "limit": 3, "parameters": {"a": [1]}}
    ) == _BUILD.query("SELECT 1", type=custom("x"), limit=3, parameters={"a": [1]})


def test_a_sample_may_give_its_context() -> None:
    version = {"major": 2, "minor": 3, "patch": 4, "pre_release": "rc.1", "build": "7"}
    context = {
        "plugin_id": "demo",
        "version": version,
        "timeout_ms": 9,
        "request_id": "r-1",
        "environment": {"A": "b"},
        "custom": {"a": 1},
    }
    request = from_mapping(Operation.AUTHENTICATE, {"context": context})
    assert request.context == PluginContext(
        plugin_id="demo",
        version=Version(major=2, minor=3, patch=4, pre_release="rc.1", build="7"),
        timeout_ms=9,
        request_id="r-1",
        environment={"A": "b"},
        custom={"a": 1},
    )


def test_a_sample_of_a_template_function_may_give_its_context() -> None:
    seen = {"method": "PUT", "path": "/x", "headers": {"a": "b"}, "query_params": {"c": "d"}}
    call = from_mapping(
        Operation.TEMPLATE_FUNCTION,
        {
            "function_name": "f",
            "context": {
                "timestamp": "t",
                "metadata": {"m": "n"},
                "environment": {"E": "1"},
                "request_context": seen,
            },
        },
    )
    assert call.context == ResolutionContext(
        timestamp="t",
        metadata={"m": "n"},
        environment={"E": "1"},
        request_context=RequestMetadata(method="PUT", path="/x", headers={"a": "b"}, query_params={"c": "d"}),
    )


@pytest.mark.parametrize(
    ("operation", "mapping", "message"),
    [
        (
            Operation.TEMPLATE_FUNCTION,
            {"function_name": "f", "arguments": []},
            "request of template_function: unknown key 'arguments'\n  expected: keys among function_name, args, con",
        ),
        (Operation.TEMPLATE_FUNCTION, {"args": []}, "request of template_function: function_name is missing"),
        (Operation.TEMPLATE_FUNCTION, {"function_name": 1}, "request of template_function: function_name is no text"),
        (
            Operation.TEMPLATE_FUNCTION,
            {"function_name": "f", "args": "abc"},
            "request of template_function: args is no list",
        ),
        (Operation.GENERATE_RESPONSE, {"path": "/"}, "request of generate_response: method is missing"),
        (Operation.QUERY_DATASOURCE, {"query": {"query": "x"}}, "query_datasource: query is no text"),
        (
            Operation.QUERY_DATASOURCE,
            {"query": "x", "type": {"name": "x"}},
            "request of query_datasource, type: unknown key",
        ),
        (Operation.AUTHENTICATE, {"token": "x"}, "request of authenticate: unknown key 'token'"),
        (Operation.AUTHENTICATE, {"context": {"config": {}}}, "request of authenticate, context: unknown key 'config'"),
        (
            Operation.AUTHENTICATE,
            {"context": {"version": "1.2.3"}},
            "request of authenticate, context, version: no mapping",
        ),
        (
            Operation.AUTHENTICATE,
            {"context": {"version": {"major": 2**32}}},
            "request of authenticate, context, version: major is out of range",
        ),
        (
            Operation.AUTHENTICATE,
            {"context": {"version": {"minor": 2**32}}},
            "request of authenticate, context, version: minor is out of range",
        ),
        (
            Operation.AUTHENTICATE,
            {"context": {"version": {"patch": 2**32}}},
            "request of authenticate, context, version: patch is out of range",
        ),
        (
            Operation.AUTHENTICATE,
            {"context": {"plugin_id": 1}},
            "request of authenticate, context: plugin_id is no text",
        ),
        (
            Operation.AUTHENTICATE,
            {"context": 1},
            "authenticate: context is of another type",
        ),
        (
            Operation.QUERY_DATASOURCE,
            {"query": "x", "context": 1},
            "query_datasource: context is of another type",
        ),
        (
            Operation.TEMPLATE_FUNCTION,
            {"function_name": "f", "context": {"request_context": "GET /"}},
            "request of template_function, context, request_context: no mapping\n  expected: {method: GET, path: /}\n"
            '  got: "GET /" (str)',
        ),
    ],
)
def test_a_sample_that_makes_no_request_is_refused_by_name(
    operation: Operation, mapping: dict[str, object], message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        from_mapping(operation, mapping)
    assert caught.value.message.startswith(message)


def test_a_number_where_yaml_wants_quotes_comes_with_a_hint() -> None:
    with pytest.raises(RequestError) as caught:
        from_mapping(Operation.AUTHENTICATE, {"query": {"page": 2}})
    assert caught.value.hint == "put it in quotes: '2'"
