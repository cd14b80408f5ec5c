"""The header and the summary on the terminal. Pure up to `write_summary`, which hands the lines to pytest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_mockforge.checks.model import CheckResult, Figure, Finding, from_plain
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.report.findings import finding_lines
from pytest_mockforge.report.text import harmless, size, wrapped

if TYPE_CHECKING:
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
_COLUMNS = ("operation", "accepted", "fuel cold", "steady", "max", "memory", "growth")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the summary with its style."""

    text: str
    style: Style = "plain"


def header(settings: Settings) -> list[str]:
    """Say what is under test, under whose rules and limits."""
    plugins = ", ".join(
        f"{spec.label} ({spec.text})" if spec.label != spec.text else spec.label for spec in settings.specs
    )
    cache = "off" if settings.cache is None else str(settings.cache.folder)
    return [f"mockforge: {harmless(plugins)}; host {settings.host}; cache {harmless(cache)}"]


def write_summary(reporter: pytest.TerminalReporter, settings: Settings, plain: Sequence[object]) -> None:
    """Write the summary of all results, if any check ran."""
    results = [from_plain(one) for one in plain]
    if not results:
        return
    verbosity = reporter.config.get_verbosity()
    width = reporter.config.get_terminal_writer().fullwidth
    reporter.write_sep("=", "mockforge")
    order = [spec.label for spec in settings.specs]
    for index, label in enumerate(order):
        mine = sorted((result for result in results if result.plugin == label), key=lambda result: result.code)
        if mine:
            if index and verbosity >= 0:
                reporter.write_line("")
            for line in plugin_lines(label, mine, width=width, verbosity=verbosity):
                reporter.write_line(line.text, **_MARKUP[line.style])


def plugin_lines(label: str, results: Sequence[CheckResult], *, width: int, verbosity: int) -> list[Line]:
    """Render all that is known of one plugin: its headline, a row an operation, its findings."""
    identity = results[0].identity
    findings = [finding for result in results for finding in result.findings]
    accepted = sum(len(result.accepted) for result in results)
    lines = _headline(label, identity, results, findings, accepted, width)
    figures = _merged(results)
    if verbosity >= 0:
        lines += _table(figures, width)
        lines += _untested(identity, width)
    shown = [finding for finding in findings if finding.severity != "note" or verbosity > 0]
    for severity in ("error", "warning", "note"):
        for finding in shown:
            if finding.severity == severity:
                lines += _finding(finding, width, brief=verbosity < 0)
    hidden = len(findings) - len(shown)
    if hidden and verbosity >= 0:
        lines.append(Line(text=f"  {hidden} {'note' if hidden == 1 else 'notes'} hidden, -v shows them", style="dim"))
    return lines


def _headline(
    label: str,
    identity: dict[str, Figure],
    results: Sequence[CheckResult],
    findings: Sequence[Finding],
    accepted: int,
    width: int,
) -> list[Line]:
    failed = sum(bool(result.errors) for result in results)
    skipped = sum(bool(result.skipped) for result in results)
    warnings = sum(finding.severity == "warning" for finding in findings)
    counts = [f"{len(results) - failed - skipped} checks hold"]
    counts += [f"{failed} broken"] if failed else []
    counts += [f"{skipped} skipped"] if skipped else []
    counts += [f"{accepted} findings accepted"] if accepted else []
    counts += [f"{warnings} {'warning' if warnings == 1 else 'warnings'}"] if warnings else []
    known = [
        str(identity["language"]),
        str(identity["convention"] or "no convention"),
        size(int(identity["size"] or 0)),
    ]
    verdict = "FAIL" if failed else "PASS"
    lines = [Line(text=f"{label}: {verdict}, {', '.join(counts)}", style="red" if failed else "green")]
    lines += [Line(text=text) for text in wrapped(", ".join(known), width, "  ", "  ")]
    return lines + [Line(text=text, style="bold") for text in wrapped(_verdict(identity), width, "  ", "    ")]


def _verdict(identity: dict[str, Figure]) -> str:
    host, version = identity["host"], identity["version"]
    whose = f"MockForge {version} ({identity['adapter']} adapter)" if host == "adapter" else f"host {host!r}"
    if identity["loads"]:
        return f"{whose} would load and call it"
    would = "would refuse it" if identity["refused"] else "would load it, but could not call all of it"
    return f"{whose} {would}: {harmless(str(identity['objection']), 300)}"


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
    if sum(widths) + 2 * len(widths) + 2 > width:
        return [Line(text=text) for row in rows for text in _stacked(row, width)]
    lines = [Line(text=_joined(_COLUMNS, widths), style="bold")]
    lines += [Line(text=_joined(row, widths)) for row in rows]
    if any(one.get("only_refusals") for one in figures.values()):
        lines.append(
            Line(text="  * only refusals measured: plugin.test.yaml has no sample that is accepted", style="yellow")
        )
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
    cells = ", ".join(f"{name} {cell}" for name, cell in zip(_COLUMNS[1:], row[1:], strict=True))
    return wrapped(f"{row[0]}: {cells}", width, "  ", "      ")


def _untested(identity: dict[str, Figure], width: int) -> list[Line]:
    names = str(identity["untested"] or "")
    if not names:
        return []
    return [
        Line(text=text, style="dim")
        for text in wrapped(f"not tested, as it cannot be called: {names}", width, "  ", "    ")
    ]


def _finding(finding: Finding, width: int, *, brief: bool) -> list[Line]:
    style = _SEVERITY_STYLE[finding.severity]
    first, *rest = finding_lines(finding, request=False)
    lines = [Line(text=text, style=style) for text in wrapped(first, width, "  ", "      ")]
    for line in () if brief else rest:
        lines += [Line(text=text) for text in wrapped(line.strip(), width, "      ", "        ")]
    return lines
