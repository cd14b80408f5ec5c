"""The road over gRPC: messages that are none, methods that nobody serves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from pytest_mockforge.checks.road import DEPTHS, OVERSIZE, Outcome, Road, Said, Shot
from pytest_mockforge.contract.dialects import Dialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.observation import Observation
from pytest_mockforge.proto.json_form import reply_from_wire, request_to_wire
from pytest_mockforge.proto.messages import SERVICE, WireError, decode, encode, method_path, request_name
from pytest_mockforge.runtimes.base import Exchange
from pytest_mockforge.runtimes.remote.grpc import GrpcRuntime
from pytest_mockforge.runtimes.remote.grpc_ended import Ended, code_name
from pytest_mockforge.runtimes.remote.grpc_reflection import HEALTH_PATH

_FAILED = (2, 14, 15)
"""UNKNOWN, UNAVAILABLE and DATA_LOSS: what libraries say of a handler that raised. INTERNAL is what they say
themselves of a message that cannot be read."""
_UNIMPLEMENTED = 12
_SHORTEST = 0.002
"""Seconds below which a call may end before it left."""
_CONTEXT = {Operation.TEMPLATE_FUNCTION: 3}
_JSON_FIELD = {Operation.TEMPLATE_FUNCTION: 2, Operation.QUERY_DATASOURCE: 4}
"""Numbers of `args_json` and `parameters_json`."""
_TEXT_FIELD = 4
"""The number of a string in both kinds of context: `request_id` and `timestamp`."""
_NOBODYS_FIELD = 9_999


class GrpcRoad(Road):
    """Anything over gRPC."""

    over = "gRPC"

    def __init__(self, service: GrpcRuntime, dialect: Dialect, secret: str | None) -> None:
        super().__init__(dialect, secret)
        self._service = service

    def written(self, request: Request) -> bytes:
        return request_to_wire(request.operation, self._dialect.encode(request))

    def observe(self, operation: Operation, data: bytes) -> Observation:
        ended: Ended | None = None
        reply: bytes | None = None
        failure: RemoteFailure | None = None
        try:
            ended = self._service.send(method_path(operation), data)
            reply = self._payload(operation, ended)
        except RemoteFailure as lost:
            failure = lost
        if failure is None and reply is None and ended is not None:
            words = f"{operation} was answered with {code_name(ended.code)}"
            failure = RemoteFailure(words, kind="status", status=ended.code, body=ended.details.encode())
        exchange = Exchange(
            operation=operation,
            request=data,
            reply=reply,
            failure=failure,
            fuel=None,
            guest_seconds=ended.seconds if ended else 0.0,
            fresh=False,
            wire=ended.wire() if ended else None,
        )
        return self._observation(exchange)

    def fire(self, shot: Shot) -> Said:
        try:
            ended = self._service.send(shot.path, shot.data or b"")
        except RemoteFailure as failure:
            return self._lost(shot, failure)
        line = f"{code_name(ended.code)}, {self._quoted(ended.details)}"
        return Said(shot=shot, outcome=self._outcome(shot, ended), line=line, text=ended.details)

    def abort(self, operation: Operation, data: bytes, usual: float) -> None:
        # A deadline in the middle of the work is a cancellation; that it hits no answer is what is wanted.
        with contextlib.suppress(RemoteFailure):
            self._service.send(method_path(operation), data, timeout=max(_SHORTEST, usual / 2))

    def answers(self) -> bool:
        try:
            self._service.send(HEALTH_PATH, b"")
        except RemoteFailure:
            return False
        return True

    def astray(self, operations: Sequence[Operation], good: bytes) -> Iterable[Shot]:  # noqa: ARG002 - of a road
        yield Shot(name="wrong-method", method="call", path=f"/{SERVICE}/NoSuchMethod", data=good)
        yield Shot(name="wrong-path", method="call", path="/mockforge.no.such.Service/Authenticate", data=good)

    def garbage(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        yield self._shot("not-protobuf", operation, b"\xff" * 64)
        yield self._shot("truncated", operation, good[:-1])
        text = _bytes_field(_TEXT_FIELD, b"\xff\xfe")
        yield self._shot("not-utf8", operation, good + _bytes_field(_CONTEXT.get(operation, 1), text))
        if operation in _JSON_FIELD:
            yield self._shot("not-json", operation, good + _bytes_field(_JSON_FIELD[operation], b"[1,"))

    def nested(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        groups = _key(_NOBODYS_FIELD, 3) * DEPTHS[-1] + _key(_NOBODYS_FIELD, 4) * DEPTHS[-1]
        yield self._shot(f"nested-groups-{DEPTHS[-1]}", operation, good + groups)
        if operation in _JSON_FIELD:
            # Never closed: an argument may be of any depth.
            begun = b"[" if operation is Operation.TEMPLATE_FUNCTION else b'{"id":'
            for depth in DEPTHS:
                json = _bytes_field(_JSON_FIELD[operation], begun + b"[" * depth)
                yield self._shot(f"nested-{depth}", operation, good + json)

    def oversize(self, operation: Operation) -> Shot:
        return self._shot("oversize", operation, b"\xff" * OVERSIZE)

    def incomplete(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        yield self._shot("no-fields", operation, b"")
        name = request_name(operation)
        fields = decode(name, good)
        for left_out in fields:
            rest = {key: value for key, value in fields.items() if key != left_out}
            yield self._shot(f"without-{left_out}", operation, encode(name, rest))

    def extended(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        yield self._shot("unknown-field", operation, good + _bytes_field(_NOBODYS_FIELD, b"from a later version"))

    def close(self) -> None:
        self._service.close()

    @staticmethod
    def _shot(name: str, operation: Operation, data: bytes) -> Shot:
        return Shot(name=name, method="call", path=method_path(operation), data=data, operation=operation)

    def _payload(self, operation: Operation, ended: Ended) -> bytes | None:
        if not ended.good:
            return None
        try:
            reply = reply_from_wire(operation, ended.data)
        except WireError:
            return None
        return None if reply.refused else reply.payload

    def _outcome(self, shot: Shot, ended: Ended) -> Outcome:
        if not ended.good:
            if shot.operation is None:
                return "no" if ended.code == _UNIMPLEMENTED else "broken"
            return "broken" if ended.code in _FAILED else "no"
        if shot.operation is None:
            return "yes"
        try:
            reply = reply_from_wire(shot.operation, ended.data)
        except WireError:
            return "unreadable"
        return "no" if reply.refused else self._meant(shot.operation, reply.payload)


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _bytes_field(number: int, content: bytes) -> bytes:
    """Write one more field; of a field that is there already, the last one counts, and messages are merged."""
    return _key(number, 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))
