"""What pytest does once a plugin is named: collect the suite, spread tests over plugins, gather results, report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.additions import current
from pytest_mockforge.errors import LoadFailure, SetupError
from pytest_mockforge.extensions import take_additions, take_host_functions
from pytest_mockforge.fixtures import BUDGETS, STATE
from pytest_mockforge.markers import read_marker
from pytest_mockforge.recording_run import record
from pytest_mockforge.replay_run import replay
from pytest_mockforge.run_state import RunState
from pytest_mockforge.settings import Settings, read_settings
from pytest_mockforge.suite import MockforgeSuite, attach_result, result_of

if TYPE_CHECKING:
    from pytest_mockforge.plugin_under_test import Plugin
    from pytest_mockforge.report.model import Report


def activate(config: pytest.Config) -> None:
    """Hold the run's state, and hook into pytest when there is a plugin to test. Raises pytest.UsageError."""
    take_additions(config)
    settings = read_settings(config)
    _hold(config, settings)
    if settings.record is not None:
        record(config, config.stash[STATE], settings.record)
    if settings.in_use:
        config.pluginmanager.register(ActiveRun(settings), "mockforge-active")
        if settings.only_ids:
            config.pluginmanager.register(SuiteAlone(settings), "mockforge-suite-alone")
        if settings.replay is not None:
            replay(config, settings, settings.replay)
    take_host_functions(config)


def state_of(config: pytest.Config) -> RunState:
    """Give the run's state, also in a run that named no plugin."""
    if STATE not in config.stash:
        take_additions(config)
        _hold(config, read_settings(config))
    return config.stash[STATE]


def plugin_for(request: pytest.FixtureRequest) -> Plugin:
    """Give the plugin that a test was spread to, or the only one. Raises SetupError when there is none."""
    state = state_of(request.config)
    labels = [spec.label for spec in state.settings.specs]
    label = getattr(request, "param", None)
    if label is None:
        if len(labels) != 1:
            what = "no plugin is under test" if not labels else f"there are {len(labels)} plugins under test"
            raise SetupError(
                f"mockforge_plugin: {what}",
                hint="run pytest with --mockforge-plugin=SPEC, or set mockforge_plugins in the ini file"
                if not labels
                else "name the fixture as an argument of the test, so that the test is spread over them",
            )
        label = labels[0]
    try:
        return state.plugin(label)
    except LoadFailure as failure:
        # How we came there says nothing to whoever wrote the test.
        raise failure.with_traceback(None) from None


def begin_item(item: pytest.Item) -> None:
    """Give every plugin the limits of this test and a fresh instance."""
    state = state_of(item.config)
    marker = read_marker(item.iter_markers("mockforge"))
    settings = state.settings
    state.begin_item(
        marker.wanted.over(settings.wanted), marker.host or settings.host, marker.dialect or settings.dialect
    )
    if "hypothesis" in sys.modules:
        from pytest_mockforge.examples import renew_for_each_example

        renew_for_each_example(state)


def _hold(config: pytest.Config, settings: Settings) -> None:
    config.stash[STATE] = state = RunState(settings, progress=_progress_of(config))
    config.add_cleanup(state.close)
    config.pluginmanager.register(PrintedOutput(state), "mockforge-printed")


def _progress_of(config: pytest.Config) -> Callable[[str], None]:
    """Give what writes a line of progress, where there is a terminal: a worker of a distributed run has none."""

    def progress(line: str) -> None:
        # Looked for now: pytest makes it after our own set-up.
        reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
        capture = config.pluginmanager.get_plugin("capturemanager")
        if reporter is not None and config.get_verbosity() >= 0:
            # A test's output is captured, and so would this be.
            with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
                reporter.ensure_newline()
                reporter.write_line(f"mockforge: {line}")

    return progress


class PrintedOutput:
    """The hook that shows what plugins printed with a test that failed, and masks secrets in what it shows."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        printed = self._state.printed() if report.failed and report.when == "call" else []
        ours = bool(report.longrepr or report.sections) and _uses_plugins(item)
        if printed or ours:
            from pytest_mockforge.report.masked import mask_report
            from pytest_mockforge.report.printed import printed_section

            mask = self._state.redactor().text
            if ours:
                mask_report(report, mask)
            report.sections += [printed_section(label, mask(text)) for label, text in printed]
        return report


def _uses_plugins(item: pytest.Item) -> bool:
    """Tell whether a test of the user's has to do with us; what any other says is not ours to change."""
    names: object = getattr(item, "fixturenames", ())
    return isinstance(names, list) and any(str(name).startswith("mockforge") for name in names)


class ActiveRun:
    """The hooks of a run with a plugin under test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._results: list[object] = []
        self._started = datetime.now(UTC)
        self._written: list[Path] = []
        self._problems: list[str] = []
        self._annotations: list[str] = []

    def pytest_report_header(self) -> list[str]:
        from pytest_mockforge.report.terminal import header

        return header(self.settings)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Put the suite beside what the session collects."""
        report = yield
        wanted = self.settings.checks and not self.settings.only_ids
        if wanted and isinstance(collector, pytest.Session) and report.outcome == "passed":
            report.result = [*report.result, MockforgeSuite.below(collector, self.settings)]
        return report

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "mockforge_plugin" not in metafunc.fixturenames:
            return
        labels: list[object] = [spec.label for spec in self.settings.specs]
        chosen = read_marker(metafunc.definition.iter_markers("mockforge")).plugins
        if chosen is not None:
            labels = [label for label in labels if label in chosen]
            if not labels:
                skip = pytest.mark.skip(reason=f"none of its plugins ({', '.join(chosen)}) is under test")
                labels = [pytest.param(None, marks=skip, id="none")]
        metafunc.parametrize("mockforge_plugin", labels, indirect=True, scope="session")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        attach_result(item, report)
        if BUDGETS in item.stash:
            from pytest_mockforge.budget_marker import attach

            attach(item, report)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = result_of(report)
        if result is not None:
            self._results.append(result)
        self._results += getattr(report, "mockforge_marked", ())

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_json(self, output_json: dict[str, object]) -> None:
        """Put our figures into what pytest-benchmark saves, where a benchmark ran."""
        from pytest_mockforge.report.benchmark import figures

        output_json["mockforge"] = figures(self._results)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the reports, in the controller of a distributed run alone."""
        config = session.config
        if hasattr(config, "workerinput") or config.getoption("collectonly"):
            return
        summary, wants_annotations = os.environ.get("GITHUB_STEP_SUMMARY"), os.environ.get("GITHUB_ACTIONS") == "true"
        if not (self.settings.reports or ((summary or wants_annotations) and self._results)):
            return
        from pytest_mockforge.report.annotations import annotation_lines
        from pytest_mockforge.report.destinations import append, write_reports
        from pytest_mockforge.report.markdown import to_markdown

        report = self._report(config, int(exitstatus))
        problems = write_reports(self.settings.reports, report)
        self._problems = [*problems.values()]
        self._written = [path for path in self.settings.reports if path not in problems]
        if self._problems and session.exitstatus == pytest.ExitCode.OK:
            # Else a gate that reads the file would read an older one.
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if summary and (problem := append(Path(summary), to_markdown(report) + "\n")):
            self._problems.append(problem)
        self._annotations = annotation_lines(report) if wants_annotations else []

    def _report(self, config: pytest.Config, exit_status: int) -> Report:
        from pytest_mockforge.checks.model import from_plain
        from pytest_mockforge.report.facts import run_facts, sources
        from pytest_mockforge.report.model import build

        run = run_facts(
            host=self.settings.host,
            dialect=self.settings.dialect,
            started=self._started,
            exit_status=exit_status,
            workers=len(config.getoption("tx", None) or ()),
        )
        results = [from_plain(one) for one in self._results]
        report = build(results, sources=sources(self.settings.specs, config.rootpath), run=run)
        sections = current().sections.values()
        if not sections:
            return report
        from pytest_mockforge.report.sections import add_sections

        return add_sections(report, sections)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
    ) -> None:
        from pytest_mockforge.report.terminal import write_reported, write_sections, write_summary

        write_summary(terminalreporter, self.settings, self._results)
        if current().sections and self._results:
            write_sections(terminalreporter, self._report(config, int(exitstatus)).sections)
        write_reported(terminalreporter, self._written, self._problems, self._annotations)


class SuiteAlone:
    """The hook of a run that named nothing but ids of checks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> pytest.CollectReport | None:
        """Collect the suite, and nothing of what lies in the folder."""
        if not isinstance(collector, pytest.Session):
            return None
        suite = MockforgeSuite.below(collector, self.settings)
        return pytest.CollectReport(collector.nodeid, "passed", None, [suite])
