"""The values that the parts of budgets hand to each other. Pure data: knows nothing of measuring, checks or pytest.

A *budget* is an expression that must hold, such as `authenticate: p95<5ms`. What was *measured* of an operation is held
against it and gives a *verdict* for each operation: pass, fail or inconclusive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from pytest_mockforge.contract.operations import Operation

Metric: TypeAlias = str
"""`p50` to `p99.9`, `mean`, `median`, `max`, `fuel`, `fuel.cold`, `fuel.max`, `memory`, `growth` or `size`."""
Dimension = Literal["time", "fuel", "memory", "growth", "size"]
"""What a metric is measured in: seconds, units of fuel, bytes, bytes a call, bytes."""
Comparison = Literal["<", "<=", ">", ">="]
Outcome = Literal["pass", "fail", "inconclusive"]

BASELINE = "baseline"
"""What a ratio is against that counts from `--mockforge-baseline`."""
ONLY_REFUSALS = "only refusals measured"
_PERCENTILE = re.compile(r"p([1-9]\d?(?:\.\d+)?)")
_DIMENSIONS: dict[str, Dimension] = {
    "mean": "time",
    "median": "time",
    "max": "time",
    "fuel": "fuel",
    "fuel.cold": "fuel",
    "fuel.max": "fuel",
    "memory": "memory",
    "growth": "growth",
    "size": "size",
}
METRICS = ("p95", "p99", *_DIMENSIONS)
"""The metrics that messages name; any other percentile is one too."""
CODES: dict[Dimension, str] = {
    "time": "MF501",
    "fuel": "MF502",
    "memory": "MF503",
    "growth": "MF504",
    "size": "MF505",
}
"""The code of the check that judges a budget, by what it is measured in."""


def dimension(metric: Metric) -> Dimension | None:
    """Give what a metric is measured in; None for what is no metric."""
    return "time" if quantile(metric) is not None else _DIMENSIONS.get(metric)


def quantile(metric: Metric) -> float | None:
    """Give the share of calls that a percentile speaks of: 0.95 for `p95`; None for what is no percentile."""
    match = _PERCENTILE.fullmatch(metric)
    return float(match[1]) / 100 if match else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a budget is about; an empty set stands for all. A plugin is meant by its language or by its label."""

    languages: frozenset[str] = frozenset()
    plugins: frozenset[str] = frozenset()
    operations: frozenset[Operation] = frozenset()

    def means(self, *, language: str, label: str) -> bool:
        """Tell whether a plugin is meant."""
        everyone = not self.languages and not self.plugins
        return everyone or language in self.languages or label in self.plugins

    def covers(self, operation: Operation) -> bool:
        """Tell whether an operation is meant."""
        return not self.operations or operation in self.operations


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """What a metric is held against: a figure of its own, or a multiple of somebody else's."""

    comparison: Comparison = "<"
    value: float = 0.0
    """Seconds, units of fuel, bytes, or bytes a call; the factor where `against` is set."""
    against: str = ""
    """`baseline`, or the label or language of another plugin; empty for a figure of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """One expression that must hold."""

    text: str
    """The expression in its one canonical form: `rust,authenticate: p95<5ms`; the item's id has it in brackets."""
    source: str
    """Where it was written: `--mockforge-budget`, `mockforge_budgets`, `the mockforge_budget marker`, or FILE:LINE."""
    scope: Scope
    metric: Metric
    bound: Bound
    by_default: bool = False
    """True for one of those that `default` stands for."""

    @property
    def dimension(self) -> Dimension:
        """What the metric is measured in."""
        found = dimension(self.metric)
        assert found is not None
        return found

    @property
    def code(self) -> str:
        """The code of the check that judges it."""
        return CODES[self.dimension]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """What the time of one operation of one side came to."""

    seconds: tuple[tuple[float, ...], ...] = ()
    """A tuple a compiled variant (one for a service): seconds of single samples, each the cost of one call, with the
    border already subtracted; outliers are kept, in the order in which they were measured."""
    border: float = 0.0
    """Seconds of one call that are the border's and not the guest's: what a null plugin takes. 0 for a service."""
    host: float = 0.0
    """Median seconds a call on our side, encoding and decoding; shown, never part of `seconds`."""
    connect: float = 0.0
    """Median seconds of making a connection; 0 for a module. Shown, never part of `seconds`."""
    wanted: int = 0
    """Samples that were asked for; fewer in `seconds` means that time ran out."""
    reason: str = ""
    """Why there are no figures, or fewer than wanted: one line for the verdict; empty when all is there."""

    @property
    def count(self) -> int:
        """How many samples there are, over all variants."""
        return sum(map(len, self.seconds))


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """All that is known of what one operation of one plugin costs; None for what was not measured."""

    operation: Operation
    only_refusals: bool = False
    """True when the plugin accepted no request of the workload."""
    timing: Timing | None = None
    fuel_cold: tuple[int, ...] | None = None
    """Units of the first call of a fresh instance: the median over the workload, for each of several rounds."""
    fuel_steady: tuple[int, ...] | None = None
    """Units of a call of a reused instance: the median, for each of several rounds."""
    fuel_max: tuple[int, ...] | None = None
    """Units of the costliest call of a reused instance, for each of several rounds."""
    memory: int | None = None
    """Bytes of linear memory at the peak; what a bound of its own counts."""
    memory_grown: int | None = None
    """Bytes of these above the initial size, which is the linker's choice; what a ratio compares."""
    growth: float | None = None
    """Bytes a call by which memory keeps growing on one instance."""
    growth_reason: str = ""
    """Why growth is not known; empty when it is."""
    size: int | None = None
    """Bytes of the file."""
    reason: str = ""
    """Why figures are missing, where one reason goes for all of them."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one budget for one operation of one plugin. Crosses xdist as a plain dict."""

    budget: str
    """The expression, as in `Budget.text`."""
    metric: str
    operation: str
    """Empty where the metric is the whole plugin's, as `size` is."""
    outcome: Outcome
    figure: str = ""
    """What was measured, with its unit and, where it is one, its interval: `3.1 ms (2.9 to 3.4)`."""
    bound: str = ""
    """What it is held against, with its unit: `< 5 ms`, `< 2 x 1.5 ms (yardstick rust)`."""
    reason: str = ""
    """Why it is inconclusive, or what is known beside it; empty where figure and bound say all."""
    value: float | None = None
    """The figure as a number, in seconds, units, bytes or bytes a call; a ratio where the bound is one."""
    low: float | None = None
    """The lower end of the interval of `value`, where it is not exact."""
    high: float | None = None
    limit: float | None = None
    """The bound as a number, in the unit of `value`."""
    source: str = ""
    """Where the budget was written."""
    close: bool = False
    """True when the bound lies inside of the interval, so that measuring more may decide."""


_WORST: tuple[Outcome, ...] = ("fail", "inconclusive", "pass")


def worst(verdicts: tuple[Verdict, ...]) -> Outcome:
    """Give the outcome of a budget over all operations: one failure fails it, and nothing measured is inconclusive."""
    found = {verdict.outcome for verdict in verdicts} or {"inconclusive"}
    return next(outcome for outcome in _WORST if outcome in found)
