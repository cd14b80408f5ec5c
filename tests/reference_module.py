"""The reference cases, and a guest that is called as MockForge's adapter calls it (contract 2.2, 2.3).

Knows both ways to return a reply and the three families of allocators; knows nothing of this package's own runtimes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlencode

import wasmtime

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCE = Path(__file__).parents[1] / "fixtures" / "reference"
OPERATIONS = ("authenticate", "template_function", "generate_response", "query_datasource")

PLUGIN_CONTEXT = {
    "custom": {},
    "environment": {},
    "plugin_id": "reference",
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


def languages() -> list[str]:
    """The folders that hold a built module; a component is none."""
    return sorted(path.parent.name for path in REFERENCE.glob("*/plugin.wasm") if is_module(path))


def is_module(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"\0asm\x01\0\0\0"


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
    """One instance of a module, called as the host calls it."""

    def __init__(self, engine: wasmtime.Engine, module: wasmtime.Module, *, initialize: bool = True) -> None:
        self.store = wasmtime.Store(engine)
        linker = wasmtime.Linker(engine)
        if module.imports:
            # Without this a call into WASI ends the whole process.
            self.store.set_wasi(wasmtime.WasiConfig())
            linker.define_wasi()
        self.exports = linker.instantiate(self.store, module).exports(self.store)
        memory = self.exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        self.memory = memory
        if initialize and self.has("_initialize"):
            self.call("_initialize")

    def has(self, name: str) -> bool:
        return self.exports.get(name) is not None

    def call(self, name: str, *arguments: int) -> object:
        function = self.exports[name]
        assert isinstance(function, wasmtime.Func)
        return function(self.store, *arguments)

    def alloc(self, length: int) -> int:
        """Ask for room for a request, with the allocator that the module has."""
        if self.has("__new"):
            pointer = self.call("__new", length + 1, 1)
            assert isinstance(pointer, int)
            self.call("__pin", pointer)
        else:
            pointer = self.call("alloc" if self.has("alloc") else "malloc", length)
        assert isinstance(pointer, int)
        return pointer & 0xFFFFFFFF

    def release(self, pointer: int, length: int) -> None:
        if self.has("__new"):
            self.call("__unpin", pointer)
        elif self.has("alloc"):
            self.call("dealloc", pointer, length)
        else:
            self.call("free", pointer)

    def run(self, operation: str, request: bytes) -> tuple[int, int, int]:
        """Call without releasing anything: the request's address, the reply's, and the reply's length."""
        given = self.alloc(len(request))
        self.memory.write(self.store, request, given)
        output = self.call(operation, given, len(request))
        if isinstance(output, int):
            # Packed into one i64: the address in the high half, the length in the low half.
            output = [output >> 32, output]
        assert isinstance(output, list)
        pointer, length = (half & 0xFFFFFFFF for half in output)
        return given, pointer, length

    def read(self, pointer: int, length: int) -> bytes:
        return bytes(self.memory.read(self.store, pointer, pointer + length))

    def answer(self, operation: str, request: bytes) -> bytes:
        given, pointer, length = self.run(operation, request)
        reply = self.read(pointer, length)
        self.release(given, len(request))
        self.release(pointer, length)
        return reply

    def pages(self) -> int:
        return self.memory.size(self.store)

    def first_free_mebibyte(self) -> int:
        """Where a large buffer lands: behind everything that is still held, once what is garbage is collected."""
        self.collect()
        pointer = self.alloc(1 << 20)
        self.release(pointer, 1 << 20)
        self.collect()
        return pointer

    def collect(self) -> None:
        if self.has("__collect"):
            self.call("__collect")


def shown(export: wasmtime.ExportType) -> str:
    """A function's signature, or the kind of any other export."""
    kind = export.type
    if not isinstance(kind, wasmtime.FuncType):
        return type(kind).__name__
    return f"({', '.join(map(str, kind.params))}) -> ({', '.join(map(str, kind.results))})"
