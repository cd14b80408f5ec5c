"""A module with dead functions in front of its own stays the same module: valid, and with the same answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import wasmtime

from pytest_mockforge.budgets.variants import Rewriting, layout_variants
from pytest_mockforge.runtimes.wasm.binary import MalformedError
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from tests.engines import quiet_config
from tests.reference_module import REFERENCE, Guest, read_cases, request_bytes, same

LANGUAGES = ("rust", "c", "assemblyscript", "tinygo")
COUNT = 6


@pytest.fixture(scope="module")
def engine() -> Iterator[wasmtime.Engine]:
    engine = wasmtime.Engine(quiet_config())
    yield engine
    engine.close()


def compiled(engine: wasmtime.Engine, data: bytes) -> wasmtime.Module:
    return wasmtime.Module(engine, data)


def assembled(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def called(engine: wasmtime.Engine, data: bytes, *arguments: int, name: str = "run") -> object:
    store = wasmtime.Store(engine)
    instance = wasmtime.Instance(store, compiled(engine, data), [])
    function = instance.exports(store)[name]
    assert isinstance(function, wasmtime.Func)
    return function(store, *arguments)


def moved(text: str, count: int = 3) -> bytes:
    return Rewriting(assembled(text)).moved(count)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_layout_of_a_reference_plugin_answers_every_case_as_written(
    language: str, engine: wasmtime.Engine
) -> None:
    data = (REFERENCE / language / "plugin.wasm").read_bytes()
    variants = layout_variants(data, COUNT)
    assert variants.reason == ""
    assert len(set(variants.modules)) == COUNT
    original, *others = [Guest(engine, compiled(engine, module)) for module in variants.modules]
    for case in read_cases():
        if case["outcome"] not in ("accepted", "refused") or case.get("reply") is None:
            continue
        request = request_bytes(case)
        wanted = original.answer(case["operation"], request)
        assert same(json.loads(wanted), case["reply"]) or "body_text" in case
        for guest in others:
            assert guest.answer(case["operation"], request) == wanted, case["name"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_layout_has_one_function_more_than_the_one_before(language: str) -> None:
    data = (REFERENCE / language / "plugin.wasm").read_bytes()
    functions = [inspect_module(module).functions for module in layout_variants(data, COUNT).modules]
    assert functions == list(range(functions[0], functions[0] + COUNT))


def test_a_go_module_of_two_megabytes_can_be_moved() -> None:
    data = (REFERENCE / "go" / "plugin.wasm").read_bytes()
    variants = layout_variants(data, 2)
    assert variants.reason == ""
    # Raises where it is not valid.
    wasmtime.Module.validate(wasmtime.Engine(quiet_config()), variants.modules[1])


def test_the_names_of_functions_move_along() -> None:
    data = (REFERENCE / "c" / "plugin.wasm").read_bytes()
    before = inspect_module(data).function_names
    after = inspect_module(Rewriting(data).moved(4)).function_names
    assert {index - 4: name for index, name in after.items()} == dict(before)


def test_imported_functions_keep_their_numbers(engine: wasmtime.Engine) -> None:
    data = moved(
        """(module (import "e" "seven" (func $seven (result i32)))
             (func $add (param i32) (result i32) (i32.add (local.get 0) (call $seven)))
             (func (export "run") (result i32) (call $add (i32.const 1))))"""
    )
    store = wasmtime.Store(engine)
    seven = wasmtime.Func(store, wasmtime.FuncType([], [wasmtime.ValType.i32()]), lambda: 7)
    run = wasmtime.Instance(store, compiled(engine, data), [seven]).exports(store)["run"]
    assert isinstance(run, wasmtime.Func)
    assert run(store) == 8


FORMS = {
    "a tail call": """
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32) (return_call $seven))""",
    "a table filled from elements": """
        (type $t (func (result i32))) (table 2 funcref) (elem (i32.const 1) func $seven)
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32) (call_indirect (type $t) (i32.const 1)))""",
    "elements that are expressions": """
        (type $t (func (result i32))) (table 2 funcref) (elem (i32.const 1) funcref (ref.func $seven))
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32) (call_indirect (type $t) (i32.const 1)))""",
    "passive elements": """
        (type $t (func (result i32))) (table 2 funcref) (elem $e func $seven)
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (table.init $e (i32.const 1) (i32.const 0) (i32.const 1)) (elem.drop $e)
          (call_indirect (type $t) (i32.const 1)))""",
    "a reference to a function": """
        (type $t (func (result i32))) (table 1 funcref) (elem declare func $seven)
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (table.set (i32.const 0) (ref.func $seven)) (call_indirect (type $t) (i32.const 0)))""",
    "a global that is a function": """
        (type $t (func (result i32))) (table 1 funcref) (global $g funcref (ref.func $seven))
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (table.set (i32.const 0) (global.get $g)) (call_indirect (type $t) (i32.const 0)))""",
    "a table whose elements begin as a function": """
        (type $t (func (result i32))) (table 1 1 (ref func) (ref.func $seven))
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32) (call_indirect (type $t) (i32.const 0)))""",
    "a table of any functions that begins as one": """
        (type $t (func (result i32))) (table 1 1 funcref (ref.func $seven))
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32) (call_indirect (type $t) (i32.const 0)))""",
    "a start function": """
        (global $g (mut i32) (i32.const 0)) (start $set)
        (func $set (global.set $g (i32.const 7)))
        (func (export "run") (result i32) (global.get $g))""",
    "a branch table and blocks": """
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (block $a (block $b (block $c (br_table $a $b $c (i32.const 1))) (return (i32.const 1)))
            (return (call $seven))) (i32.const 2))""",
    "vectors": """
        (memory 1)
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (drop (v128.load8_lane 3 (i32.const 0) (v128.const i32x4 16 18 210 16)))
          (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 16 18 10 11 12 13 14 15
            (v128.load32_zero (i32.const 0)) (i32x4.splat (i32.const 16))))
          (drop (i8x16.relaxed_swizzle (i32x4.splat (i32.const 1)) (i32x4.splat (i32.const 2))))
          (drop (i64x2.extract_lane 1 (i64x2.mul (i64x2.splat (i64.const 3)) (i64x2.splat (i64.const 3)))))
          (call $seven))""",
    "bulk memory and saturating conversions": """
        (memory 1) (data $d "abcd")
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4)) (data.drop $d)
          (memory.copy (i32.const 8) (i32.const 0) (i32.const 4))
          (memory.fill (i32.const 16) (i32.const 16) (i32.const 16))
          (drop (i32.trunc_sat_f64_s (f64.const 16.5))) (drop (i64.trunc_sat_f32_u (f32.const 1e9)))
          (drop (memory.grow (i32.const 1))) (call $seven))""",
    "constants full of opcodes": """
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (drop (i64.const 0x1010101010101010)) (drop (f64.const 1.6e-231)) (drop (f32.const 0x1.202020p-95))
          (drop (i32.const 0x10101010)) (call $seven))""",
    "an offset past two gigabytes and a second memory": """
        (memory $one 1) (memory $two 1)
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (if (i32.eqz (call $seven)) (then (drop (i32.load offset=0x90000000 (i32.const 0)))))
          (i32.store8 $two offset=16 (i32.const 0) (i32.const 1)) (call $seven))""",
    "atomics": """
        (memory 1 1 shared)
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (drop (i32.atomic.rmw.add offset=16 (i32.const 0) (i32.const 1))) (atomic.fence) (call $seven))""",
    "a select with a type": """
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (drop (select (result funcref) (ref.null func) (ref.null func) (i32.const 1))) (call $seven))""",
    "structs, arrays and casts": """
        (type $s (struct (field (mut i32)))) (type $a (array (mut i32)))
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32) (local $x (ref null $a))
          (local.set $x (array.new_fixed $a 2 (i32.const 16) (i32.const 18)))
          (array.set $a (local.get $x) (i32.const 1) (i32.const 16))
          (drop (ref.test (ref $s) (struct.new $s (i32.const 16))))
          (drop (block $b (result (ref null any)) (br_on_cast $b (ref null any) (ref $s) (struct.new_default $s))))
          (drop (i31.get_u (ref.i31 (i32.const 16)))) (drop (array.len (local.get $x))) (call $seven))""",
    "exceptions": """
        (tag $t (param i32))
        (func $seven (result i32) (i32.const 7))
        (func $raise (throw $t (call $seven)))
        (func (export "run") (result i32)
          (block $h (result i32) (try_table (catch $t $h) (call $raise)) (i32.const 1)))""",
    "calls of references": """
        (type $t (func (result i32))) (elem declare func $seven)
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32) (call_ref $t (ref.func $seven)))""",
    "blocks with types of their own": """
        (type $two (func (param i32) (result i32 i32)))
        (func $seven (result i32) (i32.const 7))
        (func (export "run") (result i32)
          (block (result i32 i32) (i32.const 1) (call $seven)) (drop) (drop)
          (i32.const 16) (block (type $two) (i32.const 1)) (drop) (drop) (call $seven))""",
}


@pytest.mark.parametrize("form", FORMS)
def test_functions_are_found_wherever_they_are_named(form: str, engine: wasmtime.Engine) -> None:
    text = f"(module {FORMS[form]})"
    if form == "atomics":
        config = quiet_config()
        config.shared_memory = True
        engine = wasmtime.Engine(config)
    try:
        assert called(engine, assembled(text)) == 7
    except wasmtime.WasmtimeError as error:
        pytest.skip(f"this version of wasmtime does not take it: {str(error).splitlines()[0]}")
    assert called(engine, moved(text)) == 7
    assert called(engine, moved(text, 200)) == 7


def test_a_number_that_needs_a_byte_more_gets_it(engine: wasmtime.Engine) -> None:
    functions = "".join(f"(func $f{number} (result i32) (i32.const {number}))" for number in range(126))
    text = f'(module {functions} (func (export "run") (result i32) (i32.sub (call $f125) (call $f1))))'
    for count in (1, 2, 3):
        assert called(engine, moved(text, count)) == 124


def test_a_module_with_code_that_is_not_known_here_is_measured_in_one_layout_and_says_why() -> None:
    data = bytearray(assembled("""(module (func (export "run") (nop) (nop) (nop)))"""))
    at = bytes(data).index(b"\x01\x01\x01\x0b")
    data[at] = 0xE5
    variants = layout_variants(bytes(data), 5)
    assert variants.modules == (bytes(data),)
    assert variants.reason == "the module holds what is not known here: the instruction e5 01 01 is not known here"


def test_hints_that_count_bytes_of_code_are_not_moved() -> None:
    data = assembled("(module (func))") + b"\x00\x1a\x19metadata.code.branch_hint"[:28]
    variants = layout_variants(data, 5)
    assert len(variants.modules) == 1
    assert "hints count bytes of the code" in variants.reason


@pytest.mark.parametrize("cut", range(20, 400, 7))
def test_a_damaged_module_is_left_as_it_is(cut: int) -> None:
    data = bytearray((REFERENCE / "c" / "plugin.wasm").read_bytes())
    data[cut * 31 % len(data)] ^= 0xFF
    assert layout_variants(bytes(data), 3).modules[0] == bytes(data)


def test_debug_sections_that_count_bytes_of_code_are_left_out() -> None:
    data = assembled("(module (func))") + b"\x00\x0c\x0b.debug_info"
    info = inspect_module(Rewriting(data).moved(1))
    assert [section.name for section in info.custom_sections] == []


def test_what_is_no_core_module_gives_the_reason() -> None:
    assert layout_variants(Path(__file__).read_bytes(), 3).reason == "the file is no WebAssembly module"


def test_a_rewriting_refuses_functions_without_bodies() -> None:
    data = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\x00"
    with pytest.raises(MalformedError, match="differ in number"):
        Rewriting(data)
