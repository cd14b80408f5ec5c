"""MockForge's `PluginSandbox` (contract 3.2): no imports, 10 MiB, limits that no manifest changes."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.hosts.adapter import import_objections
from pytest_mockforge.hosts.calls import call_objections
from pytest_mockforge.hosts.common import (
    MEMORY_LIMIT,
    instantiation_objection,
    memory_growth,
    memory_over,
    note,
    proposals_objection,
)
from pytest_mockforge.hosts.messages import LOADER_MODULE
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.hosts.profile import Candidate, Files, register

INSTANTIATE = f"{LOADER_MODULE}Failed to instantiate module: "
_TABLE_GROWTHS, _EXECUTIONS, _LIFETIME = 10, 10_000, 86_400


class Sandbox:
    """Calls any export by name, under its own limits."""

    name = "sandbox"
    as_shipped = (
        "refuses every module that defines a table or two memories, and fails every call with a lifetime error "
        "(contract 3.2)"
    )

    def not_compiled(self, _files: Files) -> str:
        """Give what the host prints of a module that its engine does not take."""
        return f"{LOADER_MODULE}Failed to load WASM module: …"

    def judge_files(self, _files: Files) -> Iterator[Objection]:
        """Give nothing: no manifest changes its limits, and it has none for the file."""
        return iter(())

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give every rule that the plugin breaks."""
        yield from proposals_objection(candidate, self.not_compiled(candidate.files), frozenset())
        yield from import_objections(candidate, INSTANTIATE)
        yield from memory_over(candidate, MEMORY_LIMIT, INSTANTIATE)
        yield from instantiation_objection(candidate, INSTANTIATE)
        # A failed call is a result with an error text, which has no prefix.
        yield from call_objections(
            candidate,
            prefix="",
            lookup=lambda name, exported: f"Export '{name}' is not a function" if exported
            else f"Function '{name}' not found",
            memory_kind="Export 'memory' is not a memory",
        )  # fmt: skip
        yield from _notes(candidate)


def _notes(candidate: Candidate) -> Iterator[Objection]:
    yield from memory_growth(candidate, MEMORY_LIMIT)
    if any(table.maximum is None or table.maximum > table.minimum for table in candidate.info.tables):
        yield note(
            "table-growth",
            f"tables may grow {_TABLE_GROWTHS} times while the plugin lives; after that table.grow gives -1",
            f"at most {_TABLE_GROWTHS} growths",
            "a table that may grow",
        )
    yield note("executions", f"the host calls a plugin {_EXECUTIONS:,} times, and then no more")
    yield note("lifetime", f"the host calls a plugin for {_LIFETIME:,} s after it was loaded, and then no more")
    yield note(
        "input-after-context",
        "the host passes the PluginContext as JSON, a line end and the request in one buffer",
        "a plugin that reads the request behind the first line",
    )


register(Sandbox())
