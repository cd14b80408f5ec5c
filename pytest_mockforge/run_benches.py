"""The benches of one run: where the checks of a plugin share their work, and what its budgets are held against.

Loaded when the first check or measurement asks for one, as a run of tests alone needs none. Knows settings but not
pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.budgets.model import BASELINE
from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.checks.references import Counterpart, Gate, References
from pytest_mockforge.opening import Means, effective_limits, open_subject
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.spec import Spec, parse_spec
from pytest_mockforge.subject import Subject

if TYPE_CHECKING:
    from pytest_mockforge.settings import Settings


class RunBenches:
    """One bench a plugin, opened when first asked for."""

    def __init__(
        self,
        settings: Settings,
        *,
        specs: Iterable[Spec],
        subject_of: Callable[[Spec], Subject],
        means: Means,
        services: HostServices,
    ) -> None:
        """Take the SPECs of the run's own plugins, which ratios may name, and what opens the subject of any other."""
        self._settings = settings
        self._subject_of = subject_of
        self._means = means
        self._services = services
        self._benches: dict[Spec, Bench] = {}
        self._references = References(
            benches={spec.label: partial(self.bench, spec) for spec in specs},
            baseline=settings.baseline,
            open_baseline=self._open_baseline,
            open_yardstick=self._open_yardstick,
        )

    def bench(self, spec: Spec) -> Bench:
        """Give the bench on which one plugin's checks share their work."""
        bench = self._benches.get(spec)
        if bench is None:
            bench = self._benches[spec] = self._open(spec)
        return bench

    def gate(self, subject: Subject) -> Gate:
        """Give the budgets of one plugin, and what their ratios are against."""
        settings, cache = self._settings, self._settings.cache
        return Gate(
            budgets=(*settings.budgets, *subject.testfile.budgets),
            strict=settings.strict_budgets,
            references=self._references,
            run=settings.run_id,
            cache=cache.folder if cache is not None else None,
        )

    def close(self) -> None:
        """Close the benches, and what was opened for ratios alone."""
        for bench in self._benches.values():
            bench.close()
        self._benches.clear()
        self._references.close()

    def _open(self, spec: Spec) -> Bench:
        subject, settings = self._subject_of(spec), self._settings
        limits = effective_limits(settings.wanted, subject.manifest)
        bench = open_bench(subject, limits=limits, host=settings.host, dialect=settings.dialect)
        bench.functions = self._services.functions
        bench.fuzz_options, bench.progress = settings.fuzz, self._means.progress
        bench.gate = self.gate(subject)
        if (reference := settings.compare) is not None and reference.label != spec.label:
            opener = partial(self.bench, reference)
            bench.counterpart = Counterpart(label=reference.label, open=opener, today=settings.today)
        return bench

    def _open_baseline(self, path: Path) -> Subject:
        spec = parse_spec(str(path), path.parent)
        return open_subject(replace(spec, label=BASELINE), self._means)

    def _open_yardstick(self) -> Subject:
        from pytest_mockforge.budgets.yardstick import open_yardstick

        return open_yardstick(self._means)
