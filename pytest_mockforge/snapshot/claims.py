"""What an update is to write, and whether all who ask for it agree.

A snapshot is one for all plugins of a run, so an update has to know what each of them answered before it writes. Each
comparison leaves a claim in a folder that all processes of the run share; who sees a claim that differs from its own
fails, and once the run is over either all claims are written or none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import msgspec

from pytest_mockforge.errors import DocumentError, SettingsError
from pytest_mockforge.snapshot.file import read_snapshots, require_writable, write_snapshots


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison would have a snapshot say."""

    location: str
    """The snapshot's file."""
    name: str
    owner: str
    """The test, without the plugin that it was spread to."""
    test: str
    """The test's id."""
    place: int
    """Which of the test's comparisons it is."""
    plugin: str
    """The plugin's label; empty where the test was spread to none."""
    text: str

    @property
    def who(self) -> str:
        """Say in a word or two who claims this."""
        return f"plugin {self.plugin}" if self.plugin else self.test


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What became of an update."""

    written: tuple[Path, ...] = ()
    disputed: tuple[tuple[Claim, Claim], ...] = ()
    """Two claims that differ, for each snapshot that is in dispute; then nothing was written."""
    problems: tuple[str, ...] = ()
    """Files that could not be written, in words."""


def require_one_owner(name: str, first: str, second: str) -> None:
    """Raise SettingsError where two tests write one name."""
    if first != second:
        raise SettingsError(
            f"two tests write the snapshot {name!r}",
            expected="a name that belongs to one test",
            got=f"{first} and {second}",
            hint="choose another name=, or another name for one of the tests",
        )


class Claims:
    """The claims of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, claim: Claim) -> Claim | None:
        """Leave a claim, and give one that differs from it, if there is one already.

        A test that runs again takes its earlier claim back. Raises DocumentError where the snapshot could not be
        written, and SettingsError where another test claims the name.
        """
        path = Path(claim.location)
        known = read_snapshots(path)
        if known.get(claim.name) != claim.text:
            require_writable(path)
        place = self._place(claim)
        place.mkdir(parents=True, exist_ok=True)
        file = place / _digest(claim.test, claim.place)
        beside = file.with_suffix(f".{os.getpid()}")
        beside.write_bytes(msgspec.msgpack.encode(claim))
        # Whole or not at all: another process may be reading.
        os.replace(beside, file)
        # One's own is there before the others are read, so of two at the same time one sees the other.
        others = [other for other in _claims_in(place) if (other.test, other.place) != (claim.test, claim.place)]
        for other in others:
            require_one_owner(claim.name, other.owner, claim.owner)
        return next((other for other in others if other.text != claim.text), None)

    def disputed(self) -> tuple[tuple[Claim, Claim], ...]:
        """Give two claims that differ for each snapshot that is in dispute."""
        pairs = (pair for claims in self._by_snapshot() if (pair := _differing(claims)) is not None)
        return tuple(sorted(pairs, key=lambda pair: (pair[0].location, pair[0].name)))

    def settle(self) -> Settled:
        """Write what was claimed, if all agree."""
        disputed = self.disputed()
        if disputed:
            return Settled(disputed=disputed)
        agreed = sorted((claims[0] for claims in self._by_snapshot()), key=lambda claim: (claim.location, claim.name))
        written, problems = [], []
        for location, claims in groupby(agreed, key=lambda claim: claim.location):
            path = Path(location)
            try:
                before = read_snapshots(path)
                after = {**before, **{claim.name: claim.text for claim in claims}}
                if after != before:
                    write_snapshots(path, after)
                    written.append(path)
            except DocumentError as error:
                problems.append(str(error))
        return Settled(written=tuple(written), problems=tuple(problems))

    def _by_snapshot(self) -> Iterator[list[Claim]]:
        if self.folder.is_dir():
            for place in sorted(self.folder.iterdir()):
                yield _claims_in(place)

    def _place(self, claim: Claim) -> Path:
        return self.folder / _digest(claim.location, claim.name)


def _claims_in(place: Path) -> list[Claim]:
    files = sorted(file for file in place.iterdir() if not file.suffix)
    return sorted(
        (msgspec.msgpack.decode(file.read_bytes(), type=Claim) for file in files),
        key=lambda claim: (claim.plugin, claim.test, claim.place),
    )


def _differing(claims: Iterable[Claim]) -> tuple[Claim, Claim] | None:
    first, *others = claims
    other = next((claim for claim in others if (claim.text, claim.owner) != (first.text, first.owner)), None)
    return None if other is None else (first, other)


def _digest(*parts: object) -> str:
    return sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()
