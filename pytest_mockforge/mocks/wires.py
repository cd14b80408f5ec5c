"""How a stand-in reads requests and writes answers: JSON over HTTP in one of the dialects, or messages over gRPC.

Checks each reply by reading it as a caller reads it. Knows nothing of connections or expectations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.json_text import Json, dump, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import Reply
from pytest_mockforge.contract.request_models import AuthRequest, Credentials, Request, ResponseRequest
from pytest_mockforge.contract.server_side import decode_request, encode_error, encode_reply
from pytest_mockforge.errors import RequestError, SettingsError
from pytest_mockforge.mocks.delivery import Delivery
from pytest_mockforge.mocks.faults import Fault, Strike
from pytest_mockforge.proto.json_form import refusal_to_wire, reply_to_wire, request_from_wire
from pytest_mockforge.proto.messages import WireError

_UNEXPECTED, _UNREADABLE, _BROKEN = 501, 400, 500
_UNIMPLEMENTED, _INVALID_ARGUMENT, _INTERNAL = 12, 3, 13
_MOST_DETAILS = 2_000
"""Characters of a gRPC code's details: they travel as a header, and callers bound those."""


class Wire(Protocol):
    """What differs between HTTP and gRPC before anything is sent."""

    @property
    def dropped(self) -> Mapping[Operation, tuple[str, ...]]:
        """Words of a matcher whose values never travel."""
        ...

    @property
    def name(self) -> str:
        """What is spoken, as an error text says it."""
        ...

    def read(self, operation: Operation, body: bytes) -> Request:
        """Read a request. Raises RequestError that says what is wrong with it."""
        ...

    def reply(self, operation: Operation, reply: Reply, *, breaks_contract: bool) -> Delivery:
        """Write a reply. Raises RequestError for one that breaks the contract, unless it may."""
        ...

    def raw(self, body: bytes, *, status: int | None, content_type: str) -> Delivery:
        """Send bytes as they are. Raises SettingsError for a status that there is not."""
        ...

    def refusal(self, operation: Operation, message: str, *, status: int | None) -> Delivery:
        """Say no, as the plugin's kind does. Raises SettingsError for a status that there is not."""
        ...

    def unexpected(self, message: str) -> Delivery: ...
    def unreadable(self, message: str) -> Delivery: ...
    def broken(self, message: str) -> Delivery: ...

    def strike(self, fault: Fault) -> Strike:
        """Give what a fault does here. Raises SettingsError where it can do nothing."""
        ...


class HttpWire:
    """JSON in one of the two dialects (contract 4.1, 4.2)."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect_named(dialect)
        self.name = f"the {dialect} dialect"
        self.dropped = _DROPPED[dialect]

    def read(self, operation: Operation, body: bytes) -> Request:
        return decode_request(self._dialect.name, operation, body)

    def reply(self, operation: Operation, reply: Reply, *, breaks_contract: bool) -> Delivery:
        __tracebackhide__ = True
        payload = encode_reply(self._dialect.name, operation, reply)
        if not breaks_contract:
            _require_kept(self._dialect.name, operation, payload)
        return self._delivery(payload, 200)

    def raw(self, body: bytes, *, status: int | None, content_type: str) -> Delivery:
        __tracebackhide__ = True
        number = _status(200 if status is None else status)
        return Delivery(body=body, status=number, content_type=content_type, dialect=self._dialect.name)

    def refusal(self, operation: Operation, message: str, *, status: int | None) -> Delivery:  # noqa: ARG002 - gRPC's needs it
        __tracebackhide__ = True
        # The published SDK has no other error status; the host takes any 4xx for a refusal (contract 4.1, 4.2).
        usual = 500 if self._dialect.name == "sdk" else 422
        return self._error(_status(usual if status is None else status), message)

    def unexpected(self, message: str) -> Delivery:
        return self._error(_UNEXPECTED, message)

    def unreadable(self, message: str) -> Delivery:
        return self._error(_UNREADABLE, message)

    def broken(self, message: str) -> Delivery:
        return self._error(_BROKEN, message)

    def plain(self, status: int, message: str) -> Delivery:
        """Answer what is no operation."""
        return self._error(status, message)

    def strike(self, fault: Fault) -> Strike:
        __tracebackhide__ = True
        return _possible(fault, fault.http, "HTTP")

    def _error(self, status: int, message: str) -> Delivery:
        return self._delivery(encode_error(self._dialect.name, message), status)

    def _delivery(self, body: bytes, status: int) -> Delivery:
        return Delivery(body=body, status=status, dialect=self._dialect.name)


class GrpcWire:
    """Messages of our plugin.proto, which hold what the host sends, and headers, body and credentials (contract 6)."""

    name = "plugin.proto"
    dropped: Mapping[Operation, tuple[str, ...]] = {}

    def read(self, operation: Operation, body: bytes) -> Request:
        try:
            payload = request_from_wire(operation, body)
        except WireError as error:
            raise RequestError(f"{operation}: the request is no message of plugin.proto: {error}") from None
        members = parse(payload).value
        assert isinstance(members, dict)
        _fill(members, _UNSET[operation])
        return _completed(decode_request("host", operation, dump(members)), members)

    def reply(self, operation: Operation, reply: Reply, *, breaks_contract: bool) -> Delivery:
        __tracebackhide__ = True
        payload = encode_reply("host", operation, reply)
        if not breaks_contract:
            _require_kept("host", operation, payload)
        try:
            return _sent(reply_to_wire(operation, payload))
        except WireError as error:
            hint = "reply_raw sends any bytes"
            raise RequestError(f"{operation}: plugin.proto cannot carry the reply: {error}", hint=hint) from None

    def raw(self, body: bytes, *, status: int | None, content_type: str) -> Delivery:  # noqa: ARG002 - HTTP's needs it
        __tracebackhide__ = True
        number = _code(0 if status is None else status)
        return Delivery(body=body if number == 0 else b"", status=number, details="" if number == 0 else _cut(body))

    def refusal(self, operation: Operation, message: str, *, status: int | None) -> Delivery:
        __tracebackhide__ = True
        if status is None:
            return _sent(refusal_to_wire(operation, message))
        return Delivery(status=_code(status), details=message)

    def unexpected(self, message: str) -> Delivery:
        return _ended(_UNIMPLEMENTED, message)

    def unreadable(self, message: str) -> Delivery:
        return _ended(_INVALID_ARGUMENT, message)

    def broken(self, message: str) -> Delivery:
        return _ended(_INTERNAL, message)

    def strike(self, fault: Fault) -> Strike:
        __tracebackhide__ = True
        return _possible(fault, fault.grpc, "gRPC")


_DROPPED: Mapping[str, Mapping[Operation, tuple[str, ...]]] = {
    "host": {
        Operation.AUTHENTICATE: ("headers", "body", "credentials"),
        Operation.GENERATE_RESPONSE: ("headers", "body"),
    },
    "sdk": {
        Operation.AUTHENTICATE: ("context",),
        Operation.GENERATE_RESPONSE: ("path_params", "context"),
        Operation.QUERY_DATASOURCE: ("type", "limit", "offset", "context"),
    },
}


def _require_kept(dialect: str, operation: Operation, payload: bytes) -> None:
    __tracebackhide__ = True
    decoded = dialect_named(dialect).decode(operation, payload)
    if decoded.ok:
        return
    breaches = [violation for violation in decoded.violations if violation.severity == "error"]
    lines = [f"{operation}: the reply of the mock breaks the contract at {breaches[0].pointer or 'its root'}"]
    for violation in breaches:
        lines += [f"  {violation.pointer or '(reply)'}: {violation.kind}"]
        lines += [f"    expected: {violation.expected}", f"    got: {violation.got}"]
    hint = "mend it, or say that it is meant: reply(…, breaks_contract=True)"
    raise RequestError("\n".join(lines), hint=hint)


def _possible(fault: Fault, strike: Strike | None, road: str) -> Strike:
    __tracebackhide__ = True
    if strike is None:
        raise SettingsError(f"{fault!r} cannot happen over {road}", hint=fault.why_not)
    return strike


def _status(number: int) -> int:
    __tracebackhide__ = True
    # Below 200 an answer is not over, and 204 and 304 have no body.
    if not isinstance(number, int) or not 200 <= number <= 599 or number in (204, 205, 304):
        raise SettingsError(
            f"{number!r} is no status that a body can go with", expected="200 to 599, but 204, 205 and 304"
        )
    return number


def _code(number: int) -> int:
    __tracebackhide__ = True
    if not isinstance(number, int) or not 0 <= number <= 16:
        raise SettingsError(
            f"{number!r} is no code of gRPC", expected="0 to 16, such as 5 for NOT_FOUND", hint="HTTP has the statuses"
        )
    return number


def _sent(message: bytes) -> Delivery:
    return Delivery(body=message, status=0)


def _ended(code: int, message: str) -> Delivery:
    return Delivery(status=code, details=message[:_MOST_DETAILS])


def _cut(body: bytes) -> str:
    return body.decode("utf-8", "replace")[:_MOST_DETAILS]


_EMPTY_VERSION: dict[str, Json] = {"major": 0, "minor": 0, "patch": 0}
_EMPTY_CONTEXT: dict[str, Json] = {
    "plugin_id": "",
    "request_id": "",
    "timeout_ms": 0,
    "environment": {},
    "custom": {},
    "version": _EMPTY_VERSION,
}
#: What JSON has in place of a message that is not set, which in protobuf is as good as an empty one.
_UNSET: Mapping[Operation, dict[str, Json]] = {
    **{operation: {"context": _EMPTY_CONTEXT} for operation in Operation},
    Operation.TEMPLATE_FUNCTION: {"context": {"metadata": {}, "environment": {}, "timestamp": ""}},
}


def _fill(members: dict[str, Json], unset: dict[str, Json]) -> None:
    for name, empty in unset.items():
        inner = members.setdefault(name, {} if isinstance(empty, dict) else empty)
        if isinstance(inner, dict) and isinstance(empty, dict):
            _fill(inner, empty)


def _completed(request: Request, members: dict[str, Json]) -> Request:
    """Add what plugin.proto carries beyond the host's JSON."""
    if not isinstance(request, AuthRequest | ResponseRequest):
        return request
    beyond: dict[str, object] = {}
    if isinstance(members.get("headers"), dict):
        beyond["headers"] = members["headers"]
    if isinstance(body := members.get("body"), list):
        beyond["body"] = bytes(number for number in body if isinstance(number, int))
    if isinstance(given := members.get("credentials"), dict):
        try:
            beyond["credentials"] = msgspec.convert(given, Credentials)
        except msgspec.ValidationError as error:
            raise RequestError(f"{request.operation}: the request's credentials are none: {error}") from None
    return msgspec.structs.replace(request, **beyond)
