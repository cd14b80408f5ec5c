"""A run that is recorded: each call hangs on the report of its test, and the one process that sees all reports writes.

So lines of a distributed run are never interleaved, wherever its workers are.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mockforge.recording.writing import RecordingFile
    from pytest_mockforge.run_state import RunState

_CALLS = "mockforge_calls"
"""Where the lines of a report are: a list of texts, with the number of calls left out before them."""


def record(config: pytest.Config, state: RunState, path: Path) -> None:
    """Record this run."""
    from pytest_mockforge.recording.recorder import Recorder
    from pytest_mockforge.recording.writing import RecordingFile

    worker = getattr(config, "workerinput", {}).get("workerid", "")
    state.recorder = Recorder(state.testfiles, prefix=f"{worker}-" if worker else "")
    run = RecordingRun(state, None if worker else RecordingFile(path))
    config.pluginmanager.register(run, "mockforge-recording")


class RecordingRun:
    """The hooks of such a run; without a file those of a worker."""

    def __init__(self, state: RunState, file: RecordingFile | None) -> None:
        assert state.recorder is not None
        self._recorder = state.recorder
        self._file = file

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._recorder.begin(nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        batch = self._recorder.take()
        if batch.lines or batch.left_out:
            setattr(report, _CALLS, [batch.left_out, *batch.lines])
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write, and keep nothing: pytest holds its reports to the end."""
        if self._file is not None and hasattr(report, _CALLS):
            left_out, *lines = getattr(report, _CALLS)
            delattr(report, _CALLS)
            self._file.write(lines)
            self._file.left_out += left_out

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._file is None:
            return
        # Of a test that was interrupted there is no report.
        self._file.write(self._recorder.take().lines)
        self._file.finish()
        if self._file.problem and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        if self._file is None or config.getoption("collectonly"):
            return
        from pytest_mockforge.report.text import counted, harmless

        if self._file.problem:
            terminalreporter.write_line(f"mockforge: {harmless(self._file.problem)}", red=True)
            return
        name = harmless(str(self._file.path))
        if not self._file.calls:
            terminalreporter.write_line(f"mockforge recording: no test called a plugin, {name} was not written")
            return
        left_out = self._file.left_out
        more = f"; {counted(left_out, 'call was', 'calls were')} left out, too many or too large" if left_out else ""
        terminalreporter.write_line(
            f"mockforge recording: {name}, {counted(self._file.calls, 'call', 'calls')}{more}", yellow=bool(more)
        )
