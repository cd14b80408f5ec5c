"""The statistics behind verdicts of time, held against what is known of them."""

from __future__ import annotations

import math
import random

import pytest

from pytest_mockforge.budgets.statistics import (
    blocks,
    least_samples,
    mean_interval,
    percentile,
    percentile_interval,
    ratio_interval,
)


@pytest.mark.parametrize(("share", "count"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995)])
def test_a_percentile_needs_so_many_samples(share: float, count: int) -> None:
    assert least_samples(share) == count


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
def test_an_upper_bound_exists_from_just_that_many_samples_on(share: float) -> None:
    least = least_samples(share)
    assert percentile_interval(range(least), share).high == least - 1
    assert percentile_interval(range(least - 1), share).high == math.inf


@pytest.mark.parametrize(("count", "share", "expected"), [(100, 0.95, 95), (20, 0.95, 19), (1, 0.99, 1), (4, 0.5, 2)])
def test_a_percentile_is_the_smallest_sample_that_enough_do_not_exceed(
    count: int, share: float, expected: float
) -> None:
    assert percentile(list(range(count, 0, -1)), share) == expected


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_bounds_of_a_percentile_hold_in_19_of_20_samples(share: float) -> None:
    draw, true = random.Random(7), -math.log(1 - share)
    above = below = 0
    for _ in range(1000):
        interval = percentile_interval([draw.expovariate(1) for _ in range(100)], share)
        above += interval.high >= true
        below += interval.low <= true
    assert above >= 940
    assert below >= 940


def test_bounds_of_a_percentile_are_no_wider_than_they_must_be() -> None:
    draw, true = random.Random(11), -math.log(0.05)
    missed = sum(percentile_interval([draw.expovariate(1) for _ in range(300)], 0.95).high < true for _ in range(1000))
    assert missed >= 15


def test_the_interval_of_a_mean_holds_in_19_of_20_samples() -> None:
    draw = random.Random(3)
    held = 0
    for _ in range(500):
        interval = mean_interval([draw.expovariate(1) for _ in range(400)])
        held += interval.low <= 1 <= interval.high
    assert held >= 455


def test_a_ratio_of_equal_sides_holds_one_in_19_of_20_comparisons() -> None:
    draw = random.Random(5)
    held = 0
    for _ in range(1000):
        # Layouts that cost a quarter more half of the time, and a drift that both sides share.
        drift = [draw.uniform(0.7, 1.4) for _ in range(5)]
        sides = [[slow * draw.choice((1.0, 1.26)) * draw.gauss(1, 0.02) for slow in drift] for _ in range(2)]
        interval = ratio_interval(*sides)
        held += interval.low <= 1 <= interval.high
    assert held >= 940


def test_a_drift_that_both_sides_share_does_not_widen_a_ratio() -> None:
    interval = ratio_interval([1.3, 2.6, 3.9, 5.2, 6.5], [1, 2, 3, 4, 5])
    assert interval.low == pytest.approx(1.3)
    assert interval.high == pytest.approx(1.3)


def test_a_ratio_of_one_variant_is_unbounded() -> None:
    interval = ratio_interval([2.0], [1.0])
    assert (interval.value, interval.low, interval.high) == (2.0, 0.0, math.inf)


def test_blocks_are_consecutive_and_lose_nothing() -> None:
    assert blocks(range(7), 3) == [range(2), range(2, 4), range(4, 7)]
    assert blocks([1, 2], 5) == [[1], [2]]
