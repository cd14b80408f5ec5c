"""The statistics behind verdicts of time. Pure functions of numbers: knows no budget, no plugin and no clock.

**Percentiles** (`p95`, `median`) get bounds from order statistics, which assume nothing of the distribution: of n
samples, the number that lie at or below the true quantile q is binomial(n, q). The upper bound is the smallest sample
that lies above it with 95 % confidence, the lower bound the largest that lies below it with 95 %. An upper bound exists
from n = log 0.05 / log q samples on: 59 for p95, 299 for p99, 5 for the median.

**Means** get a two-sided 95 % t interval over means of 20 consecutive batches, since neighbouring samples are alike.

**The maximum** holds when no sample lies beyond, and is broken when more than one call in a hundred does, by the lower
bound of p99. In between it says nothing: on a machine with other work a call in a thousand is interrupted.

**Ratios** of two sides get a two-sided 95 % t interval over compiled variants and not over calls: moving a function by
a few bytes changed its time by a quarter, which more calls of the same code never average out. The i-th variants of
both sides take turns, so that a drift of the machine meets both: the interval is that of the mean of
log(mine i / other i). A service has no layout; its samples are cut into consecutive blocks that stand for variants.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
LEAST_VARIANTS = 5
_BATCHES = 20
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Student's t for a two-sided 95 % interval, by degrees of freedom from 1 on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A figure and what it may really be; an end that nothing is known of is infinite."""

    value: float
    low: float
    high: float


def least_samples(share: float) -> int:
    """Give how many samples a percentile needs before anything can be said of its upper bound: 59 for 0.95."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(share))


def percentile(samples: Sequence[float], share: float) -> float:
    """Give the smallest sample that at least this share of all samples do not exceed."""
    ordered = sorted(samples)
    # Rounded first: 0.95 x 20 is a little more than 19 in binary.
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)]


def percentile_interval(samples: Sequence[float], share: float) -> Interval:
    """Give a percentile between its one-sided 95 % bounds."""
    ordered, count = sorted(samples), len(samples)
    low, high, below = -math.inf, math.inf, 0.0
    for rank in range(1, count + 1):
        # Now the chance that fewer than `rank` samples lie at or below the true percentile.
        below += _binomial(count, rank - 1, share)
        if below <= 1 - CONFIDENCE + 1e-12:
            low = ordered[rank - 1]
        if below >= CONFIDENCE:
            high = ordered[rank - 1]
            break
    return Interval(value=percentile(ordered, share), low=low, high=high)


def mean_interval(samples: Sequence[float]) -> Interval:
    """Give the mean with its 95 % interval over means of consecutive batches."""
    batches = blocks(samples, min(_BATCHES, len(samples)))
    value = statistics.fmean(samples)
    spread = _half_width([statistics.fmean(batch) for batch in batches])
    return Interval(value=value, low=value - spread, high=value + spread)


def ratio_interval(mine: Sequence[float], other: Sequence[float]) -> Interval:
    """Give the ratio of two sides, from one positive figure for each variant, the i-th of both measured in turns."""
    count = min(len(mine), len(other))
    logs = [math.log(one / two) for one, two in zip(mine[:count], other[:count], strict=True)]
    centre, spread = statistics.fmean(logs), _half_width(logs)
    return Interval(value=math.exp(centre), low=math.exp(centre - spread), high=_exp(centre + spread))


def blocks(samples: Sequence[float], count: int) -> list[Sequence[float]]:
    """Cut samples into so many consecutive blocks of nearly equal length, none of them empty."""
    edges = [index * len(samples) // count for index in range(count + 1)]
    return [samples[start:end] for start, end in itertools.pairwise(edges) if end > start]


def _half_width(values: Sequence[float]) -> float:
    if len(values) < 2:
        return math.inf
    freedom = len(values) - 1
    student = _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else 1.96 + 2.45 / freedom
    return student * statistics.stdev(values) / math.sqrt(len(values))


def _binomial(count: int, hits: int, share: float) -> float:
    """Give the chance of just so many hits; by logarithms, as the factors leave the range of floats."""
    ways = math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)
    return math.exp(ways + hits * math.log(share) + (count - hits) * math.log1p(-share))


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
