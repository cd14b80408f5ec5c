"""Read JSON as serde_json 1.0.150 does and name the first error at its line and column (contract 1.1, 2.5).

The precise and slow of the two readers: `json_text` comes here only for text that is wrong or odd. Iterative, so no
nesting exhausts the stack; linear in the length of the text. Knows nothing of replies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NoReturn, TypeAlias

import msgspec

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

#: serde_json starts with 128 levels and fails when none is left, so 127 containers may stand inside one another.
DEEPEST = 127
U64_MAX = 2**64 - 1
I64_MIN = -(2**63)

_SPACE = re.compile(rb"[ \t\n\r]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_DIGITS = re.compile(rb"[0-9]*")
_HEX4 = re.compile(rb"[0-9a-fA-F]{4}")
_WORDS: dict[int, tuple[bytes, Json]] = {
    ord("n"): (b"null", None),
    ord("t"): (b"true", True),
    ord("f"): (b"false", False),
}
_ESCAPES = {ord(letter): character for letter, character in zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True)}
_I32_MAX = 2**31 - 1
_MOST_REPEATED = 1_000
_LONGEST_REPEATED = 2**20
"""Characters of all pointers to repeated keys, each of which spells out every key above it."""


class JsonError(Exception):
    """The first thing that serde_json would refuse; `str()` is its message, position included.

    `index` is that of the byte behind the one that it stopped at.
    """

    def __init__(self, what: str, data: bytes, index: int) -> None:
        self.what = what
        self.index = index
        line = data.count(b"\n", 0, index) + 1
        column = index - (data.rfind(b"\n", 0, index) + 1)
        super().__init__(f"{what} at line {line} column {column}")


class _Frame(msgspec.Struct):
    """One open array or object."""

    items: list[Json] | None
    members: dict[str, Json] | None
    key: str = ""
    repeated: bool = False

    def attach(self, value: Json) -> None:
        if self.items is not None:
            self.items.append(value)
        elif self.members is not None:
            self.members[self.key] = value


def json_pointer(parts: Iterable[str | int]) -> str:
    """Join `parts` into a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


class Reader:
    """Reads one text, which must be valid UTF-8. `repeated` lists the pointers of keys that stand twice, the first of
    too many."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = len(data)
        self._stack: list[_Frame] = []
        self._repeated: dict[str, None] = {}
        self._room = _LONGEST_REPEATED

    @property
    def repeated(self) -> tuple[str, ...]:
        return tuple(self._repeated)

    def read(self) -> Json:
        """Return the one value of the text, or raise `JsonError`."""
        at = 0
        while True:
            at = self._skip_space(at)
            if at == self._end:
                self._fail("EOF while parsing a value", at)
            opener = self._data[at]
            if opener == 0x5B or opener == 0x7B:
                at, closed = self._open(opener, at)
                if not closed:
                    continue
                value = self._close()
            else:
                value, at = self._scalar(opener, at)
            at, finished = self._after_value(value, at)
            if finished is not None:
                return finished[0]

    def _fail(self, what: str, at: int) -> NoReturn:
        raise JsonError(what, self._data, min(at, self._end))

    def _skip_space(self, at: int) -> int:
        found = _SPACE.match(self._data, at)
        return found.end() if found else at

    def _open(self, opener: int, at: int) -> tuple[int, bool]:
        """Enter a container; say whether it is empty and therefore already closed."""
        if len(self._stack) == DEEPEST:
            self._fail("recursion limit exceeded", at + 1)
        is_list = opener == 0x5B
        self._stack.append(_Frame(items=[], members=None) if is_list else _Frame(items=None, members={}))
        at = self._skip_space(at + 1)
        if at == self._end:
            self._fail(f"EOF while parsing {'a list' if is_list else 'an object'}", at)
        if self._data[at] == (0x5D if is_list else 0x7D):
            return at + 1, True
        return (at if is_list else self._key(at)), False

    def _close(self) -> Json:
        frame = self._stack.pop()
        return frame.items if frame.items is not None else frame.members

    def _after_value(self, value: Json, at: int) -> tuple[int, tuple[Json] | None]:
        """Attach a finished value and close what ends with it; the second result is set when the whole text is read."""
        while self._stack:
            frame = self._stack[-1]
            frame.attach(value)
            is_list = frame.items is not None
            at = self._skip_space(at)
            if at == self._end:
                self._fail(f"EOF while parsing {'a list' if is_list else 'an object'}", at)
            mark = self._data[at]
            closer = 0x5D if is_list else 0x7D
            if mark == closer:
                value = self._close()
                at += 1
                continue
            if mark != 0x2C:
                self._fail(f"expected `,` or `{closer:c}`", at + 1)
            at = self._skip_space(at + 1)
            if at == self._end:
                self._fail("EOF while parsing a value", at)
            if self._data[at] == closer:
                self._fail("trailing comma", at + 1)
            return (at if is_list else self._key(at)), None
        at = self._skip_space(at)
        if at < self._end:
            self._fail("trailing characters", at + 1)
        return at, (value,)

    def _key(self, at: int) -> int:
        if self._data[at] != 0x22:
            self._fail("key must be a string", at + 1)
        key, at = self._string(at + 1)
        frame = self._stack[-1]
        frame.key = key
        if frame.members is not None and key in frame.members:
            self._note_repeated()
        at = self._skip_space(at)
        if at == self._end:
            self._fail("EOF while parsing an object", at)
        if self._data[at] != 0x3A:
            self._fail("expected `:`", at + 1)
        return at + 1

    def _note_repeated(self) -> None:
        if self._room <= 0 or len(self._repeated) == _MOST_REPEATED:
            return
        pointer = json_pointer(f.key if f.items is None else len(f.items) for f in self._stack)
        self._room -= len(pointer)
        self._repeated[pointer] = None

    def _scalar(self, first: int, at: int) -> tuple[Json, int]:
        if first == 0x22:
            return self._string(at + 1)
        if first == 0x2D or 0x30 <= first <= 0x39:
            return self._number(at)
        if first not in _WORDS:
            self._fail("expected value", at + 1)
        word, value = _WORDS[first]
        for offset in range(1, len(word)):
            if at + offset == self._end:
                self._fail("EOF while parsing a value", self._end)
            if self._data[at + offset] != word[offset]:
                self._fail("expected ident", at + offset + 1)
        return value, at + len(word)

    def _string(self, at: int) -> tuple[str, int]:
        """Read on from behind the opening quote."""
        data = self._data
        pieces: list[str] = []
        while True:
            found = _PLAIN.match(data, at)
            stop = found.end() if found else at
            pieces.append(data[at:stop].decode())
            if stop == self._end:
                self._fail("EOF while parsing a string", stop)
            if data[stop] == 0x22:
                return "".join(pieces), stop + 1
            if data[stop] != 0x5C:
                self._fail("control character (\\u0000-\\u001F) found while parsing a string", stop + 1)
            character, at = self._escape(stop + 1)
            pieces.append(character)

    def _escape(self, at: int) -> tuple[str, int]:
        letter = self._string_byte(at)
        if letter != 0x75:
            if letter not in _ESCAPES:
                self._fail("invalid escape", at + 1)
            return _ESCAPES[letter], at + 1
        unit, at = self._hex(at + 1)
        if 0xDC00 <= unit <= 0xDFFF:
            self._fail("lone leading surrogate in hex escape", at)
        if not 0xD800 <= unit <= 0xDBFF:
            return chr(unit), at
        for expected in b"\\u":
            if self._string_byte(at) != expected:
                self._fail("unexpected end of hex escape", at + 1)
            at += 1
        low, at = self._hex(at)
        if not 0xDC00 <= low <= 0xDFFF:
            self._fail("lone leading surrogate in hex escape", at)
        return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), at

    def _string_byte(self, at: int) -> int:
        if at == self._end:
            self._fail("EOF while parsing a string", at)
        return self._data[at]

    def _hex(self, at: int) -> tuple[int, int]:
        if at + 4 > self._end:
            self._fail("EOF while parsing a string", self._end)
        found = _HEX4.match(self._data, at)
        if not found:
            self._fail("invalid escape", at + 4)
        return int(found.group(), 16), at + 4

    def _number(self, start: int) -> tuple[Json, int]:
        data = self._data
        negative = data[start] == 0x2D
        first = start + negative
        if first == self._end:
            self._fail("EOF while parsing a value", first)
        if not 0x30 <= data[first] <= 0x39:
            self._fail("invalid number", first + 1)
        at = self._skip_digits(first)
        if data[first] == 0x30 and at > first + 1:
            self._fail("invalid number", first + 2)
        whole_end = at
        if data[at : at + 1] == b".":
            at = self._fraction(at + 1)
        if data[at : at + 1] in (b"e", b"E"):
            return self._exponent(start, at)
        text = data[start:at]
        if at == whole_end and len(text) <= 20:
            whole = int(text)
            if I64_MIN <= whole <= U64_MAX and text != b"-0":
                return whole, at
        return self._finite(text, at), at

    def _skip_digits(self, at: int) -> int:
        found = _DIGITS.match(self._data, at)
        return found.end() if found else at

    def _fraction(self, at: int) -> int:
        stop = self._skip_digits(at)
        if stop == at:
            self._fail("EOF while parsing a value" if at == self._end else "invalid number", at + 1)
        return stop

    def _exponent(self, start: int, at: int) -> tuple[float, int]:
        data = self._data
        first = at + 1
        sign = data[first : first + 1]
        if sign in (b"+", b"-"):
            first += 1
        if first == self._end:
            self._fail("EOF while parsing a value", first)
        stop = self._skip_digits(first)
        if stop == first:
            self._fail("invalid number", first + 1)
        if sign != b"-" and data[start:at].strip(b"-.0"):
            # serde_json stops reading at the digit that takes the exponent beyond 32 bits
            digits = data[first:stop].lstrip(b"0")
            for length in range(10, min(len(digits), 11) + 1):
                if int(digits[:length]) > _I32_MAX:
                    self._fail("number out of range", stop - len(digits) + length)
        return self._finite(data[start:stop], stop), stop

    def _finite(self, text: bytes, at: int) -> float:
        value = float(text)
        if math.isinf(value):
            self._fail("number out of range", at)
        return value
