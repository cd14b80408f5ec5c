"""What calls of one plugin cost exactly: fuel, memory, and memory that is not given back. Measured once and kept.

The resource checks and the budgets both ask here. Judges nothing, and knows nothing of time.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from pytest_mockforge.checks.growth import Growth, measure_growth
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.plugin_under_test import Plugin

ROUNDS = 5
"""How often fuel is measured for a budget: one that varies over them is not deterministic."""
_STEADY_CALLS = 30
"""Calls on a reused instance from which the steady figures are taken, at least one for each request."""
_LONGEST = 10.0
"""Seconds after which no further round begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FuelRound:
    """What one round came to: each request on a fresh instance, then all of them over and over on another one."""

    cold: int
    """Units of the first call of an instance: the median over the requests."""
    steady: int
    """Units of a later one: the median."""
    most: int
    """Units of the costliest of these."""
    memory: int
    """Bytes of linear memory at the peak."""


class Costs:
    """The costs of one plugin, by operation and requests."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._rounds: dict[tuple[Operation, tuple[bytes, ...]], list[FuelRound]] = {}
        self._growth: dict[tuple[Operation, tuple[bytes, ...]], Growth] = {}

    def fuel(self, requests: Sequence[Request], *, rounds: int = 1) -> tuple[FuelRound, ...]:
        """Measure so many rounds, fewer where they take long; none where no call uses fuel that can be counted."""
        done = self._rounds.setdefault(self._key(requests), [])
        deadline = monotonic() + _LONGEST
        while len(done) < rounds and (not done or monotonic() < deadline):
            measured = _measure(self._plugin, requests)
            if measured is None:
                break
            done.append(measured)
        return tuple(done[:rounds])

    def growth(self, requests: Sequence[Request]) -> Growth:
        """Call one kept instance over and over; see `growth.measure_growth`."""
        key = self._key(requests)
        found = self._growth.get(key)
        if found is None:
            operation, payloads = key
            with self._plugin.view(policy="kept") as kept:
                found = self._growth[key] = measure_growth(kept, payloads, operation)
        return found

    def _key(self, requests: Sequence[Request]) -> tuple[Operation, tuple[bytes, ...]]:
        return requests[0].operation, tuple(self._plugin.encode(request) for request in requests)


def _measure(plugin: Plugin, requests: Sequence[Request]) -> FuelRound | None:
    with plugin.fresh() as fresh:
        first = [fresh.observe(request) for request in requests]
    with plugin.view() as reused:
        warm = [reused.observe(request) for request in requests]
        rounds = itertools.islice(itertools.cycle(requests), max(_STEADY_CALLS, len(requests)))
        later = [reused.observe(request) for request in rounds]
    cold = [seen.fuel for seen in first if seen.fuel is not None]
    steady = [seen.fuel for seen in later if seen.fuel is not None]
    if not cold or not steady:
        return None
    return FuelRound(
        cold=int(statistics.median(cold)),
        steady=int(statistics.median(steady)),
        most=max(steady),
        memory=max(seen.memory for seen in (*first, *warm, *later)),
    )
