"""Which bench a plugin goes on. Knows nothing of what is done there."""

from __future__ import annotations

from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.subject import Subject


def open_bench(subject: Subject, *, limits: Limits, host: str, dialect: str) -> Bench:
    """Put a plugin on the bench of its kind."""
    if isinstance(subject, ModuleSubject):
        return ModuleBench(subject, limits=limits, host=host, dialect=dialect)
    from pytest_mockforge.checks.service_bench import ServiceBench
    from pytest_mockforge.service_subject import ServiceSubject

    assert isinstance(subject, ServiceSubject)
    return ServiceBench(subject, limits=limits, host=host, dialect=dialect)
