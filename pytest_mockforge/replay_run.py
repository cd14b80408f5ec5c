"""A recording as pytest items: below the session a collector, below it one a plugin, below that one item a request."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.fixtures import STATE
from pytest_mockforge.options import REPLAY_PREFIX
from pytest_mockforge.suite import CheckFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mockforge.recording.reading import Distinct, Recording
    from pytest_mockforge.settings import Settings

_NAME = REPLAY_PREFIX.rstrip(":")


def replay(config: pytest.Config, settings: Settings, path: Path) -> None:
    """Replay a recording in this run."""
    config.pluginmanager.register(ReplayRun(settings, path), _NAME)


class ReplayRun:
    """The hook of a run that replays."""

    def __init__(self, settings: Settings, path: Path) -> None:
        self._settings = settings
        self._path = path

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if isinstance(collector, pytest.Session) and report.outcome == "passed":
            suite = RecordedSuite.from_parent(collector, name=_NAME, nodeid=_NAME)
            suite.settings, suite.path_of_recording = self._settings, self._path
            report.result = [*report.result, suite]
        return report


class RecordedSuite(pytest.Collector):
    """All that was recorded."""

    settings: Settings
    path_of_recording: Path

    def collect(self) -> Iterator[pytest.Collector | pytest.Item]:
        """Give a collector for each plugin, and an item that fails where lines cannot be read."""
        from pytest_mockforge.errors import DocumentError
        from pytest_mockforge.recording.reading import distinct, read_recording

        try:
            recording = read_recording(self.path_of_recording)
        except DocumentError as error:
            raise self.CollectError(f"mockforge: {error}") from None
        if recording.problems and not self.settings.replay_ids:
            unread = UnreadLines.from_parent(self, name="unread-lines")
            unread.problems = recording.problems
            yield unread
        unknown = set(self.settings.replay_ids)
        labels = {spec.label for spec in self.settings.specs}
        for spec in self.settings.specs:
            # What was recorded of a plugin that is not here, say under its old name, every plugin is asked.
            mine = [
                line for line in recording.lines if line.call.plugin == spec.label or line.call.plugin not in labels
            ]
            chosen = [again for again in distinct(mine) if self._is_chosen(f"{spec.label}::{again.name}", unknown)]
            if chosen:
                node = RecordedPlugin.from_parent(self, name=spec.label)
                node.recording, node.chosen = recording, chosen
                yield node
        if unknown:
            raise self.CollectError(f"{min(unknown)} names no recorded call\n  hint: --co lists all ids")

    def _is_chosen(self, name: str, unknown: set[str]) -> bool:
        full = f"{REPLAY_PREFIX}{name}"
        found = {chosen for chosen in self.settings.replay_ids if f"{full}::".startswith(f"{chosen}::")}
        unknown -= found
        return bool(found) or not self.settings.replay_ids


class RecordedPlugin(pytest.Collector):
    """What one plugin is asked."""

    recording: Recording
    chosen: list[Distinct]

    def collect(self) -> Iterator[ReplayItem]:
        """Give an item for each request."""
        for again in self.chosen:
            item = ReplayItem.from_parent(self, name=again.name)
            item.recording, item.again, item.label = self.recording, again, self.name
            yield item


class _Told(pytest.Item):
    """An item whose failure is its text, without a traceback."""

    def repr_failure(  # type: ignore[override]  # pytest exports no name for the type that it wants
        self, excinfo: pytest.ExceptionInfo[BaseException], **_style: object
    ) -> object:
        """Show what differs alone; of any other exception show the traceback."""
        if not isinstance(excinfo.value, CheckFailedError):
            return super().repr_failure(excinfo)
        shown = excinfo.getrepr(style="value")
        if shown.reprcrash is not None:
            shown.reprcrash.message = str(excinfo.value).partition("\n")[0]
        return shown

    def reportinfo(self) -> tuple[str, None, str]:
        """Name the item where pytest names a test's place."""
        return self.nodeid, None, self.nodeid


class ReplayItem(_Told):
    """One request, asked once more."""

    recording: Recording
    again: Distinct
    label: str

    def runtest(self) -> None:
        """Ask, and fail where a field differs; skip what cannot be asked again."""
        from pytest_mockforge.errors import LoadFailure
        from pytest_mockforge.recording.replaying import replay
        from pytest_mockforge.report.text import harmless

        state = self.config.stash[STATE]
        try:
            # A view, so that neither a recording nor a budget is told of the call.
            with state.plugin(self.label).view() as plugin:
                plugin.witness = None
                testfile = state.bench(self.label).subject.testfile
                came = replay(plugin, self.again, recording=self.recording, testfile=testfile)
        except LoadFailure as failure:
            raise CheckFailedError(str(failure)) from None
        if came.skipped:
            pytest.skip(harmless(came.skipped))
        if came.failure:
            raise CheckFailedError(came.failure)


class UnreadLines(_Told):
    """What of a recording could not be read."""

    problems: tuple[str, ...]

    def runtest(self) -> None:
        """Fail with a line for each."""
        from pytest_mockforge.report.text import harmless

        raise CheckFailedError("\n".join(map(harmless, self.problems)))
