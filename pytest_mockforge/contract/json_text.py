"""Write and read JSON exactly as MockForge's serde_json 1.0.150 does (contract 1.1).

Both directions take a fast road through msgspec, whose grammar is as strict as serde_json's, and turn to a slow and
precise one only for what the two treat differently: floats beyond everyday size, `-0`, integers beyond 64 bits, depth,
repeated keys, errors. Knows nothing of requests or replies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import accumulate

import msgspec

from pytest_mockforge.contract.json_reader import (
    DEEPEST,
    I64_MIN,
    U64_MAX,
    Json,
    JsonError,
    Reader,
    json_pointer,
)
from pytest_mockforge.contract.rust_text import debug_text, float_text
from pytest_mockforge.contract.violations import Violation
from pytest_mockforge.errors import RequestError

__all__ = ["Json", "Parsed", "Written", "dump", "json_pointer", "parse"]


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """One text read as the host reads it; `host_message` is what the host prints after its prefix where it cannot."""

    value: Json = None
    violations: tuple[Violation, ...] = ()
    host_message: str | None = None

    @property
    def ok(self) -> bool:
        return self.host_message is None


# --- reading ----------------------------------------------------------------------------------------------------------

_decode = msgspec.json.Decoder().decode
_encode_in_order = msgspec.json.Encoder().encode
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_MINUS_ZERO = re.compile(rb"-0(?![.eE])")
_DIGITS_TO_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_LONG_INTEGER = b"0" * 19
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_LARGE, _LEAP = 4096, 256
"""Bytes from which on, and for each of which, it pays to look for a quote."""
_BACKSLASH = ord("\\")
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def parse(data: bytes) -> Parsed:
    """Read `data` as the host reads a reply. Never raises, whatever the bytes; linear in their number."""
    try:
        if not data.isascii():
            data.decode()
        value: Json = _decode(data)
        if not _is_odd(data, value):
            return Parsed(value=value)
    except UnicodeDecodeError as error:
        return _undecodable(error)
    except (msgspec.MsgspecError, RecursionError):
        pass
    return _parse_precisely(data)


def _is_odd(data: bytes, value: Json) -> bool:
    """Say whether msgspec may have read this valid text otherwise than serde_json.

    Text that comes out again byte for byte hid no repeated key and no `-0`, and most replies do, being compact. The
    quick tests may be fooled by what stands inside strings, so the second look has the strings taken out.
    """
    size = len(data)
    bare = None
    if size >= _LARGE:
        bare = _without_long_strings(data)
    if bare is None:
        # Whoever looks at each sixth byte sees three digits in a row of a long integer.
        short = b"000" not in data[::6].translate(_DIGITS_TO_ZERO) or _LONG_INTEGER not in data.translate(
            _DIGITS_TO_ZERO
        )
        # What is opened has to be closed, too.
        shallow = size < 2 * DEEPEST or data.count(b"[") + data.count(b"{") <= DEEPEST
        if short and shallow:
            if _encode_in_order(value) == data:
                return False
            if b"-0" not in data and data.count(b":") == _count_keys(value):
                return False
        bare = _STRING.sub(b"", data)
    return (
        (bare.count(b"[") + bare.count(b"{") > DEEPEST and _depth(bare) > DEEPEST)
        or _MINUS_ZERO.search(bare) is not None
        or _LONG_INTEGER in bare.translate(_DIGITS_TO_ZERO)
        or bare.count(b":") != _count_keys(value)
    )


def _without_long_strings(data: bytes) -> bytes | None:
    """Take the strings out of a valid text in leaps from quote to quote; None where there are too many for that."""
    pieces: list[bytes] = []
    find, at = data.find, 0
    for _ in range(len(data) // _LEAP):
        start = find(b'"', at)
        if start < 0:
            pieces.append(data[at:])
            return b"".join(pieces)
        pieces.append(data[at:start])
        end = find(b'"', start + 1)
        while data[end - 1] == _BACKSLASH and _is_escaped(data, end):
            end = find(b'"', end + 1)
        at = end + 1
    return None


def _is_escaped(data: bytes, at: int) -> bool:
    first = at
    while data[first - 1] == _BACKSLASH:
        first -= 1
    return (at - first) % 2 == 1


def _depth(bare: bytes) -> int:
    steps = map(_STEPS.__getitem__, bare.translate(None, _NOT_BRACKETS))
    return max(accumulate(steps), default=0)


def _count_keys(value: Json) -> int:
    """Count the keys that survived parsing; fewer than there are colons means that one was repeated."""
    if type(value) is dict:
        count = len(value)
        for member in value.values():
            if type(member) is dict or type(member) is list:
                count += _count_keys(member)
        return count
    count = 0
    if type(value) is list:
        for item in value:
            if type(item) is dict or type(item) is list:
                count += _count_keys(item)
    return count


def _undecodable(error: UnicodeDecodeError) -> Parsed:
    if error.reason == "unexpected end of data":
        message = f"incomplete utf-8 byte sequence from index {error.start}"
    else:
        message = f"invalid utf-8 sequence of {error.end - error.start} bytes from index {error.start}"
    broken = Violation(
        kind="encoding",
        pointer="",
        expected="UTF-8",
        got=message,
        hint="the reply is text in UTF-8 and no longer than the length that the plugin returns with it",
        cause="cut-off" if error.reason == "unexpected end of data" else "",
    )
    return Parsed(violations=(broken,), host_message=message)


def _parse_precisely(data: bytes) -> Parsed:
    reader = Reader(data)
    try:
        value = reader.read()
    except JsonError as error:
        return Parsed(violations=(_refused(error, data),), host_message=str(error))
    return Parsed(value=value, violations=tuple(map(_repeated, reader.repeated)))


def _refused(error: JsonError, data: bytes) -> Violation:
    if error.what == "recursion limit exceeded":
        return Violation(
            kind="depth", pointer="", expected=f"at most {DEEPEST} nested arrays and objects", got=str(error)
        )
    cause = _cause(error, data)
    hint = _HINTS.get(cause)
    if not data:
        hint = "the plugin returned no bytes: a length of 0"
    got = str(error) if data else f"an empty reply ({error})"
    return Violation(kind="syntax", pointer="", expected="one JSON value", got=got, hint=hint, cause=cause)


_CAUSES = {
    "expected ident": "misspelt-word",
    "invalid number": "number",
    "number out of range": "number-out-of-range",
    "invalid escape": "escape",
    "unexpected end of hex escape": "lone-surrogate",
    "lone leading surrogate in hex escape": "lone-surrogate",
    "control character (\\u0000-\\u001F) found while parsing a string": "control-character-in-text",
    "key must be a string": "key-is-no-text",
    "trailing comma": "trailing-comma",
}
_HINTS = {
    "byte-order-mark": "the reply begins with a byte order mark: leave it out",
    "utf-16": "the reply is UTF-16: encode it, in AssemblyScript by String.UTF8.encode",
    "zero-bytes": "the pointer leads to memory that nothing was written to",
    "trailing-nul": "the reply ends in a NUL: the length does not count a terminator",
}


def _cause(error: JsonError, data: bytes) -> str:
    """Give the word for why a text is no JSON, for one that names it to an author."""
    at = data[error.index - 1 : error.index + 8] if error.index else b""
    if data.startswith(b"\xef\xbb\xbf"):
        return "byte-order-mark"
    if data[1:4:2] == b"\0\0" and data[:1] != b"\0":
        return "utf-16"
    if error.what.startswith("EOF"):
        return "cut-off" if data.strip(b" \t\n\r") else "empty"
    if error.what == "trailing characters":
        if not data[error.index - 1 :].strip(b"\0"):
            return "trailing-nul"
        return "second-value" if at[:1] in b'{["' else "trailing-bytes"
    if at.startswith((b"NaN", b"Infinity")):
        return "not-a-number"
    if error.what == "expected value":
        return "zero-bytes" if at.startswith(b"\0") else "control-character" if at < b" " else "no-json"
    return _CAUSES.get(error.what, "punctuation")


def _repeated(pointer: str) -> Violation:
    return Violation(
        kind="duplicate-key",
        pointer=pointer,
        expected="each key once",
        got="a repeated key",
        severity="warning",
        hint="the host keeps the last value and drops the others",
    )


# --- writing ----------------------------------------------------------------------------------------------------------


class Written:
    """JSON that `dump` has written before and takes over as it stands. Never made from what a user gives."""

    __slots__ = ("raw",)

    def __init__(self, data: bytes) -> None:
        self.raw = msgspec.Raw(data)


def _raw_of(value: object) -> msgspec.Raw:
    assert type(value) is Written
    return value.raw


_encode = msgspec.json.Encoder(order="sorted", enc_hook=_raw_of).encode
_SIMPLE: frozenset[type] = frozenset({str, bool, type(None), Written})
"""What msgspec always writes as serde_json does, so that nobody has to look at it."""


def dump(value: object) -> bytes:
    """Write `value` compactly, its keys in ascending byte order.

    Takes None, bool, int, finite float, str, lists, tuples and mappings with text keys. Raises `RequestError` with
    the JSON pointer of what serde_json could not hold: NaN, infinity, an integer beyond 64 bits, a lone surrogate.
    """
    try:
        if _is_plain(value):
            return _encode(value)
    except UnicodeEncodeError:
        pass
    except RecursionError:
        raise _too_deep() from None
    pieces: list[str] = []
    try:
        _write(value, (), pieces)
    except RecursionError:
        raise _too_deep() from None
    return "".join(pieces).encode()


def _too_deep() -> RequestError:
    return RequestError(
        "the request is nested too deeply, or contains itself", hint=f"a plugin reads {DEEPEST} levels at most"
    )


def _is_plain(value: object) -> bool:
    """Say whether msgspec writes `value` as serde_json does: 64-bit integers, floats of everyday size, text keys."""
    kind = type(value)
    if kind is dict:
        for key, member in value.items():  # type: ignore[attr-defined]  # a dict
            if type(key) is not str or not (type(member) in _SIMPLE or _is_plain(member)):
                return False
        return True
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))  # type: ignore[call-overload]  # a list or a tuple
    if kind is int:
        return I64_MIN <= value <= U64_MAX  # type: ignore[operator]  # an int
    if kind is float:
        return 1e-4 <= abs(value) < 1e15 or value == 0  # type: ignore[arg-type]  # a float
    return kind in _SIMPLE


def _write(value: object, path: tuple[str | int, ...], out: list[str]) -> None:
    if value is None or value is True or value is False:
        out.append("null" if value is None else "true" if value else "false")
    elif isinstance(value, str):
        out.append(_quoted(value, path))
    elif isinstance(value, int):
        if not I64_MIN <= value <= U64_MAX:
            raise _unsendable(path, f"integer {_shown(value)}", "an integer from -2^63 to 2^64-1")
        out.append(str(int(value)))
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _unsendable(path, f"{value}", "a finite number")
        out.append(float_text(float(value)))
    elif isinstance(value, Written):
        out.append(bytes(value.raw).decode())
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            out.append("," if index else "[")
            _write(item, (*path, index), out)
        out.append("]" if value else "[]")
    elif isinstance(value, Mapping):
        _write_object(value, path, out)
    else:
        raise _unsendable(path, f"a value of type {type(value).__name__}", "what JSON can hold")


def _write_object(value: Mapping[object, object], path: tuple[str | int, ...], out: list[str]) -> None:
    keys: list[str] = []
    for key in value:
        if not isinstance(key, str):
            raise _unsendable(path, f"a key of type {type(key).__name__}", "text keys")
        keys.append(key)
    for index, key in enumerate(sorted(keys)):
        out.append("," if index else "{")
        out.append(_quoted(key, path))
        out.append(":")
        _write(value[key], (*path, key), out)
    out.append("}" if keys else "{}")


def _quoted(text: str, path: tuple[str | int, ...]) -> str:
    try:
        return _encode(str(text)).decode()
    except UnicodeEncodeError as error:
        surrogate = f"lone surrogate U+{ord(text[error.start]):04X} at character {error.start}"
        raise _unsendable(path, surrogate, "text that UTF-8 can hold") from None


def _shown(value: int) -> str:
    return str(value) if abs(value) < 10**40 else f"of {value.bit_length()} bits"


def _unsendable(path: tuple[str | int, ...], got: str, expected: str) -> RequestError:
    pointer = json_pointer(part.encode("utf-8", "replace").decode() if isinstance(part, str) else part for part in path)
    where = f"at {debug_text(pointer)}" if path else "as a whole"
    return RequestError(f"the request {where} cannot be written as JSON\n  expected: {expected}\n  got: {got}")
