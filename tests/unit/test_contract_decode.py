"""Replies read as the host reads them: models, every breach at once, and the host's own message."""

from __future__ import annotations

import json

import pytest

from pytest_mockforge.contract.decode import Decoded, decode_reply
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import AuthResponse, ColumnInfo, DataResult, DataRow, ResponseData, UserIdentity

_AUTH = {"authenticated": False, "claims": {}, "metadata": {}}
_IDENTITY = {"user_id": "u-1", "roles": ["admin"], "groups": [], "attributes": {"tier": "gold"}}
_RESPONSE = {"status_code": 200, "headers": {}, "body": [], "content_type": "text/plain", "metadata": {}, "custom": {}}
_DATA = {"rows": [], "columns": [], "execution_time_ms": 3, "metadata": {}}
_COLUMN = {"name": "id", "data_type": "Integer", "nullable": False, "metadata": {}}


def _auth(**changes: object) -> Decoded:
    return decode_reply(Operation.AUTHENTICATE, json.dumps({**_AUTH, **changes}).encode())


def _response(**changes: object) -> Decoded:
    return decode_reply(Operation.GENERATE_RESPONSE, json.dumps({**_RESPONSE, **changes}).encode())


def _data(**changes: object) -> Decoded:
    return decode_reply(Operation.QUERY_DATASOURCE, json.dumps({**_DATA, **changes}).encode())


def _column(**changes: object) -> Decoded:
    return _data(columns=[{**_COLUMN, **changes}])


def _pointers(decoded: Decoded) -> list[tuple[str, str]]:
    return [(violation.kind, violation.pointer) for violation in decoded.violations]


# --- what holds -------------------------------------------------------------------------------------------------------


def test_a_minimal_auth_reply_gives_its_model() -> None:
    decoded = decode_reply(Operation.AUTHENTICATE, b'{"authenticated":false,"claims":{},"metadata":{}}')
    assert decoded.reply == AuthResponse(authenticated=False, claims={}, metadata={})
    assert decoded.ok
    assert decoded.violations == ()
    assert decoded.host_message is None


def test_a_full_auth_reply_gives_its_model() -> None:
    decoded = decode_reply(
        Operation.AUTHENTICATE,
        b'{"authenticated":true,\n "identity":{"user_id":"u-1","username":"alice","email":null,"display_name":"Alice",'
        b'"roles":["admin"],"groups":[],"attributes":{"tier":"gold"}},\n "claims":{"sub":"u-1","exp":1893456000},'
        b'"metadata":{"scheme":"token"},"error_message":null}',
    )
    assert decoded.reply == AuthResponse(
        authenticated=True,
        identity=UserIdentity(
            user_id="u-1",
            username="alice",
            display_name="Alice",
            roles=("admin",),
            groups=(),
            attributes={"tier": "gold"},
        ),
        claims={"sub": "u-1", "exp": 1893456000},
        metadata={"scheme": "token"},
    )


def test_a_full_response_gives_its_model() -> None:
    decoded = decode_reply(
        Operation.GENERATE_RESPONSE,
        b'{"status_code":201,"headers":{"x-demo":"1"},"body":[123,34,111,107,34,58,116,114,117,101,125],'
        b'"content_type":"application/json","metadata":{},"cache_control":"no-store","custom":{}}',
    )
    reply = decoded.reply
    assert isinstance(reply, ResponseData)
    assert reply.status_code == 201
    assert reply.body == b'{"ok":true}'
    assert reply.text == '{"ok":true}'
    assert reply.json() == {"ok": True}


def test_headers_are_found_whatever_their_case_and_as_the_host_sends_them() -> None:
    reply = _response(headers={"X-Demo": "1", "Cache-Control": "public"}, cache_control="no-store").reply
    assert isinstance(reply, ResponseData)
    assert reply.header("x-dEMO") == "1"
    assert reply.header("content-type") == "text/plain"
    assert reply.header("cache-control") == "no-store"
    assert reply.header("absent") is None


def test_a_body_that_is_no_json_says_where() -> None:
    reply = _response(body=[123]).reply
    assert isinstance(reply, ResponseData)
    with pytest.raises(ValueError, match="EOF while parsing an object at line 1 column 1"):
        reply.json()


def test_a_full_data_result_gives_its_model_and_records() -> None:
    decoded = decode_reply(
        Operation.QUERY_DATASOURCE,
        b'{"rows":[{"values":[1,"Alice",9.5],"metadata":{}}],\n "columns":[{"name":"id","data_type":"Integer",'
        b'"nullable":false,"description":null,"metadata":{}},\n{"name":"name","data_type":"Text","nullable":false,'
        b'"metadata":{}},\n{"name":"balance","data_type":{"Custom":"money"},"nullable":true,"metadata":{}}],\n'
        b' "total_count":1,"execution_time_ms":3,"metadata":{}}',
    )
    reply = decoded.reply
    assert isinstance(reply, DataResult)
    assert reply.rows == (DataRow(values=(1, "Alice", 9.5), metadata={}),)
    assert reply.columns[2] == ColumnInfo(
        name="balance", data_type="Custom", custom_type="money", nullable=True, metadata={}
    )
    assert reply.total_count == 1
    assert reply.records == ({"id": 1, "name": "Alice", "balance": 9.5},)


@pytest.mark.parametrize(
    "text", ["null", '"ABC"', "[1,2.5]", '{"success":false,"error":"x"}', '{"success":true,"data":1}']
)
def test_a_template_function_may_answer_anything(text: str) -> None:
    decoded = decode_reply(Operation.TEMPLATE_FUNCTION, text.encode())
    assert decoded.ok
    assert decoded.violations == ()
    assert decoded.reply == json.loads(text)


def test_unknown_keys_are_ignored_everywhere() -> None:
    assert _auth(authenticated=True, identity={**_IDENTITY, "zz": None}, zz=1).violations == ()
    assert _column(zz=[]).violations == ()


@pytest.mark.parametrize("field", ["identity", "error_message"])
def test_an_optional_field_may_be_null_or_absent(field: str) -> None:
    assert _auth(**{field: None}).reply == _auth().reply


@pytest.mark.parametrize("name", ["Text", "Integer", "Float", "Boolean", "DateTime", "Binary", "Json", "Uuid"])
def test_each_data_type_is_accepted_as_text_and_as_a_key_with_null(name: str) -> None:
    for spelled in (name, {name: None}):
        reply = _column(data_type=spelled).reply
        assert isinstance(reply, DataResult)
        assert (reply.columns[0].data_type, reply.columns[0].custom_type) == (name, None)


def test_structs_may_be_written_as_arrays_also_nested() -> None:
    identity: list[object] = ["u-1", None, None, "Alice", ["admin"], [], {}]
    decoded = decode_reply(Operation.AUTHENTICATE, json.dumps([True, identity, {}, {}, None]).encode())
    reply = decoded.reply
    assert isinstance(reply, AuthResponse)
    assert reply.identity is not None
    assert reply.identity.display_name == "Alice"
    rows = decode_reply(Operation.QUERY_DATASOURCE, b'[[[[1],{}]],[["id","Integer",false,null,{}]],null,3,{}]').reply
    assert isinstance(rows, DataResult)
    assert rows.records == ({"id": 1},)


@pytest.mark.parametrize("number", [0, 1, 2**64 - 1])
def test_sixty_four_bits_are_enough_for_counts(number: int) -> None:
    assert _data(total_count=number, execution_time_ms=number).ok


# --- the host's message -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decoded", "message"),
    [
        (decode_reply(Operation.AUTHENTICATE, b"{}"), "AuthResponse: missing field `authenticated`"),
        (decode_reply(Operation.GENERATE_RESPONSE, b"{}"), "ResponseData: missing field `status_code`"),
        (decode_reply(Operation.QUERY_DATASOURCE, b"{}"), "DataResult: missing field `rows`"),
        (
            decode_reply(Operation.AUTHENTICATE, b'{"authenticated":true,"metadata":{}}'),
            "AuthResponse: missing field `claims`",
        ),
        (_auth(claims=None), "AuthResponse: invalid type: null, expected a map"),
        (_auth(claims=[]), "AuthResponse: invalid type: sequence, expected a map"),
        (_auth(authenticated=None), "AuthResponse: invalid type: null, expected a boolean"),
        (_auth(authenticated="true"), 'AuthResponse: invalid type: string "true", expected a boolean'),
        (_auth(authenticated=1), "AuthResponse: invalid type: integer `1`, expected a boolean"),
        (_auth(error_message=False), "AuthResponse: invalid type: boolean `false`, expected a string"),
        (_auth(identity="u-1"), 'AuthResponse: invalid type: string "u-1", expected struct UserIdentity'),
        (
            _auth(identity={**_IDENTITY, "roles": "abc"}),
            'AuthResponse: invalid type: string "abc", expected a sequence',
        ),
        (
            decode_reply(Operation.AUTHENTICATE, b'"x"'),
            'AuthResponse: invalid type: string "x", expected struct AuthResponse',
        ),
        (
            decode_reply(Operation.AUTHENTICATE, b"null"),
            "AuthResponse: invalid type: null, expected struct AuthResponse",
        ),
        (
            decode_reply(Operation.AUTHENTICATE, b"[true,null]"),
            "AuthResponse: invalid length 2, expected struct AuthResponse with 5 elements",
        ),
        (
            decode_reply(Operation.AUTHENTICATE, b"[true,null,{},{},null,1]"),
            "AuthResponse: invalid length 6, expected fewer elements in array",
        ),
        (_response(status_code=70000), "ResponseData: invalid value: integer `70000`, expected u16"),
        (_response(status_code=-1), "ResponseData: invalid value: integer `-1`, expected u16"),
        (_response(status_code=200.0), "ResponseData: invalid type: floating point `200.0`, expected u16"),
        (_response(status_code="200"), 'ResponseData: invalid type: string "200", expected u16'),
        (_response(body=[1, 256]), "ResponseData: invalid value: integer `256`, expected u8"),
        (_response(body="aGk="), 'ResponseData: invalid type: string "aGk=", expected a sequence'),
        (_response(body=[True]), "ResponseData: invalid type: boolean `true`, expected u8"),
        (_response(headers={"b": 1, "a": None}), "ResponseData: invalid type: null, expected a string"),
        (
            _data(execution_time_ms=2**64),
            "DataResult: invalid type: floating point `1.8446744073709552e19`, expected u64",
        ),
        (_data(total_count=-1), "DataResult: invalid value: integer `-1`, expected u64"),
        (_data(rows=[[[]]]), "DataResult: invalid length 1, expected struct DataRow with 2 elements"),
        (
            _column(data_type="string"),
            "DataResult: unknown variant `string`, expected one of `Text`, `Integer`, `Float`, `Boolean`, `DateTime`, "
            "`Binary`, `Json`, `Uuid`, `Custom`",
        ),
        (_column(data_type="Custom"), "DataResult: invalid type: unit variant, expected newtype variant"),
        (_column(data_type={}), "DataResult: invalid value: map, expected map with a single key"),
        (
            _column(data_type={"Text": None, "Json": None}),
            "DataResult: invalid value: map, expected map with a single key",
        ),
        (_column(data_type={"Text": 5}), "DataResult: invalid type: integer `5`, expected unit"),
        (_column(data_type={"Custom": 5}), "DataResult: invalid type: integer `5`, expected a string"),
        (_column(data_type=5), "DataResult: invalid type: integer `5`, expected string or map"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_message_is_the_one_the_host_prints(decoded: Decoded, message: str) -> None:
    assert decoded.host_message == f"Failed to parse {message}"
    assert decoded.reply is None
    assert not decoded.ok


def test_text_in_the_hosts_message_is_escaped_as_rust_does() -> None:
    decoded = _auth(authenticated="a\"b'\0\u0301")
    assert decoded.host_message is not None
    assert 'string "a\\"b\'\\0\\u{301}"' in decoded.host_message


def test_what_is_no_json_has_the_prefix_of_that_step() -> None:
    assert (
        decode_reply(Operation.AUTHENTICATE, b"").host_message
        == "Failed to parse output JSON: EOF while parsing a value at line 1 column 0"
    )
    assert (
        decode_reply(Operation.TEMPLATE_FUNCTION, b"\xff").host_message
        == "Failed to decode output: invalid utf-8 sequence of 1 bytes from index 0"
    )


def test_the_host_reports_the_alphabetically_first_wrong_type_before_what_is_missing() -> None:
    decoded = decode_reply(Operation.AUTHENTICATE, b'{"metadata":1,"identity":{"user_id":1},"error_message":2}')
    assert decoded.host_message == "Failed to parse AuthResponse: invalid type: integer `2`, expected a string"
    assert _pointers(decoded) == [
        ("wrong-type", "/error_message"),
        ("wrong-type", "/identity/user_id"),
        ("missing-field", "/identity/roles"),
        ("missing-field", "/identity/groups"),
        ("missing-field", "/identity/attributes"),
        ("wrong-type", "/metadata"),
        ("missing-field", "/authenticated"),
        ("missing-field", "/claims"),
    ]


# --- what a user sees -------------------------------------------------------------------------------------------------


def test_every_breach_is_reported_at_once_with_its_pointer() -> None:
    decoded = _response(status_code=99, headers={"a b": "x", "ok": 1}, body=[1, 256, "x", 2.0], content_type=None)
    assert _pointers(decoded) == [
        ("out-of-range", "/body/1"),
        ("wrong-type", "/body/2"),
        ("wrong-type", "/body/3"),
        ("wrong-type", "/content_type"),
        ("wrong-type", "/headers/ok"),
        ("semantics", "/headers/a b"),
        ("semantics", "/status_code"),
    ]
    assert (decoded.violations[-1].expected, decoded.violations[-1].got) == ("integer 100..999", "integer 99")


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "null"),
        (True, "boolean true"),
        (5, "integer 5"),
        (200.0, "float 200.0"),
        ("abc", 'string "abc" (3 characters)'),
        ("x", 'string "x" (1 character)'),
        ("y" * 100, 'string "' + "y" * 39 + '…" (100 characters)'),
        ("\x1b[31m", 'string "\\u{1b}[31m" (5 characters)'),
        ([], "an empty array"),
        ([1, 2], "array of 2"),
        ({"a": 1}, "object with 1 key"),
    ],
)
def test_what_came_is_told_in_a_few_words(value: object, got: str) -> None:
    field = "content_type" if not isinstance(value, str) else "metadata"
    assert _response(**{field: value}).violations[0].got == got


@pytest.mark.parametrize(
    ("decoded", "expected"),
    [
        (_auth(authenticated=1), "boolean"),
        (_auth(claims=None), "object"),
        (_auth(error_message=1), "string"),
        (_auth(identity=1), "object UserIdentity"),
        (_response(status_code=-1), "integer 0..65535"),
        (_response(body="x"), "array of integers 0..255"),
        (_response(body=[256]), "integer 0..255"),
        (_data(rows={}), "array"),
        (_data(total_count="1"), "integer 0..18446744073709551615"),
        (_column(data_type={"Text": 1}), "null"),
    ],
)
def test_what_was_expected_is_told_in_a_few_words(decoded: Decoded, expected: str) -> None:
    assert decoded.violations[0].expected == expected


def test_a_variant_that_holds_text_is_asked_for_its_text() -> None:
    [violation] = _column(data_type="Custom").violations
    assert (violation.kind, violation.pointer) == ("wrong-type", "/columns/0/data_type")
    assert (violation.expected, violation.got) == ('{"Custom": "…"}', 'string "Custom" (6 characters)')


def test_a_list_that_is_too_short_comes_with_the_way_to_name_fields() -> None:
    assert decode_reply(Operation.AUTHENTICATE, b"[true]").violations[0].hint == "write an object with named fields"


def test_an_enum_of_no_variant_or_two_has_its_place() -> None:
    [violation] = _column(data_type={}).violations
    assert (violation.kind, violation.pointer) == ("wrong-length", "/columns/0/data_type")


@pytest.mark.parametrize(
    ("decoded", "hint"),
    [
        (_response(body="aGk="), "no text and no base64"),
        (_response(status_code=200.0), "without a decimal point"),
        (_auth(claims=None), "write {} for none"),
        (_auth(authenticated="true"), "no quotes"),
        (_column(data_type="integer"), "letter case: Integer"),
        (decode_reply(Operation.AUTHENTICATE, b"[true]"), "an object with named fields"),
    ],
)
def test_common_slips_come_with_a_hint(decoded: Decoded, hint: str) -> None:
    assert hint in (decoded.violations[0].hint or "")


@pytest.mark.parametrize(
    ("operation", "text", "inner", "wanted"),
    [
        (Operation.AUTHENTICATE, '{"success":true,"data":{"authenticated":true}}', "data", "AuthResponse"),
        (Operation.GENERATE_RESPONSE, '{"success":true,"result":{}}', "result", "ResponseData"),
        (Operation.QUERY_DATASOURCE, '{"success":false,"error":"no"}', "error", "DataResult"),
    ],
)
def test_an_envelope_is_named_where_the_bare_type_is_wanted(
    operation: Operation, text: str, inner: str, wanted: str
) -> None:
    decoded = decode_reply(operation, text.encode())
    assert {violation.kind for violation in decoded.violations} == {"missing-field"}
    expected = f'the reply is an envelope {{"success", "{inner}"}}: the host wants the bare {wanted}'
    assert {violation.hint for violation in decoded.violations} == {expected}


# --- what the types do not say ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 99, 1000, 65535])
def test_a_status_that_http_does_not_know_is_an_error(status: int) -> None:
    decoded = _response(status_code=status)
    assert not decoded.ok
    assert decoded.reply is None
    assert decoded.host_message == "Invalid status code"
    assert _pointers(decoded) == [("semantics", "/status_code")]


@pytest.mark.parametrize("status", [100, 200, 599, 999])
def test_a_status_that_http_can_carry_holds(status: int) -> None:
    assert _response(status_code=status).violations == ()


@pytest.mark.parametrize("headers", [{"": "x"}, {"a b": "x"}, {"ä": "x"}, {"a:": "x"}, {"a": "x\ny"}, {"a": "\x7f"}])
def test_a_header_that_the_host_skips_is_a_warning(headers: dict[str, str]) -> None:
    decoded = _response(headers=headers)
    assert decoded.ok
    assert isinstance(decoded.reply, ResponseData)
    assert [(v.kind, v.severity) for v in decoded.violations] == [("semantics", "warning")]


def test_a_header_value_that_the_host_skips_is_shown() -> None:
    [violation] = _response(headers={"a": "x\ny"}).violations
    assert violation.got == 'string "x\\ny" (3 characters)'


def test_tabs_and_letters_outside_ascii_are_good_in_header_values() -> None:
    assert _response(headers={"X_a.b-1": "a\tü"}).violations == ()


def test_a_row_of_another_length_than_the_columns_is_a_warning() -> None:
    decoded = _data(columns=[_COLUMN], rows=[{"values": [1], "metadata": {}}, {"values": [1, 2], "metadata": {}}])
    assert decoded.ok
    assert [(v.severity, v.pointer, v.got) for v in decoded.violations] == [("warning", "/rows/1/values", "2")]
    assert decoded.violations[0].expected == "1 values, one a column"


@pytest.mark.parametrize("identity", [{}, {"identity": None}])
def test_authenticated_without_an_identity_is_a_note(identity: dict[str, object]) -> None:
    decoded = _auth(authenticated=True, **identity)
    assert decoded.ok
    assert [(v.severity, v.pointer) for v in decoded.violations] == [("note", "/identity")]


def test_a_repeated_key_leaves_the_reply_good_and_warns() -> None:
    decoded = decode_reply(
        Operation.AUTHENTICATE, b'{"authenticated":true,"claims":{},"metadata":{},"authenticated":false}'
    )
    assert decoded.reply == AuthResponse(authenticated=False, claims={}, metadata={})
    assert [(v.kind, v.severity) for v in decoded.violations] == [("duplicate-key", "warning")]


def test_the_value_is_kept_where_the_reply_breaks_the_contract() -> None:
    assert _auth(claims=None).value == {"authenticated": False, "claims": None, "metadata": {}}


def test_models_are_frozen() -> None:
    reply = _auth().reply
    assert isinstance(reply, AuthResponse)
    with pytest.raises(AttributeError):
        reply.authenticated = True  # type: ignore[misc] # the point of the test
