"""What was found in one run: the smallest case of each kind. Pure."""

from __future__ import annotations

from pytest_mockforge.fuzz.model import Case, Discovery

Key = tuple[str, str]
"""Code and detail: what counts as one and the same discovery."""


def key_of(discovery: Discovery) -> Key:
    """Give what tells a discovery from others."""
    return discovery.code, discovery.detail


class Ledger:
    """Keeps the smallest discovery of each kind, in the order in which the kinds were met."""

    def __init__(self) -> None:
        self._found: dict[Key, Discovery] = {}

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, key: Key) -> bool:
        return key in self._found

    def note(self, discovery: Discovery) -> None:
        """Keep a discovery unless a smaller one of its kind is there."""
        key = key_of(discovery)
        known = self._found.get(key)
        if known is None or _size(discovery) < _size(known):
            self._found[key] = discovery

    def replace(self, old: Discovery, new: Discovery | None) -> None:
        """Put another discovery in the place of one, or take it out."""
        del self._found[key_of(old)]
        if new is not None:
            self._found.setdefault(key_of(new), new)

    @property
    def discoveries(self) -> tuple[Discovery, ...]:
        """All of them, by code and then as they were met."""
        return tuple(sorted(self._found.values(), key=lambda discovery: discovery.code))


def _size(discovery: Discovery) -> tuple[int, int, bytes]:
    weights = [_weight(case) for case in (discovery.case, *discovery.before)]
    return len(discovery.before), sum(weights), discovery.case.payload


def _weight(case: Case) -> int:
    return len(case.payload)
