"""One fuzz run over one plugin: what is tried in which order, and how the time is shared out.

First what was found earlier and what needs no chance, then the search of each operation, then what costs and memory say
of what the search came up with. Each part has its own end in time, so that none starves the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import realistic_requests
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.fuzz import borders, credentials, rounds
from pytest_mockforge.fuzz.growth import QUADRATIC
from pytest_mockforge.fuzz.judging import Judgement
from pytest_mockforge.fuzz.ledger import Ledger
from pytest_mockforge.fuzz.memory import leak
from pytest_mockforge.fuzz.model import EXAMPLES, SECONDS, Case, Discovery, FuzzReport, OperationCount
from pytest_mockforge.fuzz.oracles import of_one_call
from pytest_mockforge.fuzz.outcomes import accepted, limited
from pytest_mockforge.fuzz.stage import Stage, TimeIsUpError, Words, in_order
from pytest_mockforge.observation import Observation
from pytest_mockforge.plugin_under_test import Plugin

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from pytest_mockforge.fuzz.search import Search, Tally

Progress = Callable[[str], None]
Draw = Callable[[Operation, Sequence[Request]], "SearchStrategy[Request]"]
"""Makes the strategy for an operation around some accepted requests."""

_BEFORE, _SEARCH, _COSTS = 0.3, 0.7, 0.85
"""Where on the way through the time box each part ends; memory has the rest."""
_MOST_GOOD = 4
"""Accepted requests of an operation that rounds are made with."""
_MOST_REPEATED = 24
_LARGEST_COSTLY = 16 * 1024
"""Bytes of a request of which it is still worth asking which field makes it dear."""
_HOPELESS = 2
"""Calls of an operation that may run into a limit before the rest of its known requests is left out."""
_TELL_EVERY = 1.0


def fuzz(
    plugin: Plugin,
    *,
    operations: Iterable[Operation] | None = None,
    seed: int,
    examples: int = EXAMPLES,
    seconds: float = SECONDS,
    samples: Sequence[Request] = (),
    volatile: Sequence[Volatile] = (),
    stateful: bool = False,
    wire: bool | None = None,
    growth: float = QUADRATIC,
    earlier: Sequence[tuple[Case, Sequence[Case]]] = (),
    progress: Progress | None = None,
    draw: Draw | None = None,
) -> FuzzReport:
    """Search for requests that a plugin does not stand; give the smallest one of each kind.

    `examples` is for each operation, `seconds` for the whole run, which ends at most one call later. `wire` tells
    whether bytes are sent that the host would never send: None does so to services alone. `growth` is the exponent of
    cost against size from which on growth is a discovery. `earlier` are cases of a corpus, each with the calls that
    must come before it. Never raises for what the plugin does.
    """
    # Before the clock runs: what a machine takes to load Hypothesis is no time of the plugin's.
    import_module("pytest_mockforge.fuzz.search")
    import_module("pytest_mockforge.fuzz.strategies")
    started = monotonic()
    with Stage(
        plugin, seed=seed, deadline=started + seconds, volatile=volatile, stateful=stateful, strict=True
    ) as stage:
        run = _Run(stage, in_order(plugin.operations if operations is None else operations), progress)
        run.samples, run.earlier, run.draw = tuple(samples), tuple(earlier), draw
        run.examples, run.growth, run.begun, run.seconds = examples, growth, started, seconds
        run.wire = stage.service if wire is None else wire
        run.make()
        return run.report(monotonic() - started)


class _Run:
    """The parts of one run and what they leave for each other."""

    samples: tuple[Request, ...] = ()
    earlier: tuple[tuple[Case, Sequence[Case]], ...] = ()
    draw: Draw | None = None
    examples = EXAMPLES
    growth = QUADRATIC
    wire = False
    begun = 0.0
    seconds = SECONDS

    def __init__(self, stage: Stage, operations: tuple[Operation, ...], progress: Progress | None) -> None:
        self.stage = stage
        self.operations = operations
        self.ledger = Ledger()
        self.good: dict[Operation, list[tuple[Case, Observation]]] = {operation: [] for operation in operations}
        self.tallies: dict[Operation, Tally] = {}
        self.searches: list[Search] = []
        self.calls: dict[Operation, int] = {}
        self.notes: list[str] = []
        self._progress = progress
        self._told = 0.0

    def make(self) -> None:
        """Go through all parts; the end of the time box ends a part, and each that follows at its first call."""
        for operation in self.operations:
            with suppress(TimeIsUpError):
                self._meet(operation)
        for case, before in self.earlier:
            if case.operation in self.good:
                self._note(rounds.again(self.stage, case, before))
        secrets: tuple[str, ...] = ()
        with suppress(TimeIsUpError):
            secrets = self._without_chance()
        judgement = Judgement(self.stage, self.good, secrets)
        for number, operation in enumerate(self.operations):
            self._search(operation, judgement, self._end(_SEARCH, number))
        for operation in self.operations:
            with suppress(TimeIsUpError):
                self._afterwards(operation)
        with suppress(TimeIsUpError):
            self._doubt()

    def report(self, seconds: float) -> FuzzReport:
        """Say what came of it."""
        counts = tuple(self._count(operation, tally) for operation, tally in self.tallies.items())
        return FuzzReport(
            label=self.stage.plugin.label,
            seed=self.stage.seed,
            discoveries=self.ledger.discoveries,
            counts=counts,
            seconds=seconds,
            seconds_ours=sum(search.seconds_ours for search in self.searches),
            seconds_search=sum(search.seconds for search in self.searches),
            exhausted=self.stage.over or self.stage.cut or any(search.cut for search in self.searches),
            notes=tuple(self.notes),
        )

    def _end(self, share: float, number: int = 0) -> float:
        """When a part ends: the time up to `share` of the box is divided among the operations that are left."""
        now, end = monotonic(), self.begun + self.seconds * share
        return now + max(0.0, end - now) / (len(self.operations) - number)

    def _note(self, found: Iterable[Discovery]) -> None:
        with suppress(TimeIsUpError):
            for discovery in found:
                self.ledger.note(discovery)

    def _meet(self, operation: Operation) -> None:
        """Find the requests that the plugin accepts, the author's own first."""
        known = [sample for sample in self.samples if sample.operation is operation]
        late = 0
        for request in (*known, *(named.request for named in realistic_requests(operation))):
            case = self.stage.case(request)
            if late == _HOPELESS or len(self.good[operation]) == _MOST_GOOD:
                break
            if case is None:
                continue
            seen = self.stage.alone(case)
            late += limited(seen)
            if accepted(seen):
                self.good[operation].append((case, seen))

    def _without_chance(self) -> tuple[str, ...]:
        """Try what needs no search; give the secrets of the samples."""
        stage, good = self.stage, {operation: [case for case, _ in pairs] for operation, pairs in self.good.items()}
        known = credentials.credentials(stage, good.get(Operation.AUTHENTICATE, ()))
        self._note(credentials.mutated(stage, known))
        self._note(self._reflections())
        for number, operation in enumerate(self.operations):
            with stage.until(self._end(_BEFORE, number)):
                self._note(borders.borders(stage, good[operation]))
                self._note(borders.pages(stage, good[operation]))
                if good[operation] and not stage.service:
                    self._note(rounds.repeated(stage, good[operation]))
                    self._note(rounds.pairs(stage, good[operation]))
                if good[operation]:
                    self._note(rounds.sizes(stage, good[operation][0]))
        return tuple(dict.fromkeys(credential.text for credential in known))

    def _reflections(self) -> Iterator[Discovery]:
        """Ask with a secret, see what the refusal tells of it, and what the next requests do."""
        stage = self.stage
        secret = credentials.canary(stage.seed)
        asking = stage.case(credentials.asking_with(secret)) if Operation.AUTHENTICATE in self.good else None
        if asking is None:
            return
        found = credentials.reflected(stage, asking, stage.alone(asking), secret)
        if found is not None:
            yield found
        others = [case for pairs in self.good.values() for case, _ in pairs]
        for case in others:
            seen = stage.row((asking, case))[1] if not stage.service else stage.alone(case)
            found = credentials.carried_over(stage, case, seen, secret, (asking,))
            if found is not None:
                yield found
                return

    def _search(self, operation: Operation, judgement: Judgement, deadline: float) -> None:
        from pytest_mockforge.fuzz.search import Search, requests_for, wire_cases

        before = self.stage.calls
        requests = [case.request for case, _ in self.good[operation] if case.request is not None]
        requests += [sample for sample in self.samples if sample.operation is operation and sample not in requests]
        made = self.draw(operation, requests) if self.draw else requests_for(self.stage, operation, requests)
        search = Search(
            self.stage,
            self.ledger,
            judgement.typed,
            operation=operation,
            examples=self.examples,
            deadline=deadline,
            tell=self._tell,
        )
        self.searches.append(search)
        self.tallies[operation] = search.run(made)
        if self.wire and self.good[operation]:
            written = {
                other: self.stage.plugin.on_the_wire(other, pairs[0][0].payload)
                for other, pairs in self.good.items()
                if pairs
            }
            payload = written.pop(operation)
            search = Search(
                self.stage,
                self.ledger,
                judgement.wire,
                operation=operation,
                examples=max(self.examples // 2, 1),
                deadline=monotonic() + max(0.5, self.seconds * 0.05),
                tell=self._tell,
            )
            search.run(wire_cases(operation, payload, list(written.values())))
        self.calls[operation] = self.stage.calls - before

    def _afterwards(self, operation: Operation) -> None:
        """See what cost and memory say of samples and of what the search came up with."""
        stage, tally = self.stage, self.tallies[operation]
        cases = [case for case, _ in self.good[operation]]
        if stage.service:
            return
        costliest = [tally.costliest] if tally.costliest and len(tally.costliest.payload) <= _LARGEST_COSTLY else []
        with stage.until(self._end(_COSTS, self.operations.index(operation))):
            for case in (*cases, *costliest):
                self._note(rounds.costs(stage, case, self.growth))
        answered = sorted({case.payload: case for case in tally.answered}.values(), key=lambda case: len(case.payload))
        chosen = answered[:: max(1, len(answered) // _MOST_REPEATED)][:_MOST_REPEATED]
        found = leak(stage, operation, cases + chosen, deadline=self._end(1.0, self.operations.index(operation)))
        self._note([found] if found is not None else [])

    def _doubt(self) -> None:
        """Try once more, alone, what was seen in one call: what does not show again is no lie, but it is flaky."""
        for discovery in self.ledger.discoveries:
            if discovery.code not in ("MF301", "MF302", "MF303"):
                continue
            seen = self.stage.alone(discovery.case)
            again = of_one_call(self.stage, discovery.case, seen)
            if again is not None and again.detail == discovery.detail:
                continue
            words = Words(
                message=f"is flaky: {discovery.message.partition(' ')[2]}, and not when asked the same once more",
                expected="the same answer to the same request",
                got=f"{discovery.code} at first, then: {again.message if again is not None else 'nothing wrong'}",
                hint="look for what the request does not say: load, time, another client",
                severity="warning",
                backtrace=discovery.backtrace,
            )
            flaky = self.stage.discovery("MF304", "flaky", discovery.case, words)
            self.ledger.replace(discovery, flaky)

    def _count(self, operation: Operation, tally: Tally) -> OperationCount:
        return OperationCount(
            operation=operation,
            asked=tally.asked,
            tried=tally.tried,
            calls=self.calls.get(operation, 0),
            accepted=tally.accepted,
            most_fuel=tally.most_fuel,
        )

    def _tell(self, operation: Operation, tally: Tally) -> None:
        if self._progress is not None and monotonic() - self._told >= _TELL_EVERY:
            self._told = monotonic()
            kinds = len(self.ledger)
            self._progress(
                f"fuzzing {self.stage.plugin.label}: {operation}, {tally.tried} of {tally.asked} examples, "
                f"{kinds} finding{'' if kinds == 1 else 's'}"
            )
