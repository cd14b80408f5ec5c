"""Budgets in the summary on the terminal: what was measured, what it was held against, what came of it.

Pure: results in, lines of text out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pytest_mockforge.budgets.model import Outcome, Verdict, worst
from pytest_mockforge.checks.model import CheckResult
from pytest_mockforge.report.text import harmless, wrapped

if TYPE_CHECKING:
    from pytest_mockforge.budgets.model import Budget

_WORDS: dict[Outcome, str] = {"pass": "hold", "fail": "broken", "inconclusive": "inconclusive"}
_INDENT = "    "


def budget_lines(results: Sequence[CheckResult], width: int) -> list[tuple[Outcome | None, str]]:
    """Render the budgets of one plugin, each line with the outcome that it tells of; the head has none."""
    judged = [(worst(result.budget), result) for result in results if result.part or result.budget]
    if not judged:
        return []
    outcomes = [outcome for outcome, _ in judged]
    told = ", ".join(f"{outcomes.count(one):,} {word}" for one, word in _WORDS.items() if one in outcomes)
    lines: list[tuple[Outcome | None, str]] = [(None, f"  budgets: {told}")]
    for outcome, result in judged:
        text = f"{outcome} {result.part or result.code}: {_said(result.budget)}"
        lines += [(outcome, line) for line in wrapped(harmless(text), width, _INDENT, _INDENT + "  ")]
    return lines


def about_nobody(budgets: Iterable[Budget], results: Sequence[CheckResult], labels: Sequence[str]) -> list[str]:
    """Name the budgets of options that no plugin of the run was meant by: they measured nothing.

    Those of `default` are for any language, and are left out; so is all where a plugin told nothing of itself.
    """
    languages = {result.plugin: str(result.identity["language"]) for result in results if result.identity}
    if set(languages) != set(labels):
        return []
    return [
        f"the budget {budget.text!r} is about no plugin of this run"
        for budget in budgets
        if not budget.by_default
        and not any(budget.scope.means(language=languages[label], label=label) for label in labels)
    ]


def _said(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return "nothing was measured"
    bounds = dict.fromkeys(verdict.bound for verdict in verdicts)
    told: dict[str, list[str]] = {}
    for verdict in verdicts:
        # A figure stands behind its name like a value, a bare reason like a sentence.
        between = " " if verdict.figure else ": "
        what = between + ", ".join(part for part in (verdict.figure, verdict.reason) if part)
        told.setdefault(what, []).append(verdict.operation)
    parts = [f"{', '.join(filter(None, names))}{what}".removeprefix(": ").strip() for what, names in told.items()]
    return f"{'; '.join(parts)}; bound {' and '.join(bounds)}"
