"""Judges each request that the search comes up with, by all oracles that take one request at a time.

Two instances see it: a new one that gets it, a good request, and it again; and one that lives through the search and
remembers. Knows nothing of Hypothesis: what it says of a case depends on that case alone, but for the instance that
remembers, whose suspicions are made certain on new ones before they count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.fuzz import credentials
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.oracles import of_one_call, of_poison, of_state, of_two_fresh
from pytest_mockforge.fuzz.outcomes import alike, limited
from pytest_mockforge.fuzz.rounds import blame
from pytest_mockforge.fuzz.stage import Stage
from pytest_mockforge.observation import Observation

_LONGEST_LIFE = 24
"""Calls after which the instance that remembers is replaced: what it remembers has to be tried again one by one."""
_MOST_TRAPS = 6
"""Refusals by a trap that it may see: each leaves its part of the stack behind, whatever the plugin does."""
_DEAR = 1_000_000
"""Units of fuel, some milliseconds: what costs more is called once and not five times."""
_SAMPLED = 8
"""One request of so many has a second fresh instance, unless it asks its host for something: without that a module
cannot but answer as it did."""
Good = Mapping[Operation, Sequence[tuple[Case, Observation]]]
"""Accepted requests of each operation with what a fresh instance says to them."""


class Judgement:
    """What the oracles know between one request and the next."""

    def __init__(self, stage: Stage, good: Good, secrets: Sequence[str]) -> None:
        self._stage = stage
        self._good = good
        self._canary = credentials.canary(stage.seed)
        self._secrets = (self._canary, *secrets)
        self._history: list[Case] = []
        self._traps = 0
        self._suspects: dict[Operation, list[tuple[Case, ...]]] = {}
        """Calls after which some request was answered otherwise, by its operation."""
        self._steady: dict[Operation, bool] = {}

    def typed(self, case: Case, searching: bool) -> tuple[list[Discovery], Observation]:
        """Judge a request that the host could send; `searching` is False while one is made smaller."""
        stage = self._stage
        probe = self._probe(case.operation)
        if stage.service:
            fresh = stage.alone(case)
            found = self._of_service(case, fresh, probe)
        else:
            row = stage.row(self._rows(case, probe), until=self._ends)
            fresh = row[0]
            found = self._of_module(case, row, probe)
            if searching and len(row) > 1:
                found += self._remembered(case, fresh)
        found = [of_one_call(stage, case, fresh), credentials.repeated(stage, case, fresh), *found]
        return [discovery for discovery in found if discovery is not None], fresh

    def wire(self, case: Case, searching: bool) -> tuple[list[Discovery], Observation]:  # noqa: ARG002 - as `typed`
        """Judge bytes that the host would never send: MF311, and of a module no more than a note."""
        from pytest_mockforge.fuzz.wire_oracle import of_bytes

        fresh = self._stage.alone(case)
        probe = self._probe(case.operation)
        found = of_bytes(self._stage, case, fresh, probe)
        return [found] if found is not None else [], fresh

    def _of_module(
        self, case: Case, row: Sequence[Observation], probe: tuple[Case, Observation] | None
    ) -> list[Discovery | None]:
        stage, fresh = self._stage, row[0]
        if len(row) == 1:
            return []
        found: list[Discovery | None] = []
        if probe is not None:
            found.append(of_poison(stage, probe[0], probe[1], row[1], (case,)))
        if probe is None or len(row) > 2:
            before = (case,) if probe is None else (case, probe[0])
            found.append(of_state(stage, case, fresh, row[-1], before))
        if fresh.exchange.asked_total or crc32(case.payload) % _SAMPLED == 0:
            found.append(of_two_fresh(stage, case, fresh, stage.alone(case)))
        for earlier in self._suspects.get(case.operation, ()):
            found.append(of_state(stage, case, fresh, stage.row((*earlier, case))[-1], earlier))
        return found

    def _rows(self, case: Case, probe: tuple[Case, Observation] | None) -> tuple[Case, ...]:
        """What a new instance is asked: the case, a good request, and for half of all cases the case again."""
        if probe is None:
            return case, case
        return (case, probe[0], case) if crc32(case.payload) % 2 else (case, probe[0])

    def _of_service(
        self, case: Case, fresh: Observation, probe: tuple[Case, Observation] | None
    ) -> list[Discovery | None]:
        stage = self._stage
        if limited(fresh):
            return []
        found = [of_two_fresh(stage, case, fresh, stage.alone(case))]
        if probe is not None:
            found.append(of_poison(stage, probe[0], probe[1], stage.alone(probe[0]), (case,)))
        if case.operation is not Operation.AUTHENTICATE:
            found += [credentials.carried_over(stage, case, fresh, secret, ()) for secret in self._secrets]
        return found

    def _ends(self, seen: Observation) -> bool:
        """Tell whether a call says or costs so much that nothing is called after it: by fuel, the same everywhere."""
        return limited(seen) or (seen.fuel is not None and seen.fuel > _DEAR)

    def _probe(self, operation: Operation) -> tuple[Case, Observation] | None:
        """A good request whose answer does not change by itself."""
        good = self._good.get(operation)
        if not good:
            return None
        if operation not in self._steady:
            self._steady[operation] = self._is_steady(*good[0])
        return good[0] if self._steady[operation] else None

    def _is_steady(self, case: Case, fresh: Observation) -> bool:
        volatile = self._stage.volatile
        if self._stage.service:
            return alike(fresh, self._stage.alone(case), volatile)
        return all(alike(fresh, seen, volatile) for seen in self._stage.row((case, case)))

    def _remembered(self, case: Case, fresh: Observation) -> list[Discovery | None]:
        """Ask the instance that remembers, and make certain of what it says."""
        stage = self._stage
        if not self._history:
            self._prepare()
        seen = stage.kept(case)
        history = tuple(self._history)
        self._history.append(case)
        self._traps += seen.exchange.failure is not None
        if len(history) >= _LONGEST_LIFE or self._traps >= _MOST_TRAPS or limited(seen) or self._is_large(seen):
            self._forget()
        found: list[Discovery | None] = []
        for secret in self._secrets:
            if secret in credentials.visible(seen) and secret not in credentials.visible(fresh):
                found.append(credentials.carried_over(stage, case, seen, secret, history))
        if of_state(stage, case, fresh, seen, history) is not None:
            found.append(self._certain(case, fresh, history))
        return found

    def _certain(self, case: Case, fresh: Observation, history: Sequence[Case]) -> Discovery | None:
        stage = self._stage

        def differs(row: Sequence[Case]) -> bool:
            return of_state(stage, case, fresh, stage.row(row)[-1], tuple(row[:-1])) is not None

        before = tuple(blame(stage, history, case, differs))
        if not before:
            return None
        self._suspects.setdefault(case.operation, []).append(before)
        return of_state(stage, case, fresh, stage.row((*before, case))[-1], before)

    def _prepare(self) -> None:
        """Give a new instance secrets to remember, and a good request of each operation."""
        first = [pairs[0][0] for pairs in self._good.values() if pairs]
        if Operation.AUTHENTICATE in self._good:
            asking = self._stage.case(credentials.asking_with(self._canary))
            first += [asking] if asking is not None else []
        for case in first:
            self._stage.kept(case)
        self._history = first

    def _forget(self) -> None:
        self._stage.renew()
        self._history, self._traps = [], 0

    def _is_large(self, seen: Observation) -> bool:
        return seen.memory > self._stage.plugin.limits.memory // 2
