"""Small plugins for tests: modules as text that answer each request of an operation with one and the same reply."""

from __future__ import annotations

from pathlib import Path

ADMITTED = (
    '{"authenticated":true,"identity":{"user_id":"u-1","roles":["user"],"groups":[],"attributes":{}},'
    '"claims":{"calls":1},"metadata":{}}'
)
DENIED = '{"authenticated":false,"claims":{},"metadata":{},"error_message":"no"}'
ROWS = (
    '{"rows":[{"values":[1,"Zo"],"metadata":{}}],"columns":[{"name":"id","data_type":"Integer","nullable":false,'
    '"metadata":{}},{"name":"name","data_type":"Text","nullable":false,"metadata":{}}],"total_count":1,'
    '"execution_time_ms":3,"metadata":{}}'
)

_HEAD = """(module
  (memory (export "memory") 4)
  (func (export "alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "dealloc") (param i32 i32))
  (global $busy (mut i32) (i32.const 0))
  (global $spins (mut i32) (i32.const 0))
"""


def write_answering(path: Path, **replies: str | bytes) -> Path:
    """Write a `.wat` that exports each operation named, with its reply; `path` is the file to write."""
    text, address = _HEAD, 16
    for operation, reply in replies.items():
        placed, address, result = _placed(reply, address)
        text += f'{placed}  (func (export "{operation}") (param i32 i32) (result i32 i32) {result})\n'
    path.write_text(text + ")\n")
    return path


def write_spoilable(path: Path, reply: str, spoilt: str) -> Path:
    """Write a `.wat` whose `authenticate` answers otherwise once a call of it was cut short."""
    first, address, good = _placed(reply, 16)
    second, _, bad = _placed(spoilt, address)
    path.write_text(
        f"""{_HEAD}{first}{second}  (func (export "authenticate") (param i32 i32) (result i32 i32)
    (if (result i32 i32) (global.get $busy) (then {bad}) (else
      (global.set $busy (i32.const 1))
      (global.set $spins (i32.const 1000))
      (loop $again
        (global.set $spins (i32.sub (global.get $spins) (i32.const 1)))
        (br_if $again (global.get $spins)))
      (global.set $busy (i32.const 0))
      {good}))))
"""
    )
    return path


def _placed(reply: str | bytes, address: int) -> tuple[str, int, str]:
    """Give the data segment that holds a reply, the next free address, and the code for pointer and length."""
    data = reply.encode() if isinstance(reply, str) else reply
    escaped = "".join(f"\\{byte:02x}" for byte in data)
    result = f"(i32.const {address}) (i32.const {len(data)})"
    return f'  (data (i32.const {address}) "{escaped}")\n', address + len(data) + 16, result
