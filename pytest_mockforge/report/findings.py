"""Findings as lines of text: what pytest shows of a failed check, and what the summary lists. Pure functions."""

from __future__ import annotations

from pytest_mockforge.checks.model import CheckResult, Finding
from pytest_mockforge.report.text import LONGEST, counted, harmless

_MOST = 20
"""Findings of one check that are shown in full."""


def failure_text(result: CheckResult) -> str:
    """Render all findings of a failed check; the first line stands alone in pytest's short summary."""
    errors = result.errors
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    lines = [f"{result.code} {harmless(errors[0].message, 300)}{more}", ""]
    for finding in (*errors, *(other for other in result.findings if other.severity != "error"))[:_MOST]:
        lines += shown_in_full(finding)
    if len(result.findings) > _MOST:
        lines.append(f"… and {counted(len(result.findings) - _MOST, 'more finding', 'more findings')}")
    lines += ["", f"rule: {result.title}; pytest --mockforge-explain={result.code} tells more"]
    return "\n".join(lines)


def shown_in_full(finding: Finding) -> list[str]:
    """Render one finding with its request and with what reproduces it."""
    lines = finding_lines(finding, request=True)
    if finding.reproduce:
        test = (f"        {line}".rstrip() for line in finding.reproduce.splitlines())
        lines += ["    reproduce with:", "", *test, ""]
    return lines


def finding_lines(finding: Finding, *, request: bool, longest: int = LONGEST) -> list[str]:
    """Render one finding: its line, then expected, got, what MockForge would say, and the hint.

    With its request come both replies, where there are two, and its detail: by that an accept file names it.
    """
    lines = [f"{finding.severity} {finding.code}: {harmless(finding.message, longest)}"]
    parts = [("detail", finding.detail)] if request else []
    parts += [("expected", finding.expected), ("got", finding.got)]
    if finding.host_message:
        parts.append(("MockForge says", finding.host_message))
    if request:
        parts += [(f"{label} replied", text) for label, text in finding.replies.items()]
        parts.append(("request", finding.request))
    parts.append(("hint", finding.hint))
    lines += [f"    {name}: {harmless(text, longest)}" for name, text in parts if text]
    return lines
