"""MockForge's manifest parsers (contract 7.2): would each accept this `plugin.yaml`, and if not, its first reason.

Each is a shape that is walked as serde walks it, and rules on values behind it. Pure, over a document that was read
already, but for parser D, which looks for two files beside the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_mockforge.documents.files import read_regular
from pytest_mockforge.documents.yaml12 import MAX_BYTES, Document, JsonValue
from pytest_mockforge.errors import DocumentError
from pytest_mockforge.hosts.serde_shapes import (
    U32,
    anything,
    first_fault,
    flag,
    mapping_of,
    number,
    sequence,
    struct,
    text,
    texts,
    u32,
    u64,
    variant,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ParserVerdict:
    """What one parser makes of a manifest."""

    parser: str
    """A to E, as contract 7.2 names them."""
    used_by: str
    reason: str | None
    """The first reason to refuse it, or all where the tool lists all; None when it is accepted."""
    warnings: tuple[str, ...] = ()


_VERSION = struct("PluginVersion", {"major": u32, "minor": u32, "patch": u32}, {"pre_release": text, "build": text})
_LINKS = {"homepage": text, "repository": text, "license": text}

_PARSER_A = struct(
    "PluginManifest",
    {
        "info": struct(
            "PluginInfo",
            {
                "id": text,
                "version": _VERSION,
                "name": text,
                "description": text,
                "author": struct("PluginAuthor", {"name": text}, {"email": text}),
            },
        ),
        "capabilities": texts,
        "dependencies": mapping_of(_VERSION),
    },
)

_CAPABILITIES_B = struct(
    "PluginCapabilities",
    {
        "network": struct("NetworkCapabilities", {"allow_http": flag, "allowed_hosts": texts, "max_connections": u32}),
        "filesystem": struct(
            "FilesystemCapabilities", {"read_paths": texts, "write_paths": texts, "allow_temp_files": flag}
        ),
        "resources": struct(
            "ResourceLimits",
            {
                "max_memory_bytes": u64,
                "max_cpu_percent": number,
                "max_execution_time_ms": u64,
                "max_concurrent_executions": u32,
            },
        ),
        "custom": mapping_of(anything),
    },
)

_PROPERTY_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
_PROPERTY = struct(
    "ConfigProperty",
    {"type": variant(*_PROPERTY_TYPES)},
    {
        "description": text,
        "default": anything,
        "validation": struct(
            "PropertyValidation",
            {},
            {
                "min": number,
                "max": number,
                "min_length": u64,
                "max_length": u64,
                "pattern": text,
                "enum_values": sequence(anything),
            },
        ),
        "deprecated": flag,
    },
)

_PARSER_B = struct(
    "PluginManifest",
    {
        "manifest_version": text,
        "plugin": struct(
            "PluginInfo",
            {"id": text, "name": text, "version": _VERSION, "types": texts, "keywords": texts},
            {
                "description": text,
                "author": struct("PluginAuthor", {"name": text}, {"email": text, "url": text}),
                **_LINKS,
            },
        ),
        "capabilities": _CAPABILITIES_B,
        "dependencies": sequence(struct("PluginDependency", {"id": text, "version": text, "optional": flag})),
        "metadata": mapping_of(anything),
    },
    {
        "config_schema": struct(
            "ConfigSchema", {"version": text, "properties": mapping_of(_PROPERTY), "required": texts}
        )
    },
)

_PARSER_C = struct(
    "PluginManifest",
    {
        "name": text,
        "version": text,
        "description": text,
        "author": struct("AuthorInfo", {"name": text}, {"email": text, "url": text}),
        "license": text,
        "tags": texts,
        "category": variant(
            "auth", "template", "response", "datasource", "middleware", "testing", "observability", "other"
        ),
        "dependencies": mapping_of(text),
    },
    {"repository": text, "homepage": text, "min_mockforge_version": text},
)


def verdicts(document: Document) -> tuple[ParserVerdict, ...]:
    """Ask every parser."""
    reason_d, warnings_d = _parser_d(document)
    return (
        ParserVerdict(parser="A", used_by="loader, CLI and admin UI", reason=parser_a(document)),
        ParserVerdict(parser="B", used_by="manifest loader of the core", reason=parser_b(document)),
        ParserVerdict(parser="C", used_by="registry", reason=parser_c(document)),
        ParserVerdict(parser="D", used_by="mockforge-plugin validate", reason=reason_d, warnings=warnings_d),
        ParserVerdict(parser="E", used_by="mockforge plugin validate", reason=parser_e(document)),
    )


def read_by_a(document: Document) -> str | None:
    """Why parser A cannot read the manifest, its rules on values left out; None when it can."""
    return first_fault(document, _PARSER_A)


def parser_a(document: Document) -> str | None:
    """The parser that MockForge's loader uses: its shape, and that id and name are not empty."""
    return read_by_a(document) or next(_empty(document), None)


def parser_e(document: Document) -> str | None:
    """`mockforge plugin validate`: parser A, then the loader's own rules (contract 3.3)."""
    reason = read_by_a(document)
    if reason is not None:
        return reason
    own = mapping(document.value, "info")["id"]
    errors = list(_empty(document))
    for name in mapping(document.value, "dependencies"):
        if name == own:
            errors.append(f"the dependency {name!r} is the plugin itself")
        elif not name:
            errors.append("a dependency has an empty id")
        elif len(name.encode()) > 100 or any(part in name for part in ("..", "/", "\\")):
            errors.append(f"the dependency id {name[:100]!r} is longer than 100 bytes or holds '..', '/' or '\\'")
    if not errors:
        return None
    return f"Manifest validation failed with {len(errors)} errors: {', '.join(errors)}"


def _empty(document: Document) -> Iterator[str]:
    info = mapping(document.value, "info")
    yield from (f"info.{name} is empty" for name in ("id", "name") if info[name] == "")


def parser_b(document: Document) -> str | None:
    """The core's manifest loader: its shape, then `validate()`."""
    reason = first_fault(document, _PARSER_B)
    if reason is not None:
        return reason
    value = mapping(document.value, "")
    if value["manifest_version"] != "1.0":
        return f"manifest_version is {value['manifest_version']!r}, not '1.0'"
    plugin = mapping(value, "plugin")
    if not str(plugin["name"]).strip():
        return "plugin.name is blank"
    if not plugin["types"]:
        return "plugin.types is empty"
    dependencies = value["dependencies"]
    assert isinstance(dependencies, list)
    for item in dependencies:
        if not str(mapping(item, "")["version"]).strip():
            return f"the dependency {mapping(item, '')['id']!r} has a blank version"
    schema = mapping(value, "config_schema") if value.get("config_schema") is not None else None
    return None if schema is None else next(_schema_faults(schema), None)


def _schema_faults(schema: dict[str, JsonValue]) -> Iterator[str]:
    if schema["version"] != "1.0":
        yield f"config_schema.version is {schema['version']!r}, not '1.0'"
    properties, required = mapping(schema, "properties"), schema["required"]
    for name in properties:
        wanted, default = mapping(properties, name)["type"], mapping(properties, name).get("default")
        kind = _PROPERTY_TYPES[str(wanted)]
        fits = isinstance(default, kind) and (wanted == "boolean" or not isinstance(default, bool))
        if default is not None and not fits:
            yield f"the default of {name!r} is no {wanted}"
    for needed in required if isinstance(required, list) else ():
        if needed not in properties:
            yield f"config_schema.required names {needed!r}, which is no property"


def parser_c(document: Document) -> str | None:
    """The registry's parser: its shape, then `validate_manifest`."""
    reason = first_fault(document, _PARSER_C)
    if reason is not None:
        return reason
    value = mapping(document.value, "")
    name, version, tags = str(value["name"]), str(value["version"]), value["tags"]
    if not 1 <= len(name) <= 50 or not all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in name):
        return "the name is not 1 to 50 of a-z, 0-9 and '-'"
    parts = version.split(".")
    if len(parts) != 3 or not all(map(_is_u32, parts)):
        return "the version is not three numbers"
    if not 1 <= len(str(value["description"]).encode()) <= 500:
        return "the description is not 1 to 500 bytes long"
    if not value["license"] or not mapping(value, "author")["name"]:
        return "the license or the author's name is empty"
    assert isinstance(tags, list)
    if len(tags) > 10 or any(len(str(tag).encode()) > 20 for tag in tags):
        return "there are more than 10 tags, or one of more than 20 bytes"
    return None


def _parser_d(document: Document) -> tuple[str | None, tuple[str, ...]]:
    """`mockforge-plugin validate`, which lists all it minds: top-level keys, and the files of a Rust crate."""
    value = mapping(document.value, "")
    missing = [name for name in ("id", "version", "plugin_type") if name not in value]
    errors = [f"missing at the top level: {', '.join(missing)}"] if missing else []
    if "id" in value and not isinstance(value["id"], str):
        errors.append("id is no text")
    folder = Path(document.path).parent
    absent = [needed for needed in ("Cargo.toml", "src/lib.rs") if not (folder / needed).is_file()]
    if absent:
        errors.append(f"not found: {', '.join(absent)}, without which no plugin passes, in whatever language")
    warnings = [f"no {name}" for name in ("name", "author") if name not in value]
    if "Cargo.toml" not in absent:
        crate = _crate(folder / "Cargo.toml")
        warnings += [f"no {word} in Cargo.toml" for word in ("cdylib", "mockforge-plugin-sdk") if word not in crate]
    return "; ".join(errors) or None, tuple(warnings)


def _is_u32(part: str) -> bool:
    # Python refuses to read numbers of thousands of digits, zeros in front among them.
    digits = part.lstrip("0") or part[:1]
    return part.isascii() and part.isdigit() and len(digits) <= 10 and int(digits) <= U32


def _crate(path: Path) -> str:
    try:
        return read_regular(path, max_bytes=MAX_BYTES).decode("utf-8", "replace")
    except DocumentError:
        return ""


def mapping(value: object, key: str) -> dict[str, JsonValue]:
    """Give the mapping under a key, or the value itself for no key; an empty one where there is none."""
    found = value.get(key) if key and isinstance(value, dict) else value
    return found if isinstance(found, dict) else {}
