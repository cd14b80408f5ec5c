"""Where services of the published SDKs and MockForge's host differ, and what the host says of each difference."""

from __future__ import annotations

import json

import pytest

from pytest_mockforge.contract.decode import decode_reply
from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.mismatches import Mismatch, reply_mismatches, request_mismatches
from pytest_mockforge.contract.operations import Operation

_AUTH = Operation.AUTHENTICATE
_TEMPLATE = Operation.TEMPLATE_FUNCTION
_RESPONSE = Operation.GENERATE_RESPONSE
_DATA = Operation.QUERY_DATASOURCE

_SDK_RESULTS: dict[Operation, object] = {
    _AUTH: {"authenticated": True, "user_id": "u-1", "claims": {}},
    _TEMPLATE: "ABC",
    _RESPONSE: {"status_code": 200, "headers": {}, "body": "aGk=", "content_type": "text/plain"},
    _DATA: {"rows": [{"id": 1}], "columns": [{"name": "id", "data_type": "integer"}]},
}
_HOST_RESULTS: dict[Operation, object] = {
    _AUTH: {"authenticated": False, "claims": {}, "metadata": {}},
    _TEMPLATE: "ABC",
    _RESPONSE: {"status_code": 200, "headers": {}, "body": [], "content_type": "x", "metadata": {}, "custom": {}},
    _DATA: {
        "rows": [{"values": [1], "metadata": {}}],
        "columns": [{"name": "id", "data_type": "Integer", "nullable": True, "metadata": {}}],
        "execution_time_ms": 0,
        "metadata": {},
    },
}


def _enveloped(result: object) -> bytes:
    return json.dumps({"success": True, "result": result}).encode()


def _of(operation: Operation, payload: object) -> dict[str, Mismatch]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    found = reply_mismatches(operation, raw)
    assert len({mismatch.detail for mismatch in found}) == len(found)
    return {mismatch.detail: mismatch for mismatch in found}


@pytest.mark.parametrize(
    ("operation", "details"),
    [
        (_AUTH, ["envelope", "identity-top-level", "metadata-missing"]),
        (_TEMPLATE, ["envelope"]),
        (_RESPONSE, ["envelope", "body-base64", "response-extras"]),
        (
            _DATA,
            [
                "envelope",
                "rows-as-objects",
                "data-type-text",
                "columns-extras",
                "execution-time",
                "metadata-missing",
            ],
        ),
    ],
)
def test_a_reply_of_the_sdk_differs_in_every_row_of_the_contract(operation: Operation, details: list[str]) -> None:
    assert list(_of(operation, _enveloped(_SDK_RESULTS[operation]))) == details


@pytest.mark.parametrize("operation", Operation)
def test_a_reply_of_the_host_differs_in_nothing(operation: Operation) -> None:
    assert _of(operation, _HOST_RESULTS[operation]) == {}


@pytest.mark.parametrize("operation", Operation)
def test_a_host_result_in_an_envelope_differs_in_the_envelope_alone(operation: Operation) -> None:
    assert list(_of(operation, _enveloped(_HOST_RESULTS[operation]))) == ["envelope"]


@pytest.mark.parametrize(
    ("operation", "printed"),
    [
        (_AUTH, "Plugin execution error: Failed to parse AuthResponse: missing field `authenticated`"),
        (_RESPONSE, "Plugin execution error: Failed to parse ResponseData: missing field `status_code`"),
        (_DATA, "Plugin execution error: Failed to parse DataResult: missing field `rows`"),
    ],
)
def test_the_first_mismatch_has_what_the_host_prints_of_the_reply_as_it_is(operation: Operation, printed: str) -> None:
    payload = _enveloped(_SDK_RESULTS[operation])
    [first, *_] = reply_mismatches(operation, payload)
    assert first.consequence == printed
    assert printed.endswith(str(decode_reply(operation, payload).host_message))


def test_the_envelope_of_a_template_value_becomes_the_value() -> None:
    assert "whole envelope for the value" in _of(_TEMPLATE, _enveloped("ABC"))["envelope"].consequence


@pytest.mark.parametrize(
    ("operation", "detail", "printed"),
    [
        (_AUTH, "metadata-missing", "Failed to parse AuthResponse: missing field `metadata`"),
        (_RESPONSE, "body-base64", 'Failed to parse ResponseData: invalid type: string "aGk=", expected a sequence'),
        (_RESPONSE, "response-extras", "Failed to parse ResponseData: missing field `metadata`"),
        (_DATA, "rows-as-objects", "Failed to parse DataResult: missing field `values`"),
        (_DATA, "data-type-text", "Failed to parse DataResult: unknown variant `integer`, expected one of `Text`"),
        (_DATA, "columns-extras", "Failed to parse DataResult: missing field `nullable`"),
        (_DATA, "execution-time", "Failed to parse DataResult: missing field `execution_time_ms`"),
        (_DATA, "metadata-missing", "Failed to parse DataResult: missing field `metadata`"),
    ],
)
def test_each_other_mismatch_has_what_the_host_would_print_of_it_alone(
    operation: Operation, detail: str, printed: str
) -> None:
    consequence = _of(operation, _enveloped(_SDK_RESULTS[operation]))[detail].consequence
    assert consequence.startswith(f"Plugin execution error: {printed}")


def test_a_user_at_the_top_level_is_dropped_without_a_word() -> None:
    found = _of(_AUTH, {"authenticated": True, "user_id": "u-1", "claims": {}, "metadata": {}})
    assert list(found) == ["identity-top-level"]
    assert "nobody is named" in found["identity-top-level"].consequence


def test_a_bare_reply_differs_in_what_is_in_it() -> None:
    assert list(_of(_RESPONSE, _SDK_RESULTS[_RESPONSE])) == ["body-base64", "response-extras"]


def test_one_missing_extra_is_enough() -> None:
    result = {"status_code": 200, "headers": {}, "body": [], "content_type": "x", "metadata": {}}
    [only] = _of(_RESPONSE, result).values()
    assert only.consequence.endswith("missing field `custom`")


def test_a_breach_of_another_kind_is_not_put_down_to_a_mismatch() -> None:
    found = _of(_AUTH, {"authenticated": "yes", "user_id": "u-1", "claims": {}})
    assert "nobody is named" in found["identity-top-level"].consequence
    assert found["metadata-missing"].consequence.startswith("the host stops at another breach first: Plugin execution")


def test_an_error_in_an_envelope_loses_its_text() -> None:
    [found] = _of(_DATA, {"success": False, "error": "no table"}).values()
    assert found.detail == "error-body"
    assert found.consequence == (
        "Plugin execution error: Remote plugin returned error status: 500 Internal Server Error; the text is lost"
    )


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"null", b"7", b'"x"', b"[" * 300])
def test_a_reply_that_is_no_object_has_no_mismatch_to_tell(operation: Operation, payload: bytes) -> None:
    assert _of(operation, payload) == {}


@pytest.mark.parametrize(
    "result",
    [
        {"rows": 1, "columns": 2},
        {"rows": [1, {"a": 1}], "columns": [1, {"name": 1, "data_type": 2}]},
        {"rows": [{"a": 1}]},
        {"columns": [{}]},
        {},
    ],
)
def test_a_result_of_any_shape_is_looked_at_without_an_error(result: object) -> None:
    assert "execution-time" in _of(_DATA, _enveloped(result))


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "details"),
    [
        (_AUTH, ["bare-context", "credentials", "unknown-keys"]),
        (_TEMPLATE, ["request-context", "unknown-keys"]),
        (_RESPONSE, ["bare-context", "request-object", "unknown-keys"]),
        (_DATA, ["query-object", "unknown-keys"]),
    ],
)
def test_the_requests_of_an_operation_differ_in_every_row_of_the_contract(
    operation: Operation, details: list[str]
) -> None:
    assert [mismatch.detail for mismatch in request_mismatches(operation)] == details


def test_a_request_of_the_host_makes_a_service_of_the_sdk_fail() -> None:
    [first, *_] = request_mismatches(_AUTH)
    assert first.consequence == (
        "the service answers 500 (PluginContext.__init__() got an unexpected keyword argument 'plugin_id'), and "
        "MockForge prints: Plugin execution error: Remote plugin returned error status: 500 Internal Server Error"
    )


def test_every_row_of_the_contract_that_concerns_bodies_is_covered() -> None:
    found = {m.aspect for operation in Operation for m in request_mismatches(operation)}
    for operation in Operation:
        found |= {m.aspect for m in reply_mismatches(operation, _enveloped(_SDK_RESULTS[operation]))}
    found |= {m.aspect for m in reply_mismatches(_DATA, b'{"success":false,"error":"x"}')}
    assert found == {
        "auth body",
        "template body",
        "response body",
        "datasource body",
        "unknown keys",
        "success reply",
        "error reply",
        "auth result",
        "body encoding",
        "response extras",
        "rows",
        "columns",
        "execution_time_ms, metadata",
    }


def test_what_is_told_of_the_sdks_replies_is_what_the_dialect_reads() -> None:
    for operation in Operation:
        assert dialect_named("sdk").decode(operation, _enveloped(_SDK_RESULTS[operation])).violations == ()
