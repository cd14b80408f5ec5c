"""What a stand-in expects, what it answers, and the calls that came. Knows nothing of how they travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import Reply
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.mocks.delivery import JSON_TYPE, Delivery
from pytest_mockforge.mocks.faults import Fault
from pytest_mockforge.mocks.matching import Difference, differences, shown
from pytest_mockforge.mocks.rules import Rule
from pytest_mockforge.mocks.wires import Wire

Asked = TypeVar("Asked", bound=Request)
Answered = TypeVar("Answered")
Came = TypeVar("Came", bound=Request, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Call(Generic[Came]):
    """One call that could be read."""

    operation: Operation
    request: Came
    body: bytes
    """The request as it came: JSON, or a message of plugin.proto."""
    headers: tuple[tuple[str, str], ...]
    """Of the HTTP request, or gRPC's metadata; names in lower case, in the order in which they came."""
    number: int
    """Which call of this stand-in it was, from 1."""

    def header(self, name: str) -> str | None:
        """Give the first header called `name`, letter case aside."""
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One value that a request has to hold."""

    word: str
    """What the expectation calls it."""
    attribute: str
    """What the request calls it."""
    value: object


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """What a request has to be."""

    operation: Operation
    wanted: tuple[Wanted, ...]
    where: Callable[[Request], bool] | None

    def differences(self, request: Request) -> list[Difference]:
        """Name all that keeps a request from being it."""
        found: list[Difference] = []
        for one in self.wanted:
            got: object = getattr(request, one.attribute)
            if one.word == "headers" and isinstance(got, dict):
                got = {name.lower(): value for name, value in got.items()}
            found += differences(one.value, got, one.word)
        # Only asked of a request that is right otherwise, so that it may rely on what stands beside it.
        if not found and self.where is not None and not self.where(request):
            found.append(
                Difference(where="where", expected=f"{_called(self.where)}(request) to hold", got="it does not")
            )
        return found

    def __str__(self) -> str:
        parts = [f"{one.word}={shown(one.value)}" for one in self.wanted]
        if self.where is not None:
            parts.append(f"where={_called(self.where)}")
        return f"{self.operation}({', '.join(parts)})"


class Owner(Protocol):
    """The stand-in that an expectation belongs to."""

    @property
    def wire(self) -> Wire: ...

    def rule(
        self, fault: Fault, operation: Operation | None, after: int, times: int | None, probability: float
    ) -> Rule: ...


class Expectation(Generic[Asked, Answered]):
    """One kind of call that is expected, and its answer; made by `mock.on`."""

    def __init__(self, owner: Owner, matcher: Matcher, *, times: int | None, optional: bool, place: str) -> None:
        __tracebackhide__ = True
        if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
            raise SettingsError(
                f"{matcher} cannot be expected {times!r} times",
                expected="times=1, 2 or more; left out, any number of calls but at least one",
                hint="a call that must not come needs no expectation: what is not expected fails the test",
            )
        self.matcher = matcher
        self.times = times
        self.optional = optional
        self.place = place
        """File and line of its declaration."""
        self.rules: list[Rule] = []
        self._owner = owner
        self._calls: list[Call[Asked]] = []
        self._make: Callable[[Asked], Delivery] | None = None

    @property
    def calls(self) -> tuple[Call[Asked], ...]:
        """The calls that it answered, in their order."""
        return tuple(self._calls)

    @property
    def last(self) -> Call[Asked]:
        """The latest call. Raises LookupError while there is none."""
        if not self._calls:
            raise LookupError(f"no call of {self.matcher} came yet")
        return self._calls[-1]

    def reply(
        self, reply: Answered | Callable[[Asked], Answered], *, breaks_contract: bool = False
    ) -> Expectation[Asked, Answered]:
        """Answer with a model, or any JSON value for a template function; or with what a function makes of the request.

        Raises RequestError at once for a reply that breaks the contract, unless it `breaks_contract` on purpose; what
        a function gives is checked when it does, and fails the test.
        """
        __tracebackhide__ = True
        operation, wire = self.matcher.operation, self._owner.wire
        if callable(reply):
            make = reply
            return self._answer(
                lambda request: wire.reply(operation, cast("Reply", make(request)), breaks_contract=breaks_contract)
            )
        return self._always(wire.reply(operation, cast("Reply", reply), breaks_contract=breaks_contract))

    def reply_raw(
        self, body: bytes, *, status: int | None = None, content_type: str = JSON_TYPE
    ) -> Expectation[Asked, Answered]:
        """Answer with bytes as they are, which nobody checks.

        Over HTTP with `status`, 200 if left out. Over gRPC they are the message; with a code from 1 to 16 as `status`,
        its details.
        """
        __tracebackhide__ = True
        return self._always(self._owner.wire.raw(body, status=status, content_type=content_type))

    def refuse(self, message: str, *, status: int | None = None) -> Expectation[Asked, Answered]:
        """Say no, as plugins of this kind do.

        Over HTTP with `status`, if left out with 422 in the host dialect and 500 in the sdk's, as the published SDK.
        Over gRPC with `success = false`, or with a code from 1 to 16 as `status`.
        """
        __tracebackhide__ = True
        return self._always(self._owner.wire.refusal(self.matcher.operation, message, status=status))

    def fault(
        self, fault: Fault, *, after: int = 0, times: int | None = None, probability: float = 1.0
    ) -> Expectation[Asked, Answered]:
        """Let something go wrong with the answers: from the call behind the first `after` on, `times` times at most."""
        __tracebackhide__ = True
        self.rules.append(self._owner.rule(fault, self.matcher.operation, after, times, probability))
        return self

    @property
    def has_answer(self) -> bool:
        """Whether it was said what to answer."""
        return self._make is not None

    @property
    def used_up(self) -> bool:
        """Whether it takes no further call."""
        return self.times is not None and len(self._calls) >= self.times

    @property
    def fulfilled(self) -> bool:
        """Whether as many calls came as have to."""
        least = 0 if self.optional else 1 if self.times is None else self.times
        return len(self._calls) >= least

    @property
    def wanted_calls(self) -> str:
        """How many calls it wants, in words."""
        if self.times is None:
            return "at least one call"
        return "one call" if self.times == 1 else f"{self.times} calls"

    def take(self, call: Call[Asked]) -> None:
        """Count a call as its own."""
        self._calls.append(call)

    def answer(self, request: Asked) -> Delivery:
        """Make the answer to a request. Raises RequestError, and whatever a function of the test's raises."""
        if self._make is None:
            raise SettingsError(
                f"{self.matcher}, declared at {self.place}, has no answer", hint="add .reply(…) or .refuse(…)"
            )
        return self._make(request)

    def __repr__(self) -> str:
        return f"<Expectation {self.matcher}>"

    def _always(self, delivery: Delivery) -> Expectation[Asked, Answered]:
        __tracebackhide__ = True
        return self._answer(lambda _: delivery)

    def _answer(self, make: Callable[[Asked], Delivery]) -> Expectation[Asked, Answered]:
        __tracebackhide__ = True
        if self._make is not None:
            raise SettingsError(
                f"{self.matcher} has two answers",
                hint="declare it twice for answers in turn, the first with times=1; or pass a function",
            )
        self._make = make
        return self


def _called(where: Callable[[Request], bool]) -> str:
    return getattr(where, "__name__", type(where).__name__)
