"""What all stand-ins are: expectations, the calls that came, faults, and what went otherwise than declared.

The road of the bytes is left to those that build on it. Threads may call at once. Knows nothing of pytest.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

from pytest_mockforge.contract.dialects import DIALECTS
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.documents.wording import did_you_mean
from pytest_mockforge.errors import RequestError, SettingsError
from pytest_mockforge.mocks.delivery import Delivery
from pytest_mockforge.mocks.expectations import Call, Expectation
from pytest_mockforge.mocks.faults import Fault
from pytest_mockforge.mocks.matching import Difference, shown
from pytest_mockforge.mocks.on import On
from pytest_mockforge.mocks.rules import Rule
from pytest_mockforge.mocks.wires import Wire

AnyExpectation: TypeAlias = Expectation[Any, Any]
AnyCall: TypeAlias = Call[Request]


@dataclass(frozen=True, kw_only=True)
class Unexpected:
    """One call that nothing was declared for."""

    asked: str
    """The request, or the first line of what cannot be read as one."""
    why: str
    """What stands against it, where no expectation comes close."""
    closest: AnyExpectation | None = None
    differences: tuple[Difference, ...] = ()


class PluginMock(ABC):
    """A stand-in for a plugin: declare calls with `on`, look at them in `calls`, let things go wrong with `fault`.

    A call that nothing was declared for is answered with an error at once, and fails the test after its body, as does
    an expectation that was not used.
    """

    def __init__(self, name: str, *, seed: int) -> None:
        self.name = name
        """The fixture, as failures name it."""
        self.seed = seed
        """What chance in faults is drawn from."""
        self.healthy = True
        """What the health endpoint, or gRPC's health service, says."""
        self.expectations: list[AnyExpectation] = []
        self.unexpected: list[Unexpected] = []
        self.errors: list[BaseException] = []
        """What functions of the test's raised, or their replies broke."""
        self._calls: list[AnyCall] = []
        self._rules: list[Rule] = []
        self._drawing = 0
        self._lock = threading.RLock()

    @property
    @abstractmethod
    def wire(self) -> Wire:
        """How requests are read and answers written."""

    @property
    def on(self) -> On:
        """Declares what calls are expected, and what they are answered."""
        return On(self, lambda made: self.expectations.append(_expectation(made)))

    @property
    def calls(self) -> tuple[AnyCall, ...]:
        """Every call that could be read, expected or not, in their order."""
        return tuple(self._calls)

    def fault(
        self,
        fault: Fault,
        *,
        operation: Operation | str | None = None,
        after: int = 0,
        times: int | None = None,
        probability: float = 1.0,
    ) -> None:
        """Let something go wrong with all answers, or with those of one operation.

        It strikes from the call behind the first `after` on, `times` times at most, and each time with `probability`.
        Chance is drawn from `seed`, so that the same test meets the same faults. Raises SettingsError for a fault that
        this stand-in cannot have, naming one that can.
        """
        __tracebackhide__ = True
        self._rules.append(self.rule(fault, _operation(operation), after, times, probability))

    def rule(
        self, fault: Fault, operation: Operation | None, after: int, times: int | None, probability: float
    ) -> Rule:
        """Make a rule of a fault, with a generator of its own. Raises SettingsError."""
        __tracebackhide__ = True
        self.wire.strike(fault)
        self._drawing += 1
        return Rule(
            fault=fault,
            operation=operation,
            after=after,
            times=times,
            probability=probability,
            random=Random(f"{self.seed}:{self._drawing}"),
        )

    @property
    def draws(self) -> bool:
        """Whether chance has a part in its faults."""
        rules = [*self._rules, *(rule for one in self.expectations for rule in one.rules)]
        return any(rule.draws for rule in rules)

    def answer(self, operation: Operation, body: bytes, headers: tuple[tuple[str, str], ...]) -> Delivery:
        """Take a call, and say what is to be sent."""
        delivery, expectation = self._answered(operation, body, headers)
        return self._struck(operation, delivery, expectation)

    def stray(self, asked: str, why: str) -> str:
        """Record what is no call of an operation, and give the text to answer with."""
        with self._lock:
            self.unexpected.append(Unexpected(asked=asked, why=why))
        return f"{self.name}: {asked}: {why}"

    @abstractmethod
    def close(self) -> None:
        """Give back what is held, whatever is under way; calling again does nothing."""

    def _answered(
        self, operation: Operation, body: bytes, headers: tuple[tuple[str, str], ...]
    ) -> tuple[Delivery, AnyExpectation | None]:
        try:
            request = self.wire.read(operation, body)
        except RequestError as error:
            first, _, rest = str(error).partition("\n")
            return self.wire.unreadable(self.stray(str(operation), f"{first}\n{rest}".rstrip())), None
        with self._lock:
            call = Call(operation=operation, request=request, body=body, headers=headers, number=len(self._calls) + 1)
            self._calls.append(call)
        chosen: list[AnyExpectation] = []
        failed = self._guarded(lambda: chosen.extend(self._chosen(call)))
        if failed is not None:
            return failed, None
        if not chosen:
            return self.wire.unexpected(f"{self.name} expected no such call: {_one_line(self.unexpected[-1])}"), None
        made: list[Delivery] = []
        failed = self._guarded(lambda: made.append(chosen[0].answer(request)))
        return failed or made[0], chosen[0]

    def _chosen(self, call: AnyCall) -> list[AnyExpectation]:
        """Find the first expectation that fits and is not used up; none is recorded as unexpected."""
        judged = [
            (one, one.matcher.differences(call.request))
            for one in tuple(self.expectations)
            if one.matcher.operation is call.operation
        ]
        with self._lock:
            for one, found in judged:
                if not found and not one.used_up:
                    one.take(call)
                    return [one]
            self.unexpected.append(_unexpected(call, judged))
        return []

    def _guarded(self, run: Callable[[], object]) -> Delivery | None:
        """Run what may be the test's own code: what that raises is kept for the test, and answered with an error."""
        try:
            run()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread, after its body
            with self._lock:
                self.errors.append(error)
            return self.wire.broken(f"{self.name} could not answer: {type(error).__name__}: {error}")
        return None

    def _struck(self, operation: Operation, delivery: Delivery, expectation: AnyExpectation | None) -> Delivery:
        with self._lock:
            for rule in (*self._rules, *(expectation.rules if expectation is not None else ())):
                if rule.strikes_now(operation):
                    delivery = self.wire.strike(rule.fault)(delivery, rule.random)
        return delivery

    def _require_unused(self) -> None:
        __tracebackhide__ = True
        if self.expectations or self._rules or self._calls or self.unexpected:
            raise SettingsError(
                f"{self.name} is in use already", hint=f"configure it first: {self.name}(…), then declare expectations"
            )


def checked_dialect(name: str, dialect: str) -> str:
    """Give a dialect that a stand-in can speak. Raises SettingsError."""
    __tracebackhide__ = True
    if dialect not in DIALECTS:
        raise SettingsError(f"{name} cannot speak the dialect {dialect!r}", hint=did_you_mean(str(dialect), DIALECTS))
    return dialect


def checked_seed(name: str, seed: int) -> int:
    """Give a seed. Raises SettingsError."""
    __tracebackhide__ = True
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise SettingsError(f"{name} cannot draw from the seed {seed!r}", expected="a whole number")
    return seed


def _expectation(made: object) -> AnyExpectation:
    assert isinstance(made, Expectation)
    return made


def _operation(named: Operation | str | None) -> Operation | None:
    __tracebackhide__ = True
    if named is None:
        return None
    try:
        return Operation(named)
    except ValueError:
        raise SettingsError(
            f"there is no operation {named!r}", hint=did_you_mean(str(named), [one.value for one in Operation])
        ) from None


def _unexpected(call: AnyCall, judged: list[tuple[AnyExpectation, list[Difference]]]) -> Unexpected:
    asked = f"{call.operation}: {shown(call.request)}"
    if not judged:
        return Unexpected(asked=asked, why=f"no expectation of {call.operation} was declared")
    # Of those that differ as little, the first: what is used up fits, and so comes first.
    closest, found = min(judged, key=lambda pair: len(pair[1]))
    why = "" if found else f"it was to get {closest.wanted_calls}, and had got them"
    return Unexpected(asked=asked, why=why, closest=closest, differences=tuple(found))


def _one_line(unexpected: Unexpected) -> str:
    if unexpected.closest is None:
        return f"{unexpected.asked}: {unexpected.why}"
    differing = "; ".join(f"{one.where}: expected {one.expected}, got {one.got}" for one in unexpected.differences)
    return f"{unexpected.asked}; closest is {unexpected.closest.matcher}: {differing or unexpected.why}"
