"""Values written as YAML on one line, and read back by our own reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mockforge.documents.yaml12 import load
from pytest_mockforge.documents.yaml_text import flow


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**63),
        1e-07,
        1e21,
        -0.0,
        "abc",
        "",
        "true",
        "no",
        "~",
        "1.0",
        "a: b",
        "- a",
        "# c",
        "{port}",
        "*x",
        " lead",
        "tab\tand\nline\r\0\x1f\x7f\x85\u2028\ufeff",
        'quotes " and \\',
        "ключ-🔑 👩\u200d💻",
        [],
        {},
        {"a": [1, {"b": None}], "": "x", "on": {}, "k:": [[]]},
    ],
)
def test_what_is_written_is_read_back(value: object, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"value: {flow(value)}  # a comment\n", "utf-8")
    read = load(path).value
    assert isinstance(read, dict)
    assert repr(read["value"]) == repr(value)


@pytest.mark.parametrize("text", ["abc", "SELECT * FROM users", "/api/users", "application/json", "a_b-c.d"])
def test_plain_text_stays_plain(text: str) -> None:
    assert flow(text) == text


def test_text_that_older_readers_take_for_something_else_is_quoted() -> None:
    assert flow(["yes", "Off", "null"]) == '["yes", "Off", "null"]'
