"""Charts: what is drawn, and how samples become what is drawn."""

from __future__ import annotations

from xml.etree.ElementTree import Element, tostring

import pytest

from pytest_mockforge.report import charts

pytestmark = pytest.mark.skipif(not charts.can_draw(), reason="charts are drawn with pygal")


def texts(picture: Element) -> list[str]:
    return [found.text or "" for found in picture.iter("text")]


def shown(value: float) -> str:
    return f"{value:g} u"


def test_a_bar_chart_names_its_groups_and_series_and_shows_units_on_its_axis() -> None:
    drawn = charts.bars("Bars", ["one", "two"], {"rust": [1, 2], "go": [3, None]}, show=shown)
    assert {"one", "two", "0 u"} <= set(texts(drawn))
    assert [item[0].tail for item in drawn.iter("li")] == ["rust", "go"]


def test_a_series_that_is_alone_needs_no_legend() -> None:
    assert list(charts.bars("Bars", ["one"], {"rust": [1]}, show=shown).iter("li")) == []


def test_a_picture_has_a_name_and_neither_script_style_nor_comment() -> None:
    drawn = charts.bars("What it shows", ["one"], {"a": [1], "b": [2]}, show=shown)
    (picture,) = [found for found in drawn.iter("svg") if found.get("role") == "img"]
    assert picture.get("aria-label") == "What it shows"
    text = tostring(drawn, encoding="unicode")
    for sign in ("<script", "<style", "<!--", "http", "ns0:"):
        assert sign not in text


def test_the_least_bar_of_a_logarithmic_scale_is_seen() -> None:
    drawn = charts.bars("Bars", ["one"], {"wasm": [20.0], "http": [3_000.0]}, show=shown, logarithmic=True)
    heights = [
        float(found.get("height", "")) for found in drawn.iter("rect") if "rect" in found.get("class", "").split()
    ]
    assert min(heights) > 5
    assert max(heights) > 3 * min(heights)
    assert {"10 u", "1000 u", "10000 u"} <= set(texts(drawn))


def test_bytes_have_ticks_of_whole_kib() -> None:
    drawn = charts.bars("Bars", ["one"], {"rust": [65_536]}, show=lambda size: f"{size / 1024:g} KiB", binary=True)
    assert {"0 KiB", "16 KiB", "64 KiB"} <= set(texts(drawn))


def test_lines_have_names_at_their_ticks() -> None:
    points = charts.tail_points([0.001 * number for number in range(1, 301)])
    drawn = charts.lines(
        "Lines", {"a": points}, show=shown, show_x=str, x_title="percentile", ticks=charts.tail_ticks(300)
    )
    assert {"p50", "p95", "p99", "percentile"} <= set(texts(drawn))


def test_percentiles_that_the_samples_do_not_reach_are_not_named() -> None:
    assert [name for _, name in charts.tail_ticks(10)] == ["p0", "p50", "p75", "p90", "p95"]


def test_every_slow_sample_is_a_point_and_the_bulk_is_thinned_out() -> None:
    samples = [float(number) for number in range(10_000)]
    points = charts.tail_points(samples)
    assert len(points) < 200
    assert [value for _, value in points[-30:]] == samples[-30:]


def test_each_sample_is_in_one_bin_and_outliers_are_in_the_last() -> None:
    samples = [1.0 + number / 100 for number in range(100)] + [500.0]
    bins = charts.binned(samples)
    assert sum(count for _, _, count in bins) == 101
    assert bins[-1][1] < 10
    assert bins[-1][2] >= 1


@pytest.mark.parametrize("samples", [[1.0], [1.0] * 50, [0.0, 0.0], [1e-9, 2e-9]])
def test_few_or_equal_samples_are_drawn_too(samples: list[float]) -> None:
    bins = charts.binned(samples)
    assert sum(count for _, _, count in bins) == len(samples)
    assert texts(charts.histogram("Histogram", bins, show=shown))


def test_memory_grows_in_steps() -> None:
    assert charts.staircase([(10, 64), (30, 64)]) == [(0, 0), (10, 0), (10, 64), (30, 64), (30, 64)]
