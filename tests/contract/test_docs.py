"""The documents tell the truth: what they name is there, and what is there is named."""

from __future__ import annotations

import re
import subprocess

import pytest

from pytest_mockforge.checks.registry import FAMILIES, catalogue
from tests.conftest import ROOT, Run

DOCUMENTS = (
    *("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "fixtures/reference/README.md", "example_tests/README.md"),
    *("docs/budgets.md", "docs/reports.md"),
)
NAMING = (
    *("README.md", "CHANGELOG.md", "ARCHITECTURE.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
)
_HOSTS = re.compile(
    r"\b(pypi\.org|pythonhosted\.org|npmjs\.(com|org)|yarnpkg\.com|crates\.io|proxy\.golang\.org|rubygems\.org|"
    r"anaconda\.org|deb\.debian\.org|docker\.io|ghcr\.io)\b"
)


def document(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a clone")
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def paths_in(text: str) -> set[str]:
    """Give each path of ours that stands in backticks, with braces written out."""
    found: set[str] = set()
    for word in re.findall(r"`([\w./{},-]+)`", text):
        head, brace, rest = word.partition("{")
        inside, _, tail = rest.partition("}")
        found |= {f"{head}{part}{tail}" for part in inside.split(",")} if brace else {word}
    # A path that starts with a slash is a route of the reference plugin, or on somebody else's machine.
    ours = (path for path in found if "/" in path and not path.startswith("/"))
    return {path for path in ours if "." in path.rpartition("/")[2] or path.endswith("/")}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_is_named_exists(name: str) -> None:
    places = (ROOT, ROOT / "pytest_mockforge", (ROOT / name).parent, ROOT / "fixtures" / "reference" / "rust")
    missing = [path for path in paths_in(document(name)) if not any((place / path).exists() for place in places)]
    assert missing == []


@pytest.mark.parametrize("name", ["README.md", "example_tests/README.md", "fixtures/reference/README.md"])
def test_every_link_into_the_clone_leads_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document(name))
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_every_option_is_in_the_help_with_a_sentence(run: Run) -> None:
    text = run("--help").stdout.str()
    options = re.findall(r"^  (--mockforge-[\w-]+)=\S+ *((?:.*\n)(?: {20,}.*\n)*)", text, re.MULTILINE)
    assert len(options) >= 11
    assert all(len(said.split()) >= 4 for _, said in options)


@pytest.mark.parametrize("name", NAMING)
def test_every_option_that_a_document_names_exists(name: str, run: Run) -> None:
    text = run("--help").stdout.str()
    named = set(re.findall(r"--mockforge-[a-z]+(?:-[a-z]+)*", document(name)))
    assert [option for option in named if not re.search(rf"^  {option}\b", text, re.MULTILINE)] == []


def test_the_readme_names_what_a_user_needs_first() -> None:
    for word in ("--mockforge-plugin", "--mockforge-explain", "mockforge_plugin", "mockforge_request", *FAMILIES):
        assert word in document("README.md")


@pytest.mark.parametrize("name", NAMING)
def test_every_code_that_a_document_names_exists(name: str) -> None:
    codes = {check.code for check in catalogue()}
    assert set(re.findall(r"\bMF\d{3}\b", document(name))) <= codes


def test_no_package_host_is_named_anywhere() -> None:
    naming = []
    for name in tracked():
        data = (ROOT / name).read_bytes()
        # This file names them, and what is binary holds them at most by chance.
        if name != "tests/contract/test_docs.py" and b"\0" not in data:
            naming += [f"{name}: {match[0]}" for match in _HOSTS.finditer(data.decode("utf-8", "replace"))]
    assert naming == []
