"""What the installed package costs a pytest run that does not use it.

    python benchmarks/bench_start_up.py [RUNS]

`pytest --collect-only` in an empty folder, with the plugin and with it blocked by `-p no:mockforge`, in turn. Processor
time is compared, which other processes disturb less than the clock. Use an environment without other pytest plugins:
they would be loaded on both sides, and blur the difference. Where `perf` counts instructions, those of both sides are
told as well, which no load disturbs.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

COMMAND = (sys.executable, "-m", "pytest", "--collect-only", "-q")
SIDES = {"blocked": ("-p", "no:mockforge"), "installed": ()}


def surroundings(folder: str) -> dict[str, str]:
    """Give bytecode of its own, as a developer's setting may forbid to keep any, which every run would pay for."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**environment, "PYTHONPYCACHEPREFIX": os.path.join(folder, "bytecode")}


def milliseconds(folder: str, words: tuple[str, ...]) -> float:
    """Give the processor time of one run, which collects nothing."""
    where, environment = os.path.join(folder, "empty"), surroundings(folder)
    process = subprocess.Popen((*COMMAND, *words), cwd=where, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 5:
        raise SystemExit(f"pytest ended with exit status {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def millions(folder: str, words: tuple[str, ...]) -> float:
    """Count the instructions of one run in its own code, in millions; 0 where that cannot be done."""
    if shutil.which("perf") is None:
        return 0.0
    counting = ("perf", "stat", "-x,", "-e", "instructions:u", *COMMAND, *words)
    where, environment = os.path.join(folder, "empty"), surroundings(folder)
    done = subprocess.run(counting, cwd=where, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"^(\d+),[^,]*,instructions", done.stderr, re.MULTILINE)
    return int(found[1]) / 1e6 if found else 0.0


def tenth(values: list[float]) -> float:
    return statistics.quantiles(values, n=10)[0]


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    taken: dict[str, list[float]] = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "empty"))
        for run in range(runs + 1):
            for name, words in reversed(SIDES.items()) if run % 2 else SIDES.items():
                one = milliseconds(folder, words)
                if run:  # the first pair writes bytecode and warms the file cache
                    taken[name].append(one)
        least, most = (min(millions(folder, words) for _ in range(3)) for words in SIDES.values())
    for name, values in taken.items():
        print(f"{name:<10} median {statistics.median(values):6.1f} ms   10th percentile {tenth(values):6.1f} ms")
    blocked, installed = taken["blocked"], taken["installed"]
    middle = statistics.median(installed) / statistics.median(blocked)
    print(
        f"installed over blocked, {runs} pairs: median {middle:.3f}, "
        f"10th percentile {tenth(installed) / tenth(blocked):.3f}; "
        f"{statistics.median(one - other for one, other in zip(installed, blocked, strict=True)):+.1f} ms in the median"
    )
    if least:
        print(f"instructions: {least:,.1f} million blocked, {most:,.1f} installed, {most / least:.3f} times")


if __name__ == "__main__":
    main()
