"""Draws requests until two plugins differ, and makes them smaller: the search of `fuzz/` with an oracle of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.differential.comparison import Comparison
from pytest_mockforge.differential.model import Difference
from pytest_mockforge.fuzz.draws import undisturbed
from pytest_mockforge.fuzz.ledger import Ledger
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.search import Search, Tally
from pytest_mockforge.fuzz.stage import Stage
from pytest_mockforge.fuzz.strategies import requests
from pytest_mockforge.observation import Observation

_MOST_GOOD = 8
"""Accepted requests of an operation that others are drawn around."""


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What one search came to."""

    differences: tuple[Difference, ...]
    """The smallest request for each."""
    tried: int
    asked: int
    seed: int
    seconds: float

    @property
    def cut(self) -> bool:
        """True when not all examples were tried."""
        return self.tried < self.asked


def search(
    comparison: Comparison,
    *,
    seed: int,
    examples: int,
    seconds: float,
    progress: Callable[[str], None] | None = None,
) -> Searched:
    """Draw so many examples of each operation, around the requests that the reference accepted so far.

    Ends at most one call after `seconds`.
    """
    found: list[Difference] = []
    tried = 0
    with undisturbed(), Stage(comparison.plugin, seed=seed, deadline=inf) as stage:
        # Not before: what Hypothesis prepares is no time of the plugins'.
        started = monotonic()
        for number, operation in enumerate(comparison.operations):
            now = monotonic()
            deadline = now + max(0.0, started + seconds - now) / (len(comparison.operations) - number)
            one = _OneSearch(comparison, stage)
            tally = one.run(operation, examples, deadline, progress)
            found += one.found(operation)
            tried += tally.tried
    return Searched(
        differences=tuple(found),
        tried=tried,
        asked=examples * len(comparison.operations),
        seed=seed,
        seconds=monotonic() - started,
    )


class _OneSearch:
    """The search of one operation."""

    def __init__(self, comparison: Comparison, stage: Stage) -> None:
        self._comparison = comparison
        self._stage = stage
        self._ledger = Ledger()
        self._known: dict[tuple[str, bytes], Difference] = {}

    def run(
        self, operation: Operation, examples: int, deadline: float, progress: Callable[[str], None] | None
    ) -> Tally:
        comparison = self._comparison
        # What the host dialect carries the sdk dialect mostly carries too, and not the other way round.
        dialect = "host" if "host" in comparison.dialects else "sdk"
        drawn = requests(operation, dialect=dialect, samples=comparison.good[operation][:_MOST_GOOD])
        told = [0.0]

        def tell(asked: Operation, tally: Tally) -> None:
            if progress is not None and monotonic() - told[0] >= 1.0:
                told[0] = monotonic()
                label = comparison.plugin.label
                progress(f"comparing {label}: {asked}, {tally.tried} of {tally.asked} examples")

        made = drawn.filter(comparison.carries)
        searching = Search(
            self._stage, self._ledger, self._judge, operation=operation, examples=examples, deadline=deadline, tell=tell
        )
        return searching.run(made)

    def found(self, operation: Operation) -> Sequence[Difference]:
        """Give the smallest of each kind."""
        return [
            self._known[one.detail, one.case.payload]
            for one in self._ledger.discoveries
            if one.case.operation is operation
        ]

    def _judge(self, case: Case, searching: bool) -> tuple[list[Discovery], Observation]:  # noqa: ARG002 - as Search asks
        assert case.request is not None
        discoveries = []
        for one in self._comparison.ask(case.request):
            self._known[one.detail, case.payload] = one
            discoveries.append(
                Discovery(
                    code="MF803",
                    detail=one.detail,
                    message=one.detail,
                    case=case,
                    seed=self._stage.seed,
                    label=self._stage.plugin.label,
                    dialect=self._stage.plugin.dialect,
                )
            )
        seen = self._comparison.last
        assert seen is not None
        return discoveries, seen
