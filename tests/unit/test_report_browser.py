"""The HTML page in a real browser, offline: what it shows, in light and in dark, and that nothing goes wrong."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_mockforge.report import charts
from pytest_mockforge.report.html import to_html
from tests.report_cases import HOSTILE, error, full_report, report_of, result

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.skipif(not charts.can_draw(), reason="charts are drawn with pygal"),
]

_FLAGS = (
    *("--headless", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-quic", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"),
    # No name is found and nothing is connected to: the page is all that there is.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)

Browse = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Open a page in a browser of its own and wait for its end."""

    def browse(page: str, *flags: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "report.html"
        path.write_text(page, "utf-8")
        # A sandbox of its own is what root cannot have.
        sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        words = (str(CHROMIUM), *_FLAGS, *sandbox, profile, *flags, path.as_uri())
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)

    return browse


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Give what the page's console said."""
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def pixel(png: Path) -> tuple[int, ...]:
    """Give the colour of a picture's first pixel, which no filter changes."""
    data, position, packed = png.read_bytes(), 8, b""
    assert data.startswith(b"\x89PNG")
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IDAT":
            packed += data[position + 8 : position + 8 + length]
        position += length + 12
    return tuple(zlib.decompressobj().decompress(packed, 4)[1:4])


def test_the_page_opens_offline_with_its_headings_tables_and_charts(browse: Browse) -> None:
    done = browse(to_html(full_report()), "--dump-dom")
    assert said(done) == []
    assert re.search(r"<h1>MockForge plugins: 2 passed, 1 failed</h1>", done.stdout)
    assert re.findall(r"<h2[^>]*>(\w[\w ]*?) ?(?:<|$)", done.stdout) == [
        "Overview",
        "Side by side",
        "rust",
        "tinygo",
        "flaky",
    ]
    assert done.stdout.count("<table") == done.stdout.count("<caption") > 10
    assert done.stdout.count("<svg") > 15


@pytest.mark.parametrize(
    ("flag", "colour"), [("--lang=en", (0xFF, 0xFF, 0xFF)), ("--force-dark-mode", (0x0D, 0x11, 0x17))]
)
def test_the_page_is_light_or_dark_as_its_reader_wants(
    flag: str, colour: tuple[int, ...], browse: Browse, tmp_path: Path
) -> None:
    picture = tmp_path / "page.png"
    done = browse(to_html(full_report()), flag, f"--screenshot={picture}", "--window-size=1200,1600")
    assert said(done) == []
    assert picture.stat().st_size > 50_000, "there is something to see"
    assert pixel(picture) == colour


def measured(browse: Browse, expression: str, *flags: str) -> object:
    """Give what a script finds in the page, which for once is let in."""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", to_html(full_report()))
    script = f"<script>document.title = JSON.stringify({expression})</script></body>"
    done = browse(page.replace("</body>", script), "--dump-dom", *flags)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    return json.loads(html.unescape(title[1]))


def test_on_a_telephone_the_page_is_no_wider_than_its_screen(browse: Browse) -> None:
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    found = measured(browse, widths, "--window-size=500,900")
    assert isinstance(found, list)
    assert found[0] <= found[1] <= 500


def test_no_word_of_a_chart_is_cut_off_or_lies_over_another(browse: Browse) -> None:
    problems = """
      [...document.querySelectorAll("svg[role=img]")].flatMap(svg => {
        const frame = svg.getBoundingClientRect();
        const boxes = [...svg.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()]);
        const cut = boxes.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1 ||
          box.top < frame.top - 1 || box.bottom > frame.bottom + 1);
        const over = boxes.filter(([, one], at) => boxes.slice(at + 1).some(([, two]) => one.left < two.right - 1 &&
          two.left < one.right - 1 && one.top < two.bottom - 3 && two.top < one.bottom - 3));
        return [...cut, ...over].map(([text]) => svg.getAttribute("aria-label") + ": " + text);
      })
    """
    assert measured(browse, problems, "--window-size=1200,900") == []


def test_the_keyboard_reaches_links_findings_and_tables(browse: Browse) -> None:
    order = """
      [...document.querySelectorAll("a[href], summary, [tabindex='0']")].map(node => node.tabIndex >= 0)
    """
    found = measured(browse, order)
    assert isinstance(found, list)
    assert len(found) > 30
    assert all(found)


def test_hostile_text_runs_nothing_and_is_refused_nothing(browse: Browse) -> None:
    hostile = error(HOSTILE, expected=HOSTILE, got=HOSTILE, hint=HOSTILE, reproduce=HOSTILE)
    done = browse(to_html(report_of([result("x", "MF203", hostile, language=HOSTILE)])), "--dump-dom")
    assert said(done) == [], "the policy had nothing to forbid"
    assert "<script" not in done.stdout


def test_the_policy_of_the_page_stops_a_script_that_got_in_all_the_same(browse: Browse) -> None:
    page = to_html(report_of([])).replace("</main>", "<script>document.title = 'changed'</script></main>")
    done = browse(page, "--dump-dom")
    assert "Content Security Policy" in "".join(said(done))
    assert "<title>changed" not in done.stdout
