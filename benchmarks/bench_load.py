"""What it costs to have a plugin ready: a large module taken from the cache, and a fresh instance.

    python benchmarks/bench_load.py [MEGABYTES]

A module of 14 MB is written, compiled once, and then loaded as a later run of pytest loads it, in turn with what else
could be done: checking the digest of the compiled file each time, and reading the file instead of mapping it. Beside it
stands wasmtime alone: the key's digest and `deserialize_file`. The whole of `load()` reads the file, looks through its
sections, and takes what is known of a file that has not changed since: for that the script waits until the file is a
minute old, as a younger one is not relied on.
Fresh instances are made and thrown away by us, by the bare C API through ctypes, and by wasmtime's public API. All
figures are processor time, which other processes disturb less than the clock; nothing here waits.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import wasmtime

from pytest_mockforge import load
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm import capi
from pytest_mockforge.runtimes.wasm.cache import CompileCache
from pytest_mockforge.runtimes.wasm.conventions import read_border
from pytest_mockforge.runtimes.wasm.engine import CompiledModule, Engine, metered_engine
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.instance import GuestInstance
from pytest_mockforge.runtimes.wasm.language import host_detection

SMALL = """(module
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "authenticate") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1)))"""
STEPS = 100
"""Loads, adds and stores in one function of the large module."""

Side = Callable[[], object]


def number(value: int) -> bytes:
    """Write an unsigned number as WebAssembly does."""
    written = bytearray()
    while True:
        value, rest = value >> 7, value & 0x7F
        written.append(rest | (0x80 if value else 0))
        if not value:
            return bytes(written)


def section(identity: int, content: bytes) -> bytes:
    return bytes([identity]) + number(len(content)) + content


def large_module(size: int) -> bytes:
    """Write a module of about so many bytes: a quarter of them functions that are all different, else data."""
    bodies: list[bytes] = []
    written = 0
    while written < size // 4:
        # local.get 0; local.get 0; i32.load; i32.const; i32.add; i32.store
        steps = b"".join(
            b"\x20\x00\x20\x00\x28\x02"
            + number(4 * step)
            + b"\x41"
            + number(len(bodies) % 64)
            + b"\x6a\x36\x02"
            + number(step)
            for step in range(STEPS)
        )
        body = b"\x00" + steps + b"\x0b"
        bodies.append(number(len(body)) + body)
        written += len(bodies[-1])
    data = hashlib.shake_256(b"data").digest(size - written)
    pages = len(data) // 65536 + 1
    return b"".join(
        (
            b"\0asm\x01\0\0\0",
            section(1, b"\x01\x60\x01\x7f\x00"),
            section(3, number(len(bodies)) + bytes(len(bodies))),
            section(5, b"\x01\x00" + number(pages)),
            section(7, b"\x01\x06memory\x02\x00"),
            section(10, number(len(bodies)) + b"".join(bodies)),
            section(11, b"\x01\x00\x41\x00\x0b" + number(len(data)) + data),
        )
    )


def measured(sides: dict[str, Side], rounds: int, each: int = 1) -> dict[str, list[float]]:
    """Give seconds of processor time of each side and round; the sides take turns."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = time.process_time()
            for _ in range(each):
                sides[name]()
            if turn:
                taken[name].append((time.process_time() - started) / each)
    return taken


def shown(taken: dict[str, list[float]], unit: str, factor: float) -> None:
    ground = statistics.median(next(iter(taken.values())))
    for name, values in taken.items():
        tenth = statistics.quantiles(values, n=10)[0]
        print(
            f"  {name:<44} {statistics.median(values) * factor:8.1f} {unit}, 10th percentile {tenth * factor:8.1f}, "
            f"{statistics.median(values) / ground:5.2f} times"
        )


def loading(engine: Engine, data: bytes, folder: Path) -> dict[str, Side]:
    """Compile once, and name the ways to load what was kept."""
    path = folder / "plugin.wasm"
    path.write_bytes(data)
    folder /= "cache"
    cache = CompileCache(folder)
    started = time.perf_counter()
    engine.compile(data, cache).close()
    (kept,) = folder.glob("*.cwasm")
    size = kept.stat().st_size
    print(f"{len(data) / 1e6:.1f} MB compiled in {time.perf_counter() - started:.1f} s to {size / 1e6:.1f} MB")
    # A minute later the files' times can be relied on, and the next load seals them.
    then = time.time() - 100
    os.utime(kept, (then, then))
    time.sleep(max(0.0, path.stat().st_ctime + 61 - time.time()))
    load(path, cache=folder).close()
    (record,) = folder.glob("*.record")
    sealed = record.read_bytes()
    unsealed = json.dumps({**json.loads(sealed), "looks": None}).encode()

    def alone() -> None:
        hashlib.sha256(data).digest()
        wasmtime.Module.deserialize_file(engine.handle, str(kept)).close()

    def by_digest() -> None:
        record.write_bytes(unsealed)
        engine.compile(data, cache).close()

    def whole() -> None:
        load(path, cache=folder).close()

    def read() -> None:
        hashlib.sha256(data).digest()
        wasmtime.Module.deserialize(engine.handle, kept.read_bytes()).close()

    return {
        "wasmtime alone: key's digest, file mapped": alone,
        "the whole of load()": whole,
        "from the cache, sealed, its key known": lambda: engine.compile(data, cache).close(),
        "from the cache, its digest checked": by_digest,
        "wasmtime alone: key's digest, file read": read,
    }


def instances(engine: Engine) -> dict[str, Side]:
    """Name the ways to make an instance of a small module and to throw it away."""
    data = bytes(wasmtime.wat2wasm(SMALL))
    info = inspect_module(data)
    module = CompiledModule(engine, info, data, read_border(info, host_detection(info, data)), None)
    limits, native = Limits(), engine.native
    raw, slots = capi.new_instance(), capi.Slots()
    linker, public = wasmtime.Linker(engine.handle), wasmtime.Module(engine.handle, data)

    def bare() -> None:
        store = native.store_new(engine.address, None, None)
        context = native.store_context(store)
        native.library.wasmtime_context_set_fuel(context, limits.fuel)
        native.library.wasmtime_context_set_epoch_deadline(context, 1000)
        native.instantiate(module.prepared, context, ctypes.addressof(raw), slots.trap_address)
        native.store_delete(store)

    def by_hand() -> None:
        store = wasmtime.Store(engine.handle)
        store.set_fuel(limits.fuel)
        store.set_epoch_deadline(1000)
        linker.instantiate(store, public).exports(store)
        store.close()

    return {
        "the C API through ctypes": bare,
        "ours": lambda: GuestInstance(module, limits, initialize=False).close(),
        "wasmtime's public API, exports listed": by_hand,
    }


def main() -> None:
    size = float(sys.argv[1]) if len(sys.argv) > 1 else 14.0
    engine = metered_engine(Limits().stack)
    with tempfile.TemporaryDirectory() as folder:
        shown(measured(loading(engine, large_module(int(size * 1e6)), Path(folder)), 20), "ms", 1e3)
    print("a fresh instance of a module without imports, made and thrown away")
    shown(measured(instances(engine), 50, 20), "µs", 1e6)


if __name__ == "__main__":
    main()
