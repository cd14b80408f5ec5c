"""Runs one check of one plugin and gives its result. The one place where a need that is not met becomes a skip."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from pytest_mockforge.checks.acceptance import split
from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.model import CheckResult, Finding
from pytest_mockforge.checks.registry import Check
from pytest_mockforge.documents.accepted import Accepted
from pytest_mockforge.errors import LoadFailure

_FIRST = "MF101"
"""The check whose result carries the verdicts of all hosts: they are the same for every check of a plugin."""


def run_check(check: Check, bench: Bench, *, accepted: Sequence[Accepted], today: date) -> tuple[CheckResult, str]:
    """Run a check; give its result and, when every error of it is accepted, the reason for that."""
    missing = _missing(check, bench)
    bench.figures = {}
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
        verdicts=bench.verdicts if check.code == _FIRST else (),
        identity=bench.identity,
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


def _missing(check: Check, bench: Bench) -> str:
    """Say why a check cannot be made; empty when it can."""
    if check.need == "nothing":
        return ""
    failure = bench.instantiation
    if isinstance(failure, LoadFailure) and failure.step in ("read", "compile"):
        return f"the module cannot be loaded, see {'MF101' if failure.step == 'read' else 'MF102'}"
    if check.need == "module":
        return ""
    if failure is not None:
        linked = not (isinstance(failure, LoadFailure) and failure.step == "link")
        return f"the module cannot be {'instantiated, see MF107' if linked else 'linked, see MF103'}"
    border = bench.compiled.border
    if not border.operations:
        return "no operation can be called, see MF106"
    if border.memory is None:
        return "no memory to pass a request in, see MF104"
    return "" if border.family else "no allocator to pass a request in, see MF105"
