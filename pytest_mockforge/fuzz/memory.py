"""Does memory grow with the number of calls of what was fuzzed (MF306)? Judged as MF403 judges the samples."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from time import monotonic

from pytest_mockforge.checks.growth import ENOUGH_EVENTS, Growth, judge, measure_growth
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.stage import Stage, Words

_GLANCE = 0.5
"""Seconds after which memory that never grew is taken for steady …"""
_FEW_CALLS = 5_000
"""… once that many calls were made."""
_EACH = 0.15
"""Seconds for one request alone, to see which of them leaks."""
_MOST_CALLS = 150_000
_ENOUGH_CALLS = 2_000
"""Calls before which a collector that meets requests of many sizes may still look like a leak."""


def leak(stage: Stage, operation: Operation, cases: Sequence[Case], *, deadline: float) -> Discovery | None:
    """Call requests that were answered with a reply over and over on one instance.

    Memory that does not grow within half a second is steady; else the calls go on until it is judged or time is up.
    """
    if not cases:
        return None
    grown = _grown(stage, operation, cases, deadline)
    if grown.verdict != "leak":
        return None
    case = _culprit(stage, operation, cases)
    words = Words(
        message=f"leaks: memory grew {grown.events} times in {grown.calls:,} calls of one instance",
        expected="memory that levels off",
        got=f"{grown.bytes_per_call:,.1f} bytes a call; {grown.first_half:,} bytes in the first half of the calls, "
        f"{grown.second_half:,} in the second",
        hint="release what each call allocates, on every path out of it; the host keeps one instance for good",
    )
    return stage.discovery("MF306", "leak", case, words)


def _grown(stage: Stage, operation: Operation, cases: Sequence[Case], deadline: float) -> Growth:
    glance = min(deadline, monotonic() + _GLANCE)
    events: list[tuple[int, int]] = []
    calls, certain = 0, False
    with stage.plugin.view(policy="kept") as plugin:
        for case in cases:
            plugin.invoke(operation, case.payload)
        for case in itertools.islice(itertools.cycle(cases), _MOST_CALLS):
            exchange = plugin.invoke(operation, case.payload)
            calls += 1
            if exchange.memory_grown:
                events.append((calls, exchange.memory_grown))
            if exchange.failure is not None:
                # Not the matter here, unless it is memory that ran full: then there were events enough.
                break
            now = monotonic()
            steady = not events and now > glance and calls >= _FEW_CALLS
            # Half of memory is more than any collector keeps of requests that small.
            certain = calls >= _ENOUGH_CALLS or exchange.memory > stage.plugin.limits.memory // 2
            if (len(events) >= ENOUGH_EVENTS and certain) or steady or now > deadline:
                break
    stage.calls += calls + len(cases)
    return judge(events if certain else (), calls)


def _culprit(stage: Stage, operation: Operation, cases: Sequence[Case]) -> Case:
    """Give the smallest request that makes memory grow when it is called alone; the largest where none does."""
    ordered = sorted(cases, key=lambda case: (len(case.payload), case.payload))
    for case in ordered:
        if stage.over:
            break
        with stage.plugin.view(policy="kept") as plugin:
            if measure_growth(plugin, [case.payload], operation, longest=_EACH).events > 1:
                return case
    return ordered[-1]
