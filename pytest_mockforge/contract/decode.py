"""Read a reply as the host reads it: its model, or every breach of the contract at once (contract 1.1 to 1.8, 2.5)."""

from __future__ import annotations

import re

import msgspec

from pytest_mockforge.contract.json_text import Json, Parsed, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import (
    AuthResponse,
    ColumnInfo,
    DataResult,
    DataRow,
    Reply,
    ResponseData,
    UserIdentity,
)
from pytest_mockforge.contract.shapes import (
    Place,
    Shape,
    Sink,
    anything,
    boolean,
    byte_list,
    described,
    json_object,
    list_of,
    string,
    struct,
    tagged_enum,
    text_map,
    unsigned,
)
from pytest_mockforge.contract.violations import Violation


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one reply.

    `reply` is the model, or for template functions the value itself; None where a violation is an error (but also
    for a template function that answers null: ask `ok`). `value` is the JSON as it came, None where it is none.
    `host_message` is what the host would print after `Plugin execution error: `, None where it takes the reply.
    """

    reply: Reply = None
    value: Json = None
    violations: tuple[Violation, ...] = ()
    host_message: str | None = None

    @property
    def ok(self) -> bool:
        """Whether no violation is an error."""
        return not self.violations or not any(violation.severity == "error" for violation in self.violations)


def decode_reply(operation: Operation, payload: bytes) -> Decoded:
    """Read `payload` as the reply of `operation`. Never raises, whatever the bytes."""
    parsed = parse(payload)
    if parsed.host_message is not None:
        return _unreadable(parsed, parsed.host_message)
    shape = _REPLIES[operation]
    if shape is None:
        return Decoded(reply=parsed.value, value=parsed.value, violations=parsed.violations)
    sink = Sink()
    reply = shape(parsed.value, None, sink)
    violations = (*parsed.violations, *sink.violations)
    if not sink.refusals and isinstance(reply, AuthResponse | ResponseData | DataResult):
        return Decoded(reply=reply, value=parsed.value, violations=violations)
    message = sink.host_message
    if message is not None and message != _INVALID_STATUS:
        message = f"Failed to parse {operation.host_type}: {message}"
    return Decoded(value=parsed.value, violations=violations, host_message=message)


def _unreadable(parsed: Parsed, message: str) -> Decoded:
    encoding = any(violation.kind == "encoding" for violation in parsed.violations)
    prefix = "Failed to decode output: " if encoding else "Failed to parse output JSON: "
    return Decoded(violations=parsed.violations, host_message=prefix + message)


# --- what the types do not say ----------------------------------------------------------------------------------------

#: Printed when the reply becomes an HTTP response, so without the prefix of a typed reply.
_INVALID_STATUS = "Invalid status code"
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


def _review_auth(fields: dict[str, object], place: Place, sink: Sink) -> None:
    if fields.get("authenticated") is True and "identity" in fields and fields["identity"] is None:
        sink.remark("note", (place, "identity"), "an identity where authenticated is true", "none")


def _review_response(fields: dict[str, object], place: Place, sink: Sink) -> None:
    headers = fields.get("headers")
    if isinstance(headers, dict):
        for name, value in headers.items():
            _review_header(name, value, ((place, "headers"), name), sink)
    status = fields.get("status_code")
    # After the types, since the host builds an HTTP response only once the reply is parsed.
    if isinstance(status, int) and not 100 <= status <= 999:
        sink.refuse("semantics", (place, "status_code"), "integer 100..999", described(status), _INVALID_STATUS)


def _review_header(name: str, value: object, place: Place, sink: Sink) -> None:
    skipped = "the host leaves this header out without a word"
    if not _HEADER_NAME.fullmatch(name):
        sink.remark("warning", place, "a header name (letters, digits, !#$%&'*+-.^_`|~)", described(name), hint=skipped)
    if isinstance(value, str) and not _HEADER_VALUE.fullmatch(value):
        sink.remark("warning", place, "a header value without control characters", described(value), hint=skipped)


def _review_data(fields: dict[str, object], place: Place, sink: Sink) -> None:
    rows, columns = fields.get("rows"), fields.get("columns")
    if not isinstance(rows, tuple) or not isinstance(columns, tuple):
        return
    for index, row in enumerate(rows):
        if isinstance(row, DataRow) and len(row.values) != len(columns):
            expected = f"{len(columns)} values, one a column"
            where = (((place, "rows"), index), "values")
            sink.remark("warning", where, expected, str(len(row.values)), hint="the host does not compare the two")


# --- the three typed replies ------------------------------------------------------------------------------------------

_TEXTS = list_of(string)
_U64 = unsigned(64)
_DATA_TYPES = ("Text", "Integer", "Float", "Boolean", "DateTime", "Binary", "Json", "Uuid")


def _build_column(*, data_type: tuple[str, str | None], **rest: object) -> ColumnInfo:
    tag, custom = data_type
    return ColumnInfo(data_type=tag, custom_type=custom, **rest)  # type: ignore[arg-type] # the shape checked each field


_IDENTITY = struct(
    "UserIdentity",
    {
        "user_id": string,
        "username": string,
        "email": string,
        "display_name": string,
        "roles": _TEXTS,
        "groups": _TEXTS,
        "attributes": json_object,
    },
    UserIdentity,
    optional=("username", "email", "display_name"),
)
_AUTH = struct(
    "AuthResponse",
    {
        "authenticated": boolean,
        "identity": _IDENTITY,
        "claims": json_object,
        "metadata": json_object,
        "error_message": string,
    },
    AuthResponse,
    optional=("identity", "error_message"),
    review=_review_auth,
)
_RESPONSE = struct(
    "ResponseData",
    {
        "status_code": unsigned(16),
        "headers": text_map,
        "body": byte_list,
        "content_type": string,
        "metadata": json_object,
        "cache_control": string,
        "custom": json_object,
    },
    ResponseData,
    optional=("cache_control",),
    review=_review_response,
)
_ROW = struct("DataRow", {"values": list_of(anything), "metadata": json_object}, DataRow)
_COLUMN = struct(
    "ColumnInfo",
    {
        "name": string,
        "data_type": tagged_enum(_DATA_TYPES, "Custom"),
        "nullable": boolean,
        "description": string,
        "metadata": json_object,
    },
    _build_column,
    optional=("description",),
)
_DATA = struct(
    "DataResult",
    {
        "rows": list_of(_ROW),
        "columns": list_of(_COLUMN),
        "total_count": _U64,
        "execution_time_ms": _U64,
        "metadata": json_object,
    },
    DataResult,
    optional=("total_count",),
    review=_review_data,
)
_REPLIES: dict[Operation, Shape | None] = {
    Operation.AUTHENTICATE: _AUTH,
    Operation.TEMPLATE_FUNCTION: None,
    Operation.GENERATE_RESPONSE: _RESPONSE,
    Operation.QUERY_DATASOURCE: _DATA,
}
