"""What `acme.py` adds, as its users find it. In this folder:

python -m pytest -p acme --mockforge-plugin=queue://greeter --mockforge-host=acme-edge
"""

import pytest

# Imports what the extension provides; its producers section names the compiler. Any name is greeted with the seconds.
MODULE = """
(module
  (@producers (processed-by "moonc" "0.9"))
  (import "acme" "now" (func $now (result i64)))
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "template_function") (param i32 i32) (result i32 i32)
    (i32.store8 (i32.const 0) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (call $now) (i64.const 10)))))
    (i32.const 0) (i32.const 1)))
"""


@pytest.fixture
def module(mockforge_load, tmp_path):
    path = tmp_path / "seconds.wat"
    path.write_text(MODULE)
    return mockforge_load(path)


def test_a_plugin_behind_the_queue_is_called_in_our_dialect(mockforge_load):
    plugin = mockforge_load("queue://greeter")
    assert plugin.template_function("greet", "Ann")["greeting"] == "Hello, Ann"
    assert plugin.dialect == "acme"


def test_tickets_and_badges_are_left_out_of_snapshots(mockforge_load, mockforge_snapshot):
    assert mockforge_load("queue://greeter").template_function("greet", "Ann") == mockforge_snapshot


@pytest.mark.mockforge(host="acme-edge")
def test_a_module_finds_what_it_imports_and_its_language_is_known(module):
    assert module.template_function("seconds") == 0
    assert module.language == "moonbit"
