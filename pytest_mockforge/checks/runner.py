"""Runs one check of one plugin and gives its result. The one place where a need that is not met becomes a skip."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from pytest_mockforge.checks.acceptance import split
from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.model import CheckResult, Finding
from pytest_mockforge.checks.registry import DIFFERENTIAL, Check
from pytest_mockforge.documents.accepted import Accepted

_FIRST = ("MF101", "MF601")
"""The checks whose results carry the verdicts of all hosts: they are the same for every check of a plugin."""


def run_check(check: Check, bench: Bench, *, accepted: Sequence[Accepted], today: date) -> tuple[CheckResult, str]:
    """Run a check; give its result and, when every error of it is accepted, the reason for that."""
    missing = bench.missing(check.need) or (bench.unpaired(check.need) if check.family == DIFFERENTIAL else "")
    bench.figures, bench.memory_over_calls, bench.timings, bench.judged = {}, {}, {}, []
    findings: tuple[Finding, ...] = () if missing else _with_a_hint(check, tuple(check.run(bench)))
    reasons: tuple[str, ...] = ()
    covered: tuple[Finding, ...] = ()
    if not missing:
        entries = (*accepted, *bench.subject.testfile.accept)
        findings, covered, reasons = split(findings, entries, code=check.code, label=bench.label, today=today)
    result = CheckResult(
        plugin=bench.label,
        code=check.code,
        title=check.title,
        findings=findings,
        accepted=covered,
        skipped=missing,
        figures=bench.figures,
        timings=bench.timings,
        memory_over_calls=bench.memory_over_calls,
        verdicts=bench.verdicts if check.code in _FIRST else (),
        identity=bench.identity,
        part=check.part,
        budget=tuple(bench.judged),
    )
    excused = not result.errors and any(finding.severity == "error" for finding in covered)
    return result, "; ".join(reasons) if excused else ""


def _with_a_hint(check: Check, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Give the first finding that says nothing of how to mend it the remedy of the rule; once is enough."""
    for index, finding in enumerate(findings):
        if finding.severity != "note" and not finding.hint:
            hinted = msgspec.structs.replace(finding, hint=check.remedy)
            return (*findings[:index], hinted, *findings[index + 1 :])
    return findings
