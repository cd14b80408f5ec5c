"""Small modules with one mistake each, for tests of the search: written as text around one operation's body."""

from __future__ import annotations

from pathlib import Path

from tests.answering import ADMITTED, DENIED

_MODULE = """(module
  (memory (export "memory") 4)
  (global $top (mut i32) (i32.const 65536))
  (global $state (mut i32) (i32.const 0))
  (func (export "alloc") (param $size i32) (result i32)
    (local $address i32)
    (local.set $address (i32.const 65536))
    (if (i32.gt_u (local.get $size) (i32.const 190000)) (then (unreachable)))
    (local.get $address))
  (func (export "dealloc") (param i32 i32))
  {data}
  (func $holds (param $at i32) (param $size i32) (param $byte i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (block $out (loop $next
      (br_if $out (i32.ge_u (local.get $at) (local.get $end)))
      (if (i32.eq (i32.load8_u (local.get $at)) (local.get $byte)) (then (return (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    (i32.const 0))
  (func (export "{operation}") (param $at i32) (param $size i32) (result i32 i32)
    {body}))
"""


def guest(path: Path, body: str, *, operation: str = "authenticate", replies: tuple[str, ...] = ()) -> Path:
    """Write a module; in `body`, `(;N;)` gives the Nth reply, and `$at` and `$size` tell where the request is.

    `$holds` tells whether a byte stands in a stretch of memory; `$state` is a global that calls share.
    """
    texts = replies or (DENIED, ADMITTED)
    data, address = "", 1024
    for number, text in enumerate(texts):
        escaped = "".join(f"\\{byte:02x}" for byte in text.encode())
        data += f'(data (i32.const {address}) "{escaped}")\n  '
        body = body.replace(f"(;{number};)", f"(i32.const {address}) (i32.const {len(text.encode())})")
        address += len(text.encode()) + 16
    path.write_text(_MODULE.format(data=data, operation=operation, body=body), "utf-8")
    return path


def holding(byte: str, then: str, otherwise: str = "(;0;)") -> str:
    """A body that does `then` where the request holds a byte."""
    test = f"(call $holds (local.get $at) (local.get $size) (i32.const {ord(byte)}))"
    return f"(if (result i32 i32) {test} (then {then}) (else {otherwise}))"
