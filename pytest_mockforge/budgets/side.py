"""A side of a time measurement: what is called, with which requests. Knows plugins; not how time is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mockforge.contract.dialects import Dialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.errors import LoadFailure

if TYPE_CHECKING:
    from pytest_mockforge.plugin_under_test import Plugin
    from pytest_mockforge.runtimes.wasm.conventions import Adapter
    from pytest_mockforge.subject import Subject


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleCode:
    """A core module as it is run: what `adapt` gave where that was needed."""

    data: bytes = field(repr=False)
    adapter: Adapter
    """Whose allocator's names are tried first."""
    initialize: bool = False
    """Whether `_initialize` runs before the first call."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One of those that take turns: a module, or a service."""

    label: str
    """Names the side in the result; unique among those measured together."""
    dialect: Dialect
    requests: Mapping[Operation, tuple[Request, ...]]
    """The workload of each operation; one that is missing here is not measured."""
    module: ModuleCode | None = None
    service: Plugin | None = None
    """What calls the service; None for a module."""
    problem: str = ""
    """Why the side cannot be measured at all; empty where it can."""


def side_of(
    subject: Subject,
    requests: Mapping[Operation, Sequence[Request]],
    *,
    plugin: Plugin | None = None,
    label: str = "",
    host: str = "adapter",
    dialect: str = "auto",
) -> Side:
    """Make a side of what a SPEC led to; `plugin` calls it where it is a service. Never raises for a bad plugin.

    Python functions that stand for imports stay behind: a module that needs them traps and is not measured.
    """
    from pytest_mockforge.module_subject import ModuleSubject

    module, problem = None, ""
    try:
        spoken = subject.dialect(dialect)
        if isinstance(subject, ModuleSubject):
            module = _code(subject, host)
    except LoadFailure as failure:
        from pytest_mockforge.contract.dialects import HostDialect

        spoken, problem = HostDialect(), failure.message
    if module is None and plugin is None and not problem:
        problem = "nothing was given that calls the service"
    return Side(
        label=label or subject.label,
        dialect=spoken,
        requests={operation: tuple(some) for operation, some in requests.items() if some},
        module=module,
        service=plugin if module is None and not problem else None,
        problem=problem,
    )


def _code(subject: object, host: str) -> ModuleCode:
    from pytest_mockforge.module_subject import ModuleSubject

    assert isinstance(subject, ModuleSubject)
    if subject.component is not None:
        raise LoadFailure("time is measured of core modules and of services, and this is a component", step="compile")
    compiled = subject.compiled
    if isinstance(compiled, LoadFailure):
        raise compiled
    mended = subject.mended
    adapted = mended is not None and compiled.info is mended.info
    return ModuleCode(
        data=mended.data if mended is not None and adapted else subject.data,
        adapter=mended.adapter if mended is not None and adapted else subject.adapter,
        initialize=host == "any" or bool(compiled.info.imports),
    )
