"""`--mockforge-report`: one run, as JSON for programs, Markdown for a pull request, and a page for people."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TICKETS = Path(__file__).parent / "tickets" / "plugin.wat"


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    options = [f"--mockforge-report=report.{form}" for form in ("json", "md", "html")]
    words = ["-m", "pytest", "-p", "mockforge", "-p", "no:cacheprovider", f"--mockforge-plugin={TICKETS}"]
    command = [sys.executable, *words, "--mockforge-checks=MF4,MF5", *options]
    subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    return folder


def test_json_holds_verdicts_findings_and_figures(reports):
    report = json.loads((reports / "report.json").read_text("utf-8"))
    assert report["schema"] == "pytest-mockforge-report/1"

    tickets = report["plugins"][0]
    assert tickets["verdict"] == "fail"
    assert {check["code"] for check in tickets["checks"] if check["outcome"] == "fail"} == {"MF403"}
    assert tickets["operations"]["authenticate"]["figures"]["fuel_steady"] < 1000


def test_markdown_has_a_row_a_plugin(reports):
    assert "| `tickets` | `unknown` | ❌ fail |" in (reports / "report.md").read_text("utf-8")


def test_the_page_opens_without_a_network(reports):
    page = (reports / "report.html").read_text("utf-8")
    assert "<h1" in page
    assert "<script" not in page
    assert "src=" not in page
