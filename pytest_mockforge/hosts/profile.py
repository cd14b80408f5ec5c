"""What a host profile is: rules over one plugin's files, with the line on how that host behaves as shipped.

A new profile is one file beside this one that calls `register`, and its name in `opening.HOSTS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.manifest import Manifest
from pytest_mockforge.errors import LoadFailure, PluginFailure
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.runtimes.wasm.conventions import Adapter, Border
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo

VERSION = "0.3.213"
"""Of the MockForge whose behaviour all profiles state."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A plugin as a host meets it: a module that was read and compiled, and what lies around it."""

    data: bytes
    info: ModuleInfo
    border: Border
    adapter: Adapter
    failure: PluginFailure | None
    """What stopped it on the way to an instance, with imported functions as traps; None when nothing did."""
    declared: frozenset[Operation]
    """Operations that the author says the plugin has."""
    manifest: Manifest | None
    folder: Path | None
    """The plugin's folder when that is what was named; None for a bare module."""

    @property
    def unlinkable(self) -> bool:
        """True when an import is neither provided nor a function that could be a trap."""
        return isinstance(self.failure, LoadFailure) and self.failure.step == "link"


class HostProfile(Protocol):
    """The rules of one host."""

    name: str
    as_shipped: str
    """How this host behaves as MockForge ships it, whatever the plugin; empty where it works."""

    def judge(self, candidate: Candidate) -> Iterable[Objection]:
        """Give every rule that the plugin breaks, in the order in which the host comes upon them."""
        ...


_PROFILES: dict[str, HostProfile] = {}


def register(profile: HostProfile) -> None:
    """Make a profile known under its name."""
    _PROFILES[profile.name] = profile


def profile(name: str) -> HostProfile:
    """Give the profile of one of `opening.HOSTS`."""
    if name not in _PROFILES:
        import_module(f"pytest_mockforge.hosts.{'adapter' if name == 'any' else name}")
    return _PROFILES[name]
