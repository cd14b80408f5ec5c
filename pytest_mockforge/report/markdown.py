"""The report as Markdown for a pull request: a table with a row a plugin, then what failed, folded. Pure.

Whatever comes from a plugin stands in code spans: there no link, image, mention or HTML of it means anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from pytest_mockforge.budgets.model import Verdict
from pytest_mockforge.checks.model import Figure, Finding
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.report.model import CheckReport, PluginReport, Report, Section
from pytest_mockforge.report.text import counted, harmless, size

LONGEST = 60_000
"""Characters of the whole text: a comment on a pull request holds 65,536."""
_LONGEST_TEXT = 600
_MOST_FINDINGS = 30
"""Findings of one plugin that are listed."""
_MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}


def to_markdown(report: Report) -> str:
    """Write a report: the table always whole, details until the text is as long as a comment may be."""
    head = f"### {_MARKS[report.verdict]} MockForge plugins: {_headline(report)}\n\n"
    text = head + "\n".join(_table(report)) + "\n"
    foot = f"\n<sub>{_facts(report)}</sub>\n"
    left_out = 0
    for block in (*(one for plugin in report.plugins for one in _details(plugin)), *map(_added, report.sections)):
        if len(text) + len(block) + len(foot) + 200 > LONGEST:
            left_out += 1
        else:
            text += f"\n{block}\n"
    if left_out:
        text += f"\n… {counted(left_out, 'section is', 'sections are')} left out for their length.\n"
    return text + foot


def code(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Write text that may be hostile as a code span that it cannot end, in one line."""
    shown = harmless(text, longest) or " "
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _headline(report: Report) -> str:
    verdicts = [plugin.verdict for plugin in report.plugins]
    words = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive"}
    said = [f"{verdicts.count(name):,} {word}" for name, word in words.items() if name in verdicts]
    return ", ".join(said) or "nothing was checked"


def _facts(report: Report) -> str:
    run = report.run
    facts = (
        f"pytest-mockforge {run.version}, rules of MockForge {run.mockforge} (host {run.host}), "
        f"wasmtime {run.wasmtime}, Python {run.python}, {run.seconds:.1f} s"
    )
    return re.sub(r"[^\w .,():+-]", "", facts)


def _table(report: Report) -> Iterator[str]:
    if not report.plugins:
        return
    budgets = any(plugin.budgets for plugin in report.plugins)
    head = ["plugin", "language", "verdict", "checks", *(["budgets"] if budgets else []), "size", "fuel a call"]
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join(' --- ' if name in head[:4] else ' ---: ' for name in head)}|"
    for plugin in report.plugins:
        cells = [_cell(plugin.label), _cell(str(plugin.identity.get("language", "-"))), _verdict(plugin)]
        cells += [_checks(plugin), *([_budgets(plugin)] if budgets else []), _size(plugin), _fuel(plugin)]
        yield f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    # A code span cannot hold a pipe within a table; nothing that stands here needs one.
    return code(text.replace("|", "¦"), 80)


def _verdict(plugin: PluginReport) -> str:
    return f"{_MARKS[plugin.verdict]} {plugin.verdict}"


def _checks(plugin: PluginReport) -> str:
    counts = plugin.counts
    said = [f"{counts.passed:,} hold"]
    pairs = ((counts.failed, "broken"), (counts.skipped, "skipped"), (counts.inconclusive, "inconclusive"))
    said += [f"{count:,} {word}" for count, word in pairs if count]
    return ", ".join(said)


def _budgets(plugin: PluginReport) -> str:
    outcomes = [verdict.outcome for verdict in plugin.budgets]
    words = {"pass": "kept", "fail": "broken", "inconclusive": "inconclusive"}
    return ", ".join(f"{outcomes.count(name):,} {word}" for name, word in words.items() if name in outcomes) or "-"


def _size(plugin: PluginReport) -> str:
    value = plugin.identity.get("size")
    return size(value) if isinstance(value, int) else "-"


def _fuel(plugin: PluginReport) -> str:
    """Steady fuel of the costliest operation; the details are elsewhere."""
    found: list[Figure] = [
        plugin.operations[name].figures.get("fuel_steady") for name in Operation if name.value in plugin.operations
    ]
    return f"≤ {max(fuel):,}" if (fuel := [value for value in found if isinstance(value, int)]) else "-"


def _details(plugin: PluginReport) -> Iterator[str]:
    """Give the folded sections of one plugin: errors, undecided budgets, warnings, why checks were skipped."""
    label = escape(harmless(plugin.label, 80))
    errors = [finding for finding in plugin.findings if finding.severity == "error"]
    warnings = [finding for finding in plugin.findings if finding.severity == "warning"]
    if errors:
        yield _folded(f"{label}: {counted(len(errors), 'error', 'errors')}", _findings(errors), opened=True)
    unsure = [verdict for verdict in plugin.budgets if verdict.outcome == "inconclusive"]
    if unsure:
        title = f"{label}: {counted(len(unsure), 'budget is', 'budgets are')} inconclusive"
        yield _folded(title, [_budget(verdict) for verdict in unsure[:_MOST_FINDINGS]])
    if warnings:
        yield _folded(f"{label}: {counted(len(warnings), 'warning', 'warnings')}", _findings(warnings))
    skipped = [check for check in plugin.checks if check.skipped]
    if skipped:
        yield _folded(f"{label}: {counted(len(skipped), 'check', 'checks')} skipped", _skipped(skipped))


def _added(section: Section) -> str:
    lines = [f"- {code(line)}" for line in (*section.failed.splitlines(), *section.lines)]
    if section.head:
        rows = [f"| {' | '.join(map(_cell, row))} |" for row in (section.head, *section.rows)]
        lines += ["", rows[0], f"|{' --- |' * len(section.head)}", *rows[1:]]
    return _folded(escape(harmless(section.title, 80)), lines, opened=bool(section.failed))


def _folded(title: str, lines: Sequence[str], *, opened: bool = False) -> str:
    # The empty line lets Markdown begin again inside of HTML.
    return "\n".join((f"<details{' open' if opened else ''}><summary>{title}</summary>", "", *lines, "", "</details>"))


def _findings(findings: Sequence[Finding]) -> list[str]:
    lines: list[str] = []
    for finding in findings[:_MOST_FINDINGS]:
        lines.append(f"- **{finding.code}** {code(finding.message)}")
        parts = [("expected", finding.expected), ("got", finding.got), ("MockForge says", finding.host_message)]
        parts.append(("hint", finding.hint))
        said = [f"  - {name}: {code(text)}" for name, text in parts if text]
        # One hint for all that it mends.
        lines += [line for line in said if not (line.startswith("  - hint: ") and line in lines)]
    if len(findings) > _MOST_FINDINGS:
        lines.append(f"- … and {len(findings) - _MOST_FINDINGS:,} more")
    return lines


def _budget(verdict: Verdict) -> str:
    operation = f"{code(verdict.operation)} " if verdict.operation else ""
    figure = f": {code(verdict.figure)}" if verdict.figure else ""
    bound = f", bound {code(verdict.bound)}" if verdict.bound else ""
    reason = f" ({code(verdict.reason)})" if verdict.reason else ""
    return f"- **{verdict.outcome}** {operation}{code(verdict.budget)}{figure}{bound}{reason}"


def _skipped(checks: Sequence[CheckReport]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for check in checks:
        reasons.setdefault(check.skipped, []).append(check.code)
    return [f"- {', '.join(codes)}: {code(reason)}" for reason, codes in reasons.items()]
