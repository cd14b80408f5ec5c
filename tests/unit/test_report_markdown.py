"""Reports as Markdown: a short table, what failed folded below it, and no text of a plugin that means anything."""

from __future__ import annotations

import re

import pytest

from pytest_mockforge.budgets.model import Verdict
from pytest_mockforge.checks.model import CheckResult
from pytest_mockforge.report.markdown import LONGEST, code, to_markdown
from tests.report_cases import HOSTILE, error, full_report, report_of, result


def outside_of_code(text: str) -> str:
    """Give what a Markdown renderer reads as markup: all but code spans."""
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", text)


def test_the_table_has_a_row_a_plugin_with_verdict_checks_size_and_fuel() -> None:
    lines = to_markdown(full_report()).splitlines()
    assert lines[0] == "### ❌ MockForge plugins: 2 passed, 1 failed"
    assert lines[2] == "| plugin | language | verdict | checks | budgets | size | fuel a call |"
    rust, _, flaky = lines[4:7]
    assert rust == "| `rust` | `rust` | ✅ pass | 4 hold, 1 skipped | 3 kept | 165.8 KiB | ≤ 232,781 |"
    assert flaky.startswith("| `flaky` | `assemblyscript` | ❌ fail | 2 hold, 3 broken, 1 skipped | 3 kept, 1 broken |")


def test_budgets_have_no_column_where_there_are_none() -> None:
    assert "budgets" not in to_markdown(report_of([result()]))


def test_errors_are_listed_unfolded_with_expected_got_and_hint() -> None:
    text = to_markdown(full_report())
    block = text[text.index("<details open><summary>flaky: 3 errors") :]
    assert "- **MF205** `authenticate: the reply breaks the contract`" in block
    assert "  - expected: `a boolean`" in block
    assert "  - hint: `answer true or false`" in block


def test_a_hint_stands_once_however_many_findings_it_mends() -> None:
    text = to_markdown(report_of([result("x", "MF203", error("one", hint="do it"), error("two", hint="do it"))]))
    assert text.count("hint: `do it`") == 1


def test_a_budget_that_is_inconclusive_says_why() -> None:
    verdict = Verdict(
        budget="p95<5ms", metric="p95", operation="authenticate", outcome="inconclusive", reason="too slow"
    )
    budget = CheckResult(plugin="x", code="MF501", part="p95<5ms", title="", budget=(verdict,))
    text = to_markdown(report_of([result("x"), budget]))
    assert "<summary>x: 1 budget is inconclusive</summary>" in text
    assert "- **inconclusive** `authenticate` `p95<5ms` (`too slow`)" in text


def test_a_budget_that_is_broken_is_an_error_and_stands_once() -> None:
    assert to_markdown(full_report()).count("got: `58.2 µs`") == 1
    assert "**fail**" not in to_markdown(full_report())


def test_skipped_checks_are_listed_by_their_reason() -> None:
    skipped = [CheckResult(plugin="x", code=name, title="", skipped="MF101 failed") for name in ("MF201", "MF202")]
    assert "- MF201, MF202: `MF101 failed`" in to_markdown(report_of(skipped))


def test_a_run_without_any_plugin_says_so() -> None:
    assert to_markdown(report_of([])).startswith("### ⚠️ MockForge plugins: nothing was checked\n")


@pytest.mark.parametrize("text", [HOSTILE, "`", "``", "` `` ```", "a`", "`a", "", " ", "\n\n# head", "a\\`b"])
def test_a_code_span_cannot_be_ended_from_within(text: str) -> None:
    assert outside_of_code(f"x{code(text)}y") == "xy"


def test_hostile_text_leaves_nothing_that_a_renderer_acts_on() -> None:
    hostile = error(HOSTILE, expected=HOSTILE, got=HOSTILE, hint=HOSTILE, host_message=HOSTILE)
    text = to_markdown(report_of([result("x", "MF203", hostile, language=HOSTILE)]))
    assert {char for char in text if not char.isprintable()} == {"\n"}
    left = outside_of_code(text)
    for sign in ("<script", "<img", "](", "@everyone", "http:", "|`", "#1"):
        assert sign not in left


def test_a_pipe_of_a_plugin_adds_no_cell_to_the_table() -> None:
    rows = [line for line in to_markdown(report_of([result("x", language="a|b|c")])).splitlines() if line[:1] == "|"]
    assert {line.count("|") for line in rows} == {7}


def test_a_text_of_a_megabyte_and_a_thousand_findings_stay_within_a_comment() -> None:
    findings = [error("m" * 1_000_000, expected="e" * 1_000_000, got="g" * 1_000_000) for _ in range(30)]
    results = [result(f"p{number}", "MF203", *findings) for number in range(40)]
    text = to_markdown(report_of(results))
    assert len(text) <= LONGEST
    assert text.count("| `p") == 40
    assert re.search(r"… \d+ sections are left out for their length", text)
