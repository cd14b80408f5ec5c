"""`budgets:` of plugin.test.yaml: forms, lines, and errors that point at the character."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.errors import DocumentError


def read(folder: Path, text: str) -> list[tuple[str, str]]:
    path = folder / "plugin.test.yaml"
    path.write_text(text, "utf-8")
    return [(budget.text, budget.source) for budget in read_testfile(path).budgets]


def test_an_entry_is_an_expression_or_a_scope_with_one(tmp_path: Path) -> None:
    text = 'budgets:\n  - fuel<200k\n  - authenticate: p95<5ms\n  - "rust,go: growth<1B/call"\n'
    assert read(tmp_path, text) == [
        ("fuel<200k", "plugin.test.yaml:2"),
        ("authenticate: p95<5ms", "plugin.test.yaml:3"),
        ("rust,go: growth<1B/call", "plugin.test.yaml:4"),
    ]


def test_one_word_switches_the_documented_ones_on(tmp_path: Path) -> None:
    assert len(read(tmp_path, "budgets: [default]")) == 5


def test_a_budget_written_twice_counts_once(tmp_path: Path) -> None:
    assert read(tmp_path, "budgets: [fuel<1k, fuel < 1k]") == [("fuel<1k", "plugin.test.yaml:1")]


def test_without_the_key_there_are_none(tmp_path: Path) -> None:
    assert read(tmp_path, "stateful: false") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("budgets:\n  - p95<5\n", ":2:5: a time without a unit\n    p95<5\n         ^\n  hint: write p95<5ms"),
        ("budgets:\n  - authenticate: fule<5\n", ":2:5: 'fule' is no metric\n    authenticate: fule<5\n"),
        ("budgets: ['']", ":1:11: a budget is empty"),
        ("budgets: [fuel<1k, fuel>2k]", ":1:1: 'fuel<1k' and 'fuel>2k' cannot both hold"),
        ("budgets: [5]", ":1:11: a budget holds the wrong value\n  expected: text\n  got: the number 5"),
        ("budgets: [{authenticate: 5}]", "a budget holds the wrong value"),
        ("budgets: fuel<1k", "holds the wrong value\n  expected: a list"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
