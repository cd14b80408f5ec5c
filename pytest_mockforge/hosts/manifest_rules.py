"""What `runtime` and `loader` demand of a manifest and of the folder around it (contract 3.1 steps 3 and 4, 3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_mockforge.contract.violations import Severity
from pytest_mockforge.documents.manifest import Manifest
from pytest_mockforge.documents.manifest_shapes import CAPABILITY_NAMES
from pytest_mockforge.documents.yaml12 import JsonValue
from pytest_mockforge.hosts.manifest_parsers import mapping, parser_e, read_by_a
from pytest_mockforge.hosts.messages import MANIFEST, SECURITY, VALIDATION
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.hosts.profile import Files

_DANGEROUS = ("raw_syscalls", "kernel_access", "direct_memory")
MEANINGFUL = {"network": "network:http", "filesystem:read": "filesystem:read", "filesystem:write": "filesystem:write"}
"""Capabilities by their normal name with the one spelling that MockForge's hosts know (7.2 A)."""
_SHAPE = "the shape of contract 7.2 A: info, capabilities, dependencies"


def loader_manifest_objections(files: Files) -> Iterator[Objection]:
    """The loader takes folders with a manifest of one shape, and exactly one module in them."""
    if files.bare:
        yield _objection(
            "folder",
            "the host takes folders, and a module was named",
            "a folder with plugin.yaml and one module",
            "a module" if files.folder is None else "a module; its folder is judged instead",
            "Plugin path must be a directory",
            "name the folder instead of the module",
            # The folder is there, and the host is asked about that one.
            severity="error" if files.folder is None else "note",
        )
    if files.folder is not None:
        yield from _folder_objections(files, files.folder)
    if files.manifest is None:
        return
    reason = parser_e(files.manifest.document)
    if reason is not None:
        parsed = read_by_a(files.manifest.document) is None
        yield _refused(files, reason, f"{VALIDATION}{reason}" if parsed else f"{MANIFEST}{reason}")
        return
    needed = mapping(files.manifest.document.value, "dependencies")
    if needed:
        yield _objection(
            "dependencies",
            f"{', '.join(needed)} must be loaded before this plugin",
            "other plugins that are loaded already",
            f"{len(needed)} in plugin.yaml",
            f"Plugin dependency error: Required dependency {next(iter(needed))} not found",
            severity="note",
        )


def _folder_objections(files: Files, folder: Path) -> Iterator[Objection]:
    names = [path.name for path in folder.iterdir()]
    count = sum(name.endswith(".wasm") for name in names)
    if "plugin.yaml" not in names:
        got = "plugin.yml" if "plugin.yml" in names else "none"
        message = "there is no plugin.yaml"
        yield _objection("missing", message, "plugin.yaml, by this very name", got, "plugin.yaml not found")
    elif files.manifest is None and files.manifest_error is not None:
        reason = files.manifest_error.message.partition("\n")[0]
        yield _refused(files, reason, f"{MANIFEST}…")
    if count != 1:
        said = f"{'Multiple WebAssembly files' if count else 'No WebAssembly file'} found in plugin directory"
        message = "the folder holds several modules" if count else "the folder holds no module"
        hint = "keep one built module beside the manifest"
        yield _objection("modules", message, "one *.wasm directly in the folder", f"{count} of them", said, hint)


def runtime_manifest_objections(files: Files) -> Iterator[Objection]:
    """The runtime is handed a manifest that parser A has read, and looks at its texts and capabilities."""
    manifest = files.manifest
    if manifest is None:
        error = files.manifest_error
        if error is None:
            message = "no manifest stands beside the module, so that its rules are not asked: the host is given one"
            yield _objection("missing", message, "plugin.yaml", "none", severity="note")
        else:
            yield _refused(files, error.message.partition("\n")[0], None)
        return
    reason = read_by_a(manifest.document)
    if reason is not None:
        yield _refused(files, reason, None)
        return
    yield from _capabilities(listed_capabilities(manifest))
    yield from _texts(mapping(manifest.document.value, "info"))


def listed_capabilities(manifest: Manifest | None) -> frozenset[str]:
    """The capabilities as the host sees them: spelled as in the list, or, where there is none, what they come to."""
    if manifest is None:
        return frozenset()
    value = manifest.document.value
    listed = value.get("capabilities") if isinstance(value, dict) else None
    if isinstance(listed, list):
        return frozenset(name for name in listed if isinstance(name, str))
    return frozenset(MEANINGFUL.get(name, name) for name in manifest.capabilities)


def _capabilities(declared: frozenset[str]) -> Iterator[Objection]:
    for name in sorted(declared):
        if name in _DANGEROUS:
            said = f"{SECURITY}Dangerous capability not allowed: {name}"
            message = f"the capability {name!r} is refused"
            yield _objection("capability", message, "a harmless capability", repr(name), said, "drop it")
        elif name == "network:http":
            said = f"{SECURITY}Plugin requires network access but runtime disallows it"
            message = "the host's default configuration has the network off"
            yield _objection("network", message, "no network:http", name, said, "drop it, or configure the host")
        elif name not in MEANINGFUL.values():
            meant = MEANINGFUL.get(CAPABILITY_NAMES.get(name.lower(), name))
            message = f"the capability {name!r} means nothing to the host"
            hint = f"write {meant}" if meant else None
            expected = ", ".join(MEANINGFUL.values())
            yield _objection(f"capability:{name}", message, expected, repr(name), hint=hint, severity="note")


def _texts(info: dict[str, JsonValue]) -> Iterator[Objection]:
    name, author = str(info["name"]), str(mapping(info["author"], "")["name"])
    if not all(char.isalnum() or char in "-_" for char in name):
        expected = "letters, digits, '-' and '_' alone, no spaces"
        message = "the name has characters that the host refuses"
        said = f"{SECURITY}Plugin name contains unsafe characters"
        yield _objection("name", message, expected, repr(name), said, "put '-' for each of the others")
    for key, text, least, most, said in (
        ("author's name", author, 1, 100, "Invalid author field in manifest"),
        ("id", str(info["id"]), 1, 100, "Invalid plugin ID format"),
        ("description", str(info["description"]), 0, 1000, "Plugin description too long"),
    ):
        size = len(text.encode())
        if not least <= size <= most:
            message = f"the {key} is too {'long' if size > most else 'short'}"
            expected, got = f"{least} to {most:,} bytes", f"{size:,} bytes"
            yield _objection(key.partition("'")[0], message, expected, got, f"{SECURITY}{said}")


def _refused(files: Files, reason: str, said: str | None) -> Objection:
    return _objection("refused", "the host's parser refuses plugin.yaml", _SHAPE, reason, said, files.mend("manifest"))


def _objection(
    detail: str,
    message: str,
    expected: str,
    got: str,
    said: str | None = None,
    hint: str | None = None,
    severity: Severity = "error",
) -> Objection:
    return Objection(
        rule="manifest",
        detail=f"manifest:{detail}",
        message=message,
        expected=expected,
        got=got,
        host_message=said,
        hint=hint,
        severity=severity,
    )
