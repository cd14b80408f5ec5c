"""The parsers of replies, each with good data for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from fixtures.hostile.make import expanded, replies
from pytest_mockforge.contract.dialects import HostDialect, dialect_named
from pytest_mockforge.contract.go_sdk_dialect import GoSdkDialect
from pytest_mockforge.contract.operations import Operation
from tests.mutations import Seeds, Value
from tests.parsers.judging import Parser, json_seeds


def _host_reply(data: bytes, _folder: Path) -> None:
    for operation in Operation:
        decoded = HostDialect().decode(operation, data)
        assert decoded.ok or decoded.host_message is not None
        assert len(decoded.violations) < 2500
        json.dumps(decoded.value)


def _sdk_reply(data: bytes, _folder: Path) -> None:
    for dialect in (dialect_named("sdk"), GoSdkDialect()):
        for operation in Operation:
            dialect.decode(operation, data)
            dialect.refused(operation, data)


@cache
def _host_replies() -> Seeds:
    identity = {"user_id": "a", "username": None, "roles": ["b"], "groups": [], "attributes": {"c": [1.5, {}]}}
    auth = {"authenticated": True, "identity": identity, "claims": {"sub": "a"}, "metadata": {}, "error_message": None}
    response = {
        "status_code": 200, "headers": {"x-a": "b"}, "body": [104, 105], "content_type": "text/plain", "metadata": {},
        "cache_control": None, "custom": {"a": -1},
    }  # fmt: skip
    column = {"name": "a", "data_type": {"Custom": "b"}, "nullable": True, "description": None, "metadata": {}}
    rows = [{"values": [1, "b", None], "metadata": {}}, {"values": [], "metadata": {}}]
    table = {
        "rows": rows,
        "columns": [column, {**column, "data_type": "Text"}],
        "total_count": 2,
        "execution_time_ms": 1,
    }
    data = [{**table, "metadata": {}}, auth, response, ["ABC", 1e21, -0.0, 2**63, None]]
    made = [json.dumps(value).encode() for value in data]
    # Those of modules with a wrong reply, as they are written down.
    wrong = [text for row in replies().values() for text in _texts(row.reply)]
    return json_seeds(made, [expanded(text)[:3000] for text in wrong if text])


def _texts(reply: str | Mapping[str, str]) -> Sequence[str]:
    return [reply] if isinstance(reply, str) else [*reply.values()]


@cache
def _sdk_replies() -> Seeds:
    columns = [{"name": "a", "data_type": "text"}, {"name": "b", "data_type": "JSON"}]
    results: list[Value] = [
        {"authenticated": True, "user_id": "a", "claims": {"sub": "a"}},
        "ABC",
        {"status_code": 200, "headers": {"a": "b"}, "body": "aGk=", "content_type": "text/plain"},
        {"rows": [{"a": 1, "b": None}, {"a": 2, "b": {}}], "columns": columns},
    ]
    whole = [{"success": True, "result": result} for result in results]
    bare: list[Value] = [{"success": False, "error": "no"}, {"message": "no", "code": 3}]
    return json_seeds([json.dumps(value).encode() for value in (*whole, *results, *bare)])


PARSERS = (
    Parser(name="host reply", feed=_host_reply, seeds=_host_replies),
    Parser(name="sdk reply", feed=_sdk_reply, seeds=_sdk_replies),
)
