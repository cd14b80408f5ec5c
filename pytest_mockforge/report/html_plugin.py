"""One plugin's section of the HTML page: what it is, what was found, what calls cost. Pure: values in, elements out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from pytest_mockforge.budgets.wording import written as figure
from pytest_mockforge.checks.model import Figure, Finding
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.report import charts
from pytest_mockforge.report.html_tree import Child, h, table
from pytest_mockforge.report.model import CheckReport, OperationReport, PluginReport, Time
from pytest_mockforge.report.text import counted, size

_MOST_FINDINGS = 100
"""Findings of one plugin that are listed."""
_MOST_OPEN = 10
"""Errors that stand unfolded."""
_COSTS = (
    ("fuel_cold", "fuel, cold", "fuel"),
    ("fuel_steady", "fuel, steady", "fuel"),
    ("fuel_max", "fuel, most", "fuel"),
    ("memory_grown", "memory grown", "memory"),
    ("growth", "growth", "growth"),
)
_TIMES = ("median", "p95", "p99", "max", "mean")


def plugin_section(plugin: PluginReport) -> Element:
    """Make the section of one plugin."""
    name = f"plugin-{plugin.label}"
    return h(
        "section",
        h("h2", plugin.label, " ", verdict_tag(plugin.verdict), id=f"{name}-title"),
        _facts(plugin),
        *_findings(plugin),
        *_budgets(plugin),
        *_hosts(plugin),
        *_costs(plugin),
        *_times(plugin),
        *_memory(plugin),
        *_checks(plugin),
        id=name,
        aria_labelledby=f"{name}-title",
    )


def verdict_tag(verdict: str) -> Element:
    """Show an outcome by a word, and by a colour beside it."""
    return h("span", verdict.upper() if verdict != "inconclusive" else verdict, class_=f"verdict {verdict}")


def _facts(plugin: PluginReport) -> Element:
    identity = plugin.identity
    facts = [(name, identity.get(name)) for name in ("language", "convention", "dialect", "adapter")]
    bytes_ = identity.get("size")
    facts += [("size", size(bytes_) if isinstance(bytes_, int) else None), ("file", plugin.file)]
    facts += [("named as", plugin.spec if plugin.spec != plugin.label else None)]
    facts += [("objection", identity.get("objection")), ("not tested", identity.get("untested"))]
    search = plugin.operations.get("fuzz")
    if search is not None:
        facts += [("fuzzed", _fuzzed(search.figures))]
    return h("dl", [part for name, value in facts if value for part in (h("dt", name), h("dd", str(value)))])


def _fuzzed(figures: dict[str, Figure]) -> str:
    return f"{figures.get('examples'):,} examples, seed {figures.get('seed')}"


def _findings(plugin: PluginReport) -> Iterator[Element]:
    found = [(finding, False) for finding in plugin.findings]
    found += [(finding, True) for check in plugin.checks for finding in check.accepted]
    yield h("h3", "Findings")
    if not found:
        yield h("p", "None: every check that could be made holds.")
    errors = 0
    for finding, accepted in found[:_MOST_FINDINGS]:
        error = finding.severity == "error" and not accepted
        errors += error
        yield _finding(finding, accepted=accepted, opened=error and errors <= _MOST_OPEN)
    if len(found) > _MOST_FINDINGS:
        more = counted(len(found) - _MOST_FINDINGS, "more finding", "more findings")
        yield h("p", f"… and {more}; the JSON report has all.", class_="facts")


def _finding(finding: Finding, *, accepted: bool, opened: bool) -> Element:
    severity = "accepted" if accepted else finding.severity
    parts: list[tuple[str, Child]] = [("detail", h("code", finding.detail))]
    parts += [("expected", finding.expected), ("got", finding.got), ("MockForge says", finding.host_message)]
    parts += [(f"{label} replied", h("code", text)) for label, text in finding.replies.items()]
    parts += [("request", h("code", finding.request) if finding.request else None), ("hint", finding.hint)]
    if finding.reproduce:
        parts.append(("reproduce with", _block(finding.reproduce)))
    listed = [part for name, value in parts if value is not None and value != "" for part in _part(name, value)]
    title = h("summary", h("span", severity, class_=f"severity {severity}"), f" {finding.code} {finding.message}")
    return h("details", title, h("dl", listed), class_=f"finding {severity}", open="open" if opened else "")


def _part(name: str, value: Child) -> tuple[Element, Element]:
    return h("dt", name), h("dd", value)


def _block(text: str) -> Element:
    """Show several lines as they stand; each is made harmless by itself."""
    code = h("code")
    for line in text.splitlines()[:200]:
        code.append(h("span", line))
        code[-1].tail = "\n"
    return h("pre", code, tabindex="0")


def _budgets(plugin: PluginReport) -> Iterator[Element]:
    if not plugin.budgets:
        return
    yield h("h3", "Budgets")
    rows: list[list[Child]] = [
        [
            h("code", verdict.budget),
            verdict.operation or "the plugin",
            verdict_tag(verdict.outcome),
            verdict.figure or "-",
            verdict.bound or "-",
            verdict.reason,
        ]
        for verdict in plugin.budgets
    ]
    head = ["budget", "operation", "verdict", "measured", "bound", "reason"]
    yield table("What was measured, and what it was held against", head, rows)


def _hosts(plugin: PluginReport) -> Iterator[Element]:
    if not plugin.hosts:
        return
    yield h("h3", "Hosts")
    rows = []
    for one in plugin.hosts:
        reasons: list[str] = list(one.reasons)
        if one.broken > len(reasons):
            reasons.append(f"… {one.broken} rules in all")
        listed: Child = h("ul", [h("li", reason) for reason in reasons]) if len(reasons) > 1 else "".join(reasons)
        rows.append([one.host, one.verdict, listed, one.as_shipped])
    yield table("What each host of MockForge would do", ["host", "verdict", "why", "as MockForge ships it"], rows)


def _operations(plugin: PluginReport) -> list[tuple[str, OperationReport]]:
    return [(name.value, plugin.operations[name.value]) for name in Operation if name.value in plugin.operations]


def _costs(plugin: PluginReport) -> Iterator[Element]:
    operations = _operations(plugin)
    shown = [cost for cost in _COSTS if any(_is_number(known.figures.get(cost[0])) for _, known in operations)]
    if not shown:
        return
    yield h("h3", "What calls cost")
    fuel = {
        title: [_float(known.figures.get(key)) for _, known in operations]
        for key, title, kind in shown
        if kind == "fuel"
    }
    if fuel and charts.can_draw():
        label = (
            f"Bar chart: fuel of {plugin.label} by operation, cold, steady and most; the table below has the figures"
        )
        drawn = charts.bars(label, [name for name, _ in operations], fuel, show=lambda units: figure(units, "fuel"))
        yield h("figure", h("figcaption", "Fuel of a call, by operation"), drawn)
    rows = [[name, _samples(known), *(_cost(known, key, kind) for key, _, kind in shown)] for name, known in operations]
    head = ["operation", "accepted samples", *(title for _, title, _ in shown)]
    yield table("Fuel in units, memory above the initial one", head, rows, numbers=range(1, len(head)))


def _samples(known: OperationReport) -> str:
    figures = known.figures
    if not figures.get("samples"):
        return "-"
    refused = ", only refusals" if figures.get("only_refusals") else ""
    return f"{figures.get('accepted')} of {figures['samples']}{refused}"


def _cost(known: OperationReport, key: str, kind: str) -> str:
    value = known.figures.get(key)
    if not isinstance(value, int | float):
        return "-"
    if kind == "fuel":
        return figure(value, "fuel")
    verdict = known.figures.get("growth_verdict")
    if key == "growth" and verdict not in (None, "leak"):
        return str(verdict)
    return figure(value, "growth" if kind == "growth" else "memory")


def _times(plugin: PluginReport) -> Iterator[Element]:
    timed = [(name, known.time) for name, known in _operations(plugin) if known.time is not None]
    if not timed:
        return
    yield h("h3", "Time of calls")
    drawn = {name: [second for one in time.samples for second in one] for name, time in timed if time.count >= 2}
    if drawn and charts.can_draw():
        ticks = charts.tail_ticks(max(map(len, drawn.values())))
        label = (
            f"Line chart: time of {plugin.label}'s calls by percentile, {', '.join(drawn)}; the table has the figures"
        )
        series = {name: charts.tail_points(samples) for name, samples in drawn.items()}
        seconds = [second for samples in drawn.values() for second in samples]
        far = 0 < charts.FAR * min(seconds) < max(seconds)
        picture = charts.lines(
            label, series, show=_seconds, show_x=str, x_title="percentile", ticks=ticks, logarithmic=far
        )
        scale = ", logarithmic scale" if far else ""
        yield h("figure", h("figcaption", f"Time by percentile{scale}"), picture)
        yield h("div", [_histogram(plugin, name, samples) for name, samples in drawn.items()], class_="charts")
    head = ["operation", "samples", "variants", *_TIMES, "border", "on our side", "connect", "note"]
    rows = [_time_row(name, time) for name, time in timed]
    yield table("Seconds of a call, the border subtracted", head, rows, numbers=range(1, len(head) - 1))


def _histogram(plugin: PluginReport, name: str, samples: Sequence[float]) -> Element:
    bins = charts.binned(samples)
    label = (
        f"Histogram: {len(samples)} calls of {plugin.label}'s {name}, from {_seconds(min(samples))} to "
        f"{_seconds(max(samples))}, median {_seconds(sorted(samples)[len(samples) // 2])}"
    )
    beyond = sum(sample > bins[-1][1] for sample in samples)
    note = f"; the last bar holds {counted(beyond, 'sample', 'samples')} beyond the scale" if beyond else ""
    rows = [[f"{_seconds(low)} to {_seconds(high)}", f"{count:,}"] for low, high, count in bins]
    data = table(f"Samples of {name} by time", ["time", "samples"], rows, numbers=(1,))
    return h(
        "figure",
        h("figcaption", f"{name}: {len(samples):,} samples{note}"),
        charts.histogram(label, bins, show=_seconds),
        h("details", h("summary", "The bars as a table"), data),
    )


def _time_row(name: str, time: Time) -> list[str]:
    values = [time.median, time.p95, time.p99, time.max, time.mean]
    count = f"{time.count:,}" if time.count >= time.wanted else f"{time.count:,} of {time.wanted:,}"
    around = [_seconds(value) if value else "-" for value in (time.border, time.host, time.connect)]
    figures = ["-" if value is None else _seconds(value) for value in values]
    return [name, count, str(time.variants), *figures, *around, time.reason]


def _memory(plugin: PluginReport) -> Iterator[Element]:
    curves = {name: known.memory_over_calls for name, known in _operations(plugin) if known.memory_over_calls}
    if not curves:
        return
    yield h("h3", "Memory over calls")
    if charts.can_draw() and any(grown for points in curves.values() for _, grown in points):
        series = {name: charts.staircase(points) for name, points in curves.items()}
        label = f"Line chart: bytes that {plugin.label}'s memory grew over calls of one instance, {', '.join(curves)}"
        picture = charts.lines(
            label,
            series,
            show=lambda grown: figure(grown, "memory"),
            show_x=lambda at: f"{at:,.0f}",
            x_title="calls",
            binary=True,
        )
        yield h("figure", h("figcaption", "Memory grown since the warm-up, over calls of one instance"), picture)
    rows = [
        [name, f"{points[-1][0]:,}", f"{len({grown for _, grown in points if grown}):,}", size(points[-1][1])]
        for name, points in curves.items()
    ]
    head = ["operation", "calls", "times it grew", "grown in all"]
    yield table("Linear memory of one instance over its calls", head, rows, numbers=(1, 2, 3))


def _checks(plugin: PluginReport) -> Iterator[Element]:
    rows: list[list[Child]] = [
        [check.code, _check_tag(check), check.part or check.title, check.skipped] for check in plugin.checks
    ]
    shown = table("Every check and budget", ["code", "outcome", "rule", "why skipped"], rows)
    title = counted(len(rows), "check", "checks")
    yield h("h3", "Checks")
    yield h("details", h("summary", f"All {title}"), shown)


def _check_tag(check: CheckReport) -> Element:
    name = "skip-outcome" if check.outcome == "skip" else check.outcome
    return h("span", check.outcome, class_=f"severity {name}")


def _is_number(value: Figure) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(value: Figure) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _seconds(value: float) -> str:
    return figure(value, "time")
