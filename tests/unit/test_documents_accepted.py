"""Accepted findings: what an entry covers, and until when."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.documents.accepted import Accepted, read_accept_file
from pytest_mockforge.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path


def entries_of(folder: Path, text: str) -> tuple[Accepted, ...]:
    path = folder / "accepted.yaml"
    path.write_text(text)
    return read_accept_file(path)


def entry(folder: Path, more: str = "") -> Accepted:
    (only,) = entries_of(folder, "- {code: MF403, reason: known" + more + "}")
    return only


def test_a_whole_entry_is_read(tmp_path: Path) -> None:
    text = "- code: MF403\n  detail: auth*\n  reason: ' known '\n  expires: 2027-01-31\n  plugin: auth-rust\n"
    assert entries_of(tmp_path, "# head\n" + text) == (
        Accepted(
            code="MF403",
            detail="auth*",
            reason="known",
            expires=date(2027, 1, 31),
            plugin="auth-rust",
            path=tmp_path / "accepted.yaml",
            line=2,
        ),
    )


def test_an_empty_list_accepts_nothing(tmp_path: Path) -> None:
    assert entries_of(tmp_path, "[]") == ()


def test_an_entry_of_code_alone_covers_each_detail_and_plugin(tmp_path: Path) -> None:
    accepted = entry(tmp_path)
    assert accepted.covers("MF403", "authenticate", "auth-rust")
    assert accepted.covers("MF403")
    assert not accepted.covers("MF404", "authenticate", "auth-rust")


def test_an_entry_with_a_label_covers_that_plugin_only(tmp_path: Path) -> None:
    accepted = entry(tmp_path, ", plugin: auth-rust")
    assert accepted.covers("MF403", None, "auth-rust")
    assert not accepted.covers("MF403", None, "auth-go")
    assert not accepted.covers("MF403")


@pytest.mark.parametrize(
    ("pattern", "detail", "covered"),
    [
        ("authenticate", "authenticate", True),
        ("authenticate", "authenticate:x", False),
        ("authenticate", "Authenticate", False),
        ("auth*", "authenticate", True),
        ("*", "", True),
        ("*:/a", "x:/a", True),
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("a*c", "abcd", False),
        ("ab*ba", "aba", False),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a**c", "abc", True),
        ("/rows[0]?", "/rows[0]?", True),
        ("/rows[0]?", "/rows0x", False),
    ],
)
def test_a_star_in_the_detail_stands_for_any_text(tmp_path: Path, pattern: str, detail: str, covered: bool) -> None:
    assert entry(tmp_path, f", detail: {pattern!r}").covers("MF403", detail) is covered


def test_an_entry_with_a_detail_does_not_cover_a_finding_without(tmp_path: Path) -> None:
    assert not entry(tmp_path, ", detail: x").covers("MF403", None)


def test_a_pattern_of_many_stars_is_judged_at_once(tmp_path: Path) -> None:
    began = time.process_time()
    assert not entry(tmp_path, f", detail: '{'a*' * 500}b'").covers("MF403", "a" * 100_000)
    assert time.process_time() - began < 2


def test_an_entry_holds_on_its_last_day_and_not_after(tmp_path: Path) -> None:
    accepted = entry(tmp_path, ", expires: 2027-01-31")
    assert not accepted.expired(date(2027, 1, 31))
    assert accepted.expired(date(2027, 2, 1))


def test_an_entry_without_a_date_never_expires(tmp_path: Path) -> None:
    assert not entry(tmp_path).expired(date.max)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "code: MF403",
            r"accepted\.yaml:1:1: an accept file holds the wrong value\n  expected: a list\n  got: a mapping",
        ),
        ("[a]", "an accepted finding holds the wrong value\n  expected: a mapping\n  got: text 'a'"),
        ("- {reason: x}", "1:3: an accepted finding has no 'code'"),
        ("- {code: MF403}", "1:3: an accepted finding has no 'reason'"),
        ("- {code: MF403, reason: }", "'reason' of an accepted finding holds the wrong value\n  expected: text"),
        ("- {code: MF403, reason: ''}", "'reason' of an accepted finding is empty\n  hint: write the text"),
        ("- {code: MF403, reason: 12}", "got: the number 12\n  hint: write the text; quote what"),
        ("- {code: MF4, reason: x}", "1:4: 'MF4' is no check's code\n  hint: a code is MF and three digits"),
        ("- {code: mf403, reason: x}", "'mf403' is no check's code"),
        ("- {code: MF403, reason: x, expires: soon}", "'soon' is no date\n  hint: write YEAR-MONTH-DAY"),
        ("- {code: MF403, reason: x, expires: 2027-02-30}", "'2027-02-30' is no date"),
        ("- {code: MF403, reason: x, expires: '20270131'}", "'20270131' is no date"),
        (
            "- {code: MF403, reason: x, expire: 2027-01-31}",
            r"unknown key 'expire' .*\n  hint: did you mean 'expires'\?",
        ),
        (
            "- {code: MF403, reason: x}\n- {code: MF403, reason: y}",
            r"accepted\.yaml:2:3: MF403 is accepted twice for the same detail \(first on line 1\)",
        ),
    ],
)
def test_a_slip_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        entries_of(tmp_path, text)


def test_one_code_may_be_accepted_for_two_details(tmp_path: Path) -> None:
    text = "- {code: MF403, reason: x, detail: a}\n- {code: MF403, reason: x, detail: b}\n"
    assert [accepted.detail for accepted in entries_of(tmp_path, text)] == ["a", "b"]
