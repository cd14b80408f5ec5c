"""What one call of a plugin costs from Python: a harness written by hand, our raw call, our typed call, and Extism.

    python benchmarks/bench_call.py [ROUNDS]

All sides run in one process and take turns, in another order each round, so that a busy machine slows all of them. The
ratio of the medians over all rounds is printed, and that of the 10th percentiles, which noise hardly reaches. By hand
means wasmtime's public API as its documentation shows it: fuel set, alloc, write, call, read, two deallocs, `json`.
Ours does the same and holds limits of time, memory and table, checks pointers, and counts fuel; the typed call checks
the whole reply by the host's rules. Extism is measured where its SDK is installed; its guest returns its input, as
ours does.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import wasmtime

from pytest_mockforge import AuthRequest, Plugin, RequestBuilder, TemplateCall, load

RUST = Path(__file__).parent.parent / "fixtures" / "reference" / "rust" / "plugin.wasm"
CALLS = 20
"""Calls of one side in one turn."""

REPLY = json.dumps(
    {
        "authenticated": True,
        "identity": {"user_id": "u-1", "roles": ["admin"], "groups": [], "attributes": {"tier": "gold"}},
        "claims": {"sub": "u-1"},
        "metadata": {},
    },
    separators=(",", ":"),
)

ALLOCATOR = """
  (memory (export "memory") 4)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "dealloc") (param i32 i32))"""

_QUOTED = REPLY.replace('"', r"\22")
CONSTANT = f"""(module {ALLOCATOR}
  (data (i32.const 0) "{_QUOTED}")
  (func (export "authenticate") (param i32 i32) (result i32 i32) (i32.const 0) (i32.const {len(REPLY)})))"""

ECHO = f"""(module {ALLOCATOR}
  (func (export "template_function") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1)))"""

EXTISM_ECHO = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "echo") (result i32) (call $output (call $offset) (call $length)) (i32.const 0)))"""

Side = Callable[[], object]


class ByHand:
    """What a careful user writes with wasmtime's public API."""

    def __init__(self, module: bytes, operation: str) -> None:
        config = wasmtime.Config()
        config.consume_fuel = True
        engine = wasmtime.Engine(config)
        self.store = wasmtime.Store(engine)
        self.store.set_fuel(500_000_000)
        exports = wasmtime.Instance(self.store, wasmtime.Module(engine, module), []).exports(self.store)
        self.memory = cast("wasmtime.Memory", exports["memory"])
        self.alloc = cast("wasmtime.Func", exports["alloc"])
        self.dealloc = cast("wasmtime.Func", exports["dealloc"])
        self.operation = cast("wasmtime.Func", exports[operation])

    def call(self, payload: bytes) -> bytes:
        """Carry bytes in and out."""
        store = self.store
        store.set_fuel(500_000_000)
        address = self.alloc(store, len(payload))
        self.memory.write(store, payload, address)
        start, size = self.operation(store, address, len(payload))
        if start < 0 or size < 0 or start + size > self.memory.data_len(store):
            raise ValueError("the reply lies outside the memory")
        reply = bytes(self.memory.read(store, start, start + size))
        self.dealloc(store, address, len(payload))
        self.dealloc(store, start, size)
        return reply

    def call_json(self, value: object) -> object:
        """The same with JSON on both ends."""
        return json.loads(self.call(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()))


def sides(plugin: Plugin, module: bytes, request: AuthRequest | TemplateCall) -> dict[str, Side]:
    """Name what is compared, the yardsticks first: one for JSON, one for bytes alone."""
    payload = plugin.encode(request)
    value = json.loads(payload)
    operation = request.operation
    hand = ByHand(module, operation.value)
    typed: Side = (
        (lambda: plugin.authenticate(request))
        if isinstance(request, AuthRequest)
        else (lambda: plugin.template_function(request.function_name, *request.args))
    )
    return {
        "by hand, json": lambda: hand.call_json(value),
        "by hand, bytes": lambda: hand.call(payload),
        "Plugin.call_raw": lambda: plugin.call_raw(operation, payload),
        "typed, contract checked": typed,
    }


def extism_side(payload: bytes) -> dict[str, Side]:
    """Extism's echo, where its SDK is installed."""
    if find_spec("extism") is None:
        return {}
    import extism  # type: ignore[import-not-found,unused-ignore]  # not among our requirements

    guest = extism.Plugin(bytes(wasmtime.wat2wasm(EXTISM_ECHO)))
    value = json.loads(payload)
    return {
        "extism, bytes": lambda: guest.call("echo", payload),
        "extism, json": lambda: json.loads(guest.call("echo", json.dumps(value, separators=(",", ":")).encode())),
    }


def measure(named: dict[str, Side], rounds: int) -> dict[str, list[float]]:
    """Give microseconds a call for each side and round."""
    for call in named.values():
        call()
    names = list(named)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            call = named[name]
            started = time.perf_counter()
            for _ in range(CALLS):
                call()
            taken[name].append((time.perf_counter() - started) / CALLS * 1e6)
    return taken


def tenth(values: list[float]) -> float:
    return statistics.quantiles(values, n=10)[0]


def table(title: str, taken: dict[str, list[float]]) -> Iterator[str]:
    """Write one comparison as lines of a Markdown table."""
    yield f"\n{title}\n"
    yield "| side | median µs | 10th percentile µs | times as fast as by hand with json: median | 10th percentile |"
    yield "|---|---|---|---|---|"
    middle, low = (of(taken["by hand, json"]) for of in (statistics.median, tenth))
    for name, values in taken.items():
        median, fast = statistics.median(values), tenth(values)
        yield f"| {name} | {median:.1f} | {fast:.1f} | {middle / median:.2f} | {low / fast:.2f} |"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    build = RequestBuilder()
    print(f"CPython {sys.version.split()[0]}, wasmtime {version('wasmtime')}, {rounds} rounds of {CALLS} calls")
    if find_spec("extism") is None:
        print("extism: skipped, its SDK is not installed")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        modules = {"constant reply": CONSTANT, "echo": ECHO}
        for size in (500, 50_000):
            for name, text in modules.items():
                path = Path(folder) / f"{name.replace(' ', '-')}.wat"
                path.write_text(text, "utf-8")
                plugin = stack.enter_context(load(path, cache="off"))
                empty: AuthRequest | TemplateCall = build.template("f", "")
                request: AuthRequest | TemplateCall = build.template("f", "x" * (size - len(plugin.encode(empty))))
                if name != "echo":
                    request = auth(plugin, build, size)
                named = sides(plugin, bytes(wasmtime.wat2wasm(text)), request)
                if name == "echo":
                    named |= extism_side(plugin.encode(request))
                print(*table(f"{name}, {len(plugin.encode(request)):,} bytes", measure(named, rounds)), sep="\n")
            plugin = stack.enter_context(load(RUST))
            request = auth(plugin, build, size)
            taken = measure(sides(plugin, RUST.read_bytes(), request), rounds)
            print(*table(f"Rust reference, authenticate, {len(plugin.encode(request)):,} bytes", taken), sep="\n")


def auth(plugin: Plugin, build: RequestBuilder, size: int) -> AuthRequest:
    """Build a request whose JSON is about so many bytes; the padding stands in the query and in the URI."""
    least = len(plugin.encode(build.auth(query={"token": "alpha", "pad": ""})))
    return build.auth(query={"token": "alpha", "pad": "x" * max(0, (size - least) // 2)})


if __name__ == "__main__":
    main()
