"""When a fault strikes: after how many calls, how often, how likely. Draws from a generator of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.mocks.faults import Fault


@dataclass(kw_only=True)
class Rule:
    """One fault and its conditions. Whoever asks holds a lock."""

    fault: Fault
    operation: Operation | None
    """None for all operations."""
    after: int
    times: int | None
    probability: float
    random: Random
    calls: int = field(default=0, init=False)
    """How many calls it could have struck so far."""
    strikes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        __tracebackhide__ = True
        named = f"the fault {self.fault!r}"
        if not isinstance(self.after, int) or self.after < 0:
            raise SettingsError(f"{named} cannot strike after {self.after!r} calls", expected="0, 1, 2 or more")
        if self.times is not None and (not isinstance(self.times, int) or self.times < 1):
            raise SettingsError(f"{named} cannot strike {self.times!r} times", expected="1, 2 or more, or None for all")
        if not 0 < self.probability <= 1:
            raise SettingsError(
                f"{named} cannot strike with the probability {self.probability!r}", expected="above 0, and 1 at most"
            )

    @property
    def draws(self) -> bool:
        """Whether chance has a part in it."""
        return self.fault.random or self.probability < 1

    def strikes_now(self, operation: Operation) -> bool:
        """Count a call, and tell whether it is struck."""
        if self.operation not in (None, operation):
            return False
        self.calls += 1
        if self.calls <= self.after or (self.times is not None and self.strikes >= self.times):
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        self.strikes += 1
        return True
