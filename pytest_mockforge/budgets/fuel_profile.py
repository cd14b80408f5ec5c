"""Where fuel goes, by function, without instrumenting the module: each call cut short by fuel tells its stack.

wasmtime looks at the fuel where a function begins and where a loop goes round, so what a short function uses may be put
to the one that is entered next: shares are estimates, of as many points as were asked for. Knows no budgets.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_mockforge.contract.requests import Request
from pytest_mockforge.errors import LimitExceeded
from pytest_mockforge.plugin_under_test import Plugin

_RUST_HASH = re.compile(r"::h[0-9a-f]{16}(?: \(\.llvm\.\d+\))?$")
_RUST = (("$LT$", "<"), ("$GT$", ">"), ("$RF$", "&"), ("$BP$", "*"), ("$C$", ","), ("..", "::"))
_RUST_CHARACTER = re.compile(r"\$u([0-9a-f]{2,4})\$")
_PLACE = re.compile(r" \([^()]*:\d+:\d+\)$")
"""File, line and column, which `GuestTrap.backtrace` puts behind a name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one function used, of the fuel of the call, 0 to 1."""

    function: str
    self_share: float
    """In the function itself."""
    total_share: float
    """In it and in what it called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FuelProfile:
    """The stacks of one call or of several, met at even steps of fuel."""

    fuel: int
    """Units of the whole call, or of all of them."""
    weights: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """Units of fuel by stack, the outermost function first."""
    reason: str = ""
    """Why there are no stacks; empty when there are."""

    @property
    def stacks(self) -> tuple[tuple[str, ...], ...]:
        """Give every stack that was met, the heaviest first."""
        return tuple(sorted(self.weights, key=lambda stack: (-self.weights[stack], stack)))

    def top(self, count: int = 5) -> tuple[Share, ...]:
        """Give the functions that used the most themselves."""
        inside: defaultdict[str, float] = defaultdict(float)
        below: defaultdict[str, float] = defaultdict(float)
        for stack, weight in self.weights.items():
            inside[stack[-1]] += weight
            for function in set(stack):
                below[function] += weight
        whole = sum(self.weights.values()) or 1.0
        ordered = sorted(inside, key=lambda function: (-inside[function], function))
        return tuple(
            Share(function=name, self_share=inside[name] / whole, total_share=below[name] / whole)
            for name in ordered[:count]
        )

    def collapsed(self) -> str:
        """Give collapsed stacks, a line each, as flame-graph viewers open them; the weights are units of fuel."""
        lines = sorted(f"{';'.join(map(_plain, stack))} {round(units)}" for stack, units in self.weights.items())
        return "".join(f"{line}\n" for line in lines)

    @property
    def covered(self) -> tuple[str, ...]:
        """Give every function that was met on a stack, by name; one that ran between two points is not among them."""
        return tuple(sorted({function for stack in self.weights for function in stack}))


def fuel_profile(plugin: Plugin, request: Request, *, points: int = 100) -> FuelProfile:
    """Profile one call of a module by making it again with 1/points, 2/points … of its fuel, in a new instance each.

    A call that runs into the limit is profiled up to there. Never raises for what the plugin does.
    """
    with plugin.fresh() as fresh:
        whole = fresh.observe(request).fuel
        if not whole:
            return FuelProfile(fuel=0, reason="no fuel is metered here" if whole is None else "the call used no fuel")
        met: Counter[tuple[str, ...]] = Counter()
        for fuel in sorted({whole * point // points for point in range(1, points)} - {0}):
            failure = fresh.interrupt(request, fuel=fuel).failure
            if isinstance(failure, LimitExceeded) and failure.code == "out-of-fuel" and failure.backtrace:
                met[tuple(_function(frame) for frame in reversed(failure.backtrace))] += 1
    if not met:
        return FuelProfile(fuel=whole, reason=f"no call that was cut short told its stack, {points} points")
    each = whole / met.total()
    return FuelProfile(fuel=whole, weights={stack: count * each for stack, count in met.items()})


def merged(profiles: Sequence[FuelProfile]) -> FuelProfile:
    """Add profiles up: of the requests of a workload, each weighing what it costs."""
    weights: dict[tuple[str, ...], float] = {}
    for profile in profiles:
        for stack, units in profile.weights.items():
            weights[stack] = weights.get(stack, 0.0) + units
    reason = "" if weights else next((profile.reason for profile in profiles), "there was no call to profile")
    return FuelProfile(fuel=sum(profile.fuel for profile in profiles), weights=weights, reason=reason)


def _function(frame: str) -> str:
    """Give the function's name without its place, and a Rust one as its source has it."""
    name = _PLACE.sub("", frame)
    if not _RUST_HASH.search(name):
        return name
    name = _RUST_HASH.sub("", name)
    for written, meant in _RUST:
        name = name.replace(written, meant)
    return _RUST_CHARACTER.sub(lambda match: _character(int(match[1], 16)), name).removeprefix("_")


def _character(code: int) -> str:
    """Give a character that a name may hold on a terminal; a mangled one is a stranger's as well."""
    character = chr(code)
    return character if character.isprintable() else f"$u{code:x}$"


def _plain(function: str) -> str:
    """Keep what parts the fields of a line out of a name, and what acts on a terminal."""
    return "".join(char if char.isprintable() else " " for char in function).replace(";", ",")
