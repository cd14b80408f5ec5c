"""The one result model that every report is made of, and how results of checks become it.

Pure: plain values in, frozen values out. Knows no format, no pytest, and no file.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from pytest_mockforge.budgets.machine import Machine
from pytest_mockforge.budgets.model import Timing, Verdict, worst
from pytest_mockforge.budgets.statistics import percentile
from pytest_mockforge.checks.model import CheckResult, Figure, Finding, HostVerdict

SCHEMA: Final = "pytest-mockforge-report/1"
"""Names this model and its version in JSON. A field that is added keeps the version, any other change raises it."""
LONGEST = 20_000
"""Characters of one piece of text that a report keeps."""

Outcome = Literal["pass", "fail", "inconclusive"]
"""What a plugin comes to."""
CheckOutcome = Literal["pass", "fail", "skip", "accepted", "inconclusive"]
"""What a check comes to: `accepted` when each of its errors is, `inconclusive` a budget that nothing can be said of."""

_LONE = re.compile(r"[\ud800-\udfff]")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What ran, where and when."""

    version: str
    """Of pytest-mockforge."""
    mockforge: str
    """The version of MockForge whose rules are judged by."""
    wasmtime: str
    """Fuel compares between runs of one version alone."""
    compiler: str
    """What compiled the modules, within wasmtime; fuel compares within one."""
    python: str
    pytest: str
    host: str
    """Whose rules decide the load verdict, as `--mockforge-host` names it."""
    dialect: str
    """As `--mockforge-dialect` names it."""
    started: str
    """When the run began: UTC, as ISO 8601 has it."""
    seconds: float
    """How long it took until this was written."""
    exit_status: int
    """Pytest's own, as it was when this was written: 0 when all passed, 1 when something failed, 2 when cut short."""
    workers: int
    """Processes of a distributed run; 0 when it was not distributed."""
    machine: Machine
    """Time compares on one machine alone."""


class Time(msgspec.Struct, frozen=True, kw_only=True):
    """What calls of one operation took, in seconds; the border is subtracted."""

    count: int
    """Samples over all compiled variants."""
    wanted: int
    """Samples that were asked for."""
    variants: int
    """Differently laid out builds of the module that were measured; 1 for a service."""
    mean: float | None
    median: float | None
    p95: float | None
    p99: float | None
    max: float | None
    border: float
    """Seconds a call that are the border's, measured with a plugin that does nothing; already subtracted."""
    host: float
    """Seconds a call on our side, encoding and decoding; not contained."""
    connect: float
    """Seconds of making a connection; not contained."""
    reason: str
    """Why there are fewer samples than wanted; empty when all are there."""
    samples: tuple[tuple[float, ...], ...]
    """Each sample, by variant, in the order in which they were measured."""


class OperationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one operation's cost."""

    figures: dict[str, Figure] = {}
    """Fuel in units, memory in bytes, growth in bytes a call, and what else checks measured, by name."""
    time: Time | None = None
    memory_over_calls: tuple[tuple[int, int], ...] = ()
    """Number of a call on one instance, from 1, and the bytes that memory had grown in all when it returned."""


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one check said, or one budget came to."""

    code: str
    title: str
    part: str = ""
    """What tells results of one check apart: a budget's text; empty where there is one result alone."""
    outcome: CheckOutcome
    skipped: str = ""
    """Why nothing was checked."""
    findings: tuple[Finding, ...] = ()
    accepted: tuple[Finding, ...] = ()
    """Findings that an accept entry covers."""
    budget: tuple[Verdict, ...] = ()
    """What a budget came to, by operation."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many of what."""

    passed: int
    failed: int
    skipped: int
    inconclusive: int
    """Budgets that nothing can be said of."""
    accepted: int
    """Findings that are accepted."""
    errors: int
    """Findings that fail a check."""
    warnings: int
    notes: int


class PluginReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one plugin."""

    label: str
    spec: str
    """As the user named it."""
    file: str
    """Its manifest or module, from the root of the repository; empty where it has none there."""
    verdict: Outcome
    counts: Counts
    identity: dict[str, Figure] = {}
    """Language, size, convention, what the chosen host would do, and so on, by name."""
    hosts: tuple[HostVerdict, ...] = ()
    operations: dict[str, OperationReport] = {}
    checks: tuple[CheckReport, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings that stand, the worst first."""
        found = [finding for check in self.checks for finding in check.findings]
        return tuple(sorted(found, key=lambda finding: ("error", "warning", "note").index(finding.severity)))

    @property
    def budgets(self) -> tuple[Verdict, ...]:
        """All verdicts of budgets."""
        return tuple(verdict for check in self.checks for verdict in check.budget)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """What an extension adds to a report: text, and a table where it has a head."""

    title: str
    name: str = ""
    """Lower-case letters, digits and hyphens; that of the `ReportSection` that made it."""
    lines: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """Each as long as `head`."""
    failed: str = ""
    """Why there is nothing else: what the extension raised."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run of pytest-mockforge: what `--mockforge-report` writes as JSON, and what every other form is made of."""

    schema: Literal["pytest-mockforge-report/1"] = SCHEMA
    verdict: Outcome
    """`fail` when one plugin fails, else `inconclusive` when of one nothing can be said."""
    run: Run
    plugins: tuple[PluginReport, ...]
    sections: tuple[Section, ...] = ()
    """What extensions add."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin that the run was asked to test."""

    label: str
    spec: str
    file: str = ""


def build(results: Iterable[CheckResult], *, sources: Sequence[Source], run: Run) -> Report:
    """Make the model, with all text cut to what a person reads, and free of what no file can hold.

    A check that ran more than once counts once, the last time; plugins come in the order of `sources`.
    """
    seen = latest(results)
    plugins = tuple(
        plugin_report(source, mine)
        for source in sources
        if (mine := [result for result in seen if result.plugin == source.label])
    )
    verdicts = [plugin.verdict for plugin in plugins] or ["inconclusive"]
    verdict = next(one for one in ("fail", "inconclusive", "pass") if one in verdicts)
    report = Report(verdict=verdict, run=run, plugins=plugins)
    return msgspec.convert(_bounded(msgspec.to_builtins(report)), Report)


def with_sections(report: Report, sections: Iterable[Section]) -> Report:
    """Give the report with these sections, their text cut as all other is."""
    added = [msgspec.convert(_bounded(msgspec.to_builtins(section)), Section) for section in sections]
    return msgspec.structs.replace(report, sections=tuple(added))


def latest(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Give the last result of each check and budget of each plugin, in the order of codes."""
    last = {(result.plugin, result.code, result.part): result for result in results}
    return [last[key] for key in sorted(last)]


def plugin_report(source: Source, results: Sequence[CheckResult]) -> PluginReport:
    """Gather the results of one plugin."""
    names = dict.fromkeys(
        name
        for result in results
        for part in (result.figures, result.timings, result.memory_over_calls)
        for name in part
    )
    return PluginReport(
        label=source.label,
        spec=source.spec,
        file=source.file,
        verdict=verdict_of(results),
        counts=counts_of(results),
        identity=next((result.identity for result in results if result.identity), {}),
        hosts=next((result.verdicts for result in results if result.verdicts), ()),
        operations={name: _operation(name, results) for name in names},
        checks=tuple(_check(result) for result in results),
    )


def verdict_of(results: Sequence[CheckResult]) -> Outcome:
    """Tell what a plugin comes to. Nothing that could not be looked at passes in silence."""
    if any(result.errors for result in results):
        return "fail"
    skipped = any(result.skipped for result in results)
    loads = all(result.identity.get("loads", True) for result in results)
    held = any(outcome_of(result) in ("pass", "accepted") for result in results)
    return "pass" if held and (loads or not skipped) else "inconclusive"


def outcome_of(result: CheckResult) -> CheckOutcome:
    """Tell what one check comes to."""
    if result.skipped:
        return "skip"
    if result.errors:
        return "fail"
    if (result.part or result.budget) and worst(result.budget) == "inconclusive":
        return "inconclusive"
    return "accepted" if any(finding.severity == "error" for finding in result.accepted) else "pass"


def _check(result: CheckResult) -> CheckReport:
    return CheckReport(
        code=result.code,
        title=result.title,
        part=result.part,
        outcome=outcome_of(result),
        skipped=result.skipped,
        findings=result.findings,
        accepted=result.accepted,
        budget=result.budget,
    )


def counts_of(results: Sequence[CheckResult]) -> Counts:
    """Count what the checks of a plugin came to, and what they found."""
    outcomes = [outcome_of(result) for result in results]
    severities = [finding.severity for result in results for finding in result.findings]
    return Counts(
        passed=outcomes.count("pass") + outcomes.count("accepted"),
        failed=outcomes.count("fail"),
        skipped=outcomes.count("skip"),
        inconclusive=outcomes.count("inconclusive"),
        accepted=sum(len(result.accepted) for result in results),
        errors=severities.count("error"),
        warnings=severities.count("warning"),
        notes=severities.count("note"),
    )


def _operation(name: str, results: Sequence[CheckResult]) -> OperationReport:
    timings = [result.timings[name] for result in results if name in result.timings]
    return OperationReport(
        figures={key: value for result in results for key, value in result.figures.get(name, {}).items()},
        time=_time(timings[-1]) if timings else None,
        memory_over_calls=next((found for result in results if (found := result.memory_over_calls.get(name))), ()),
    )


def _time(timing: Timing) -> Time:
    samples = [second for variant in timing.seconds for second in variant]
    return Time(
        count=len(samples),
        wanted=timing.wanted,
        variants=len(timing.seconds),
        mean=statistics.fmean(samples) if samples else None,
        median=statistics.median(samples) if samples else None,
        p95=percentile(samples, 0.95) if samples else None,
        p99=percentile(samples, 0.99) if samples else None,
        max=max(samples, default=None),
        border=timing.border,
        host=timing.host,
        connect=timing.connect,
        reason=timing.reason,
        # Four digits: no clock tells more.
        samples=tuple(tuple(float(f"{second:.4g}") for second in variant) for variant in timing.seconds),
    )


def _bounded(value: object) -> object:
    """Cut long text, and replace what no JSON reader takes: half of a surrogate pair, infinity, not a number."""
    if isinstance(value, str):
        text = _LONE.sub("�", value[:LONGEST])
        return text if len(value) <= LONGEST else f"{text} … ({len(value):,} characters)"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_bounded(key): _bounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value]
    return value
