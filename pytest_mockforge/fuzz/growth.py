"""How the cost of a call grows with the size of one field, exactly: from fuel, with no clock (MF308).

The field is made longer by doubling while everything else stays. The differences between one size and the next are free
of what a call costs anyway, and a cost of c·n^e makes them grow by 2^e at each step: so the exponent is the slope of
their binary logarithms, by least squares over the last of them, where the highest power has taken over.

Knows fuel and sizes; nothing of how a call is made.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_mockforge.fuzz.places import Place

QUADRATIC = 2.0
"""The exponent that is a finding, unless another is declared."""
TOLERANCE = 0.2
"""By how much a fitted exponent may stay below that: the linear part of the cost pulls it down."""
_FIT = 0.05
"""By how much a fitted exponent may be above a declared one."""
_FITTED = 4
"""Differences that the line is laid through: the last ones."""
_WORTH = 100_000
"""Units of fuel that the last step must cost: less is no danger, and mostly a buffer that moved."""
_GLANCE = (256, 1024, 4096)
_SUSPICIOUS = 6.0
"""The ratio of the two steps of a glance, 4 each: linear cost gives 4, quadratic 16."""
_SIZES = tuple(32 * 2**step for step in range(12))
_MOST_ITEMS = 4096
"""Items of the longest list: with more of them a conservative collector takes over, whatever the plugin does."""
_ENOUGH = 60_000_000
"""Units of fuel after which a call is costly enough to see where this leads."""

Cost = Callable[[object], int | None]
"""The fuel of a call with this value in the place; None where it is not answered as the call with the value there."""


def border(declared: float | None) -> float:
    """Give the exponent that is a finding where an author declares the worst one that there may be."""
    return QUADRATIC if declared is None else declared + TOLERANCE + _FIT


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """How cost follows size in one place."""

    place: str
    exponent: float
    points: tuple[tuple[int, int], ...]
    """Size and fuel."""
    value: object
    """The largest value that was tried."""


def exponent(points: Sequence[tuple[int, int]]) -> float | None:
    """Fit the exponent to sizes that double and their fuel; None where cost does not rise steadily."""
    steps = [later[1] - earlier[1] for earlier, later in itertools.pairwise(points)][-_FITTED:]
    if len(steps) < 3 or min(steps) <= 0:
        return None
    logs = [math.log2(step) for step in steps]
    middle, mean = (len(logs) - 1) / 2, sum(logs) / len(logs)
    spread = sum((index - middle) ** 2 for index in range(len(logs)))
    return sum((index - middle) * (value - mean) for index, value in enumerate(logs)) / spread


def worse(points: Sequence[tuple[int, int]], declared: float = QUADRATIC) -> bool:
    """Tell whether cost grows by the declared exponent or worse, at each of the last steps and worth mentioning."""
    fitted = exponent(points)
    if fitted is None or fitted < declared - TOLERANCE or points[-1][1] - points[-2][1] < _WORTH:
        return False
    # A collector or a table that is made anew costs once: such a jump bends the line but not every step.
    return all(later >= declared - 2 * TOLERANCE for later in _slopes(points)[-2:])


def trend(place: Place, cost_of: Callable[[Place], Cost], declared: float = QUADRATIC) -> Trend | None:
    """Give the first way of making this place larger whose cost grows as declared or worse; None when all is well."""
    cost = cost_of(place)
    for grown in _ways(place.value):
        if not _suspicious(cost, grown):
            continue
        largest = _SIZES[-1] if isinstance(place.value, str) else _MOST_ITEMS
        points = tuple(_points(cost, grown, largest))
        if worse(points, declared):
            fitted = exponent(points)
            assert fitted is not None
            return Trend(place=place.name, exponent=fitted, points=points, value=grown(points[-1][0]))
    return None


def _slopes(points: Sequence[tuple[int, int]]) -> list[float]:
    steps = [later[1] - earlier[1] for earlier, later in itertools.pairwise(points)]
    pairs = itertools.pairwise(steps)
    return [math.log2(later / earlier) if earlier > 0 and later > 0 else 0.0 for earlier, later in pairs]


def _suspicious(cost: Cost, grown: Callable[[int], object]) -> bool:
    fuels: list[int] = []
    for size in _GLANCE:
        fuel = cost(grown(size))
        if fuel is None:
            # The larger ones are answered otherwise, or run out of fuel: only the whole row can tell.
            return bool(fuels) and fuels[-1] > _WORTH
        fuels.append(fuel)
    first, second = fuels[1] - fuels[0], fuels[2] - fuels[1]
    return second > _WORTH and (first <= 0 or second / first > _SUSPICIOUS)


def _points(cost: Cost, grown: Callable[[int], object], largest: int) -> Iterator[tuple[int, int]]:
    for size in _SIZES:
        if size > largest:
            return
        fuel = cost(grown(size))
        if fuel is None:
            return
        yield size, fuel
        if fuel > _ENOUGH:
            return


def _ways(value: object) -> Iterable[Callable[[int], object]]:
    """Ways to make a value of some size that begins like the one that is there.

    None for objects: a URL has no room for the thousand names from which on their growth would show.
    """
    if isinstance(value, str):
        return [_repeated(text) for text in dict.fromkeys((value or "a", "a", "a,b/c=d&e f;"))]
    if isinstance(value, list | tuple):
        items = tuple(item for item in value if isinstance(item, str | int | float) and len(str(item)) < 32) or ("a",)
        return [lambda size: (items * (size // len(items) + 1))[:size]]
    return []


def _repeated(text: str) -> Callable[[int], str]:
    return lambda size: (text * (size // len(text) + 1))[:size]
