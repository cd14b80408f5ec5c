"""What ran, where and when, for a report's head; and where in the repository a plugin lies. Reads the system."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pytest_mockforge.budgets.baseline import COMPILER
from pytest_mockforge.budgets.machine import this_machine
from pytest_mockforge.hosts.profile import VERSION
from pytest_mockforge.report.model import Run, Source
from pytest_mockforge.spec import Spec

_MANIFEST = "plugin.yaml"


def run_facts(*, host: str, dialect: str, started: datetime, exit_status: int, workers: int) -> Run:
    """Gather what is true of the run as a whole; `started` is in UTC."""
    return Run(
        version=version("pytest-mockforge"),
        mockforge=VERSION,
        wasmtime=version("wasmtime"),
        compiler=COMPILER,
        python=platform.python_version(),
        pytest=version("pytest"),
        host=host,
        dialect=dialect,
        started=started.isoformat(timespec="seconds"),
        seconds=round((datetime.now(UTC) - started).total_seconds(), 3),
        exit_status=exit_status,
        workers=workers,
        machine=this_machine(),
    )


def sources(specs: Sequence[Spec], root: Path) -> tuple[Source, ...]:
    """Give each plugin with its manifest or module, as the repository around `root` names the file."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root).resolve()
    return tuple(Source(label=spec.label, spec=spec.text, file=_file(spec, top)) for spec in specs)


def _file(spec: Spec, top: Path) -> str:
    if spec.address:
        return ""
    folder = spec.folder or spec.path
    path = folder / _MANIFEST if (folder / _MANIFEST).is_file() else spec.path
    try:
        return path.resolve().relative_to(top).as_posix()
    except (ValueError, OSError):
        return ""
