"""Replies in the sdk dialect: the models of the host, every breach with its pointer, and expectations for the host."""

from __future__ import annotations

import json

import pytest

from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.json_text import Json
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import AuthResponse, ColumnInfo, DataResult, DataRow, ResponseData, UserIdentity
from pytest_mockforge.contract.sdk_dialect import SdkDialect

_AUTH: dict[str, object] = {"authenticated": True, "user_id": "u-1", "claims": {"sub": "u-1"}}
_RESPONSE: dict[str, object] = {
    "status_code": 200,
    "headers": {"x-a": "1"},
    "body": "aGk=",
    "content_type": "text/plain",
}
_DATA: dict[str, object] = {
    "rows": [{"name": "Ann", "id": 1}, {"id": 2, "name": None}],
    "columns": [{"name": "id", "data_type": "Integer"}, {"name": "name", "data_type": "varchar"}],
}


def _read(operation: Operation, envelope: object) -> Decoded:
    return SdkDialect().decode(operation, json.dumps(envelope).encode())


def _auth(**changes: object) -> Decoded:
    return _read(Operation.AUTHENTICATE, {"success": True, "result": {**_AUTH, **changes}})


def _response(**changes: object) -> Decoded:
    return _read(Operation.GENERATE_RESPONSE, {"success": True, "result": {**_RESPONSE, **changes}})


def _data(**changes: object) -> Decoded:
    return _read(Operation.QUERY_DATASOURCE, {"success": True, "result": {**_DATA, **changes}})


def _pointers(decoded: Decoded) -> list[tuple[str, str]]:
    return [(violation.kind, violation.pointer) for violation in decoded.violations]


# --- what holds -------------------------------------------------------------------------------------------------------


def test_an_auth_result_gives_the_hosts_model() -> None:
    decoded = _auth()
    identity = UserIdentity(user_id="u-1", roles=(), groups=(), attributes={})
    assert decoded.reply == AuthResponse(authenticated=True, identity=identity, claims={"sub": "u-1"}, metadata={})
    assert decoded.violations == ()
    assert decoded.host_message is None


def test_the_value_of_an_auth_result_has_the_hosts_shape_and_the_sdks_keys() -> None:
    assert _auth().value == {"authenticated": True, "identity": {"user_id": "u-1"}, "claims": {"sub": "u-1"}}


@pytest.mark.parametrize("user", [{"user_id": ""}, {"user_id": None}])
def test_a_denial_without_a_user_has_no_identity(user: dict[str, object]) -> None:
    decoded = _auth(authenticated=False, **user)
    assert decoded.reply == AuthResponse(authenticated=False, claims={"sub": "u-1"}, metadata={})
    assert decoded.value == {"authenticated": False, "identity": None, "claims": {"sub": "u-1"}}
    assert decoded.violations == ()


def test_a_template_value_is_what_stands_in_the_envelope() -> None:
    decoded = _read(Operation.TEMPLATE_FUNCTION, {"success": True, "result": {"success": False}})
    assert decoded.reply == {"success": False}
    assert decoded.value == {"success": False}


def test_a_template_value_of_null_is_a_value() -> None:
    decoded = _read(Operation.TEMPLATE_FUNCTION, {"success": True, "result": None})
    assert decoded.ok
    assert decoded.reply is None


def test_a_response_has_the_bytes_that_its_base64_stands_for() -> None:
    decoded = _response()
    assert decoded.reply == ResponseData(
        status_code=200, headers={"x-a": "1"}, body=b"hi", content_type="text/plain", metadata={}, custom={}
    )
    assert decoded.value == {
        "status_code": 200,
        "headers": {"x-a": "1"},
        "body": [104, 105],
        "content_type": "text/plain",
    }


def test_rows_have_their_values_in_the_order_of_the_columns() -> None:
    decoded = _data()
    assert decoded.reply == DataResult(
        rows=(DataRow(values=(1, "Ann"), metadata={}), DataRow(values=(2, None), metadata={})),
        columns=(
            ColumnInfo(name="id", data_type="Integer", nullable=True, metadata={}),
            ColumnInfo(name="name", data_type="Custom", custom_type="varchar", nullable=True, metadata={}),
        ),
        execution_time_ms=0,
        metadata={},
    )
    assert decoded.value == {
        "rows": [{"values": [1, "Ann"]}, {"values": [2, None]}],
        "columns": [{"name": "id", "data_type": "Integer"}, {"name": "name", "data_type": {"Custom": "varchar"}}],
    }
    assert decoded.violations == ()


def test_a_data_type_that_the_host_knows_is_found_letter_case_aside() -> None:
    reply = _data(columns=[{"name": "id", "data_type": "datetime"}], rows=[]).reply
    assert isinstance(reply, DataResult)
    assert reply.columns[0].data_type == "DateTime"


def test_keys_that_nobody_knows_are_ignored() -> None:
    assert _auth(extra=1).violations == ()


# --- the envelope -----------------------------------------------------------------------------------------------------


def test_a_bare_result_is_a_breach_that_points_to_the_host_dialect() -> None:
    decoded = _read(Operation.AUTHENTICATE, {"authenticated": False, "claims": {}, "metadata": {}})
    assert _pointers(decoded) == [("missing-field", "/success")]
    assert "dialect host" in (decoded.violations[0].hint or "")


def test_a_bare_template_value_is_a_breach() -> None:
    decoded = _read(Operation.TEMPLATE_FUNCTION, "ABC")
    assert _pointers(decoded) == [("wrong-type", "")]
    assert decoded.violations[0].expected == 'the envelope {"success": true, "result": …}'


def test_an_envelope_that_says_no_with_a_2xx_is_a_breach_that_quotes_it() -> None:
    decoded = _read(Operation.QUERY_DATASOURCE, {"success": False, "error": "no table"})
    assert _pointers(decoded) == [("semantics", "/success")]
    assert 'error string "no table"' in decoded.violations[0].got
    assert decoded.value == {"success": False, "error": "no table"}


@pytest.mark.parametrize(
    ("envelope", "breach"),
    [
        ({"success": True}, ("missing-field", "/result")),
        ({"success": "true", "result": 1}, ("wrong-type", "/success")),
        ({"success": 1, "result": 1}, ("wrong-type", "/success")),
        ({"success": None, "result": 1}, ("wrong-type", "/success")),
        ([True, 1], ("wrong-type", "")),
    ],
)
def test_a_broken_envelope_is_a_breach_where_it_is_broken(envelope: object, breach: tuple[str, str]) -> None:
    assert _pointers(_read(Operation.TEMPLATE_FUNCTION, envelope)) == [breach]


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b"[" * 200])
def test_bytes_that_are_no_json_are_a_breach_without_a_word_of_the_host(payload: bytes) -> None:
    decoded = SdkDialect().decode(Operation.AUTHENTICATE, payload)
    assert not decoded.ok
    assert decoded.host_message is None


# --- the results ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [o for o in Operation if o is not Operation.TEMPLATE_FUNCTION])
@pytest.mark.parametrize("result", [None, "x", [], [True, "u", {}]])
def test_a_result_that_is_no_object_is_a_breach(operation: Operation, result: object) -> None:
    assert _pointers(_read(operation, {"success": True, "result": result})) == [("wrong-type", "/result")]


def test_every_breach_is_reported_at_once_with_its_pointer() -> None:
    decoded = _read(
        Operation.GENERATE_RESPONSE,
        {"success": True, "result": {"status_code": "200", "headers": {"a": 1}, "body": "hi!"}},
    )
    assert _pointers(decoded) == [
        ("wrong-type", "/result/body"),
        ("wrong-type", "/result/headers/a"),
        ("wrong-type", "/result/status_code"),
        ("missing-field", "/result/content_type"),
    ]


def test_a_body_of_numbers_is_a_breach_that_says_who_writes_so() -> None:
    decoded = _response(body=[104, 105])
    assert _pointers(decoded) == [("wrong-type", "/result/body")]
    assert "host dialect" in (decoded.violations[0].hint or "")


@pytest.mark.parametrize("body", ["aGk", "a-k_", "é", "aGk=\n"])
def test_text_that_is_no_base64_is_a_breach(body: str) -> None:
    assert _pointers(_response(body=body)) == [("wrong-type", "/result/body")]


@pytest.mark.parametrize("status", [0, 99, 1000])
def test_a_status_outside_http_is_a_breach_as_for_the_host(status: int) -> None:
    decoded = _response(status_code=status)
    assert _pointers(decoded) == [("semantics", "/result/status_code")]
    assert decoded.reply is None


def test_a_header_that_the_host_skips_is_a_warning() -> None:
    decoded = _response(headers={"bad name": "x"})
    assert _pointers(decoded) == [("semantics", "/result/headers/bad name")]
    assert decoded.ok


@pytest.mark.parametrize("user", [None, ""])
def test_admission_without_a_user_is_a_note_and_names_nobody(user: str | None) -> None:
    decoded = _auth(user_id=user)
    assert isinstance(decoded.reply, AuthResponse)
    assert decoded.reply.identity is None
    assert [(v.severity, v.pointer) for v in decoded.violations] == [("note", "/result/user_id")]


def test_a_row_that_lacks_a_column_or_has_another_is_a_warning_and_read_as_null() -> None:
    decoded = _data(rows=[{"id": 1, "age": 3}])
    assert _pointers(decoded) == [("semantics", "/result/rows/0/name"), ("semantics", "/result/rows/0/age")]
    assert decoded.ok
    assert isinstance(decoded.reply, DataResult)
    assert decoded.reply.rows[0].values == (1, None)


def test_two_columns_of_one_name_are_a_warning() -> None:
    columns = [{"name": "id", "data_type": "Integer"}] * 2
    decoded = _data(columns=columns, rows=[{"id": 1}])
    assert _pointers(decoded) == [("semantics", "/result/columns/1/name")]
    assert decoded.ok


def test_a_row_of_the_host_is_a_breach() -> None:
    decoded = _data(rows=[{"values": [1, "Ann"], "metadata": {}}])
    assert _pointers(decoded) == [("wrong-type", "/result/rows/0")]
    assert "row of the host dialect" in (decoded.violations[0].hint or "")


def test_a_data_type_of_the_hosts_shape_is_a_breach() -> None:
    decoded = _data(columns=[{"name": "id", "data_type": {"Custom": "money"}}])
    assert _pointers(decoded) == [("wrong-type", "/result/columns/0/data_type")]


def test_a_repeated_key_is_a_warning() -> None:
    decoded = SdkDialect().decode(Operation.TEMPLATE_FUNCTION, b'{"success":true,"result":1,"result":2}')
    assert decoded.reply == 2
    assert _pointers(decoded) == [("duplicate-key", "/result")]


# --- expectations written for the host --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "expected", "kept"),
    [
        (
            Operation.AUTHENTICATE,
            {
                "authenticated": True,
                "identity": {"user_id": "u", "username": "a", "roles": [], "groups": [], "attributes": {"metadata": 1}},
                "claims": {"metadata": 1},
                "metadata": {},
                "error_message": None,
            },
            {"authenticated": True, "identity": {"user_id": "u"}, "claims": {"metadata": 1}},
        ),
        (Operation.AUTHENTICATE, {"identity": None}, {"identity": None}),
        (Operation.TEMPLATE_FUNCTION, {"metadata": 1}, {"metadata": 1}),
        (
            Operation.GENERATE_RESPONSE,
            {
                "status_code": 200,
                "body": [1],
                "headers": {"custom": "x"},
                "metadata": {},
                "custom": {},
                "cache_control": None,
            },
            {"status_code": 200, "body": [1], "headers": {"custom": "x"}},
        ),
        (
            Operation.QUERY_DATASOURCE,
            {
                "rows": [{"values": [{"metadata": 1}], "metadata": {}}],
                "columns": [{"name": "id", "data_type": {"Custom": "money"}, "nullable": False, "metadata": {}}],
                "total_count": 1,
                "execution_time_ms": 0,
                "metadata": {},
            },
            {"rows": [{"values": [{"metadata": 1}]}], "columns": [{"name": "id", "data_type": {"Custom": "money"}}]},
        ),
        (Operation.QUERY_DATASOURCE, {"rows": []}, {"rows": []}),
    ],
)
def test_an_expectation_keeps_what_the_sdk_carries(operation: Operation, expected: Json, kept: Json) -> None:
    assert SdkDialect().carried(operation, expected) == kept


def test_an_expectation_keeps_keys_that_nobody_knows_so_that_a_misspelt_one_fails() -> None:
    assert SdkDialect().carried(Operation.AUTHENTICATE, {"autenticated": True}) == {"autenticated": True}


def test_reducing_an_expectation_leaves_the_original_alone() -> None:
    expected: Json = {"columns": [{"name": "id", "data_type": {"Custom": "text"}, "nullable": True}]}
    assert SdkDialect().carried(Operation.QUERY_DATASOURCE, expected) == {
        "columns": [{"name": "id", "data_type": "Text"}]
    }
    assert expected == {"columns": [{"name": "id", "data_type": {"Custom": "text"}, "nullable": True}]}


@pytest.mark.parametrize("odd", [None, 1, "x", [], {"rows": 1, "columns": [1, {"data_type": 2}]}])
def test_an_expectation_of_another_shape_stays_as_it_is(odd: Json) -> None:
    assert SdkDialect().carried(Operation.QUERY_DATASOURCE, odd) == odd
