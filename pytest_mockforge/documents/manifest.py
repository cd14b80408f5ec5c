"""`plugin.yaml`, whatever its shape, as one frozen `Manifest`; and where a plugin's folder keeps manifest and module.

A wrong value is a problem of the manifest, not an error: what reads as YAML is always given. Knows nothing of hosts,
which judge a manifest by rules of their own, on `Manifest.document`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_mockforge.documents import manifest_limits as limits
from pytest_mockforge.documents import manifest_shapes as shapes
from pytest_mockforge.documents import yaml12
from pytest_mockforge.documents.files import shown
from pytest_mockforge.documents.manifest_facts import Facts
from pytest_mockforge.documents.wording import described, listed, quoted
from pytest_mockforge.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_mockforge.contract.operations import Operation
    from pytest_mockforge.documents.yaml12 import Document, JsonValue

MANIFEST_NAMES = ("plugin.yaml", "plugin.yml")
_ONE_MODULE = (
    "keep one built module beside the manifest, named plugin.wasm; --mockforge-plugin=FILE.wasm names any other"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestProblem:
    """A value of the wrong kind: where it stands and what is wrong with it."""

    pointer: str
    message: str
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """The `remote:` section (contract 7.5); None for what is absent or wrong."""

    protocol: str | None = None
    endpoint: str | None = None
    timeout_ms: int | None = None
    max_retries: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a manifest says. None, or empty, stands for what it does not say or says wrongly (see `problems`)."""

    path: Path
    shape: str
    """V1 to V9 of contract 7.1, or `unknown`."""
    id: str | None = None
    name: str | None = None
    version: str | None = None
    operations: frozenset[Operation] = frozenset()
    unknown_types: frozenset[str] = frozenset()
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Capabilities by their normal name, each with the spellings in which the manifest asks for it."""
    allowed_hosts: tuple[str, ...] = ()
    memory_bytes: int | None = None
    time_ms: int | None = None
    concurrency: int | None = None
    module: str | None = None
    config_schema: Mapping[str, JsonValue] | None = field(default=None, hash=False)
    remote: Remote | None = None
    language: str | None = None
    problems: tuple[ManifestProblem, ...] = ()
    document: Document = field(repr=False, compare=False)
    """The manifest as it stands, for rules that judge the YAML itself."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Normal names of what the plugin asks for: `network`, `filesystem:read`, `env:read` …"""
        return frozenset(self.spellings)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest of any shape of contract 7.1.

    Raises DocumentError where the YAML cannot be read or is no mapping; a wrong value is a problem in the result.
    """
    document = yaml12.load(path)
    if not isinstance(document.value, dict):
        hint = "begin with 'id: NAME', 'version: \"0.1.0\"', 'types: [auth]'"
        got = described(document.value)
        what = "a manifest of another kind"
        raise document.error("", what, cause="no-mapping", expected="a mapping", got=got, hint=hint)
    facts = Facts(document.value)
    head = next((place for place in ("/info", "/plugin") if facts.section(place)), "")
    operations, unknown_types = shapes.operations(facts)
    return Manifest(
        path=path,
        shape=shapes.shape_of(document.value),
        id=facts.text(f"{head}/id"),
        name=facts.text(f"{head}/name"),
        version=shapes.version(facts, f"{head}/version"),
        operations=operations,
        unknown_types=unknown_types,
        spellings=shapes.capabilities(facts),
        allowed_hosts=shapes.allowed_hosts(facts),
        memory_bytes=limits.memory_bytes(facts),
        time_ms=limits.time_ms(facts),
        concurrency=limits.concurrency(facts),
        module=shapes.module(facts),
        config_schema=_config_schema(facts),
        remote=_remote(facts),
        language=shapes.language(facts),
        problems=tuple(
            ManifestProblem(pointer=pointer, message=message, line=document.mark(pointer).line)
            for pointer, message in facts.problems.items()
        ),
        document=document,
    )


def _config_schema(facts: Facts) -> Mapping[str, JsonValue] | None:
    facts.section("/configuration")
    for pointer in ("/configuration/schema", "/config_schema", "/plugin/config_schema"):
        if facts.at(pointer) is not None:
            return facts.section(pointer) or None
    return None


def _remote(facts: Facts) -> Remote | None:
    place = next((pointer for pointer in ("/remote", "/plugin/remote") if facts.section(pointer)), None)
    if place is None:
        return None
    protocol = facts.text(f"{place}/protocol")
    if protocol is not None and protocol.strip().lower() not in ("http", "grpc"):
        facts.wrong(f"{place}/protocol", "http or grpc")
        protocol = None
    endpoint = facts.text(f"{place}/endpoint")
    if endpoint is not None and "://" not in endpoint:
        facts.wrong(f"{place}/endpoint", "a URL such as http://127.0.0.1:8080")
        endpoint = None
    timeout_ms, max_retries = limits.remote_numbers(facts, place)
    return Remote(
        protocol=protocol.strip().lower() if protocol else None,
        endpoint=endpoint.strip() if endpoint else None,
        timeout_ms=timeout_ms,
        max_retries=max_retries,
    )


def find_manifest(folder: Path) -> Path | None:
    """Find `plugin.yaml`, else `plugin.yml`, in a folder.

    Raises DocumentError where both stand there, or where there is no such folder.
    """
    names = _names_in(folder)
    found = [name for name in MANIFEST_NAMES if name in names]
    if len(found) > 1:
        hint = "keep plugin.yaml, which is the only one that MockForge's loader reads"
        what = f"{shown(folder)}: both plugin.yaml and plugin.yml stand here"
        raise DocumentError(what, cause="two-manifests", hint=hint)
    return folder / found[0] if found else None


def require_manifest(folder: Path) -> Path:
    """Find the manifest that a folder given as SPEC must hold.

    Raises DocumentError as `find_manifest` does, and where there is none.
    """
    if path := find_manifest(folder):
        return path
    modules = sorted(name for name in _names_in(folder) if name.endswith(".wasm"))
    example = folder / (modules[0] if modules else "x.wasm")
    hint = f"write one, or name a bare module: --mockforge-plugin={shown(example)}"
    raise DocumentError(f"no plugin.yaml in {shown(folder)}", cause="no-manifest", hint=hint)


def find_module(folder: Path, manifest: Manifest | None = None) -> Path:
    """Find the module of a plugin's folder: the one that the manifest names, else `plugin.wasm`, else the only
    `*.wasm` directly in it.

    Raises DocumentError where there is none, where several could be meant, and where the named one leaves the folder.
    """
    if manifest is not None and manifest.module is not None:
        return _named_module(folder, manifest, manifest.module)
    modules = sorted(name for name in _names_in(folder) if name.endswith(".wasm") and (folder / name).is_file())
    if "plugin.wasm" in modules:
        return folder / "plugin.wasm"
    if not modules:
        hint = "build the plugin first; " + _ONE_MODULE
        raise DocumentError(f"no .wasm file in {shown(folder)}", cause="none", hint=hint)
    if len(modules) > 1:
        shown_names = listed(quoted(name) for name in modules[:5]) + (", …" if len(modules) > 5 else "")
        what = f"{len(modules)} .wasm files in {shown(folder)}"
        expected = "one, or one named plugin.wasm"
        raise DocumentError(what, cause="several", expected=expected, got=shown_names, hint=_ONE_MODULE)
    return folder / modules[0]


def _named_module(folder: Path, manifest: Manifest, name: str) -> Path:
    place = f"{shown(manifest.path)}: the manifest names the module {quoted(name)}, which"
    inside = os.path.realpath(folder)
    # No path holds NUL, and realpath raises on it; a name without a file takes its place.
    named = os.path.realpath(folder / name.replace("\0", "?"))
    if os.path.commonpath([inside, named]) != inside:
        what, hint = f"{place} leaves the plugin's folder", "name a file inside the folder"
        raise DocumentError(what, cause="outside-the-folder", hint=hint)
    if not os.path.isfile(named):
        hint = "build the plugin first, or correct the name"
        raise DocumentError(f"{place} is no file here", cause="not-there", hint=hint)
    return folder / name


def _names_in(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = "name the folder that holds plugin.yaml"
        what = f"{shown(folder)}: is no folder that can be read: {reason}"
        raise DocumentError(what, cause="cannot-be-read", hint=hint) from None
