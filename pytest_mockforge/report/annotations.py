"""One line a failure that GitHub Actions shows beside the plugin's file. Pure; who prints them knows where to."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.report.model import CheckReport, PluginReport, Report
from pytest_mockforge.report.text import harmless

_MOST = 50
"""Lines in all; GitHub shows ten of one step."""
_LONGEST = 500


def annotation_lines(report: Report) -> list[str]:
    """Give a workflow command for each check that failed, as GitHub reads them from the output of a step."""
    return [line for plugin in report.plugins for line in _of_plugin(plugin)][:_MOST]


def _of_plugin(plugin: PluginReport) -> Iterator[str]:
    for check in plugin.checks:
        if check.outcome == "fail":
            properties = {"file": plugin.file, "title": f"{plugin.label}: {check.part or check.title or check.code}"}
            given = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
            yield f"::error {given}::{_data(_said(check))}"


def _said(check: CheckReport) -> str:
    errors = [finding for finding in check.findings if finding.severity == "error"]
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    lines = [f"{check.code} {harmless(first.message, _LONGEST)}{more}"]
    parts = (("expected", first.expected), ("got", first.got), ("hint", first.hint))
    lines += [f"{name}: {harmless(text, _LONGEST)}" for name, text in parts if text]
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(harmless(text, _LONGEST)).replace(":", "%3A").replace(",", "%2C")
