"""Lines that GitHub Actions reads: one a failure, and none that text of a plugin could add."""

from __future__ import annotations

import re

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.report.annotations import annotation_lines
from tests.report_cases import HOSTILE, error, report_of, result


def test_each_failed_check_is_one_line_that_names_the_file_the_rule_and_what_happened() -> None:
    broken = result("mine", "MF203", error(expected="a map", got="null", hint="give {}"), error("and more"))
    assert annotation_lines(report_of([broken, result("mine", "MF204")], mine="plugins/mine/plugin.yaml")) == [
        "::error file=plugins/mine/plugin.yaml,title=mine%3A a rule::MF203 authenticate answers otherwise (and 1 more)"
        "%0Aexpected: a map%0Agot: null%0Ahint: give {}"
    ]


def test_a_plugin_outside_of_the_repository_names_no_file() -> None:
    (line,) = annotation_lines(report_of([result("mine", "MF203", error())]))
    assert line.startswith("::error title=mine%3A a rule::MF203 ")


def test_warnings_and_accepted_findings_are_no_failures() -> None:
    warning = Finding(code="MF404", severity="warning", detail="x", message="careful")
    assert annotation_lines(report_of([result("x", "MF404", warning)])) == []


def test_hostile_text_neither_ends_the_line_nor_adds_a_property() -> None:
    (line,) = annotation_lines(report_of([result("x", "MF203", error(HOSTILE, got="a\n::error::b\r\nc"))]))
    assert line.isprintable()
    assert re.match(r"::error title=x%3A a rule::MF203 ", line)
    assert "%250A" in line, "a per cent sign of the plugin's is escaped"


def test_a_comma_or_colon_in_a_file_name_ends_no_property() -> None:
    (line,) = annotation_lines(report_of([result("x", "MF203", error())], x="a,title=b::c.yaml"))
    assert line.startswith("::error file=a%2Ctitle=b%3A%3Ac.yaml,title=")


def test_there_are_at_most_fifty_lines() -> None:
    many = [result("x", f"MF{number}", error()) for number in range(200, 300)]
    assert len(annotation_lines(report_of(many))) == 50
