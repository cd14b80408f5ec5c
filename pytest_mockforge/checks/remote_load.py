"""MF6, continued: does a service keep answers apart, forget an aborted request, and answer alike twice?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice, zip_longest
from threading import Barrier
from time import sleep

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.registry import check
from pytest_mockforge.checks.service_bench import ServiceBench
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.expectation import Volatile, differing, without_volatile
from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.observation import Observation

_AT_ONCE = 10
_MOST_AT_ONCE = 64
_ROUNDS = 3
_OF_EACH = 5
"""Requests of one operation that are made again."""
_NOTICING = 0.05
"""Seconds in which a service may notice that somebody went away."""
_MEASURED = Volatile(pointer="/execution_time_ms", operation=Operation.QUERY_DATASOURCE)
"""A time that the service measured itself differs by its nature."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """A request as it travels, and what it was answered when it was asked alone."""

    name: str
    operation: Operation
    data: bytes
    alone: Observation


@check("MF609", "calls at the same time get each their own answer", need="raw")
def concurrency(bench: ServiceBench) -> Iterator[Finding]:
    """Ten calls are made at once, three times over, or as many as the manifest allows (64 at most). Each has to get the
    answer that it got alone.

    MockForge serves requests as they come, and its adapter for services takes no lock (contract 4.1): what a service
    keeps in a global variable between two lines of its code is another caller's by then. A manifest that allows one
    call at a time asks for nothing here. Volatile fields are left out; of a stateful plugin only losses count.

    Mend: keep what belongs to a call in that call: no globals, no shared buffers. Or let the manifest allow fewer.
    """
    manifest = bench.subject.manifest
    allowed = manifest.concurrency if manifest is not None else None
    count = min(allowed or _AT_ONCE, _MOST_AT_ONCE)
    if count < 2:
        yield _note("MF609", "one-at-a-time", "the manifest allows one call at a time, so that none were made at once")
        return
    # One of each operation in turn, so that ten calls are not ten of one operation.
    rows = zip_longest(*(_known(bench, operation) for operation in bench.operations))
    known = [one for row in rows for one in row if one is not None]
    if not known:
        yield _note("MF609", "no-reply", "no operation gave a reply to any request, so that there is nothing to repeat")
        return
    if len({one.alone.reply_bytes for one in known}) < 2:
        yield _note("MF609", "one-answer", "all requests have one and the same answer: mixed up, they would look alike")
    told: set[str] = set()
    for _ in range(_ROUNDS):
        together = list(islice(cycle(known), count))
        for one, seen in zip(together, _at_once(bench, together), strict=True):
            finding = _judged_together(bench, one, seen, known, count)
            if finding is not None and finding.detail not in told:
                told.add(finding.detail)
                yield finding
        if told:
            is_gone(bench, "MF609")
            return
        known = known[count % len(known) :] + known[: count % len(known)]


@check("MF610", "a request that was broken off leaves no trace", need="raw")
def abort(bench: ServiceBench) -> Iterator[Finding]:
    """A caller begins a request and goes away in the middle of its body; over gRPC it cancels the call. The next call
    gets its usual answer within the time limit.

    MockForge goes away like that whenever its own caller does, or its timeout_ms is over (contract 4.1). A worker that
    waits for the rest of the body for ever is lost for all others. Of a stateful plugin only losses count.

    Mend: give reading a body a timeout, and let go of locks and connections also when reading fails.
    """
    for operation in bench.operations:
        for one in _known(bench, operation)[:1]:
            try:
                for _ in range(2):
                    bench.road.abort(operation, one.data, one.alone.guest_seconds)
                sleep(_NOTICING)
                seen = bench.road.observe(operation, one.data)
            except RemoteFailure as failure:
                differs, lost = failure.message, True
            else:
                differs, lost = differences(bench, one.alone, seen), is_lost(seen)
            if differs:
                yield Finding(
                    code="MF610",
                    severity="error",
                    detail=f"{operation}:{'lost' if lost else 'differs'}",
                    message=f"{operation}: after a request that was broken off, {one.name!r} was answered otherwise",
                    expected=f"the answer from before: {outcome_of(one.alone)}",
                    got=differs,
                    request=one.alone.request_bytes.decode("utf-8", "replace"),
                )
            if differs and lost and is_gone(bench, "MF610"):
                return


@check("MF611", "the same request gets the same answer twice", need="raw")
def steady(bench: ServiceBench) -> Iterator[Finding]:
    """Samples and realistic requests are made a second time, up to five of each operation.

    MockForge caches nothing and asks again for each of its callers (contract 4.1), and a test over an answer that
    changes by itself proves nothing. Left out is what plugin.test.yaml names under `volatile`, and execution_time_ms,
    which is measured. Of a plugin that it calls `stateful: true` nothing is compared.

    Mend: name the fields that differ under `volatile`, or say `stateful: true`; else find what an earlier call changed.
    """
    if bench.subject.testfile.stateful:
        yield _note("MF611", "stateful", "plugin.test.yaml says stateful: true, so that answers were not compared")
        return
    for operation in bench.operations:
        known = _known(bench, operation)
        if not known:
            words = f"{operation} gave no reply to any request, so that there is nothing to compare"
            yield _note("MF611", f"{operation}:no-reply", words)
        unsteady = [(one, differs) for one in known[:_OF_EACH] if (differs := _again(bench, one))]
        if unsteady:
            one, differs = unsteady[0]
            more = f" and {len(unsteady) - 1} more requests" if len(unsteady) > 1 else ""
            yield Finding(
                code="MF611",
                severity="error",
                detail=f"{operation}:differs",
                message=f"{operation}: the same request was answered otherwise the second time, on {one.name!r}{more}",
                expected=f"the first answer: {outcome_of(one.alone)}",
                got=differs,
                request=one.alone.request_bytes.decode("utf-8", "replace"),
            )


def differences(bench: ServiceBench, one: Observation, other: Observation) -> str:
    """Say in one line how the second of two answers differs, volatile fields aside; empty when it does not.

    Of a stateful plugin, two replies count as alike whatever is in them.
    """
    if one.reply_bytes is None or other.reply_bytes is None:
        return "" if _failed(one) == _failed(other) else outcome_of(other)
    if one.reply_bytes == other.reply_bytes or (bench.subject.testfile.stateful and other.failure is None):
        return ""
    if one.decoded is None or other.decoded is None or not (one.decoded.ok and other.decoded.ok):
        return outcome_of(other)
    volatile = (*bench.subject.testfile.volatile, _MEASURED)
    left, right = (
        without_volatile(seen.decoded and seen.decoded.value, seen.operation, volatile) for seen in (one, other)
    )
    for mismatch in differing(left, right):
        return f"at {mismatch.pointer or 'the top'}: {mismatch.got} instead of {mismatch.expected}"
    return ""


def outcome_of(observation: Observation) -> str:
    """Say in a line what a call came to."""
    failure = observation.exchange.failure
    if failure is not None:
        return failure.message
    reply = observation.reply_bytes or b""
    return reply[:200].decode("utf-8", "replace") + ("…" if len(reply) > 200 else "")


def is_lost(observation: Observation) -> bool:
    """Tell whether a call got no whole answer."""
    failure = observation.exchange.failure
    return isinstance(failure, RemoteFailure) and failure.kind != "status"


def is_gone(bench: ServiceBench, code: str) -> bool:
    """Tell whether a service that lost a call answers nothing any more; if so, later checks are left out."""
    if not bench.answers:
        bench.gone = bench.gone or code
    return bool(bench.gone)


def _failed(observation: Observation) -> tuple[str, int | None] | None:
    failure = observation.exchange.failure
    return (failure.kind, failure.status) if isinstance(failure, RemoteFailure) else None


def _known(bench: ServiceBench, operation: Operation) -> list[_Known]:
    """Give the requests that got a reply, with it: they were made one at a time."""
    replied = {id(request) for request in bench.replied(operation)}
    return [
        _Known(
            name=trial.name,
            operation=operation,
            data=bench.road.written(trial.request),
            alone=trial.observation,
        )
        for trial in bench.survey[operation]
        if id(trial.request) in replied
    ]


def _at_once(bench: ServiceBench, together: Sequence[_Known]) -> list[Observation]:
    """Make calls at the same time, each in a thread of its own."""
    road, begin = bench.road, Barrier(len(together))

    def call(one: _Known) -> Observation:
        begin.wait()
        return road.observe(one.operation, one.data)

    with ThreadPoolExecutor(len(together), "mockforge-at-once") as pool:
        return list(pool.map(call, together))


def _judged_together(
    bench: ServiceBench, one: _Known, seen: Observation, known: Sequence[_Known], count: int
) -> Finding | None:
    differs = differences(bench, one.alone, seen)
    if not differs:
        return None
    if not is_lost(seen) and _again(bench, one):
        # It differs when asked alone as well, which is for MF611 to say.
        return None
    owner = next((other for other in known if other is not one and other.alone.reply_bytes == seen.reply_bytes), None)
    mixed = owner is not None and seen.reply_bytes is not None
    word = "mixed-up" if mixed else "lost" if is_lost(seen) else "failed" if seen.reply_bytes is None else "differs"
    what = f"got the answer of {owner.name!r}" if mixed and owner is not None else "was answered otherwise than alone"
    return Finding(
        code="MF609",
        severity="error",
        detail=f"{one.operation}:{word}",
        message=f"{one.operation}: with {count} calls at once, {one.name!r} {what}",
        expected=f"the answer that it gets alone: {outcome_of(one.alone)}",
        got=differs,
        request=one.alone.request_bytes.decode("utf-8", "replace"),
    )


def _again(bench: ServiceBench, one: _Known) -> str:
    """Ask once more, alone, and say how the answer differs."""
    return differences(bench, one.alone, bench.road.observe(one.operation, one.data))


def _note(code: str, detail: str, message: str) -> Finding:
    return Finding(code=code, severity="note", detail=detail, message=message)
