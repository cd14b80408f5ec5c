"""Budgets against figures: pass, fail, or inconclusive with the reason that a user reads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_mockforge.budgets.expressions import parse_budgets
from pytest_mockforge.budgets.model import Measured, Timing, Verdict, worst
from pytest_mockforge.budgets.verdicts import Other, judge, needed
from pytest_mockforge.contract.operations import Operation

OPERATION = Operation.AUTHENTICATE


def timed(*variants: Sequence[float], border: float = 0.0, reason: str = "") -> Timing:
    return Timing(seconds=tuple(map(tuple, variants)), border=border, wanted=300, reason=reason)


def measured(timing: Timing | None = None, **figures: object) -> Measured:
    return Measured(operation=OPERATION, timing=timing, **figures)  # type: ignore[arg-type]  # figures by name


def verdict(text: str, mine: Measured, other: Other | None = None) -> Verdict:
    (budget,) = parse_budgets(text, source="--mockforge-budget")
    return judge(budget, mine, other)


def against(mine: Measured, **more: str) -> Other:
    return Other(name="old (rust)", measured=mine, **more)


def even(milliseconds: float, count: int) -> list[float]:
    """Samples around a figure, a hundredth apart at most."""
    return [milliseconds * (1 + (index % 11 - 5) / 500) / 1000 for index in range(count)]


@pytest.mark.parametrize(
    ("metric", "count"), [("p95", 59), ("p99", 299), ("p50", 30), ("mean", 30), ("median", 30), ("max", 59)]
)
def test_a_metric_of_time_needs_so_many_samples(metric: str, count: int) -> None:
    assert needed(metric) == count
    assert verdict(f"{metric}<5ms", measured(timed(even(1, count)))).outcome == "pass"
    short = verdict(f"{metric}<5ms", measured(timed(even(1, count - 1))))
    assert short.outcome == "inconclusive"
    assert (
        short.reason == f"{count - 1} of the {count} samples that {metric} needs: the time box was too short for more"
    )


@pytest.mark.parametrize("metric", ["p95", "p99", "mean", "median", "max"])
def test_time_beyond_the_bound_fails(metric: str) -> None:
    found = verdict(f"{metric}<5ms", measured(timed(even(6, 300))))
    assert found.outcome == "fail"
    assert found.bound == "< 5 ms"
    assert "300 samples" in found.figure


def test_the_reason_why_there_are_too_few_samples_is_told() -> None:
    found = verdict("p99<5ms", measured(timed(even(1, 40), reason="40 of 300 samples in 5 s")))
    assert found.reason == "40 of the 299 samples that p99 needs: 40 of 300 samples in 5 s"


def test_a_plugin_too_slow_for_the_samples_fails_when_a_few_tell_enough() -> None:
    assert verdict("p95<5ms", measured(timed(even(500, 10)))).outcome == "fail"
    assert verdict("p95<5ms", measured(timed(even(500, 4)))).outcome == "inconclusive"


def test_a_bound_inside_of_the_interval_is_close_and_inconclusive() -> None:
    samples = [0.001 + 0.00001 * index for index in range(300)]
    found = verdict("p95<3.85ms", measured(timed(samples)))
    assert (found.outcome, found.close) == ("inconclusive", True)
    assert found.reason == "the bound lies inside of the interval"


def test_a_few_calls_over_a_maximum_are_measured_again_and_more_than_one_in_a_hundred_fail() -> None:
    few = verdict("max<5ms", measured(timed([*even(1, 298), 0.05, 0.06])))
    assert (few.outcome, few.close) == ("inconclusive", True)
    assert few.reason == "2 of 300 calls took longer, which may have been the machine; fuel.max is exact"
    assert verdict("max<5ms", measured(timed([*even(1, 290), *[0.05] * 10]))).outcome == "fail"


def test_samples_of_all_variants_count_for_a_bound_of_its_own() -> None:
    assert verdict("p95<5ms", measured(timed(*[even(1, 12)] * 5))).outcome == "pass"


def test_a_time_ratio_runs_over_variants() -> None:
    mine = measured(timed(*(even(each, 60) for each in (1.0, 1.26, 1.0, 1.26, 1.0))))
    other = against(measured(timed(*(even(each, 60) for each in (1.0, 1.0, 1.26, 1.0, 1.26)))))
    found = verdict("p95<2x rust", mine, other)
    assert found.outcome == "pass"
    assert "5 variants" in found.figure
    assert found.bound == "< 2x old (rust)"
    close = verdict("p95<1.1x rust", mine, other)
    assert (close.outcome, close.close) == ("inconclusive", True)


def test_each_end_of_an_interval_of_time_has_its_unit() -> None:
    found = verdict("median<2ms", measured(timed(even(1, 300))))
    assert found.figure == "1 ms (998 µs to 1 ms), 300 samples"


@pytest.mark.parametrize("mine", [True, False])
def test_a_time_ratio_with_a_side_that_was_never_called_says_why(mine: bool) -> None:
    called, never = measured(timed(*[even(1, 60)] * 5)), measured(timed(reason="it would not start"))
    found = verdict("p95<2x rust", never if mine else called, against(called if mine else never))
    assert found.reason == ("it would not start" if mine else "the other side: it would not start")
    never = measured()
    found = verdict("p95<2x rust", never if mine else called, against(called if mine else never))
    assert found.reason == ("no call was measured" if mine else "the other side: no call was measured")


def test_a_ratio_of_medians_does_not_mind_a_few_slow_calls() -> None:
    mine = measured(timed(*[[*even(1, 60), 0.05]] * 5))
    found = verdict("median<1.1x rust", mine, against(measured(timed(*[even(1, 60)] * 5))))
    assert found.outcome == "pass"
    assert verdict("max<1.1x rust", mine, against(measured(timed(*[even(1, 60)] * 5)))).outcome == "fail"


def test_a_slower_side_fails_a_time_ratio() -> None:
    mine = measured(timed(*[even(1.3, 60)] * 5))
    found = verdict("median<1.1x baseline", mine, against(measured(timed(*[even(1, 60)] * 5))))
    assert found.outcome == "fail"
    assert found.figure.startswith("1.30x")
    assert found.value == pytest.approx(1.3)


def test_a_border_above_a_quarter_of_a_call_makes_a_time_ratio_inconclusive() -> None:
    one, two = timed(*[even(1, 60)] * 5, border=0.0004), timed(*[even(1, 60)] * 5, border=0.0001)
    mine = verdict("p95<2x rust", measured(one), against(measured(two)))
    assert mine.reason == "the border takes 400 µs of a call of 1.4 ms, more than a quarter"
    theirs = verdict("p95<2x rust", measured(two), against(measured(one)))
    assert theirs.reason == "the other side: the border takes 400 µs of a call of 1.4 ms, more than a quarter"
    assert verdict("p95<2ms", measured(one)).outcome == "pass"


def test_a_module_in_one_layout_says_nothing_in_a_time_ratio() -> None:
    one = timed(even(1, 300), border=0.00001, reason="one layout only: it has no code section")
    found = verdict("p95<2x rust", measured(one), against(measured(one)))
    assert (found.outcome, found.reason) == ("inconclusive", "one layout only: it has no code section")


def test_blocks_of_a_services_samples_stand_for_variants() -> None:
    found = verdict("p95<2x rust", measured(timed(even(1, 300))), against(measured(timed(even(1, 300)))))
    assert found.outcome == "pass"


def test_too_few_variants_are_inconclusive() -> None:
    mine = measured(timed(*[even(1, 60)] * 3))
    found = verdict("p95<2x rust", mine, against(mine))
    assert found.reason.startswith("only 3 variants of 5 were measured")


def test_nothing_left_of_a_call_is_inconclusive() -> None:
    mine = measured(timed(*[[0.0] * 60] * 5))
    found = verdict("p95<2x rust", mine, against(mine))
    assert found.reason == "nothing is left of a call once the border is subtracted"


def test_steady_fuel_is_exact() -> None:
    found = verdict("fuel<100k", measured(fuel_steady=(99_999,) * 5))
    assert (found.outcome, found.figure, found.low) == ("pass", "99,999", None)
    assert verdict("fuel<99_999", measured(fuel_steady=(99_999,) * 5)).outcome == "fail"
    assert verdict("fuel<=99_999", measured(fuel_steady=(99_999,) * 5)).outcome == "pass"


@pytest.mark.parametrize(("bound", "outcome"), [("90", "fail"), ("105", "inconclusive"), ("111", "pass")])
def test_fuel_that_varies_is_named_and_gated_by_its_interval(bound: str, outcome: str) -> None:
    found = verdict(f"fuel<{bound}", measured(fuel_steady=(100, 104, 110, 101, 103)))
    assert found.outcome == outcome
    assert found.figure == "103 (100 to 110)"
    assert "fuel is not deterministic: it varied over 5 runs" in found.reason


def test_a_ratio_of_fuel_that_varies_tells_between_what_it_lies() -> None:
    found = verdict("fuel<2x rust", measured(fuel_steady=(100, 104, 110)), against(measured(fuel_steady=(100,))))
    assert (found.outcome, found.figure) == ("pass", "1.04x (1.00x to 1.10x): 104 against 100")


@pytest.mark.parametrize(
    ("metric", "name"), [("fuel", "fuel_steady"), ("fuel.cold", "fuel_cold"), ("fuel.max", "fuel_max")]
)
def test_each_metric_of_fuel_reads_its_own_figure(metric: str, name: str) -> None:
    assert verdict(f"{metric}<10", measured(None, **{name: (9,)})).outcome == "pass"
    found = verdict(f"{metric}<10", measured())
    assert (found.outcome, found.reason) == ("inconclusive", "fuel was not measured")


def test_a_bound_of_memory_counts_all_of_it_and_a_ratio_what_grew() -> None:
    mine = measured(memory=2 << 20, memory_grown=65_536)
    assert verdict("memory<1MiB", mine).outcome == "fail"
    found = verdict("memory<1.2x rust", mine, against(measured(memory=17 << 16, memory_grown=65_536)))
    assert (found.outcome, found.figure) == ("pass", "1.00x: 64 KiB against 64 KiB above the initial memory")


@pytest.mark.parametrize(("grown", "outcome"), [(0, "pass"), (65_536, "fail")])
def test_against_a_side_that_did_not_grow_only_nothing_is_within_the_ratio(grown: int, outcome: str) -> None:
    found = verdict("memory<1.2x rust", measured(memory_grown=grown), against(measured(memory_grown=0)))
    assert found.outcome == outcome


def test_growth_that_cannot_be_judged_is_inconclusive() -> None:
    found = verdict("growth<1B/call", measured(growth=0.0, growth_reason="memory grew 3 times in 400 calls"))
    assert (found.outcome, found.reason) == ("inconclusive", "memory grew 3 times in 400 calls")
    assert verdict("growth<1B/call", measured(growth=2.0)).figure == "2 B/call"


def test_size_is_the_whole_plugins() -> None:
    found = verdict("size<1MiB", measured(size=1000))
    assert (found.outcome, found.operation) == ("pass", "")


@pytest.mark.parametrize("text", ["p95<5ms", "fuel<1k", "memory<1MiB", "growth<1B/call", "p95<2x rust"])
def test_without_an_accepted_sample_nothing_is_judged(text: str) -> None:
    found = verdict(text, measured(timed(even(1, 300)), fuel_steady=(1,), memory=1, growth=0.0, only_refusals=True))
    assert (found.outcome, found.reason) == ("inconclusive", "only refusals measured")


@pytest.mark.parametrize("text", ["p95<2x rust", "fuel<2x rust"])
def test_an_other_side_that_only_refuses_is_inconclusive(text: str) -> None:
    mine = measured(timed(*[even(1, 60)] * 5), fuel_steady=(1,))
    other = measured(timed(*[even(1, 60)] * 5), fuel_steady=(1,), only_refusals=True)
    assert verdict(text, mine, against(other)).reason == "the other side: only refusals measured"


def test_a_ratio_without_another_side_says_why() -> None:
    found = verdict(
        "fuel<2x go", measured(fuel_steady=(1,)), Other(name="go", reason="no other plugin of this run is go")
    )
    assert (found.outcome, found.reason) == ("inconclusive", "no other plugin of this run is go")
    assert verdict("fuel<2x go", measured(fuel_steady=(1,))).reason == "there is no go to compare with"


def test_lower_bounds_hold_the_other_way_round() -> None:
    assert verdict("fuel>10", measured(fuel_steady=(11,))).outcome == "pass"
    assert verdict("fuel>=12", measured(fuel_steady=(11,))).outcome == "fail"
    assert verdict("p95>5ms", measured(timed(even(6, 300)))).outcome == "pass"


@pytest.mark.parametrize("comparison", [">", ">="])
def test_a_lower_bound_of_the_maximum_asks_for_one_call_beyond_it(comparison: str) -> None:
    assert verdict(f"max{comparison}5ms", measured(timed([*even(1, 299), 0.006]))).outcome == "pass"
    assert verdict(f"max{comparison}5ms", measured(timed(even(1, 300)))).outcome == "fail"


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((), "inconclusive"),
        (("pass",), "pass"),
        (("pass", "inconclusive"), "inconclusive"),
        (("fail", "inconclusive"), "fail"),
    ],
)
def test_the_worst_operation_decides(outcomes: Sequence[str], expected: str) -> None:
    each = tuple(Verdict(budget="", metric="", operation="", outcome=one) for one in outcomes)  # type: ignore[arg-type]
    assert worst(each) == expected
