"""The planted bugs of `fixtures/buggy` for tests: the index as values, and each plugin opened."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.opening import Means, open_subject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.spec import parse_spec

ROOT = Path(__file__).parent.parent
BUGGY = ROOT / "fixtures" / "buggy"


@dataclass(frozen=True, kw_only=True)
class Bug:
    """One row of the index; see the head of `fixtures/buggy/bugs.yaml` for what the columns mean."""

    name: str
    spec: str
    language: str
    operation: Operation
    code: str
    detail: str
    examples: int
    why: str

    @property
    def folder(self) -> Path:
        """Where the plugin's files are."""
        if self.spec.startswith("asgi:"):
            module = self.spec.removeprefix("asgi:").partition(":")[0]
            return ROOT.joinpath(*module.split(".")[:-1])
        path = ROOT / self.spec
        return path if path.is_dir() else path.parent

    def bench(self) -> Bench:
        """Put the plugin on the bench; whoever asks closes the bench and its subject."""
        subject = open_subject(parse_spec(self.spec, ROOT), Means(cache=None))
        return open_bench(subject, limits=Limits(), host="adapter", dialect="auto")


@cache
def bugs() -> tuple[Bug, ...]:
    rows = YAML(typ="safe", pure=True).load((BUGGY / "bugs.yaml").read_text("utf-8"))
    return tuple(
        Bug(
            name=row["name"],
            spec=row["spec"],
            language=row["language"],
            operation=Operation(row["operation"]),
            code=row["code"],
            detail=row.get("detail", ""),
            examples=row["examples"],
            why=row["why"],
        )
        for row in rows
    )
