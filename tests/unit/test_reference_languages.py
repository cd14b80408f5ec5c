"""The reference plugin of every language answers every case as written, driven by wasmtime's public API alone.

Knows nothing of this package's own runtimes: the fixtures have to stand before they are tested on them. A language is a
folder of fixtures/reference with a plugin.wasm; what is particular to one stands in `EXPORTS`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import wasmtime

from tests.engines import quiet_config
from tests.reference_module import (
    OPERATIONS,
    REFERENCE,
    Case,
    Guest,
    languages,
    read_cases,
    request_bytes,
    same,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = read_cases()
LANGUAGES = languages()
DENIED: dict[str, object] = {
    "authenticated": False,
    "identity": None,
    "claims": {},
    "metadata": {},
    "error_message": "malformed request",
}

TWO_RESULTS = {
    "memory": "MemoryType",
    "alloc": "(i32) -> (i32)",
    "dealloc": "(i32, i32) -> ()",
    **dict.fromkeys(OPERATIONS, "(i32, i32) -> (i32, i32)"),
}
PACKED = {
    "memory": "MemoryType",
    "__new": "(i32, i32) -> (i32)",
    "__pin": "(i32) -> (i32)",
    "__unpin": "(i32) -> ()",
    "__collect": "() -> ()",
    "__rtti_base": "GlobalType",
    **dict.fromkeys(OPERATIONS, "(i32, i32) -> (i64)"),
}
MALLOC_AND_PACKED = {
    "memory": "MemoryType",
    "malloc": "(i32) -> (i32)",
    "free": "(i32) -> ()",
    "_initialize": "() -> ()",
    **dict.fromkeys(OPERATIONS, "(i32, i32) -> (i64)"),
}
#: TinyGo's runtime exports its own arithmetic, too.
TINYGO = {
    **MALLOC_AND_PACKED,
    **dict.fromkeys(("fmaximum", "fminimum"), "(f64, f64) -> (f64)"),
    **dict.fromkeys(("fmaximumf", "fminimumf"), "(f32, f32) -> (f32)"),
}
#: Everything that the module exports. These import nothing, either.
EXPORTS = {"assemblyscript": PACKED, "c": TWO_RESULTS, "rust": TWO_RESULTS, "tinygo": TINYGO}


@pytest.fixture(scope="module")
def engine() -> Iterator[wasmtime.Engine]:
    engine = wasmtime.Engine(quiet_config())
    yield engine
    engine.close()


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def module(engine: wasmtime.Engine, language: str) -> Iterator[wasmtime.Module]:
    module = wasmtime.Module(engine, (REFERENCE / language / "plugin.wasm").read_bytes())
    yield module
    module.close()


@pytest.fixture
def guest(engine: wasmtime.Engine, module: wasmtime.Module) -> Iterator[Guest]:
    guest = Guest(engine, module)
    yield guest
    guest.store.close()


@pytest.mark.parametrize("language", EXPORTS, indirect=True)
def test_the_module_imports_nothing(module: wasmtime.Module) -> None:
    assert [f"{entry.module}::{entry.name}" for entry in module.imports] == []


@pytest.mark.parametrize("language", EXPORTS, indirect=True)
def test_it_exports_memory_and_allocator_and_four_operations(module: wasmtime.Module, language: str) -> None:
    assert {export.name: shown(export) for export in module.exports} == EXPORTS[language]


@pytest.mark.parametrize("language", ["go"], indirect=True)
def test_go_imports_wasi_and_nothing_else(module: wasmtime.Module) -> None:
    assert {entry.module for entry in module.imports} == {"wasi_snapshot_preview1"}
    assert {export.name: shown(export) for export in module.exports} == MALLOC_AND_PACKED


@pytest.mark.parametrize("language", EXPORTS, indirect=True)
def test_it_answers_the_same_where_nobody_initializes_it(engine: wasmtime.Engine, module: wasmtime.Module) -> None:
    left_alone, initialized = Guest(engine, module, initialize=False), Guest(engine, module)
    request = b'{"args":["abc"],"function_name":"upper"}'
    assert left_alone.run("template_function", request) == initialized.run("template_function", request)
    assert left_alone.answer("template_function", request) == b'"ABC"'
    assert left_alone.pages() == initialized.pages()
    left_alone.store.close()
    initialized.store.close()


@pytest.mark.parametrize("case", CASES, ids=[case["name"].replace(" ", "-") for case in CASES])
def test_a_case_ends_as_it_is_written(guest: Guest, case: Case) -> None:
    if case["outcome"] == "refused" and case["reply"] is None:
        with pytest.raises(wasmtime.Trap) as caught:
            guest.answer(case["operation"], request_bytes(case))
        assert caught.value.trap_code is wasmtime.TrapCode.UNREACHABLE
    else:
        reply = json.loads(guest.answer(case["operation"], request_bytes(case)))
        assert same(reply, case["reply"]), reply


def test_a_request_is_answered_after_a_refusal(guest: Guest) -> None:
    with pytest.raises(wasmtime.Trap):
        guest.answer("template_function", b"")
    assert guest.answer("template_function", b'{"args":[20,22],"function_name":"add"}') == b"42"


# A trap does not unwind the stack of linear memory: where a frame is left on it, each refusal costs a piece.
@pytest.mark.parametrize("language", EXPORTS, indirect=True)
def test_ten_thousand_refusals_leave_the_stack_as_it_was(guest: Guest) -> None:
    request = b'{"args":["a",1],"function_name":"upper"}'
    given = guest.alloc(len(request))
    guest.memory.write(guest.store, request, given)
    for _ in range(10_000):
        with pytest.raises(wasmtime.Trap) as caught:
            guest.call("template_function", given, len(request))
        assert caught.value.trap_code is wasmtime.TrapCode.UNREACHABLE
    assert guest.answer("template_function", b'{"args":[20,22],"function_name":"add"}') == b"42"


def test_a_reply_that_is_held_outlives_the_next_call(guest: Guest) -> None:
    _, pointer, length = guest.run("template_function", b'{"args":["held"],"function_name":"upper"}')
    guest.answer("template_function", b'{"args":["next"],"function_name":"upper"}')
    assert guest.read(pointer, length) == b'"HELD"'


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_nesting_without_end_is_malformed_and_no_overflow(guest: Guest, opening: bytes) -> None:
    assert json.loads(guest.answer("authenticate", opening * 100_000)) == DENIED
    with pytest.raises(wasmtime.Trap) as caught:
        guest.answer("template_function", b'{"function_name":"echo","args":[' + opening * 100_000)
    assert caught.value.trap_code is wasmtime.TrapCode.UNREACHABLE


@pytest.mark.parametrize("depth", [60, 62])
def test_an_echo_of_nesting_within_the_rules_is_equal(guest: Guest, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    assert guest.answer("template_function", b'{"function_name":"echo","args":[%s]}' % nested) == b"[%s]" % nested


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"nul", b'"', b"[1,]", b'{"a":1,}', b'{"a"}', b"[1 2]", b"{a:1}", b"'a'", b"//", b"[\x0c1]"),
        *(b"01", b"+1", b"1.", b".5", b"1e", b"1e+", b"-", b"0x10", b"NaN", b"1_0"),
        *(b'"\n"', b'"\\x41"', b'"\\u12g4"', b'"\\u123"', b'"a\\"', b'"\\'),
        *(b'"\x80"', b'"\xc3"', b'"\xc0\xaf"', b'"\xe0\x80\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xff"'),
    ],
)
def test_a_value_that_is_no_json_makes_the_request_malformed(guest: Guest, text: bytes) -> None:
    assert json.loads(guest.answer("authenticate", b'{"context":%s,"query_params":{}}' % text)) == DENIED


@pytest.mark.parametrize("number", ["0.1", "-1.1e-5", "123456789.125", "9007199254740991", "5e-324", "1.25E+300"])
def test_an_echoed_number_keeps_its_value(guest: Guest, number: str) -> None:
    reply = guest.answer("template_function", f'{{"function_name":"echo","args":[{number}]}}'.encode())
    assert json.loads(reply) == [float(number)]


@pytest.mark.parametrize(("member", "rows"), [("limit", 6), ("offset", 0)])
def test_a_count_may_be_however_large(guest: Guest, member: str, rows: int) -> None:
    request = f'{{"query":"q","query_type":"Select","parameters":{{}},"{member}":1e300}}'
    reply = json.loads(guest.answer("query_datasource", request.encode()))
    assert (len(reply["rows"]), reply["total_count"]) == (rows, 6)


@pytest.mark.parametrize("language", EXPORTS, indirect=True)
def test_an_empty_buffer_has_an_address_of_its_own(guest: Guest) -> None:
    first, second = guest.alloc(0), guest.alloc(0)
    assert 0 not in (first, second)
    assert first != second


@pytest.mark.parametrize("language", EXPORTS, indirect=True)
def test_a_buffer_beyond_all_memory_traps_and_is_not_at_address_zero(guest: Guest) -> None:
    with pytest.raises(wasmtime.Trap) as caught:
        guest.alloc(-2)
    assert caught.value.trap_code is wasmtime.TrapCode.UNREACHABLE


@pytest.mark.parametrize("operation", OPERATIONS)
def test_memory_stays_the_same_over_many_calls(guest: Guest, operation: str) -> None:
    run_accepted(guest, operation, 300)
    pages = guest.pages()
    run_accepted(guest, operation, 600)
    assert guest.pages() == pages


# TinyGo collects when it likes, and nobody outside can ask it to.
@pytest.mark.parametrize("language", sorted(EXPORTS.keys() - {"tinygo"}), indirect=True)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_not_a_byte_is_held_back_over_many_calls(guest: Guest, operation: str) -> None:
    run_accepted(guest, operation, 300)
    before = guest.first_free_mebibyte()
    run_accepted(guest, operation, 600)
    assert guest.first_free_mebibyte() == before


def run_accepted(guest: Guest, operation: str, calls: int) -> None:
    accepted = [case for case in CASES if case["operation"] == operation and case["outcome"] == "accepted"]
    requests = [request_bytes(case) for case in accepted]
    for index in range(calls):
        guest.answer(operation, requests[index % len(requests)])


def test_every_folder_has_the_same_samples_and_an_id_of_its_own(language: str) -> None:
    folder = REFERENCE / language
    assert f"\n  id: reference-{language}\n" in (folder / "plugin.yaml").read_text("utf-8")
    assert (folder / "plugin.test.yaml").read_bytes() == (REFERENCE / "rust" / "plugin.test.yaml").read_bytes()


def test_the_cases_have_names_of_their_own() -> None:
    names = [case["name"] for case in CASES]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("case", [case for case in CASES if "body_text" in case], ids=lambda case: case["name"])
def test_the_text_beside_a_body_is_that_body(case: Case) -> None:
    reply = case["reply"]
    assert isinstance(reply, dict)
    assert list(case["body_text"].encode()) == reply["body"]
