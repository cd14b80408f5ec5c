"""What a host profile is: rules over one plugin's files, with the line on how that host behaves as shipped.

A new profile is one file beside this one that calls `register`, and its name in `opening.HOSTS`; from another package,
the hook `pytest_mockforge_hosts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

from pytest_mockforge.additions import current
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.manifest import Manifest
from pytest_mockforge.errors import DocumentError, LoadFailure, PluginFailure
from pytest_mockforge.hosts import mends
from pytest_mockforge.hosts.mends import Topic
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.runtimes.wasm.conventions import Adapter, Border
from pytest_mockforge.runtimes.wasm.features import refusal
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo

VERSION = "0.3.213"
"""Of the MockForge whose behaviour all profiles state."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """A plugin as a host meets it before it opens the module."""

    data: bytes
    adapter: Adapter
    """The adapter that MockForge's detection chooses."""
    language: str = "unknown"
    """What the evidence says that the module was built from; decides which mend is offered."""
    manifest: Manifest | None = None
    manifest_error: DocumentError | None = None
    """Why there is no manifest although there is a file for it."""
    folder: Path | None = None
    """The plugin's folder; None for a module without a manifest beside it."""
    bare: bool = False
    """True when a module was named and not its folder."""

    def mend(self, topic: Topic) -> str:
        """How to mend a breach in the plugin's language."""
        return mends.mend(topic, self.language)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A plugin whose module was read and compiled."""

    files: Files
    info: ModuleInfo
    border: Border
    failure: PluginFailure | None = None
    """What stopped it on the way to an instance, with imported functions as traps; None when nothing did."""
    declared: frozenset[Operation] = frozenset()
    """Operations that the author says the plugin has."""
    _refusals: dict[frozenset[str], str | None] = field(init=False, default_factory=dict, repr=False, compare=False)

    @property
    def unlinkable(self) -> bool:
        """True when an import is neither provided nor a function that could be a trap."""
        return isinstance(self.failure, LoadFailure) and self.failure.step == "link"

    def refused_without(self, proposals: frozenset[str]) -> str | None:
        """The engine's reason to refuse the module with some proposals off; None when it is valid without them."""
        if proposals not in self._refusals:
            self._refusals[proposals] = refusal(self.files.data, proposals)
        return self._refusals[proposals]


class HostProfile(Protocol):
    """The rules of one host."""

    name: str
    as_shipped: str
    """How this host behaves as MockForge ships it, whatever the plugin; empty where it works."""

    def not_compiled(self, files: Files) -> str:
        """Give what the host prints of a module that its engine does not take."""
        ...

    def judge_files(self, files: Files) -> Iterable[Objection]:
        """Give every rule that is broken before the module is opened."""
        ...

    def judge(self, candidate: Candidate) -> Iterable[Objection]:
        """Give every other rule that the plugin breaks, in the order in which the host comes upon them."""
        ...


_PROFILES: dict[str, HostProfile] = {}


def register(profile: HostProfile) -> None:
    """Make a profile known under its name."""
    _PROFILES[profile.name] = profile


def profile(name: str) -> HostProfile:
    """Give the profile of one of `opening.hosts()`."""
    if name in (added := current().hosts):
        return added[name]
    if name not in _PROFILES:
        import_module(f"pytest_mockforge.hosts.{'adapter' if name == 'any' else name}")
    return _PROFILES[name]
