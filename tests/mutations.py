"""Damages data that a parser reads: by drawing, near the grammar or far from it, and one by one at each border.

Knows no parser. A word is what stands in such data between two borders; a value is what JSON or YAML text says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, NamedTuple, TypeVar

from hypothesis import strategies as st

from pytest_mockforge.runtimes.wasm.adapt_sections import unsigned

Kind = Literal["json", "yaml", "text", "wasm"]
Value = object

_WORDS = re.compile(rb"[A-Za-z0-9_]+|\s+|[^A-Za-z0-9_\s]")
_LONGEST = 40_000
"""Bytes of a mutated case: what costs too much shows below that."""

_SCALARS = (
    "null", "true", "-1", "0", "-0", "1.5", "1e999", "-1e-999", "NaN", "Infinity", "18446744073709551616",
    "9223372036854775808", "4294967296", "65536", "1" * 400, "1" * 5000, "0x" + "f" * 500, '""', '"a"', '" "', '"*"',
    '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u001b[31m"', '"\\u202e"', '"/"', '"~1"', '"/a/~2"', '"/*/*"',
    f'"{"x" * 3000}"', '"authenticate"', '"template_function"', '"~secret.a~"', '"~secret.a-known-token.token.9-2~"',
    f'"~secret.a.{"9" * 5000}-1~"', '"2027-99-99"', '"http://[::1"', '"http://a:99999"', f'"{"0" * 5000}.1.1"',
    '"p95<5ms"', f'"p95<{"9" * 60}ms"', '"YQ=="', '"YWJjZGVmZ2hp"', '"/w=="',
)  # fmt: skip
_NESTS = (
    "[]", "{}", "[[]]", '{"": {}}', '{"a": 1, "a": 2}', "[0, 0, 0, 255]", "[0, 0, 0, 256]", "[1, null]",
    "[" * 40 + "]" * 40, "[" * 130 + "]" * 130, "[" * 450 + "]" * 450, "[" * 990 + "]" * 990, "[" * 5000,
    '{"a":' * 40 + "1" + "}" * 40, '{"a":' * 450 + "1" + "}" * 450, '{"a":' * 990 + "1" + "}" * 990,
    "[" + "0," * 2000 + "0]", "[" + "{}," * 1000 + "{}]", "{" + ",".join(f'"k{n}": {n}' for n in range(500)) + "}",
)  # fmt: skip
_OF_YAML = (
    "&a [1]", "*a", "&a [*a]", "!!str 1", "!!python/object:os.system a", "!x", "? a", "<<: *a", ".nan", "-.inf",
    "0o777", "2027-01-31", "|\n  a", '"\\UFFFFFFFF"', '"\\x00"', "\t", "- ", "%YAML 9.9", "---", "...", "@", "`", "'",
    '"', "#", ": ",
)  # fmt: skip
_ODD_BYTES = (
    b"\0", b"\xff", b"\x80", b"\xed\xa0\x80", b"\xc3", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\x1b[31m", b"\r",
    b"\r\n", b"\n", b"\t", b" ", b'"', b"\\", b"'", b"{", b"}", b"[", b"]", b",", b":", "\u2028".encode(),
    "\u0663".encode(), "\U0001f600".encode(), b"9" * 30, b"9" * 5000, b"a" * 5000, b"[" * 2000, b"<<<<<<< a\n",
    b"=======\n",
)  # fmt: skip
_OF_WASM = (
    b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x7f", b"\xff" * 10, b"\x80" * 6 + b"\0", b"\x80\x80\x80\x80\x00",
    b"\x7f", b"\x40", b"\x60\x00\x00", b"\x60\x02\x7f\x7f\x01\x7e", b"\x60\x03\x7f\x7f\x7f\x00", b"\x4e\x01",
    b"\x50\x00", b"\x0b", b"\x41\x00\x0b", b"\x23\x00", b"\x10\x00", b"\x0e\x00", b"\x1f\x40\x00", b"\xfd\x0c",
    b"\xfc\x08", b"\x63\x00", b"\x0cauthenticate\x00\x00", b"\x05alloc\x00\x00", b"\x06memory\x02\x00", b"\x04name",
    b"\x09producers", b"\x07linking", b"\x0b.debug_line", b"\x10sourceMappingURL\x05a.map", b"\x00\x02\x01a",
    b"\x01\x04\x01\x60\x00\x00", b"\x0a\x01\x00", b"\x00\x09\x02\xff\xff\xff\xff", b"\x00\x05\x02",
    b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0",
)  # fmt: skip

WORDS: dict[Kind, tuple[bytes, ...]] = {
    "json": (*_ODD_BYTES, *(text.encode() for text in (*_SCALARS, *_NESTS))),
    "yaml": (*_ODD_BYTES, *(text.encode() for text in (*_SCALARS, *_NESTS, *_OF_YAML))),
    "text": (*_ODD_BYTES, *(text.encode() for text in (*_SCALARS, *_OF_YAML))),
    "wasm": (*_ODD_BYTES[:8], *_OF_WASM),
}


class Section(NamedTuple):
    """A section of a module as it stands: its id and its body."""

    id: int
    body: bytes


class Edit(NamedTuple):
    """One change; places are shares of the whole, so that they mean something in data of any length."""

    way: str
    place: float
    length: int
    word: bytes
    times: int


@dataclass(frozen=True)
class Seeds:
    """Good data that a parser reads, and more words that mean something to it."""

    kind: Kind
    data: Sequence[bytes]
    words: Sequence[bytes] = ()
    values: Sequence[Value] = field(default=())
    """What text of JSON or YAML says; empty for what is neither."""


def drawn(seeds: Seeds) -> st.SearchStrategy[bytes]:
    """Draw data: a seed with a few changes to its bytes, its words, its sections or its values, or no seed at all."""
    word = _one_of([*WORDS[seeds.kind], *seeds.words])
    ways = ["flip", "drop", "put", "replace", "cut", "again", "splice"]
    ways += ["section-twice", "section-away", "section-swap", "section-put"] if seeds.kind == "wasm" else ["word"]
    edit = st.builds(
        Edit,
        st.sampled_from(ways),
        st.floats(0, 1),
        st.integers(0, 12),
        st.one_of(word, word, st.binary(max_size=12)),
        st.integers(1, 40),
    )
    near = st.tuples(_one_of(seeds.data), st.lists(edit, min_size=1, max_size=4)).map(
        lambda pair: _edited(seeds, pair[0], pair[1])
    )
    far = st.one_of(
        st.binary(max_size=80), st.text(max_size=40).map(_encoded), st.lists(word, max_size=12).map(b"".join)
    )
    if not seeds.values:
        return st.one_of(near, near, near, far)
    texts = _one_of([*_SCALARS, *_NESTS, *(_OF_YAML if seeds.kind == "yaml" else ())])
    change = st.tuples(st.sampled_from(("set", "key", "away", "twice")), st.floats(0, 1), texts)
    said = st.tuples(_one_of(seeds.values), st.lists(change, min_size=1, max_size=3)).map(lambda pair: _restated(*pair))
    return st.one_of(near, near, said, said, said, far)


_One = TypeVar("_One")


def _one_of(values: Sequence[_One]) -> st.SearchStrategy[_One]:
    # By number: Hypothesis writes a strategy out, and these values are long.
    return st.integers(0, len(values) - 1).map(lambda number: values[number])


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# --- bytes, words and sections ----------------------------------------------------------------------------------------


def _edited(seeds: Seeds, data: bytes, edits: Sequence[Edit]) -> bytes:
    for edit in edits:
        data = _changed(data, edit, seeds)[:_LONGEST]
    return data


def _changed(data: bytes, edit: Edit, seeds: Seeds) -> bytes:
    if edit.way.startswith("section"):
        return _resectioned(data, edit)
    at = int(edit.place * len(data))
    if edit.way == "word":
        words = _WORDS.findall(data) or [b""]
        place = min(int(edit.place * len(words)), len(words) - 1)
        return b"".join((*words[:place], edit.word, *words[place + 1 :]))
    match edit.way:
        case "flip" if data:
            at = min(at, len(data) - 1)
            return data[:at] + bytes([data[at] ^ (1 << edit.length % 8)]) + data[at + 1 :]
        case "drop":
            return data[:at] + data[at + edit.length :]
        case "put":
            return data[:at] + edit.word + data[at:]
        case "replace":
            return data[:at] + edit.word + data[at + len(edit.word) :]
        case "cut":
            return data[:at]
        case "again":
            return data[:at] + data[at : at + edit.length + 1] * edit.times * 10 + data[at:]
        case "splice":
            other = seeds.data[edit.times % len(seeds.data)]
            return data[:at] + other[int((1 - edit.place) * len(other)) :]
    return data


def _resectioned(data: bytes, edit: Edit) -> bytes:
    """Change a module's sections and state their new lengths, so that a reader gets to what was changed."""
    found = list(sections_of(data))
    if not found:
        return data
    at = min(int(edit.place * len(found)), len(found) - 1)
    section = found[at]
    match edit.way:
        case "section-twice":
            found[at:at] = [section]
        case "section-away":
            del found[at]
        case "section-swap":
            other = edit.times % len(found)
            found[at], found[other] = found[other], section
        case _:
            inside = min(edit.length * (1 + edit.times // 8), len(section.body))
            body = section.body[:inside] + edit.word + section.body[inside + edit.times % 3 :]
            found[at] = Section(section.id, body)
    return data[:8] + b"".join(bytes([one.id]) + unsigned(len(one.body)) + one.body for one in found)


def sections_of(data: bytes) -> Iterator[Section]:
    """Yield the sections of a module up to the first that cannot be told."""
    at = 8
    while at < len(data):
        kind, size, shift = data[at], 0, 0
        at += 1
        while at < len(data):
            byte = data[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if at + size > len(data):
            return
        yield Section(kind, data[at : at + size])
        at += size


# --- values -----------------------------------------------------------------------------------------------------------


class _Written(str):
    """Text that is written as it is."""

    __slots__ = ()


class _Marked(NamedTuple):
    """The node that is to be changed together with its key."""

    value: Value


def _restated(value: Value, changes: Sequence[tuple[str, float, str]]) -> bytes:
    for way, place, text in changes:
        nodes = sum(1 for _ in _nodes(value))
        value = _replaced(value, count(), int(place * (nodes - 1)), way, text)
    return _encoded("".join(_text(value)))[:_LONGEST]


def _nodes(value: Value) -> Iterator[Value]:
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _nodes(child)


def _replaced(value: Value, numbers: Iterator[int], wanted: int, way: str, text: str) -> Value:
    """Copy a value with a change at the node that has this number, counted as `_nodes` gives them."""
    is_it = next(numbers) == wanted
    if isinstance(value, list):
        value = [_replaced(item, numbers, wanted, way, text) for item in value]
    elif isinstance(value, dict):
        # A change of the key, or one that needs it, is left to who holds it.
        value = dict(_members(value, numbers, wanted, way, text))
    return _Written(text) if is_it and way == "set" else _Marked(value) if is_it else value


def _members(
    value: dict[str, Value], numbers: Iterator[int], wanted: int, way: str, text: str
) -> Iterator[tuple[str, Value]]:
    for key, member in value.items():
        inner = _replaced(member, numbers, wanted, way, text)
        if not isinstance(inner, _Marked):
            yield key, inner
        elif way != "away":
            yield (_Written(text) if way == "key" else key), inner.value
            if way == "twice":
                yield _Written(json.dumps(key)), _Written(text)


def _text(value: Value) -> Iterator[str]:
    if isinstance(value, _Written):
        yield value
    elif isinstance(value, _Marked):
        # In a list, or outermost: there is no key.
        yield from _text(value.value)
    elif isinstance(value, dict):
        yield "{"
        for number, (key, member) in enumerate(value.items()):
            yield ", " if number else ""
            yield key if isinstance(key, _Written) else json.dumps(key)
            yield ": "
            yield from _text(member)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _text(item)
        yield "]"
    else:
        yield json.dumps(value, default=str)


# --- one by one -------------------------------------------------------------------------------------------------------


def one_by_one(seeds: Seeds, data: bytes, most: int) -> Iterator[bytes]:
    """Yield `data` damaged in each way of each kind, `most` of a kind at the most, spread evenly over its length."""
    for way in (_truncated, _flipped, _spliced, _worded):
        yield from _spread(way(seeds, data), most)
    if seeds.kind == "wasm":
        yield from _spread(_resized(data), most)


def _spread(cases: Sequence[Callable[[], bytes]], most: int) -> Iterator[bytes]:
    step = max(1, -(-len(cases) // most))
    for case in cases[::step]:
        yield case()


def _borders(data: bytes) -> list[int]:
    return [match.start() for match in _WORDS.finditer(data)]


def _truncated(seeds: Seeds, data: bytes) -> Sequence[Callable[[], bytes]]:
    borders = _borders(data) if seeds.kind != "wasm" else range(len(data))
    return [lambda at=at: data[:at] for at in borders]  # type: ignore[misc]


def _flipped(_seeds: Seeds, data: bytes) -> Sequence[Callable[[], bytes]]:
    # Another bit at each place, all eight over eight places.
    return [
        lambda at=at: data[:at] + bytes([data[at] ^ (1 << (at * 5 + 7) % 8)]) + data[at + 1 :]  # type: ignore[misc]
        for at in range(len(data))
    ]


def _spliced(seeds: Seeds, data: bytes) -> Sequence[Callable[[], bytes]]:
    def spliced(at: int) -> bytes:
        other = seeds.data[at % len(seeds.data)]
        return data[:at] + other[len(other) * (at % 7) // 7 :]

    return [lambda at=at: spliced(at) for at in _borders(data)]  # type: ignore[misc]


def _worded(seeds: Seeds, data: bytes) -> Sequence[Callable[[], bytes]]:
    """Put each odd word at places of its own."""
    words, borders = [*WORDS[seeds.kind], *seeds.words], _borders(data) or [0]

    def put(number: int) -> bytes:
        at = borders[number * 7919 % len(borders)]
        word = words[number % len(words)]
        return data[:at] + word + data[at + (len(word) if number % 2 else 0) :]

    return [lambda number=number: put(number) for number in range(len(words) * 3)]  # type: ignore[misc]


def _resized(data: bytes) -> Sequence[Callable[[], bytes]]:
    """Put huge numbers where lengths and counts stand; leave sections out, repeat them, and empty them."""
    found = list(sections_of(data))
    head, parts = data[:8], [bytes([one.id]) + unsigned(len(one.body)) + one.body for one in found]
    cases: list[Callable[[], bytes]] = []

    def joined(at: int, part: bytes) -> Callable[[], bytes]:
        return lambda: head + b"".join((*parts[:at], part, *parts[at + 1 :]))

    for at, one in enumerate(found):
        kind = bytes([one.id])
        cases += [joined(at, b""), joined(at, parts[at] * 2), joined(at, kind + b"\0")]
        for number in (b"\xff\xff\xff\xff\x0f", b"\xff" * 10, b"\x80" * 4 + b"\0", b"\xff\x7f"):
            cases.append(joined(at, kind + number + one.body))
            # In place of what stands first in the body, which is mostly a count, and in its middle.
            for inside in (0, len(one.body) // 2):
                body = one.body[:inside] + number + one.body[inside + 1 :]
                cases.append(joined(at, kind + unsigned(len(body)) + body))
    return cases
