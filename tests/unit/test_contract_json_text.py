"""JSON as the host reads and writes it: the dump, the fast reader, and the precise one behind it."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from types import MappingProxyType

import pytest

from pytest_mockforge.contract.json_reader import JsonError, Reader
from pytest_mockforge.contract.json_text import Json, dump, json_pointer, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RequestError

_REPLY = (
    b'{"authenticated":true,"identity":{"user_id":"u-1","roles":["admin"],"groups":[],"attributes":{"tier":"gold"}},'
    b'"claims":{"sub":"u-1","exp":1893456000,"share":0.5,"t":"12:30-01:00"},"metadata":{},"e":"\\u00e9\\ud83d\\ude00"}'
)
_ODD = (
    b' [1, -2.5e3 ,-0, 0.1, null , true,false,"a\\u00e9\\n\xc3\xa9\xf0\x9f\x98\x80", {"k":[{}] , "l" : [ ] } ,\n 12E-2,'
    b'18446744073709551616,{"q":1,"q":2}]\n'
)


def _precisely(data: bytes) -> tuple[object, object, object]:
    """What the precise reader alone makes of `data`; the repr tells 1 from 1.0 and 0.0 from -0.0."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return "encoding", None, None
    reader = Reader(data)
    try:
        return None, repr(reader.read()), reader.repeated
    except JsonError as error:
        return str(error), None, None


def _quickly(data: bytes) -> tuple[object, object, object]:
    parsed = parse(data)
    if parsed.host_message is not None:
        broken = parsed.violations[0]
        return ("encoding" if broken.kind == "encoding" else parsed.host_message), None, None
    return None, repr(parsed.value), tuple(violation.pointer for violation in parsed.violations)


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-1, "-1"),
        (2**64 - 1, "18446744073709551615"),
        (-(2**63), "-9223372036854775808"),
        ("", '""'),
        ([], "[]"),
        ({}, "{}"),
        ((1, (2,)), "[1,[2]]"),
        ([1.0, {}], "[1.0,{}]"),
        ({"b": 1, "a": {"d": [], "c": 0.5}}, '{"a":{"c":0.5,"d":[]},"b":1}'),
        (MappingProxyType({"b": 1, "a": 2}), '{"a":2,"b":1}'),
        (Operation.AUTHENTICATE, '"authenticate"'),
    ],
)
def test_values_are_written_compactly(value: object, text: str) -> None:
    assert dump(value) == text.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (200.0, "200.0"),
        (0.1, "0.1"),
        (-12.5, "-12.5"),
        (0.001, "0.001"),
        (0.0001, "0.0001"),
        (0.00001, "0.00001"),
        (-0.000015, "-0.000015"),
        (1.2345e-5, "0.000012345"),
        (1e-6, "1e-6"),
        (1e-7, "1e-7"),
        (-1.5e-7, "-1.5e-7"),
        (5e-324, "5e-324"),
        (1e15, "1000000000000000.0"),
        (1234567890123456.0, "1234567890123456.0"),
        (1e16, "1e16"),
        (1e21, "1e21"),
        (1.5e21, "1.5e21"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
    ],
)
def test_floats_are_written_with_a_point_or_an_exponent(value: float, text: str) -> None:
    assert dump(value) == text.encode()
    assert dump([value, 1]) == f"[{text},1]".encode()


def test_keys_stand_in_byte_order_at_every_level() -> None:
    keys = ["\U00010000", "\uffff", "é", "z", "a", "Z", "aa", "", "\x7f", "/", "10", "9"]
    in_order = sorted(keys, key=str.encode)
    for extra in (1, 1e-9):  # an integer takes the fast road, a float the slow one
        value = {"outer": [dict.fromkeys(keys, extra)]}
        assert list(json.loads(dump(value))["outer"][0]) == in_order


@pytest.mark.parametrize("companion", [1, 1e16])
def test_only_quotes_backslashes_and_controls_are_escaped(companion: float) -> None:
    text = '"\\/\b\t\n\f\r\x00\x1f\x7f\u2028é🎸</script>'
    expected = '"\\"\\\\/\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\u2028é🎸</script>"'
    assert dump([text, companion]) == f"[{expected},{dump(companion).decode()}]".encode()
    assert dump({text: companion}) == f"{{{expected}:{dump(companion).decode()}}}".encode()


@pytest.mark.parametrize(
    ("value", "pointer", "got"),
    [
        ({"a": [1, math.nan]}, "/a/1", "nan"),
        ({"a": math.inf}, "/a", "inf"),
        ([2**64], "/0", "integer 18446744073709551616"),
        ([-(2**63) - 1], "/0", "integer -9223372036854775809"),
        ([10**60], "/0", "integer of 200 bits"),
        ({"a/b~c": {"x": "\ud800"}}, "/a~1b~0c/x", "lone surrogate U+D800 at character 0"),
        ([1e-9, "ab\udfff"], "/1", "lone surrogate U+DFFF at character 2"),
        ({"args": [object]}, "/args/0", "a value of type type"),
        ({"args": [{1: 2}]}, "/args/0", "a key of type int"),
        ({"args": b"x"}, "/args", "a value of type bytes"),
        ({"args": {1, 2}}, "/args", "a value of type set"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_its_pointer(value: object, pointer: str, got: str) -> None:
    with pytest.raises(RequestError) as caught:
        dump(value)
    assert f'"{pointer}"' in caught.value.message
    assert f"got: {got}" in caught.value.message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**64, "an integer from -2^63 to 2^64-1"),
        (float("nan"), "a finite number"),
        ({1: 2}, "text keys"),
        ({1}, "what JSON can hold"),
        ("\ud800", "text that UTF-8 can hold"),
    ],
    ids=repr,
)
def test_what_json_can_hold_instead_is_told(value: object, expected: str) -> None:
    with pytest.raises(RequestError) as caught:
        dump(value)
    assert f"expected: {expected}\n" in caught.value.message


def test_a_lone_surrogate_in_a_key_is_refused() -> None:
    with pytest.raises(RequestError, match=r"lone surrogate U\+D800"):
        dump({"a": {"\ud800": 1}})


@pytest.mark.parametrize("inner", [1, 1e-9])
def test_a_value_that_contains_itself_is_refused(inner: float) -> None:
    loop: list[object] = [inner]
    loop.append(loop)
    with pytest.raises(RequestError, match="nested too deeply, or contains itself"):
        dump(loop)


def test_as_many_levels_as_a_plugin_can_read_are_written() -> None:
    value: Json = 1e-9
    for _ in range(127):
        value = [value]
    assert parse(dump(value)).value == value


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        (" \t\r\n[ 1 , 2 ]\n", [1, 2]),
        ('"\\u00e9\\ud83d\\ude00\\/\\b"', "é😀/\b"),
        ('"\x7f"', "\x7f"),
        ("1E5", 100000.0),
        ("1e5", 100000.0),
        ("-0.0", -0.0),
        ("-0", -0.0),
        ("[-0]", [-0.0]),
        ('{"a" : -0 }', {"a": -0.0}),
        ("-0e1", -0.0),
        ("0", 0),
        ("-1", -1),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", -(2.0**63)),
        ("99999999999999999999999", 1e23),
        ("0e99999999999", 0.0),
        ("1e-99999999999", 0.0),
        ("1e-400", 0.0),
        ("1e0000000000000000000000000000000000000000001", 10.0),
        ('{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
        ('"12:00-01 -0 12345678901234567890 [{"', "12:00-01 -0 12345678901234567890 [{"),
    ],
)
def test_valid_text_gives_the_value_that_the_host_sees(text: str, value: Json) -> None:
    parsed = parse(text.encode())
    assert parsed.ok
    assert repr(parsed.value) == repr(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("\n", "EOF while parsing a value at line 2 column 0"),
        ("nope", "expected ident at line 1 column 2"),
        ("hello", "expected value at line 1 column 1"),
        ("{} x", "trailing characters at line 1 column 4"),
        ("{}\0", "trailing characters at line 1 column 3"),
        ("\ufeff{}", "expected value at line 1 column 1"),
        ("[1,\n  x]", "expected value at line 2 column 3"),
        ('{"é":x}', "expected value at line 1 column 7"),
        ("NaN", "expected value at line 1 column 1"),
        ("[NaN]", "expected value at line 1 column 2"),
        ("Infinity", "expected value at line 1 column 1"),
        ("-Infinity", "invalid number at line 1 column 2"),
        ("01", "invalid number at line 1 column 2"),
        ("1.", "EOF while parsing a value at line 1 column 2"),
        ("1e999", "number out of range at line 1 column 5"),
        ("-1e999", "number out of range at line 1 column 6"),
        ("1e99999999999", "number out of range at line 1 column 12"),
        ('"a\tb"', "control character (\\u0000-\\u001F) found while parsing a string at line 1 column 3"),
        ('"\\ud800"', "unexpected end of hex escape at line 1 column 8"),
        ('"\\ud800\\n"', "unexpected end of hex escape at line 1 column 9"),
        ('"\\udc00"', "lone leading surrogate in hex escape at line 1 column 7"),
        ('"\\ud800\\u0041"', "lone leading surrogate in hex escape at line 1 column 13"),
        ('"\\\\ud83d\\ude00"', "lone leading surrogate in hex escape at line 1 column 14"),
        ("[1,]", "trailing comma at line 1 column 4"),
        ('{"a":1,}', "trailing comma at line 1 column 8"),
        ("{1:2}", "key must be a string at line 1 column 2"),
        ("[" * 128, "recursion limit exceeded at line 1 column 128"),
    ],
)
def test_the_message_is_the_hosts_with_line_and_column(text: str, message: str) -> None:
    parsed = parse(text.encode())
    assert parsed.host_message == message
    assert parsed.value is None
    assert [violation.severity for violation in parsed.violations] == ["error"]
    assert message in parsed.violations[0].got


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff", "invalid utf-8 sequence of 1 bytes from index 0"),
        (b'"a\xe2\x82x"', "invalid utf-8 sequence of 2 bytes from index 2"),
        (b'"\xe2\x82', "incomplete utf-8 byte sequence from index 1"),
        (b"\xed\xa0\x80", "invalid utf-8 sequence of 1 bytes from index 0"),
    ],
)
def test_broken_utf_8_is_named_with_its_index(data: bytes, message: str) -> None:
    parsed = parse(data)
    assert parsed.host_message == message
    assert [(violation.kind, violation.pointer) for violation in parsed.violations] == [("encoding", "")]


@pytest.mark.parametrize("around", [("[", "]"), ('{"a":', "}"), ('{"a:[":', "}")])
def test_127_levels_are_read_and_128_are_not(around: tuple[str, str]) -> None:
    opening, closing = around
    good = parse((opening * 127 + "1" + closing * 127).encode())
    assert good.ok
    assert good.violations == ()
    bad = parse((opening * 128 + "1" + closing * 128).encode())
    assert bad.host_message is not None
    assert bad.host_message.startswith("recursion limit exceeded at line 1 column ")
    assert [violation.kind for violation in bad.violations] == ["depth"]


def test_brackets_side_by_side_and_in_strings_are_no_depth() -> None:
    wide = b'{"a":"' + b"[" * 500 + b'","b":[' + b"[{}]," * 500 + b"0]}"
    assert parse(wide).ok


@pytest.mark.parametrize("levels", [128, 500, 900, 970, 990, 1000, 100_000])
def test_no_depth_exhausts_the_stack(levels: int) -> None:
    for text in (b"[" * levels, b"[" * levels + b"]" * levels, b'{"a":' * levels):
        assert [violation.kind for violation in parse(text).violations] == ["depth"]


def test_reading_survives_a_caller_near_the_recursion_limit() -> None:
    def descend(levels: int) -> bool:
        return parse(b"[" * 120 + b"]" * 120).ok if levels == 0 else descend(levels - 1)

    depth = 0
    frame = sys._getframe()
    while (caller := frame.f_back) is not None:
        frame, depth = caller, depth + 1
    assert descend(sys.getrecursionlimit() - depth - 40)


def test_each_repeated_key_is_a_warning_once_with_its_pointer() -> None:
    parsed = parse(b'{"a":1,"a":2,"a":3,"x/y~":[0,{"q":1,"r":{},"q":{"z":1,"z":2}}]}')
    assert parsed.ok
    assert parsed.value == {"a": 3, "x/y~": [0, {"q": {"z": 2}, "r": {}}]}
    assert [(v.kind, v.severity, v.pointer) for v in parsed.violations] == [
        ("duplicate-key", "warning", "/a"),
        ("duplicate-key", "warning", "/x~1y~0/1/q"),
        ("duplicate-key", "warning", "/x~1y~0/1/q/z"),
    ]
    assert {(v.expected, v.got) for v in parsed.violations} == {("each key once", "a repeated key")}


def test_a_repeated_key_is_found_beside_colons_in_strings() -> None:
    assert [v.pointer for v in parse(b'{"t":"12:30","a":{"b":1, "b":2}}').violations] == ["/a/b"]


def test_a_repeated_key_is_found_where_one_is_spelt_with_an_escape() -> None:
    assert [v.pointer for v in parse(b'{"a":1,"\\u0061":2}').violations] == ["/a"]


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"", "the plugin returned no bytes: a length of 0"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{}\0", "ends in a NUL"),
        (b"\xff", "the reply is text in UTF-8"),
    ],
)
def test_common_slips_come_with_a_hint(data: bytes, hint: str) -> None:
    assert hint in (parse(data).violations[0].hint or "")


def test_a_pointer_escapes_tildes_and_slashes() -> None:
    assert json_pointer(["a/b", 0, "~", ""]) == "/a~1b/0/~0/"
    assert json_pointer([]) == ""


# --- the two readers agree --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [_REPLY, _ODD], ids=["reply", "odd"])
def test_both_readers_agree_on_every_single_byte_change(text: bytes) -> None:
    replacements = [bytes([byte]) for byte in b'[]{}",:\\u019dDeE+-. n\n\x00\x1f\xff\xc3\xed']
    for index in range(len(text) + 1):
        for changed in (text[:index], text[index:], text[:index] + text[index + 1 :]):
            assert _quickly(changed) == _precisely(changed), changed
        for piece in replacements:
            for changed in (text[:index] + piece + text[index:], text[:index] + piece + text[index + 1 :]):
                assert _quickly(changed) == _precisely(changed), changed


def test_both_readers_agree_on_numbers_of_every_length() -> None:
    for sign in ("", "-"):
        for digits in range(1, 30):
            for number in (
                "1" * digits,
                "9" * digits,
                "1" + "0" * (digits - 1),
                "0." + "3" * digits,
                "1" * digits + "e3",
            ):
                data = f"[{sign}{number}]".encode()
                assert _quickly(data) == _precisely(data), data


def test_both_readers_agree_on_every_escape_of_two_units() -> None:
    for first in (0x41, 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000):
        for second in (0x41, 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000):
            for before in ("", "\\\\", "\\\\\\\\"):
                data = f'"{before}\\u{first:04x}\\u{second:04X}"'.encode()
                assert _quickly(data) == _precisely(data), data


@pytest.mark.parametrize(
    "make",
    [
        lambda n: b"[" * n,
        lambda n: b'{"a":' * n,
        lambda n: b'"' + b"\\" * (2 * n + 1),
        lambda n: b"9" * n,
        lambda n: b" " * n,
        lambda n: b'["a\\"' + b'"a\\"' * n,
        lambda n: b"[-0" + b",123456789012345678901" * (n // 20) + b"]",
        lambda n: b'{"a":1' + b',"a":1' * (n // 20) + b"}",
        lambda n: b"1e" + b"0" * n + b"1",
        lambda n: b'{"a":"' + b":" * n + b'"}',
        lambda n: b'"' + b"a" * n + b"\n",
    ],
    ids=[
        "open",
        "objects",
        "backslashes",
        "digits",
        "spaces",
        "quotes",
        "long",
        "repeated",
        "exponent",
        "colons",
        "control",
    ],
)
def test_a_megabyte_of_spite_is_read_in_linear_time(make: Callable[[int], bytes]) -> None:
    started = time.process_time()
    parse(make(1_000_000))
    # A quadratic reader would take minutes; the bound leaves room for a slow and busy machine.
    assert time.process_time() - started < 10
