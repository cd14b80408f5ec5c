"""What counts as the expected reply, and what may differ between equal calls."""

from __future__ import annotations

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.expectation import (
    Mismatch,
    Volatile,
    differing,
    matches,
    without_volatile,
)

AUTH, RESPONSE = Operation.AUTHENTICATE, Operation.GENERATE_RESPONSE


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({}, {"a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}),
        ({"a": None}, {"a": None}),
        ([], []),
        ([1, "a", None], [1, "a", None]),
        ([{"a": 1}], [{"a": 1, "b": 2}]),
        ("a", "a"),
        (1.0, 1.0),
        (None, None),
    ],
)
def test_a_reply_that_holds_what_is_expected_matches(expected: object, actual: object) -> None:
    assert matches(expected, actual) == ()


@pytest.mark.parametrize(
    ("expected", "actual", "mismatch"),
    [
        (1, 1.0, ("", "1", "1.0")),
        (1, True, ("", "1", "true")),
        (False, 0, ("", "false", "0")),
        ("1", 1, ("", '"1"', "1")),
        ({}, [], ("", "{}", "[]")),
        ({"a": 1}, {}, ("/a", "1", "nothing")),
        ({"a": None}, {}, ("/a", "null", "nothing")),
        ({"a": None}, {"a": 0}, ("/a", "null", "0")),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ("/a/b", "1", "2")),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, ("/a~1b/~0", "1", "2")),
        ([1, 2], [1], ("", "[1, 2]", "[1]")),
        ([1], [1, 2], ("", "[1]", "[1, 2]")),
        ([{"a": 1}], [{"b": 1}], ("/0/a", "1", "nothing")),
        ([1, 2], [2, 2], ("/0", "1", "2")),
        ("é", "e", ("", '"é"', '"e"')),
    ],
)
def test_a_difference_is_given_with_its_pointer(
    expected: object, actual: object, mismatch: tuple[str, str, str]
) -> None:
    pointer, wanted, got = mismatch
    assert matches(expected, actual) == (Mismatch(pointer=pointer, expected=wanted, got=got),)


def test_every_difference_is_given_in_the_order_expected() -> None:
    found = matches({"b": 1, "a": 2, "c": 3}, {"a": 0, "b": 0, "c": 3}, path="/reply")
    assert [mismatch.pointer for mismatch in found] == ["/reply/b", "/reply/a"]


def test_a_long_value_is_shortened() -> None:
    (mismatch,) = matches("a", "b" * 1_000_000)
    assert len(mismatch.got) == 300
    assert mismatch.got.endswith("b…")


def test_what_would_act_on_a_terminal_is_escaped() -> None:
    (mismatch,) = matches("a", "\x1b[31m\x9b\ud800")
    assert mismatch.got == r'"\u001b[31m\u009b\ud800"'


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("/a", {"ab": 2, "x/y": 3}),
        ("/a/b", {"a": {}, "ab": 2, "x/y": 3}),
        ("/a/b/c", {"a": {"b": {"d": 1}}, "ab": 2, "x/y": 3}),
        ("/x~1y", {"a": {"b": {"c": 0, "d": 1}}, "ab": 2}),
        ("/x/y", {"a": {"b": {"c": 0, "d": 1}}, "ab": 2, "x/y": 3}),
        ("/*/b", {"a": {}, "ab": 2, "x/y": 3}),
    ],
)
def test_a_volatile_pointer_covers_its_place_and_what_lies_in_it(pattern: str, left: object) -> None:
    reply = {"a": {"b": {"c": 0, "d": 1}}, "ab": 2, "x/y": 3}
    assert without_volatile(reply, AUTH, (Volatile(pointer=pattern),)) == left


def test_a_volatile_field_of_one_operation_is_steady_in_the_others() -> None:
    entries = (Volatile(pointer="/a", operation=RESPONSE),)
    assert without_volatile({"a": 1}, RESPONSE, entries) == {}
    assert without_volatile({"a": 1}, AUTH, entries) == {"a": 1}


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ((), {"a": 1, "rows": [{"id": 1, "x": 2}, {"id": 3}]}),
        (("/a",), {"rows": [{"id": 1, "x": 2}, {"id": 3}]}),
        (("/rows/*/id",), {"a": 1, "rows": [{"x": 2}, {}]}),
        (("/rows/0",), {"a": 1, "rows": [None, {"id": 3}]}),
        (("/rows", "/rows/0/id"), {"a": 1}),
        (("/*",), {}),
        (("/a/b", "/absent"), {"a": 1, "rows": [{"id": 1, "x": 2}, {"id": 3}]}),
    ],
)
def test_a_reply_is_copied_without_what_is_volatile(patterns: tuple[str, ...], left: object) -> None:
    reply = {"a": 1, "rows": [{"id": 1, "x": 2}, {"id": 3}]}
    volatile = tuple(Volatile(pointer=pattern) for pattern in patterns)
    assert without_volatile(reply, AUTH, volatile) == left
    assert reply == {"a": 1, "rows": [{"id": 1, "x": 2}, {"id": 3}]}


def test_a_reply_keeps_what_is_volatile_for_another_operation() -> None:
    assert without_volatile({"a": 1}, AUTH, (Volatile(pointer="/a", operation=RESPONSE),)) == {"a": 1}


def test_differing_tells_what_either_value_alone_has_and_each_place_once() -> None:
    found = differing({"a": 1, "b": {"x": [1]}}, {"b": {"x": [2], "y": 3}})
    assert [(one.pointer, one.expected, one.got) for one in found] == [
        ("/a", "1", "nothing"),
        ("/b/x/0", "1", "2"),
        ("/b/y", "nothing", "3"),
    ]
