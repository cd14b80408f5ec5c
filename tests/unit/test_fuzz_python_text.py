"""Values as Python source: what it means, and that a formatter leaves it as it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mockforge.fuzz.python_text import Node, call, expression, is_deep, statement

VALUES: list[object] = [
    None,
    True,
    0,
    -1,
    2**64 - 1,
    1.0,
    -0.0,
    1e308,
    5e-324,
    "",
    "plain",
    'say "hello"',
    "it's",
    "both ' and \"",
    "\\",
    "\0\t\n\r\x1b\x7f",
    "é🎸\u202e\u0301ключ",
    "\ud800",
    "a" * 65_537,
    "a" * 65_537 + "\0",
    "x" + "ab" * 500 + "é" * 300 + 'tail "quoted"',
    "no repetition in this one, but so long that it does not fit into a line of eighty-eight characters at all",
    b"",
    b"\0\xff\"'\\",
    b"{" + b"\0" * 70_000 + b"}",
    b'{"function_name":"upper","args":["' + b"a" * 65_537 + b'"],"context":{"environment":{}},"more":"' + b"b" * 99,
    [],
    {},
    (),
    (1,),
    [1, [2, {"a": ()}]],
    {"a" * 50: "b" * 50, "c": ["d" * 90, {"e": "f" * 20 + "g" * 30 + "h" * 40}]},
    ("a text that takes more than one line " * 300)[:9_000],
    ["a"] * 4_096,
    [1, 1.0, "b", [None]] * 100 + [1],
    [1, 1.0, True] * 100,
    ["long enough not to fit " * 3, "in a line"] * 100,
    ("some bytes that take more than one line " * 300)[:9_000].encode(),
    {f"k{number}": "v" for number in range(1_000)},
    {"own": [1], **{f"k{number}": "v" for number in range(1_000)}},
    {"key": "x" * 30 + "yz" * 30 + "abc" * 30 + "something else that is long"},
]


LONG = (
    "some words that are no repetition themselves, but are said again and again, each time the same, so that it grows"
)


def source(node: Node) -> str:
    return "\n".join(statement(node, indent=0, before="value = ")) + "\n"


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_value_is_what_its_source_says_in_ascii(value: object) -> None:
    text = source(expression(value))
    assert text.isascii()
    names: dict[str, object] = {}
    exec(compile(text, "source", "exec"), names)
    assert repr(names["value"]) == repr(value)


@pytest.mark.parametrize("width", [88, 100, 120])
def test_a_formatter_leaves_it_as_it_is(tmp_path: Path, width: int) -> None:
    pytest.importorskip("ruff")
    text = "".join(source(expression(value)) for value in VALUES)
    text += source(call("plugin.observe", call("build", *map(expression, VALUES[:14]), named=expression(VALUES[20]))))
    text += source(call("f", expression(LONG * 50), named=expression(LONG * 50 + "end")))
    path = tmp_path / "source.py"
    path.write_text(text)
    words = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={width}", "--diff", str(path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stdout == "", done.stdout[:3000]
    assert done.returncode == 0


def test_what_repeats_is_written_as_a_product() -> None:
    assert source(expression("a" * 65_537 + "\0")) == 'value = "a" * 65537 + "\\x00"\n'
    assert len(source(expression(b"xy" * 1_000_000))) < 40


def test_what_is_periodic_is_written_as_a_product_too() -> None:
    assert source(expression(("some words, " * 900)[:9_005])) == 'value = "some words, " * 750 + "some "\n'
    assert source(expression(["a", "b"] * 2_048)) == 'value = ["a", "b"] * 2048\n'
    many = {f"k{number}": "v" for number in range(500)}
    assert source(expression(many)) == 'value = {f"k{number}": "v" for number in range(500)}\n'


def test_what_python_could_not_parse_is_told() -> None:
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    assert is_deep(deep)
    assert not is_deep([[[{"a": [1]}]]])


def test_much_text_is_written_in_little_time() -> None:
    text = "".join(chr(33 + hash((number, 7)) % 90) for number in range(200_000))
    assert ast.literal_eval(source(expression(text)).removeprefix("value = ")) == text
