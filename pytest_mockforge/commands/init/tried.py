"""Tries a plugin with realistic requests, and keeps what it accepts: samples with expectations that hold, and fuel.

Whatever is kept was asked at least three times, in fresh instances. Knows no files and prints nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_mockforge.checks.bench import Bench, Trial
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.expectation import MISSING, differing, matches
from pytest_mockforge.errors import Refusal
from pytest_mockforge.fuzz.sample_form import SampleForm, sample_form
from pytest_mockforge.observation import Observation

_MOST_ACCEPTED = 3
_MOST_REFUSED = 1
_AGAIN = 2
_LONGEST_REQUEST = 400
"""Bytes; a longer request makes no sample that anybody reads."""
_LONGEST_REPLY = 300
_HEADROOM = 1.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A request that was tried, and what can be expected of it."""

    name: str
    request: Request
    form: SampleForm
    """As it stands in `plugin.test.yaml`."""
    accepted: bool
    refuses: bool
    """True where the plugin refuses by a trap or an error status, so that no reply comes."""
    reply: object
    """What of the reply held each time; MISSING where nothing is worth expecting."""

    @property
    def operation(self) -> Operation:
        """The operation that it asks for."""
        return self.request.operation


@dataclass(frozen=True, kw_only=True, slots=True)
class FuelBudget:
    """What the costliest call of an operation may use, from what it used."""

    operation: Operation
    measured: int
    bound: int

    @property
    def text(self) -> str:
        """The budget as it is written."""
        return f"{self.operation}: fuel.max<{_short(self.bound)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What came of trying."""

    language: str
    dialect: str
    counts: Mapping[Operation, tuple[int, int]]
    """Of each operation that can be called, how many requests it accepted and how many were made."""
    kept: tuple[Kept, ...]
    volatile: tuple[tuple[Operation, str], ...]
    """Places of replies that differed between equal calls, each as operation and pointer."""
    budgets: tuple[FuelBudget, ...]


def try_out(bench: Bench) -> Tried:
    """Call each operation with realistic requests, and what is accepted again and again.

    The plugin must be callable.
    """
    kept: list[Kept] = []
    volatile: dict[tuple[Operation, str], None] = {}
    for operation in bench.operations:
        for accepted, most in ((True, _MOST_ACCEPTED), (False, _MOST_REFUSED)):
            chosen = _chosen(bench, operation, accepted=accepted, most=most)
            kept += [one for one, _ in chosen]
            for _, places in chosen:
                volatile |= dict.fromkeys((operation, place) for place in places)
    return Tried(
        language=bench.subject.language,
        dialect=bench.plugin.dialect,
        counts={
            operation: (sum(trial.accepted for trial in trials), len(trials))
            for operation, trials in bench.survey.items()
        },
        kept=tuple(kept),
        volatile=tuple(volatile),
        budgets=tuple(_budgets(bench, kept)),
    )


def _chosen(bench: Bench, operation: Operation, *, accepted: bool, most: int) -> list[tuple[Kept, tuple[str, ...]]]:
    chosen: list[tuple[Kept, tuple[str, ...]]] = []
    for trial in bench.survey.get(operation, ()):
        if len(chosen) == most:
            break
        if trial.accepted is accepted and trial.answered and len(trial.observation.request_bytes) <= _LONGEST_REQUEST:
            kept = _asked_again(bench, trial)
            if kept is not None:
                chosen.append(kept)
    return chosen


def _asked_again(bench: Bench, trial: Trial) -> tuple[Kept, tuple[str, ...]] | None:
    """Make the same call again; None where it comes to something else, or cannot be written as a sample."""
    form = sample_form(trial.request)
    with bench.plugin.fresh() as fresh:
        again = [fresh.observe(trial.request) for _ in range(_AGAIN)]
    repeats = [Trial(name=trial.name, request=trial.request, observation=seen) for seen in again]
    if form is None or any(one.accepted is not trial.accepted or not one.answered for one in repeats):
        return None
    value = _value(trial.observation)
    places = {mismatch.pointer for seen in again for mismatch in differing(value, _value(seen))}
    expected = _expected(trial.operation, value)
    if any(matches(expected, _value(seen)) for seen in again) or expected == {}:
        expected = MISSING
    kept = Kept(
        name=trial.name,
        request=trial.request,
        form=form,
        accepted=trial.accepted,
        refuses=isinstance(trial.observation.failure, Refusal),
        reply=expected,
    )
    return kept, tuple(sorted(filter(None, map(pointers.general, places))))


def _value(seen: Observation) -> object:
    return seen.decoded.value if seen.decoded is not None and seen.decoded.ok else MISSING


def _expected(operation: Operation, value: object) -> object:
    """Choose what of a reply says most, and is short."""
    if operation is Operation.TEMPLATE_FUNCTION:
        return value if value is not MISSING and len(repr(value)) <= _LONGEST_REPLY else MISSING
    if not isinstance(value, Mapping):
        return MISSING
    names = {
        Operation.AUTHENTICATE: ("authenticated", "identity"),
        Operation.GENERATE_RESPONSE: ("status_code", "content_type"),
        Operation.QUERY_DATASOURCE: ("total_count", "columns"),
    }[operation]
    chosen = {name: _picked(name, value[name]) for name in names if value.get(name) is not None}
    return {name: member for name, member in chosen.items() if len(repr(member)) <= _LONGEST_REPLY}


def _picked(name: str, member: object) -> object:
    """Of a user the id, of columns their names: what is around them is free to grow."""
    if name == "identity" and isinstance(member, Mapping):
        return {"user_id": member["user_id"]} if "user_id" in member else {}
    if name == "columns" and isinstance(member, list | tuple):
        return [{"name": column["name"]} if isinstance(column, Mapping) else column for column in member]
    return member


def _budgets(bench: Bench, kept: Sequence[Kept]) -> list[FuelBudget]:
    """Measure the fuel of the samples that are accepted; refusals alone would say little."""
    budgets: list[FuelBudget] = []
    for operation in bench.operations:
        requests = [one.request for one in kept if one.operation is operation and one.accepted]
        rounds = bench.costs.fuel(requests) if requests else ()
        if rounds:
            most = max(one.most for one in rounds)
            budgets.append(FuelBudget(operation=operation, measured=most, bound=_rounded_up(most * _HEADROOM)))
    return budgets


def _rounded_up(value: float) -> int:
    """Round up to two digits that count."""
    step = int(10 ** max(len(str(int(value))) - 2, 0))
    return math.ceil(value / step) * step


def _short(count: int) -> str:
    for factor, unit in ((10**6, "M"), (10**3, "k")):
        if count >= factor and count % (factor // 10) == 0:
            return f"{count / factor:g}{unit}"
    return str(count)
