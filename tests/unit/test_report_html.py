"""The HTML page: whole in one file, readable without a script, and nothing of a plugin's text is markup."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from pytest_mockforge.checks.model import CheckResult
from pytest_mockforge.report import charts
from pytest_mockforge.report.html import to_html
from tests.report_cases import HOSTILE, error, full_report, report_of, result

pytestmark = pytest.mark.skipif(not charts.can_draw(), reason="charts are drawn with pygal")

_VOID = {"meta", "link", "img", "br", "input", "hr"}


@dataclass(eq=False)
class Node:
    """One element of a page."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """A page as a browser would take it apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self._open: list[Node] = []
        self.feed(text)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, tuple(one.tag for one in self._open))
        self.nodes.append(node)
        if tag not in _VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for node in self._open:
            node.text.append(data)

    def all(self, tag: str) -> list[Node]:
        return [node for node in self.nodes if node.tag == tag]

    def texts(self, tag: str) -> list[str]:
        return ["".join(node.text) for node in self.all(tag)]


FULL = to_html(full_report())
PAGE = Page(FULL)
HOSTILE_PAGE = to_html(
    report_of(
        [
            result("x", "MF203", error(HOSTILE, expected=HOSTILE, got=HOSTILE, hint=HOSTILE), language=HOSTILE),
            CheckResult(plugin="x", code="MF204", title=HOSTILE, skipped=HOSTILE),
            CheckResult(plugin="y", code="MF204", title=HOSTILE, part=HOSTILE),
        ]
    )
)


def test_the_page_is_one_file_that_fetches_nothing() -> None:
    assert all(node.attributes["href"].startswith("#") for node in PAGE.nodes if "href" in node.attributes)
    assert not [node.tag for node in PAGE.nodes if "src" in node.attributes or node.tag in ("script", "link", "iframe")]
    assert not re.search(r"url\(|@import|https?:", FULL)


def test_the_page_forbids_scripts_and_what_is_elsewhere() -> None:
    policy = [node.attributes["content"] for node in PAGE.all("meta") if "http-equiv" in node.attributes]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_a_page_of_three_plugins_with_all_figures_stays_small() -> None:
    assert len(FULL) < 250_000


def test_there_is_one_first_heading_and_no_level_is_left_out() -> None:
    levels = [int(node.tag[1]) for node in PAGE.nodes if re.fullmatch(r"h[1-6]", node.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_landmarks_are_there_once_and_the_first_link_skips_to_the_results() -> None:
    assert [len(PAGE.all(tag)) for tag in ("header", "nav", "main")] == [1, 1, 1]
    first = PAGE.all("a")[0]
    assert (first.attributes["href"], "".join(first.text)) == ("#results", "Skip to the results")
    assert PAGE.all("html")[0].attributes["lang"] == "en"


def test_each_link_leads_to_something_of_the_page_and_each_id_is_there_once() -> None:
    ids = [node.attributes["id"] for node in PAGE.nodes if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    assert {node.attributes["href"][1:] for node in PAGE.all("a")} <= set(ids)
    assert {node.attributes["aria-labelledby"] for node in PAGE.all("section")} <= set(ids)


def test_each_table_has_a_caption_and_its_heads_say_what_they_are_of() -> None:
    assert len(PAGE.all("caption")) == len(PAGE.all("table")) > 10
    assert {node.attributes.get("scope") for node in PAGE.all("th")} == {"col", "row"}


def test_each_table_can_be_scrolled_by_keyboard_and_has_a_name() -> None:
    regions = [node for node in PAGE.all("div") if node.attributes.get("role") == "region"]
    assert len(regions) == len(PAGE.all("table"))
    assert all(node.attributes["tabindex"] == "0" and node.attributes["aria-label"] for node in regions)


def test_each_chart_says_what_it_shows_and_has_its_figures_in_a_table_beside_it() -> None:
    pictures = [node for node in PAGE.all("svg") if node.attributes.get("role") == "img"]
    assert len(pictures) == len(PAGE.all("figure")) > 15
    kinds = {node.attributes["aria-label"].partition(" chart")[0].partition(":")[0] for node in pictures}
    assert kinds == {"Bar", "Line", "Histogram"}


def test_the_verdict_is_a_word_and_not_a_colour_alone() -> None:
    heads = [text for text in PAGE.texts("h2") if text.startswith(("rust", "flaky"))]
    assert heads == ["rust PASS", "flaky FAIL"]


def test_errors_stand_open_and_notes_are_folded() -> None:
    findings = [node for node in PAGE.all("details") if "finding" in node.attributes.get("class", "")]
    assert {(node.attributes["class"].split()[1], "open" in node.attributes) for node in findings} == {
        ("error", True),
        ("warning", False),
        ("note", False),
        ("accepted", False),
    }


def test_a_finding_shows_all_that_is_known_of_it() -> None:
    (found,) = [text for text in PAGE.texts("details") if "MF205 authenticate: the reply breaks" in text]
    for part in ("expecteda boolean", 'got"yes"', "MockForge saysinvalid type", '{"method":"GET"', "hintanswer"):
        assert part in found
    assert "def test_it(mockforge_plugin):\n    mockforge_plugin.call_raw" in found


def test_the_plugins_are_compared_by_fuel_memory_and_time() -> None:
    heads = PAGE.texts("h3")[:4]
    assert heads == [
        "Fuel of a call, by operation",
        "Memory that calls grew, by operation",
        "Time of a call, median, by operation",
        "Time of a call, p95, by operation",
    ]


def test_one_plugin_alone_is_compared_with_nothing() -> None:
    assert "Side by side" not in to_html(report_of([result()]))


def test_a_run_without_any_plugin_says_so() -> None:
    assert "No check of any plugin ran." in Page(to_html(report_of([]))).texts("p")


def test_hostile_text_adds_no_element_and_no_attribute() -> None:
    page = Page(HOSTILE_PAGE)
    assert {node.tag for node in page.nodes} <= {node.tag for node in PAGE.nodes}
    assert not [name for node in page.nodes for name in node.attributes if name.startswith("on")]
    assert len(page.all("style")) == 1


def test_hostile_text_holds_no_character_that_acts() -> None:
    assert {char for char in HOSTILE_PAGE if not char.isprintable()} == {"\n"}


def test_hostile_text_is_still_there_to_be_read() -> None:
    assert (
        "</style><script>alert('boo')</script> <img src=x onerror=alert(1)>" in Page(HOSTILE_PAGE).texts("summary")[0]
    )


def test_a_message_of_a_megabyte_does_not_swell_the_page() -> None:
    big = error("m" * 1_000_000, expected="e" * 1_000_000, request="r" * 1_000_000, reproduce="x\n" * 500_000)
    assert len(to_html(report_of([result("x", "MF203", big)]))) < 60_000


def test_a_thousand_findings_are_cut_with_a_count() -> None:
    text = to_html(report_of([result("x", "MF203", *[error() for _ in range(1_000)])]))
    assert "… and 900 more findings; the JSON report has all." in text


def test_without_the_library_the_page_has_tables_alone_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(charts, "can_draw", lambda: False)
    page = Page(to_html(full_report()))
    assert page.all("svg") == []
    assert len(page.all("table")) > 10
    assert any("pip install 'pytest-mockforge[report]'" in text for text in page.texts("p"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_background_differ_enough_to_be_read(theme: str) -> None:
    style = PAGE.texts("style")[0]
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w{6})", blocks[theme == "dark"]))
    for name in ("fg", "muted", "link", "pass", "fail", "warn", "note"):
        for ground in ("bg", "panel"):
            assert contrast(colours[name], colours[ground]) >= 4.5, f"{name} on {ground}"
    for number in range(8):
        assert contrast(colours[f"c{number}"], colours["bg"]) >= 3, f"series {number}"


def contrast(one: str, other: str) -> float:
    """Give the ratio of WCAG 2: text needs 4.5, a picture 3."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
