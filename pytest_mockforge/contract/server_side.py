"""The other end of both dialects, for mocks and reference services: requests read, replies and errors written.

Reads as strictly as the peer that each dialect stands for, since a stand-in that takes anything proves nothing. Knows
nothing of sockets or frameworks.
"""

from __future__ import annotations

from base64 import b64encode

import msgspec

from pytest_mockforge.contract import server_shapes
from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.json_text import Json, dump, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import AuthResponse, ColumnInfo, DataResult, Reply, ResponseData
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.contract.shapes import BROKEN, Sink
from pytest_mockforge.errors import RequestError

_REPLY_TYPES: dict[Operation, type[AuthResponse | ResponseData | DataResult] | None] = {
    Operation.AUTHENTICATE: AuthResponse,
    Operation.TEMPLATE_FUNCTION: None,
    Operation.GENERATE_RESPONSE: ResponseData,
    Operation.QUERY_DATASOURCE: DataResult,
}


def decode_request(dialect_name: str, operation: Operation, payload: bytes) -> Request:
    """Read a request of `operation` as a service gets it.

    host: every key that MockForge writes must be there, others are ignored. sdk: what the published SDK reads must be
    there, and an unknown key in `context`, `credentials`, `request`, `query` or `request_context` is refused as it
    refuses it; the headers `user-agent` and `x-forwarded-for` come back as `user_agent` and `client_ip`, the query of
    the uri as `query_params`, so one matcher serves both dialects. Raises `RequestError` that names each breach and
    where it is, and `SettingsError` for an unknown dialect.
    """
    name = dialect_named(dialect_name).name
    parsed = parse(payload)
    if parsed.host_message is not None:
        raise RequestError(
            f"{operation}: the request is no JSON\n  expected: one JSON value in UTF-8\n  got: {parsed.host_message}"
        )
    sink = Sink()
    shapes = server_shapes.HOST if name == "host" else server_shapes.SDK
    request = shapes[operation](parsed.value, None, sink)
    if sink.refusals or request is BROKEN:
        raise _broken(name, operation, sink)
    assert isinstance(request, Request)
    return request


def _broken(name: str, operation: Operation, sink: Sink) -> RequestError:
    first, *others = sink.violations
    more = f", and {len(others)} more" if others else ""
    lines = [f"{operation}: the request is none of the {name} dialect at {first.pointer or 'its root'}{more}"]
    for violation in sink.violations[:20]:
        lines.append(f"  {violation.pointer or '(request)'}")
        lines.append(f"    expected: {violation.expected}")
        lines.append(f"    got: {violation.got}")
    if len(sink.violations) > 20:
        lines.append(f"  … and {len(sink.violations) - 20} more")
    return RequestError("\n".join(lines), hint=next((v.hint for v in sink.violations if v.hint), None))


def encode_reply(dialect_name: str, operation: Operation, reply: Reply) -> bytes:
    """Write the bytes that a service answers `operation` with: a model, or any JSON value for a template function.

    sdk: in its envelope, and without what the SDKs have no place for (`Dialect.carried` tells what stays). The
    contract is not checked here, since a mock may want to break it: `Dialect.decode` tells. Raises `RequestError` for a
    reply of another operation and for what JSON cannot hold, and `SettingsError` for an unknown dialect.
    """
    name = dialect_named(dialect_name).name
    wanted = _REPLY_TYPES[operation]
    if (wanted is None and isinstance(reply, msgspec.Struct)) or (wanted is not None and not isinstance(reply, wanted)):
        expected = wanted.__name__ if wanted is not None else "a JSON value"
        raise RequestError(f"{operation}: a reply of another kind", expected=expected, got=type(reply).__name__)
    value = reply_value(reply)
    if name == "sdk":
        value = {"success": True, "result": _sdk_result(reply, value)}
    return _written(value)


def encode_error(dialect_name: str, message: str) -> bytes:
    """Write the body that goes with an error status: sdk as the published SDK does; the host reads none (contract 4.1).

    Raises `SettingsError` for an unknown dialect.
    """
    if dialect_named(dialect_name).name == "sdk":
        return _written({"success": False, "error": message})
    return _written({"error": message})


def reply_value(reply: Reply) -> Json:
    """Give the JSON that the host reads a model from; any other value as it is."""
    match reply:
        case AuthResponse() | ResponseData() | DataResult():
            return _plain(reply)
    return reply


def _plain(value: object) -> Json:
    match value:
        case ColumnInfo():
            fields = {name: _plain(member) for name, member in _fields(value).items() if name != "custom_type"}
            if value.custom_type is not None:
                fields["data_type"] = {value.data_type: value.custom_type}
            return fields
        case msgspec.Struct():
            return {name: _plain(member) for name, member in _fields(value).items()}
        case bytes():
            return list(value)
        case tuple():
            return [_plain(item) for item in value]
    return value  # type: ignore[return-value] # what else a model holds is JSON already, or `dump` refuses it


def _fields(value: msgspec.Struct) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _sdk_result(reply: Reply, value: Json) -> Json:
    match reply:
        case AuthResponse():
            user = "" if reply.identity is None else reply.identity.user_id
            return {"authenticated": reply.authenticated, "user_id": user, "claims": dict(reply.claims)}
        case ResponseData():
            return {
                "status_code": reply.status_code,
                "headers": dict(reply.headers),
                "body": b64encode(reply.body).decode(),
                "content_type": reply.content_type,
            }
        case DataResult():
            columns: list[Json] = [
                {"name": column.name, "data_type": column.custom_type or column.data_type} for column in reply.columns
            ]
            return {"rows": list(reply.records), "columns": columns}
    return value


def _written(value: Json) -> bytes:
    try:
        return dump(value)
    except RequestError as error:
        raise RequestError(error.message.replace("the request ", "the reply ", 1), hint=error.hint) from None
