"""What one call of a plugin costs from Python: a harness by hand, our raw and typed call, a compiled shim, and Extism.

    python benchmarks/bench_call.py [ROUNDS]

All sides run in one process and take turns, in another order each round, so that a busy machine slows all of them. The
ratio of the medians over all rounds is printed, and that of the 10th percentiles, which noise hardly reaches. By hand
means wasmtime's public API as its documentation shows it: fuel set, alloc, write, call, read, two deallocs, `json`.
Ours does the same and holds limits of time, memory and table, checks pointers, and counts fuel; the typed call checks
the whole reply by the host's rules. Where there is a C compiler, the same call is made by C in one call through ctypes
too. Extism is measured where its SDK is installed; its guest returns its input, as ours does.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ctypes import c_char_p, c_int64, c_size_t, c_uint64, c_void_p
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import wasmtime

from pytest_mockforge import AuthRequest, Plugin, RequestBuilder, TemplateCall, load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.wasm import capi
from pytest_mockforge.runtimes.wasm.instance import GuestInstance
from pytest_mockforge.runtimes.wasm.runtime import WasmRuntime

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

# A whole call without a word on what may go wrong beyond "it went wrong".
SHIM = r"""
#include <stdint.h>
#include <string.h>
typedef union { int32_t i32; char all[16]; } __attribute__((aligned(16))) value;
struct plugin {
  void *context, *alloc, *operation, *dealloc, *memory;
  void *(*call)(void *, void *, value *, size_t, void **);
  void *(*set_fuel)(void *, uint64_t);
  void *(*get_fuel)(void *, uint64_t *);
  void (*set_deadline)(void *, uint64_t);
  char *(*data)(void *, void *);
  size_t (*size)(void *, void *);
  uint64_t fuel, ticks, fuel_left, memory_size;
};
static int step(struct plugin *p, void *function, value *v) {
  void *trap = 0;
  return p->call(p->context, function, v, 2, &trap) || trap;
}
int64_t whole_call(struct plugin *p, const char *request, size_t length, char *reply, size_t room) {
  value v[2];
  p->set_fuel(p->context, p->fuel);
  p->set_deadline(p->context, p->ticks);
  v[0].i32 = (int32_t)length;
  if (step(p, p->alloc, v)) return -1;
  uint64_t address = (uint32_t)v[0].i32;
  if (address + length > p->size(p->context, p->memory)) return -2;
  memcpy(p->data(p->context, p->memory) + address, request, length);
  v[0].i32 = (int32_t)address; v[1].i32 = (int32_t)length;
  if (step(p, p->operation, v)) return -3;
  uint64_t out = (uint32_t)v[0].i32, size = (uint32_t)v[1].i32;
  if (size > room || out + size > p->size(p->context, p->memory)) return -4;
  memcpy(reply, p->data(p->context, p->memory) + out, size);
  v[0].i32 = (int32_t)address; v[1].i32 = (int32_t)length;
  if (step(p, p->dealloc, v)) return -5;
  v[0].i32 = (int32_t)out; v[1].i32 = (int32_t)size;
  if (step(p, p->dealloc, v)) return -5;
  p->get_fuel(p->context, &p->fuel_left);
  p->memory_size = p->size(p->context, p->memory);
  return (int64_t)size;
}
"""
ROOM = 1 << 20
"""Bytes of the longest reply of the shim."""

Side = Callable[[], object]


class ShimPlugin(ctypes.Structure):
    _fields_ = [
        *((name, c_void_p) for name in ("context", "alloc", "operation", "dealloc", "memory")),
        *((name, c_void_p) for name in ("call", "set_fuel", "get_fuel", "set_deadline", "data", "size")),
        *((name, c_uint64) for name in ("fuel", "ticks", "fuel_left", "memory_size")),
    ]


def compiled(folder: Path) -> ctypes.CDLL | None:
    """Compile the shim, which does for each call what we do; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text(SHIM, "ascii")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return ctypes.CDLL(str(library))


def shim_call(library: ctypes.CDLL, plugin: Plugin, operation: Operation) -> Callable[[bytes], bytes]:
    """Give the call of a plugin's present instance, which has `alloc` and `dealloc`."""
    runtime = plugin._runtime
    assert isinstance(runtime, WasmRuntime)
    assert isinstance(runtime._instance, GuestInstance)
    guest, native = runtime._instance, runtime._instance._native

    def place(name: str) -> int:
        return capi.extern_payload(guest._slots.place(name)[0])

    def code(name: str) -> int | None:
        return ctypes.cast(getattr(native.library, name), c_void_p).value

    described = ShimPlugin(
        context=guest._context,
        alloc=place("alloc"),
        operation=place(operation.value),
        dealloc=place("dealloc"),
        memory=place("memory"),
        call=code("wasmtime_func_call_unchecked"),
        set_fuel=code("wasmtime_context_set_fuel"),
        get_fuel=code("wasmtime_context_get_fuel"),
        set_deadline=code("wasmtime_context_set_epoch_deadline"),
        data=code("wasmtime_memory_data"),
        size=code("wasmtime_memory_data_size"),
        fuel=plugin.limits.fuel,
        ticks=guest._ticker.ticks(plugin.limits.timeout),
    )
    whole = library.whole_call
    whole.restype = c_int64
    whole.argtypes = [c_void_p, c_char_p, c_size_t, c_void_p, c_size_t]
    reply = ctypes.create_string_buffer(ROOM)
    held = memoryview(reply)
    address, room = ctypes.addressof(described), ctypes.addressof(reply)

    def call(request: bytes) -> bytes:
        size = whole(address, request, len(request), room, ROOM)
        if size < 0:
            raise RuntimeError(f"the compiled call failed: {size}, {described.fuel_left}")
        return held[:size].tobytes()

    return call


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


def sides(
    plugin: Plugin, module: bytes, request: AuthRequest | TemplateCall, library: ctypes.CDLL | None = None
) -> dict[str, Side]:
    """Name what is compared, the yardsticks first: one for JSON, two for bytes alone."""
    payload = plugin.encode(request)
    value = json.loads(payload)
    operation = request.operation
    hand = ByHand(module, operation.value)
    typed: Side = (
        (lambda: plugin.authenticate(request))
        if isinstance(request, AuthRequest)
        else (lambda: plugin.template_function(request.function_name, *request.args))
    )
    shim: dict[str, Side] = {}
    if library is not None:
        plugin.call_raw(operation, payload)
        in_c = shim_call(library, plugin, operation)
        assert in_c(payload) == plugin.call_raw(operation, payload)
        shim["compiled shim, bytes"] = lambda: in_c(payload)
    return {
        "by hand, json": lambda: hand.call_json(value),
        "by hand, bytes": lambda: hand.call(payload),
        **shim,
        "Plugin.call_raw": lambda: plugin.call_raw(operation, payload),
        "typed, contract checked": typed,
    }


def extism_side(payload: bytes) -> dict[str, Side]:
    """Extism's echo, where its SDK is installed."""
    if find_spec("extism") is None:
        return {}
    import extism  # type: ignore[import-not-found,import-untyped,unused-ignore]  # not among our requirements

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
    print(f"load at the start: {os.getloadavg()[0]:.1f}")
    if find_spec("extism") is None:
        print("extism: skipped, its SDK is not installed")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        library = compiled(Path(folder))
        if library is None:
            print("compiled shim: skipped, there is no C compiler")
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
                named = sides(plugin, bytes(wasmtime.wat2wasm(text)), request, library)
                if name == "echo":
                    named |= extism_side(plugin.encode(request))
                print(*table(f"{name}, {len(plugin.encode(request)):,} bytes", measure(named, rounds)), sep="\n")
            plugin = stack.enter_context(load(RUST))
            request = auth(plugin, build, size)
            taken = measure(sides(plugin, RUST.read_bytes(), request, library), rounds)
            print(*table(f"Rust reference, authenticate, {len(plugin.encode(request)):,} bytes", taken), sep="\n")


def auth(plugin: Plugin, build: RequestBuilder, size: int) -> AuthRequest:
    """Build a request whose JSON is about so many bytes; the padding stands in the query and in the URI."""
    least = len(plugin.encode(build.auth(query={"token": "alpha", "pad": ""})))
    return build.auth(query={"token": "alpha", "pad": "x" * max(0, (size - least) // 2)})


if __name__ == "__main__":
    main()
