"""What the built-in suite costs on the Rust reference plugin: time and resident memory of a whole pytest run.

    python benchmarks/suite_cost.py [RUNS]

Each run is a process of its own in an empty folder. The first one has an empty cache and compiles; the others take the
compiled module from the cache, which is proved by the cache's file staying untouched. Processor time stands beside the
clock, as other processes disturb it less.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLUGIN = Path(__file__).parent.parent / "fixtures" / "reference" / "rust" / "plugin.wasm"


def run(folder: Path, cache: Path) -> tuple[float, float, float]:
    """Run the suite once; give seconds by the clock, seconds of processor time, and MiB of peak resident memory."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "mockforge",
        f"--mockforge-plugin={PLUGIN}",
        f"--mockforge-cache={cache}",
        "--mockforge-checks=MF1,MF2,MF4",
    ]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the suite failed with exit status {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as text:
        folder, cache = Path(text) / "empty", Path(text) / "cache"
        folder.mkdir()
        print(shown("first run, compiling", [run(folder, cache)]))
        before = [path.stat().st_mtime_ns for path in cache.glob("*.cwasm")]
        later = [run(folder, cache) for _ in range(runs)]
        if [path.stat().st_mtime_ns for path in cache.glob("*.cwasm")] != before:
            raise SystemExit("a later run compiled again")
        print(shown(f"from the cache, median of {runs}", later))


def shown(title: str, runs: list[tuple[float, float, float]]) -> str:
    clock, processor, memory = zip(*runs, strict=True)
    times = f"{statistics.median(clock):5.2f} s   processor {statistics.median(processor):5.2f} s"
    return f"{title:<30} {times}   at most {max(memory):4.0f} MiB"


if __name__ == "__main__":
    main()
