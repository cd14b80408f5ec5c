"""The road over HTTP, or to an app in this process: JSON that is none, and where it may be sent (contract 4.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pytest_mockforge.checks.road import DEPTHS, OVERSIZE, Outcome, Road, Said, Shot
from pytest_mockforge.contract.dialects import Dialect
from pytest_mockforge.contract.json_text import parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.contract.sdk_shapes import is_refusing_envelope
from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.observation import Observation
from pytest_mockforge.runtimes.remote.answer import Answer
from pytest_mockforge.runtimes.remote.hop import status_line
from pytest_mockforge.runtimes.remote.roads import HEALTH, PATHS
from pytest_mockforge.runtimes.remote.service import RemoteRuntime

_NOT_IMPLEMENTED = 501
_UNKNOWN = "x_mockforge_unknown"


class HttpRoad(Road):
    """Anything over HTTP."""

    over = "HTTP"

    def __init__(self, service: RemoteRuntime, dialect: Dialect, secret: str | None) -> None:
        super().__init__(dialect, secret)
        self._service = service

    def written(self, request: Request) -> bytes:
        return self._dialect.encode(request)

    def observe(self, operation: Operation, data: bytes) -> Observation:
        return self._observation(self._service.invoke(operation, data))

    def fire(self, shot: Shot) -> Said:
        try:
            answer = self._service.send(shot.method, shot.path, body=shot.data)
        except RemoteFailure as failure:
            if failure.kind == "redirect":
                # A redirect that leads nowhere is a no to what was asked here.
                return Said(shot=shot, outcome="no", line=failure.message)
            return self._lost(shot, failure)
        text = self._text(answer.body)
        line = f"{status_line(answer)}, {self._quoted(text) if answer.body else 'an empty body'}"
        return Said(shot=shot, outcome=self._outcome(shot, answer), line=line, text=text)

    def abort(self, operation: Operation, data: bytes, usual: float) -> None:  # noqa: ARG002 - goes within the body
        self._service.abort(PATHS[operation], data)

    def answers(self) -> bool:
        try:
            self._service.send("GET", HEALTH, read=False)
        except RemoteFailure as failure:
            return failure.kind == "redirect"
        return True

    def astray(self, operations: Sequence[Operation], good: bytes) -> Iterable[Shot]:
        for operation in operations:
            yield Shot(name="wrong-method", method="GET", path=PATHS[operation], data=None)
            yield Shot(name="wrong-method", method="PUT", path=PATHS[operation], data=good)
        for path in ("/plugin/no-such-operation", "/no-such-path"):
            yield Shot(name="wrong-path", path=path, data=good)

    def garbage(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        yield self._shot("empty", operation, b"")
        yield self._shot("not-json", operation, b"hello, this is no JSON")
        yield self._shot("truncated", operation, good[: len(good) // 2])
        yield self._shot("not-utf8", operation, b'%b,"%b":"\xff\xfe"}' % (good.rstrip()[:-1], _UNKNOWN.encode()))

    def nested(self, operation: Operation, good: bytes) -> Iterable[Shot]:  # noqa: ARG002 - of a road
        for depth in DEPTHS:
            yield self._shot(f"nested-{depth}", operation, b"[" * depth + b"]" * depth)

    def oversize(self, operation: Operation) -> Shot:
        return self._shot("oversize", operation, b'"%b"' % (b"a" * OVERSIZE))

    def incomplete(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        yield self._shot("no-fields", operation, b"{}")
        members = json.loads(good)
        for left_out in members:
            rest = {key: value for key, value in members.items() if key != left_out}
            yield self._shot(f"without-{left_out}", operation, json.dumps(rest).encode())

    def extended(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        members = json.loads(good)
        yield self._shot("unknown-key", operation, json.dumps({**members, _UNKNOWN: {"a": [1]}}).encode())
        context = members.get("context")
        if isinstance(context, dict):
            more = {**members, "context": {**context, _UNKNOWN: {"a": [1]}}}
            yield self._shot("unknown-key-in-context", operation, json.dumps(more).encode())

    def close(self) -> None:
        self._service.close()

    @staticmethod
    def _shot(name: str, operation: Operation, data: bytes) -> Shot:
        return Shot(name=name, path=PATHS[operation], data=data, operation=operation)

    def _outcome(self, shot: Shot, answer: Answer) -> Outcome:
        refusing = self._dialect.name == "sdk" and is_refusing_envelope(parse(answer.body).value)
        if refusing and (answer.good or answer.status >= 500):
            # The sdk's one way of saying no, whatever the reason (contract 4.2).
            return "no"
        if answer.good:
            return "yes" if shot.operation is None else self._meant(shot.operation, answer.body)
        failed = answer.status >= 500 and not (shot.operation is None and answer.status == _NOT_IMPLEMENTED)
        return "broken" if failed else "no"
