"""Asks two plugins the same and tells where they differ: each request alone, in a fresh instance of either.

What a plugin says otherwise when it is asked once more is no difference between the two. Knows neither Hypothesis nor
how anything is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import inf
from types import TracebackType

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import NamedRequest, realistic_requests
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.contract.requests import from_mapping
from pytest_mockforge.differential.fields import fields_of, ways_to, written
from pytest_mockforge.differential.model import Difference, Outcome
from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.differences import AllowedDifference, points_to
from pytest_mockforge.documents.expectation import Mismatch, Volatile, differing
from pytest_mockforge.documents.testfile import Sample
from pytest_mockforge.errors import RequestError
from pytest_mockforge.fuzz.model import Case
from pytest_mockforge.fuzz.outcomes import accepted, limited, outcome, said
from pytest_mockforge.fuzz.stage import Stage, in_order
from pytest_mockforge.observation import Observation
from pytest_mockforge.plugin_under_test import Plugin

_HOPELESS = 2
"""Calls of an operation that may run into a limit before the rest of its requests is left out."""
_MOST_FIELDS = 20
"""Fields of one reply that are told."""
_DOES: dict[Outcome, str] = {
    "answered": "answers",
    "refused": "refuses",
    "broken": "breaks the contract",
    "failed": "fails",
}


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What two plugins may differ in."""

    today: date
    volatile: Sequence[Volatile] = ()
    """Fields that differ between equal calls of one of them."""
    allowed: Sequence[AllowedDifference] = ()


class Comparison:
    """A plugin beside its reference."""

    def __init__(
        self,
        reference: Plugin,
        plugin: Plugin,
        *,
        terms: Terms,
        operations: tuple[Collection[Operation], Collection[Operation]] | None = None,
    ) -> None:
        """Take two plugins; `operations` are those that each has, where more is known of that than by looking."""
        old, new = operations or (reference.operations, plugin.operations)
        self.reference, self.plugin = reference, plugin
        self.operations = in_order([operation for operation in old if operation in new])
        """Those that both have."""
        self.missing = in_order([operation for operation in old if operation not in new])
        self.added = in_order([operation for operation in new if operation not in old])
        self.terms = terms
        self.tried = 0
        """Requests that both were asked, so far; drawn ones are counted by who draws them."""
        self.notes: list[str] = []
        self.used: set[AllowedDifference] = set()
        """What is allowed and did occur."""
        self.unsteady: dict[str, str] = {}
        """Which plugin contradicts itself, by operation and place."""
        self.good: dict[Operation, list[Request]] = {operation: [] for operation in self.operations}
        """Requests that the reference accepts."""
        self.last: Observation | None = None
        """What the plugin made of the last request."""
        self._late: dict[Operation, int] = {}
        self._stages = tuple(Stage(one, seed=0, deadline=inf) for one in (reference, plugin))

    @cached_property
    def dialects(self) -> tuple[str, str]:
        """What each of the two speaks; a service is asked that at the first need."""
        return self.reference.dialect, self.plugin.dialect

    def ask(self, request: Request) -> list[Difference]:
        """Ask both, and give what differs. Raises RequestError where one of the two cannot be asked this."""
        cases = self._cases(request)
        one, other = self._both(cases)
        self.last = other
        found = self._between(cases[1], request, one, other)
        if found:
            found = self._lasting(found, (one, other), self._both(cases))
        self._late[request.operation] = self._late.get(request.operation, 0) + (limited(one) or limited(other))
        if accepted(one) and request not in self.good[request.operation]:
            self.good[request.operation].append(request)
        return found

    def ask_all(self, requests: Iterable[NamedRequest], *, strict: bool = False) -> tuple[Difference, ...]:
        """Ask both for all that they have in common, and give each difference once, with the requests that show it.

        What cannot be asked is noted; with `strict` RequestError is raised.
        """
        found: dict[tuple[str, str], Difference] = {}
        for named in requests:
            operation = named.request.operation
            if operation not in self.operations:
                continue
            if self._late.get(operation, 0) >= _HOPELESS:
                self.note(f"{operation}: the rest of its requests is left out, as calls run into a limit")
                continue
            try:
                differences = self.ask(named.request)
            except RequestError as error:
                if strict:
                    raise
                self.note(f"{operation}: {named.name!r} is left out: {error.message}")
                continue
            self.tried += 1
            for one in differences:
                key = (one.about, one.detail)
                kept = found.get(key, one)
                found[key] = msgspec.structs.replace(kept, names=(*kept.names, named.name))
        return tuple(found.values())

    def carries(self, request: Request) -> bool:
        """Tell whether both can be asked this."""
        return all(stage.case(request) is not None for stage in self._stages)

    def note(self, text: str) -> None:
        """Keep what could not be compared; the same is said once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def unused(self) -> tuple[AllowedDifference, ...]:
        """What is allowed, has not run out, and did not occur so far."""
        left = [one for one in self.terms.allowed if one not in self.used and not one.expired(self.terms.today)]
        return tuple(one for one in left if one.operation is None or one.operation in self.operations)

    def close(self) -> None:
        """Free the instances; the plugins stay with their owner."""
        for stage in self._stages:
            stage.close()

    def __enter__(self) -> Comparison:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _cases(self, request: Request) -> tuple[Case, Case]:
        cases = []
        for plugin in (self.reference, self.plugin):
            payload = plugin.encode(request)
            plugin.on_the_wire(request.operation, payload)
            cases.append(Case(operation=request.operation, payload=payload, request=request))
        return cases[0], cases[1]

    def _both(self, cases: tuple[Case, Case]) -> tuple[Observation, Observation]:
        one, other = (stage.alone(case) for stage, case in zip(self._stages, cases, strict=True))
        return one, other

    def _between(self, case: Case, request: Request, one: Observation, other: Observation) -> list[Difference]:
        """Compare two answers; with `case` as the second got it."""
        was, became = _outcome(one), _outcome(other)
        if was != became:
            return [
                Difference(
                    operation=case.operation,
                    about="outcome",
                    place=f"{was}-{became}",
                    expected=_DOES[was],
                    got=_DOES[became],
                    replies=(self._said(one), self._said(other)),
                    request=request,
                    payload=case.payload,
                )
            ]
        if was != "answered" or (one.reply_bytes == other.reply_bytes and self.dialects[0] == self.dialects[1]):
            return []
        replies = [self._fields(seen) for seen in (one, other)]
        fields = [
            mismatch for mismatch in differing(*replies) if not self._is_meant(case.operation, mismatch, one, other)
        ]
        return [
            Difference(
                operation=case.operation,
                about="field",
                place=pointers.general(mismatch.pointer),
                pointer=mismatch.pointer,
                expected=mismatch.expected,
                got=mismatch.got,
                replies=(written(replies[0]), written(replies[1])),
                request=request,
                payload=case.payload,
                hint=self._expired(case.operation, mismatch, one, other),
            )
            for mismatch in fields[:_MOST_FIELDS]
        ]

    def _lasting(
        self,
        found: list[Difference],
        first: tuple[Observation, Observation],
        again: tuple[Observation, Observation],
    ) -> list[Difference]:
        """Leave out what one of the two says otherwise when it is asked once more."""
        lasting = found
        for plugin, before, after in zip((self.reference, self.plugin), first, again, strict=True):
            if _outcome(before) != _outcome(after):
                gone = lasting
            elif _outcome(before) == "answered":
                changed = differing(self._fields(before), self._fields(after))
                unsteady = {pointers.general(one.pointer) for one in changed}
                gone = [one for one in lasting if one.about == "field" and one.place in unsteady]
            else:
                gone = []
            self.unsteady |= {one.detail: plugin.label for one in gone}
            lasting = [one for one in lasting if one not in gone]
        return lasting

    def _fields(self, seen: Observation) -> object:
        assert seen.decoded is not None
        return fields_of(seen.decoded.reply, seen.operation, dialects=self.dialects)

    def _said(self, seen: Observation) -> str:
        return written(self._fields(seen)) if _outcome(seen) == "answered" else said(seen)

    def _is_meant(self, operation: Operation, mismatch: Mismatch, one: Observation, other: Observation) -> bool:
        ways = ways_to(mismatch.pointer, one.reply, other.reply)
        volatile = [entry for entry in self.terms.volatile if entry.operation in (None, operation)]
        if any(points_to(entry.pointer, ways) for entry in volatile):
            return True
        covering = [entry for entry in self.terms.allowed if entry.covers(operation, ways)]
        holding = [entry for entry in covering if not entry.expired(self.terms.today)]
        self.used.update(holding)
        return bool(holding)

    def _expired(self, operation: Operation, mismatch: Mismatch, one: Observation, other: Observation) -> str:
        """Say which entry allowed it until it ran out; empty where none did."""
        ways = ways_to(mismatch.pointer, one.reply, other.reply)
        covering = [entry for entry in self.terms.allowed if entry.covers(operation, ways)]
        return f"{covering[0].where} allowed it until {covering[0].expires}" if covering else ""


def known_requests(
    samples: Iterable[Sample], operations: Collection[Operation], *, realistic: bool = True
) -> tuple[NamedRequest, ...]:
    """Give the requests of samples, each once, and with `realistic` those that the suite makes of any plugin."""
    named: list[NamedRequest] = []
    for sample in samples:
        try:
            request = from_mapping(sample.operation, sample.request)
        except RequestError:
            # The check on samples reports it.
            continue
        if all(request != known.request for known in named):
            named.append(NamedRequest(name=sample.name, request=request))
    if realistic:
        named += [one for operation in in_order(operations) for one in realistic_requests(operation)]
    return tuple(named)


def _outcome(seen: Observation) -> Outcome:
    match outcome(seen):
        case "reply":
            return "answered"
        case "refused":
            return "refused"
        case "broken":
            return "broken"
        case _:
            return "failed"
