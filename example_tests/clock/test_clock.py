"""A plugin that imports `clock::now`, which the conftest.py beside this file adds for the whole run."""

import pytest

# template_function answers with the last digit of the seconds.
MODULE = """
(module
  (import "clock" "now" (func $now (result i64)))
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "template_function") (param i32 i32) (result i32 i32)
    (i32.store8 (i32.const 0) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (call $now) (i64.const 10)))))
    (i32.const 0) (i32.const 1)))
"""


@pytest.fixture
def clock(mockforge_load, tmp_path):
    path = tmp_path / "clock.wat"
    path.write_text(MODULE)
    return mockforge_load(path)


def test_the_plugin_finds_what_the_package_gives(clock):
    assert clock.template_function("seconds") == 0
    assert [call.name for call in clock.last.asked] == ["now"]


def test_a_test_puts_its_own_in_place(clock, mockforge_host):
    mockforge_host.provide("clock", "now", lambda _memory: 7, results=["i64"])
    assert clock.template_function("seconds") == 7
