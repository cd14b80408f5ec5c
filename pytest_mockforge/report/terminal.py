"""The header and the summary on the terminal. Pure up to `write_summary`, which hands the lines to pytest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_mockforge.budgets.model import Outcome
from pytest_mockforge.checks.model import CheckResult, Figure, Finding, HostVerdict, from_plain
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.report.budget_lines import about_nobody, budget_lines
from pytest_mockforge.report.comparison import comparison_lines
from pytest_mockforge.report.findings import finding_lines
from pytest_mockforge.report.model import Section, counts_of, latest, verdict_of
from pytest_mockforge.report.sections import section_lines
from pytest_mockforge.report.text import counted, harmless, shortened, size, wrapped

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_mockforge.settings import Settings

Style = Literal["plain", "bold", "green", "red", "yellow", "dim"]

_MARKUP: dict[Style, dict[str, bool]] = {
    "plain": {},
    "bold": {"bold": True},
    "green": {"green": True},
    "red": {"red": True},
    "yellow": {"yellow": True},
    "dim": {"light": True},
}
_SEVERITY_STYLE: dict[str, Style] = {"error": "red", "warning": "yellow", "note": "plain"}
_VERDICT_STYLE: dict[Outcome, Style] = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_OUTCOME_STYLE: dict[Outcome | None, Style] = {"pass": "plain", "fail": "red", "inconclusive": "yellow", None: "bold"}
_MOST = 20
"""Findings of one plugin that are listed; -vv lists all."""
_LONGEST = 400
"""Characters of one piece of text in the summary; the failure of the check shows more of it."""
_COLUMNS = ("operation", "accepted", "fuel cold", "steady", "max", "memory", "growth")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the summary with its style."""

    text: str
    style: Style = "plain"


def header(settings: Settings) -> list[str]:
    """Say what is under test, under whose rules, and where compiled modules are kept."""
    plugins = ", ".join(
        f"{spec.label} ({spec.text})" if spec.label != spec.text else spec.label for spec in settings.specs
    )
    if (reference := settings.compare) is not None:
        plugins += f", compared with {reference.label} ({reference.text})"
    cache = "off" if settings.cache is None else str(settings.cache.folder)
    return [f"mockforge: {harmless(plugins)}; host {settings.host}; cache {harmless(cache)}"]


def write_summary(reporter: pytest.TerminalReporter, settings: Settings, plain: Sequence[object]) -> None:
    """Write the summary of all results, if any check ran; --no-summary is left to us by newer pytest."""
    if reporter.no_summary:
        return
    verbosity = reporter.config.get_verbosity()
    width = reporter.config.get_terminal_writer().fullwidth
    results = [from_plain(one) for one in plain]
    lines = summary_lines(
        results,
        order=[spec.label for spec in settings.specs],
        width=width,
        verbosity=verbosity,
    )
    if lines and verbosity > -2:
        reporter.write_sep("=", "mockforge")
    for line in lines:
        reporter.write_line(line.text, **_MARKUP[line.style])
    if lines and verbosity >= 0:
        for text in about_nobody(settings.budgets, results, [spec.label for spec in settings.specs]):
            reporter.write_line(text, **_MARKUP["yellow"])


def write_sections(reporter: pytest.TerminalReporter, sections: Sequence[Section]) -> None:
    """Write what extensions add to the summary."""
    if reporter.no_summary or reporter.config.get_verbosity() < 0:
        return
    width = reporter.config.get_terminal_writer().fullwidth
    for section in sections:
        head, *lines = section_lines(section, width)
        reporter.write_line("")
        reporter.write_line(head, bold=True)
        for text in lines:
            reporter.write_line(text, red=bool(section.failed))


def write_reported(
    reporter: pytest.TerminalReporter, written: Sequence[Path], problems: Sequence[str], annotations: Sequence[str]
) -> None:
    """Say where reports were written and which could not be; then the lines that a CI service reads."""
    if reporter.config.get_verbosity() >= 0 and not reporter.no_summary:
        for path in written:
            reporter.write_line(f"mockforge report: {harmless(str(path))}")
    for problem in problems:
        reporter.write_line(f"mockforge: {harmless(problem)}", red=True)
    for line in annotations:
        reporter.write_line(line)


def summary_lines(results: Iterable[CheckResult], *, order: Iterable[str], width: int, verbosity: int) -> list[Line]:
    """Render all plugins in the order of their labels; a check that ran more than once counts once, the last time."""
    seen, order = latest(results), tuple(order)
    lines: list[Line] = []
    for label in order:
        mine = [result for result in seen if result.plugin == label]
        if mine:
            if lines and verbosity >= 0:
                lines.append(Line(text=""))
            lines += plugin_lines(label, mine, width=width, verbosity=verbosity)
    if verbosity >= 0:
        lines += _side_by_side(seen, order, width)
    return lines


def _side_by_side(results: Sequence[CheckResult], order: Sequence[str], width: int) -> list[Line]:
    head, *rows = comparison_lines(results, order=order, width=width) or [""]
    return [Line(text=""), Line(text=head, style="bold"), *(Line(text=row) for row in rows)] if head else []


def plugin_lines(label: str, results: Sequence[CheckResult], *, width: int, verbosity: int) -> list[Line]:
    """Render all that is known of one plugin: its headline, a row an operation, its findings.

    With -q a headline and one line a finding; with -qq the headline alone.
    """
    findings = [finding for result in results for finding in result.findings]
    lines = _headline(label, results, width)
    if verbosity <= -2:
        return lines
    shown = [
        finding
        for severity in ("error", "warning", "note")
        for finding in findings
        if finding.severity == severity and (severity != "note" or verbosity > 0)
    ]
    most = _MOST if verbosity < 2 else len(shown)
    if verbosity < 0:
        lines += [_brief(finding, width) for finding in shown[:most]]
    else:
        lines += _known(results, width, verbosity)
        lines += [Line(text="")] if shown else []
        said: set[tuple[str, str]] = set()
        for finding in shown[:most]:
            lines += _finding(finding, width, said)
    if len(shown) > most:
        more = counted(len(shown) - most, "more finding", "more findings")
        lines.append(Line(text=f"  … and {more}, -vv shows all"))
    hidden = len(findings) - len(shown)
    if hidden and verbosity >= 0:
        lines.append(Line(text=f"  {counted(hidden, 'note', 'notes')} hidden, -v shows them", style="dim"))
    return lines


def _headline(label: str, results: Sequence[CheckResult], width: int) -> list[Line]:
    verdict, counts = verdict_of(results), counts_of(results)
    told = [counted(counts.passed, "check holds", "checks hold")]
    told += [f"{counts.failed:,} broken"] if counts.failed else []
    told += [f"{counts.skipped:,} skipped"] if counts.skipped else []
    told += [counted(counts.inconclusive, "budget inconclusive", "budgets inconclusive")] if counts.inconclusive else []
    told += [counted(counts.accepted, "finding accepted", "findings accepted")] if counts.accepted else []
    told += [counted(counts.warnings, "warning", "warnings")] if counts.warnings else []
    head = f"{label}: {verdict.upper()}, {', '.join(told)}"
    return [Line(text=text, style=_VERDICT_STYLE[verdict]) for text in wrapped(head, width, "", "  ")]


def _known(results: Sequence[CheckResult], width: int, verbosity: int) -> list[Line]:
    """Say what the plugin is, whether the host would take it, why checks were skipped, and what calls cost."""
    lines: list[Line] = []
    identity = next((result.identity for result in results if result.identity), None)
    if identity is not None:
        text = ", ".join(_what(identity))
        lines += [Line(text=text) for text in wrapped(text, width, "  ", "    ")]
        lines += [Line(text=text, style="bold") for text in wrapped(_verdict(identity), width, "  ", "    ")]
    for text in _hosts(results, as_shipped=verbosity > 0):
        lines += [Line(text=part) for part in wrapped(text, width, "  ", "    ")]
    for reason in dict.fromkeys(result.skipped for result in results if result.skipped):
        lines += [Line(text=text) for text in wrapped(f"skipped: {reason}", width, "  ", "    ")]
    table = _table(_merged(results), width)
    lines += [Line(text=""), *table] if table else []
    budgets = budget_lines(results, width)
    lines += (
        [Line(text=""), *(Line(text=text, style=_OUTCOME_STYLE[said]) for said, text in budgets)] if budgets else []
    )
    lines += [Line(text=text) for text in _fuzzed(_merged(results).get("fuzz", {}), width)]
    return lines + (_untested(identity, width) if identity is not None else [])


def _what(identity: dict[str, Figure]) -> Iterator[str]:
    """Say what the plugin is: a module has a size, a service a dialect."""
    yield str(identity["language"])
    yield str(identity["convention"] or "no convention")
    if identity["size"] is not None:
        yield size(int(identity["size"]))
    if identity.get("dialect"):
        yield f"speaks {identity['dialect']}"


def _verdict(identity: dict[str, Figure]) -> str:
    host, version = identity["host"], identity["version"]
    whose = f"MockForge {version} ({identity['adapter']} adapter)" if host == "adapter" else f"host {host!r}"
    if identity["language"] == "remote":
        return f"{whose} " + (
            "could use it" if identity["loads"] else f"could not use it: {harmless(str(identity['objection']), 300)}"
        )
    if identity["loads"]:
        return f"{whose} would load {'it' if host == 'loader' else 'and call it'}"
    if identity.get("mended"):
        return f"{whose}: refused, mended by adapt: {harmless(str(identity['objection']), 300)}"
    would = "would refuse it" if identity["refused"] else "would load it, but could not call all of it"
    return f"{whose} {would}: {harmless(str(identity['objection']), 300)}"


def _hosts(results: Sequence[CheckResult], *, as_shipped: bool) -> list[str]:
    """One line with what every host would do, and with -v one for each that does not do it as it is shipped."""
    verdicts = next((result.verdicts for result in results if result.verdicts), ())
    alike: dict[tuple[str, tuple[str, ...], int], list[HostVerdict]] = {}
    for one in verdicts:
        alike.setdefault((one.verdict, one.reasons, one.broken), []).append(one)
    lines = [f"hosts: {'; '.join(_hosts_alike(same) for same in alike.values())}"] if verdicts else []
    if as_shipped:
        lines += [f"as shipped, {one.host} {one.as_shipped}" for one in verdicts if one.as_shipped]
    return lines


def _hosts_alike(verdicts: Sequence[HostVerdict]) -> str:
    """Say what hosts would do that would do the same for the same reason."""
    names, verdict = ", ".join(one.host for one in verdicts), verdicts[0]
    if not verdict.reasons:
        return f"{names} {verdict.verdict}"
    more = f", and {verdict.broken - 1:,} more" if verdict.broken > 1 else ""
    return f"{names} {verdict.verdict} ({harmless(verdict.reasons[0], 120)}{more})"


def _merged(results: Iterable[CheckResult]) -> dict[str, dict[str, Figure]]:
    merged: dict[str, dict[str, Figure]] = {}
    for result in results:
        for operation, figures in result.figures.items():
            merged.setdefault(operation, {}).update(figures)
    return merged


def _table(figures: dict[str, dict[str, Figure]], width: int) -> list[Line]:
    rows = [_row(operation.value, figures[operation.value]) for operation in Operation if operation.value in figures]
    if not rows:
        return []
    widths = [max(len(row[column]) for row in (_COLUMNS, *rows)) for column in range(len(_COLUMNS))]
    if sum(widths) + 2 * len(widths) > width:
        lines = [Line(text=text) for row in rows for text in _stacked(row, width)]
    else:
        lines = [Line(text=_joined(_COLUMNS, widths), style="bold")]
        lines += [Line(text=_joined(row, widths)) for row in rows]
    if any(one.get("only_refusals") for one in figures.values()):
        mark = "* only refusals measured: plugin.test.yaml has no sample that is accepted"
        lines += [Line(text=text, style="yellow") for text in wrapped(mark, width, "  ", "    ")]
    return lines


def _row(operation: str, figures: dict[str, Figure]) -> tuple[str, ...]:
    mark = "*" if figures.get("only_refusals") else ""
    samples = figures.get("samples")
    grown = figures.get("memory_grown")
    return (
        operation + mark,
        f"{figures.get('accepted')}/{samples}" if samples else "-",
        *(_number(figures.get(name)) for name in ("fuel_cold", "fuel_steady", "fuel_max")),
        f"+{size(grown)}" if isinstance(grown, int) and grown else "+0" if grown == 0 else "-",
        _growth(figures),
    )


def _fuzzed(figures: dict[str, Figure], width: int) -> list[str]:
    """Say how much was searched and from where, which makes a search that is made again the same one."""
    if not figures:
        return []
    share = f"{float(figures['share'] or 0):.0%} of it in calls and checks"
    seconds = f"{float(figures['seconds'] or 0):.1f} s"
    return wrapped(
        f"fuzzed: {figures['examples']:,} examples in {seconds}, {share}; seed {figures['seed']}", width, "  ", "    "
    )


def _number(value: Figure) -> str:
    return f"{value:,}" if isinstance(value, int) else "-"


def _growth(figures: dict[str, Figure]) -> str:
    verdict = figures.get("growth_verdict")
    if verdict is None:
        return "-"
    return f"{figures['growth']:,.0f} B/call" if verdict == "leak" else str(verdict)


def _joined(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "  " + "  ".join(cells)


def _stacked(row: Sequence[str], width: int) -> list[str]:
    """A row for a terminal too narrow for the table: named cells that wrap."""
    cells = [f"{name} {cell}" for name, cell in zip(_COLUMNS[1:], row[1:], strict=True) if cell != "-"]
    return wrapped(f"{row[0]}: {', '.join(cells) or 'nothing measured'}", width, "  ", "    ")


def _untested(identity: dict[str, Figure], width: int) -> list[Line]:
    names = str(identity["untested"] or "")
    if not names:
        return []
    return [
        Line(text=text, style="dim")
        for text in wrapped(f"not tested, as it cannot be called: {names}", width, "  ", "    ")
    ]


def _finding(finding: Finding, width: int, said: set[tuple[str, str]]) -> list[Line]:
    """Render a finding; a hint that a finding of the same code gave already is not said again."""
    first, *rest = finding_lines(finding, request=False, longest=_LONGEST)
    style = _SEVERITY_STYLE[finding.severity]
    lines = [Line(text=text, style=style) for text in wrapped(first, width, "  ", "    ")]
    for line in rest:
        if line.lstrip().startswith("hint: "):
            if (finding.code, line) in said:
                continue
            said.add((finding.code, line))
        lines += [Line(text=text) for text in wrapped(line, width, "      ", "        ")]
    return lines


def _brief(finding: Finding, width: int) -> Line:
    text = f"  {finding_lines(finding, request=False, longest=_LONGEST)[0]}"
    return Line(text=shortened(text, width), style=_SEVERITY_STYLE[finding.severity])
