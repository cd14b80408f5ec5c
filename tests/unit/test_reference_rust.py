"""The Rust reference plugin answers every case as written, driven by wasmtime's public API alone (contract 2.2, 2.3).

Knows nothing of this package's own runtimes: the fixture has to stand before they are tested on it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlencode

import pytest
import wasmtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REFERENCE = Path(__file__).parents[2] / "fixtures" / "reference"

PLUGIN_CONTEXT = {
    "custom": {},
    "environment": {},
    "plugin_id": "reference-rust",
    "request_id": "3f2b8c1e-5d7a-4c3e-9a51-0b7d1f6a2c90",
    "timeout_ms": 5000,
    "version": {"build": None, "major": 1, "minor": 0, "patch": 0, "pre_release": None},
}
RESOLUTION_CONTEXT = {
    "environment": {"HOME": "/home/mockforge"},
    "metadata": {},
    "request_context": None,
    "timestamp": "2026-01-02T03:04:05Z",
}


class Case(TypedDict, total=False):
    """One entry of cases.json."""

    name: str
    operation: str
    request: Mapping[str, object]
    raw: str
    raw_hex: str
    outcome: str
    reply: object
    body_text: str


def read_cases() -> list[Case]:
    cases: list[Case] = json.loads((REFERENCE / "cases.json").read_text(encoding="utf-8"))["cases"]
    return cases


CASES = read_cases()


def target(path: str, query: object) -> str:
    return f"{path}?{urlencode(query)}" if isinstance(query, dict) and query else path


def host_request(operation: str, given: Mapping[str, object]) -> dict[str, object]:
    """Build what the host would send for the builder's keywords (contract 1.3 to 1.6)."""
    query = given.get("query", {})
    http = {"method": given.get("method", "GET"), "query_params": query}
    caller = {"client_ip": given.get("client_ip"), "user_agent": given.get("user_agent")}
    match operation:
        case "authenticate":
            return {"context": PLUGIN_CONTEXT, "uri": given.get("uri", target("/", query)), **http, **caller}
        case "template_function":
            name, args = given["function_name"], given["args"]
            return {"args": args, "context": RESOLUTION_CONTEXT, "function_name": name}
        case "generate_response":
            path = str(given["path"])
            params = given.get("path_params", {})
            where = {"path": path, "path_params": params, "uri": target(path, query)}
            return {"context": PLUGIN_CONTEXT, **where, **http, **caller}
        case _:
            return {
                "context": PLUGIN_CONTEXT,
                "limit": given.get("limit"),
                "offset": given.get("offset"),
                "parameters": given.get("parameters", {}),
                "query": given["query"],
                "query_type": given.get("type", "Select"),
            }


def request_bytes(case: Case) -> bytes:
    if "raw" in case:
        return case["raw"].encode()
    if "raw_hex" in case:
        return bytes.fromhex(case["raw_hex"])
    request = host_request(case["operation"], case["request"])
    return json.dumps(request, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def same(left: object, right: object) -> bool:
    """Say whether two JSON values are equal; unlike in Python, `true` is not `1`."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


class Guest:
    """One instance of the module, called as the host calls it."""

    def __init__(self, engine: wasmtime.Engine, module: wasmtime.Module) -> None:
        self.store = wasmtime.Store(engine)
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        memory = self.exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        self.memory = memory

    def call(self, name: str, *arguments: int) -> object:
        function = self.exports[name]
        assert isinstance(function, wasmtime.Func)
        return function(self.store, *arguments)

    def alloc(self, length: int) -> int:
        pointer = self.call("alloc", length)
        assert isinstance(pointer, int)
        return pointer

    def answer(self, operation: str, request: bytes) -> bytes:
        given = self.alloc(len(request))
        self.memory.write(self.store, request, given)
        output = self.call(operation, given, len(request))
        assert isinstance(output, list)
        pointer, length = output
        reply = bytes(self.memory.read(self.store, pointer, pointer + length))
        self.call("dealloc", given, len(request))
        self.call("dealloc", pointer, length)
        return reply


@pytest.fixture(scope="module")
def engine() -> Iterator[wasmtime.Engine]:
    engine = wasmtime.Engine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def module(engine: wasmtime.Engine) -> Iterator[wasmtime.Module]:
    module = wasmtime.Module(engine, (REFERENCE / "rust" / "plugin.wasm").read_bytes())
    yield module
    module.close()


@pytest.fixture
def guest(engine: wasmtime.Engine, module: wasmtime.Module) -> Iterator[Guest]:
    guest = Guest(engine, module)
    yield guest
    guest.store.close()


def shown(export: wasmtime.ExportType) -> str:
    kind = export.type
    if not isinstance(kind, wasmtime.FuncType):
        return type(kind).__name__
    return f"({', '.join(map(str, kind.params))}) -> ({', '.join(map(str, kind.results))})"


def test_the_module_imports_nothing(module: wasmtime.Module) -> None:
    assert [f"{entry.module}::{entry.name}" for entry in module.imports] == []


def test_it_exports_memory_and_allocator_and_four_operations_with_two_results(module: wasmtime.Module) -> None:
    operation = "(i32, i32) -> (i32, i32)"
    assert {export.name: shown(export) for export in module.exports} == {
        "memory": "MemoryType",
        "alloc": "(i32) -> (i32)",
        "dealloc": "(i32, i32) -> ()",
        "authenticate": operation,
        "template_function": operation,
        "generate_response": operation,
        "query_datasource": operation,
    }


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


def test_an_empty_buffer_has_an_address_of_its_own(guest: Guest) -> None:
    first, second = guest.alloc(0), guest.alloc(0)
    assert 0 not in (first, second)
    assert first != second


def test_a_buffer_beyond_all_memory_traps_and_is_not_at_address_zero(guest: Guest) -> None:
    with pytest.raises(wasmtime.Trap) as caught:
        guest.alloc(-1)
    assert caught.value.trap_code is wasmtime.TrapCode.UNREACHABLE


def first_free_mebibyte(guest: Guest) -> int:
    """Where a large buffer lands: behind everything that is still held."""
    pointer = guest.alloc(1 << 20)
    guest.call("dealloc", pointer, 1 << 20)
    return pointer


@pytest.mark.parametrize("operation", ["authenticate", "template_function", "generate_response", "query_datasource"])
def test_nothing_is_held_back_over_many_calls(guest: Guest, operation: str) -> None:
    accepted = [case for case in CASES if case["operation"] == operation and case["outcome"] == "accepted"]
    requests = [request_bytes(case) for case in accepted]
    for request in requests:
        guest.answer(operation, request)
    before = first_free_mebibyte(guest)
    pages = guest.memory.size(guest.store)
    for _ in range(600 // len(requests)):
        for request in requests:
            guest.answer(operation, request)
    assert first_free_mebibyte(guest) == before
    assert guest.memory.size(guest.store) == pages


def test_the_cases_have_names_of_their_own() -> None:
    names = [case["name"] for case in CASES]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("case", [case for case in CASES if "body_text" in case], ids=lambda case: case["name"])
def test_the_text_beside_a_body_is_that_body(case: Case) -> None:
    reply = case["reply"]
    assert isinstance(reply, dict)
    assert list(case["body_text"].encode()) == reply["body"]
