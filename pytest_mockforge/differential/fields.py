"""A reply as plain fields that compare between languages, dialects and roads; and where two of them differ.

Pure. A field goes by the name that snapshots give it: `/claims/scope`, `/headers/location`, `/body/id`, `/rows/0/note`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import DataResult, Reply
from pytest_mockforge.contract.server_side import encode_reply
from pytest_mockforge.documents import pointers
from pytest_mockforge.snapshot.tree import Data, Digest, Fields, Node, Table, Text, document_of

_MEASURED = "execution_time_ms"
"""How long a query took is no answer to it."""
_LONGEST_REPLY = 700


def fields_of(reply: Reply, operation: Operation, *, dialects: Sequence[str]) -> object:
    """Give a reply as JSON of the host's fields: no more of it than each of the dialects can hold."""
    if "sdk" in dialects:
        # There and back again: what the published SDKs have no place for is lost on the way.
        reply = dialect_named("sdk").decode(operation, encode_reply("sdk", operation, reply)).reply
    fields = _plain(document_of(reply).node)
    if operation is Operation.QUERY_DATASOURCE and isinstance(fields, dict):
        fields.pop(_MEASURED, None)
    return fields


def ways_to(pointer: str, *replies: object) -> list[tuple[str, ...]]:
    """Give the segments of a pointer, and for a cell of a row also those that it has in the host's JSON."""
    parts = pointers.segments(pointer)
    ways = [parts]
    if len(parts) >= 3 and parts[0] == "rows":
        for reply in replies:
            names = [column.name for column in reply.columns] if isinstance(reply, DataResult) else []
            if parts[2] in names:
                ways.append(("rows", parts[1], "values", str(names.index(parts[2])), *parts[3:]))
    return ways


def written(fields: object) -> str:
    """Write a reply in one line, cut to what a person reads."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= _LONGEST_REPLY else f"{text[:_LONGEST_REPLY]}…"


def _plain(node: Node) -> object:
    match node:
        case Fields(members=members):
            return {name: _plain(member) for name, member in members.items()}
        case Table(rows=rows):
            return [dict(row) for row in rows]
        case Data(value=value):
            return value
        case Text(text=text):
            return text
        case Digest(size=size, sha256=digest, head=head):
            start = head[0][6:53].strip() if head else ""
            return f"{size:,} bytes, SHA-256 {digest[:16]}, {start}".removesuffix(", ")
