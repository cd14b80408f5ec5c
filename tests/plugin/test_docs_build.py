"""The documentation builds without a warning, and whoever reads it fetches nothing from anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PICTURES = ROOT / "docs" / "pictures"
LOADS = re.compile(
    r"<(?:script|img|iframe|source|object|embed)\b[^>]*?(?:src|data)=\"(?P<tag>[^\"]+)\"|"
    r"<link\b[^>]*?href=\"(?P<link>[^\"]+)\"|@import[^;]*?(?P<sheet>[\w:/.-]+)|url\(['\"]?(?P<url>[^)'\"]+)"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for name in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(name, reason=f"needs {name}: pip install 'pytest-mockforge[docs]'")
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.slow
def test_no_page_loads_anything_from_another_host(built: Path) -> None:
    loads = [
        f"{path.relative_to(built)}: {target}"
        for path in (*built.rglob("*.html"), *built.rglob("*.css"), *built.rglob("*.svg"))
        for found in LOADS.finditer(path.read_text("utf-8"))
        if re.match(r"(?:https?:)?//", target := next(part for part in found.groups() if part))
    ]
    assert loads == []


@pytest.mark.slow
def test_every_page_is_in_the_navigation_and_holds_what_was_generated(built: Path) -> None:
    index = (built / "index.html").read_text("utf-8")
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    assert [str(page) for page in pages if str(page) not in index] == []
    assert 'id="mf203"' in (built / "reference" / "checks.html").read_text("utf-8")
    assert "generated:" not in (built / "reference" / "fixtures.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["terminal.svg", "report.png"])
def test_a_picture_is_small_and_stands_on_a_page(name: str) -> None:
    assert (PICTURES / name).stat().st_size < 300_000
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md"))
    assert f"](pictures/{name})" in pages


def test_the_drawn_terminal_names_no_host_and_no_font() -> None:
    text = (PICTURES / "terminal.svg").read_text("utf-8")
    assert set(re.findall(r"https?://[^\"' )]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in text
