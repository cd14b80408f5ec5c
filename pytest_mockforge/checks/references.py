"""What ratios are against: the other plugins of the run, the baseline, the yardstick; each opened when first asked for.

Finds the other side and says why there is none. Measures nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.budgets.model import BASELINE, Budget
from pytest_mockforge.errors import LoadFailure, MockforgeError

if TYPE_CHECKING:
    from pytest_mockforge.budgets.baseline import Recorded
    from pytest_mockforge.checks.bench import Bench
    from pytest_mockforge.runtimes.base import Limits
    from pytest_mockforge.subject import Subject


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """The other side of a ratio."""

    name: str
    bench: Bench | None = None
    recorded: Recorded | None = None
    """What a report says of it, instead of a plugin that can be measured."""
    reason: str = ""
    """Why there is neither."""
    own_samples: bool = False
    """Whether its own samples may stand for those that it does not accept."""


class References:
    """The other sides of one run."""

    def __init__(
        self,
        *,
        benches: Mapping[str, Callable[[], Bench]] | None = None,
        baseline: Path | None = None,
        open_baseline: Callable[[Path], Subject] | None = None,
        open_yardstick: Callable[[], Subject] | None = None,
    ) -> None:
        self._benches = benches or {}
        self._baseline = baseline
        self._open_baseline = open_baseline
        self._open_yardstick = open_yardstick
        self._kept: dict[str, Bench] = {}

    def find(self, against: str, asking: Bench) -> Reference:
        """Give the other side that a bound names, for the plugin that asks."""
        if against == BASELINE:
            return self._find_baseline(asking)
        if against in self._benches and against != asking.label:
            return Reference(name=against, bench=self._benches[against](), own_samples=True)
        same = [label for label, bench in self._benches.items() if _is(bench(), against) and label != asking.label]
        if len(same) > 1:
            return Reference(
                name=against, reason=f"{len(same)} plugins of this run are {against}: name one by its label"
            )
        if same:
            return Reference(name=f"{same[0]} ({against})", bench=self._benches[same[0]](), own_samples=True)
        from pytest_mockforge.budgets.yardstick import LANGUAGE

        if against == LANGUAGE and self._open_yardstick is not None:
            bench = self._keep(f"yardstick {asking.limits}", self._open_yardstick, asking.limits)
            return Reference(name=f"yardstick ({LANGUAGE})", bench=bench, own_samples=True)
        if against == asking.label:
            return Reference(name=against, reason="the plugin cannot be held against itself")
        return Reference(name=against, reason=f"no other plugin of this run is {against}")

    def close(self) -> None:
        """Close what was opened here."""
        for bench in self._kept.values():
            bench.close()
            bench.subject.close()
        self._kept.clear()

    def _find_baseline(self, asking: Bench) -> Reference:
        path, opener = self._baseline, self._open_baseline
        if path is None or opener is None:
            return Reference(name=BASELINE, reason="there is no baseline: add --mockforge-baseline=FILE")
        name = f"baseline {path.name}"
        if path.suffix == ".json":
            from pytest_mockforge.budgets.baseline import read_baseline

            recorded = read_baseline(path, asking.label, dialect=str(asking.identity.get("dialect") or "host"))
            return Reference(name=name, recorded=recorded, reason=recorded.reason)
        try:
            bench = self._keep(f"baseline {asking.limits}", lambda: opener(path), asking.limits)
        except MockforgeError as error:
            return Reference(name=name, reason=f"the baseline cannot be opened: {error.message}")
        return Reference(name=name, bench=bench, reason=unusable(bench, "the baseline"))

    def _keep(self, key: str, opener: Callable[[], Subject], limits: Limits) -> Bench:
        from pytest_mockforge.checks.benches import open_bench

        bench = self._kept.get(key)
        if bench is None:
            # Under the rules of nobody: it is measured, whether a host would load it or not.
            bench = self._kept[key] = open_bench(opener(), limits=limits, host="adapter", dialect="auto")
        return bench


@dataclass(frozen=True, kw_only=True)
class Counterpart:
    """The plugin that another is compared with, field by field."""

    label: str
    open: Callable[[], Bench]
    today: date


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What a plugin may cost in this run, and what that is judged with."""

    budgets: tuple[Budget, ...] = ()
    strict: bool = False
    """Whether what is inconclusive fails."""
    references: References = field(default_factory=References)
    run: str = ""
    """Names a distributed run, so that its workers take turns; empty where there is one process alone."""
    cache: Path | None = None
    """Where compiled modules are kept; None for nowhere."""


def _is(bench: Bench, language: str) -> bool:
    return bench.subject.language == language


def unusable(bench: Bench, name: str) -> str:
    """Say why the other side cannot be called, in its own words; empty when it can."""
    from pytest_mockforge.module_subject import ModuleSubject

    subject = bench.subject
    if isinstance(subject, ModuleSubject):
        loaded = subject.compiled if subject.component is None else subject.component
        if isinstance(loaded, LoadFailure):
            return f"{name} does not load: {loaded.message}"
    missing = bench.missing("operation").partition(", see ")[0]
    return f"{name} cannot be called: {missing}" if missing else ""
