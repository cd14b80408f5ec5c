"""How oracles call a plugin: alone in a fresh instance, or one request after another in one that is kept.

Counts calls and the time they take. Knows nothing of what is right or wrong, nor of Hypothesis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, perf_counter
from types import TracebackType

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.contract.violations import Severity
from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.errors import RequestError
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.observation import Observation
from pytest_mockforge.plugin_under_test import Plugin

_MOST_KNOWN = 64
"""Requests whose replies are remembered."""


class TimeIsUpError(BaseException):
    """The time box has ended. No `Exception`, so that it passes through Hypothesis at once."""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What a discovery says, before it is known of which plugin and from which seed."""

    message: str
    expected: str = ""
    got: str = ""
    hint: str = ""
    severity: Severity = "error"
    before: tuple[Case, ...] = ()
    backtrace: tuple[str, ...] = ()


class Stage:
    """One plugin while it is fuzzed."""

    def __init__(
        self,
        plugin: Plugin,
        *,
        seed: int,
        deadline: float,
        volatile: Sequence[Volatile] = (),
        stateful: bool = False,
        strict: bool = False,
    ) -> None:
        self.plugin = plugin
        self.service = plugin.path is None
        self.seed = seed
        self.deadline = deadline
        """On the clock of `time.monotonic`: when the time box ends."""
        self.cut = False
        """True once somebody was told that time is over, and so left something out."""
        self.strict = strict
        """Whether a call raises TimeIsUpError once the time box has ended; else its caller looks at `over`."""
        self.volatile = tuple(volatile)
        self.stateful = stateful
        self._known: dict[bytes, Observation] = {}
        """What the last requests came to: a reply that did not change is not read again."""
        self.calls = 0
        self.seconds = 0.0
        """Spent in calls of the plugin, encoding and decoding included."""
        # A service has no instance of ours: every view would be the same one.
        self._fresh = plugin.view(policy="call")
        self._row = plugin.view(policy="kept")
        self._kept = plugin.view(policy="kept")

    @property
    def over(self) -> bool:
        """True when the time box has ended."""
        late = monotonic() > self.deadline
        self.cut = self.cut or late
        return late

    def case(self, request: Request) -> Case | None:
        """Write a request; None where the dialect, or what carries it, has no place for something in it."""
        started = perf_counter()
        try:
            payload = self.plugin.encode(request)
            self.plugin.on_the_wire(request.operation, payload)
        except RequestError:
            return None
        finally:
            self.seconds += perf_counter() - started
        return Case(operation=request.operation, payload=payload, request=request)

    def alone(self, case: Case) -> Observation:
        """Call in an instance of its own."""
        self.plugin.host.forget()
        return self._call(self._fresh, case)

    def row(
        self, cases: Iterable[Case], *, until: Callable[[Observation], bool] = lambda _: False
    ) -> list[Observation]:
        """Call one after another in one new instance, which is kept after a trap too, as MockForge keeps it (2.1).

        A call of which `until` holds is the last one.
        """
        self._row.close()
        self.plugin.host.forget()
        row: list[Observation] = []
        for case in cases:
            row.append(self._call(self._row, case))
            if until(row[-1]):
                break
        self._row.close()
        return row

    def kept(self, case: Case) -> Observation:
        """Call in the instance that lives through the search, until `renew`."""
        return self._call(self._kept, case)

    def renew(self) -> None:
        """Replace the instance that lives through the search."""
        self._kept.close()

    def discovery(self, code: str, word: str, case: Case, words: Words) -> Discovery:
        """State what was found; what a declared state explains is only noted."""
        noted = self.stateful and code in ("MF304", "MF305", "MF306", "MF307")
        return Discovery(
            code=code,
            detail=f"{case.operation}:{word}",
            message=f"{case.operation} {words.message}",
            expected=words.expected,
            got=words.got,
            hint=words.hint,
            severity="note" if noted else words.severity,
            case=case,
            before=words.before,
            backtrace=words.backtrace,
            seed=self.seed,
            label=self.plugin.label,
            dialect=self.plugin.dialect,
        )

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """End the time box earlier for a while."""
        whole, self.deadline = self.deadline, min(self.deadline, deadline)
        try:
            yield
        finally:
            self.deadline = whole

    def close(self) -> None:
        """Free the instances."""
        for view in (self._fresh, self._row, self._kept):
            view.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, plugin: Plugin, case: Case) -> Observation:
        if self.strict and self.over:
            raise TimeIsUpError
        started = perf_counter()
        try:
            known = self._known.get(case.payload)
            seen = plugin.observe_bytes(case.operation, case.payload, known, wire=bool(case.family))
            if len(self._known) == _MOST_KNOWN:
                self._known.clear()
            self._known[case.payload] = seen
            return seen
        finally:
            self.calls += 1
            self.seconds += perf_counter() - started


def in_order(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Give operations in the order of the contract."""
    there = frozenset(operations)
    return tuple(operation for operation in Operation if operation in there)
