"""What `inspect` knows of one file: the values behind its lines, and its JSON. Pure data.

Names and texts of the file stand as they are in it, control characters and all.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from pytest_mockforge.contract.violations import Severity
from pytest_mockforge.hosts.objections import Rule

SCHEMA: Final = "pytest-mockforge-inspect/1"
"""Names this model in JSON. A field that is added keeps the version, any other change raises it."""

Kind = Literal["module", "component", "unreadable"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a file is broken."""

    message: str
    step: str
    """`read` or `compile`."""
    detail: str
    """A stable word, as the pages of MF101, MF102, MF116 and MF117 list them."""
    expected: str | None
    got: str | None
    hint: str | None


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """What the file was built from, and each trace that says so."""

    name: str
    evidence: tuple[str, ...]


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """Which adapter MockForge would choose, and what that goes by (contract 2.4)."""

    adapter: str
    because: str


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """How the operations would be called."""

    convention: str
    operations: dict[str, str]
    """Those that can be called as the file is, each with its convention."""
    allocator: str | None
    release: str | None
    adapt: dict[str, str]
    """Those that `adapt` would wrap, each with its form as it is."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """One linear memory; sizes in bytes."""

    imported: str | None
    """`module::name` where it is imported."""
    minimum: int
    maximum: int | None
    shared: bool
    is64: bool


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """How many of what; sizes in bytes. A component has core modules alone."""

    modules: int = 0
    functions: int = 0
    types: int = 0
    tables: int = 0
    globals: int = 0
    start: int | None = None
    """The index of the function that runs at instantiation."""
    code: int = 0
    data_segments: int = 0
    data: int = 0


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One export; `type` is None where it cannot be told."""

    name: str
    kind: str
    type: str | None


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """One import; a component's has no `module`."""

    module: str | None
    name: str
    kind: str
    type: str | None


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One section: `offset` of its first byte in the file, `size` of its content in bytes."""

    name: str
    custom: str | None
    """The name that a custom section gives itself."""
    offset: int
    size: int


class HostObjection(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of a host that is broken."""

    rule: Rule
    detail: str
    severity: Severity
    refuses: bool
    """True when the host does not load the plugin for it."""
    message: str
    expected: str
    got: str
    says: str | None
    """What that host would print."""
    hint: str | None


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What one host would do."""

    host: str
    verdict: Literal["accepted", "not callable", "refused"]
    as_shipped: str
    """How that host behaves as MockForge ships it, whatever the plugin; empty where it works."""
    objections: tuple[HostObjection, ...]


class Parser(msgspec.Struct, frozen=True, kw_only=True):
    """What one of MockForge's parsers says of the manifest."""

    parser: str
    used_by: str
    accepts: bool
    reason: str | None
    warnings: tuple[str, ...]


class ManifestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest beside the file."""

    file: str | None
    shape: str | None
    """V1 to V9 of contract 7.1, or `unknown`."""
    problem: str | None
    """Why it cannot be read."""
    parsers: tuple[Parser, ...]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one file."""

    schema: str = SCHEMA
    file: str
    kind: Kind
    size: int
    sha256: str | None
    problem: Problem | None
    notes: tuple[str, ...]
    """What could not be read although the file may be valid, and what keeps a component from being called."""
    language: Language
    detection: Detection
    calls: Calls
    memories: tuple[Memory, ...]
    memory_exports: tuple[str, ...]
    contents: Contents
    producers: dict[str, tuple[tuple[str, str], ...]]
    exports: tuple[Export, ...]
    imports: tuple[Import, ...]
    sections: tuple[Section, ...]
    mockforge: str
    """The version of MockForge whose rules are stated."""
    hosts: tuple[Host, ...]
    manifest: ManifestFacts | None
