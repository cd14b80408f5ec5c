"""How figures and bounds of budgets are written: three digits, a unit that fits. Pure functions."""

from __future__ import annotations

import math

from pytest_mockforge.budgets.model import Dimension

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def written(value: float, kind: Dimension) -> str:
    """Write a figure with its unit: `3.1 ms`, `104,212`, `1.5 MiB`, `0 B/call`."""
    if math.isinf(value):
        return "unbounded"
    if kind == "time":
        return _seconds(value)
    if kind == "fuel":
        return f"{round(value):,}"
    return f"{_bytes(value)}/call" if kind == "growth" else _bytes(value)


def factor(value: float) -> str:
    """Write a ratio: `1.43x`."""
    if math.isinf(value):
        return "∞x"
    return f"{value:.2f}x" if value < 100 else f"{value:,.0f}x"


def _seconds(value: float) -> str:
    for least, unit in _SECONDS:
        if abs(value) >= least:
            return f"{value / least:.3g} {unit}"
    return f"{value / 1e-9:.2g} ns" if value else "0 s"


def _bytes(value: float) -> str:
    for least, unit in _BYTES:
        if abs(value) >= least:
            return f"{value / least:.4g} {unit}"
    return f"{value:.3g} B" if value % 1 else f"{value:.0f} B"
