"""A baseline that is a JSON report of ours: its exact figures, and why figures of it cannot be compared.

Fuel compares between runs of one wasmtime version and one compiler alone, exact figures on the same samples alone, and
time never: a report cannot take turns. Reads the few fields that it needs; knows no plugin.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import msgspec

from pytest_mockforge.budgets.machine import this_machine
from pytest_mockforge.budgets.model import Dimension, Measured
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.wording import quoted

COMPILER = "cranelift"
"""What compiles modules for the metered engine."""
_SCHEMA = "pytest-mockforge-report/"
_MOST_BYTES = 256 * 1024 * 1024


_Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What no arithmetic with floats overflows."""
_Figure = _Whole | float | str | bool | None


class _Machine(msgspec.Struct, frozen=True):
    identity: str = ""


class _Run(msgspec.Struct, frozen=True):
    wasmtime: str = ""
    machine: _Machine = _Machine()
    compiler: str = COMPILER


class _Operation(msgspec.Struct, frozen=True):
    figures: dict[str, _Figure] = {}


class _Plugin(msgspec.Struct, frozen=True):
    label: str
    identity: dict[str, _Figure] = {}
    operations: dict[str, _Operation] = {}


class _Report(msgspec.Struct, frozen=True):
    schema: str
    run: _Run
    plugins: tuple[_Plugin, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What a report says of one plugin."""

    reason: str = ""
    """Why it says nothing that can be used."""
    run: _Run = field(default_factory=_Run)
    plugin: _Plugin | None = None

    def measured(self, operation: Operation, kind: Dimension, *, requests: int = 0) -> tuple[Measured | None, str]:
        """Give the figures of one operation, or why they cannot be compared; `requests` is how many we measure with."""
        if self.plugin is None:
            return None, self.reason
        if kind == "size":
            size = self.plugin.identity.get("size")
            return Measured(operation=operation, size=size if isinstance(size, int) else None), ""
        if reason := self._not_comparable(kind):
            return None, reason
        figures = self.plugin.operations.get(operation.value, _Operation()).figures
        if not figures:
            return None, f"the baseline's report has no figures of {operation}"
        accepted = figures.get("accepted")
        if isinstance(accepted, int) and accepted and accepted != requests:
            return (
                None,
                f"the baseline's run had other samples of {operation}: {accepted} accepted then, {requests} now",
            )
        growth = figures.get("growth")
        return Measured(
            operation=operation,
            only_refusals=figures.get("only_refusals") is True,
            fuel_cold=_rounds(figures.get("fuel_cold")),
            fuel_steady=_rounds(figures.get("fuel_steady")),
            fuel_max=_rounds(figures.get("fuel_max")),
            memory_grown=_whole(figures.get("workload_memory_grown")),
            growth=float(growth) if isinstance(growth, int | float) else None,
            growth_reason="growth was too little to judge in the baseline's run"
            if figures.get("growth_verdict") in ("inconclusive", "failed")
            else "",
        ), ""

    def _not_comparable(self, kind: Dimension) -> str:
        run, here = self.run, version("wasmtime")
        if kind == "time":
            if run.machine.identity != this_machine().identity:
                return "the baseline's time was taken on another machine: name the older module itself"
            return "the baseline's time was not taken in turns with ours: name the older module itself"
        if kind == "fuel" and run.wasmtime != here:
            return f"the baseline's fuel was counted by wasmtime {run.wasmtime}, ours by {here}"
        if kind == "fuel" and run.compiler != COMPILER:
            return f"the baseline was compiled by {run.compiler}, ours by {COMPILER}"
        return ""


def read_baseline(path: Path, label: str, *, dialect: str) -> Recorded:
    """Read what a report says of the plugin with this label, or of the only one. Never raises for a bad report."""
    try:
        status = path.stat()
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode) or stat.S_ISSOCK(status.st_mode):
            return Recorded(reason=f"{path.name} is no file")
        if status.st_size > _MOST_BYTES:
            return Recorded(reason=f"{path.name} is too large to be a report of ours")
        report = msgspec.json.decode(path.read_bytes(), type=_Report)
    except OSError as error:
        return Recorded(reason=f"{path.name} cannot be read: {error.strerror or error}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Recorded(reason=f"{path.name} is no report of ours: {error}")
    if report.schema.rpartition("/")[0] + "/" != _SCHEMA:
        return Recorded(reason=f"{path.name} has the schema {report.schema[:60]!r}, and a report of ours {_SCHEMA}1")
    named = [plugin for plugin in report.plugins if plugin.label == label] or list(report.plugins)
    if len(named) != 1:
        labels = ", ".join(_shown(plugin.label) for plugin in report.plugins[:20]) or "none"
        return Recorded(reason=f"{path.name} has no plugin {label!r}; its plugins: {labels}")
    spoken = named[0].identity.get("dialect") or "host"
    if spoken != dialect:
        return Recorded(reason=f"the baseline speaks the dialect {spoken}, and the plugin {dialect}")
    return Recorded(run=report.run, plugin=named[0])


def _rounds(value: object) -> tuple[int, ...] | None:
    found = _whole(value)
    return None if found is None else (found,)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _shown(label: str) -> str:
    return label if len(label) <= 60 and label.isprintable() else quoted(label)
