"""A baseline that is a report of ours: its exact figures, and why figures of it cannot be compared.

Fuel compares between runs of one wasmtime version and of one compiler alone; time between sides that took turns on one
machine alone, which no report can do. Reads files; knows no plugin.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_mockforge.budgets.model import Dimension, Measured
from pytest_mockforge.contract.operations import Operation


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What a report says of one plugin."""

    reason: str = ""
    """Why it says nothing that can be used."""

    def measured(self, operation: Operation | None, kind: Dimension) -> tuple[Measured | None, str]:
        """Give the figures of one operation, or why they cannot be compared."""
        del operation, kind
        return None, self.reason


def read_baseline(path: Path, label: str) -> Recorded:
    """Read what a report says of the plugin with this label. Never raises for a bad report."""
    return Recorded(reason=f"{path} and {label!r}: reports are not read yet")
