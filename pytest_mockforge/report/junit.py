"""What a check adds to its test case in a JUnit file: properties. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.checks.model import CheckResult
from pytest_mockforge.report.text import harmless

_LONGEST = 300
_MOST = 20
"""Details of findings that are listed."""
_SEVERITIES = ("error", "warning", "note")


def properties(result: CheckResult) -> list[tuple[str, str]]:
    """Give names and values: plugin, code, severity, details, and the figures that the check measured."""
    return [(name, harmless(value, _LONGEST)) for name, value in _properties(result)]


def _properties(result: CheckResult) -> Iterator[tuple[str, str]]:
    yield "mockforge.plugin", result.plugin
    yield "mockforge.code", result.code
    for name in ("language", "convention", "dialect"):
        if result.identity.get(name):
            yield f"mockforge.{name}", str(result.identity[name])
    severities = [finding.severity for finding in result.findings]
    if severities:
        yield "mockforge.severity", min(severities, key=_SEVERITIES.index)
    for finding in (*result.findings, *result.accepted)[:_MOST]:
        yield "mockforge.detail", f"{finding.code} {finding.severity} {finding.detail}"
    if result.accepted:
        yield "mockforge.accepted", str(len(result.accepted))
    for operation, figures in result.figures.items():
        for name, value in figures.items():
            if value is not None:
                yield f"mockforge.{operation}.{name}", str(value)
    for verdict in result.budget:
        said = ", ".join(part for part in (verdict.figure, verdict.reason) if part)
        yield f"mockforge.budget.{verdict.operation or 'plugin'}", f"{verdict.outcome}: {verdict.budget}: {said}"
