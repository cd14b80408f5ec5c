"""The marker `mockforge_budget` on a test of the user's: what it asked of plugins is held against budgets.

Without pytest-benchmark, the requests that the test made are measured as the suite measures samples: fuel cold and
steady, memory, growth, and time on the plain engine. In a test with the fixture `benchmark`, budgets of time are held
against what that measured, read once the test is over; percentiles, which it lacks, are ours.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.active import state_of
from pytest_mockforge.fixtures import BUDGETS
from pytest_mockforge.markers import read_budget_marker

if TYPE_CHECKING:
    from pytest_mockforge.budgets.model import Budget, Verdict
    from pytest_mockforge.checks.model import CheckResult
    from pytest_mockforge.run_state import RunState

_RESULTS: pytest.StashKey[list[CheckResult]] = pytest.StashKey()


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """What pytest-benchmark measured in one test."""

    seconds: tuple[float, ...] = ()
    iterations: int = 1
    """Calls that one of the figures is the mean of."""
    reason: str = ""
    """Why there are no figures."""


def begin(item: pytest.Item) -> None:
    """Read the markers of a test, and begin to keep what it asks of plugins. Raises pytest.UsageError."""
    __tracebackhide__ = True
    item.stash[_RESULTS] = []
    state = state_of(item.config)
    labels = [spec.label for spec in state.settings.specs]
    item.stash[BUDGETS] = read_budget_marker(item.iter_markers("mockforge_budget"), labels)
    state.watch()


def judge(item: pytest.Item) -> None:
    """Fail a test whose body passed and whose budgets are broken; skip it where one is inconclusive."""
    __tracebackhide__ = True
    from pytest_mockforge.checks.budgeting import inconclusive_reason
    from pytest_mockforge.checks.secrets import masked
    from pytest_mockforge.report.findings import failure_text
    from pytest_mockforge.report.text import harmless

    budgets, state, benchmark = item.stash[BUDGETS], state_of(item.config), _benchmark(item)
    redactor = state.redactor()
    results = [masked(result, redactor) for result in _results(state, budgets, benchmark, item.nodeid)]
    item.stash[_RESULTS] = results
    if benchmark is not None:
        _extend(item, benchmark, results)
    broken = [failure_text(result) for result in results if result.errors]
    if broken:
        pytest.fail("\n\n".join(broken), pytrace=False)
    reasons = dict.fromkeys(filter(None, map(inconclusive_reason, results)))
    if reasons:
        told = "; ".join(reason.removeprefix("inconclusive: ") for reason in reasons)
        pytest.skip(harmless(f"inconclusive: {told}"))


def attach(item: pytest.Item, report: pytest.TestReport) -> None:
    """Hang what came of a test's budgets on its report as plain data."""
    if report.when == "call" and item.stash.get(_RESULTS, []):
        marked = [result.to_plain() for result in item.stash[_RESULTS]]
        report.mockforge_marked = marked  # type: ignore[attr-defined]  # reports carry what is hung on them


def _results(state: RunState, budgets: Sequence[Budget], benchmark: Benchmark | None, where: str) -> list[CheckResult]:
    from pytest_mockforge.checks.measuring import verdicts_of

    results = []
    asked = state.witnessed()
    timed = [budget for budget in budgets if benchmark is not None and budget.dimension == "time"]
    for budget in timed:
        assert benchmark is not None
        label = asked[0][0].label if asked else ""
        results.append(_result(state, budget, (_of_benchmark(budget, benchmark),), label, where))
    for budget in budgets:
        if budget in timed:
            continue
        meant = [one for one in asked if budget.scope.means(language=one[0].subject.language, label=one[0].label)]
        for bench, workloads in meant:
            results.append(_result(state, budget, verdicts_of(bench, budget, workloads), bench.label, where))
        if not asked:
            results.append(_result(state, budget, (_unasked(budget),), "", where))
    return results


def _result(state: RunState, budget: Budget, verdicts: tuple[Verdict, ...], label: str, where: str) -> CheckResult:
    from pytest_mockforge.checks.budgeting import findings_of
    from pytest_mockforge.checks.model import CheckResult
    from pytest_mockforge.checks.registry import find

    return CheckResult(
        plugin=label,
        code=budget.code,
        title=find(budget.code).title,
        findings=tuple(findings_of(budget, verdicts, strict=state.settings.strict_budgets)),
        part=f"{budget.text} in {where}",
        budget=verdicts,
    )


def _unasked(budget: Budget) -> Verdict:
    from pytest_mockforge.budgets.model import Verdict

    reason = "the test called no plugin of mockforge_plugin, mockforge_load or mockforge_remote by a typed request"
    return Verdict(
        budget=budget.text,
        metric=budget.metric,
        operation="",
        outcome="inconclusive",
        reason=reason,
        source=budget.source,
    )


def _of_benchmark(budget: Budget, benchmark: Benchmark) -> Verdict:
    """Hold what `benchmark` measured against a budget of time."""
    import msgspec

    from pytest_mockforge.budgets import verdicts
    from pytest_mockforge.budgets.model import Measured, Timing, quantile
    from pytest_mockforge.contract.operations import Operation

    reason = benchmark.reason
    if not reason and budget.bound.against:
        reason = "a ratio wants both sides in turns: set this budget for the suite, or leave out the benchmark fixture"
    single = quantile(budget.metric) is not None or budget.metric in ("max", "median")
    if not reason and single and benchmark.iterations > 1:
        reason = f"each round is the mean of {benchmark.iterations} calls: use benchmark.pedantic(…, iterations=1)"
    timing = Timing(seconds=(benchmark.seconds,), wanted=len(benchmark.seconds), reason="benchmark made no more rounds")
    measured = Measured(operation=Operation.AUTHENTICATE, timing=timing, reason=reason)
    return msgspec.structs.replace(verdicts.judge(budget, measured), operation="benchmark")


def _benchmark(item: pytest.Item) -> Benchmark | None:
    """Read the fixture of pytest-benchmark from a test that is over; None where the test has none."""
    fixture: object = getattr(item, "funcargs", {}).get("benchmark")
    if "pytest_benchmark" not in sys.modules or not type(fixture).__module__.startswith("pytest_benchmark"):
        return None
    if getattr(fixture, "disabled", False):
        return Benchmark(reason="pytest-benchmark is switched off, by --benchmark-disable or by xdist")
    metadata: object = getattr(fixture, "stats", None)
    data: object = getattr(getattr(metadata, "stats", None), "data", None)
    if not isinstance(data, list) or not data:
        return Benchmark(reason="the benchmark fixture was not used")
    iterations: object = getattr(metadata, "iterations", 1)
    return Benchmark(seconds=tuple(map(float, data)), iterations=iterations if isinstance(iterations, int) else 1)


def _extend(item: pytest.Item, benchmark: Benchmark, results: Sequence[CheckResult]) -> None:
    """Put our percentiles and verdicts beside what pytest-benchmark writes of the test."""
    from pytest_mockforge.budgets.statistics import percentile

    fixture: object = getattr(item, "funcargs", {}).get("benchmark")
    extra: object = getattr(fixture, "extra_info", None)
    if not isinstance(extra, dict):
        return
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99} if benchmark.seconds and benchmark.iterations == 1 else {}
    extra["mockforge"] = {
        **{name: percentile(benchmark.seconds, share) for name, share in shares.items()},
        "budgets": [verdict for result in results for verdict in _plain(result)],
    }


def _plain(result: CheckResult) -> list[object]:
    plain = result.to_plain().get("budget", [])
    return list(plain) if isinstance(plain, list | tuple) else []
