"""The report as one HTML file that opens offline: the page around the plugins, and the plugins side by side.

Pure: the model in, text out. The page needs no script, and forbids any: what a plugin says can only be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from xml.etree.ElementTree import Element

from pytest_mockforge.budgets.model import Dimension
from pytest_mockforge.budgets.wording import written as figure
from pytest_mockforge.checks.model import Figure
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.report import charts
from pytest_mockforge.report.html_plugin import plugin_section, verdict_tag
from pytest_mockforge.report.html_tree import Child, h, table, written
from pytest_mockforge.report.model import PluginReport, Report, Section
from pytest_mockforge.report.text import size

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_WORDS = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive"}


def to_html(report: Report) -> str:
    """Write a report. Without the library that draws, the figures stand in tables alone, and the page says so."""
    title = f"MockForge plugins: {_headline(report)}"
    head = h(
        "head",
        h("meta", charset="utf-8"),
        h("title", title),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        h("meta", name="color-scheme", content="light dark"),
        h("meta", name="generator", content=f"pytest-mockforge {report.run.version}"),
    )
    style = Element("style")
    style.text = files("pytest_mockforge.report").joinpath("assets", "report.css").read_text("utf-8")
    head.append(style)
    body = h(
        "body",
        h("a", "Skip to the results", href="#results", class_="skip"),
        h("header", h("h1", title), h("p", _facts(report), class_="facts"), _contents(report)),
        h("main", *_sections(report), id="results", tabindex="-1"),
    )
    return written(h("html", head, body, lang="en"))


def _headline(report: Report) -> str:
    verdicts: list[str] = [plugin.verdict for plugin in report.plugins]
    said = [f"{verdicts.count(name):,} {word}" for name, word in _WORDS.items() if name in verdicts]
    return ", ".join(said) or "nothing was checked"


def _facts(report: Report) -> str:
    run, machine = report.run, report.run.machine
    spread = f", {run.workers} workers" if run.workers else ""
    return (
        f"Begun {run.started}, {run.seconds:.1f} s{spread}. pytest-mockforge {run.version}, rules of MockForge "
        f"{run.mockforge} (host {run.host}), wasmtime {run.wasmtime}, Python {run.python}, pytest {run.pytest}. "
        f"{machine.cpu}, {machine.cores} cores, {machine.system}."
    )


def _contents(report: Report) -> Element:
    links = [("overview", "Overview"), *([("compared", "Side by side")] if len(report.plugins) > 1 else [])]
    links += [(f"plugin-{plugin.label}", plugin.label) for plugin in report.plugins]
    links += [(f"section-{section.name}", section.title) for section in report.sections]
    return h("nav", h("ul", [h("li", h("a", name, href=f"#{where}")) for where, name in links]), aria_label="Contents")


def _sections(report: Report) -> Iterator[Element]:
    yield _overview(report)
    if len(report.plugins) > 1:
        yield _compared(report.plugins)
    for plugin in report.plugins:
        yield plugin_section(plugin)
    for section in report.sections:
        yield _added(section)


def _added(section: Section) -> Element:
    where = f"section-{section.name}"
    return h(
        "section",
        h("h2", section.title, id=f"{where}-title"),
        [h("p", line) for line in (*section.failed.splitlines(), *section.lines)],
        table(section.title, section.head, section.rows) if section.head else None,
        id=where,
        aria_labelledby=f"{where}-title",
    )


def _overview(report: Report) -> Element:
    head = ["plugin", "verdict", "hold", "broken", "skipped", "inconclusive", "errors", "warnings", "accepted"]
    rows: list[list[Child]] = []
    for plugin in report.plugins:
        counts = plugin.counts
        numbers = [counts.passed, counts.failed, counts.skipped, counts.inconclusive]
        numbers += [counts.errors, counts.warnings, counts.accepted]
        link = h("a", plugin.label, href=f"#plugin-{plugin.label}")
        rows.append([link, verdict_tag(plugin.verdict), *(f"{number:,}" for number in numbers)])
    shown = table("Checks and findings of each plugin", head, rows, numbers=range(2, len(head)))
    hint = "No charts: they need the extra, pip install 'pytest-mockforge[report]'. All figures stand in tables."
    return h(
        "section",
        h("h2", "Overview", id="overview-title"),
        shown if rows else h("p", "No check of any plugin ran."),
        None if charts.can_draw() else h("p", hint, class_="facts"),
        id="overview",
        aria_labelledby="overview-title",
    )


def _compared(plugins: Sequence[PluginReport]) -> Element:
    hosts = list(dict.fromkeys(one.host for plugin in plugins for one in plugin.hosts))
    head = ["plugin", "language", "convention", "dialect", "size", *hosts]
    rows = [_row(plugin, hosts) for plugin in plugins]
    return h(
        "section",
        h("h2", "Side by side", id="compared-title"),
        table("What each plugin is, and what each host would do with it", head, rows, numbers=(4,)),
        *_costs(plugins),
        id="compared",
        aria_labelledby="compared-title",
    )


def _row(plugin: PluginReport, hosts: Sequence[str]) -> list[str]:
    identity = plugin.identity
    verdicts = {one.host: one.verdict for one in plugin.hosts}
    bytes_ = identity.get("size")
    return [
        plugin.label,
        *(str(identity.get(name) or "-") for name in ("language", "convention", "dialect")),
        size(bytes_) if isinstance(bytes_, int) else "-",
        *(verdicts.get(host, "-") for host in hosts),
    ]


def _costs(plugins: Sequence[PluginReport]) -> Iterator[Element]:
    fuel = {plugin.label: [_number(plugin, name, "fuel_steady") for name in Operation] for plugin in plugins}
    yield from _cost("Fuel of a call, by operation", "units of fuel, steady", fuel, "fuel")
    grown = {plugin.label: [_number(plugin, name, "memory_grown") for name in Operation] for plugin in plugins}
    yield from _cost("Memory that calls grew, by operation", "bytes above the initial memory", grown, "memory")
    for metric in ("median", "p95"):
        times = {plugin.label: [_seconds(plugin, name, metric) for name in Operation] for plugin in plugins}
        yield from _cost(f"Time of a call, {metric}, by operation", "the border subtracted", times, "time")


def _cost(title: str, unit: str, found: dict[str, list[float | None]], kind: Dimension) -> Iterator[Element]:
    """Draw and list one cost of all plugins that have it; nothing where fewer than two have."""
    given = {label: values for label, values in found.items() if any(value is not None for value in values)}
    if len(given) < 2:
        return

    def show(value: float) -> str:
        return figure(value, kind)

    names = [name.value for name in Operation]
    rows = [[label, *("-" if one is None else show(one) for one in values)] for label, values in given.items()]
    data = table(f"{title}: {unit}", ["plugin", *names], rows, numbers=range(1, 5))
    positive = [value for values in given.values() for value in values if value]
    far = bool(positive) and max(positive) > charts.FAR * min(positive)
    drawn: Element | None = None
    if charts.can_draw() and positive:
        label = f"Bar chart. {title}, in {unit}, for {', '.join(given)}; the table below has the figures"
        drawn = charts.bars(label, names, given, show=show, logarithmic=far, binary=kind == "memory")
    scale = "; logarithmic scale" if far and drawn is not None else ""
    yield h("h3", title)
    if drawn is not None:
        yield h("figure", h("figcaption", f"{unit}{scale}"), drawn)
    yield data


def _number(plugin: PluginReport, operation: Operation, name: str) -> float | None:
    known = plugin.operations.get(operation.value)
    value: Figure = known.figures.get(name) if known is not None else None
    return float(value) if isinstance(value, int | float) else None


def _seconds(plugin: PluginReport, operation: Operation, metric: str) -> float | None:
    known = plugin.operations.get(operation.value)
    if known is None or known.time is None:
        return None
    return known.time.median if metric == "median" else known.time.p95
