"""JSON values written as no host writes them: keys twice or out of order, escapes, depth, size. Knows no randomness."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import TypeAlias

from pytest_mockforge.contract.json_text import Json, dump

Place: TypeAlias = tuple[str | int, ...]

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
_MARK = "\ue000mark\ue000"


def text_places(payload: bytes) -> list[int]:
    """Give offsets just before the closing quote of each text, keys included."""
    return [match.end() - 1 for match in _TEXT.finditer(payload)]


def objects(value: Json, place: Place = ()) -> Iterator[tuple[Place, dict[str, Json]]]:
    """Give each object that has a key, outer ones first."""
    if isinstance(value, dict):
        if value:
            yield place, value
        for key, member in value.items():
            yield from objects(member, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from objects(item, (*place, index))


def free_texts(value: Json, place: Place = ()) -> list[Place]:
    """Give the places of all texts outside the host's own context."""
    if isinstance(value, str):
        return [place]
    if isinstance(value, dict):
        return [one for key, member in value.items() if key != "context" for one in free_texts(member, (*place, key))]
    if isinstance(value, list):
        return [one for index, item in enumerate(value) for one in free_texts(item, (*place, index))]
    return []


def replaced(value: Json, place: Place, new: Json) -> Json:
    """Copy `value` with another value at `place`."""
    if not place:
        return new
    first, *rest = place
    if isinstance(value, dict):
        return {key: replaced(one, tuple(rest), new) if key == first else one for key, one in value.items()}
    assert isinstance(value, list)
    return [replaced(one, tuple(rest), new) if index == first else one for index, one in enumerate(value)]


def without(value: Json, place: Place) -> Json:
    """Copy `value` without the key at `place`."""
    inner = found(value, place[:-1])
    assert isinstance(inner, dict)
    return replaced(value, place[:-1], {key: member for key, member in inner.items() if key != place[-1]})


def found(value: Json, place: Place) -> Json:
    """Give what stands at `place`."""
    for step in place:
        match value, step:
            case dict(), str():
                value = value[step]
            case list(), int():
                value = value[step]
    return value


def with_repeated(value: Json, place: Place, second: Json, second_first: bool) -> str:
    """Write `value` with the key at `place` twice; the host's reader takes the last (contract 1.1)."""
    key, own = dump(place[-1]).decode(), dump(found(value, place)).decode()
    other = dump(second).decode()
    pair = (other, own) if second_first else (own, other)
    # The mark stands where the value was, and cannot be in a request, whose own texts were read before.
    text = dump(replaced(value, place, _MARK)).decode()
    return text.replace(f'"{_MARK}"', f"{pair[0]},{key}:{pair[1]}", 1)


def reordered(value: Json, order: int) -> str:
    """Write `value` with the keys of each object in another order: backwards for -1, else shuffled by that seed."""
    return _written(value, Random(order) if order >= 0 else None)


def _written(value: Json, random: Random | None) -> str:
    if isinstance(value, dict):
        keys = sorted(value, reverse=True)
        if random is not None:
            random.shuffle(keys)
        return "{" + ",".join(f"{dump(key).decode()}:{_written(value[key], random)}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(item, random) for item in value) + "]"
    return dump(value).decode()


def escaped(value: Json, *, every: bool) -> str:
    """Write `value` with escapes in its texts: of all that is not ASCII and of slashes, or of every character."""
    text = dump(value).decode()
    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda match: _escaped_text(match.group(), every), text)


def _escaped_text(quoted: str, every: bool) -> str:
    pieces = re.findall(r"\\u[0-9a-f]{4}|\\.|[^\\]", quoted[1:-1], re.DOTALL)
    return '"' + "".join(one if one.startswith("\\") else _escape(one, every) for one in pieces) + '"'


def _escape(character: str, every: bool) -> str:
    if not every and character.isascii():
        return "\\/" if character == "/" else character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[index]:02X}{units[index + 1]:02x}" for index in range(0, len(units), 2))


def deepened(value: Json, place: Place, depth: int, brackets: tuple[bytes, bytes]) -> bytes:
    """Write `value` with so many brackets at `place`, which no reader with a limit takes."""
    opening, closing = brackets
    nested = opening * depth + (b"0" if closing == b"}" else b"") + closing * depth
    return dump(replaced(value, place, _MARK)).replace(f'"{_MARK}"'.encode(), nested, 1)


def grown(value: Json, place: Place, size: int) -> bytes:
    """Write `value` so that it has `size` bytes, by a longer text at `place`; at least as long as it was."""
    text = found(value, place)
    text = text if isinstance(text, str) else ""
    short = len(dump(replaced(value, place, text)))
    return dump(replaced(value, place, text + "a" * max(0, size - short)))
