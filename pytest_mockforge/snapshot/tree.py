"""What a snapshot keeps of a reply: a tree of fields in which bodies are decoded and rows are a table.

Pure. Knows neither how a tree is written down nor what is redacted in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Final, TypeAlias

import msgspec

from pytest_mockforge.contract.json_text import Json, parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import AuthResponse, ColumnInfo, DataResult, ResponseData
from pytest_mockforge.errors import (
    AbiFailure,
    ContractFailure,
    GuestTrap,
    LoadFailure,
    PluginFailure,
    Refusal,
    RemoteFailure,
    SetupError,
)
from pytest_mockforge.observation import Observation

MOST_VALUES: Final = 50_000
"""Values of one field that are written out; of more, a digest is kept."""
MOST_CHARACTERS: Final = 1024 * 1024
"""Characters of one field, or bytes of a body of text, that are written out; of more, a digest is kept."""
_SHOWN_BYTES: Final = 64
_DEEPEST: Final = 200
_LONGEST_INTEGER: Final = 4096
_LARGEST_WHOLE: Final = 2**53
_JSON_TYPE = re.compile(r"(?:application|text)/(?:json|x-json)|[^/]+/[^/]+\+json")
_TEXT_TYPE = re.compile(
    r"text/[^/]+|[^/]+/[^/]+\+(?:xml|yaml)"
    r"|application/(?:xml|yaml|x-yaml|toml|javascript|ecmascript|graphql|sql|x-www-form-urlencoded|x-ndjson)"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """A JSON value."""

    value: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A body that is text."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """What is no text, or too much of it: its size, its digest and how it begins."""

    size: int
    sha256: str
    head: tuple[str, ...]

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """Take the digest of some bytes, and their first 64 as a hex dump."""
        return cls(size=len(data), sha256=sha256(data).hexdigest(), head=_hex_dump(data[:_SHOWN_BYTES]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows by the names of their columns; a cell that is not there is missing in its row."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Json], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fields:
    """Fields in a fixed order."""

    members: Mapping[str, Node]


Node: TypeAlias = "Data | Text | Digest | Table | Fields"


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One reply. `title` says what it is: an operation, `value` or `failure`."""

    title: str
    node: Node
    operation: Operation | None = None


def document_of(value: object) -> Document:
    """Give what a snapshot keeps of a reply, an Observation, a failure, bytes or a plain JSON value.

    Raises SetupError for anything else.
    """
    if isinstance(value, Observation):
        if value.failure is not None:
            return _failure(value.failure)
        # Of `call_raw` there is nothing but bytes.
        value = value.reply_bytes if value.decoded is None else value.reply
    match value:
        case AuthResponse():
            return _reply(Operation.AUTHENTICATE, {name: data(member) for name, member in _members(value).items()})
        case ResponseData():
            return _reply(Operation.GENERATE_RESPONSE, _response(value))
        case DataResult():
            return _reply(Operation.QUERY_DATASOURCE, _result(value))
        case PluginFailure():
            return _failure(value)
        case bytes():
            return Document(title="value", node=_body(value, ""))
        case _:
            return Document(title="value", node=data(value), operation=Operation.TEMPLATE_FUNCTION)


def data(value: object) -> Data | Digest:
    """Make a node of a plain value; of one that is too large, its digest."""
    plain = _Plain()
    try:
        kept = plain.value(value, 0)
        if plain.values <= MOST_VALUES and plain.characters <= MOST_CHARACTERS:
            return Data(value=kept)
        written = json.dumps(kept, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise _too_deep() from None
    return Digest.of(written.encode())


def _reply(operation: Operation, members: Mapping[str, Node]) -> Document:
    return Document(title=str(operation), node=Fields(members=members), operation=operation)


def _members(value: msgspec.Struct) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


# --- the operations ---------------------------------------------------------------------------------------------------


def _response(reply: ResponseData) -> dict[str, Node]:
    headers: dict[str, Json] = {}
    for name, value in sorted(reply.headers.items(), key=lambda header: (header[0].lower(), header)):
        known = headers.get(name.lower())
        # Two names that differ in letter case alone; a list tells them from one header with a comma in it.
        several: list[Json] = [*known, value] if isinstance(known, list) else [known, value]
        headers[name.lower()] = several if name.lower() in headers else value
    return {
        "status_code": data(reply.status_code),
        "content_type": data(reply.content_type),
        "cache_control": data(reply.cache_control),
        "headers": Fields(members={name: data(value) for name, value in headers.items()}),
        "body": _body(reply.body, reply.header("content-type") or ""),
        "metadata": data(reply.metadata),
        "custom": data(reply.custom),
    }


def _body(body: bytes, content_type: str) -> Node:
    """Decode a body as its content type says; what cannot be decoded so is text, and what is no text a digest."""
    kind, _, rest = content_type.partition(";")
    kind = kind.strip().lower()
    if len(body) > MOST_CHARACTERS:
        return Digest.of(body)
    if _JSON_TYPE.fullmatch(kind) or (not kind and body.lstrip()[:1] in (b"{", b"[")):
        parsed = parse(body)
        # A repeated key would be lost.
        if parsed.host_message is None and not parsed.violations:
            return data(parsed.value)
    elif kind and not _TEXT_TYPE.fullmatch(kind):
        return Digest.of(body)
    charset = re.search(r"""charset\s*=\s*["']?([^\s;"']+)""", rest, re.IGNORECASE)
    try:
        text = body.decode(charset[1] if charset else "utf-8")
    except (LookupError, ValueError):
        return Digest.of(body)
    if not kind and _CONTROLS.search(text):
        return Digest.of(body)
    return Text(text=text)


def _result(result: DataResult) -> dict[str, Node]:
    return {
        "total_count": data(result.total_count),
        "execution_time_ms": data(result.execution_time_ms),
        "rows": _rows(result),
        "columns": _columns(result.columns),
        "metadata": data(result.metadata),
    }


def _rows(result: DataResult) -> Node:
    widest = max((len(row.values) for row in result.rows), default=0)
    names: list[str] = []
    for column in result.columns:
        name, number = column.name, 2
        while name in names:
            name, number = f"{column.name} ({number})", number + 1
        names.append(name)
    names += [f"(column {number})" for number in range(len(names) + 1, widest + 1)]
    rows: list[dict[str, object]] = [dict(zip(names, row.values, strict=False)) for row in result.rows]
    if any(row.metadata for row in result.rows):
        names.append("(metadata)")
        for kept, row in zip(rows, result.rows, strict=True):
            kept["(metadata)"] = row.metadata
    return _table(tuple(names), rows)


def _columns(columns: tuple[ColumnInfo, ...]) -> Node:
    rows: list[dict[str, object]] = []
    for column in columns:
        row = _members(column)
        custom = row.pop("custom_type")
        if custom is not None:
            row["data_type"] = {column.data_type: custom}
        rows.append(row)
    return _table(("name", "data_type", "nullable", "description", "metadata"), rows)


def _table(columns: tuple[str, ...], rows: list[dict[str, object]]) -> Node:
    kept = data(rows)
    if isinstance(kept, Digest) or not isinstance(kept.value, list):
        return kept
    return Table(columns=columns, rows=tuple(row for row in kept.value if isinstance(row, dict)))


# --- failures ---------------------------------------------------------------------------------------------------------


def _failure(failure: PluginFailure) -> Document:
    """Keep what is the same in each language: how a refusal or a trap is worded is not."""
    kept: dict[str, Node] = {"kind": Data(value=type(failure).__name__)}
    match failure:
        case Refusal():
            kept["kind"] = Data(value="Refusal")
        case ContractFailure():
            columns = ("pointer", "kind", "expected", "got", "severity")
            rows = [{name: getattr(one, name) for name in columns} for one in failure.violations]
            kept["violations"] = _table(columns, [dict(row) for row in rows])
        case GuestTrap():
            kept["code"] = data(failure.code)
        case RemoteFailure():
            kept |= {"reason": data(failure.kind), "status": data(failure.status)}
        case LoadFailure():
            kept |= {"step": data(failure.step), "detail": data(failure.detail)}
        case AbiFailure():
            kept["detail"] = data(failure.detail)
        case _:
            kept["message"] = data(failure.message)
    return Document(title="failure", node=Fields(members=kept))


# --- plain values -----------------------------------------------------------------------------------------------------


class _Plain:
    """Copies a value as JSON, and counts what is in it."""

    def __init__(self) -> None:
        self.values = 0
        self.characters = 0

    def value(self, value: object, depth: int) -> Json:
        self.values += 1
        if depth > _DEEPEST:
            raise _too_deep()
        if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER:
            raise _no_json(f"an integer of {value.bit_length():,} bits")
        if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_WHOLE:
            # One number, which languages write as they can: 0 and 0.0.
            return int(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Enum):
            return self.value(value.value, depth)
        if isinstance(value, str):
            self.characters += len(value)
            return str(value)
        if isinstance(value, Mapping):
            return {self._key(key): self.value(member, depth + 1) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, depth + 1) for item in value]
        if isinstance(value, bytes):
            return {"bytes": len(value), "sha256": sha256(value).hexdigest()}
        if isinstance(value, msgspec.Struct):
            return self.value(_members(value), depth)
        raise _no_json(f"a value of type {type(value).__name__}")

    def _key(self, key: object) -> str:
        if not isinstance(key, str):
            raise _no_json(f"a key of type {type(key).__name__}")
        self.characters += len(key)
        return key


def _no_json(got: str) -> SetupError:
    return SetupError(
        "mockforge_snapshot: this cannot be written down",
        expected="a reply, an Observation, a PluginFailure, bytes, or what JSON can hold",
        got=got,
    )


def _too_deep() -> SetupError:
    return SetupError(
        "mockforge_snapshot: the value is nested too deeply, or contains itself",
        expected=f"at most {_DEEPEST} levels",
        hint="compare a part of it",
    )


def _hex_dump(data: bytes) -> tuple[str, ...]:
    lines = []
    for offset in range(0, len(data), 16):
        part = data[offset : offset + 16]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        lines.append(f"{offset:04x}  {part.hex(' '):<47}  |{shown}|")
    return tuple(lines)
