"""Where fuel goes, by function, without instrumenting the module: each call cut short by fuel tells its stack."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mockforge.contract.requests import Request
from pytest_mockforge.plugin_under_test import Plugin


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one function used."""

    function: str
    self_share: float
    """Of the call's fuel, 0 to 1: spent in the function itself."""
    total_share: float
    """Spent in it and in what it called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FuelProfile:
    """The stacks of one call, sampled at even steps of fuel."""

    fuel: int
    """Units of the whole call."""
    stacks: tuple[tuple[str, ...], ...]
    """One for each point that was met, outermost function first."""
    reason: str = ""
    """Why there are no stacks; empty when there are."""

    def top(self, count: int = 5) -> tuple[Share, ...]:
        """Give the functions that used the most themselves."""
        raise NotImplementedError

    def collapsed(self) -> str:
        """Give collapsed stacks, as flame-graph viewers open them; the weights are units of fuel."""
        raise NotImplementedError

    @property
    def covered(self) -> tuple[str, ...]:
        """Give every function that was met on a stack, by name."""
        raise NotImplementedError


def fuel_profile(plugin: Plugin, request: Request, *, points: int = 100) -> FuelProfile:
    """Profile one call of a module by making it again with 1/points, 2/points … of its fuel, in a new instance each."""
    raise NotImplementedError
