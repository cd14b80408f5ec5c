"""Which dialect a service speaks: each operation asked in both, and what came back. Knows nothing of checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.dialects import Dialect, dialect_named
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import realistic_requests
from pytest_mockforge.contract.requests import Request, from_mapping
from pytest_mockforge.documents.testfile import Sample
from pytest_mockforge.errors import RemoteFailure, RequestError
from pytest_mockforge.runtimes.base import Exchange, Runtime

Outcome = Literal["answered", "refused", "broken", "absent"]
"""`answered` in good form; `refused` as the dialect refuses; `broken` in any other way; `absent` where nothing is."""

_TRIES = 3
"""Requests of one operation and dialect; the first good answer ends them."""
_GIVEN_UP = 2
"""Operations that are slow to give no answer before nothing more is asked: each may take a whole timeout."""
_SLOW = ("timeout", "oversize")
_NOWHERE = frozenset({404, 405, 501, 12})
"""Statuses that say that nothing is there; 12 is gRPC's UNIMPLEMENTED."""
_ENVELOPE = {"success", "result"}
_ORDER: tuple[Outcome, ...] = ("answered", "refused", "broken", "absent")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What came of one operation in one dialect."""

    dialect: str
    operation: Operation
    outcome: Outcome
    exchange: Exchange
    decoded: Decoded | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """What a service made of both dialects, or of the one that its road can carry."""

    asked: Mapping[tuple[str, Operation], Asked]

    @property
    def dialect(self) -> str:
        """The dialect to speak with it: the one with the most good answers, `host` when it does not matter."""
        # The first of the best: they were asked in the order in which they are preferred.
        return max(dict.fromkeys(name for name, _ in self.asked), key=self._rank)

    @property
    def unreached(self) -> RemoteFailure | None:
        """Why no call got an answer at all; None when one did, whatever its status."""
        lost = [one for asked in self.asked.values() if (one := _lost(asked.exchange)) is not None]
        return lost[0] if len(lost) == len(self.asked) else None

    def operations(self, dialect: str) -> tuple[Operation, ...]:
        """The operations that are there, in the order of the contract."""
        return tuple(op for op in Operation if self.asked[dialect, op].outcome != "absent")

    def _rank(self, dialect: str) -> tuple[int, int]:
        outcomes = [one.outcome for (name, _), one in self.asked.items() if name == dialect]
        return outcomes.count("answered"), outcomes.count("refused")


def probe(runtime: Runtime, samples: Sequence[Sample] = (), dialects: Sequence[str] = ("host", "sdk")) -> Spoken:
    """Ask each operation in each dialect, with the author's samples first. Never raises for what the service does."""
    asked: dict[tuple[str, Operation], Asked] = {}
    # Each operation before the next dialect: one that is slow must not speak for all.
    for name in dialects:
        for operation in Operation:
            requests = tuple(_requests(operation, samples))
            asked[name, operation] = one = _ask(runtime, dialect_named(name), operation, requests)
            lost = [_lost(other.exchange) for other in asked.values()]
            if _in_vain([failure.kind if failure is not None else "" for failure in lost]):
                # It would be the same for each operation.
                return Spoken(asked={(d, op): _like(one, d, op) for d in dialects for op in Operation} | asked)
    return Spoken(asked=asked)


def _lost(exchange: Exchange) -> RemoteFailure | None:
    """Give the failure of a call that got no whole answer."""
    failure = exchange.failure
    return failure if isinstance(failure, RemoteFailure) and failure.kind != "status" else None


def _in_vain(kinds: Sequence[str]) -> bool:
    slow = len(kinds) == _GIVEN_UP and all(kind in _SLOW for kind in kinds)
    return slow or kinds[-1] in ("unreachable", "tls")


def _requests(operation: Operation, samples: Sequence[Sample]) -> Iterator[Request]:
    mine = [sample for sample in samples if sample.operation is operation]
    for sample in sorted(mine, key=lambda sample: sample.outcome != "accepted")[:_TRIES]:
        try:
            yield _lenient(from_mapping(operation, sample.request))
        except RequestError:
            # The check on samples reports it.
            continue
    for named in realistic_requests(operation)[:_TRIES]:
        yield _lenient(named.request)


def _lenient(request: Request) -> Request:
    return msgspec.structs.replace(request, lenient=True) if hasattr(request, "lenient") else request


def _ask(runtime: Runtime, dialect: Dialect, operation: Operation, requests: Sequence[Request]) -> Asked:
    best: Asked | None = None
    for request in requests[:_TRIES]:
        try:
            payload = dialect.encode(request)
        except RequestError:
            continue
        exchange = runtime.invoke(operation, payload)
        decoded = dialect.decode(operation, exchange.reply) if exchange.reply is not None else None
        outcome = _outcome(dialect, operation, exchange, decoded)
        if best is None or _ORDER.index(outcome) < _ORDER.index(best.outcome):
            best = Asked(dialect=dialect.name, operation=operation, outcome=outcome, exchange=exchange, decoded=decoded)
        if outcome in ("answered", "absent") or _lost(exchange) is not None:
            break
    assert best is not None
    return best


def _outcome(dialect: Dialect, operation: Operation, exchange: Exchange, decoded: Decoded | None) -> Outcome:
    failure = exchange.failure
    if isinstance(failure, RemoteFailure):
        if failure.status in _NOWHERE:
            return "absent"
        return "refused" if dialect.refusal(operation, failure) is not None else "broken"
    if decoded is None or not decoded.ok:
        return "broken"
    # Any JSON is a template function's value to the host, the sdk's envelope too (contract 4.2).
    enveloped = dialect.name == "host" and isinstance(decoded.value, dict) and set(decoded.value) == _ENVELOPE
    return "broken" if operation is Operation.TEMPLATE_FUNCTION and enveloped else "answered"


def _like(one: Asked, dialect: str, operation: Operation) -> Asked:
    return Asked(dialect=dialect, operation=operation, outcome=one.outcome, exchange=one.exchange, decoded=one.decoded)
