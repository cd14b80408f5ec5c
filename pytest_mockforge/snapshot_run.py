"""Snapshots in a run of pytest: who compared with which, what a failure shows, and what an update writes in the end.

In a distributed run each worker leaves its claims in one folder, and the controller writes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.errors import SetupError

if TYPE_CHECKING:
    from pytest_mockforge.documents.expectation import Volatile
    from pytest_mockforge.snapshot.claims import Claim, Claims, Settled
    from pytest_mockforge.snapshot.comparison import MockforgeSnapshot, Outcome

_NAME = "mockforge-snapshots"
_OUTPUT = "mockforge_snapshots"
"""Under this key a worker tells the controller where the claims are."""
#: Of an explanation, pytest shows so much of its own accord.
_MOST_LINES, _MOST_CHARACTERS = 8, 640
_MOST_DISPUTES = 10


def snapshot_for(request: pytest.FixtureRequest) -> MockforgeSnapshot:
    """Give the fixture's value. Skips where syrupy is not installed; raises SetupError where it is not loaded."""
    try:
        from pytest_mockforge.snapshot.comparison import snapshot_from
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "syrupy":
            raise
        pytest.skip("mockforge_snapshot: syrupy is not installed: pip install 'pytest-mockforge[snapshot]'")
    try:
        theirs = request.getfixturevalue("snapshot")
    except pytest.FixtureLookupError:
        raise SetupError(
            "mockforge_snapshot: syrupy is installed, but its pytest plugin is not loaded",
            hint="add -p syrupy, or leave out -p no:syrupy",
        ) from None
    from pytest_mockforge.snapshot.redactions import Redactions

    def folder() -> Path:
        base: Path = request.getfixturevalue("tmp_path_factory").getbasetemp()
        # The folder above a worker's own is that of all workers.
        return (base.parent if hasattr(request.config, "workerinput") else base) / _OUTPUT

    run = _run_of(request.config, request.session.items, folder)
    return snapshot_from(theirs, run, Redactions(volatile=_volatile(request)))


def take_worker(config: pytest.Config, node: object) -> None:
    """Take note of the claims that a worker left."""
    output = getattr(node, "workeroutput", None)
    folder = output.get(_OUTPUT) if isinstance(output, dict) else None
    if isinstance(folder, str):
        _run_of(config, [], lambda: Path(folder))


def _run_of(config: pytest.Config, items: Sequence[pytest.Item], folder: Callable[[], Path]) -> SnapshotRun:
    """Give what keeps the books of this run, made when the first test or worker asks."""
    run = config.pluginmanager.get_plugin(_NAME)
    if run is None:
        from pytest_mockforge.snapshot.extension import MockforgeExtension

        run, before = SnapshotRun(items, folder), MockforgeExtension.bookkeeping
        MockforgeExtension.bookkeeping = run
        config.add_cleanup(lambda: setattr(MockforgeExtension, "bookkeeping", before))
        config.pluginmanager.register(run, _NAME)
    assert isinstance(run, SnapshotRun)
    return run


def _volatile(request: pytest.FixtureRequest) -> tuple[Volatile, ...]:
    from pytest_mockforge.active import state_of
    from pytest_mockforge.snapshot.extension import plugin_of

    label = plugin_of(request.node)
    return tuple(state_of(request.config).bench(label).subject.testfile.volatile) if label else ()


class SnapshotRun:
    """The books of one process, and the hooks of a run in which a test compared with a snapshot."""

    def __init__(self, items: Sequence[pytest.Item], folder: Callable[[], Path]) -> None:
        """Take the tests of this process, and what gives the folder of all claims, which only an update needs."""
        self._items = items
        self._folder = folder
        self._claims: Claims | None = None
        self._owners: dict[tuple[str, str], str] = {}
        self._outcomes: list[Outcome] = []
        self._ended: dict[str, bool] = {}
        """Whether a test ended well here, with all plugins that it was spread to."""
        self._settled: Settled | None = None
        self._over = False

    # What comparisons ask and tell (`comparison.Ledger`).

    def compared(self, outcome: Outcome, owner: str) -> None:
        from pytest_mockforge.snapshot.claims import require_one_owner

        place = (outcome.snapshot_location, outcome.snapshot_name)
        require_one_owner(outcome.snapshot_name, self._owners.setdefault(place, owner), owner)
        self._outcomes.append(outcome)

    def claim(self, claim: Claim) -> Claim | None:
        return self._all_claims().make(claim)

    # What syrupy's side asks (`extension.Bookkeeping`).

    def is_open(self, location: str, name: str) -> bool:
        from pytest_mockforge.snapshot.extension import belongs_to

        # Before the end, syrupy asks which files are ours.
        return self._over and belongs_to(name, self._open.get(location, ()))

    def may_clear(self) -> bool:
        return self._settled is None or not (self._settled.disputed or self._settled.problems)

    # What pytest calls.

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call" and _uses_snapshots(item):
            key = _key(item)
            self._ended[key] = report.passed and self._ended.get(key, True)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_assertrepr_compare(
        self, config: pytest.Config, op: str, left: object, right: object
    ) -> list[str] | None:
        from pytest_mockforge.snapshot.comparison import MockforgeSnapshot

        side = next((side for side in (left, right) if isinstance(side, MockforgeSnapshot)), None)
        if side is None or side.verdict is None or op != "==":
            return None
        lines = side.verdict.lines()
        much = len(lines) > _MOST_LINES or sum(map(len, lines)) > _MOST_CHARACTERS
        if much and config.get_verbosity() < 2:
            side.verdict.item.add_report_section("call", "mockforge snapshot", "\n".join(lines))
            return [*lines[:4], "  … the rest stands below, under `mockforge snapshot`"]
        return lines

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Write before syrupy counts and clears; or, in a worker, leave that to the controller."""
        self._over = True
        # The controller of a distributed run has no tests, and is here because a worker left claims.
        if self._claims is not None or not self._items:
            claims = self._all_claims()
            output = getattr(session.config, "workeroutput", None)
            if output is not None:
                output[_OUTPUT] = str(claims.folder)
                disputed = bool(claims.disputed())
            else:
                self._settled = claims.settle()
                disputed = bool(self._settled.disputed)
                if (disputed or self._settled.problems) and session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED
            for outcome in self._outcomes if disputed else ():
                outcome.success = outcome.success and not (outcome.created or outcome.updated)
                outcome.created = outcome.updated = False
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        settled = self._settled
        if settled is None or not (settled.disputed or settled.problems):
            return
        from pytest_mockforge.report.text import counted

        terminalreporter.section("mockforge snapshots")
        if settled.disputed:
            many = counted(len(settled.disputed), "snapshot", "snapshots")
            terminalreporter.line(f"nothing was written: {many} in dispute")
        for one, other in settled.disputed[:_MOST_DISPUTES]:
            terminalreporter.line(f"  {one.name}: {one.who} and {other.who} differ")
        for problem in settled.problems:
            terminalreporter.line(problem)

    @cached_property
    def _open(self) -> Mapping[str, Collection[str]]:
        """The first names of the snapshots of tests that did not end well here, by file."""
        from pytest_mockforge.snapshot.extension import home_of

        found: dict[str, set[str]] = {}
        for item in self._items:
            if _uses_snapshots(item) and not self._ended.get(_key(item)):
                location, name = home_of(item)
                found.setdefault(location, set()).add(name)
        return found

    def _all_claims(self) -> Claims:
        if self._claims is None:
            from pytest_mockforge.snapshot.claims import Claims

            self._claims = Claims(self._folder())
        return self._claims


def _uses_snapshots(item: pytest.Item) -> bool:
    return "mockforge_snapshot" in getattr(item, "fixturenames", ())


def _key(item: pytest.Item) -> str:
    from pytest_mockforge.snapshot.extension import owner_of

    return owner_of(item)
