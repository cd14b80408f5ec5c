"""Time of plugins that take turns: modules on the plain engine in a child process, services over a kept connection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_mockforge.budgets.model import Timing
from pytest_mockforge.budgets.side import Side
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Limits


def measure_time(
    sides: Sequence[Side],
    operations: Sequence[Operation] | None = None,
    *,
    samples: int = 300,
    seconds: float = 5.0,
    variants: int = 5,
    limits: Limits | None = None,
    cache: Path | None = None,
    patience: float | None = None,
) -> dict[str, dict[Operation, Timing]]:
    """Measure sides side by side: by label, the timing of each operation that the side has requests for.

    `samples` are wanted of each side and operation, over all `variants` together; `seconds` is the time that one
    operation may take over all sides. `cache` is the folder of compiled modules, None for none. A call that does not
    return within `patience` seconds (by default twice `limits.timeout`, at least 10) ends the child, and what was
    measured before is kept. Never raises for what a plugin does: `Timing.reason` says it.
    """
    raise NotImplementedError
