"""Large replies are read in leaps from quote to quote, and yet as the precise reader reads them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mockforge.contract.json_text import _parse_precisely, parse

LONG = "x" * 50_000
ODD = ['"', "\\", "\\\\", '\\"', "[", "{", ":", "-0", "1" * 20, "é", "\u2028"]


def joined(parts: list[str]) -> str:
    return "".join(parts).replace("long", LONG)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"a":"{LONG}","a":1}}',
        f'{{"a":"{LONG}","b":-0}}',
        f'{{"a":"{LONG}","b":{"9" * 30}}}',
        f'{{"a":"{LONG}","b":{"[" * 128}{"]" * 128}}}',
        f'{{"a":"{LONG}","b":{"[" * 126}{"]" * 126}}}',
        f'{{"a":"{LONG}{"[" * 200}"}}',
        f'{{"a":"{LONG}{"1" * 40}-0:"}}',
        f'{{"a":"{LONG}\\\\","a":2}}',
        f'{{"a":"{LONG}\\\\","a":"x\\""}}',
        f'{{"a":"{LONG}\\"","a\\"":2}}',
        f'["{LONG}\\\\\\"\\\\", "b"]',
        f'["{LONG}", "é"]',
    ],
)
def test_what_is_odd_beside_a_long_text_is_seen(text: str) -> None:
    data = text.encode()
    assert parse(data) == _parse_precisely(data)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.lists(st.sampled_from([*ODD, "long"]), max_size=4).map(joined),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.lists(st.sampled_from(ODD), max_size=3).map("".join), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    st.sampled_from([(",", ":"), (", ", " : ")]),
)
def test_a_large_reply_is_read_as_the_precise_reader_reads_it(value: object, separators: tuple[str, str]) -> None:
    data = json.dumps(["y" * 5_000, value], separators=separators, ensure_ascii=False).encode()
    assert parse(data) == _parse_precisely(data)


@pytest.mark.parametrize("length", range(17, 24))
@pytest.mark.parametrize("offset", range(7))
def test_a_long_integer_is_seen_wherever_it_stands(length: int, offset: int) -> None:
    data = f'{{"{"k" * offset}":{"9" * length}}}'.encode()
    assert parse(data) == _parse_precisely(data)
