"""The host's JSON goes into the messages of plugin.proto and comes back as it was."""

from __future__ import annotations

import json
from typing import cast

import pytest

from pytest_mockforge.contract.decode import decode_reply
from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.json_text import dump
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import NamedRequest, realistic_requests
from tests.reference_module import Case, read_cases, request_bytes

pytest.importorskip("google.protobuf", reason="plugin.proto needs the extra 'grpc'")

from pytest_mockforge.proto.json_form import (
    WireReply,
    refusal_to_wire,
    reply_from_wire,
    reply_to_wire,
    request_from_wire,
    request_to_wire,
)
from pytest_mockforge.proto.messages import Fields, WireError, decode, encode, reply_name, request_name

AUTH, TEMPLATE = Operation.AUTHENTICATE, Operation.TEMPLATE_FUNCTION
RESPONSE, QUERY = Operation.GENERATE_RESPONSE, Operation.QUERY_DATASOURCE

REQUESTS = [
    pytest.param(operation, named, id=f"{operation}-{named.name}")
    for operation in Operation
    for named in realistic_requests(operation)
]
ANSWERED = [case for case in read_cases() if case.get("reply") is not None]
BUILT = [case for case in read_cases() if "request" in case]

CLAIMS = (
    '{"max":18446744073709551615,"min":-9223372036854775808,"odd":9007199254740993,"tenth":0.1,"one":1.0,"huge":1e300,'
    '"tiny":1.1e-5,"minus":-0.0,"nothing":null,"truth":true,"text":"\\u00e9 \\" \\\\ \U0001f3b8","nested":[[],{},[{}]]}'
)


def auth_reply(**result: object) -> bytes:
    return encode("AuthResponse", {"success": True, "result": result})


def back_and_forth(operation: Operation, payload: bytes) -> bytes:
    return reply_from_wire(operation, reply_to_wire(operation, payload)).payload


@pytest.mark.parametrize(("operation", "named"), REQUESTS)
def test_a_realistic_request_comes_back_byte_for_byte(operation: Operation, named: NamedRequest) -> None:
    payload = HostDialect().encode(named.request)
    assert request_from_wire(operation, request_to_wire(operation, payload)) == payload


@pytest.mark.parametrize("case", BUILT, ids=lambda case: case["name"])
def test_a_reference_request_comes_back_as_the_same_json(case: Case) -> None:
    operation, payload = Operation(case["operation"]), request_bytes(case)
    assert json.loads(request_from_wire(operation, request_to_wire(operation, payload))) == json.loads(payload)


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case["name"])
def test_a_reference_reply_comes_back_as_the_same_json(case: Case) -> None:
    operation, payload = Operation(case["operation"]), dump(case["reply"])
    assert back_and_forth(operation, payload) == (payload if operation is TEMPLATE else dump(json.loads(payload)))


def test_numbers_of_a_plugins_own_json_do_not_change() -> None:
    payload = b'{"authenticated":false,"claims":%b,"metadata":{}}' % CLAIMS.encode()
    assert b'"claims":%b,' % CLAIMS.encode() in back_and_forth(AUTH, payload)


def test_arguments_travel_as_the_text_they_are() -> None:
    payload = b'{"args": [9007199254740993, 1.0, -0.0, null] ,"function_name":"echo"}'
    message = decode(request_name(TEMPLATE), request_to_wire(TEMPLATE, payload))
    assert message["args_json"] == b"[9007199254740993, 1.0, -0.0, null]"


def test_a_result_of_a_template_function_is_handed_on_verbatim() -> None:
    assert back_and_forth(TEMPLATE, b" [1.0,\n1] ") == b" [1.0,\n1] "


@pytest.mark.parametrize("text", [b"", b"nul", b"\xff", b"1 2"])
def test_a_result_that_is_no_json_is_left_for_the_contract_to_judge(text: bytes) -> None:
    data = encode("TemplateFunctionResponse", {"success": True, "result_json": text})
    assert not decode_reply(TEMPLATE, reply_from_wire(TEMPLATE, data).payload).ok


def test_what_is_not_set_is_null_or_empty_in_the_reply() -> None:
    assert json.loads(reply_from_wire(AUTH, auth_reply(identity={"user_id": "u"})).payload) == {
        "authenticated": False,
        "identity": {
            "user_id": "u",
            "username": None,
            "email": None,
            "display_name": None,
            "roles": [],
            "groups": [],
            "attributes": {},
        },
        "claims": {},
        "metadata": {},
        "error_message": None,
    }


def test_an_identity_that_is_not_set_is_null() -> None:
    assert b'"identity":null' in reply_from_wire(AUTH, auth_reply()).payload


def test_an_empty_text_is_not_null() -> None:
    reply = json.loads(reply_from_wire(AUTH, auth_reply(error_message="")).payload)
    assert reply["error_message"] == ""


def test_what_mockforge_does_not_send_is_carried_when_it_is_there() -> None:
    extra = b'"body":[0,255],"credentials":{"data":{"username":"u"},"token":"t","type":"basic"},"headers":{"a":"b"}'
    payload = b'{%b,"client_ip":null,"method":"GET","query_params":{},"uri":"/","user_agent":null}' % extra
    data = request_to_wire(AUTH, payload)
    assert decode("AuthRequest", data)["body"] == b"\x00\xff"
    assert json.loads(request_from_wire(AUTH, data)) == json.loads(payload)


def test_a_body_travels_as_its_bytes() -> None:
    body = bytes(range(256)) * 300
    reply: Fields = {"status_code": 200, "body": body}
    data = encode("ResponseResponse", {"success": True, "result": reply})
    decoded = decode_reply(RESPONSE, reply_from_wire(RESPONSE, data).payload)
    assert getattr(decoded.reply, "body", None) == body
    again = decode("ResponseResponse", reply_to_wire(RESPONSE, dump(decoded.value)))
    assert cast("Fields", again["result"])["body"] == body


@pytest.mark.parametrize("status", [0, 99, 1000, 70000])
def test_a_number_out_of_range_is_left_for_the_contract_to_judge(status: int) -> None:
    data = encode("ResponseResponse", {"success": True, "result": {"status_code": status}})
    decoded = decode_reply(RESPONSE, reply_from_wire(RESPONSE, data).payload)
    assert [one.pointer for one in decoded.violations] == ["/status_code"]


@pytest.mark.parametrize("operation", Operation)
def test_a_refusal_says_why(operation: Operation) -> None:
    data = refusal_to_wire(operation, "no such function")
    assert reply_from_wire(operation, data) == WireReply(refused=True, error="no such function")


@pytest.mark.parametrize("operation", [AUTH, RESPONSE, QUERY])
def test_success_without_a_result_is_an_error(operation: Operation) -> None:
    with pytest.raises(WireError, match=f"{reply_name(operation)} says success, but its result is not set"):
        reply_from_wire(operation, encode(reply_name(operation), {"success": True}))


@pytest.mark.parametrize("text", [b'{"a":1},"authenticated":true', b"{", b"\xff", b"{} {}", b"NaN"])
def test_json_text_that_is_no_single_value_is_an_error_that_names_its_field(text: bytes) -> None:
    with pytest.raises(WireError, match=r"result\.claims_json is no JSON text: "):
        reply_from_wire(AUTH, auth_reply(claims_json=text))


def test_json_text_inside_a_list_is_named_with_its_place() -> None:
    rows: Fields = {"rows": [{"values_json": b"[1]"}, {"values_json": b"[1,]"}]}
    with pytest.raises(WireError, match=r"result\.rows\[1\]\.values_json is no JSON text: "):
        reply_from_wire(QUERY, encode("DataSourceResponse", {"success": True, "result": rows}))


def test_bytes_that_are_no_message_are_an_error() -> None:
    with pytest.raises(WireError):
        reply_from_wire(AUTH, b"\xff\xff\xff")


@pytest.mark.parametrize(
    ("operation", "payload", "message"),
    [
        (AUTH, b"", "no JSON: EOF while parsing"),
        (AUTH, b"[]", r"the whole: Expected `object`, got `array`"),
        (AUTH, b'{"query_params":{"token":7}}', r"/query_params: Expected `str`, got `int`"),
        (AUTH, b'{"query_params":null}', r"/query_params: Expected `object`, got `null`"),
        (AUTH, b'{"colour":"red"}', "/colour: plugin.proto has no place for it"),
        (AUTH, b'{"context":{"version":"1.2.3"}}', "/context/version: Expected `object`, got `str`"),
        (RESPONSE, b'{"body":"YWJj"}', "/body: Expected `array`, got `str`"),
        (RESPONSE, b'{"body":[256]}', "/body: Expected `int` <= 255"),
        (QUERY, b'{"limit":-1}', "/limit: no integer from 0 to 18446744073709551615"),
        (QUERY, b'{"limit":1.0}', "/limit: no integer from 0 to 18446744073709551615"),
        (QUERY, b'{"offset":18446744073709551616}', "/offset: no integer from 0 to"),
        (
            QUERY,
            b'{"context":{"version":{"major":4294967296}}}',
            "/context/version/major: no integer from 0 to 4294967295",
        ),
    ],
)
def test_a_request_that_a_message_cannot_carry_whole_is_an_error(
    operation: Operation, payload: bytes, message: str
) -> None:
    with pytest.raises(WireError, match=message):
        request_to_wire(operation, payload)


@pytest.mark.parametrize("written", ['"Uuid"', '{"Custom":"money"}', '{"Custom":""}', '{"Text":"odd"}', '"Nonsense"'])
def test_a_data_type_comes_back_as_it_was_written(written: str) -> None:
    column = b'{"data_type":%b,"description":null,"metadata":{},"name":"a","nullable":true}' % written.encode()
    payload = b'{"columns":[%b],"execution_time_ms":0,"metadata":{},"rows":[],"total_count":null}' % column
    assert back_and_forth(QUERY, payload) == payload
