"""Where what a service of the published SDKs speaks differs from what MockForge's host speaks (contract 4.2).

A table: each row is one difference, how it shows in a reply, and how the reply would be without it. So each consequence
is what the host says of that difference alone. Knows nothing of how a service is asked.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from pytest_mockforge.contract.decode import decode_reply
from pytest_mockforge.contract.json_text import Json, dump, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.sdk_shapes import DATA_TYPES, data_type_from

_PRINTED = "Plugin execution error: "
_STATUS_500 = f"{_PRINTED}Remote plugin returned error status: 500 Internal Server Error"


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which the two dialects differ."""

    detail: str
    """A stable word in kebab case."""
    aspect: str
    """The row of contract 4.2 that it stands for."""
    host: str
    """What MockForge's host sends or wants."""
    sdk: str
    """What the published SDK wants or sends."""
    consequence: str
    """What MockForge's host does with it, or prints."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One difference in replies. `mended` gives the result without it, or None where it does not show."""

    detail: str
    aspect: str
    host: str
    sdk: str
    operations: tuple[Operation, ...]
    mended: Callable[[dict[str, Json]], dict[str, Json] | None]
    quiet: str = ""
    """What comes of it where the host takes the reply all the same."""


def reply_mismatches(operation: Operation, payload: bytes) -> tuple[Mismatch, ...]:
    """Give each way in which the host reads this reply of a service otherwise than it is meant.

    The first that stops the host has the words that it prints for the reply as it is; each other one has those that it
    would print if the rest were mended. Nothing is said of bytes that are no JSON, nor of a good reply of the host's.
    """
    value = parse(payload).value
    found: list[Mismatch] = []
    if isinstance(value, dict) and value.get("success") is False and "error" in value:
        return (_ERROR_BODY,)
    if isinstance(value, dict) and "success" in value and "result" in value:
        said = decode_reply(operation, payload).host_message
        taken = "MockForge takes the whole envelope for the value, and says nothing"
        found.append(msgspec.structs.replace(_ENVELOPE, consequence=taken if said is None else _PRINTED + said))
        value = value["result"]
    if isinstance(value, dict):
        found.extend(_in_result(operation, value))
    return tuple(found)


def _in_result(operation: Operation, result: dict[str, Json]) -> list[Mismatch]:
    rows = [row for row in _ROWS if operation in row.operations and row.mended(result) is not None]
    # What is still wrong once all rows are mended is no difference of dialects, and speaks for no row.
    otherwise = _said_of(operation, result, rows)
    found = []
    for row in rows:
        said = _said_of(operation, result, [other for other in rows if other is not row])
        if said == otherwise:
            said = row.quiet or f"the host stops at another breach first: {said}"
        consequence = said or row.quiet
        found.append(
            Mismatch(detail=row.detail, aspect=row.aspect, host=row.host, sdk=row.sdk, consequence=consequence)
        )
    return found


def _said_of(operation: Operation, result: dict[str, Json], mend: list[_Row]) -> str | None:
    """Give what the host prints of a result once these rows are mended; None where it takes it."""
    for row in mend:
        result = row.mended(result) or result
    said = decode_reply(operation, dump(result)).host_message
    return None if said is None else _PRINTED + said


def request_mismatches(operation: Operation) -> tuple[Mismatch, ...]:
    """Give each way in which the request that a service of the SDK wants differs from the one that the host sends."""
    return _REQUESTS[operation]


# --- how a result would be for the host -------------------------------------------------------------------------------


def _identity(result: dict[str, Json]) -> dict[str, Json] | None:
    if "user_id" not in result or "identity" in result:
        return None
    identity: Json = {"user_id": result["user_id"], "roles": [], "groups": [], "attributes": {}}
    return {**result, "identity": identity if result["user_id"] else None}


def _lacking(**defaults: Json) -> Callable[[dict[str, Json]], dict[str, Json] | None]:
    def mended(value: dict[str, Json]) -> dict[str, Json] | None:
        return None if defaults.keys() <= value.keys() else {**defaults, **value}

    return mended


def _body(result: dict[str, Json]) -> dict[str, Json] | None:
    body = result.get("body")
    if not isinstance(body, str):
        return None
    try:
        return {**result, "body": list(b64decode(body, validate=True))}
    except ValueError:
        return {**result, "body": list(body.encode())}


def _rows(result: dict[str, Json]) -> dict[str, Json] | None:
    rows, columns = result.get("rows"), result.get("columns")
    if not isinstance(rows, list) or not any(isinstance(row, dict) and not _is_host_row(row) for row in rows):
        return None
    names = [column.get("name") for column in columns if isinstance(column, dict)] if isinstance(columns, list) else []
    return {**result, "rows": [_host_row(row, names) for row in rows]}


def _is_host_row(row: dict[str, Json]) -> bool:
    return isinstance(row.get("values"), list) and isinstance(row.get("metadata"), dict)


def _host_row(row: Json, names: list[Json]) -> Json:
    if not isinstance(row, dict) or _is_host_row(row):
        return row
    return {"values": [row.get(name) if isinstance(name, str) else None for name in names], "metadata": {}}


_Mended = Callable[[dict[str, Json]], dict[str, Json] | None]


def _each_column(mended: _Mended) -> _Mended:
    def of_all(result: dict[str, Json]) -> dict[str, Json] | None:
        columns = result.get("columns")
        if not isinstance(columns, list):
            return None
        better = [mended(column) or column if isinstance(column, dict) else column for column in columns]
        return None if better == columns else {**result, "columns": better}

    return of_all


def _data_type(column: dict[str, Json]) -> dict[str, Json] | None:
    text = column.get("data_type")
    return {**column, "data_type": data_type_from(text)} if isinstance(text, str) else None


# --- the table: replies -----------------------------------------------------------------------------------------------

_A, _T, _R, _D = (
    Operation.AUTHENTICATE,
    Operation.TEMPLATE_FUNCTION,
    Operation.GENERATE_RESPONSE,
    Operation.QUERY_DATASOURCE,
)
_ENVELOPE = Mismatch(
    detail="envelope",
    aspect="success reply",
    host="the bare result",
    sdk='{"success": true, "result": …}',
    consequence="",
)
_ERROR_BODY = Mismatch(
    detail="error-body",
    aspect="error reply",
    host="any status but a 2xx; the body is not read",
    sdk='status 500 with {"success": false, "error": text}',
    consequence=f"{_STATUS_500}; the text is lost",
)
_ROWS = (
    _Row(
        detail="identity-top-level",
        aspect="auth result",
        host="identity: {user_id, roles, groups, attributes, …}",
        sdk="user_id beside authenticated",
        operations=(_A,),
        mended=_identity,
        quiet="MockForge takes the reply and drops user_id: nobody is named",
    ),
    _Row(
        detail="body-base64",
        aspect="body encoding",
        host="body is an array of byte numbers",
        sdk="body is text in base64",
        operations=(_R,),
        mended=_body,
    ),
    _Row(
        detail="response-extras",
        aspect="response extras",
        host="metadata and custom are required",
        sdk="neither is there",
        operations=(_R,),
        mended=_lacking(metadata={}, custom={}),
    ),
    _Row(
        detail="rows-as-objects",
        aspect="rows",
        host='{"values": […], "metadata": {}}',
        sdk='{"COLUMN": value}',
        operations=(_D,),
        mended=_rows,
    ),
    _Row(
        detail="data-type-text",
        aspect="columns",
        host=f'data_type is one of {", ".join(DATA_TYPES)} or {{"Custom": text}}',
        sdk="data_type is any text",
        operations=(_D,),
        mended=_each_column(_data_type),
    ),
    _Row(
        detail="columns-extras",
        aspect="columns",
        host="nullable and metadata are required in each column",
        sdk="neither is there",
        operations=(_D,),
        mended=_each_column(_lacking(nullable=True, metadata={})),
    ),
    _Row(
        detail="execution-time",
        aspect="execution_time_ms, metadata",
        host="execution_time_ms is required",
        sdk="it is absent",
        operations=(_D,),
        mended=_lacking(execution_time_ms=0),
    ),
    _Row(
        detail="metadata-missing",
        aspect="execution_time_ms, metadata",
        host="metadata is required",
        sdk="it is absent",
        operations=(_D,),
        mended=_lacking(metadata={}),
    ),
    _Row(
        detail="metadata-missing",
        aspect="auth result",
        host="metadata is required",
        sdk="it is absent",
        operations=(_A,),
        mended=_lacking(metadata={}),
    ),
)

# --- the table: requests ----------------------------------------------------------------------------------------------


def _refused(words: str) -> str:
    return f"the service answers 500 ({words}), and MockForge prints: {_STATUS_500}"


_PLUGIN_ID = "PluginContext.__init__() got an unexpected keyword argument 'plugin_id'"
_NO_MAPPING = "DataQuery() argument after ** must be a mapping, not str"
_HOST_CONTEXT = "context is {plugin_id, version, timeout_ms, request_id, environment, custom}; no headers, no body"
_SDK_CONTEXT = "context is {method, uri, headers, body}"


def _bare_context(aspect: str) -> Mismatch:
    return Mismatch(
        detail="bare-context",
        aspect=aspect,
        host=_HOST_CONTEXT,
        sdk=_SDK_CONTEXT,
        consequence=_refused(_PLUGIN_ID),
    )


def _unknown_keys(host: str, sdk: str, words: str) -> Mismatch:
    return Mismatch(detail="unknown-keys", aspect="unknown keys", host=host, sdk=sdk, consequence=_refused(words))


_REQUESTS: dict[Operation, tuple[Mismatch, ...]] = {
    _A: (
        _bare_context("auth body"),
        Mismatch(
            detail="credentials",
            aspect="auth body",
            host="no credentials: tokens travel in query_params",
            sdk="credentials is {type, token, data}, and required",
            consequence=_refused("the key 'credentials' is missing"),
        ),
        _unknown_keys("context holds keys of the host's own", f"{_SDK_CONTEXT} and no key more", _PLUGIN_ID),
    ),
    _T: (
        Mismatch(
            detail="request-context",
            aspect="template body",
            host="context.request_context is null or {method, path, headers, query_params}",
            sdk="context.request_context is null or {method, uri, headers, body}",
            consequence=_refused("unexpected keyword argument 'path'") + "; a null one is taken",
        ),
        _unknown_keys(
            "request_context holds path and query_params",
            "request_context is {method, uri, headers, body} and no key more",
            "unexpected keyword argument 'path'",
        ),
    ),
    _R: (
        _bare_context("response body"),
        Mismatch(
            detail="request-object",
            aspect="response body",
            host="method, path, query_params and path_params stand beside context",
            sdk="request is {method, path, headers, body}, and required",
            consequence=_refused("the key 'request' is missing"),
        ),
        _unknown_keys("context holds keys of the host's own", f"{_SDK_CONTEXT} and no key more", _PLUGIN_ID),
    ),
    _D: (
        Mismatch(
            detail="query-object",
            aspect="datasource body",
            host="query is text; query_type, parameters, limit and offset stand beside it",
            sdk="query is {query, parameters}",
            consequence=_refused(_NO_MAPPING),
        ),
        Mismatch(
            detail="unknown-keys",
            aspect="unknown keys",
            host="query_type, limit, offset and context stand beside query",
            sdk="query is {query, parameters} and no key more",
            consequence="the service reads none of them beside query, and refuses each inside of it",
        ),
    ),
}
