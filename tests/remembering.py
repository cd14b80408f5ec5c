"""Small plugins for tests: modules as text whose `authenticate` works, remembers, and then answers otherwise."""

from __future__ import annotations

from tests.answering import ADMITTED, DENIED

# Answers with the first reply, and with the second where a condition holds; $seen and $size are there for it.
STATEFUL = """(module
  (memory (export "memory") 4 64)
  (func (export "alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "dealloc") (param i32 i32))
  (global $seen (mut i32) (i32.const 0))
  (data (i32.const 16) "%s")
  (data (i32.const 1024) "%s")
  (func (export "authenticate") (param $at i32) (param $size i32) (result i32 i32)
    (local $i i32) (local $j i32)
    %s
    (if (result i32 i32) %s
      (then (i32.const 1024) (i32.const %d)) (else (i32.const 16) (i32.const %d)))))
"""
SQUARE = """
    (loop $outer
      (local.set $j (local.get $size))
      (loop $inner
        (local.set $j (i32.sub (local.get $j) (i32.const 16)))
        (br_if $inner (i32.gt_s (local.get $j) (i32.const 0))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $outer (i32.lt_u (local.get $i) (local.get $size))))
"""
LINE = "(loop $again (local.set $i (i32.add (local.get $i) (i32.const 1)))" + (
    "(br_if $again (i32.lt_u (local.get $i) (local.get $size))))"
)
COUNTS = "(global.set $seen (i32.add (global.get $seen) (i32.const 1)))"
SPOILT_BY_LARGE = "(if (i32.gt_u (local.get $size) (i32.const 1000)) (then (global.set $seen (i32.const 1))))"


def stateful(*, first: str = DENIED, then: str = ADMITTED, work: str = "", when: str = "(i32.const 0)") -> str:
    quoted = [text.replace('"', '\\"') for text in (first, then)]
    return STATEFUL % (*quoted, work, when, len(then), len(first))
