"""What is tried on each plugin before and after the search, without chance: pairs of requests, sizes, costs.

Knows the oracles; nothing of Hypothesis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from pytest_mockforge.fuzz import growth
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.oracles import of_one_call, of_poison, of_state
from pytest_mockforge.fuzz.outcomes import limited, outcome
from pytest_mockforge.fuzz.places import Place, places, texts
from pytest_mockforge.fuzz.stage import Stage, Words

_BORDER = 65536
_LATE = 3
"""Calls that may run into a limit before a round is given up."""

_OTHER_TEXTS: tuple[Callable[[str], str], ...] = (
    lambda text: f"{text}~",
    lambda text: text[:-1],
    lambda text: text[:-1] + ("b" if text[-1:] == "a" else "a"),
    lambda text: ("b" if text[:1] == "a" else "a") + text[1:],
    str.swapcase,
)
"""Texts that share a half with another one: what a cache keyed too shortly takes for the same."""


def pairs(stage: Stage, good: Sequence[Case]) -> Iterator[Discovery]:
    """After each accepted request, one that differs in a single place: is it answered as it is alone? (MF305)"""
    for case in good:
        assert case.request is not None
        for place in places(case.request):
            for value in _neighbours(place.value):
                other = stage.case(place.put(value)) if value != place.value else None
                if stage.over or other is None:
                    continue
                for one, two in ((case, other), (other, case)):
                    alone, seen = stage.alone(two), stage.row((one, two))
                    if limited(alone) or limited(seen[0]):
                        return
                    found = of_state(stage, two, alone, seen[1], (one,))
                    if found is not None:
                        yield found
                        return


def repeated(stage: Stage, good: Sequence[Case]) -> Iterator[Discovery]:
    """An accepted request, then the same again: what a counter changes. (MF305)"""
    for case in good:
        alone, seen = stage.alone(case), stage.row((case, case, case))
        found = of_state(stage, case, alone, seen[2], (case, case))
        if found is not None:
            again = of_state(stage, case, alone, seen[1], (case,))
            yield again or found
            return


def sizes(stage: Stage, case: Case) -> Iterator[Discovery]:
    """Each text of an accepted request, so long that it, or the whole request, is about 64 KiB. (MF301 to MF303)"""
    assert case.request is not None
    late = 0
    for place in texts(case.request):
        value = str(place.value)
        rest = len(case.payload) - len(value.encode())
        for size in (_BORDER - 1, _BORDER, _BORDER + 1, _BORDER - rest, _BORDER - rest - 1, _BORDER - rest + 1):
            grown = stage.case(place.put("a" * size))
            if stage.over or late == _LATE or grown is None:
                continue
            seen = stage.alone(grown)
            late += limited(seen)
            found = of_one_call(stage, grown, seen)
            if found is not None:
                yield found
                if not limited(seen):
                    yield _smallest(stage, place, size, found)
                break


def costs(stage: Stage, case: Case, declared: float) -> Iterator[Discovery]:
    """How the cost of a call grows with each text, list and object in it. (MF308)"""
    assert case.request is not None
    for place in places(case.request):
        if stage.over:
            return
        if not isinstance(place.value, str | list | tuple):
            continue
        trend = growth.trend(place, lambda there: _cost(stage, there), declared)
        if trend is None:
            continue
        worst = stage.case(place.put(trend.value))
        assert worst is not None
        (small, cheap), (large, dear) = trend.points[-3], trend.points[-1]
        words = Words(
            message=f"costs ever more with {place.name}: fuel grows with the power {trend.exponent:.2f} of its size",
            expected=f"growth below the power {declared:.4g}, by a margin of {growth.TOLERANCE}",
            got=f"{cheap:,} units of fuel at a size of {small:,}, {dear:,} at {large:,}",
            hint="go over the input once: no search in a list for each item, no text built by adding to its end",
        )
        yield stage.discovery("MF308", place.name, worst, words)


def again(stage: Stage, case: Case, before: Sequence[Case]) -> Iterator[Discovery]:
    """What was found earlier, once more: by itself, and after the calls that came before it."""
    alone = stage.alone(case)
    found = of_one_call(stage, case, alone)
    if found is not None:
        yield found
    if before and not stage.service:
        seen = stage.row((*before, case))[-1]
        poisoned = of_poison(stage, case, alone, seen, tuple(before))
        leaked = of_state(stage, case, alone, seen, tuple(before))
        yield from (one for one in (leaked, poisoned) if one is not None)


def blame(stage: Stage, history: Sequence[Case], case: Case, differs: Callable[[Sequence[Case]], bool]) -> list[Case]:
    """Give the fewest earlier calls after which `case` is answered otherwise; none where it does not show again."""
    for earlier in reversed(history):
        if differs((earlier, case)):
            return [earlier]
    kept = list(history)
    if not differs((*kept, case)):
        return []
    for earlier in history:
        if stage.over:
            break
        fewer = [one for one in kept if one is not earlier]
        if differs((*fewer, case)):
            kept = fewer
    return kept


def _neighbours(value: object) -> Iterator[object]:
    """Values that differ in one thing: an end of a text, a missing item."""
    if isinstance(value, str):
        yield from (change(value) for change in _OTHER_TEXTS)
    elif isinstance(value, list | tuple) and value:
        yield value[:-1]
        yield (*value[:-1], None)
    elif isinstance(value, Mapping):
        for name in value:
            yield {key: item for key, item in value.items() if key != name}


def _cost(stage: Stage, place: Place) -> growth.Cost:
    usual = stage.case(place.put(place.value))
    word = outcome(stage.alone(usual)) if usual is not None else ""

    def cost(value: object) -> int | None:
        case = None if stage.over else stage.case(place.put(value))
        seen = stage.alone(case) if case is not None else None
        return seen.fuel if seen is not None and outcome(seen) == word else None

    return cost


def _smallest(stage: Stage, place: Place, size: int, found: Discovery) -> Discovery:
    """Find the least size at which it still happens."""
    low = 0
    while low + 1 < size and not stage.over:
        middle = (low + size) // 2
        case = stage.case(place.put("a" * middle))
        smaller = of_one_call(stage, case, stage.alone(case)) if case is not None else None
        if smaller is not None and smaller.detail == found.detail:
            size, found = middle, smaller
        else:
            low = middle
    return msgspec.structs.replace(found, message=f"{found.message}, with {place.name} of {size:,} bytes")
