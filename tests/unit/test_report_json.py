"""Reports as JSON: valid by the schema that ships, readable again, the same each time."""

from __future__ import annotations

import json
from typing import cast

import pytest

from pytest_mockforge.errors import DocumentError
from pytest_mockforge.report.json_report import from_json, json_schema, to_json
from pytest_mockforge.report.model import SCHEMA, Report
from tests import report_schema
from tests.report_cases import HOSTILE, error, full_report, report_of, result

jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked with jsonschema")

REPORTS = {
    "full": full_report(),
    "empty": report_of([]),
    "hostile": report_of([result("x", "MF203", error(HOSTILE, expected=HOSTILE, got=HOSTILE, hint=HOSTILE))]),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_report_is_valid_by_the_schema_that_ships(report: Report) -> None:
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(to_json(report)))


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_the_schema_is_that_of_the_model() -> None:
    shipped = report_schema.PATH.read_text("utf-8")
    assert shipped == report_schema.written(), "python -m tests.report_schema writes it anew"


@pytest.mark.parametrize("key", ["schema", "run", "plugins", "verdict"])
def test_a_report_that_lacks_a_part_is_not_valid(key: str) -> None:
    report = json.loads(to_json(full_report()))
    del report[key]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, json_schema())


def test_a_report_of_another_version_is_not_valid() -> None:
    report = json.loads(to_json(full_report())) | {"schema": "pytest-mockforge-report/2"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, json_schema())


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_what_was_written_is_read_again(report: Report) -> None:
    assert from_json(to_json(report)) == report


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "pytest-mockforge-report/2"}', "\x00"])
def test_what_is_no_report_is_an_error_that_says_what_one_is(text: str) -> None:
    with pytest.raises(DocumentError, match=SCHEMA):
        from_json(text)


def test_a_report_holds_nothing_that_acts_on_a_terminal() -> None:
    text = to_json(REPORTS["hostile"])
    assert text.isascii()
    assert {char for char in text if not char.isprintable()} == {"\n"}


def test_samples_of_one_variant_stand_on_one_line() -> None:
    lines = to_json(full_report()).splitlines()
    assert max(line.count(",") for line in lines) >= 59
    assert len(lines) < 2_000


def test_text_that_looks_like_an_array_of_numbers_stays_as_it_is() -> None:
    odd = report_of([result("x", "MF203", error("[\n  1,\n  2\n]"))])
    assert from_json(to_json(odd)).plugins[0].findings[0].message == "[\n  1,\n  2\n]"


def test_the_keys_come_in_one_order() -> None:
    report = cast("dict[str, object]", json.loads(to_json(full_report())))
    assert [*report] == ["schema", "verdict", "run", "plugins", "sections"]
    assert to_json(full_report()) == to_json(full_report())
