"""How syrupy finds, reads and clears our snapshots: one for all plugins that a test was spread to.

What an update writes is decided elsewhere (`claims`), once all plugins have answered. Knows nothing of replies.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from syrupy.data import Snapshot, SnapshotCollection, SnapshotCollections
from syrupy.extensions.base import AbstractSyrupyExtension
from syrupy.location import PyTestLocation

from pytest_mockforge.errors import DocumentError
from pytest_mockforge.snapshot import SUFFIX
from pytest_mockforge.snapshot.file import read_snapshots, write_snapshots
from pytest_mockforge.snapshot.redactions import Filter, Matcher, Redactions, redacted
from pytest_mockforge.snapshot.text import write
from pytest_mockforge.snapshot.tree import document_of

if TYPE_CHECKING:
    import pytest
    from syrupy.types import SerializableData, SerializedData, SnapshotIndex


class Bookkeeping(Protocol):
    """What the run knows and syrupy does not."""

    def is_open(self, location: str, name: str) -> bool:
        """Tell whether it is not known if a snapshot is used, since its test did not end well here."""
        ...

    def may_clear(self) -> bool:
        """Tell whether snapshots that nobody used may go."""
        ...


class MockforgeExtension(AbstractSyrupyExtension):
    """Keeps the snapshots of `test_x.py` in `__snapshots__/test_x.mockforge`."""

    file_extension = SUFFIX
    bookkeeping: ClassVar[Bookkeeping | None] = None
    """Of the class, as syrupy makes extensions of its own accord, also where no test ran."""
    redactions: Redactions = Redactions()
    """What the comparison that comes next leaves out."""

    def serialize(
        self,
        data: SerializableData,
        *,
        exclude: Filter | None = None,  # noqa: ARG002 - these three stand in `redactions`
        include: Filter | None = None,  # noqa: ARG002
        matcher: Matcher | None = None,  # noqa: ARG002
    ) -> SerializedData:
        return write(redacted(document_of(data), self.redactions))

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        """Name a snapshot as syrupy does, but for the plugin that the test was spread to."""
        name = shared_name(test_location.item)
        if test_location.classname is not None:
            name = f"{test_location.classname}.{name}"
        return f"{name}[{index}]" if isinstance(index, str) else f"{name}.{index}" if index else name

    def discover_snapshots(
        self,
        *,
        test_location: PyTestLocation,
        ignore_extensions: list[str] | None = None,  # noqa: ARG002 - that is how other extensions pass over ours
    ) -> SnapshotCollections:
        """Give the snapshots beside a test, of our files alone; what cannot be read is left as it is."""
        discovered = SnapshotCollections()
        for path in sorted(Path(self.dirname(test_location=test_location)).rglob(f"*.{SUFFIX}")):
            if not path.name.startswith(".") and path.is_file():
                collection = self.read_snapshot_collection(snapshot_location=str(path))
                if collection.has_snapshots:
                    discovered.add(collection)
        return discovered

    def read_snapshot_collection(self, *, snapshot_location: str) -> SnapshotCollection:
        collection = SnapshotCollection(location=snapshot_location)
        try:
            found = read_snapshots(Path(snapshot_location))
        except DocumentError:
            # Its own tests say so; nobody else's business, and nothing to be cleared.
            return collection
        for name, text in found.items():
            if self.bookkeeping is None or not self.bookkeeping.is_open(snapshot_location, name):
                collection.add(Snapshot(name=name, data=text))
        return collection

    def read_snapshot_data_from_location(
        self,
        *,
        snapshot_location: str,
        snapshot_name: str,
        session_id: str,  # noqa: ARG002 - a changed file is told by its state
    ) -> SerializedData | None:
        return read_snapshots(Path(snapshot_location)).get(snapshot_name)

    def delete_snapshots(self, *, snapshot_location: str, snapshot_names: set[str]) -> None:
        if self.bookkeeping is None or self.bookkeeping.may_clear():
            path = Path(snapshot_location)
            left = {name: text for name, text in read_snapshots(path).items() if name not in snapshot_names}
            write_snapshots(path, left)

    @classmethod
    def write_snapshot_collection(
        cls,
        *,
        snapshot_collection: SnapshotCollection,
        name_order: dict[str, int] | None = None,  # noqa: ARG003 - by name, so that merges stay small
    ) -> None:
        path = Path(snapshot_collection.location)
        written = {snapshot.name: str(snapshot.data) for snapshot in snapshot_collection}
        write_snapshots(path, {**read_snapshots(path), **written})


def plugin_of(item: pytest.Item) -> str:
    """Give the label of the plugin that a test was spread to; empty where it was spread to none."""
    callspec = getattr(item, "callspec", None)
    label = callspec.params.get("mockforge_plugin") if callspec is not None else None
    return label if isinstance(label, str) else ""


def shared_name(item: pytest.Item) -> str:
    """Give a test's name without the plugin that it was spread to: `test_x[de]` for `test_x[rust-de]`."""
    label = plugin_of(item)
    bare, bracket, rest = item.name.partition("[")
    if not label or not bracket:
        return item.name
    ids = _without(rest.removesuffix("]"), label)
    return f"{bare}[{ids}]" if ids else bare


def owner_of(item: pytest.Item) -> str:
    """Give a test's id without the plugin that it was spread to."""
    return "::".join([*([item.parent.nodeid] if item.parent is not None else []), shared_name(item)])


def home_of(item: pytest.Item) -> tuple[str, str]:
    """Give the file and the first name that a test's snapshots have."""
    where = PyTestLocation(item)
    name = MockforgeExtension.get_snapshot_name(test_location=where)
    return MockforgeExtension.get_location(test_location=where, index=0), name


def belongs_to(name: str, tests: Collection[str]) -> bool:
    """Tell whether a snapshot is of one of these tests: `test_x`, `test_x.1` and `test_x[name]` are of `test_x`."""
    return any(name == test or name.startswith((f"{test}.", f"{test}[")) for test in tests)


def _without(ids: str, label: str) -> str:
    # It is the first as a rule; not where a hook of the user's spread the test before ours did.
    if ids == label:
        return ""
    if ids.startswith(f"{label}-"):
        return ids.removeprefix(f"{label}-")
    if ids.endswith(f"-{label}"):
        return ids.removesuffix(f"-{label}")
    return ids.replace(f"-{label}-", "-", 1)
