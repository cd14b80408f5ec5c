"""Searches for requests that a plugin does not stand. Hypothesis makes them, shrinks them and climbs to the costliest.

Hypothesis never judges: the oracles do, the ledger keeps the smallest case that they saw, and an exception of a class
of its own for each kind of discovery tells Hypothesis only what to make smaller. So none of its own verdicts, flakiness
among them, reaches a user. When time is up an exception that it does not catch ends the search; what was kept stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, perf_counter

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.fuzz.ledger import Key, Ledger, key_of
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.outcomes import accepted, outcome
from pytest_mockforge.fuzz.stage import Stage, TimeIsUpError
from pytest_mockforge.observation import Observation

_SHRINKING = 1.0
"""Seconds for making what one round found smaller."""
_PHASES = (Phase.generate, Phase.target, Phase.shrink)


class FoundError(Exception):
    """Tells Hypothesis that a request shows something; a subclass for each kind, as it goes by the class."""


@dataclass(kw_only=True)
class Tally:
    """What one operation's search came to."""

    asked: int
    tried: int = 0
    accepted: int = 0
    most_fuel: int | None = None
    costliest: Case | None = None
    answered: list[Case] = field(default_factory=list)
    """Requests that got a reply, for those who call them over and over."""


Judge = Callable[[Case, bool], tuple[Sequence[Discovery], Observation]]
"""Judges one case; the flag is False once something was found and is made smaller."""


class Search:
    """The search of one operation, in rounds: what one round found is left alone in the next."""

    def __init__(
        self,
        stage: Stage,
        ledger: Ledger,
        judge: Judge,
        *,
        operation: Operation,
        examples: int,
        deadline: float,
        tell: Callable[[Operation, Tally], None],
    ) -> None:
        self.tally = Tally(asked=examples)
        self.seconds = 0.0
        self.seconds_ours = 0.0
        self.cut = False
        """True when time ended it before all examples were tried."""
        self._stage = stage
        self._ledger = ledger
        self._judge = judge
        self._operation = operation
        self._deadline = deadline
        self._tell = tell
        self._muted: set[Key] = set()
        self._kinds: dict[Key, type[FoundError]] = {}
        self._failing = 0.0
        """When this round found something; 0 as long as it did not."""

    def run(self, made: st.SearchStrategy[Request] | st.SearchStrategy[Case]) -> Tally:
        """Try as many examples as were asked for, or as many as time allows."""
        rounds = 0
        while self.tally.tried < self.tally.asked and monotonic() < self._deadline:
            self._round(made, self._stage.seed + rounds * 0x9E3779B1)
            if not self._failing:
                break
            self._muted.update(self._kinds)
            rounds += 1
        self.cut = self.tally.tried < self.tally.asked and monotonic() >= self._deadline
        return self.tally

    def _round(self, made: st.SearchStrategy[Request] | st.SearchStrategy[Case], seed: int) -> None:
        self._failing = 0.0

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=self.tally.asked - self.tally.tried,
            backend="hypothesis",
            database=None,
            deadline=None,
            derandomize=False,
            phases=_PHASES,
            print_blob=False,
            report_multiple_bugs=True,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @hypothesis.given(made)
        def search(drawn: Request | Case) -> None:
            self._try(drawn)

        started = perf_counter()
        try:
            search()
        except (TimeIsUpError, FoundError, HypothesisException, BaseExceptionGroup) as ended:
            _pass_on(ended)
        finally:
            self.seconds += perf_counter() - started

    def _try(self, drawn: Request | Case) -> None:
        now = monotonic()
        if now > (self._failing + _SHRINKING if self._failing else self._deadline):
            raise TimeIsUpError
        started = perf_counter()
        case = drawn if isinstance(drawn, Case) else self._stage.case(drawn)
        if case is None:
            hypothesis.reject()
        discoveries, seen = self._judge(case, not self._failing)
        for discovery in discoveries:
            self._ledger.note(discovery)
        self.seconds_ours += perf_counter() - started
        if not self._failing:
            self._count(case, seen)
        for discovery in discoveries:
            key = key_of(discovery)
            if key not in self._muted:
                self._failing = self._failing or monotonic()
                raise self._kind(key)(key)
        self._aim(seen)

    def _count(self, case: Case, seen: Observation) -> None:
        tally = self.tally
        tally.tried += 1
        tally.accepted += accepted(seen)
        if outcome(seen) == "reply":
            tally.answered.append(case)
        if seen.fuel is not None and seen.fuel > (tally.most_fuel or 0):
            tally.most_fuel = seen.fuel
            # What was refused early costs little; what ran into a limit has its own code.
            if outcome(seen) in ("reply", "refused") and case.request is not None:
                tally.costliest = case
        self._tell(self._operation, tally)

    def _aim(self, seen: Observation) -> None:
        if seen.fuel is not None:
            hypothesis.target(float(seen.fuel), label="fuel")
            hypothesis.target(float(seen.memory), label="memory")

    def _kind(self, key: Key) -> type[FoundError]:
        if key not in self._kinds:
            self._kinds[key] = type("FoundError", (FoundError,), {})
        return self._kinds[key]


def requests_for(stage: Stage, operation: Operation, samples: Sequence[Request]) -> st.SearchStrategy[Request]:
    """Draw requests of one operation around those that the plugin is known to take."""
    from pytest_mockforge.fuzz.strategies import requests

    return requests(operation, dialect=stage.plugin.dialect, samples=samples)


def wire_cases(operation: Operation, payload: bytes, others: Sequence[bytes]) -> st.SearchStrategy[Case]:
    """Draw mutations of a written request."""
    from pytest_mockforge.fuzz.wire import mutated

    return mutated(payload, others).map(
        lambda wire: Case(operation=operation, payload=wire.payload, request=None, family=wire.family)
    )


def _pass_on(ended: BaseException) -> None:
    """Raise what a group holds beside our own exceptions and Hypothesis's: a defect of ours, or Ctrl-C."""
    if isinstance(ended, BaseExceptionGroup):
        for inner in ended.exceptions:
            if not isinstance(inner, TimeIsUpError | FoundError | HypothesisException):
                _pass_on(inner) if isinstance(inner, BaseExceptionGroup) else _raise(inner)


def _raise(error: BaseException) -> None:
    raise error
