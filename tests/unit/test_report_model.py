"""The result model: what results of checks become, and that nothing in it is unbounded or unreadable."""

from __future__ import annotations

import math

import pytest

from pytest_mockforge.budgets.model import Outcome, Timing, Verdict
from pytest_mockforge.checks.model import CheckResult, Finding
from pytest_mockforge.report.model import LONGEST, Source, build, verdict_of
from tests.report_cases import RUN, error, full_report, identity, report_of, result


def budget(outcome: Outcome, code: str = "MF502", part: str = "fuel<1M") -> CheckResult:
    verdict = Verdict(budget=part, metric="fuel", operation="authenticate", outcome=outcome)
    return CheckResult(plugin="rust", code=code, part=part, title="budgets", budget=(verdict,))


def test_a_plugin_whose_checks_all_hold_passes() -> None:
    assert report_of([result(code="MF101"), result(code="MF102")]).verdict == "pass"


def test_one_error_fails_the_plugin_and_the_run() -> None:
    report = report_of([result("good"), result("bad", "MF203", error())])
    assert [plugin.verdict for plugin in report.plugins] == ["pass", "fail"]
    assert report.verdict == "fail"


def test_a_plugin_of_which_all_was_skipped_is_inconclusive() -> None:
    assert verdict_of([CheckResult(plugin="x", code="MF201", title="", skipped="MF101")]) == "inconclusive"


def test_a_plugin_that_does_not_load_and_was_not_called_does_not_pass() -> None:
    not_loaded = {**identity("rust"), "loads": False}
    held = CheckResult(plugin="x", code="MF701", title="", identity=not_loaded)
    skipped = CheckResult(plugin="x", code="MF201", title="", skipped="MF101", identity=not_loaded)
    assert verdict_of([held, skipped]) == "inconclusive"


def test_a_check_that_ran_twice_counts_once_and_the_last_time() -> None:
    report = report_of([result("rust", "MF203", error()), result("rust", "MF203")])
    assert report.verdict == "pass"
    assert len(report.plugins[0].checks) == 1


def test_two_budgets_of_one_kind_are_two_results() -> None:
    report = report_of([result(), budget("pass", part="fuel<1M"), budget("inconclusive", part="fuel<2M")])
    assert [check.outcome for check in report.plugins[0].checks] == ["pass", "pass", "inconclusive"]
    assert report.plugins[0].counts.inconclusive == 1


def test_a_budget_that_measured_nothing_is_inconclusive() -> None:
    nothing = CheckResult(plugin="rust", code="MF502", part="fuel<1M", title="budgets")
    assert report_of([nothing]).plugins[0].checks[0].outcome == "inconclusive"


def test_findings_that_are_all_accepted_leave_the_check_accepted_and_are_counted() -> None:
    accepted = CheckResult(plugin="rust", code="MF203", title="", accepted=(error(),))
    plugin = report_of([accepted]).plugins[0]
    assert (plugin.verdict, plugin.checks[0].outcome, plugin.counts.accepted) == ("pass", "accepted", 1)


def test_plugins_come_in_the_order_in_which_they_were_named_and_those_without_a_result_are_left_out() -> None:
    named = [Source(label=label, spec=label) for label in ("zeta", "gone", "alpha")]
    report = build([result("alpha"), result("zeta")], sources=named, run=RUN)
    assert [plugin.label for plugin in report.plugins] == ["zeta", "alpha"]


def test_a_run_without_a_result_is_inconclusive() -> None:
    assert build([], sources=[], run=RUN).verdict == "inconclusive"


def test_the_worst_findings_come_first() -> None:
    note = Finding(code="MF208", severity="note", detail="x", message="a note")
    severities = [finding.severity for finding in report_of([result("x", "MF208", note, error())]).plugins[0].findings]
    assert severities == ["error", "note"]


def test_time_is_summed_up_over_all_variants_and_keeps_its_samples() -> None:
    seconds = ((0.001, 0.002), (0.003, 0.100))
    timed = CheckResult(
        plugin="x", code="MF501", title="", timings={"authenticate": Timing(seconds=seconds, border=1e-6, wanted=4)}
    )
    time = report_of([timed]).plugins[0].operations["authenticate"].time
    assert time is not None
    assert (time.count, time.variants, time.median, time.p95, time.max) == (4, 2, 0.0025, 0.1, 0.1)
    assert time.samples == seconds


def test_an_operation_of_which_nothing_could_be_timed_has_the_reason_and_no_figures() -> None:
    timed = CheckResult(plugin="x", code="MF501", title="", timings={"authenticate": Timing(reason="too slow")})
    time = report_of([timed]).plugins[0].operations["authenticate"].time
    assert time is not None
    assert (time.count, time.median, time.p99, time.reason) == (0, None, None, "too slow")


def test_a_message_of_a_megabyte_is_cut_and_says_how_long_it_was() -> None:
    message = report_of([result("x", "MF203", error("a" * 1_000_000))]).plugins[0].findings[0].message
    assert len(message) < LONGEST + 100
    assert message.endswith("… (1,000,000 characters)")


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert report_of([result("x", "MF203", error("a\ud800b"))]).plugins[0].findings[0].message == "a�b"


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_becomes_nothing(value: float) -> None:
    odd = CheckResult(plugin="x", code="MF403", title="", figures={"authenticate": {"growth": value}})
    assert report_of([odd]).plugins[0].operations["authenticate"].figures["growth"] is None


def test_figures_of_several_checks_of_one_operation_are_gathered() -> None:
    figures = full_report().plugins[0].operations["authenticate"].figures
    assert {"fuel_steady", "memory_grown", "growth_verdict"} <= set(figures)
