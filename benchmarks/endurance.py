"""Whether the process grows: calls on one instance that is kept, and instances that live for one call.

    python benchmarks/endurance.py [--calls N] [--instances N] [--svg FILE]

By default a million calls and 100,000 instances, and a tenth of both for what has a way of its own through our code:
guests that trap, guests that import functions, and components. Each row shows resident memory from its first sample to
its last one, and how much larger the end is than what was there after the warm-up, its first fifth. The exit status is
1 where a row grew by more than 1 MiB. What the guests hold is constant, so all growth is the host's.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from pytest_mockforge import Plugin, RequestBuilder, load
from pytest_mockforge.contract.operations import Operation

ROOT = Path(__file__).parent.parent
RUST = ROOT / "fixtures" / "reference" / "rust" / "plugin.wasm"
COMPONENT = ROOT / "fixtures" / "component" / "echo.wat"
SAMPLES = 60
WARM = SAMPLES // 5
MOST_KIB = 1024
"""How much the end of a row may be above what was there after its warm-up."""
_BARS = "▁▂▃▄▅▆▇█"

TRAPS = """(module
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "authenticate") (param i32 i32) (result i32 i32) (unreachable)))"""

IMPORTS = """(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "authenticate") (param i32 i32) (result i32 i32)
    (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 16)))
    (drop (call $random (i32.const 32) (i32.const 64)))
    (local.get 0) (local.get 1)))"""


class Row(NamedTuple):
    """Resident memory in KiB while one thing was done over and over, and how often and how long."""

    name: str
    times: int
    seconds: float
    kib: list[float]

    @property
    def growth(self) -> float:
        """KiB between what was there after the warm-up and the end, each the median of a few samples."""
        return statistics.median(self.kib[-WARM:]) - statistics.median(self.kib[WARM : 2 * WARM])


def resident_kib() -> float:
    """Read what the process has in memory now. Linux alone tells, and exactly only here: /proc/self/statm lags."""
    with open("/proc/self/smaps_rollup", "rb") as file:
        return next(float(line.split()[1]) for line in file if line.startswith(b"Rss:"))


def observed(name: str, count: int, once: Callable[[], object]) -> Row:
    """Do it so often, and look at the memory now and then."""
    each = max(1, count // SAMPLES)
    # Room for the samples first: a list that grows is growth as well.
    kib = [0.0] * SAMPLES
    started = time.perf_counter()
    for sample in range(SAMPLES):
        for _ in range(each):
            once()
        kib[sample] = resident_kib()
    return Row(name, each * SAMPLES, time.perf_counter() - started, kib)


@contextmanager
def opened(text: str | Path) -> Iterator[Plugin]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "guest.wat"
        if isinstance(text, str):
            path.write_text(text, "utf-8")
        with load(text if isinstance(text, Path) else path, cache="off") as plugin:
            yield plugin


def rows(calls: int, instances: int) -> Iterator[Row]:
    """Measure one thing after another."""
    request = RequestBuilder().auth(bearer="t-1", lenient=True)
    ask = Operation.AUTHENTICATE
    with ExitStack() as stack:
        rust, traps, imports, component = (
            stack.enter_context(opened(text)) for text in (RUST, TRAPS, IMPORTS, COMPONENT)
        )
        kept, fresh = rust.reused(), rust.fresh()
        yield observed("typed calls, one Rust instance", calls, lambda: kept.authenticate(request))
        yield observed("typed calls, each in a fresh Rust instance", instances, lambda: fresh.authenticate(request))
        kept, fresh = traps.reused(), traps.fresh()
        yield observed("calls that trap, one instance", calls // 10, lambda: kept.invoke(ask, b"{}"))
        yield observed("calls that trap, fresh instances", instances // 10, lambda: fresh.invoke(ask, b"{}"))
        kept, fresh = imports.reused(), imports.fresh()
        yield observed("calls that ask the host, one instance", calls // 10, lambda: kept.invoke(ask, b"{}"))
        yield observed("calls that ask the host, fresh instances", instances // 10, lambda: fresh.invoke(ask, b"{}"))
        kept, fresh = component.reused(), component.fresh()
        yield observed("calls of a component, one instance", calls // 10, lambda: kept.invoke(ask, b"{}"))
        yield observed("calls of a component, fresh instances", instances // 100, lambda: fresh.invoke(ask, b"{}"))


def sparkline(values: list[float]) -> str:
    """Draw a curve in one line, no steeper than a MiB is high."""
    low, high = min(values), max(values)
    reach = max(high - low, MOST_KIB)
    return "".join(_BARS[min(len(_BARS) - 1, int((value - low) / reach * len(_BARS)))] for value in values)


def draw(path: Path, taken: list[Row]) -> None:
    """Write all curves as one picture, each from where its warm-up ended."""
    import pygal

    chart = pygal.Line(
        title="Resident memory, KiB above the end of the warm-up", show_dots=False, js=[], x_title="% of the calls"
    )
    chart.x_labels = [f"{100 * sample // SAMPLES}" for sample in range(SAMPLES)]
    chart.show_minor_x_labels = False
    for row in taken:
        ground = statistics.median(row.kib[WARM : 2 * WARM])
        chart.add(row.name, [round(value - ground) for value in row.kib])
    chart.render_to_file(str(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000, help="calls on one kept instance")
    parser.add_argument("--instances", type=int, default=100_000, help="instances that live for one call")
    parser.add_argument("--svg", type=Path, help="draw the curves into this file (needs pygal)")
    wanted = parser.parse_args()
    taken: list[Row] = []
    gc.collect()
    for row in rows(wanted.calls, wanted.instances):
        taken.append(row)
        print(f"{row.name}: {row.times:,} in {row.seconds:.1f} s, {row.seconds / row.times * 1e6:.0f} µs each")
        print(
            f"  {sparkline(row.kib)}  {row.kib[-1] / 1024:.1f} MiB, {row.growth:+.0f} KiB after the warm-up", flush=True
        )
    if wanted.svg is not None:
        draw(wanted.svg, taken)
    sys.exit(any(row.growth > MOST_KIB for row in taken))


if __name__ == "__main__":
    main()
