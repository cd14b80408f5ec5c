"""Our reader tells what a module holds, and what a file is that holds no module."""

from __future__ import annotations

import time
import tracemalloc

import pytest
import wasmtime

from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.runtimes.wasm.inspection import (
    CustomSection,
    FuncType,
    MemoryType,
    ModuleInfo,
    TableType,
    inspect_module,
)
from tests.hostile_cases import Case, cases, wasm_bytes

PREAMBLE = b"\0asm\x01\0\0\0"
CUT = "copy or build the file again: it was cut off or damaged"
PRINTABLE = {"i32", "i64", "f32", "f64", "funcref"}
#: Every form that the type section can take, next to what a plugin exports.
MODERN = """
(module
  (type $pair (struct (field i32) (field (mut i8))))
  (rec (type $a (sub (struct (field (ref null $b))))) (type $b (sub $a (struct (field (ref null $b)) (field i32)))))
  (type $bytes (array (mut i16)))
  (type $handler (func (param (ref $pair) v128) (result (ref null func) externref)))
  (type $host (func (param i32 i32) (result i32 i32)))
  (import "env" "foo" (func (param i32)))
  (import "env" "m" (memory i64 1 2))
  (import "env" "t" (table 1 funcref))
  (import "env" "g" (global (mut f64)))
  (import "env" "tag" (tag (param i32)))
  (memory (export "memory") 1 2 shared)
  (tag $oops (export "oops") (param i64))
  (table (export "table") 3 5 (ref null func) (ref.null func))
  (table i64 3 externref)
  (global (export "limit") i32 (i32.add (i32.const 3) (i32.mul (i32.const -5) (i32.const 7))))
  (global (mut v128) (v128.const i64x2 1 2))
  (global (ref $pair) (struct.new $pair (i32.const 1) (i32.const 2)))
  (global (ref $bytes) (array.new_fixed $bytes 2 (i32.const 1) (i32.const 2)))
  (global (ref i31) (ref.i31 (i32.const 1)))
  (global (mut f64) (f64.const 1.5))
  (global (mut f32) (f32.const 1.5))
  (global (mut i64) (i64.const -9223372036854775808))
  (func $handle (export "handle") (type $handler) (unreachable))
  (func $authenticate (export "authenticate") (type $host) (unreachable))
  (func $begin)
  (start $begin)
  (elem func $handle)
  (data (memory 1) (i32.const 0) "hello")
  (data "passive"))
"""


def inspected(text: str) -> ModuleInfo:
    return inspect_module(bytes(wasmtime.wat2wasm(text)))


def leb(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def name(text: str) -> bytes:
    return leb(len(text.encode())) + text.encode()


def section(number: int, body: bytes) -> bytes:
    return bytes([number]) + leb(len(body)) + body


def failure(data: bytes) -> LoadFailure:
    with pytest.raises(LoadFailure) as caught:
        inspect_module(data)
    assert caught.value.step == "read"
    return caught.value


def malformed(data: bytes) -> str:
    error = failure(data)
    assert error.hint == CUT
    return error.message


# What is no module


@pytest.mark.parametrize(
    ("data", "first_line", "hint"),
    [
        (b"", "the file is empty", "build the plugin again"),
        (b"\0asm\x01", "the file ends after 5 bytes, within the 8 that every module begins with", "cut off"),
        (b"abc", "the file holds 3 bytes, too few for a WebAssembly module", "wasm32 target"),
        (b"(module)", "the file holds WebAssembly text, not a binary WebAssembly module", "name the file .wat"),
        (b"\xef\xbb\xbf ;; c\n (; d ;) (module)", "the file holds WebAssembly text, not", "name the file .wat"),
        (b"\x7fELF\2\1\1\0", "the file holds an ELF file, not a binary WebAssembly module", "wasm32 target"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "the file holds gzip data, not a binary WebAssembly module", "gunzip"),
        (b"PK\x03\x04\0\0\0\0", "the file holds a zip archive, not a binary WebAssembly module", "inside"),
        (b"\n<!doctype html>", "the file holds HTML or XML, not a binary WebAssembly module", "download the module"),
        (b'{"error":"gone"}', "the file holds JSON, not a binary WebAssembly module", "manifest"),
        (b"version https://git-lfs.example", "the file holds a Git LFS pointer, not", "git lfs pull"),
        (b"!<arch>\nfoo.o", "the file holds a static library, not", "cdylib"),
        (b"BC\xc0\xde\0\0\0\0", "the file holds LLVM bitcode, not", "wasm-ld"),
        (b"MZ\x90\0\0\0\0\0", "the file holds a Windows executable, not", "wasm32 target"),
        (b"\xca\xfe\xba\xbe\0\0\0\0", "the file holds a Mach-O file, not", "wasm32 target"),
        (b"12345678", "the file is no WebAssembly module", "wasm32 target"),
        (b"\0asm\x0d\0\x01\0", "the file is a component, not a core module", "without wit-component"),
        (b"\0asm\x02\0\0\0", "the module has an unknown version: 02 00 00 00", "version 1"),
    ],
)
def test_a_file_that_is_no_core_module_is_named_for_what_it_is(data: bytes, first_line: str, hint: str) -> None:
    error = failure(data)
    assert error.message.splitlines()[0].startswith(first_line)
    assert hint in str(error.hint)


def test_a_file_that_ends_within_the_first_eight_bytes_is_to_be_copied_again() -> None:
    assert failure(b"\0asm\x01").hint == "copy or build the file again: it was cut off"


def test_the_bytes_at_the_start_are_shown_beside_those_expected() -> None:
    assert str(failure(b"12345678")).splitlines()[1:3] == [
        "  expected: 00 61 73 6d at the start",
        "  got: 31 32 33 34",
    ]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_hostile_module_is_refused_by_the_reader_only_where_the_index_says_so(case: Case) -> None:
    try:
        inspect_module(wasm_bytes(case.name))
    except LoadFailure as error:
        assert (case.load, error.step) == ("read", "read")  # noqa: PT017  the step is what the index tells
    else:
        assert case.load != "read"


# What is damaged


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x07\x05\x01\x01a", "byte 8: the export section (id 7) claims 5 bytes where 3 are left"),
        (b"\x07\x80", "byte 10: the size of the export section (id 7) cannot be read"),
        (b"\x63\x05", "byte 8: section 99 claims 5 bytes where 0 are left"),
        (section(7, leb(0xFFFFFFFF) + b"\x01a\0"), "the export section (id 7) claims 4,294,967,295 entries in 3 bytes"),
        (section(1, leb(5) + b"\x60\0\0"), "byte 10: the type section (id 1) claims 5 entries in 3 bytes"),
        (section(3, leb(2) + b"\0\x80"), "byte 13: the function section (id 3) ends inside an entry"),
        (section(7, b"\x80\x80\x80\x80\x80\0"), "the export section (id 7) holds a number longer than 32 bits"),
        (section(7, b"\x80\x80\x80\x80\x10"), "the export section (id 7) holds a number larger than 32 bits"),
        (section(7, b"\x01\x02a\xff\x02\0"), "byte 13: the export section (id 7) holds a name that is not UTF-8"),
        (section(7, b"\x01\x64a\x02\0"), "byte 12: the export section (id 7) claims 100 bytes where 3 are left"),
        (section(8, b"\0\0\0"), "byte 11: the start section (id 8) has 2 bytes left after its last entry"),
        (section(3, b"\0") * 2, "byte 11: the function section (id 3) stands twice"),
        (section(0, b"\x05ab"), "the custom section (id 0) claims 5 bytes where 2 are left"),
        (section(0, b"\x01\xff"), "the custom section (id 0) holds a name that is not UTF-8"),
        (section(10, leb(9)), "the code section (id 10) claims 9 entries in 0 bytes"),
        (section(11, b"\x01\0\x41\0\x0b\x7fab"), "the data section (id 11) claims 127 bytes where 2 are left"),
        (section(6, b"\x01\x7f\0\x41" + b"\xff" * 5 + b"\x0b"), "(id 6) holds a number longer than 32 bits"),
        (section(6, b"\x01\x7f\0\x41\xff\xff\xff\xff\x3f\x0b"), "(id 6) holds a number larger than 32 bits"),
        (section(5, b"\x01\x08\x01\x30"), "the memory section (id 5) claims pages of 2^48 bytes"),
        (section(0, b"\0") * 100_001, "the file holds more than 100,000 sections"),
    ],
)
def test_damage_is_reported_with_section_and_byte(data: bytes, message: str) -> None:
    first_line = malformed(PREAMBLE + data)
    assert first_line.startswith("the module is malformed at byte ")
    assert message in first_line


def test_more_entries_than_an_engine_accepts_are_refused_before_they_are_read() -> None:
    assert "more than the 1,000,000 that engines accept" in malformed(
        PREAMBLE + section(3, leb(1_000_001) + bytes(1_000_001))
    )


def test_every_module_cut_short_is_read_or_refused_without_another_error() -> None:
    whole = bytes(wasmtime.wat2wasm(MODERN))
    for size in range(len(whole)):
        try:
            inspect_module(whole[:size])
        except LoadFailure as error:
            assert error.step == "read"  # noqa: PT017  any other exception fails the test


def test_every_module_with_one_byte_changed_is_read_or_refused_without_another_error() -> None:
    whole = bytes(wasmtime.wat2wasm(MODERN))
    for position in range(8, len(whole)):
        for value in (0x00, 0x7F, 0x80, 0xFF, whole[position] ^ 1, whole[position] ^ 0x40):
            changed = whole[:position] + bytes([value]) + whole[position + 1 :]
            try:
                info = inspect_module(changed)
            except LoadFailure as error:
                assert error.step == "read"  # noqa: PT017  any other exception fails the test
            else:
                assert info.problems is not None


def test_what_the_engine_accepts_after_one_changed_byte_has_the_signatures_that_the_engine_sees() -> None:
    engine = wasmtime.Engine()
    whole = bytes(wasmtime.wat2wasm('(module (func (export "f") (param i32) (result i64) unreachable))'))
    for position in range(8, len(whole)):
        for value in range(256):
            changed = whole[:position] + bytes([value]) + whole[position + 1 :]
            try:
                module = wasmtime.Module(engine, changed)
            except wasmtime.WasmtimeError:
                continue
            ours = [export.signature for export in inspect_module(changed).exports if export.kind == "function"]
            # wasmtime-py 50 aborts the process when asked to print v128 or a type of the GC proposal.
            if any(kind is None or not PRINTABLE.issuperset(kind.params + kind.results) for kind in ours):
                continue
            kinds = [export.type for export in module.exports if isinstance(export.type, wasmtime.FuncType)]
            seen = [(tuple(map(str, kind.params)), tuple(map(str, kind.results))) for kind in kinds]
            assert [(kind.params, kind.results) for kind in ours if kind] == seen


# What a module holds


def test_an_export_has_the_signature_that_its_type_gives_it() -> None:
    info = inspected(MODERN)
    export = info.export("authenticate")
    assert export is not None
    assert export.signature == FuncType(params=("i32", "i32"), results=("i32", "i32"))
    assert str(export.signature) == "(i32, i32) -> (i32, i32)"


def test_a_signature_without_parameters_and_results_prints_its_parentheses() -> None:
    assert str(FuncType()) == "() -> ()"


def test_exports_of_every_kind_print_their_type() -> None:
    assert {export.name: export.type_text for export in inspected(MODERN).exports} == {
        "memory": "memory 1..2 pages shared",
        "oops": "tag",
        "table": "table 3..5 funcref",
        "limit": "global i32",
        "handle": "function ((ref 0), v128) -> (funcref, externref)",
        "authenticate": "function (i32, i32) -> (i32, i32)",
    }


def test_imports_of_every_kind_print_their_type() -> None:
    assert [(found.module, found.name, found.type_text) for found in inspected(MODERN).imports] == [
        ("env", "foo", "function (i32) -> ()"),
        ("env", "m", "memory 1..2 pages 64-bit"),
        ("env", "t", "table 1.. funcref"),
        ("env", "g", "global mut f64"),
        ("env", "tag", "tag"),
    ]


def test_an_imported_memory_stands_before_a_defined_one_where_exports_count() -> None:
    info = inspected('(module (import "a" "b" (memory 7)) (memory 1) (export "x" (memory 0)) (export "y" (memory 1)))')
    assert [export.memory and export.memory.minimum for export in info.exports] == [7, 1]


def test_only_what_the_module_defines_itself_is_counted() -> None:
    info = inspected(MODERN)
    assert (info.functions, info.globals, len(info.memories), len(info.tables)) == (3, 8, 1, 2)


def test_the_start_function_is_told_by_its_index() -> None:
    assert inspected(MODERN).start == 3


def test_a_module_without_start_function_has_none() -> None:
    assert inspected("(module)").start is None


def test_tables_are_told_with_element_and_limits() -> None:
    assert inspected(MODERN).tables == (
        TableType(element="funcref", minimum=3, maximum=5),
        TableType(element="externref", minimum=3, is64=True),
    )


def test_a_memory_of_two_gigabytes_is_told_in_bytes() -> None:
    (memory,) = inspected("(module (memory 32768))").memories
    assert memory.minimum_bytes == 2 << 30


def test_a_memory_with_pages_of_one_byte_is_told_as_such() -> None:
    info = inspect_module(PREAMBLE + section(5, b"\x01\x08\x64\x00"))
    assert info.memories == (MemoryType(minimum=100, page_size=1),)
    assert str(info.memories[0]) == "100.. pages of 1 bytes"


def test_data_is_counted_in_segments_and_bytes() -> None:
    info = inspected(MODERN)
    assert (info.data_segments, info.data_size) == (2, 12)


def test_types_that_are_no_functions_keep_their_place() -> None:
    assert [kind is not None for kind in inspected(MODERN).types[:6]] == [False, False, False, False, True, True]


def test_custom_sections_are_told_with_the_size_of_their_content() -> None:
    info = inspect_module(PREAMBLE + section(0, name("build") + b"12345"))
    assert info.custom_sections == (CustomSection(name="build", size=5),)


def test_a_modern_module_raises_no_problem() -> None:
    assert inspected(MODERN).problems == ()


def test_an_export_that_is_not_there_is_none() -> None:
    assert inspected("(module)").export("authenticate") is None


# Names and producers


def test_functions_are_named_by_the_name_section() -> None:
    assert inspected(MODERN).function_names == {1: "handle", 2: "authenticate", 3: "begin"}


def test_a_damaged_name_section_is_a_problem_and_keeps_what_came_before() -> None:
    names = b"\x01\x08\x02\0\x01a\x01\x7fabc"
    info = inspect_module(PREAMBLE + section(0, name("name") + names))
    assert info.function_names == {0: "a"}
    assert info.problems == ("the name section, byte 8 of its content: claims 127 bytes where 2 are left",)


def test_subsections_before_the_function_names_are_stepped_over() -> None:
    info = inspect_module(PREAMBLE + section(0, name("name") + b"\0\x02\x01m" + b"\x01\x04\x01\x05\x01f"))
    assert info.function_names == {5: "f"}


def test_producers_are_told_by_field() -> None:
    producers = b"\x02" + name("language") + b"\x01" + name("Rust") + name("")
    producers += name("processed-by") + b"\x02" + name("rustc") + name("1.63.0") + name("clang") + name("19")
    info = inspect_module(PREAMBLE + section(0, name("producers") + producers))
    assert info.producers == {"language": (("Rust", ""),), "processed-by": (("rustc", "1.63.0"), ("clang", "19"))}


def test_a_damaged_producers_section_is_a_problem() -> None:
    info = inspect_module(PREAMBLE + section(0, name("producers") + b"\x09"))
    assert info.producers == {}
    assert info.problems == ("the producers section, byte 0 of its content: claims 9 entries in 0 bytes",)


# What is not known here


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (section(99, b"x"), "section 99, byte 8: no such section is known here"),
        (section(1, b"\x01\x12\0\0"), "the type section (id 1), byte 11: type form 0x12 is not known here"),
        (section(1, b"\x01\x60\x01\x11\0"), "the type section (id 1), byte 13: value type 0x11 is not known here"),
        (section(2, b"\x01\x01a\x01b\x33\0"), "the import section (id 2), byte 15: extern kind 0x33 is not known here"),
        (section(5, b"\x01\x80\x01"), "the memory section (id 5), byte 11: memory limits 0x80 are not known here"),
        (section(4, b"\x01\x70\x80\x01"), "the table section (id 4), byte 12: table limits 0x80 are not known here"),
        (section(7, b"\x01\x01a\x09\0"), "the export section (id 7), byte 13: extern kind 0x09 is not known here"),
        (
            section(6, b"\x01\x7f\0\xfc\x01\x0b"),
            "the global section (id 6), byte 13: operator 0xfc in a constant is not known here",
        ),
        (section(11, b"\x01\x07\0\0"), "the data section (id 11), byte 11: data segment form 7 is not known here"),
    ],
)
def test_what_a_newer_proposal_may_bring_is_a_problem_and_no_failure(data: bytes, problem: str) -> None:
    assert inspect_module(PREAMBLE + data).problems == (problem,)


def test_after_an_unknown_import_no_signature_is_guessed() -> None:
    data = section(1, b"\x01\x60\0\0") + section(2, b"\x01\x01a\x01b\x33\0") + section(3, b"\x02\0\0")
    info = inspect_module(PREAMBLE + data + section(7, b"\x01\x01f\0\x01") + section(10, b"\x02\x02\0\x0b\x02\0\x0b"))
    assert [(export.name, export.kind, export.signature) for export in info.exports] == [("f", "function", None)]


def test_an_export_whose_index_leads_nowhere_has_no_signature() -> None:
    info = inspect_module(PREAMBLE + section(7, b"\x01\x01f\0\x09"))
    assert [(export.kind, export.signature) for export in info.exports] == [("function", None)]


# What it costs


def test_a_hundred_thousand_exports_are_read_in_time() -> None:
    exports = b"".join(name(f"export-number-{number}") + b"\0\0" for number in range(100_000))
    data = PREAMBLE + section(1, b"\x01\x60\0\0") + section(3, b"\x01\0") + section(7, leb(100_000) + exports)

    begin = time.process_time()
    info = inspect_module(data)

    assert len(info.exports) == 100_000
    assert time.process_time() - begin < 5


def test_sixty_megabytes_of_code_and_data_are_stepped_over() -> None:
    data = PREAMBLE + section(10, leb(1) + bytes(30 << 20)) + section(11, b"\x01\x01" + leb(30 << 20) + bytes(30 << 20))

    tracemalloc.start()
    try:
        info = inspect_module(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (info.data_size, info.size) == (30 << 20, len(data))
    assert peak < 100_000
