"""MockForge's manifest parsers (contract 7.2): would each accept this `plugin.yaml`, and if not, its first reason.

Each parser is a shape that is walked as serde walks it: fields in the order of the file, then what is missing in the
order of the declaration. Pure, over a document that was read already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_mockforge.documents.pointers import joined
from pytest_mockforge.documents.yaml12 import Document, JsonValue

_U32, _U64 = 2**32 - 1, 2**64 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ParserVerdict:
    """What one parser makes of a manifest."""

    parser: str
    """A to E, as contract 7.2 names them."""
    used_by: str
    reason: str | None
    """The first reason to refuse it; None when it is accepted."""


Fault = tuple[str, str]
"""JSON pointer and message."""
Shape = Callable[[JsonValue, str], Iterator[Fault]]


def _got(value: JsonValue) -> str:
    if value is None:
        return "unit value"
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{value}`"
    if isinstance(value, str):
        return f'string "{value[:60]}"'
    return "map" if isinstance(value, dict) else "sequence"


def _plain(kind: type, expected: str) -> Shape:
    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            yield pointer, f"invalid type: {_got(value)}, expected {expected}"

    return walk


def _unsigned(name: str, largest: int) -> Shape:
    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield pointer, f"invalid type: {_got(value)}, expected {name}"
        elif not 0 <= value <= largest:
            yield pointer, f"invalid value: {_got(value)}, expected {name}"

    return walk


def _float(value: JsonValue, pointer: str) -> Iterator[Fault]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield pointer, f"invalid type: {_got(value)}, expected f64"


def _any(_value: JsonValue, _pointer: str) -> Iterator[Fault]:
    return iter(())


def _optional(shape: Shape) -> Shape:
    return lambda value, pointer: iter(()) if value is None else shape(value, pointer)


def _list(shape: Shape) -> Shape:
    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield pointer, f"invalid type: {_got(value)}, expected a sequence"
            return
        for index, item in enumerate(value):
            yield from shape(item, joined(pointer, index))

    return walk


def _map(shape: Shape) -> Shape:
    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield pointer, f"invalid type: {_got(value)}, expected a map"
            return
        for key, item in value.items():
            yield from shape(item, joined(pointer, key))

    return walk


def _struct(name: str, required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield pointer, f"invalid type: {_got(value)}, expected struct {name}"
            return
        shapes = {**required, **{key: _optional(shape) for key, shape in (optional or {}).items()}}
        for key, item in value.items():
            if key in shapes:
                yield from shapes[key](item, joined(pointer, key))
        for key in required:
            if key not in value:
                yield pointer, f"missing field `{key}`"

    return walk


def _variant(*names: str) -> Shape:
    def walk(value: JsonValue, pointer: str) -> Iterator[Fault]:
        if value not in names:
            listed = ", ".join(f"`{name}`" for name in names)
            yield pointer, f"unknown variant `{value}`, expected one of {listed}"

    return walk


_text, _flag = _plain(str, "a string"), _plain(bool, "a boolean")
_u32, _u64 = _unsigned("u32", _U32), _unsigned("u64", _U64)
_texts = _list(_text)
_version = _struct(
    "PluginVersion", {"major": _u32, "minor": _u32, "patch": _u32}, {"pre_release": _text, "build": _text}
)

_PARSER_A = _struct(
    "PluginManifest",
    {
        "info": _struct(
            "PluginInfo",
            {
                "id": _text,
                "version": _version,
                "name": _text,
                "description": _text,
                "author": _struct("PluginAuthor", {"name": _text}, {"email": _text}),
            },
        ),
        "capabilities": _texts,
        "dependencies": _map(_version),
    },
)

_PARSER_B = _struct(
    "PluginManifest",
    {
        "manifest_version": _text,
        "plugin": _struct(
            "PluginInfo",
            {"id": _text, "name": _text, "version": _version, "types": _texts, "keywords": _texts},
            {
                "description": _text,
                "author": _struct("PluginAuthor", {"name": _text}, {"email": _text, "url": _text}),
                "homepage": _text,
                "repository": _text,
                "license": _text,
            },
        ),
        "capabilities": _struct(
            "PluginCapabilities",
            {
                "network": _struct(
                    "NetworkCapabilities", {"allow_http": _flag, "allowed_hosts": _texts, "max_connections": _u32}
                ),
                "filesystem": _struct(
                    "FilesystemCapabilities", {"read_paths": _texts, "write_paths": _texts, "allow_temp_files": _flag}
                ),
                "resources": _struct(
                    "ResourceLimits",
                    {
                        "max_memory_bytes": _u64,
                        "max_cpu_percent": _float,
                        "max_execution_time_ms": _u64,
                        "max_concurrent_executions": _u32,
                    },
                ),
                "custom": _map(_any),
            },
        ),
        "dependencies": _list(_struct("PluginDependency", {"id": _text, "version": _text, "optional": _flag})),
        "metadata": _map(_any),
    },
    {
        "config_schema": _struct(
            "ConfigSchema",
            {
                "version": _text,
                "properties": _map(
                    _struct("PropertySchema", {"type": _variant("string", "number", "boolean", "array", "object")})
                ),
                "required": _texts,
            },
        )
    },
)

_PARSER_C = _struct(
    "PluginManifest",
    {
        "name": _text,
        "version": _text,
        "description": _text,
        "author": _struct("AuthorInfo", {"name": _text}, {"email": _text, "url": _text}),
        "license": _text,
        "tags": _texts,
        "category": _variant(
            "auth", "template", "response", "datasource", "middleware", "testing", "observability", "other"
        ),
        "dependencies": _map(_text),
    },
    {"repository": _text, "homepage": _text, "min_mockforge_version": _text},
)


def verdicts(document: Document) -> tuple[ParserVerdict, ...]:
    """Ask every parser."""
    return (
        ParserVerdict(parser="A", used_by="loader, CLI and admin UI", reason=parser_a(document)),
        ParserVerdict(parser="B", used_by="manifest loader of the core", reason=_parser_b(document)),
        ParserVerdict(parser="C", used_by="registry", reason=_parser_c(document)),
        ParserVerdict(parser="D", used_by="mockforge-plugin validate", reason=_parser_d(document)),
        ParserVerdict(parser="E", used_by="mockforge plugin validate", reason=parser_e(document)),
    )


def parser_a(document: Document) -> str | None:
    """The parser that MockForge's loader uses."""
    reason = _first(document, _PARSER_A)
    if reason is not None:
        return reason
    info = _mapping(document.value, "info")
    empty = [name for name in ("id", "name") if info.get(name) == ""]
    return f"Plugin {empty[0]} cannot be empty" if empty else None


def parser_e(document: Document) -> str | None:
    """`mockforge plugin validate`: parser A, then the loader's own rules (contract 3.3)."""
    reason = parser_a(document)
    if reason is not None:
        return reason
    info = _mapping(document.value, "info")
    errors = []
    for name in _mapping(document.value, "dependencies"):
        if name == info.get("id"):
            errors.append("Plugin cannot depend on itself")
        elif not name or len(name.encode()) > 100 or any(part in name for part in ("..", "/", "\\")):
            errors.append(f"Invalid dependency ID: {name[:100]}")
    if not errors:
        return None
    return f"Manifest validation failed with {len(errors)} errors: {', '.join(errors)}"


def _parser_b(document: Document) -> str | None:
    reason = _first(document, _PARSER_B)
    if reason is not None:
        return reason
    value = document.value
    if _mapping(value, "")["manifest_version"] != "1.0":
        return 'the manifest_version is not "1.0"'
    plugin = _mapping(value, "plugin")
    if not str(plugin["name"]).strip():
        return "the plugin's name is blank"
    return None if plugin["types"] else "the plugin has no types"


def _parser_c(document: Document) -> str | None:
    reason = _first(document, _PARSER_C)
    if reason is not None:
        return reason
    value = _mapping(document.value, "")
    name, version, tags = str(value["name"]), str(value["version"]), value["tags"]
    if not 1 <= len(name) <= 50 or not all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in name):
        return "the name is not 1 to 50 of a-z, 0-9 and '-'"
    parts = version.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and int(part) <= _U32 for part in parts):
        return "the version is not three numbers"
    if not 1 <= len(str(value["description"]).encode()) <= 500:
        return "the description is not 1 to 500 bytes long"
    assert isinstance(tags, list)
    if len(tags) > 10 or any(len(str(tag).encode()) > 20 for tag in tags):
        return "there are more than 10 tags, or one of more than 20 bytes"
    if not value["license"] or not _mapping(value, "author")["name"]:
        return "the license or the author's name is empty"
    return None


def _parser_d(document: Document) -> str | None:
    value = _mapping(document.value, "")
    if not isinstance(value.get("id"), str):
        return "missing top-level id"
    for name in ("version", "plugin_type"):
        if name not in value:
            return f"missing top-level {name}"
    folder = Path(document.path).parent
    for needed in ("Cargo.toml", "src/lib.rs"):
        if not (folder / needed).is_file():
            return f"{needed} not found, which a plugin in another language than Rust never has"
    return None


def _first(document: Document, shape: Shape) -> str | None:
    for pointer, message in shape(document.value, ""):
        mark = document.mark(pointer)
        path = pointer.strip("/").replace("/", ".")
        return f"{f'{path}: ' if path else ''}{message} at line {mark.line} column {mark.column}"
    return None


def _mapping(value: JsonValue, key: str) -> dict[str, JsonValue]:
    found = value.get(key) if key and isinstance(value, dict) else value
    return found if isinstance(found, dict) else {}
