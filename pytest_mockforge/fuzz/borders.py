"""Values at the borders of what a plugin may take them for, one after another in each place of an accepted request.

Chance finds what nobody listed; this is the list. Judged are single calls: MF301 to MF303. Knows nothing of Hypothesis.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from pytest_mockforge.fuzz import credentials
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.oracles import of_one_call
from pytest_mockforge.fuzz.outcomes import limited
from pytest_mockforge.fuzz.places import Place, places
from pytest_mockforge.fuzz.stage import Stage

_LATE = 2
"""Calls that may run into a limit before the rest is given up."""

# Characters of two, three and four bytes, at even and odd places: whoever cuts bytes or units cuts one of them.
_TEXTS = (
    *("", " ", "\0", "a\0b", '"', "\\", "\n\r\t", "\x7f\x1b[0m", "%00", "%", "{}", "[", "null", "true", "-1", "0"),
    *("é" * 40, "a" + "é" * 40, "日" * 40, "a" + "日" * 40, "aa" + "日" * 40, "🎸" * 40, "a" + "🎸" * 40),
    *("aa" + "🎸" * 40, "aaa" + "🎸" * 40, "🎸", "e\u0301\u0301", "ש\u202eלום", "\ufeffa", "\ud7ff\ue000\uffff"),
    *("../../etc/passwd", "a/b/../c", "//", "a=b&c=d", "x: y\r\nz: w", "' OR 1=1 --", "a.b.c", ".", ".."),
    *("a" * length for length in (127, 128, 129, 255, 256, 257, 1024)),
)
_SHORT = ("+", "1", "12", "99999999999999999999", "1e308", "NaN")
_WHOLE = (0, 1, -1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1)
_LARGE = (2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**31) - 1, -(2**53), -(2**63))
_BROKEN = (0.5, -0.5, -0.0, 1e-7, 5e-324, 1e21, 1.7e308, -1.7e308)
_PAGED = (0, 1, 7, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1)
_DEPTHS = (8, 24, 40, 80, 110)


def borders(stage: Stage, good: Sequence[Case]) -> Iterator[Discovery]:
    """Try each border value in each place of each accepted request."""
    late, met = 0, set()
    for case in good:
        assert case.request is not None
        for place in places(case.request):
            for value in _values(place):
                other = stage.case(place.put(value))
                if stage.over or late == _LATE:
                    return
                if other is None or other.payload in met:
                    continue
                met.add(other.payload)
                seen = stage.alone(other)
                late += limited(seen)
                for found in (of_one_call(stage, other, seen), credentials.repeated(stage, other, seen)):
                    if found is not None:
                        yield found


def _values(place: Place) -> Iterator[object]:
    name, value = place.name, place.value
    if name in ("limit", "offset"):
        yield from _PAGED
        return
    if isinstance(value, str):
        yield from _TEXTS
        yield from (f"{value}{text}" for text in _SHORT)
        # What holds a name, a number or a version is taken apart at its signs.
        yield from (f"{value}{sign}x" for sign in ".:-_/ ")
    if isinstance(value, bool) or not _is_free(name):
        return
    if isinstance(value, int | float):
        yield from (*_WHOLE, *_LARGE, *_BROKEN)
    if isinstance(value, list | tuple) and name != "args":
        yield from ((), (None,), tuple(value) * 40)
    if isinstance(value, Mapping):
        yield {}
    if name not in ("args", "parameters"):
        yield from (None, True, 0, 2**53, -1.5, "", [], {})
        yield from itertools.chain.from_iterable((_nested([], depth), _nested({}, depth)) for depth in _DEPTHS)


def pages(stage: Stage, good: Sequence[Case]) -> Iterator[Discovery]:
    """Try limit and offset of a query together: their sum is what overflows."""
    for case in good[:1]:
        found_places = {place.name: place for place in places(case.request)} if case.request is not None else {}
        if not {"limit", "offset"} <= set(found_places):
            return
        for limit, offset in itertools.product(_PAGED, _PAGED):
            paged = found_places["limit"].put(limit)
            other = stage.case(next(place for place in places(paged) if place.name == "offset").put(offset))
            if stage.over or other is None:
                continue
            found = of_one_call(stage, other, stage.alone(other))
            if found is not None:
                yield found


def _is_free(name: str) -> bool:
    """Tell whether the contract lets any JSON value stand there."""
    return name.startswith(("args", "parameters"))


def _nested(inner: list[object] | dict[str, object], depth: int) -> object:
    value: object = inner
    for _ in range(depth):
        value = [value] if isinstance(inner, list) else {"a": value}
    return value
