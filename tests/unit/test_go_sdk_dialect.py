"""The sdk dialect of Go modules: three texts in a payload, bare results, errors in place of results."""

from __future__ import annotations

import json

import pytest

from pytest_mockforge import RequestBuilder
from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.dialects import Dialect
from pytest_mockforge.contract.go_sdk_dialect import GoSdkDialect
from pytest_mockforge.contract.json_text import Json
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import AuthResponse, UserIdentity
from pytest_mockforge.contract.requests import Request, RequestMetadata, ResolutionContext
from pytest_mockforge.errors import RequestError

BUILD = RequestBuilder()
DIALECT: Dialect = GoSdkDialect()
AUTH, TEMPLATE = Operation.AUTHENTICATE, Operation.TEMPLATE_FUNCTION
ERROR = b'{"message":"no such function","code":404}'


def told(decoded: Decoded) -> list[tuple[str, str, str]]:
    return [(one.severity, one.pointer, one.kind) for one in decoded.violations]


# ---- requests --------------------------------------------------------------------------------------------------------


def test_authenticate_has_context_and_credentials() -> None:
    request = BUILD.auth(bearer="t", method="PUT", uri="/a", query={"q": "1"}, headers={"accept": "x"}, body=b"\0\xff")
    context, credentials = map(json.loads, DIALECT.encode(request).split(b"\0"))
    assert context == {"method": "PUT", "uri": "/a?q=1", "headers": {"accept": "x"}, "body": "AP8="}
    assert credentials == {"type": "bearer", "token": "t", "data": {}}


def test_a_template_function_has_its_bare_name_and_arguments_and_context() -> None:
    metadata = RequestMetadata(method="POST", path="/p", headers={"a": "b"})
    context = ResolutionContext(environment={"E": "1"}, request_context=metadata)
    name, args, seen = DIALECT.encode(BUILD.template("größe", "\0", 1.5, context=context)).split(b"\0")
    assert name.decode() == "größe"
    assert args == rb'["\u0000",1.5]'
    assert json.loads(seen) == {
        "environment": {"E": "1"},
        "request_context": {"method": "POST", "uri": "/p", "headers": {"a": "b"}, "body": None},
    }


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), -0.0, 1e21, 0.1, 1e-7, "\ud7ff🎸", [], {}], ids=repr)
def test_an_argument_travels_unchanged(value: object) -> None:
    args = DIALECT.encode(BUILD.template("f", value)).split(b"\0")[1]
    assert repr(json.loads(args)) == repr([value])


def test_a_request_that_no_module_could_read_is_refused_with_its_limit() -> None:
    value: Json = 1
    for _ in range(200):
        value = [value]
    with pytest.raises(RequestError, match="nested too deeply") as caught:
        DIALECT.encode(BUILD.template("f", value))
    assert caught.value.hint == "a plugin reads 127 levels at most"


@pytest.mark.parametrize("request_", [BUILD.response("GET", "/"), BUILD.query("SELECT 1")], ids=["response", "query"])
def test_what_the_sdk_has_no_export_for_cannot_be_asked(request_: Request) -> None:
    with pytest.raises(RequestError, match="the published Go SDK exports nothing for it"):
        DIALECT.encode(request_)


def test_a_name_with_a_nul_cannot_be_asked() -> None:
    with pytest.raises(RequestError, match="cannot hold a NUL"):
        DIALECT.encode(BUILD.template("a\0b"))


def test_what_the_sdk_would_drop_is_refused_as_in_the_sdk_dialect() -> None:
    with pytest.raises(RequestError, match=r"the sdk dialect does not carry context\.metadata"):
        DIALECT.encode(BUILD.template("f", context=ResolutionContext(metadata={"a": "b"})))


# ---- replies ---------------------------------------------------------------------------------------------------------


def test_an_auth_result_becomes_the_hosts_model() -> None:
    decoded = DIALECT.decode(AUTH, b'{"authenticated":true,"user_id":"u-1","claims":{"a":1}}')
    identity = UserIdentity(user_id="u-1", roles=(), groups=(), attributes={})
    assert decoded.reply == AuthResponse(authenticated=True, identity=identity, claims={"a": 1}, metadata={})
    assert decoded.value == {"authenticated": True, "identity": {"user_id": "u-1"}, "claims": {"a": 1}}
    assert decoded.violations == ()


def test_claims_that_go_left_nil_are_none_and_noted() -> None:
    decoded = DIALECT.decode(AUTH, b'{"authenticated":false,"user_id":"","claims":null}')
    assert decoded.reply == AuthResponse(authenticated=False, claims={}, metadata={})
    assert told(decoded) == [("note", "/claims", "semantics")]


@pytest.mark.parametrize(
    ("reply", "violation"),
    [
        (b'{"authenticated":1,"user_id":"u","claims":{}}', ("error", "/authenticated", "wrong-type")),
        (b'{"user_id":"u","claims":{}}', ("error", "/authenticated", "missing-field")),
        (b'{"authenticated":true,"user_id":7,"claims":{}}', ("error", "/user_id", "wrong-type")),
        (b'{"authenticated":true,"user_id":"u","claims":[]}', ("error", "/claims", "wrong-type")),
        (b'{"authenticated":true,"user_id":"u"}', ("error", "/claims", "missing-field")),
        (b"[]", ("error", "", "wrong-type")),
        (b"{", ("error", "", "syntax")),
        (b'"\xff"', ("error", "", "encoding")),
    ],
)
def test_a_broken_auth_result_is_told_where_it_breaks(reply: bytes, violation: tuple[str, str, str]) -> None:
    decoded = DIALECT.decode(AUTH, reply)
    assert told(decoded) == [violation]
    assert decoded.reply is None


def test_an_error_of_authenticate_is_a_violation_that_quotes_it() -> None:
    decoded = DIALECT.decode(AUTH, b'{"message":"no auth plugin registered","code":500}')
    [violation] = decoded.violations
    assert violation.got == 'the error "no auth plugin registered" (code 500)'
    assert not decoded.ok
    assert decoded.value == {"message": "no auth plugin registered", "code": 500}


def test_an_error_of_authenticate_may_have_more_keys() -> None:
    decoded = DIALECT.decode(AUTH, b'{"message":"no","code":1,"more":true}')
    assert [one.got for one in decoded.violations] == ['the error "no" (code 1)']


@pytest.mark.parametrize("value", ["null", "3", '"a"', "[1]", '{"message":"m"}', '{"message":"m","code":1,"x":1}'])
def test_a_template_value_is_any_json(value: str) -> None:
    decoded = DIALECT.decode(TEMPLATE, value.encode())
    assert decoded.ok
    assert decoded.reply == decoded.value == json.loads(value)
    assert GoSdkDialect().refused(TEMPLATE, value.encode()) is None


def test_a_template_value_of_exactly_these_two_keys_is_a_refusal() -> None:
    assert GoSdkDialect().refused(TEMPLATE, ERROR) == '"no such function" (code 404)'
    assert not DIALECT.decode(TEMPLATE, ERROR).ok


@pytest.mark.parametrize(
    "near", ['{"message":1,"code":1}', '{"message":"m","code":"1"}', '{"message":"m","code":true}']
)
def test_an_error_has_text_and_a_whole_number(near: str) -> None:
    assert DIALECT.decode(TEMPLATE, near.encode()).ok


def test_an_error_of_authenticate_is_no_refusal() -> None:
    assert GoSdkDialect().refused(AUTH, ERROR) is None


def test_a_message_is_quoted_in_one_printable_line() -> None:
    words = GoSdkDialect().refused(TEMPLATE, json.dumps({"message": "a\n\x1b[31m" + "x" * 999, "code": 1}).encode())
    assert words is not None
    assert words.isprintable()
    assert len(words) < 330


def test_an_expected_reply_of_the_hosts_shape_loses_what_cannot_come() -> None:
    expected: Json = {"authenticated": True, "identity": {"user_id": "u", "roles": []}, "metadata": {}}
    assert DIALECT.carried(AUTH, expected) == {"authenticated": True, "identity": {"user_id": "u"}}
