"""The host's JSON as messages of `plugin.proto` and back: what a runtime carries to what gRPC carries.

Requests are those of the `host` dialect (contract 1.2 to 1.6), to which `headers`, `body` (an array of byte numbers)
and `credentials` may be added; replies are bare, as the host wants them. JSON of the plugin's own (arguments, claims,
rows) is carried as the text it is and never read, so no number changes. Pure: knows nothing of gRPC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar, cast

import msgspec

from pytest_mockforge.contract.json_text import dump, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.proto.messages import (
    Field,
    Fields,
    WireError,
    decode,
    encode,
    fields_of,
    reply_name,
    request_name,
)

_ARRAYS = ("args_json", "values_json")
_NULL_WHERE_UNSET = ("identity", "request_context")
#: What the host neither sends nor knows: written where it is set, never as null.
_BEYOND_THE_HOST: Mapping[str, tuple[str, ...]] = {
    "AuthRequest": ("credentials", "headers", "body"),
    "ResponseRequest": ("headers", "body"),
    "RequestMetadata": ("uri", "body"),
}


class WireReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply's message says: the host's JSON, or that the plugin refused."""

    payload: bytes = b""
    refused: bool = False
    error: str = ""
    """Why it refused, in its own words."""


def request_to_wire(operation: Operation, payload: bytes) -> bytes:
    """Write a request's JSON as its message. Raises WireError for what the message cannot carry, or only in part."""
    return _to_wire(request_name(operation), payload)


def request_from_wire(operation: Operation, data: bytes) -> bytes:
    """Give a request's message as the JSON that the host would send: compact, keys in order. Raises WireError."""
    name = request_name(operation)
    return _object(name, decode(name, data), "")


def reply_to_wire(operation: Operation, payload: bytes) -> bytes:
    """Write a reply's JSON as its message. Raises WireError for what the message cannot carry, or only in part."""
    name = reply_name(operation)
    result = _result(name)
    if result is None:
        return encode(name, {"success": True, "result_json": payload})
    return encode(name, {"success": True, "result": _fields(result, _checked(payload), "")})


def refusal_to_wire(operation: Operation, error: str) -> bytes:
    """Write the message of a plugin that refuses."""
    return encode(reply_name(operation), {"success": False, "error": error})


def reply_from_wire(operation: Operation, data: bytes) -> WireReply:
    """Read a reply's message. Raises WireError where it is none, or says success without a result."""
    name = reply_name(operation)
    reply = decode(name, data)
    if not reply["success"]:
        return WireReply(refused=True, error=str(reply["error"]))
    result = _result(name)
    if result is None:
        # Verbatim, whatever it is: whether it is JSON is for the contract to say.
        return WireReply(payload=cast("bytes", reply["result_json"]))
    if "result" not in reply:
        raise WireError(f"{name} says success, but its result is not set")
    return WireReply(payload=_object(result, cast("Fields", reply["result"]), "result."))


def _result(name: str) -> str | None:
    """Give the message that a reply wraps; None for a template function's, which wraps any JSON."""
    return next((field.message.rpartition(".")[2] for field in fields_of(name) if field.name == "result"), None)


# --- JSON to messages -------------------------------------------------------------------------------------------------

Value = TypeVar("Value")
_Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]


def _to_wire(name: str, payload: bytes) -> bytes:
    return encode(name, _fields(name, _checked(payload), ""))


def _checked(payload: bytes) -> msgspec.Raw:
    # msgspec looks at the raw pieces that it hands out less strictly than a plugin's parser would.
    parsed = parse(payload)
    if parsed.host_message is not None:
        raise WireError(f"no JSON: {parsed.host_message}")
    return msgspec.Raw(payload)


def _fields(name: str, text: msgspec.Raw, where: str) -> Fields:
    members = _read(text, dict[str, msgspec.Raw], where)
    found: Fields = {}
    for field in fields_of(name):
        key = field.name.removesuffix("_json")
        if key not in members:
            continue
        member = members.pop(key)
        if field.name == "data_type":
            found |= _data_type(member, f"{where}/{key}")
        elif field.name != key:
            found[field.name] = bytes(member)
        elif not (field.optional and _is_null(member)):
            found[field.name] = _value(field, member, f"{where}/{key}")
    if members:
        raise WireError(f"{where}/{next(iter(members))}: plugin.proto has no place for it")
    return found


def _value(field: Field, text: msgspec.Raw, where: str) -> object:
    message = field.message.rpartition(".")[2]
    match field.kind:
        case "map":
            return _read(text, dict[str, str], where)
        case "message" if field.repeated:
            items = _read(text, list[msgspec.Raw], where)
            return [_fields(message, item, f"{where}/{index}") for index, item in enumerate(items)]
        case "message":
            return _fields(message, text, where)
        case "text":
            return _read(text, list[str], where) if field.repeated else _read(text, str, where)
        case "bool":
            return _read(text, bool, where)
        case "bytes":
            return bytes(_read(text, list[_Byte], where))
        case "number":
            return _unsigned(text, field.bits, where)


def _unsigned(text: msgspec.Raw, bits: int, where: str) -> int:
    digits = bytes(text).strip()
    if not digits.isdigit() or len(digits) > 20 or int(digits) >= 2**bits:
        raise WireError(f"{where}: no integer from 0 to {2**bits - 1}")
    return int(digits)


def _data_type(text: msgspec.Raw, where: str) -> Fields:
    """Read `"Text"` or `{"Custom":"money"}` (contract 1.6)."""
    if not bytes(text).lstrip().startswith(b"{"):
        return {"data_type": _read(text, str, where)}
    tagged = _read(text, dict[str, str | None], where)
    if len(tagged) != 1:
        raise WireError(f"{where}: a map with {len(tagged)} keys, not one")
    ((name, custom),) = tagged.items()
    return {"data_type": name} if custom is None else {"data_type": name, "custom_type": custom}


def _is_null(text: msgspec.Raw) -> bool:
    return bytes(text).strip() == b"null"


def _read(text: msgspec.Raw, kind: type[Value], where: str) -> Value:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"{where or 'the whole'}: {error}") from None


# --- messages to JSON -------------------------------------------------------------------------------------------------


def _object(name: str, fields: Fields, where: str) -> bytes:
    members: dict[str, bytes] = {}
    for field in fields_of(name):
        key, value = field.name.removesuffix("_json"), fields.get(field.name)
        beyond = field.name in _BEYOND_THE_HOST.get(name, ())
        absent = beyond or (field.kind == "message" and field.name not in _NULL_WHERE_UNSET)
        if field.name == "custom_type" or (value is None and absent) or (beyond and value == {}):
            continue
        if field.name == "data_type" and "custom_type" in fields:
            members[key] = dump({str(value): fields["custom_type"]})
        else:
            members[key] = b"null" if value is None else _text(field, value, where + field.name)
    return b"{%b}" % b",".join(b"%b:%b" % (dump(key), members[key]) for key in sorted(members))


def _text(field: Field, value: object, where: str) -> bytes:
    if field.name.endswith("_json"):
        return _own_text(field, cast("bytes", value), where)
    if field.kind == "bytes":
        return _byte_numbers(cast("bytes", value))
    if field.kind != "message":
        return dump(value)
    message = field.message.rpartition(".")[2]
    if not field.repeated:
        return _object(message, cast("Fields", value), where + ".")
    listed = enumerate(cast("list[Fields]", value))
    return b"[%b]" % b",".join(_object(message, one, f"{where}[{index}].") for index, one in listed)


def _own_text(field: Field, text: bytes, where: str) -> bytes:
    if not text:
        return b"[]" if field.name in _ARRAYS else b"{}"
    # What is no single value could bring keys of its own into the object around it.
    parsed = parse(text)
    if parsed.host_message is not None:
        raise WireError(f"{where} is no JSON text: {parsed.host_message}")
    return text


_NUMBERS = tuple(str(number).encode() for number in range(256))
_AT_ONCE = 64 * 1024


def _byte_numbers(body: bytes) -> bytes:
    """Write bytes as an array of numbers; piece by piece, as a list of all of them would take eight times as much."""
    pieces = (body[start : start + _AT_ONCE] for start in range(0, len(body), _AT_ONCE))
    return b"[%b]" % b",".join(b",".join([_NUMBERS[byte] for byte in piece]) for piece in pieces)
