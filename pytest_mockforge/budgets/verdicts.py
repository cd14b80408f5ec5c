"""A budget, what was measured, and what it is held against → a verdict. Pure: measures nothing and knows no pytest.

Exact figures (memory, growth, size, and fuel that did not vary) are compared as they are. Fuel that varied is gated by
the interval from its least to its greatest value over all rounds: of five, the two enclose the median with 94 %. Time
is judged as `statistics` says. A bound below the whole interval fails, one above it passes; one inside of it is
*close*, and inconclusive if more measuring does not change that.
"""

from __future__ import annotations

import math
import statistics as averages
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from pytest_mockforge.budgets.model import ONLY_REFUSALS, Bound, Budget, Measured, Outcome, Timing, Verdict, quantile
from pytest_mockforge.budgets.statistics import (
    LEAST_VARIANTS,
    Interval,
    blocks,
    least_samples,
    mean_interval,
    percentile,
    percentile_interval,
    ratio_interval,
)
from pytest_mockforge.budgets.wording import factor, written

_LEAST_SAMPLES = 30
"""Samples that a mean or a median needs."""
_FEWEST_TO_FAIL = 5
"""Samples of which even a plugin that is too slow for more can be said to be too slow."""
_MOST_BORDER = 0.25
_OFTEN = 0.99
"""The share of calls within a maximum below which it is broken for sure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Other:
    """What a ratio is against."""

    name: str
    """How messages call it: a label with its language, a file."""
    measured: Measured | None = None
    reason: str = ""
    """Why there is nothing to compare with; empty when there is."""
    note: str = ""
    """What has to be known beside the figure, such as that each side ran its own samples."""


def judge(budget: Budget, measured: Measured, other: Other | None = None) -> Verdict:
    """Hold one operation against a budget; `other` is what a ratio is against, measured in the same run."""
    draft = Verdict(
        budget=budget.text,
        metric=budget.metric,
        operation="" if budget.dimension == "size" else measured.operation.value,
        outcome="inconclusive",
        source=budget.source,
        bound=_bound_text(budget, other),
        limit=budget.bound.value,
    )
    if budget.dimension != "size" and measured.only_refusals:
        return _because(draft, ONLY_REFUSALS)
    if measured.reason:
        return _because(draft, measured.reason)
    if budget.bound.against:
        if other is None or other.measured is None:
            reason = other.reason if other is not None else ""
            return _because(draft, reason or f"there is no {budget.bound.against} to compare with")
        ruled = _time_ratio if budget.dimension == "time" else _exact_ratio
        return ruled(draft, budget, measured, other.measured, other.note)
    return _time(draft, budget, measured) if budget.dimension == "time" else _exact(draft, budget, measured)


def needed(metric: str) -> int:
    """Give how many samples a metric of time needs before it can pass."""
    share = quantile(metric)
    if metric == "max":
        return least_samples(0.95)
    return max(_LEAST_SAMPLES, least_samples(share)) if share is not None else _LEAST_SAMPLES


def _time(draft: Verdict, budget: Budget, measured: Measured) -> Verdict:
    timing = measured.timing
    if timing is None or not timing.count:
        return _because(draft, timing.reason if timing is not None and timing.reason else "no call was measured")
    samples = [seconds for variant in timing.seconds for seconds in variant]
    interval = _interval(budget.metric, samples)
    text = f"{written(interval.value, 'time')}{_span(interval, lambda value: written(value, 'time'))}"
    draft = _with_interval(draft, interval, f"{text}, {len(samples):,} samples")
    wanted = needed(budget.metric)
    outcome = _decided(interval, budget.bound)
    if budget.metric == "max":
        outcome, draft = _of_maximum(draft, samples, budget.bound)
    if len(samples) < wanted and (outcome != "fail" or len(samples) < _FEWEST_TO_FAIL):
        return _because(draft, _too_few(budget.metric, len(samples), wanted, timing.reason))
    if outcome is None:
        reason = draft.reason or "the bound lies inside of the interval"
        return msgspec.structs.replace(draft, outcome="inconclusive", close=True, reason=reason)
    return msgspec.structs.replace(draft, outcome=outcome)


def _interval(metric: str, samples: Sequence[float]) -> Interval:
    if metric == "mean":
        return mean_interval(samples)
    if metric == "max":
        most = max(samples)
        return Interval(value=most, low=most, high=most)
    share = quantile(metric)
    return percentile_interval(samples, 0.5 if share is None else share)


def _of_maximum(draft: Verdict, samples: Sequence[float], bound: Bound) -> tuple[Outcome | None, Verdict]:
    """Fail when more than one call in a hundred lies beyond; fewer are measured again, and decide nothing."""
    if bound.comparison in (">", ">="):
        return ("pass" if _holds(max(samples), bound) else "fail"), draft
    beyond = sum(not _holds(seconds, bound) for seconds in samples)
    if not beyond:
        return "pass", draft
    if not _holds(percentile_interval(samples, _OFTEN).low, bound):
        return "fail", draft
    reason = f"{beyond:,} of {len(samples):,} calls took longer, which may have been the machine; fuel.max is exact"
    return None, msgspec.structs.replace(draft, reason=reason)


def _time_ratio(draft: Verdict, budget: Budget, measured: Measured, other: Measured, note: str) -> Verdict:
    mine, theirs = measured.timing, other.timing
    for timing, whose in ((mine, ""), (theirs, "the other side: ")):
        if timing is None or not timing.count:
            reason = timing.reason if timing is not None else ""
            return _because(draft, f"{whose}{reason or 'no call was measured'}")
    if other.only_refusals:
        return _because(draft, f"the other side: {ONLY_REFUSALS}")
    assert mine is not None
    assert theirs is not None
    wanted = needed(budget.metric)
    for timing, whose in ((mine, ""), (theirs, "the other side: ")):
        if timing.count < wanted:
            return _because(draft, whose + _too_few(budget.metric, timing.count, wanted, timing.reason))
        if len(timing.seconds) == 1 and timing.border:
            return _because(draft, whose + (timing.reason or "it was measured in one layout only"))
        if reason := _border_reason(timing):
            return _because(draft, whose + reason)
    one, two = _by_variant(mine, budget.metric), _by_variant(theirs, budget.metric)
    pairs = min(len(one), len(two))
    if pairs < LEAST_VARIANTS:
        reason = mine.reason or theirs.reason or "the time box was too short for more"
        return _because(draft, f"only {pairs} variants of {LEAST_VARIANTS} were measured: {reason}")
    if min(*one, *two) <= 0:
        return _because(draft, "nothing is left of a call once the border is subtracted")
    interval = ratio_interval(one, two)
    sides = f"{written(averages.median(one), 'time')} against {written(averages.median(two), 'time')}"
    text = f"{factor(interval.value)}{_span(interval, factor)}: {sides}, {pairs} variants"
    draft = _with_interval(msgspec.structs.replace(draft, reason=note), interval, text)
    outcome = _decided(interval, budget.bound)
    if outcome is None:
        reason = "; ".join(part for part in ("the bound lies inside of the interval", note) if part)
        return msgspec.structs.replace(draft, outcome="inconclusive", close=True, reason=reason)
    return msgspec.structs.replace(draft, outcome=outcome)


def _border_reason(timing: Timing) -> str:
    """Say why a ratio would compare the border rather than the plugin; empty when it would not."""
    guest = averages.median(seconds for variant in timing.seconds for seconds in variant)
    whole = guest + timing.border
    if whole <= 0 or timing.border <= _MOST_BORDER * whole:
        return ""
    return (
        f"the border takes {written(timing.border, 'time')} of a call of {written(whole, 'time')}, more than a quarter"
    )


def _by_variant(timing: Timing, metric: str) -> list[float]:
    """Give one figure for each variant; a service has none, so that blocks of its samples stand for them."""
    groups: Sequence[Sequence[float]] = [variant for variant in timing.seconds if variant]
    if len(timing.seconds) == 1:
        groups = blocks(timing.seconds[0], LEAST_VARIANTS)
    return [_figure(group, metric) for group in groups]


def _figure(samples: Sequence[float], metric: str) -> float:
    if metric == "mean":
        return averages.fmean(samples)
    if metric in ("max", "median"):
        return max(samples) if metric == "max" else averages.median(samples)
    share = quantile(metric)
    assert share is not None
    return percentile(samples, share)


def _exact(draft: Verdict, budget: Budget, measured: Measured) -> Verdict:
    figures, reason = _figures(budget, measured)
    if not figures:
        return _because(draft, reason)
    interval = Interval(value=averages.median(figures), low=min(figures), high=max(figures))
    kind = budget.dimension
    text = f"{written(interval.value, kind)}{_span(interval, lambda value: written(value, kind))}"
    return _ruled(_with_interval(draft, interval, text), interval, budget, _varies(figures))


def _exact_ratio(draft: Verdict, budget: Budget, measured: Measured, other: Measured, note: str) -> Verdict:
    figures, reason = _figures(budget, measured)
    theirs, missing = _figures(budget, other)
    if not figures or not theirs:
        return _because(draft, reason or f"the other side: {missing}")
    if budget.dimension != "size" and other.only_refusals:
        return _because(draft, f"the other side: {ONLY_REFUSALS}")
    interval = Interval(
        value=_over(averages.median(figures), averages.median(theirs)),
        low=_over(min(figures), max(theirs)),
        high=_over(max(figures), min(theirs)),
    )
    kind = budget.dimension
    sides = f"{written(averages.median(figures), kind)} against {written(averages.median(theirs), kind)}"
    if kind == "memory":
        sides += " above the initial memory"
    draft = _with_interval(draft, interval, f"{factor(interval.value)}{_span(interval, factor)}: {sides}")
    varies = _varies(figures) or (f"the other side: {_varies(theirs)}" if _varies(theirs) else "")
    return _ruled(draft, interval, budget, "; ".join(part for part in (varies, note) if part))


def _figures(budget: Budget, measured: Measured) -> tuple[Sequence[float], str]:
    """Give what the metric came to, a figure a round, or why there is none."""
    ratio = bool(budget.bound.against)
    by_metric: dict[str, Sequence[float] | float | None] = {
        "fuel": measured.fuel_steady,
        "fuel.cold": measured.fuel_cold,
        "fuel.max": measured.fuel_max,
        "memory": measured.memory_grown if ratio else measured.memory,
        "growth": measured.growth,
        "size": measured.size,
    }
    found = by_metric[budget.metric]
    if budget.metric == "growth" and measured.growth_reason:
        return (), measured.growth_reason
    if found is None or found == ():
        return (), f"{budget.dimension} was not measured"
    return (found, "") if isinstance(found, Sequence) else ((found,), "")


def _ruled(draft: Verdict, interval: Interval, budget: Budget, reason: str) -> Verdict:
    outcome = _decided(interval, budget.bound)
    if outcome is None:
        reason = "; ".join(part for part in ("the bound lies inside of the interval", reason) if part)
    return msgspec.structs.replace(draft, outcome=outcome or "inconclusive", reason=reason)


def _decided(interval: Interval, bound: Bound) -> Outcome | None:
    """Give the outcome that both ends of the interval agree on; None when they do not."""
    ends = {_holds(interval.low, bound), _holds(interval.high, bound)}
    if len(ends) == 2:
        return None
    return "pass" if ends == {True} else "fail"


def _holds(value: float, bound: Bound) -> bool:
    match bound.comparison:
        case "<":
            return value < bound.value
        case "<=":
            return value <= bound.value
        case ">":
            return value > bound.value
        case ">=":
            return value >= bound.value


def _over(mine: float, other: float) -> float:
    """Divide; nothing against nothing is as much."""
    return mine / other if other else 1.0 if not mine else math.inf


def _varies(figures: Sequence[float]) -> str:
    if len(set(figures)) < 2:
        return ""
    return f"fuel is not deterministic: it varied over {len(figures)} runs"


def _too_few(metric: str, count: int, wanted: int, reason: str) -> str:
    return f"{count:,} of the {wanted:,} samples that {metric} needs: {reason or 'the time box was too short for more'}"


def _span(interval: Interval, write: Callable[[float], str]) -> str:
    if interval.low == interval.high:
        return ""
    low = "unbounded" if math.isinf(interval.low) else write(interval.low)
    high = "unbounded" if math.isinf(interval.high) else write(interval.high)
    return f" ({low} to {high})"


def _with_interval(draft: Verdict, interval: Interval, figure: str) -> Verdict:
    exact = interval.low == interval.high
    return msgspec.structs.replace(
        draft,
        figure=figure,
        value=_finite(interval.value),
        low=None if exact else _finite(interval.low),
        high=None if exact else _finite(interval.high),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _because(draft: Verdict, reason: str) -> Verdict:
    return msgspec.structs.replace(draft, outcome="inconclusive", reason=reason)


def _bound_text(budget: Budget, other: Other | None) -> str:
    bound = budget.bound
    if not bound.against:
        return f"{bound.comparison} {written(bound.value, budget.dimension)}"
    name = other.name if other is not None and other.name else bound.against
    return f"{bound.comparison} {bound.value:g}x {name}"
