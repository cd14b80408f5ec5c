"""How two replies that differ are told apart: each field by its path, what was expected, what came."""

from __future__ import annotations

import pytest

from pytest_mockforge.contract.replies import ResponseData
from pytest_mockforge.snapshot.differences import differences, headline, shown
from pytest_mockforge.snapshot.text import write
from pytest_mockforge.snapshot.tree import Data, Document, Fields, Node, Table, document_of


def found(old: object, new: object) -> list[tuple[str, str, str]]:
    """Give pointer, expected and got for two values."""
    before, after = (write(document_of(value)) for value in (old, new))
    return [(one.pointer, one.expected, one.got) for one in differences(before, after)]


def reply(body: bytes, content_type: str = "text/plain", **headers: str) -> ResponseData:
    return ResponseData(status_code=200, headers=headers, body=body, content_type=content_type, metadata={}, custom={})


def rows(*values: tuple[object, ...]) -> Node:
    return Table(columns=("id", "note"), rows=tuple(dict(zip(("id", "note"), row, strict=True)) for row in values))  # type: ignore[arg-type]


def of(node: Node) -> str:
    return write(Document(title="query_datasource", node=Fields(members={"rows": node})))


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ("/a/b", "1", "2")),
        ({"a": 1}, {}, ("/a", "1", "nothing")),
        ({}, {"a": None}, ("/a", "nothing", "null")),
        ({"a": 1}, {"a": "1"}, ("/a", "1", '"1"')),
        ({"a": True}, {"a": 1}, ("/a", "true", "1")),
        ({"x/y~z": 1}, {"x/y~z": 2}, ("/x~1y~0z", "1", "2")),
        ({"a": {"b": 1}}, {"a": []}, ("/a", '{"b": 1}', "[]")),
        (1, 2, ("", "1", "2")),
    ],
)
def test_each_field_that_differs_is_named(old: object, new: object, difference: tuple[str, str, str]) -> None:
    assert found(old, new) == [difference]


def test_an_item_more_is_one_difference() -> None:
    assert found(["a", "b", "c"], ["a", "x", "b", "c"]) == [("/1", "nothing", '"x"')]
    assert found(["a", "b", "c"], ["a", "c"]) == [("/1", '"b"', "nothing")]


def test_another_order_is_one_difference() -> None:
    assert found({"a": [1, 2, 3]}, {"a": [3, 1, 2]}) == [
        ("/a", "3 items in this order: 1, 2, 3", "the same items in another order (2, 0, 1): 3, 1, 2")
    ]


def test_a_cell_is_named_by_row_and_column() -> None:
    old, new = of(rows((1, None), (2, "x"))), of(rows((1, ""), (2, "x")))
    assert [(one.pointer, one.expected, one.got) for one in differences(old, new)] == [("/rows/0/note", "null", '""')]


def test_another_order_of_rows_is_one_difference() -> None:
    old, new = of(rows((1, None), (2, "x"))), of(rows((2, "x"), (1, None)))
    assert [one.pointer for one in differences(old, new)] == ["/rows"]


def test_headers_and_lines_of_text_are_named() -> None:
    old, new = reply(b"a\nb\nc", x="1"), reply(b"a\nB\nc", y="1")
    assert found(old, new) == [
        ("/headers/x", '"1"', "nothing"),
        ("/headers/y", "nothing", '"1"'),
        ("/body, line 2", '"b"', '"B"'),
    ]


def test_text_of_one_line_is_named_by_its_field() -> None:
    assert found(reply(b"a"), reply(b"b")) == [("/body", '"a"', '"b"')]


def test_bytes_are_told_apart_by_size_digest_and_beginning() -> None:
    ((pointer, expected, got),) = found(reply(b"\0\1", "image/gif"), reply(b"\0\1\2", "image/gif"))
    assert pointer == "/body"
    assert expected.startswith("2 bytes, SHA-256 b413f47d13ee…, 00 01")
    assert got.startswith("3 bytes, SHA-256 ")


def test_a_body_of_another_kind_is_one_difference() -> None:
    ((pointer, expected, got),) = found(reply(b'{"a":1}', "application/json"), reply(b'{"a":1', "application/json"))
    assert (pointer, expected, got) == ("/body", '{"a": 1}', 'text "{\\"a\\":1"')


def test_a_reply_of_another_kind_is_one_difference() -> None:
    assert found(reply(b""), 7) == [
        (
            "",
            "generate_response: the fields status_code, content_type, cache_control, headers, body, metadata, custom",
            "value: 7",
        )
    ]


def test_what_was_changed_by_hand_is_compared_line_by_line() -> None:
    good = write(document_of({"a": 1}))
    broken = good.replace("{", "(")
    assert [(one.pointer, one.expected, one.got) for one in differences(broken, good)] == [("line 2", '"  ("', '"  {"')]


def test_another_layout_alone_is_a_difference_too() -> None:
    good = write(document_of({"a": 1}))
    other = good.replace('"a": 1', '"a":  1')
    assert [one.pointer for one in differences(other, good)] == ["line 3"]


def test_the_first_field_stands_in_the_headline_and_twenty_below() -> None:
    many = {f"k{number:02}": number for number in range(30)}
    differing = differences(write(document_of(many)), write(document_of({})))
    assert headline(differing, "from snapshot 'x'") == "/k00 differs from snapshot 'x', and 29 more fields"
    lines = shown(differing)
    assert lines[:3] == ["  /k00", "    expected: 0", "    got: nothing"]
    assert lines[-1] == "  … and 10 more fields"
    assert len(lines) == 20 * 3 + 1


def test_what_a_plugin_said_never_reaches_a_terminal_raw() -> None:
    lines = shown(differences(write(document_of("a")), write(Document(title="value", node=Data(value="\x1b[31m")))))
    assert all(line.isprintable() for line in lines)
