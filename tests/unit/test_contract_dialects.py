"""Requests in the host dialect, byte for byte, and what it refuses to drop."""

from __future__ import annotations

import math
import re
from typing import cast

import msgspec
import pytest

from pytest_mockforge.contract.dialects import Dialect, HostDialect
from pytest_mockforge.contract.json_text import dump, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import realistic_requests
from pytest_mockforge.contract.requests import (
    PluginContext,
    Request,
    RequestBuilder,
    RequestMetadata,
    ResolutionContext,
    Version,
    custom,
)
from pytest_mockforge.errors import RequestError

_BUILD = RequestBuilder()
_HOST: Dialect = HostDialect()
_CONTEXT = PluginContext(
    plugin_id="auth-demo",
    version=Version(major=1, minor=2, patch=3),
    request_id="3f2b8c1e-5d7a-4c3e-9a51-0b7d1f6a2c90",
    environment={},
)
_CONTEXT_TEXT = (
    b'"context":{"custom":{},"environment":{},"plugin_id":"auth-demo","request_id":"3f2b8c1e-5d7a-4c3e-9a51-0b7d1f6a2c90"'
    b',"timeout_ms":5000,"version":{"build":null,"major":1,"minor":2,"patch":3,"pre_release":null}}'
)


def test_the_auth_request_of_the_contract_comes_out_byte_for_byte() -> None:
    request = _BUILD.auth(query={"token": "abc"}, uri="/api/users", client_ip="203.0.113.9", context=_CONTEXT)
    assert _HOST.encode(request) == (
        b'{"client_ip":"203.0.113.9",' + _CONTEXT_TEXT + b',"method":"GET","query_params":{"token":"abc"},'
        b'"uri":"/api/users?token=abc","user_agent":null}'
    )


def test_the_template_call_of_the_contract_comes_out_byte_for_byte() -> None:
    context = ResolutionContext(
        environment={"HOME": "/home/mockforge"},
        request_context=RequestMetadata(method="GET", path="/api/users", headers={"accept": "application/json"}),
        timestamp="2026-01-02T03:04:05.678901234Z",
    )
    assert _HOST.encode(_BUILD.template("upper", "abc", 1, None, context=context)) == (
        b'{"args":["abc",1,null],"context":{"environment":{"HOME":"/home/mockforge"},"metadata":{},"request_context":'
        b'{"headers":{"accept":"application/json"},"method":"GET","path":"/api/users","query_params":{}},'
        b'"timestamp":"2026-01-02T03:04:05.678901234Z"},"function_name":"upper"}'
    )


def test_the_response_request_of_the_contract_comes_out_byte_for_byte() -> None:
    request = _BUILD.response(
        "POST",
        "/api/users/7",
        query={"x": "1"},
        path_params={"id": "7"},
        user_agent="curl/8.5.0",
        context=_CONTEXT,
    )
    assert _HOST.encode(request) == (
        b'{"client_ip":null,' + _CONTEXT_TEXT + b',"method":"POST","path":"/api/users/7","path_params":{"id":"7"},'
        b'"query_params":{"x":"1"},"uri":"/api/users/7?x=1","user_agent":"curl/8.5.0"}'
    )


def test_the_query_of_the_contract_comes_out_byte_for_byte() -> None:
    query = _BUILD.query("SELECT * FROM users", parameters={"min_age": 18}, limit=10, context=_CONTEXT)
    assert _HOST.encode(query) == (
        b"{" + _CONTEXT_TEXT + b',"limit":10,"offset":null,"parameters":{"min_age":18},"query":"SELECT * FROM users",'
        b'"query_type":"Select"}'
    )


def test_a_custom_query_type_is_quoted_inside_its_json_string() -> None:
    assert b'"query_type":"Custom(\\"name\\")"' in _HOST.encode(_BUILD.query("x", type=custom("name")))


def test_a_template_call_without_a_request_sends_null() -> None:
    assert b'"request_context":null' in _HOST.encode(_BUILD.template("now"))


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (_BUILD.auth(headers={"a": "b"}), "headers"),
        (_BUILD.auth(body=b""), "body"),
        (_BUILD.auth(bearer="t", body=b"x"), "body or credentials"),
        (_BUILD.response("GET", "/", headers={"a": "b"}, body=b"x"), "headers or body"),
        (_BUILD.query("x", sort=["a"], filters=[{}], options={"a": 1}), "sort or filters or options"),
    ],
)
def test_what_the_host_would_drop_is_refused_by_name(request_: Request, named: str) -> None:
    with pytest.raises(RequestError) as caught:
        _HOST.encode(request_)
    assert f"the host dialect does not carry {named}, so" in caught.value.message
    assert "lenient=True" in (caught.value.hint or "")


def test_dropped_credentials_point_to_the_query() -> None:
    with pytest.raises(RequestError) as caught:
        _HOST.encode(_BUILD.auth(bearer="secret-token"))
    assert "query={'token': '…'}" in (caught.value.hint or "")
    assert "secret-token" not in str(caught.value)


def test_a_lenient_request_is_sent_without_what_the_host_drops() -> None:
    strict = _BUILD.auth(uri="/a")
    lenient = _BUILD.auth(uri="/a", headers={"a": "b"}, body=b"x", bearer="t", lenient=True)
    assert _HOST.encode(lenient) == _HOST.encode(strict)
    query = _BUILD.query("x", sort=["a"], filters=[1], options={"a": 1}, lenient=True)
    assert _HOST.encode(query) == _HOST.encode(_BUILD.query("x"))


def test_empty_extras_are_not_lost_and_so_not_refused() -> None:
    _HOST.encode(_BUILD.auth(headers={}))
    _HOST.encode(_BUILD.query("x", sort=[], filters=[], options={}))


def test_an_argument_that_json_cannot_hold_is_refused_with_its_pointer() -> None:
    with pytest.raises(RequestError, match='"/args/1/0"'):
        _HOST.encode(_BUILD.template("f", 1, [math.nan]))


def test_the_host_dialect_reads_replies_as_the_host() -> None:
    decoded = _HOST.decode(Operation.AUTHENTICATE, b'{"authenticated":false,"claims":{},"metadata":{}}')
    assert decoded.ok
    assert _HOST.name == "host"


# --- realistic requests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", list(Operation))
def test_realistic_requests_are_a_dozen_and_named_in_kebab_case(operation: Operation) -> None:
    named = realistic_requests(operation)
    names = [one.name for one in named]
    assert len(named) >= 12
    assert len(set(names)) == len(names)
    assert all(name and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names)
    assert all(one.request.operation is operation for one in named)
    assert named == realistic_requests(operation)


@pytest.mark.parametrize("operation", list(Operation))
def test_realistic_requests_travel_in_the_host_dialect_and_read_back(operation: Operation) -> None:
    for one in realistic_requests(operation):
        written = _HOST.encode(one.request)
        parsed = parse(written)
        assert parsed.violations == (), one.name
        assert dump(parsed.value) == written, one.name


def _realistic(operation: Operation) -> dict[str, dict[str, object]]:
    return {one.name: msgspec.structs.asdict(one.request) for one in realistic_requests(operation)}


@pytest.mark.parametrize("operation", [Operation.AUTHENTICATE, Operation.GENERATE_RESPONSE])
def test_a_realistic_request_named_after_a_method_has_it(operation: Operation) -> None:
    methods = {"get", "post", "put", "patch", "delete", "head", "options"}
    named = {name: made["method"] for name, made in _realistic(operation).items() if name.split("-")[0] in methods}
    assert named == {name: name.split("-")[0].upper() for name in named}
    assert len(named) >= 4


def test_a_realistic_request_with_a_token_has_one_beside_its_path() -> None:
    made = _realistic(Operation.AUTHENTICATE)
    assert (made["get-with-token"]["uri"], made["get-with-token"]["query_params"]) == (
        "/api/users?token=abc",
        {"token": "abc"},
    )
    assert made["empty-token"]["query_params"] == {"token": ""}
    assert made["get-with-api-key"]["query_params"] == {"api_key": "k-12345"}


def test_a_realistic_path_with_a_number_has_it_as_a_parameter() -> None:
    made = [one for one in _realistic(Operation.GENERATE_RESPONSE).values() if one["path"] == "/api/users/7"]
    assert len(made) >= 5
    assert all(one["path_params"] == {"id": "7"} for one in made)


def test_a_realistic_query_has_each_parameter_that_its_text_names() -> None:
    made = _realistic(Operation.QUERY_DATASOURCE).values()
    named = [(set(re.findall(r":(\w+)", str(one["query"]))), one["parameters"]) for one in made]
    assert all(names == set(cast(dict[str, object], given)) for names, given in named if names)
    assert sum(bool(names) for names, _ in named) >= 4


def test_a_realistic_call_has_arguments_of_several_types() -> None:
    made = _realistic(Operation.TEMPLATE_FUNCTION)
    assert made["mixed-arguments"]["args"] == ("abc", 1, None)
    assert made["booleans-and-null"]["args"] == (True, False, None)


def test_a_realistic_call_about_a_request_has_one() -> None:
    context = _realistic(Operation.TEMPLATE_FUNCTION)["with-request-context"]["context"]
    assert isinstance(context, ResolutionContext)
    assert context.request_context == RequestMetadata(
        method="POST", path="/api/users/7", headers={"accept": "application/json"}, query_params={"x": "1"}
    )


@pytest.mark.parametrize("operation", [Operation.AUTHENTICATE, Operation.GENERATE_RESPONSE])
def test_one_realistic_uri_is_longer_than_four_kilobytes(operation: Operation) -> None:
    uris = [msgspec.structs.asdict(one.request)["uri"] for one in realistic_requests(operation)]
    assert max(map(len, uris)) > 4096
    assert all(uri.isascii() for uri in uris)
