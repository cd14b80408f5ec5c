"""The replies of the published SDKs and documents: an envelope and what is in it (contract 4.2).

Reads a reply into the models of the host dialect, and into JSON of the host's shape, so that one expectation serves
both dialects; writes the other way for mocks. Knows nothing of requests.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from itertools import islice

from pytest_mockforge.contract.decode import Decoded, decode_reply
from pytest_mockforge.contract.json_text import Json, dump, parse
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
    BROKEN,
    Place,
    Shape,
    Sink,
    anything,
    boolean,
    described,
    json_object,
    list_of,
    string,
    struct,
    text_map,
    unsigned,
)
from pytest_mockforge.contract.violations import Violation

DATA_TYPES = ("Text", "Integer", "Float", "Boolean", "DateTime", "Binary", "Json", "Uuid")
"""The host's data types (contract 1.6); any other text stands for `Custom`."""
_BY_LOWER_CASE = {name.lower(): name for name in DATA_TYPES}

_MOST_LACKING = 1_000_000
"""Values that rows may lack in all: each is made up, so that a few bytes a row and a column come to any number."""
_LONGEST_NAMES = 200

#: A reply read: the model, and JSON of the host's shape with what the reply carried.
_Read = tuple[Reply, Json]


def read_reply(operation: Operation, payload: bytes) -> Decoded:
    """Read `payload` as a reply of `operation`. Never raises, whatever the bytes.

    `value` has the host's shape and holds only what the reply carried; where a violation is an error, it is the JSON
    as it came. `host_message` is None: this is not how the host reads.
    """
    parsed = parse(payload)
    if parsed.host_message is not None:
        return Decoded(violations=parsed.violations)
    sink = Sink()
    read = _open_envelope(parsed.value, operation, sink)
    violations = (*parsed.violations, *sink.violations)
    if sink.refusals or not isinstance(read, tuple):
        return Decoded(value=parsed.value, violations=violations)
    reply, value = read
    return Decoded(reply=reply, value=value, violations=violations)


# --- the envelope -----------------------------------------------------------------------------------------------------


def is_refusing_envelope(value: Json) -> bool:
    """Tell whether this is `{"success": false, "error": text}`."""
    return isinstance(value, dict) and value.get("success") is False and isinstance(value.get("error"), str)


def _open_envelope(value: Json, operation: Operation, sink: Sink) -> object:
    expected = 'the envelope {"success": true, "result": …}'
    if type(value) is not dict:
        return _refuse_bare(value, None, expected, sink)
    success = value.get("success")
    if success is False:
        hint = "answer with status 500, as the published SDK does, where there is no result"
        got = f"false, with error {described(value['error'])}" if "error" in value else "false"
        return sink.refuse("semantics", (None, "success"), "true, since the status is a 2xx", got, "", hint=hint)
    if "success" not in value:
        return _refuse_bare(value, (None, "success"), "true", sink)
    if success is not True:
        return boolean(success, (None, "success"), sink)
    if "result" not in value:
        return sink.refuse("missing-field", (None, "result"), "a value", "nothing", "")
    return _RESULTS[operation](value["result"], (None, "result"), sink)


def _refuse_bare(value: Json, place: Place, expected: str, sink: Sink) -> object:
    hint = "the reply looks like the bare result that the host dialect wants: test it with dialect host"
    got = described(value) if place is None else "nothing"
    return sink.refuse("missing-field" if place else "wrong-type", place, expected, got, "", hint=hint)


# --- the results ------------------------------------------------------------------------------------------------------


def _only_objects(name: str, shape: Shape) -> Shape:
    """Refuse the array of all fields that serde takes for a struct: no SDK does."""

    def convert(value: object, place: Place, sink: Sink) -> object:
        if type(value) is dict:
            return shape(value, place, sink)
        return sink.refuse("wrong-type", place, f"object {name}", described(value), "")

    return convert


def base64_text(value: object, place: Place, sink: Sink) -> object:
    """Check text in base64, which builds bytes."""
    expected = "text in base64"
    if type(value) is not str:
        hint = 'an array of numbers is how the host dialect writes bytes: write base64, "" for none'
        return sink.refuse("wrong-type", place, expected, described(value), "", hint=hint)
    try:
        return b64decode(value, validate=True)
    except ValueError as error:
        return sink.refuse("wrong-type", place, expected, f"{described(value)}: {error}", "")


def _template(value: object, place: Place, sink: Sink) -> object:
    result = anything(value, place, sink)
    return result, result


def _auth(*, authenticated: bool, user_id: str | None, claims: dict[str, Json]) -> _Read:
    # The SDKs' type always has a user_id: empty text is how it says nobody.
    identity = UserIdentity(user_id=user_id, roles=(), groups=(), attributes={}) if user_id else None
    reply = AuthResponse(authenticated=authenticated, identity=identity, claims=claims, metadata={})
    value: Json = {
        "authenticated": authenticated,
        "identity": None if identity is None else {"user_id": identity.user_id},
        "claims": claims,
    }
    return reply, value


def _review_auth(fields: dict[str, object], place: Place, sink: Sink) -> None:
    if fields.get("authenticated") is True and "user_id" in fields and not fields["user_id"]:
        got = "none" if fields["user_id"] is None else "empty text"
        hint = "under sdk user_id stands beside authenticated; there is no identity around it"
        sink.remark("note", (place, "user_id"), "a user_id where authenticated is true", got, hint=hint)


def _response(*, status_code: int, headers: dict[str, str], body: bytes, content_type: str) -> _Read:
    reply = ResponseData(
        status_code=status_code, headers=headers, body=body, content_type=content_type, metadata={}, custom={}
    )
    value: Json = {
        "status_code": status_code,
        "headers": dict(headers),
        "body": list(body),
        "content_type": content_type,
    }
    return reply, value


def _review_response(fields: dict[str, object], place: Place, sink: Sink) -> None:
    """Judge status and headers as the host does, by asking it of a response without a body."""
    status, headers = fields.get("status_code"), fields.get("headers")
    if type(status) is not int or type(headers) is not dict or BROKEN in headers.values():
        return
    bare = {"status_code": status, "headers": headers, "body": (), "content_type": "", "metadata": {}, "custom": {}}
    for violation in decode_reply(Operation.GENERATE_RESPONSE, dump(bare)).violations:
        where = (place, "status_code")
        if violation.severity == "error":
            sink.refuse(violation.kind, where, violation.expected, violation.got, "", hint=violation.hint)
        else:
            sink.add(_moved(violation))


def _moved(violation: Violation) -> Violation:
    return Violation(
        kind=violation.kind,
        pointer=f"/result{violation.pointer}",
        expected=violation.expected,
        got=violation.got,
        severity=violation.severity,
        hint=violation.hint,
    )


def _column(*, name: str, data_type: str) -> ColumnInfo:
    known = _BY_LOWER_CASE.get(data_type.lower())
    custom = None if known else data_type
    return ColumnInfo(name=name, data_type=known or "Custom", custom_type=custom, nullable=True, metadata={})


def data_type_from(text: str) -> Json:
    """Write the free text of the SDKs as the host's data type: one of the known, letter case aside, or `Custom`."""
    return _BY_LOWER_CASE.get(text.lower(), {"Custom": text})


def _data(*, rows: tuple[dict[str, Json], ...], columns: tuple[ColumnInfo, ...]) -> _Read:
    lists = [[row.get(column.name) for column in columns] for row in rows]
    reply = DataResult(
        rows=tuple(DataRow(values=tuple(values), metadata={}) for values in lists),
        columns=columns,
        execution_time_ms=0,
        metadata={},
    )
    value: Json = {
        "rows": [{"values": values} for values in lists],
        "columns": [
            {"name": column.name, "data_type": data_type_from(column.custom_type or column.data_type)}
            for column in columns
        ],
    }
    return reply, value


def _review_data(fields: dict[str, object], place: Place, sink: Sink) -> None:
    rows, columns = fields.get("rows"), fields.get("columns")
    if not isinstance(rows, tuple) or not isinstance(columns, tuple):
        return
    names: dict[str, None] = {}
    for index, column in enumerate(columns):
        if not isinstance(column, ColumnInfo):
            return
        if column.name in names:
            where = (((place, "columns"), index), "name")
            sink.remark("warning", where, "a name of its own for each column", described(column.name))
        names[column.name] = None
    lacking = len(rows) * len(columns) - sum(len(row) for row in rows if isinstance(row, dict))
    if lacking > _MOST_LACKING:
        hint = "write rows that have a value for each column, null where there is none"
        sink.refuse("semantics", (place, "rows"), "a value for each column", f"{lacking:,} too few", "", hint=hint)
        return
    for index, row in enumerate(rows):
        if isinstance(row, dict) and row.keys() != names.keys():
            _review_row(row, names, ((place, "rows"), index), sink)


def _review_row(row: dict[str, object], names: Mapping[str, None], place: Place, sink: Sink) -> None:
    if row.keys() == {"values", "metadata"}:
        hint = "this is a row of the host dialect: write an object with the column names as keys"
        keys = ", ".join(name[:_LONGEST_NAMES] for name in islice(names, _LONGEST_NAMES))
        keys = keys if len(keys) <= _LONGEST_NAMES else f"{keys[: _LONGEST_NAMES - 1]}…"
        sink.refuse("wrong-type", place, f"object with the keys {keys}", described(row), "", hint=hint)
        return
    for name in names:
        if name not in row:
            hint = "it is read as null, since the host's rows have a value for each column"
            sink.remark("warning", (place, name), "a value for each column", "nothing", hint=hint)
    for name in row:
        if name not in names:
            hint = "it is left out, since the host's rows hold values in the order of the columns"
            sink.remark("warning", (place, name), "keys that name columns", described(name), hint=hint)


_RESULTS: dict[Operation, Shape] = {
    Operation.AUTHENTICATE: _only_objects(
        "AuthResult",
        struct(
            "AuthResult",
            {"authenticated": boolean, "user_id": string, "claims": json_object},
            _auth,
            optional=("user_id",),
            review=_review_auth,
        ),
    ),
    Operation.TEMPLATE_FUNCTION: _template,
    Operation.GENERATE_RESPONSE: _only_objects(
        "ResponseData",
        struct(
            "ResponseData",
            {"status_code": unsigned(16), "headers": text_map, "body": base64_text, "content_type": string},
            _response,
            review=_review_response,
        ),
    ),
    Operation.QUERY_DATASOURCE: _only_objects(
        "DataResult",
        struct(
            "DataResult",
            {
                "rows": list_of(json_object),
                "columns": list_of(
                    _only_objects("ColumnInfo", struct("ColumnInfo", {"name": string, "data_type": string}, _column))
                ),
            },
            _data,
            review=_review_data,
        ),
    ),
}


# --- expectations for the host, under sdk -----------------------------------------------------------------------------

#: What the host's replies have and the SDKs' have no place for; None is a value that is lost as a whole. Keys that
#: neither knows stay, so a misspelt expectation still fails.
_Losses = Mapping[str, "_Losses | None"]
_IDENTITY_LOSSES: _Losses = dict.fromkeys(("username", "email", "display_name", "roles", "groups", "attributes"))
_LOSSES: dict[Operation, _Losses] = {
    Operation.AUTHENTICATE: {"metadata": None, "error_message": None, "identity": _IDENTITY_LOSSES},
    Operation.TEMPLATE_FUNCTION: {},
    Operation.GENERATE_RESPONSE: {"metadata": None, "custom": None, "cache_control": None},
    Operation.QUERY_DATASOURCE: {
        "total_count": None,
        "execution_time_ms": None,
        "metadata": None,
        "rows": {"metadata": None},
        "columns": {"nullable": None, "description": None, "metadata": None},
    },
}


def carried(operation: Operation, reply: Json) -> Json:
    """Copy an expected reply, whole or in part and in the host's shape, without what an SDK's reply cannot hold."""
    kept = _without(reply, _LOSSES[operation])
    if operation is Operation.QUERY_DATASOURCE and isinstance(kept, dict):
        columns = kept.get("columns")
        if isinstance(columns, list):
            kept["columns"] = [_typed_by_text(column) for column in columns]
    return kept


def _without(value: Json, losses: _Losses) -> Json:
    if isinstance(value, list):
        return [_without(item, losses) for item in value]
    if not isinstance(value, dict) or not losses:
        return value
    kept: dict[str, Json] = {}
    for key, member in value.items():
        inner = losses.get(key, {})
        if inner is not None:
            kept[key] = _without(member, inner)
    return kept


def _typed_by_text(column: Json) -> Json:
    """Name a custom type as it comes back: the SDKs' text does not tell `Custom` from the types that the host knows."""
    if isinstance(column, dict):
        match column.get("data_type"):
            case {"Custom": str(text), **rest} if not rest:
                return {**column, "data_type": data_type_from(text)}
    return column
