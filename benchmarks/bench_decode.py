"""What reading a reply costs: the host's rules beside `json.loads` and msgspec's typed decoder, in one run.

Run it with `python benchmarks/bench_decode.py`. The best of several rounds counts, and the ratios matter: absolute
figures drift with the machine.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from timeit import timeit

import msgspec

from pytest_mockforge.contract.decode import decode_reply
from pytest_mockforge.contract.json_text import dump, parse
from pytest_mockforge.contract.operations import Operation


class _Identity(msgspec.Struct, frozen=True):
    user_id: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    attributes: dict[str, object]
    username: str | None = None


class _Auth(msgspec.Struct, frozen=True):
    authenticated: bool
    claims: dict[str, object]
    metadata: dict[str, object]
    identity: _Identity | None = None
    error_message: str | None = None


class _Row(msgspec.Struct, frozen=True):
    values: tuple[object, ...]
    metadata: dict[str, object]


class _Column(msgspec.Struct, frozen=True):
    name: str
    data_type: str
    nullable: bool
    metadata: dict[str, object]
    description: str | None = None


class _Data(msgspec.Struct, frozen=True):
    rows: tuple[_Row, ...]
    columns: tuple[_Column, ...]
    execution_time_ms: int
    metadata: dict[str, object]
    total_count: int | None = None


_AUTH = (
    b'{"authenticated":true,"identity":{"user_id":"u-1","roles":["admin"],"groups":[],"attributes":{"tier":"gold"}},'
    b'"claims":{"sub":"u-1"},"metadata":{}}'
)
_ROWS = json.dumps(
    {
        "rows": [{"values": [number, "Alice", 9.5], "metadata": {}} for number in range(6)],
        "columns": [
            {"name": name, "data_type": "Text", "nullable": False, "metadata": {}} for name in ("id", "name", "score")
        ],
        "execution_time_ms": 3,
        "metadata": {},
    },
    separators=(",", ":"),
).encode()


def _microseconds(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Time the calls in turn, round by round, so that a slow spell of the machine meets all of them."""
    best = dict.fromkeys(calls, math.inf)
    for _ in range(30):
        for name, call in calls.items():
            best[name] = min(best[name], timeit(call, number=1000) * 1000)
    return best


def _compare(title: str, operation: Operation, payload: bytes, typed: Callable[[bytes], object]) -> None:
    value = parse(payload).value
    spaced = json.dumps(value).encode()
    calls: dict[str, Callable[[], object]] = {
        "json.loads": lambda: json.loads(payload),
        "msgspec, typed (none of the host's rules)": lambda: typed(payload),
        "parse: the host's JSON": lambda: parse(payload),
        "parse, with blanks after commas": lambda: parse(spaced),
        "decode_reply: the host's JSON and types": lambda: decode_reply(operation, payload),
        "json.dumps, sorted": lambda: json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
        "dump": lambda: dump(value),
    }
    costs = _microseconds(calls)
    lines = [f"{title}, {len(payload)} bytes"]
    for name, cost in costs.items():
        lines.append(f"  {name:<44}{cost:8.2f} µs   {cost / costs['json.loads']:5.2f} x json.loads")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    _compare("auth reply", Operation.AUTHENTICATE, _AUTH, msgspec.json.Decoder(_Auth).decode)
    _compare("six rows of three columns", Operation.QUERY_DATASOURCE, _ROWS, msgspec.json.Decoder(_Data).decode)
