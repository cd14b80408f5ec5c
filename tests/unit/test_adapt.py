"""What `adapt` makes of modules of every shape, validated and run by wasmtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import pytest
import wasmtime

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AdaptError, GuestTrap, LoadFailure
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm.adapt import LARGEST_MODULE, Packing, adapt
from pytest_mockforge.runtimes.wasm.adapt_sections import signed, text, unsigned
from pytest_mockforge.runtimes.wasm.binary import MalformedError, Reader, sections
from pytest_mockforge.runtimes.wasm.conventions import read_border
from pytest_mockforge.runtimes.wasm.engine import CompiledModule, metered_engine
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo
from pytest_mockforge.runtimes.wasm.runtime import WasmRuntime
from tests.hostile_cases import wasm_bytes

FIXTURES = Path(__file__).parents[2] / "fixtures"
RUST = FIXTURES / "out-pointer" / "plugin.wasm"
AUTHENTICATE = Operation.AUTHENTICATE

MEMORY = '(memory (export "memory") 1) (data (i32.const 1024) "answer")'
ALLOC = '(func (export "alloc") (param i32) (result i32) (i32.const 2048))'
PACKED = '(func $op (export "authenticate") (param i32 i32) (result i64) (i64.const 0x400_0000_0006))'
OUT = """(func $op (export "authenticate") (param $out i32) (param i32 i32)
    (i32.store (local.get $out) (i32.const 1024))
    (i32.store offset=4 (local.get $out) (i32.const 6)))"""
#: Writes below its frame as a callee would, so that scratch memory that was not set aside is overwritten.
FRAMED = """(func $op (export "authenticate") (param $out i32) (param i32 i32) (local $frame i32)
    (local.set $frame (i32.const 0))
    (i32.store (local.get $out) (i32.const 1024))
    (i32.store offset=4 (local.get $out) (i32.const 6))
    (memory.fill (i32.sub (global.get $__stack_pointer) (i32.const 64)) (i32.const 255) (i32.const 64)))"""
STACK = "(global $__stack_pointer (mut i32) (i32.const 4096))"


def wat(*parts: str) -> bytes:
    return bytes(wasmtime.wat2wasm(f"(module {' '.join(parts)})"))


def custom(name: str, content: bytes) -> bytes:
    body = text(name) + content
    return b"\0" + unsigned(len(body)) + body


def valid(data: bytes) -> bool:
    try:
        wasmtime.Module.validate(wasmtime.Engine(), data)
    except wasmtime.WasmtimeError:
        return False
    return True


def bodies(data: bytes) -> dict[int, bytes]:
    return {section.id: data[section.start : section.end] for section in sections(memoryview(data)) if section.id}


@contextmanager
def opened(data: bytes) -> Iterator[WasmRuntime]:
    """The module in one instance that is kept, also after a trap, as MockForge keeps it."""
    info = inspect_module(data)
    module = CompiledModule(metered_engine(Limits().stack), info, data, read_border(info, "rust"), None)
    runtime = WasmRuntime(module, limits=Limits(), policy="kept")
    try:
        yield runtime
    finally:
        runtime.close()
        module.close()


def reply(data: bytes, request: bytes = b"request") -> bytes:
    """Call `authenticate` of a module in which it has two results, and give what it says."""
    info = inspect_module(data)
    assert read_border(info, "rust").operations[AUTHENTICATE] == "multi-value"
    with opened(data) as runtime:
        exchange = runtime.invoke(AUTHENTICATE, request)
    assert exchange.failure is None
    assert exchange.reply is not None
    return exchange.reply


def called_by_wasmtime(data: bytes, *imports: object) -> tuple[int, int]:
    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, data), list(imports))  # type: ignore[arg-type]
    function = instance.exports(store)["authenticate"]
    assert isinstance(function, wasmtime.Func)
    first, second = function(store, 0, 0)
    return first, second


def info_of(data: bytes) -> ModuleInfo:
    info = inspect_module(data)
    assert not info.problems
    return info


SHAPES = {
    "packed": (MEMORY, ALLOC, PACKED),
    "out-pointer-through-the-allocator": (MEMORY, ALLOC, OUT),
    "out-pointer-through-a-named-stack": (MEMORY, ALLOC, STACK, FRAMED),
    "out-pointer-through-an-exported-stack": (
        MEMORY, ALLOC, '(global $__stack_pointer (export "__stack_pointer") (mut i32) (i32.const 4096))', FRAMED,
    ),
    "the-type-is-there": ("(type (func (param i32 i32) (result i32 i32)))", MEMORY, ALLOC, PACKED),
    "the-type-is-there-in-a-group": (
        "(rec (type (func (param i32 i32) (result i32 i32))) (type (func)))", MEMORY, ALLOC, PACKED,
    ),
    "every-section": (
        MEMORY, ALLOC, PACKED, "(table 2 funcref) (elem (i32.const 0) $op $start) (tag (param i32))",
        "(func $start) (start $start) (global i32 (i32.const 1)) (data $passive \"later\")",
        "(func (data.drop $passive))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("parts", SHAPES.values(), ids=SHAPES.keys())
def test_a_wrapped_operation_gives_its_reply_as_two_results(parts: tuple[str, ...]) -> None:
    before = wat(*parts)
    if not valid(before):
        pytest.skip("a proposal that the module uses is off in this wasmtime")
    data = adapt(before).data
    assert valid(data)
    assert reply(data) == b"answer"


@pytest.mark.parametrize("parts", SHAPES.values(), ids=SHAPES.keys())
def test_all_but_five_sections_stay_byte_for_byte(parts: tuple[str, ...]) -> None:
    before = wat(*parts)
    old, new = bodies(before), bodies(adapt(before).data)
    assert old.keys() == new.keys()
    touched = {1, 3, 7, 10}
    assert {number: body for number, body in old.items() if number not in touched} == {
        number: body for number, body in new.items() if number not in touched
    }


def test_functions_keep_their_bodies_and_the_wrapper_goes_last() -> None:
    before = wat(*SHAPES["every-section"])
    old, new = bodies(before), bodies(adapt(before).data)
    assert new[10][1:].startswith(old[10][1:])
    assert new[3][1:].startswith(old[3][1:])
    assert new[10][0] == old[10][0] + 1


@pytest.mark.parametrize("parts", SHAPES.values(), ids=SHAPES.keys())
def test_adapting_twice_changes_nothing_the_second_time(parts: tuple[str, ...]) -> None:
    once = adapt(wat(*parts))
    twice = adapt(once.data)
    assert twice.data == once.data
    assert twice.wrapped == ()


@pytest.mark.parametrize("name", ["counts-calls", "no-operations", "no-memory", "two-memories", "unknown-imports"])
def test_a_module_with_nothing_to_wrap_comes_back_as_it_is(name: str) -> None:
    data = wasm_bytes(name)
    assert adapt(data).data == data


def test_the_original_stays_exported_under_another_name() -> None:
    adapted = adapt(wat(MEMORY, ALLOC, PACKED))
    assert [(one.export, one.was, one.original) for one in adapted.wrapped] == [
        ("authenticate", "packed-i64", "authenticate.packed")
    ]
    export = info_of(adapted.data).export("authenticate.packed")
    assert export is not None
    assert export.type_text == "function (i32, i32) -> (i64)"


def test_a_name_that_is_taken_is_numbered() -> None:
    taken = '(export "authenticate.packed" (memory 0)) (export "authenticate.packed.2" (memory 0))'
    adapted = adapt(wat(MEMORY, ALLOC, PACKED, taken))
    assert adapted.wrapped[0].original == "authenticate.packed.3"
    assert reply(adapted.data) == b"answer"


def test_several_operations_are_wrapped_in_one_go_and_good_ones_left_alone() -> None:
    good = '(func (export "query_datasource") (param i32 i32) (result i32 i32) (i32.const 1024) (i32.const 6))'
    out = OUT.replace("authenticate", "generate_response").replace("$op", "$other")
    adapted = adapt(wat(MEMORY, ALLOC, PACKED, out, good))
    assert [one.export for one in adapted.wrapped] == ["authenticate", "generate_response"]
    assert valid(adapted.data)
    info = info_of(adapted.data)
    assert read_border(info, "rust").convention == "multi-value"
    assert [info.function_names[index] for index in sorted(info.function_names)][-2:] == [
        "authenticate.adapted",
        "generate_response.adapted",
    ]


def test_one_function_under_two_names_gets_a_wrapper_for_each() -> None:
    adapted = adapt(wat(MEMORY, ALLOC, PACKED, '(export "template_function" (func $op))'))
    assert len(adapted.wrapped) == 2
    assert reply(adapted.data) == b"answer"


def test_an_imported_function_exported_again_is_wrapped() -> None:
    data = adapt(wat('(import "host" "op" (func $op (param i32 i32) (result i64)))', MEMORY, ALLOC,
                     '(export "authenticate" (func $op))')).data  # fmt: skip
    store = wasmtime.Store()
    kind = wasmtime.FuncType([wasmtime.ValType.i32()] * 2, [wasmtime.ValType.i64()])
    host = wasmtime.Func(store, kind, lambda address, length: address << 32 | length)
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, data), [host])
    function = instance.exports(store)["authenticate"]
    assert isinstance(function, wasmtime.Func)
    assert function(store, 1024, 6) == [1024, 6]


def test_sections_that_are_missing_are_put_where_they_belong() -> None:
    data = adapt(wat('(import "host" "op" (func $op (param i32 i32) (result i64)))', MEMORY,
                     '(export "authenticate" (func $op))')).data  # fmt: skip
    assert valid(data)
    assert [section.id for section in sections(memoryview(data)) if section.id] == [1, 2, 3, 5, 7, 10, 11]


@pytest.mark.parametrize(("packing", "said"), [("pointer-high", (1024, 6)), ("length-high", (6, 1024))])
def test_packing_tells_which_half_is_which(packing: Packing, said: tuple[int, int]) -> None:
    assert called_by_wasmtime(adapt(wat(MEMORY, ALLOC, PACKED), packing=packing).data) == said


def test_all_bits_of_both_halves_arrive() -> None:
    operation = PACKED.replace("0x400_0000_0006", "0xffff_fffe_8000_0001")
    assert called_by_wasmtime(adapt(wat(MEMORY, operation)).data) == (-2, -(2**31) + 1)


@pytest.mark.parametrize("name", ["packed-i64", "out-pointer"])
def test_a_hostile_module_that_adapt_mends_answers(name: str) -> None:
    data = adapt(wasm_bytes(name)).data
    assert valid(data)
    assert json.loads(reply(data)) == {"authenticated": False, "claims": {}, "metadata": {}}


def test_a_reply_packed_the_other_way_round_needs_to_be_told() -> None:
    assert json.loads(reply(adapt(wasm_bytes("packed-i64-low"), packing="length-high").data))["metadata"] == {}


def test_assemblyscript_answers_through_the_wrapper_as_it_does_directly() -> None:
    before = (FIXTURES / "reference" / "assemblyscript" / "plugin.wasm").read_bytes()
    adapted = adapt(before)
    assert len(adapted.wrapped) == 4
    assert valid(adapted.data)
    for operation in Operation:
        with opened(before) as direct, opened(adapted.data) as wrapped:
            assert direct.invoke(operation, b"{}").reply == wrapped.invoke(operation, b"{}").reply


def test_a_type_within_a_group_is_another_type_and_not_taken() -> None:
    before = wat(*SHAPES["the-type-is-there-in-a-group"])
    assert len(info_of(adapt(before).data).types) == len(info_of(before).types) + 1
    plain = wat(*SHAPES["the-type-is-there"])
    assert len(info_of(adapt(plain).data).types) == len(info_of(plain).types)


# The name section and the features.


def test_the_wrapper_is_named_behind_the_other_functions() -> None:
    info = info_of(adapt(wat(MEMORY, ALLOC, PACKED)).data)
    assert dict(info.function_names) == {1: "op", 2: "authenticate.adapted"}


def test_a_module_without_names_gets_none() -> None:
    info = info_of(adapt(wat(MEMORY, ALLOC, PACKED.replace("$op", ""))).data)
    assert info.name_section is None


def test_a_name_section_of_other_names_alone_gets_the_function_names_in_order() -> None:
    module_name, locals_of_functions = b"\0\x04" + text("mod"), b"\x02\x01\0"
    data = wat(MEMORY, ALLOC, PACKED.replace("$op", "")) + custom("name", module_name + locals_of_functions)
    info = info_of(adapt(data).data)
    assert dict(info.function_names) == {2: "authenticate.adapted"}
    assert bytes(info.name_section or b"").startswith(module_name + b"\x01")
    assert bytes(info.name_section or b"").endswith(locals_of_functions)


@pytest.mark.parametrize(
    "content", [b"\x01\xff\xff\x01", b"\x01\x04\x01\x02\x01x"], ids=["cut-off", "names-the-wrapper-already"]
)
def test_a_name_section_that_makes_no_sense_stays_as_it_is(content: bytes) -> None:
    broken = custom("name", content)
    data = wat(MEMORY, ALLOC, PACKED.replace("$op", "")) + broken
    assert adapt(data).data.endswith(broken)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\x01+" + text("simd128"), b"\x02+" + text("simd128") + b"+" + text("multivalue")),
        (b"\x01-" + text("multivalue"), b"\x01+" + text("multivalue")),
        (b"\x01+" + text("multivalue"), b"\x01+" + text("multivalue")),
        (b"\x09nonsense", b"\x09nonsense"),
    ],
    ids=["missing", "forbidden", "there", "broken"],
)
def test_the_list_of_features_names_multivalue(before: bytes, after: bytes) -> None:
    data = wat(MEMORY, ALLOC, PACKED) + custom("target_features", before)
    assert adapt(data).data.endswith(custom("target_features", after))


# Debug sections and source maps.


def many(count: int) -> bytes:
    """A module of so many functions."""
    return wat(MEMORY, ALLOC, PACKED, "(func)" * (count - 2))


@pytest.mark.parametrize("count", [126, 128, 200])
def test_debug_sections_stay_while_the_number_of_functions_takes_as_many_bytes(count: int) -> None:
    debug = custom(".debug_info", b"addresses")
    adapted = adapt(many(count) + debug)
    assert adapted.dropped == ()
    assert adapted.data.endswith(debug)


def test_debug_sections_go_with_a_word_when_every_address_moves() -> None:
    adapted = adapt(many(127) + custom(".debug_info", b"addresses") + custom(".debug_line", b"addresses"))
    assert adapted.dropped == (
        ".debug_info, .debug_line: the number of functions takes a byte more, which moves every address",
    )
    assert b".debug" not in adapted.data
    assert valid(adapted.data)


def test_a_number_of_functions_with_room_to_spare_moves_no_address() -> None:
    data = many(127)
    code = next(section for section in sections(memoryview(data)) if section.id == 10)
    body = b"\xff\x00" + data[code.start + 1 : code.end]
    padded = data[: code.header] + b"\x0a" + unsigned(len(body)) + body + data[code.end :]
    adapted = adapt(padded + custom(".debug_info", b"addresses"))
    assert valid(adapted.data)
    assert adapted.dropped == ()


def test_a_source_map_goes_with_a_word_as_the_code_moves_in_the_file() -> None:
    adapted = adapt(wat(MEMORY, ALLOC, PACKED) + custom("sourceMappingURL", text("plugin.wasm.map")))
    assert [word.partition(":")[0] for word in adapted.dropped] == ["sourceMappingURL"]
    assert b"sourceMappingURL" not in adapted.data


def test_a_dropped_section_that_told_mockforge_the_language_is_mentioned() -> None:
    adapted = adapt(wat(MEMORY, ALLOC, PACKED) + custom("sourceMappingURL", text("/home/me/tinygo/plugin.map")))
    assert adapted.dropped[-1] == "MockForge's detection takes the module for rust without them, not for tinygo"


# Memory for the results of an out-pointer function.


def test_real_rust_keeps_its_results_on_its_shadow_stack_although_it_has_no_names() -> None:
    adapted = adapt(RUST.read_bytes())
    assert [(one.was, one.scratch) for one in adapted.wrapped] == [("out-pointer", "shadow-stack")] * 2
    assert valid(adapted.data)
    with opened(adapted.data) as runtime:
        exchange = runtime.invoke(AUTHENTICATE, b'{"a":"b"}')
    assert json.loads(exchange.reply or b"") == {
        "authenticated": False, "claims": {"length": 9, "most": 4}, "metadata": {},
    }  # fmt: skip


def test_thousands_of_traps_do_not_use_up_the_stack_of_an_instance_that_is_kept() -> None:
    with opened(adapt(RUST.read_bytes()).data) as runtime:
        for _ in range(3000):
            failure = runtime.invoke(AUTHENTICATE, b"panic").failure
            assert isinstance(failure, GuestTrap)
            assert failure.code == "unreachable"
        assert runtime.invoke(AUTHENTICATE, b"fine").failure is None


def test_the_stack_pointer_is_where_it_was_after_a_call_when_the_module_imports_something() -> None:
    level = """(func (export "template_function") (param i32 i32) (result i32 i32)
        (global.get $__stack_pointer) (i32.const 0))"""
    imported = '(import "host" "nothing" (func))'
    data = adapt(wat(imported, MEMORY, ALLOC, STACK, FRAMED, level)).data
    store = wasmtime.Store()
    host = wasmtime.Func(store, wasmtime.FuncType([], []), lambda: None)
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, data), [host]).exports(store)
    operation, stack = exports["authenticate"], exports["template_function"]
    assert isinstance(operation, wasmtime.Func)
    assert isinstance(stack, wasmtime.Func)
    assert operation(store, 0, 0) == [1024, 6]
    assert stack(store, 0, 0) == [4096, 0]


def test_an_exported_stack_pointer_that_the_host_moved_stays_where_it_is() -> None:
    store = wasmtime.Store()
    data = adapt(wat(*SHAPES["out-pointer-through-an-exported-stack"])).data
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, data), []).exports(store)
    operation, pointer = exports["authenticate"], exports["__stack_pointer"]
    assert isinstance(operation, wasmtime.Func)
    assert isinstance(pointer, wasmtime.Global)
    pointer.set_value(store, 3072)
    assert operation(store, 0, 0) == [1024, 6]
    assert pointer.value(store) == 3072


@pytest.mark.parametrize("scratch", [STACK, ""], ids=["stack", "allocator"])
def test_a_call_within_a_call_keeps_both_results(scratch: str) -> None:
    heap = """(global $top (mut i32) (i32.const 8192))
        (func (export "alloc") (param i32) (result i32)
            (global.set $top (i32.add (global.get $top) (i32.const 16))) (global.get $top))"""
    operation = """(func (export "authenticate") (param $out i32) (param $depth i32) (param i32)
        (i32.store (local.get $out) (local.get $depth))
        (if (local.get $depth) (then (call $again (i32.sub (local.get $depth) (i32.const 1)))))
        (i32.store offset=4 (local.get $out) (i32.add (local.get $depth) (i32.const 100))))"""
    imported = '(import "host" "again" (func $again (param i32)))'
    data = adapt(wat(imported, '(memory (export "memory") 1)', scratch, heap, operation)).data
    seen: list[list[int]] = []

    def call(depth: int) -> None:
        function = exports["authenticate"]
        assert isinstance(function, wasmtime.Func)
        seen.append(list(function(store, depth, 0)))

    # A store that its own function holds is freed by nobody else, and at the end of Python by a crash.
    with wasmtime.Store() as store:
        host = wasmtime.Func(store, wasmtime.FuncType([wasmtime.ValType.i32()], []), call)
        exports = wasmtime.Instance(store, wasmtime.Module(store.engine, data), [host]).exports(store)
        call(3)
    assert seen == [[0, 100], [1, 101], [2, 102], [3, 103]]


def test_memory_of_the_allocator_is_given_back() -> None:
    counted = """(global $taken (mut i32) (i32.const 0))
        (func (export "alloc") (param i32) (result i32)
            (global.set $taken (i32.add (global.get $taken) (local.get 0))) (i32.const 2048))
        (func (export "dealloc") (param i32 i32)
            (global.set $taken (i32.sub (global.get $taken) (local.get 1))))
        (func (export "taken") (result i32) (global.get $taken))"""
    adapted = adapt(wat(MEMORY, counted, OUT))
    assert adapted.wrapped[0].scratch == "allocator"
    store = wasmtime.Store()
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, adapted.data), []).exports(store)
    operation, taken = exports["authenticate"], exports["taken"]
    assert isinstance(operation, wasmtime.Func)
    assert isinstance(taken, wasmtime.Func)
    assert operation(store, 0, 0) == [1024, 6]
    assert taken(store) == 0


def test_malloc_and_free_serve_as_well() -> None:
    heap = '(func (export "malloc") (param i32) (result i32) (i32.const 2048)) (func (export "free") (param i32))'
    assert called_by_wasmtime(adapt(wat(MEMORY, heap, OUT)).data) == (1024, 6)


def test_an_allocator_that_has_nothing_left_is_a_trap_and_not_a_write_to_address_0() -> None:
    empty = '(func (export "alloc") (param i32) (result i32) (i32.const 0))'
    with opened(adapt(wat(MEMORY, empty, OUT)).data) as runtime:
        failure = runtime.invoke(AUTHENTICATE, b"").failure
    assert isinstance(failure, GuestTrap)
    assert failure.code == "unreachable"


LOWERED = "(global.set $sp (local.tee 0 (i32.sub (global.get $sp) (i32.const 32))))"
RAISED = "(global.set $sp (i32.add (local.get 0) (i32.const 32)))"


@pytest.mark.parametrize(
    ("kind", "function", "scratch"),
    [
        ("(mut i32) (i32.const 4096)", LOWERED + RAISED, "shadow-stack"),
        ("(mut i32) (i32.const 0)", LOWERED + RAISED, "allocator"),
        ("(mut i32) (i32.const 65540)", LOWERED + RAISED, "allocator"),
        ("(mut i32) (i32.const 4096)", LOWERED, "allocator"),
        ("(mut i32) (i32.const 4096)", "nop" + LOWERED + RAISED, "allocator"),
        ("(mut i32) (i32.const 4096)", "nop", "allocator"),
    ],
    ids=["as-llvm", "starts-at-0", "starts-beyond-memory", "never-raised", "not-at-first", "never-used"],
)
def test_a_stack_is_used_only_where_functions_treat_it_as_one(kind: str, function: str, scratch: str) -> None:
    adapted = adapt(wat(MEMORY, ALLOC, f"(global $sp {kind}) (func (local i32) {function})", OUT))
    assert adapted.wrapped[0].scratch == scratch
    assert reply(adapted.data) == b"answer"


def test_two_globals_treated_as_a_stack_are_none() -> None:
    other = (LOWERED + RAISED).replace("$sp", "$two")
    two = "(global $sp (mut i32) (i32.const 4096)) (global $two (mut i32) (i32.const 8192))"
    functions = f"(func (local i32) {LOWERED + RAISED}) (func (local i32) {other})"
    assert adapt(wat(MEMORY, ALLOC, two, functions, OUT)).wrapped[0].scratch == "allocator"


# What is refused.


OTHER = '(func (export "authenticate") (param i32 i32 i32 i32) (result i32) (i32.const 0))'
REFUSED = {
    "another-type": (wat(MEMORY, OTHER), "authenticate is exported with a type that adapt cannot mend"),
    "a-global": (wat('(global (export "authenticate") i32 (i32.const 0))'), "cannot mend"),
    "no-memory": (wat(PACKED), "the module has no memory"),
    "memory64": (wat('(memory (export "memory") i64 1)', PACKED), "the module has a 64-bit memory"),
    "shared-memory": (wat('(memory (export "memory") 1 2 shared)', PACKED), "the module has a shared memory"),
    "imported-memory64": (wat('(import "a" "b" (memory i64 1))', PACKED), "the module has a 64-bit memory"),
    "relocatable": (wat(MEMORY, PACKED) + custom("linking", b"\x02"), "relocatable object"),
    "relocations": (wat(MEMORY, PACKED) + custom("reloc.CODE", b""), "relocatable object"),
    "no-scratch": (wat(MEMORY, OUT), "no memory that a wrapper may safely use"),
    "collected-memory": (
        wat(MEMORY, '(func (export "__new") (param i32 i32) (result i32) (i32.const 8))', OUT), "safely use",
    ),
    "several-memories": (wat(MEMORY, "(memory 1)", ALLOC, OUT), "several memories"),
    "half-of-it": (wat(MEMORY, PACKED, OTHER.replace("authenticate", "query_datasource")), "query_datasource"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_mended_is_refused_with_reason_and_hint(data: bytes, reason: str) -> None:
    with pytest.raises(AdaptError) as caught:
        adapt(data)
    assert reason in caught.value.message
    assert caught.value.hint


def test_where_a_wrapper_finds_no_memory_all_that_would_do_is_named() -> None:
    with pytest.raises(AdaptError) as caught:
        adapt(REFUSED["no-scratch"][0])
    for needed in ("__stack_pointer", "alloc(i32) -> (i32)", "malloc(i32) -> (i32)"):
        assert needed in str(caught.value.expected)
    assert caught.value.got == "none of them"


@pytest.mark.parametrize(
    "value", [0, 1, -1, 63, 64, -64, -65, 127, 128, -128, 8191, 8192, -8192, -8193, 2**31 - 1, -(2**31)]
)
def test_a_signed_number_is_written_as_short_as_it_can_be_read(value: int) -> None:
    written = signed(value)
    assert Reader(memoryview(written), 0, len(written)).signed(32) == value
    assert len(written) == max(1, (value if value >= 0 else ~value).bit_length() // 7 + 1)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_a_signed_number_just_beyond_its_bits_is_refused(value: int) -> None:
    written = signed(value)
    with pytest.raises(MalformedError, match="larger than 32 bits"):
        Reader(memoryview(written), 0, len(written)).signed(32)


def test_an_operation_exported_twice_is_refused() -> None:
    data = wat(MEMORY, ALLOC, PACKED.replace("authenticate", "authenticatf"), '(export "authenticate" (func $op))')
    with pytest.raises(AdaptError, match="authenticate is exported 2 times"):
        adapt(data.replace(b"authenticatf", b"authenticate"))


def test_functions_and_bodies_that_differ_in_number_are_refused() -> None:
    data = wat(MEMORY, ALLOC, PACKED)
    code = next(section for section in sections(memoryview(data)) if section.id == 10)
    with pytest.raises(AdaptError, match="differ in number"):
        adapt(data[: code.start] + b"\x01" + data[code.start + 1 :])


@pytest.mark.parametrize("name", ["component", "truncated", "empty", "text-in-wasm"])
def test_what_is_no_core_module_fails_as_it_does_elsewhere(name: str) -> None:
    with pytest.raises(LoadFailure):
        adapt(wasm_bytes(name))


def test_a_module_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(AdaptError, match="too large"):
        adapt(bytes(LARGEST_MODULE + 1))


@pytest.mark.parametrize("name", ["packed-i64", "out-pointer", "every-section"])
def test_of_flipped_bits_come_our_own_errors_and_nothing_that_is_worse_than_before(name: str) -> None:
    original = wat(*SHAPES[name]) if name in SHAPES else wasm_bytes(name)
    for place in range(len(original)):
        for mask in (0x01, 0x10, 0x80, 0xFF):
            mutated = bytearray(original)
            mutated[place] ^= mask
            data = bytes(mutated)
            try:
                adapted = adapt(data)
            except (AdaptError, LoadFailure):
                continue
            if valid(data):
                assert valid(adapted.data), (place, mask)
            assert adapt(adapted.data).data == adapted.data


def test_every_prefix_is_an_error_of_ours_or_a_module() -> None:
    original = wat(*SHAPES["every-section"])
    for length in range(len(original)):
        try:
            adapt(original[:length])
        except (AdaptError, LoadFailure):
            continue


def test_ten_thousand_functions_take_no_time_to_speak_of() -> None:
    called = "".join(f"(func $f{number} (result i32) (i32.const {number}))" for number in range(10_000))
    data = wat(MEMORY, ALLOC, called, OUT)
    started = process_time()
    adapted = adapt(data)
    assert process_time() - started < 3
    assert valid(adapted.data)
    assert inspect_module(adapted.data).function_names[10_002] == "authenticate.adapted"
