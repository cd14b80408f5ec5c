"""What the built-in suite costs on the Rust reference plugin: seconds and resident memory of a whole pytest run.

    python benchmarks/suite_cost.py [RUNS]

Each run is a process of its own in an empty folder. The first one has an empty cache and compiles; the others take the
compiled module from the cache, which is proved by the cache's file staying untouched.
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


def run(folder: Path, cache: Path) -> tuple[float, float]:
    """Run the suite once; give seconds and MiB of peak resident memory."""
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
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as text:
        folder, cache = Path(text) / "empty", Path(text) / "cache"
        folder.mkdir()
        seconds, memory = run(folder, cache)
        print(f"first run, compiling:   {seconds:5.2f} s   {memory:5.0f} MiB")
        before = [path.stat().st_mtime_ns for path in cache.iterdir()]
        later = [run(folder, cache) for _ in range(runs)]
        if [path.stat().st_mtime_ns for path in cache.iterdir()] != before:
            raise SystemExit("a later run compiled again")
        print(
            f"from the cache, median: {statistics.median(seconds for seconds, _ in later):5.2f} s   "
            f"{max(memory for _, memory in later):5.0f} MiB   ({runs} runs)"
        )


if __name__ == "__main__":
    main()
