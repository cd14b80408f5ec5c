"""Does linear memory level off? The growth of one reused instance over many calls, and the judgement of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from time import monotonic
from typing import Literal

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import PluginFailure
from pytest_mockforge.plugin_under_test import Plugin

ENOUGH_EVENTS = 8
ENOUGH_CALLS = 20_000
_LEAST_CALLS = 256
"""Before that many calls a warm-up that grows with each call looks like a leak."""
LONGEST = 5.0
"""Seconds after which a plugin of slow calls is judged by the calls that were made."""

Verdict = Literal["none", "plateau", "leak", "inconclusive", "failed"]


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of memory over the calls after the first round of the workload."""

    verdict: Verdict
    calls: int
    events: int
    """How often memory grew."""
    first_half: int
    """Bytes grown in the first half of the calls."""
    second_half: int
    """Bytes grown in the second half."""
    steps: tuple[tuple[int, int], ...] = ()
    """Each call in which memory grew, from 1, and the bytes grown in all since the warm-up."""
    failure: PluginFailure | None = None
    """What ended the calls early: memory ran full, or the plugin does not stand being called again."""

    @property
    def bytes_per_call(self) -> float:
        """Growth by call, over the second half, where a warm-up no longer shows."""
        half = self.calls - self.calls // 2
        return self.second_half / half if half else 0.0


def measure_growth(
    plugin: Plugin, payloads: Sequence[bytes], operation: Operation, *, longest: float = LONGEST
) -> Growth:
    """Call over and over until memory grew 8 times, 20,000 calls were made, or time is up; one round warms up."""
    invoke, deadline = plugin.invoke, monotonic() + longest
    for number, payload in enumerate(payloads, 1):
        failure = invoke(operation, payload).failure
        if failure is not None:
            return judge((), number, failure=failure)
    events: list[tuple[int, int]] = []
    calls, failure = 0, None
    for payload in itertools.islice(itertools.cycle(payloads), ENOUGH_CALLS):
        exchange = invoke(operation, payload)
        calls += 1
        if exchange.memory_grown:
            events.append((calls, exchange.memory_grown))
        if exchange.failure is not None:
            failure = exchange.failure
            break
        if (len(events) >= ENOUGH_EVENTS and calls >= _LEAST_CALLS) or monotonic() > deadline:
            break
    return judge(events, calls, failure=failure)


def judge(events: Sequence[tuple[int, int]], calls: int, *, failure: PluginFailure | None = None) -> Growth:
    """Judge growth events, each the number of the call (from 1) and the bytes grown in it."""
    first = sum(grown for call, grown in events if call <= calls // 2)
    second = sum(grown for call, grown in events if call > calls // 2)
    verdict: Verdict
    if failure is not None:
        verdict = "leak" if len(events) >= ENOUGH_EVENTS else "failed"
    elif calls < _LEAST_CALLS:
        verdict = "inconclusive"
    elif not events:
        verdict = "none"
    elif len(events) < ENOUGH_EVENTS:
        verdict = "plateau" if not second else "inconclusive"
    else:
        verdict = "leak" if 2 * second >= first else "plateau"
    sums = itertools.accumulate(grown for _, grown in events)
    return Growth(
        verdict=verdict,
        calls=calls,
        events=len(events),
        first_half=first,
        second_half=second,
        steps=tuple((call, total) for (call, _), total in zip(events, sums, strict=True)),
        failure=failure,
    )
