"""What one run of pytest holds open: subjects, benches and plugins, each opened once when first asked for.

Knows settings but not pytest; whoever made it closes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.errors import SetupError
from pytest_mockforge.masking import Redactor
from pytest_mockforge.observation import Observation
from pytest_mockforge.opening import Means, Wanted, effective_limits, open_subject
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.runtimes.base import KIB
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.service_subject import ServiceSubject
from pytest_mockforge.spec import Spec, parse_spec
from pytest_mockforge.subject import Subject

if TYPE_CHECKING:
    from pytest_mockforge.checks.bench import Bench, Workload
    from pytest_mockforge.checks.registry import Check
    from pytest_mockforge.comparer import Comparer
    from pytest_mockforge.documents.testfile import TestFile
    from pytest_mockforge.fuzzer import Fuzzer
    from pytest_mockforge.recording.recorder import Recorder
    from pytest_mockforge.remote_starter import RemoteStarter
    from pytest_mockforge.run_benches import RunBenches
    from pytest_mockforge.settings import Settings

_MOST_WITNESSED = 10_000
"""Calls of one test that are looked at for its budgets."""
_LONGEST_LOG = 8 * KIB
"""Characters of a service's log that are shown with one failure: the last ones."""


class RunState:
    """Everything that is open in this process."""

    def __init__(self, settings: Settings, progress: Callable[[str], None] | None = None) -> None:
        self.settings = settings
        self._subjects: dict[Spec, Subject] = {}
        self._benches: RunBenches | None = None
        self._plugins: dict[Spec, Plugin] = {}
        self._specs = {spec.label: spec for spec in settings.specs}
        self._wanted, self._host, self._dialect = settings.wanted, settings.host, settings.dialect
        self._means = Means(cache=settings.cache, allow_commands=settings.allow_commands, progress=progress)
        self.services = HostServices()
        """What all plugins of a test find behind their imports; emptied before each test."""
        self._witnessed: dict[Spec, list[tuple[Request, bool]]] | None = None
        self._starter: RemoteStarter | None = None
        self.recorder: Recorder | None = None
        """Told of each call that a test makes, where the run is recorded."""
        self._logs: dict[str, str] = {}
        """What each service had printed when that was last asked."""
        self._secrets: dict[str, str] = {}
        self._secrets_from: object = None
        """What the secrets were read from: each test that prints asks for them."""

    def bench(self, label: str) -> Bench:
        """Give the bench on which one plugin's checks share their work."""
        return self._opened_benches().bench(self._specs[label])

    def checks(self, label: str) -> list[Check]:
        """Give the checks of this run that are about one plugin."""
        from pytest_mockforge.checks.registry import BUDGETS, WIRE

        chosen = [check for check in self.settings.checks if self.settings.runs(label, check.code)]
        spec = self._specs[label]
        chosen = [check for check in chosen if self.settings.asks(spec, check)]
        kind = self._subject(spec).kind
        apart = {WIRE} if kind == "module" and not self.settings.fuzz.wire else set()
        return [check for check in chosen if check.fits(kind) and check.family != BUDGETS and check.code not in apart]

    def budgets(self, label: str) -> list[Check]:
        """Give a check for each budget of one plugin that is part of this run, in the order of codes."""
        from pytest_mockforge.checks.registry import BUDGETS

        subject = self._subject(self._specs[label])
        codes = {check.code: check for check in self.settings.checks if check.family == BUDGETS}
        if not codes:
            return []
        from pytest_mockforge.checks.budgeting import budgets_of, narrowed

        given = budgets_of(subject.language, label, self._opened_benches().gate(subject).budgets)
        checks = [narrowed(codes[budget.code], budget) for budget in given if budget.code in codes]
        chosen = [check for check in checks if self.settings.runs(label, check.name)]
        return sorted(chosen, key=lambda check: check.code)

    def plugin(self, label: str) -> Plugin:
        """Give the plugin that tests use. Raises LoadFailure when its module cannot be loaded."""
        return self._plugin(self._specs[label])

    def starter(self, base: Path) -> RemoteStarter:
        """Give what starts services for tests; the same one for the whole run."""
        if self._starter is None:
            from pytest_mockforge.remote_starter import RemoteStarter

            self._starter = RemoteStarter(self._adopt, base=base, progress=self._means.progress)
        return self._starter

    def fuzzer(self) -> Fuzzer:
        """Give what searches for requests that plugins of this run do not stand."""
        from pytest_mockforge.fuzzer import Fuzzer

        return Fuzzer(self._bench_under)

    def comparer(self, base: Path) -> Comparer:
        """Give what compares plugins of this run, or others by their SPECs; relative paths count from `base`."""
        from pytest_mockforge.comparer import Comparer

        def named(text: str) -> Plugin:
            return self.plugin(text) if text in self._specs else self.load(text, base)

        return Comparer(self._bench_under, named, today=self.settings.today)

    def load(self, text: str, base: Path) -> Plugin:
        """Give a plugin that is not part of the run's own. Raises SpecError and LoadFailure."""
        return self._plugin(parse_spec(text, base))

    def begin_item(self, wanted: Wanted, host: str, dialect: str) -> None:
        """Start a test: its own limits, host and dialect, a fresh instance behind each plugin."""
        # A test that failed before it came to its budgets left them unasked for.
        self._witnessed = None
        self._wanted, self._host, self._dialect = wanted, host, dialect
        self.services.reset()
        for spec, plugin in self._plugins.items():
            limits = effective_limits(wanted, self._subjects[spec].manifest)
            plugin.configure(limits=limits, host=host, dialect=dialect)
            plugin.renew()
        self.printed()

    def printed(self) -> list[tuple[str, str]]:
        """Give what plugins printed since this was last asked, by label; of services that this run started, the log."""
        printed = [(plugin.label, text) for plugin in self._plugins.values() if (text := plugin.take_printed())]
        for subject in self._subjects.values():
            if isinstance(subject, ServiceSubject) and (log := subject.log) != self._logs.get(subject.label, ""):
                before = self._logs.get(subject.label, "")
                self._logs[subject.label] = log
                printed.append((subject.label, log.removeprefix(before)[-_LONGEST_LOG:]))
        return printed

    def redactor(self) -> Redactor:
        """Give what masks the secrets of every plugin that is open."""
        files = self.testfiles()
        tokens = [os.environ.get(one.remote.auth.env) for one in files if one.remote and one.remote.auth]
        if self._secrets_from != (files, tokens):
            from pytest_mockforge.checks.secrets import known_secrets

            self._secrets, self._secrets_from = known_secrets(*files), (files, tokens)
        return Redactor(self._secrets)

    def testfiles(self) -> tuple[TestFile, ...]:
        """Give what the authors of all plugins that are open say of them."""
        return tuple(subject.testfile for subject in self._subjects.values())

    def watch(self) -> None:
        """Begin to keep the requests that tests make."""
        self._witnessed = {}

    def witnessed(self) -> list[tuple[Bench, dict[Operation, Workload]]]:
        """Give what was asked of each plugin since `watch`, as work for its bench; and stop keeping it."""
        from pytest_mockforge.checks.measuring import workloads_of

        found, self._witnessed = self._witnessed or {}, None
        return [(self._opened_benches().bench(spec), workloads_of(calls)) for spec, calls in found.items()]

    def renew(self) -> None:
        """Put a fresh instance behind each plugin, and forget what the last ones left with their host."""
        self.services.forget()
        for plugin in self._plugins.values():
            plugin.renew()

    def close(self) -> None:
        """Close plugins, benches and subjects."""
        for plugin in self._plugins.values():
            plugin.close()
        if self._benches is not None:
            self._benches.close()
            self._benches = None
        for subject in self._subjects.values():
            subject.close()
        self._plugins.clear()
        self._subjects.clear()

    def _witness(self, spec: Spec, request: Request | None, observation: Observation) -> None:
        if self.recorder is not None:
            dialect = self._plugins[spec].dialect if request is not None else ""
            self.recorder.note(label=spec.label, dialect=dialect, request=request, seen=observation)
        if self._witnessed is not None and request is not None:
            from pytest_mockforge.fuzz.outcomes import accepted

            calls = self._witnessed.setdefault(spec, [])
            if len(calls) < _MOST_WITNESSED:
                calls.append((request, accepted(observation)))

    def _opened_benches(self) -> RunBenches:
        if self._benches is None:
            from pytest_mockforge.run_benches import RunBenches

            self._benches = RunBenches(
                self.settings,
                specs=self._specs.values(),
                subject_of=self._subject,
                means=self._means,
                services=self.services,
            )
        return self._benches

    def _subject(self, spec: Spec) -> Subject:
        subject = self._subjects.get(spec)
        if subject is None:
            subject = self._subjects[spec] = open_subject(spec, self._means)
        return subject

    def _adopt(self, subject: ServiceSubject) -> Plugin:
        """Take a service that a test started as one of this run's plugins."""
        self._subjects[subject.spec] = subject
        return self._plugin(subject.spec)

    def _bench_under(self, plugin: Plugin) -> Bench:
        for spec, known in self._plugins.items():
            if known is plugin:
                return self._opened_benches().bench(spec)
        raise SetupError(
            f"{plugin.label!r} is no plugin of this run",
            hint="pass what mockforge_plugin, mockforge_load or mockforge_remote gave, not a view of it",
        )

    def _plugin(self, spec: Spec) -> Plugin:
        plugin = self._plugins.get(spec)
        if plugin is None:
            subject = self._subject(spec)
            limits = effective_limits(self._wanted, subject.manifest)
            plugin = self._plugins[spec] = Plugin(
                subject, limits=limits, host=self._host, dialect=self._dialect, services=self.services
            )
            plugin.witness = partial(self._witness, spec)
            if "hypothesis" in sys.modules:
                from pytest_mockforge.fuzz.draws import prepare

                prepare()
        return plugin
