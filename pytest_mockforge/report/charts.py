"""Charts as SVG elements of a page, drawn by pygal. Knows numbers and names; not what they are of.

pygal draws axes, bars and lines; what it adds for a file of its own, styles, scripts and comments, is taken out, as the
page's style sheet gives the colours in light and in dark.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from xml.etree.ElementTree import Element, fromstring

from pytest_mockforge.report.html_tree import h

Points = Sequence[tuple[float, float]]

FAR = 30
"""Times that the largest of some figures is as large as the smallest, from which on a scale is logarithmic."""
_WIDTH, _HEIGHT = 640, 280
_MOST_BINS = 40
_SHARES = ((0.5, "p50"), (0.75, "p75"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99"), (0.999, "p99.9"))
_MUTE = {"class_": "chart sample", "aria_hidden": "true"}
_DROPPED = ("defs", "title", "desc")
_LONG = re.compile(r"-?\d+\.\d{2,}")


def can_draw() -> bool:
    """Tell whether the library is there: it comes with the extra `report`."""
    return find_spec("pygal") is not None


def load() -> None:
    """Import the library, once, without what it changes for everybody else. Raises ImportError where it is missing."""
    import pygal  # noqa: F401

    # Its own finder for plug-ins, in a form of which Python 3.11 warns at each import, and which 3.12 no longer asks.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "PluginImportFixer"]


def bars(
    label: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    show: Callable[[float], str],
    logarithmic: bool = False,
    binary: bool = False,
) -> Element:
    """Draw a bar for each group and series; the label says what a listener hears of the picture.

    `binary` puts the ticks of bytes on whole KiB.
    """
    load()
    import pygal

    more: dict[str, object] = {}
    known = [value for values in series.values() for value in values if value]
    if logarithmic:
        # A bar of the least value has to be seen, so that they all stand on the power of ten below it.
        ground = 10.0 ** (math.ceil(math.log10(min(known))) - 1)
        more["y_labels"] = [
            {"value": math.log10(tick / ground), "label": show(tick)} for tick in _decades(ground, max(known))
        ]
        series = {
            name: [math.log10(value / ground) if value else None for value in values] for name, values in series.items()
        }
    elif binary:
        more["y_labels"] = _binary_ticks(max(known, default=0))
    chart = pygal.Bar(**_options(show, x_labels=list(groups), **more))
    for name, values in series.items():
        chart.add(name, list(values))
    return h("div", _legend(series, "M0 0h12v10h-12z", "rect"), _picture(chart.render(is_unicode=True), label))


def lines(
    label: str,
    series: Mapping[str, Points],
    *,
    show: Callable[[float], str],
    show_x: Callable[[float], str],
    x_title: str,
    ticks: Sequence[tuple[float, str]] = (),
    logarithmic: bool = False,
    binary: bool = False,
) -> Element:
    """Draw a line for each series, over figures on both axes; `ticks` name places of the x axis."""
    load()
    import pygal

    more: dict[str, object] = {"x_labels": [{"value": at, "label": name} for at, name in ticks]} if ticks else {}
    if logarithmic:
        # The library's own logarithm would take the x axis too.
        more["include_x_axis"] = False
        values = [value for points in series.values() for _, value in points]
        more["y_labels"] = [
            {"value": math.log10(tick), "label": show(tick)} for tick in _decades(min(values), max(values))
        ]
        series = {name: [(at, math.log10(value)) for at, value in points] for name, points in series.items()}
    elif binary:
        more["y_labels"] = _binary_ticks(max(value for points in series.values() for _, value in points))
    chart = pygal.XY(**_options(show, x_title=x_title, show_dots=False, **more))
    chart.config.x_value_formatter = show_x
    for name, points in series.items():
        chart.add(name, list(points))
    return h("div", _legend(series, "M0 5h30", "line"), _picture(chart.render(is_unicode=True), label))


def histogram(label: str, bins: Sequence[tuple[float, float, int]], *, show: Callable[[float], str]) -> Element:
    """Draw how many samples lie in each bin, given by its edges."""
    load()
    import pygal

    # Two of them stand beside each other.
    chart = pygal.Histogram(**_options(lambda count: f"{count:,.0f}", width=480, height=240, max_scale=5))
    chart.config.x_value_formatter = show
    chart.add("", [(count, low, high) for low, high, count in bins])
    return _picture(chart.render(is_unicode=True), label)


def binned(samples: Sequence[float]) -> list[tuple[float, float, int]]:
    """Cut samples into bins of one width. The last one holds all outliers above it, so that the bulk stays readable."""
    ordered = sorted(samples)
    low, top = ordered[0], ordered[-1]
    # Four times as far as the middle half reaches: what is beyond is far.
    quarter, three = ordered[len(ordered) // 4], ordered[len(ordered) * 3 // 4]
    high = min(top, three + 4 * (three - quarter)) if three > quarter else top
    if high <= low:
        return [(low, low + (abs(low) / 100 or 1e-9), len(ordered))]
    count = min(_MOST_BINS, max(5, math.ceil(2 * len(ordered) ** (1 / 3))))
    width = (high - low) / count
    found = [0] * count
    for sample in ordered:
        found[min(count - 1, int((sample - low) / width))] += 1
    return [(low + at * width, low + (at + 1) * width, number) for at, number in enumerate(found)]


def tail_points(samples: Sequence[float]) -> list[tuple[float, float]]:
    """Give samples by percentile, on an axis that spreads the slow end: x is -log10 of the share that is slower."""
    ordered = sorted(samples)
    shares = [(at + 0.5) / len(ordered) for at in range(len(ordered))]
    step = max(1, len(ordered) // 100)
    # Each of the slowest, as they are what is looked for, and every so many of the others.
    kept = sorted({*range(0, len(ordered), step), *range(max(0, len(ordered) - 30), len(ordered))})
    return [(_spread(shares[at]), ordered[at]) for at in kept]


def tail_ticks(count: int) -> list[tuple[float, str]]:
    """Name the percentiles that so many samples reach."""
    return [(0.0, "p0"), *((_spread(share), name) for share, name in _SHARES if (1 - share) * count >= 0.5)]


def staircase(points: Points) -> list[tuple[float, float]]:
    """Make steps of what changes at once: memory grows in one call, and not between two."""
    return list(_stairs(points))


def _stairs(points: Points) -> Iterator[tuple[float, float]]:
    level = 0.0
    yield 0.0, level
    for at, value in points:
        yield at, level
        level = value
        yield at, level


def _binary_ticks(highest: float) -> list[float]:
    step = 2.0 ** math.ceil(math.log2(max(highest, 5) / 5))
    return [step * number for number in range(math.ceil(highest / step) + 1)]


def _decades(lowest: float, highest: float) -> list[float]:
    first, last = math.floor(math.log10(lowest)), math.floor(math.log10(highest))
    steps = (1, 2, 5) if last - first < 2 else (1,)
    ticks = [step * 10.0**power for power in range(first, last + 2) for step in steps]
    below, above = [tick for tick in ticks if tick <= lowest], [tick for tick in ticks if tick >= highest]
    return [tick for tick in ticks if below[-1] <= tick <= above[0]]


def _spread(share: float) -> float:
    return -math.log10(1 - share)


def _options(show: Callable[[float], str], **more: object) -> dict[str, object]:
    from pygal.style import Style

    plain = Style(background="transparent", plot_background="transparent", label_font_size=12, legend_font_size=12)
    return {
        "style": plain,
        "css": (),
        "js": (),
        "no_prefix": True,
        "disable_xml_declaration": True,
        "width": _WIDTH,
        "height": _HEIGHT,
        "margin": 10,
        "margin_right": 28,
        "spacing": 12,
        # It cuts long names off; ours is a list of the page.
        "show_legend": False,
        "truncate_label": -1,
        "value_formatter": lambda value: "" if value is None else show(value),
        "include_x_axis": True,
        "min_scale": 3,
        "max_scale": 7,
        "dynamic_print_values": False,
        **more,
    }


def _legend(names: Iterable[str], path: str, kind: str) -> Element | None:
    """List the series, each with a sample of how it is drawn; one alone needs none."""
    listed = list(names)
    if len(listed) < 2:
        return None
    width = "12" if kind == "rect" else "30"
    return h(
        "ul",
        [
            h(
                "li",
                h("svg", _sample(at, path, kind), viewBox=f"0 0 {width} 10", width=width, height="10", **_MUTE),
                name,
            )
            for at, name in enumerate(listed)
        ],
        class_="legend",
    )


def _sample(at: int, path: str, kind: str) -> Element:
    return h("g", h("path", d=path, class_=kind), class_=f"series color-{at}")


def _picture(svg: str, label: str) -> Element:
    """Take out what a page does not need, and say to a screen reader what is drawn."""
    root = fromstring(svg)
    _clean(root)
    root.attrib = {"viewBox": root.attrib["viewBox"], "class": "chart", "role": "img", "aria-label": label}
    return root


def _clean(element: Element) -> None:
    element.tag = element.tag.rpartition("}")[2]
    element.attrib = {
        name: _LONG.sub(lambda number: f"{float(number[0]):.1f}", value)
        for name, value in element.attrib.items()
        if not name.startswith("{") and name != "id"
    }
    for child in list(element):
        tag, classes = child.tag.rpartition("}")[2], child.get("class", "").split()
        empty = "overlay" in classes or "text-overlay" in classes or "tooltip-overlay" in classes
        if tag in _DROPPED or empty:
            element.remove(child)
        else:
            _clean(child)
