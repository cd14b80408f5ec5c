"""What the fixture gives: a value that equals a reply which is written down as the snapshot says.

Finding, reading and counting snapshots is syrupy's; leaving out, agreeing and telling what differs is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from syrupy.assertion import SnapshotAssertion

from pytest_mockforge.errors import SettingsError, SetupError
from pytest_mockforge.snapshot.claims import Claim
from pytest_mockforge.snapshot.differences import differences, headline, shown
from pytest_mockforge.snapshot.extension import MockforgeExtension, owner_of, plugin_of
from pytest_mockforge.snapshot.redactions import Filter, Matcher, Redactions

if TYPE_CHECKING:
    import pytest
    from syrupy.assertion import AssertionResult


class Outcome(Protocol):
    """What syrupy counts of one comparison."""

    snapshot_location: str
    snapshot_name: str
    created: bool
    updated: bool
    success: bool


class Ledger(Protocol):
    """Where a run notes who compares with which snapshot, and what an update is to write."""

    def compared(self, outcome: Outcome, owner: str) -> None:
        """Note a comparison. Raises SettingsError where another test has the snapshot."""
        ...

    def claim(self, claim: Claim) -> Claim | None:
        """Note what an update is to write, and give a claim that differs from it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why a comparison did not hold."""

    item: pytest.Item
    name: str
    location: str
    plugin: str
    got: str
    """The reply as it would be written."""
    expected: str | None
    """What it was compared with; None where there is no snapshot."""
    rival: Claim | None = None
    """Who disagrees in an update."""

    def lines(self) -> list[str]:
        """Tell what differs: a line that stands alone, the fields, and what to do."""
        where = f"  in {self.location}" + (f", plugin {self.plugin}" if self.plugin else "")
        if self.expected is None:
            return [
                f"snapshot {self.name!r}, which does not exist",
                where,
                "  hint: pytest --snapshot-update writes it",
            ]
        found = differences(self.expected, self.got)
        if self.rival is not None:
            return [
                headline(found, f"in an update of snapshot {self.name!r}"),
                *shown(found),
                f"  expected is what {self.rival.who} answered, got what {self.plugin or 'this test'} did",
                f"{where}; nothing is written",
                "  hint: mend one of them, or name what may differ in redact=",
            ]
        return [
            headline(found, f"from snapshot {self.name!r}"),
            *shown(found),
            where,
            "  hint: if this is meant, pytest --snapshot-update with all plugins of the snapshot",
        ]


class MockforgeSnapshot:
    """Compares replies with snapshots that all plugins of a run share.

    Called with options, it gives another one for a single comparison; `with_defaults` gives one for several.
    """

    def __init__(self, assertion: SnapshotAssertion, ledger: Ledger, redactions: Redactions) -> None:
        """Take syrupy's own fixture, with the filters and the matcher that it has."""
        self._update = assertion.update_snapshots
        # Not in syrupy 5.
        self._new_only: bool = getattr(assertion, "update_new_snapshots_only", False)
        self._inner = assertion.use_extension(MockforgeExtension)
        # An update is ours to write, once all plugins have answered.
        self._inner.update_snapshots = self._inner.update_new_snapshots_only = False
        self._ledger = ledger
        self._redactions = replace(
            redactions, matcher=assertion.matcher, include=assertion.include, exclude=assertion.exclude
        )
        self._name: str | None = None
        self.verdict: Verdict | None = None
        """Why the last comparison did not hold."""

    def __call__(
        self,
        *,
        name: str | None = None,
        redact: Sequence[str] = (),
        keep: Sequence[str] = (),
        matcher: Matcher | None = None,
        include: Filter | None = None,
        exclude: Filter | None = None,
    ) -> MockforgeSnapshot:
        """Give one for a single comparison: `reply == mockforge_snapshot(name="admin", redact=["/body/id"])`.

        `redact` are JSON pointers of what is left out, `*` standing for any one segment. `keep` are pointers, or kinds
        (`request-id`, `timestamp`, `execution-time`, `uuid`, `jwt`, `secret`), of what is built in and not to be left
        out. `matcher`, `include` and `exclude` are those of syrupy. Raises SettingsError for what cannot be used.
        """
        view = self.with_defaults(redact=redact, keep=keep, matcher=matcher, include=include, exclude=exclude)
        if name is not None and not (name and name.isprintable()):
            raise SettingsError(f"mockforge_snapshot: the name {name!r} cannot be used", expected="printable text")
        view._name = name
        return view

    def with_defaults(
        self,
        *,
        redact: Sequence[str] = (),
        keep: Sequence[str] = (),
        matcher: Matcher | None = None,
        include: Filter | None = None,
        exclude: Filter | None = None,
    ) -> MockforgeSnapshot:
        """Give one that leaves out more than this one does, in all comparisons; the options are those of a call."""
        for option, value in (("redact", redact), ("keep", keep)):
            if isinstance(value, str):
                raise SettingsError(
                    f"mockforge_snapshot: {option}= takes a list", expected=f"{option}=[{value!r}]", got=repr(value)
                )
        view = object.__new__(MockforgeSnapshot)
        view.__dict__.update(self.__dict__)
        view.verdict = None
        view._redactions = replace(
            self._redactions,
            redact=(*self._redactions.redact, *redact),
            keep=(*self._redactions.keep, *keep),
            matcher=matcher or self._redactions.matcher,
            include=include or self._redactions.include,
            exclude=exclude or self._redactions.exclude,
        )
        return view

    def __eq__(self, other: object) -> bool:
        """Compare a reply, an Observation, a PluginFailure, bytes or a JSON value with the snapshot.

        Raises DocumentError for a file that cannot be used, and SetupError for what cannot be written down.
        """
        __tracebackhide__ = True
        self._inner.extension.redactions = self._redactions  # type: ignore[attr-defined] # it is a MockforgeExtension
        same = bool((self._inner(name=self._name) if self._name is not None else self._inner) == other)
        place = self._inner.num_executions - 1
        result = self._inner.executions[place]
        if result.exception is not None:
            # Syrupy keeps it to itself.
            raise result.exception.with_traceback(None) from None
        owner = owner_of(result.test_location.item)
        self._ledger.compared(result, owner)
        rival = None
        if self._update or (self._new_only and result.recalled_data is None):
            rival = self._ledger.claim(_claim(result, place, owner))
            result.created, result.updated = result.recalled_data is None, not same
            same = True
        if rival is not None:
            result.created = result.updated = same = False
        result.success = same
        self.verdict = None if same else _verdict(result, rival)
        return same

    __hash__ = None  # type: ignore[assignment] # equal to what it cannot know

    def __repr__(self) -> str:
        return f"<mockforge_snapshot {self._name or self._inner.test_location.snapshot_name}>"


def snapshot_from(theirs: object, ledger: Ledger, redactions: Redactions) -> MockforgeSnapshot:
    """Make the fixture's value of what syrupy's fixture gave. Raises SetupError where that is none of syrupy's."""
    if not isinstance(theirs, SnapshotAssertion):
        raise SetupError(
            "mockforge_snapshot: the fixture `snapshot` is not syrupy's",
            expected="a SnapshotAssertion",
            got=type(theirs).__name__,
            hint="give the other fixture another name, or leave its plugin out",
        )
    return MockforgeSnapshot(theirs, ledger, redactions)


def _claim(result: AssertionResult, place: int, owner: str) -> Claim:
    item = result.test_location.item
    return Claim(
        location=result.snapshot_location,
        name=result.snapshot_name,
        owner=owner,
        test=item.nodeid,
        place=place,
        plugin=plugin_of(item),
        text=str(result.asserted_data),
    )


def _verdict(result: AssertionResult, rival: Claim | None) -> Verdict:
    item = result.test_location.item
    recalled = rival.text if rival is not None else result.recalled_data
    path = Path(result.snapshot_location)
    shown_path = path.relative_to(item.config.rootpath) if path.is_relative_to(item.config.rootpath) else path
    return Verdict(
        item=item,
        name=result.snapshot_name,
        location=str(shown_path),
        plugin=plugin_of(item),
        got=str(result.asserted_data),
        expected=None if recalled is None else str(recalled),
        rival=rival,
    )
