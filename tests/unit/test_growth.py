"""The judgement of memory growth, at the boundaries between its verdicts."""

from __future__ import annotations

import pytest

from pytest_mockforge.checks.growth import ENOUGH_EVENTS, Verdict, judge
from pytest_mockforge.errors import AbiFailure

PAGE = 65_536
FAILURE = AbiFailure("authenticate returned a reply outside memory", detail="output-outside-memory")


def events(*calls: int, grown: int = PAGE) -> list[tuple[int, int]]:
    return [(call, grown) for call in calls]


@pytest.mark.parametrize(
    ("seen", "calls", "verdict"),
    [
        ([], 20_000, "none"),
        # A plugin of slow calls, cut off by the clock.
        ([], 256, "none"),
        ([], 255, "inconclusive"),
        (events(*range(1, 9)), 255, "inconclusive"),
        # Too few events for a leak: levelled off, or not yet known.
        (events(1), 20_000, "plateau"),
        (events(*range(1, 8)), 20_000, "plateau"),
        (events(10_000), 20_000, "plateau"),
        (events(10_001), 20_000, "inconclusive"),
        (events(1, 2, 3, 4, 5, 6, 20_000), 20_000, "inconclusive"),
        # Enough of them: the second half decides.
        (events(*range(1, 9)), 20_000, "plateau"),
        (events(*range(100, 900, 100)), 800, "leak"),
        (events(1, 2, 3, 4, 5, 6, 701, 702, 703), 1_000, "leak"),
        (events(1, 2, 3, 4, 5, 6, 7, 701, 702, 703), 1_000, "plateau"),
        (events(*range(901, 909)), 1_000, "leak"),
        # Bytes count, and not events.
        ([*events(*range(1, 8)), (600, 4 * PAGE)], 1_000, "leak"),
        ([*events(*range(1, 8)), (600, 3 * PAGE)], 1_000, "plateau"),
        # The call in the middle of an odd number belongs to the second half.
        (events(500), 1_001, "plateau"),
        (events(501), 1_001, "inconclusive"),
    ],
)
def test_growth_is_judged_by_its_second_half(seen: list[tuple[int, int]], calls: int, verdict: Verdict) -> None:
    assert judge(seen, calls).verdict == verdict


@pytest.mark.parametrize(
    ("count", "verdict"), [(0, "failed"), (ENOUGH_EVENTS - 1, "failed"), (ENOUGH_EVENTS, "leak"), (100, "leak")]
)
def test_a_failure_after_enough_growth_is_a_leak(count: int, verdict: Verdict) -> None:
    growth = judge(events(*range(1, count + 1)), 200, failure=FAILURE)
    assert (growth.verdict, growth.failure) == (verdict, FAILURE)


def test_both_halves_are_told_in_bytes() -> None:
    growth = judge(events(1, 2, 3, 90), 100)
    assert (growth.calls, growth.events, growth.first_half, growth.second_half) == (100, 4, 3 * PAGE, PAGE)


@pytest.mark.parametrize(("calls", "half"), [(100, 50), (101, 50)])
def test_each_event_counts_in_one_half(calls: int, half: int) -> None:
    growth = judge([(half, 1), (half + 1, 2)], calls)
    assert (growth.first_half, growth.second_half) == (1, 2)


@pytest.mark.parametrize(("calls", "per_call"), [(0, 0.0), (1, 65_536.0), (100, 1_310.72), (101, 65_536 / 51)])
def test_growth_by_call_is_taken_from_the_second_half(calls: int, per_call: float) -> None:
    assert judge(events(*[calls] if calls else []), calls).bytes_per_call == pytest.approx(per_call)
