"""What `runtime` and `loader` demand of a manifest and of the folder around it (contract 3.1 step 4, 3.3)."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.documents.manifest import Manifest
from pytest_mockforge.documents.yaml12 import JsonValue
from pytest_mockforge.hosts.manifest_parsers import parser_a, parser_e
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.hosts.profile import Candidate

_DANGEROUS = ("raw_syscalls", "kernel_access", "direct_memory")


def loader_manifest_objections(candidate: Candidate) -> Iterator[Objection]:
    """The loader takes folders with a manifest of one shape, and exactly one module in them."""
    if candidate.folder is None:
        yield _objection(
            "folder",
            "a bare module is named, and the host takes folders",
            "a folder with plugin.yaml and one module",
            "a module",
            "Plugin path must be a directory",
            "name the folder instead of the module",
        )
    else:
        count = sum(path.suffix == ".wasm" for path in candidate.folder.iterdir())
        if count > 1:
            message = "Multiple WebAssembly files found in plugin directory"
            yield _objection("modules", "the folder holds several modules", "one *.wasm", f"{count} of them", message)
    if candidate.manifest is None:
        yield _objection("missing", "there is no manifest", "plugin.yaml", "none", "plugin.yaml not found")
        return
    reason = parser_e(candidate.manifest.document)
    if reason is not None:
        yield _refused(reason)


def runtime_manifest_objections(manifest: Manifest | None) -> Iterator[Objection]:
    """The runtime is handed a manifest that parser A has read, and looks at its texts."""
    if manifest is None:
        yield _objection("missing", "there is no manifest", "plugin.yaml", "none", None)
        return
    reason = parser_a(manifest.document)
    if reason is not None:
        yield _refused(reason)
        return
    document = manifest.document.value
    info = _mapping(document, "info")
    name, author = str(info["name"]), str(_mapping(info, "author")["name"])
    if not all(char.isalnum() or char in "-_" for char in name):
        expected = "letters, digits, '-' and '_' alone, no spaces"
        yield _objection("name", "the name has characters that the host refuses", expected, repr(name),
                         "Plugin name contains unsafe characters", "drop the spaces")  # fmt: skip
    listed = document["capabilities"] if isinstance(document, dict) else []
    for capability in listed if isinstance(listed, list) else []:
        if capability in _DANGEROUS:
            yield _objection("capability", f"the capability {capability!r} is refused", "a harmless capability",
                             repr(capability), f"Dangerous capability not allowed: {capability}")  # fmt: skip
        if capability == "network:http":
            yield _objection("network", "the host's default configuration has the network off", "no network:http",
                             "network:http", "Plugin requires network access but runtime disallows it")  # fmt: skip
    for key, text, least, most, message in (
        ("author", author, 1, 100, "Invalid author field in manifest"),
        ("id", str(info["id"]), 1, 100, "Invalid plugin ID format"),
        ("description", str(info["description"]), 0, 1000, "Plugin description too long"),
    ):
        if not least <= len(text.encode()) <= most:
            expected, got = f"{least} to {most} bytes", f"{len(text.encode())} bytes"
            yield _objection(key, f"the {key} is too short or too long", expected, got, message)


def _refused(reason: str) -> Objection:
    return _objection(
        "refused",
        "the host's parser refuses plugin.yaml",
        "the shape of contract 7.2 A: info, capabilities, dependencies",
        reason,
        f"Plugin manifest error: Failed to load manifest: {reason}",
        "give info{id, version{major, minor, patch}, name, description, author{name}}, capabilities, dependencies",
    )


def _objection(
    detail: str, message: str, expected: str, got: str, host: str | None, hint: str | None = None
) -> Objection:
    return Objection(
        rule="manifest",
        detail=f"manifest:{detail}",
        message=message,
        expected=expected,
        got=got,
        host_message=host,
        hint=hint,
    )


def _mapping(value: object, key: str) -> dict[str, JsonValue]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
