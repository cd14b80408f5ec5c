"""The hostile modules do what their index says, judged by wasmtime's public API and nothing of this package.

`signals_based_traps` is off, since pytest's faulthandler turns a signal trap into the end of the process.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import pytest
import wasmtime

from fixtures.hostile.make import folders, main, modules, replies, services
from tests.engines import quiet_config
from tests.hostile_cases import Case, cases, wasm_bytes, write_wasm

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = b'{"method":"GET"}'
MEMORY_LIMIT = 64 << 20
FUEL = 10_000_000
CALLABLE = ("i32 i32 -> i32 i32", "i32 i32 -> i64")
BORDER_CASES = [case for case in cases() if case.load == "ok"]


@cache
def engine() -> wasmtime.Engine:
    config = quiet_config()
    config.consume_fuel = True
    return wasmtime.Engine(config)


def new_store() -> wasmtime.Store:
    store = wasmtime.Store(engine())
    store.set_fuel(FUEL)
    store.set_limits(memory_size=MEMORY_LIMIT, table_elements=1_000_000)
    return store


def loaded(data: bytes) -> str:
    """Return the step at which loading fails, or `ok`; `damaged` for what no engine can read."""
    if data[:8] != b"\0asm\1\0\0\0":
        return "read"
    try:
        module = wasmtime.Module(engine(), data)
    except wasmtime.WasmtimeError as error:
        return "compile" if "failed to compile" in str(error) else "damaged"
    try:
        wasmtime.Linker(engine()).instantiate(new_store(), module)
    except wasmtime.WasmtimeError as error:
        return "link" if "unknown import" in str(error) else "instantiate"
    except wasmtime.Trap:
        return "instantiate"
    return "ok"


def called(data: bytes, operation: str) -> str | bytes:
    """Go through the host's call sequence (contract 2.3): the reply's bytes, or the word for where it ended."""
    store = new_store()
    exports = wasmtime.Instance(store, wasmtime.Module(engine(), data), []).exports(store)
    memory = exports.get("memory")
    if not isinstance(memory, wasmtime.Memory) or memory.type(store).is_64:
        return "border:no-memory" if memory is None else "border:wrong-memory"
    allocate, invoke = exports.get("alloc"), exports.get(operation)
    if signature(store, allocate) != "i32 -> i32" or not isinstance(allocate, wasmtime.Func):
        return "border:no-allocator" if allocate is None else "border:wrong-type"
    if signature(store, invoke) not in CALLABLE or not isinstance(invoke, wasmtime.Func):
        return "abi:not-exported" if invoke is None else "abi:wrong-type"
    try:
        address = allocate(store, len(REQUEST))
        if not 0 <= address <= memory.data_len(store) - len(REQUEST):
            return "abi:input-outside-memory"
        memory.write(store, REQUEST, address)
        returned = invoke(store, address, len(REQUEST))
    except wasmtime.Trap as trap:
        return trap_word(trap)
    pointer, length = returned if isinstance(returned, list) else (returned >> 32, returned & 0xFFFFFFFF)
    if length < 0:
        return "abi:negative-length"
    if not 0 <= pointer <= memory.data_len(store) - length:
        return "abi:output-outside-memory"
    reply = bytes(memory.read(store, pointer, pointer + length))
    release = exports.get("dealloc")
    if isinstance(release, wasmtime.Func) and signature(store, release) == "i32 i32 -> ":
        return released(store, release, address, reply)
    return reply


def released(store: wasmtime.Store, release: wasmtime.Func, address: int, reply: bytes) -> str | bytes:
    try:
        release(store, address, len(REQUEST))
    except wasmtime.Trap as trap:
        word = trap_word(trap)
        return word if word.startswith("limit") else "note:release-trapped"
    return reply


def signature(store: wasmtime.Store, export: object) -> str | None:
    if not isinstance(export, wasmtime.Func):
        return None
    kind = export.type(store)
    return " ".join(map(str, kind.params)) + " -> " + " ".join(map(str, kind.results))


def trap_word(trap: wasmtime.Trap) -> str:
    assert trap.trap_code is not None
    code = trap.trap_code.name.lower().replace("_", "-")
    return f"limit:{code}" if code in {"out-of-fuel", "stack-overflow"} else f"trap:{code}"


def by_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", cases(), ids=by_name)
def test_a_module_loads_as_far_as_its_index_says(case: Case) -> None:
    # What our own reader does not know it leaves to the engine: that comes as far as compilation.
    as_far = {"damaged": ("read", "compile")}
    found = loaded(wasm_bytes(case.name))
    assert case.load in as_far.get(found, (found,))


@pytest.mark.parametrize("case", BORDER_CASES, ids=by_name)
def test_a_call_ends_as_the_index_says(case: Case) -> None:
    ends = [called(wasm_bytes(case.name), operation) for operation in case.call]
    words = {end for end in ends if isinstance(end, str)}
    replied = any(word in {"ok", "stateful"} or word.startswith(("reply:", "warning:")) for word in case.expect)
    assert words <= set(case.expect)
    assert words or replied


@pytest.mark.parametrize(
    "case", [case for case in BORDER_CASES if "ok" in case.expect and case.name != "reply-is-the-request"], ids=by_name
)
def test_a_module_that_is_expected_to_answer_gives_an_authentication(case: Case) -> None:
    reply = called(wasm_bytes(case.name), "authenticate")
    if reply == "note:release-trapped":
        return
    assert isinstance(reply, bytes)
    assert json.loads(reply).keys() >= {"authenticated", "claims", "metadata"}


@pytest.mark.parametrize(
    "case", [case for case in BORDER_CASES if "reply:syntax" in case.expect and case.name != "reply-nan"], ids=by_name
)
def test_a_reply_said_to_break_syntax_is_no_json(case: Case) -> None:
    reply = called(wasm_bytes(case.name), "authenticate")
    if isinstance(reply, bytes) and case.name not in {"reply-number-too-large", "reply-lone-surrogate"}:
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.decode())


def levels(name: str) -> int:
    reply = called(wasm_bytes(name), "authenticate")
    assert isinstance(reply, bytes)
    deepest = depth = 0
    for byte in reply:
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    return deepest


@pytest.mark.parametrize("depth", [127, 128, 200, 100_000])
def test_a_nested_reply_is_exactly_as_deep_as_its_name_says(depth: int) -> None:
    assert levels(f"reply-{depth}-levels") == depth


def memory_after(name: str, calls: int) -> int:
    store = new_store()
    exports = wasmtime.Instance(store, wasmtime.Module(engine(), wasm_bytes(name)), []).exports(store)
    memory = exports["memory"]
    assert isinstance(memory, wasmtime.Memory)
    call = [exports[part] for part in ("alloc", "authenticate", "dealloc")]
    allocate, invoke, release = (part for part in call if isinstance(part, wasmtime.Func))
    for _ in range(calls):
        address = allocate(store, len(REQUEST))
        pointer, length = invoke(store, address, len(REQUEST))
        release(store, address, len(REQUEST))
        release(store, pointer, length)
    return memory.size(store)


@pytest.mark.parametrize(
    ("name", "calls", "pages"),
    [
        ("counts-calls", 600, 1),
        ("leaks-a-page", 600, 601),
        ("plateau", 60, 51),
        ("plateau", 600, 51),
        ("leaks-slowly", 200, 1),
        ("leaks-slowly", 512, 3),
    ],
)
def test_memory_grows_with_calls_as_the_summary_says(name: str, calls: int, pages: int) -> None:
    assert memory_after(name, calls) == pages


def test_a_plugin_with_an_initializer_answers_otherwise_once_it_was_called() -> None:
    store = new_store()
    exports = wasmtime.Instance(store, wasmtime.Module(engine(), wasm_bytes("needs-initialize")), []).exports(store)
    invoke, initialize = exports["authenticate"], exports["_initialize"]
    assert isinstance(invoke, wasmtime.Func)
    assert isinstance(initialize, wasmtime.Func)

    before = invoke(store, 0, 0)
    initialize(store)

    assert invoke(store, 0, 0) != before


def test_make_py_writes_every_case_that_is_a_file(tmp_path: Path) -> None:
    main(tmp_path)
    written = {path.name.partition(".")[0] for path in tmp_path.iterdir()}
    assert written == {"good", *(case.name for case in cases()), *folders()}


def test_no_two_cases_of_the_corpus_have_a_name_in_common() -> None:
    names = [*modules(), *replies(), *folders(), *services()]
    assert len(set(names)) == len(names)
    assert len(names) >= 200


def test_a_case_is_written_as_a_wasm_file(tmp_path: Path) -> None:
    path = write_wasm("loops", tmp_path)
    assert (path.name, path.read_bytes()[:4]) == ("loops.wasm", b"\0asm")
