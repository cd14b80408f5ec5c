"""What one run of pytest holds open: subjects, benches and plugins, each opened once when first asked for.

Knows settings but not pytest; whoever made it closes it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.checks.registry import Check
from pytest_mockforge.opening import Means, Wanted, effective_limits, open_subject
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.spec import Spec, parse_spec
from pytest_mockforge.subject import Subject

if TYPE_CHECKING:
    from pytest_mockforge.settings import Settings


class RunState:
    """Everything that is open in this process."""

    def __init__(self, settings: Settings, progress: Callable[[str], None] | None = None) -> None:
        self.settings = settings
        self._subjects: dict[Spec, Subject] = {}
        self._benches: dict[str, Bench] = {}
        self._plugins: dict[Spec, Plugin] = {}
        self._specs = {spec.label: spec for spec in settings.specs}
        self._wanted, self._host, self._dialect = settings.wanted, settings.host, settings.dialect
        self._means = Means(cache=settings.cache, allow_commands=settings.allow_commands, progress=progress)
        self.services = HostServices()
        """What all plugins of a test find behind their imports; emptied before each test."""

    def bench(self, label: str) -> Bench:
        """Give the bench on which one plugin's checks share their work."""
        bench = self._benches.get(label)
        if bench is None:
            subject = self._subject(self._specs[label])
            limits = effective_limits(self.settings.wanted, subject.manifest)
            settings = self.settings
            bench = self._benches[label] = open_bench(
                subject, limits=limits, host=settings.host, dialect=settings.dialect
            )
        return bench

    def checks(self, label: str) -> list[Check]:
        """Give the checks of this run that are about one plugin."""
        chosen = [check for check in self.settings.checks if self.settings.runs(label, check)]
        return [check for check in chosen if check.fits(self._subject(self._specs[label]).kind)]

    def plugin(self, label: str) -> Plugin:
        """Give the plugin that tests use. Raises LoadFailure when its module cannot be loaded."""
        return self._plugin(self._specs[label])

    def load(self, text: str, base: Path) -> Plugin:
        """Give a plugin that is not part of the run's own. Raises SpecError and LoadFailure."""
        return self._plugin(parse_spec(text, base))

    def begin_item(self, wanted: Wanted, host: str, dialect: str) -> None:
        """Start a test: its own limits, host and dialect, a fresh instance behind each plugin."""
        self._wanted, self._host, self._dialect = wanted, host, dialect
        self.services.reset()
        for spec, plugin in self._plugins.items():
            limits = effective_limits(wanted, self._subjects[spec].manifest)
            plugin.configure(limits=limits, host=host, dialect=dialect)
            plugin.renew()
            plugin.take_printed()

    def printed(self) -> list[tuple[str, str]]:
        """Give what plugins printed during this test, by label."""
        return [(plugin.label, text) for plugin in self._plugins.values() if (text := plugin.take_printed())]

    def renew(self) -> None:
        """Put a fresh instance behind each plugin, and forget what the last ones left with their host."""
        self.services.forget()
        for plugin in self._plugins.values():
            plugin.renew()

    def close(self) -> None:
        """Close plugins, benches and subjects."""
        for plugin in self._plugins.values():
            plugin.close()
        for bench in self._benches.values():
            bench.close()
        for subject in self._subjects.values():
            subject.close()
        self._plugins.clear()
        self._benches.clear()
        self._subjects.clear()

    def _subject(self, spec: Spec) -> Subject:
        subject = self._subjects.get(spec)
        if subject is None:
            subject = self._subjects[spec] = open_subject(spec, self._means)
        return subject

    def _plugin(self, spec: Spec) -> Plugin:
        plugin = self._plugins.get(spec)
        if plugin is None:
            subject = self._subject(spec)
            limits = effective_limits(self._wanted, subject.manifest)
            plugin = self._plugins[spec] = Plugin(
                subject, limits=limits, host=self._host, dialect=self._dialect, services=self.services
            )
        return plugin
