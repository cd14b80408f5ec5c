"""MF7, the limits finder: the least fuel and memory under which the author's samples pass, as lines for a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from pytest_mockforge.checks.bench import Trial
from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.registry import check
from pytest_mockforge.runtimes.base import PAGE, Limits


@check("MF705", "the least limits under which the samples pass", need="border", of="module")
def least_limits(bench: ModuleBench) -> Iterator[Finding]:
    """The accepted samples are made again in fresh instances, with less and less fuel and memory, until one fails.

    Nothing can break here: the figures are noted, as lines to paste into plugin.yaml and the pytest configuration. Fuel
    is exact for this module and this version of wasmtime; MockForge has no key for it. Leave room above both.

    Source: contract 7.4 for the spelling of the keys.

    Mend: nothing; give plugin.test.yaml samples that stand for the heaviest use, or the figures are too low.
    """
    trials = [
        trial for trials in bench.survey.values() for trial in trials if trial.sample is not None and trial.accepted
    ]
    if not trials:
        return
    normal = bench.limits
    used = [trial.observation for trial in trials]
    fuel = _least(
        1,
        max(seen.fuel or 0 for seen in used),
        lambda units: _passes(bench, trials, msgspec.structs.replace(normal, fuel=units)),
    )
    initial = sum(memory.minimum_bytes for memory in bench.compiled.info.memories) // PAGE
    pages = _least(
        max(initial, 1),
        max(seen.memory for seen in used) // PAGE,
        lambda count: _passes(bench, trials, msgspec.structs.replace(normal, memory=count * PAGE)),
    )
    yield Finding(
        code="MF705",
        severity="note",
        detail="least-limits",
        message=f"the {len(trials)} accepted samples pass with max_memory_bytes: {pages * PAGE} ({pages} pages) "
        f"and mockforge_fuel = {fuel}",
    )


def _passes(bench: ModuleBench, trials: Sequence[Trial], limits: Limits) -> bool:
    with bench.plugin.view(policy="call", limits=limits) as plugin:
        return all(bench.same_answer(plugin.observe(trial.request), trial.observation) for trial in trials)


def _least(low: int, high: int, passes: Callable[[int], bool]) -> int:
    """Give the least figure that passes, between one that may and one that does."""
    while low < high:
        middle = (low + high) // 2
        if passes(middle):
            high = middle
        else:
            low = middle + 1
    return high
