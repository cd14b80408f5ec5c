"""What one budget is held against, operation by operation: the workload of both sides, exact figures, time.

Measures each thing once for a bench and keeps it; judges by `budgets.verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec

from pytest_mockforge.budgets.model import Budget, Dimension, Measured, Timing, Verdict
from pytest_mockforge.budgets.turns import own_turn
from pytest_mockforge.budgets.verdicts import Other, judge, needed
from pytest_mockforge.checks.bench import Bench, Need, Workload
from pytest_mockforge.checks.costs import ROUNDS
from pytest_mockforge.checks.references import Reference
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.errors import PluginFailure, RequestError
from pytest_mockforge.fuzz.outcomes import accepted
from pytest_mockforge.module_subject import ModuleSubject

_NEEDS: dict[Dimension, Need] = {
    "time": "operation",
    "fuel": "operation",
    "memory": "border",
    "growth": "border",
    "size": "binary",
}
_MOST_REQUESTS = 50
"""Requests of one test that an operation is measured with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """The requests that stand for one operation of one side."""

    operation: Operation
    requests: tuple[Request, ...]
    only_refusals: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Attempt:
    """How much is measured at once."""

    samples: int
    variants: int
    seconds: float
    """What one operation of one side may take."""


_ATTEMPTS = (
    _Attempt(samples=300, variants=5, seconds=5.0),
    _Attempt(samples=600, variants=10, seconds=10.0),
    _Attempt(samples=1200, variants=20, seconds=20.0),
)
"""The later ones are only for what is too close to call."""


def verdicts_of(
    bench: Bench, budget: Budget, workloads: Mapping[Operation, Workload] | None = None
) -> tuple[Verdict, ...]:
    """Judge one plugin by one budget: a verdict for each operation, or one alone that says why there are none.

    The work is that of the bench, unless `workloads` says what else to measure with, and of which operations.
    """
    if reason := _impossible(bench, budget):
        return (_nothing(budget, reason),)
    reference = bench.gate.references.find(budget.bound.against, bench) if budget.bound.against else None
    if budget.dimension == "size":
        return (judge(budget, _size(bench), _other_size(reference)),)
    given = bench.operations if workloads is None else tuple(workloads)
    operations = [operation for operation in given if budget.scope.covers(operation)]
    if not operations and workloads is not None:
        return (_nothing(budget, "the test made no call that the budget is about"),)
    if not operations:
        names = ", ".join(operation.value for operation in Operation if budget.scope.covers(operation))
        return (_nothing(budget, f"the plugin has none of {names} that can be called"),)
    if reference is not None and reference.reason:
        other = Other(name=reference.name, reason=reference.reason)
        return tuple(judge(budget, Measured(operation=operation), other) for operation in operations)
    return tuple(
        _verdict(
            bench, budget, _work(operation, workloads[operation] if workloads else bench.workload(operation)), reference
        )
        for operation in operations
    )


def workloads_of(calls: Iterable[tuple[Request, bool]]) -> dict[Operation, Workload]:
    """Make work of calls, each with whether it was accepted: of each operation the accepted ones, else all.

    A request that was made several times counts once, and there are at most 50 of one operation.
    """
    by_operation: dict[Operation, list[tuple[Request, bool]]] = {}
    for request, said_yes in calls:
        known = by_operation.setdefault(request.operation, [])
        if all(request != other for other, _ in known[-_MOST_REQUESTS:]):
            known.append((request, said_yes))
    workloads = {}
    for operation, made in by_operation.items():
        chosen = [request for request, said_yes in made if said_yes]
        requests = tuple(chosen or [request for request, _ in made])[:_MOST_REQUESTS]
        workloads[operation] = Workload(operation=operation, requests=requests, only_refusals=not chosen)
    return workloads


def _impossible(bench: Bench, budget: Budget) -> str:
    """Say why nothing of the kind can be measured of the plugin; empty when it can."""
    if budget.dimension != "time" and bench.subject.kind == "service":
        what = {"fuel": "uses no fuel that can be counted", "size": "is no file"}
        return f"a service {what.get(budget.dimension, 'has no memory that can be looked into')}"
    need = _NEEDS[budget.dimension]
    if need == "border" and isinstance(bench.subject, ModuleSubject) and bench.subject.component is not None:
        return "the memory of a component cannot be looked into"
    return bench.missing(need)


def _nothing(budget: Budget, reason: str) -> Verdict:
    verdict = judge(budget, Measured(operation=Operation.AUTHENTICATE, reason=reason))
    return msgspec.structs.replace(verdict, operation="")


def _verdict(bench: Bench, budget: Budget, work: _Work, reference: Reference | None) -> Verdict:
    operation = work.operation
    if not work.requests:
        return judge(budget, Measured(operation=operation, reason="nothing that was asked is answered"))
    if reference is None:
        return _alone(bench, budget, work) if budget.dimension == "time" else judge(budget, _exact(bench, budget, work))
    if reference.recorded is not None:
        measured = _exact(bench, budget, work) if budget.dimension != "time" else Measured(operation=operation)
        found, reason = reference.recorded.measured(operation, budget.dimension, requests=len(work.requests))
        return judge(budget, measured, Other(name=reference.name, measured=found, reason=reason))
    assert reference.bench is not None
    pair = _paired(bench, work, reference)
    if isinstance(pair, str):
        return judge(budget, _bare(work), Other(name=reference.name, reason=pair))
    mine, theirs, note = pair
    if budget.dimension == "time":
        return _in_turns(bench, budget, mine, theirs, reference, note)
    other = Other(name=reference.name, measured=_exact(reference.bench, budget, theirs), note=note)
    return judge(budget, _exact(bench, budget, mine), other)


def _size(bench: Bench) -> Measured:
    size = bench.identity["size"]
    return Measured(operation=Operation.AUTHENTICATE, size=size if isinstance(size, int) else None)


def _other_size(reference: Reference | None) -> Other | None:
    if reference is None:
        return None
    if reference.recorded is not None and not reference.reason:
        found, reason = reference.recorded.measured(Operation.AUTHENTICATE, "size")
        return Other(name=reference.name, measured=found, reason=reason)
    measured = _size(reference.bench) if reference.bench is not None and not reference.reason else None
    return Other(name=reference.name, measured=measured, reason=reference.reason)


def _work(operation: Operation, workload: Workload | None) -> _Work:
    if workload is None:
        return _Work(operation=operation, requests=())
    return _Work(operation=operation, requests=workload.requests, only_refusals=workload.only_refusals)


def _paired(bench: Bench, work: _Work, reference: Reference) -> tuple[_Work, _Work, str] | str:
    """Give what both sides are to do, and what has to be said of it; or why they cannot be compared."""
    other = reference.bench
    assert other is not None
    operation = work.operation
    try:
        spoken = bench.plugin.dialect, other.plugin.dialect
        missing = other.missing("operation")
    except PluginFailure as failure:
        return f"{reference.name} cannot be called: {failure.message}"
    if missing:
        return f"{reference.name} cannot be called: {missing.partition(', see ')[0]}"
    if spoken[0] != spoken[1]:
        return f"{reference.name} speaks the dialect {spoken[1]}, and the plugin {spoken[0]}"
    if operation not in other.operations:
        return f"{reference.name} has no {operation} that can be called"
    common = tuple(request for request in work.requests if _accepts(other, request))
    if common:
        note = f"on {len(common)} of {len(work.requests)} samples, which both accept"
        mine = replace(work, requests=common)
        return mine, mine, note if len(common) < len(work.requests) else ""
    own = _work(operation, other.workload(operation) if reference.own_samples else None)
    if not own.requests:
        return f"{reference.name} accepts none of the samples of {operation}"
    return work, own, "each on samples of its own"


def _accepts(bench: Bench, request: Request) -> bool:
    bench.plugin.renew()
    try:
        return accepted(bench.plugin.observe(request))
    except RequestError:
        return False


def _exact(bench: Bench, budget: Budget, work: _Work) -> Measured:
    """Measure what the budget asks for, and nothing else."""
    measured = _bare(work)
    if work.only_refusals:
        return measured
    if budget.dimension == "growth":
        grown = bench.costs.growth(work.requests)
        reason = ""
        if grown.verdict == "failed":
            said = grown.failure.message.partition("\n")[0] if grown.failure is not None else ""
            reason = f"call {grown.calls:,} of one instance failed: {said}"
        elif grown.verdict == "inconclusive":
            reason = f"memory grew {grown.events} times in {grown.calls:,} calls, too few to judge"
        return replace(measured, growth=grown.bytes_per_call, growth_reason=reason)
    rounds = bench.costs.fuel(work.requests, rounds=ROUNDS)
    if not rounds:
        return replace(measured, reason="no call uses fuel that can be counted")
    peak = max(one.memory for one in rounds)
    initial = bench.identity["initial_memory"]
    return replace(
        measured,
        fuel_cold=tuple(one.cold for one in rounds),
        fuel_steady=tuple(one.steady for one in rounds),
        fuel_max=tuple(one.most for one in rounds),
        memory=peak,
        memory_grown=max(0, peak - initial) if isinstance(initial, int) else None,
    )


def _bare(work: _Work) -> Measured:
    return Measured(operation=work.operation, only_refusals=work.only_refusals)


def _alone(bench: Bench, budget: Budget, work: _Work) -> Verdict:
    """Judge time against a figure of its own; what is too close to call is measured again, with more of everything."""
    measured = _bare(work)
    verdict = judge(budget, measured)
    for attempt in () if work.only_refusals else _ATTEMPTS:
        mine, _ = _timed(bench, budget, (bench, work), None, attempt)
        verdict = judge(budget, replace(measured, timing=mine))
        if not verdict.close:
            break
    return verdict


def _in_turns(bench: Bench, budget: Budget, mine: _Work, theirs: _Work, reference: Reference, note: str) -> Verdict:
    """Judge time against another side, the two measured in turns."""
    assert reference.bench is not None
    one, two = _bare(mine), _bare(theirs)
    other = Other(name=reference.name, measured=two, note=note)
    verdict = judge(budget, one, other)
    for attempt in () if mine.only_refusals or theirs.only_refusals else _ATTEMPTS:
        own, opposite = _timed(bench, budget, (bench, mine), (reference.bench, theirs), attempt)
        verdict = judge(budget, replace(one, timing=own), replace(other, measured=replace(two, timing=opposite)))
        if not verdict.close:
            break
    return verdict


def _timed(
    bench: Bench, budget: Budget, mine: tuple[Bench, _Work], theirs: tuple[Bench, _Work] | None, attempt: _Attempt
) -> tuple[Timing, Timing]:
    """Time one operation of one side, or of two in turns; what was timed before is not timed again."""
    samples = max(attempt.samples, needed(budget.metric))
    pairs = [("mine", *mine)] if theirs is None else [("mine", *mine), ("other", *theirs)]
    key = (samples, attempt.variants, [(id(side), work) for _, side, work in pairs])
    for known, timings in bench.timed:
        if known == key:
            return timings
    operation, seconds = mine[1].operation, attempt.seconds * len(pairs)
    if bench.progress is not None and attempt is not _ATTEMPTS[0]:
        whose = " and ".join(side.label for _, side, _ in pairs)
        bench.progress(f"{budget.text} is too close to call: {operation} of {whose} again, up to {seconds:g} s")
    with own_turn(bench.gate.run) as reason:
        nothing = Timing(reason=reason or "nothing was measured")
        found = {} if reason else _measured_time(bench, pairs, samples, seconds, attempt.variants)
    timings = found.get("mine", {}).get(operation, nothing), found.get("other", {}).get(operation, nothing)
    bench.timed.append((key, timings))
    bench.timings[operation.value] = timings[0]
    return timings


def _measured_time(
    bench: Bench, pairs: list[tuple[str, Bench, _Work]], samples: int, seconds: float, variants: int
) -> dict[str, dict[Operation, Timing]]:
    from pytest_mockforge.budgets.measure import measure_time
    from pytest_mockforge.budgets.side import side_of

    sides = [
        side_of(
            side.subject,
            {work.operation: work.requests},
            plugin=side.plugin if side.subject.kind == "service" else None,
            label=name,
            host=side.host,
            dialect=side.dialect,
        )
        for name, side, work in pairs
    ]
    return measure_time(
        sides, samples=samples, seconds=seconds, variants=variants, limits=bench.limits, cache=bench.gate.cache
    )
