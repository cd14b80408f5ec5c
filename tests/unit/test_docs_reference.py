"""The reference of the documentation is what the code says: all of it is there, and a copy that is kept is not old."""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType

import pytest

import pytest_mockforge
from pytest_mockforge import extending, hookspecs, plugin
from pytest_mockforge.checks.registry import FAMILIES, catalogue
from pytest_mockforge.documents import testfile
from pytest_mockforge.report.json_report import json_schema
from tests.conftest import ROOT

EXTENSION = ROOT / "docs" / "extension"
REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that writes the reference, which lies beside the pages and not in the package."""
    monkeypatch.syspath_prepend(str(EXTENSION))
    for path in EXTENSION.glob("*.py"):
        monkeypatch.delitem(sys.modules, path.stem, raising=False)
    return importlib.import_module("reference_text")


def headings(text: str) -> set[str]:
    return set(re.findall(r"^#{2,3} `?([^`:\n]+)", text, re.MULTILINE))


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_every_fixture_has_a_section_with_an_example(reference: ModuleType) -> None:
    text = reference.fixtures()
    assert headings(text) == set(plugin.__all__)
    assert text.count("```python\n") == len(plugin.__all__)


def test_every_hook_has_a_section_with_an_example_that_compiles(reference: ModuleType) -> None:
    text = reference.hooks()
    assert headings(text) == {name for name in vars(hookspecs) if name.startswith("pytest_mockforge_")}
    examples = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(examples) == len(headings(text))
    for example in examples:
        compile(example, "docs", "exec")


def test_every_check_has_a_section_under_its_family(reference: ModuleType) -> None:
    text = reference.checks()
    assert headings(text) == {*FAMILIES, *(check.code for check in catalogue())}


def test_no_page_of_a_check_is_lost(reference: ModuleType) -> None:
    def words(text: str) -> set[str]:
        return set(re.findall(r"\w+", text.replace("\\", "")))

    for check in catalogue():
        assert words(check.page) - {"family"} <= words(reference.checks())


def test_markers_names_and_types_are_all_there(reference: ModuleType) -> None:
    assert headings(reference.markers()) == {"mockforge", "mockforge_budget"}
    assert first_cells(reference.names()) == set(pytest_mockforge.__all__)
    assert first_cells(reference.hook_types()) == set(extending.__all__)


def test_every_object_of_a_report_has_a_section_with_its_fields(reference: ModuleType) -> None:
    text, definitions = reference.report_schema(), json_schema()["$defs"]
    assert isinstance(definitions, dict)
    assert headings(text) == set(definitions)
    assert first_cells(text) == {key for one in definitions.values() for key in one["properties"]}


def test_a_key_of_the_test_file_that_nobody_told_of_stops_the_build(
    reference: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first_cells(reference.testfile()) > {"samples", "volatile", "command", "url", "expires"}
    monkeypatch.setattr(testfile, "_TOP_KEYS", (*testfile._TOP_KEYS, "colour"))
    with pytest.raises(ValueError, match=r"plugin.test.yaml, top: told \['accept'"):
        reference.testfile()


def test_a_place_of_an_unknown_name_stops_the_build(reference: ModuleType) -> None:
    with pytest.raises(ValueError, match="nothing is called 'fixturs'; known are checks, fixtures"):
        reference.fill("<!-- generated: fixturs -->\n")


def test_each_part_has_a_place_in_a_page(reference: ModuleType) -> None:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md"))
    assert set(re.findall(r"^<!-- generated: ([a-z-]+) -->$", pages, re.MULTILINE)) == set(reference.PARTS)


@pytest.mark.parametrize("page", ["docs/options.md"])
def test_the_copy_in_a_page_is_what_the_code_says(reference: ModuleType, page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    renewed = reference.fill(text, keep_places=True)
    assert [ROOT / page] == list(reference.pages())
    assert text == renewed, f"{page} is old: run python docs/extension/reference_text.py"


def test_the_program_renews_a_copy(reference: ModuleType) -> None:
    old = "# Options\n\n<!-- generated: options -->\n\nold\n\n<!-- end -->\n\nbelow\n"
    new = reference.fill(old, keep_places=True)
    assert "| `--mockforge-fuel=N` | `mockforge_fuel` | a number |" in new
    assert "old" not in new.split("\n")
    assert new.endswith("<!-- end -->\n\nbelow\n")
    assert reference.fill(new, keep_places=True) == new
