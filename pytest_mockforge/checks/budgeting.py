"""MF5: does the plugin keep its budgets? One item a budget and plugin; a verdict for each operation that it is about.

Exact figures come from `costs`, time from `budgets.measure`; `budgets.verdicts` judges. What nobody can tell is
*inconclusive*, and never passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import msgspec

from pytest_mockforge.budgets.model import Budget, Dimension, Verdict, worst
from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.model import CheckResult, Finding
from pytest_mockforge.checks.registry import Check, check
from pytest_mockforge.contract.operations import Operation

_MOST_PROFILED = 3
"""Requests of an operation whose fuel is profiled for a finding."""
_HINTS: dict[Dimension, str] = {
    "time": "profile the operation with pytest-benchmark or a fuel profile, or raise the budget",
    "fuel": "do less for each call, or raise the budget; fuel is exact, so that this is not the machine",
    "memory": "hold less at once, or raise the budget",
    "growth": "give back what each call allocates: the host keeps one instance for good",
    "size": "strip the module and optimise it for size, or raise the budget",
}


@check("MF501", "the plugin keeps its budgets of time", need="nothing")
def time(bench: Bench) -> Iterator[Finding]:
    """Budgets such as `p95<5ms`, `mean<1ms`, `p95<2x rust`, `p99<1.10x baseline`; each is an item of its own.

    Guest time alone is judged, on the plain engine, in a child process that is killed if it does not return: encoding,
    copying and decoding are left out, and the border, calibrated with a plugin that does nothing, is subtracted. Of a
    service it is the time from request to answer, without making the connection.

    p95 needs 59 samples, p99 needs 299. A percentile passes when its upper 95 % bound lies below the budget, and fails
    when its lower one does not. In a ratio each side is compiled in at least five variants, that take turns, and the
    interval runs over variants, as code layout alone can change time by a quarter; it is inconclusive where the border
    is more than a quarter of a sample. What is too close to call is measured again with more of both.

    Mend: do less for each call; or scope the budget to the operation that it is meant for, or raise it.
    """
    yield from _all_of(bench, "time")


@check("MF502", "the plugin keeps its budgets of fuel", need="nothing")
def fuel(bench: Bench) -> Iterator[Finding]:
    """Budgets such as `fuel<200k`, `fuel.cold<1M`, `fuel.max<400k`, `fuel<1.05x baseline`; each is an item of its own.

    Fuel counts what wasmtime executes for allocator, operation and release together. `fuel` is the median of a reused
    instance, `fuel.max` its costliest call, `fuel.cold` the median first call of a fresh one. It is measured over five
    rounds, and is exact where they agree; where they do not, the plugin is named non-deterministic, and the interval
    from the least to the greatest is held against the budget.

    Mend: do less for each call, or raise the budget. Fuel differs between versions of wasmtime: compare within one.
    """
    yield from _all_of(bench, "fuel")


@check("MF503", "the plugin keeps its budgets of memory", need="nothing")
def memory(bench: Bench) -> Iterator[Finding]:
    """Budgets such as `memory<8MiB` and `memory<1.2x rust`; each is an item of its own.

    `memory` is all linear memory at the peak of the plugin's samples. A ratio compares what grew above the initial
    memory, as the initial size is the linker's choice and not the plugin's: 17 pages for Rust and C, one for
    AssemblyScript. Where the other side grew by nothing, only nothing is within the ratio.

    Mend: hold less at once, and free what a call allocates; or raise the budget.
    """
    yield from _all_of(bench, "memory")


@check("MF504", "the plugin keeps its budgets of growth", need="nothing")
def growth(bench: Bench) -> Iterator[Finding]:
    """Budgets such as `growth<1B/call`; each is an item of its own.

    Growth is what linear memory gained by call over the second half of up to 20,000 calls of one instance, where a
    warm-up no longer shows. Fewer than 256 calls within the time box are inconclusive, and so are too few events.

    Mend: give back every buffer. The host releases request and reply through dealloc, free or __unpin, if exported.
    """
    yield from _all_of(bench, "growth")


@check("MF505", "the plugin keeps its budgets of size", need="nothing")
def size(bench: Bench) -> Iterator[Finding]:
    """Budgets such as `size<200KiB` and `size<1.1x baseline`; each is an item of its own.

    Size is that of the module's file in bytes, as it lies there: names, debug sections and all. A service has none.

    Mend: strip debug sections, optimise for size (`opt-level = "z"`, `-Oz`, `wasm-opt -Oz`), or raise the budget.
    """
    yield from _all_of(bench, "size")


def narrowed(check: Check, budget: Budget) -> Check:
    """Give the check that judges one budget alone."""
    run: Callable[[Bench], Iterable[Finding]] = lambda bench: _judged(bench, budget)  # noqa: E731
    return replace(check, run=run, part=budget.text)


def budgets_of(bench_language: str, label: str, budgets: Iterable[Budget]) -> list[Budget]:
    """Choose the budgets that are about one plugin; one that was written twice counts once."""
    chosen = [budget for budget in budgets if budget.scope.means(language=bench_language, label=label)]
    return list({budget.text: budget for budget in chosen}.values())


def inconclusive_reason(result: CheckResult) -> str:
    """Say why a budget that did not fail did not hold either; empty when it holds, fails, or is no budget."""
    verdicts = result.budget
    if not result.part or result.errors or result.accepted or (verdicts and worst(verdicts) != "inconclusive"):
        return ""
    by_reason: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.outcome == "inconclusive":
            by_reason.setdefault(verdict.reason, []).append(verdict.operation)
    told = [f"{', '.join(filter(None, names))}: {reason}".removeprefix(": ") for reason, names in by_reason.items()]
    return f"inconclusive: {'; '.join(told) or 'nothing was measured'}"


def _all_of(bench: Bench, dimension: Dimension) -> Iterator[Finding]:
    budgets = budgets_of(bench.subject.language, bench.label, bench.gate.budgets)
    for budget in budgets:
        if budget.dimension == dimension:
            yield from _judged(bench, budget)


def _judged(bench: Bench, budget: Budget) -> Iterator[Finding]:
    from pytest_mockforge.checks.measuring import verdicts_of

    verdicts = verdicts_of(bench, budget)
    bench.judged += verdicts
    for finding in findings_of(budget, verdicts, strict=bench.gate.strict):
        operation = finding.detail.partition(":")[0]
        where = _where_fuel_goes(bench, operation) if budget.dimension == "fuel" else ""
        yield msgspec.structs.replace(finding, got="; ".join(part for part in (finding.got, where) if part))


def _where_fuel_goes(bench: Bench, operation: str) -> str:
    """Name the functions of one operation that use the most fuel themselves; empty where that cannot be told."""
    from pytest_mockforge.budgets.fuel_profile import fuel_profile, merged

    workload = bench.workload(Operation(operation)) if operation in set(Operation) else None
    if workload is None:
        return ""
    shares = merged([fuel_profile(bench.plugin, request) for request in workload.requests[:_MOST_PROFILED]]).top()
    told = ", ".join(f"{share.function} {share.self_share:.0%}" for share in shares)
    return f"most of it goes to {told}" if told else ""


def findings_of(budget: Budget, verdicts: Iterable[Verdict], *, strict: bool) -> Iterator[Finding]:
    """State each verdict that fails, and with `strict` each that is inconclusive."""
    for verdict in verdicts:
        if verdict.outcome == "fail" or (verdict.outcome == "inconclusive" and strict):
            yield _finding(budget, verdict)


def _finding(budget: Budget, verdict: Verdict) -> Finding:
    broken = verdict.outcome == "fail"
    whose = f"{verdict.operation}: " if verdict.operation else ""
    figure = verdict.figure or "nothing"
    return Finding(
        code=budget.code,
        severity="error",
        detail=f"{verdict.operation or 'plugin'}:{budget.text.rpartition(': ')[2]}"
        + ("" if broken else ":inconclusive"),
        message=f"{whose}{budget.metric} is {figure}, and the budget {budget.text!r} wants {verdict.bound}"
        if broken
        else f"{whose}the budget {budget.text!r} is inconclusive: {verdict.reason}",
        expected=f"{budget.metric} {verdict.bound} ({budget.source})",
        got="; ".join(part for part in (figure, verdict.reason) if part),
        hint=_HINTS[budget.dimension]
        if broken
        else "--mockforge-strict-budgets makes it fail; mend what the reason says",
    )
