"""MockForge's `PluginSandbox` (contract 3.2): no imports, 10 MiB, limits that no manifest changes."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.hosts.adapter import import_objections, instantiation_objections
from pytest_mockforge.hosts.common import MEMORY_LIMIT, allocator_objection, memory_over, proposals_objection
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.hosts.profile import Candidate, register


class Sandbox:
    """Calls any export by name, under its own limits."""

    name = "sandbox"
    as_shipped = "refuses every module that defines a table, and fails every call with a lifetime error (contract 3.2)"

    def judge(self, candidate: Candidate) -> Iterator[Objection]:
        """Give every rule that the plugin breaks."""
        yield from proposals_objection(candidate, frozenset())
        yield from import_objections(candidate.info, candidate.adapter)
        yield from memory_over(candidate, MEMORY_LIMIT)
        if not candidate.unlinkable:
            yield from instantiation_objections(candidate.failure, candidate.adapter)
        yield from allocator_objection(candidate)


register(Sandbox())
