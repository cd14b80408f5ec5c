"""Small changes to what an author gave: one text, one number, one list of a sample. Knows nothing of requests.

A `Tweak` is drawn without seeing the sample, and finds its place in whatever value it is put to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from hypothesis import strategies as st

from pytest_mockforge.contract.json_reader import I64_MIN, U64_MAX

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Place: TypeAlias = tuple[str | int, ...]

_MOST_PLACES = 256


class Tweak(NamedTuple):
    """Which place, and which of the changes that fit there."""

    where: int
    how: int


@cache
def tweaks() -> SearchStrategy[Tweak]:
    """Changes to one place of a value."""
    return st.binary(min_size=2, max_size=2).map(lambda drawn: Tweak(drawn[0], drawn[1] * len(_TEXTS) >> 8))


def tweaked(value: object, tweak: Tweak) -> object:
    """Copy `value` with one place changed; types stay as they are. Only what changes is copied."""
    places = list(_places(value, ()))[:_MOST_PLACES]
    return _changed(value, places[tweak.where % len(places)], tweak) if places else value


def _places(value: object, place: Place) -> Iterator[Place]:
    """Give the places of texts and numbers, twice, and of arrays and objects with something in them."""
    match value:
        case bool() | None:
            return
        case str() | int() | float():
            yield place
            yield place
        case Mapping() if value:
            for key, member in value.items():
                yield from _places(member, (*place, key))
            yield place
        case list() | tuple() if value:
            for index, item in enumerate(value):
                yield from _places(item, (*place, index))
            yield place


def _changed(value: object, place: Place, tweak: Tweak) -> object:
    if place:
        first, *rest = place
        match value:
            case Mapping():
                return {**value, first: _changed(value[first], tuple(rest), tweak)}
            case list() | tuple():
                items = [_changed(one, tuple(rest), tweak) if at == first else one for at, one in enumerate(value)]
                return items if isinstance(value, list) else tuple(items)
    match value:
        case str():
            return _TEXTS[tweak.how % len(_TEXTS)](value)
        case int() | float():
            return _number(value, tweak.how)
        case Mapping():
            gone = list(value)[tweak.how % len(value)]
            return {key: member for key, member in value.items() if key != gone}
        case list() | tuple():
            items = _LISTS[tweak.how % len(_LISTS)](list(value))
            return items if isinstance(value, list) else tuple(items)
    return value


def _appended(word: str) -> Callable[[str], str]:
    return lambda text: text + word


def _prepended(word: str) -> Callable[[str], str]:
    return lambda text: word + text


def _inserted(word: str) -> Callable[[str], str]:
    return lambda text: text[: len(text) // 2] + word + text[len(text) // 2 :]


_TEXTS: tuple[Callable[[str], str], ...] = (
    lambda text: text[:-1],
    lambda text: text[1:],
    lambda text: text.swapcase(),
    lambda text: text + text,
    lambda text: text[::-1],
    lambda text: f" {text} ",
    lambda text: text.upper(),
    lambda text: text[: len(text) // 2],
    lambda text: text[: len(text) // 2] + text[len(text) // 2 + 1 :],
    lambda text: text[: len(text) // 2] + "\u0430" + text[len(text) // 2 + 1 :],
    lambda text: text[:-1] + chr(ord(text[-1]) ^ 1) if text and text[-1].isascii() else "",
    *map(
        _appended,
        ("a", "\0", " ", "\n", "\u0301", "\u200b", "🎸", "%00", "'", '"', "/", "&x=1", "a" * 256, "a" * 2**16),
    ),
    *map(_prepended, ("a", "\0", " ", "\ufeff", "../", "'")),
    *map(_inserted, ("a", "\0", " ", "é", "🎸", "\u202e", "\\", '"')),
)
_LISTS: tuple[Callable[[list[object]], list[object]], ...] = (
    lambda items: items[:-1],
    lambda items: [*items, items[-1]],
    lambda items: items[1:],
    lambda items: items[::-1],
    lambda items: [*items, None],
    lambda _items: [],
    lambda items: (items * 8)[:64],
)
_NUMBERS: tuple[Callable[[int], int], ...] = (
    lambda number: number + 1,
    lambda number: number - 1,
    lambda number: -number,
    lambda number: number * 2,
    lambda _number: 0,
    lambda number: number + 2**32,
    lambda number: number + 2**53,
    lambda number: number + 2**31,
    lambda number: number * 10**9,
)


def _number(number: float, how: int) -> float:
    if isinstance(number, float):
        return (-number, number / 2, number + 1.0, 0.0)[how % 4]
    changed = _NUMBERS[how % len(_NUMBERS)](number)
    return changed if I64_MIN <= changed <= U64_MAX else number
