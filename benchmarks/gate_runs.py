"""Do gates on budgets fail when they should, and only then? Whole pytest runs against a baseline, under other load.

    python benchmarks/gate_runs.py [RUNS]

Not for CI: 50 runs of each kind take a quarter of an hour. The module is the Rust reference plugin:

- *itself*: with 0 to 5 dead functions in front of its own, which changes nothing but where code lies; all operations;
- *costlier*: `authenticate` uses 10 % more fuel, by a loop in front of it;
- *slower*: `authenticate` takes 30 % more time, by a longer one; how long is measured before, under the same load.

The load are processes, one a processor, that work and pause in turn. A run is one `pytest` with the budgets below; its
summary is read, as a user reads it. Exits with 1 unless there is no false failure, and all of the costlier and 48 in 50
of the slower ones are found.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from pytest_mockforge import RequestBuilder, load
from pytest_mockforge.budgets.measure import measure_time
from pytest_mockforge.budgets.side import ModuleCode, Side
from pytest_mockforge.budgets.variants import Rewriting
from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.wasm.adapt_sections import (
    CODE,
    EXPORT,
    FUNCTION,
    TYPE,
    Layout,
    appended,
    count_of,
    read_exports,
    reader,
    repointed,
    signed,
    unsigned,
)
from pytest_mockforge.runtimes.wasm.externs import FuncType, read_types

RUST = Path(__file__).parent.parent / "fixtures" / "reference" / "rust"
MODULE = (RUST / "plugin.wasm").read_bytes()
AUTH = Operation.AUTHENTICATE
REQUEST = RequestBuilder().auth(query={"token": "alpha"}, uri="/api/users")
TIME = ("p95<1.10x baseline", "median<1.10x baseline")
FUEL = "fuel<1.05x baseline"
_MULTIPLIER, _INCREMENT = 1_664_525, 1_013_904_223
_LOAD = """
import os, random, time
parent = os.getppid()
while os.getppid() == parent:
    until = time.monotonic() + random.uniform(0.01, 0.3)
    while time.monotonic() < until:
        sum(range(1000))
    time.sleep(random.uniform(0, 0.1))
"""


def costlier(turns: int) -> bytes:
    """Give the module with a loop in front of `authenticate` that goes round so many times.

    The loop runs a generator of pseudo-random numbers up to the number that stands so many steps away, so that no
    compiler can leave a step out.
    """
    layout = Layout(memoryview(MODULE))
    target = 1
    for _ in range(turns):
        target = (target * _MULTIPLIER + _INCREMENT) % 2**32
    end = target - 2**32 if target >= 2**31 else target
    found = next(entry for entry in read_exports(layout.body(EXPORT)) if entry.name == AUTH.value)
    types: list[FuncType | None] = []
    read_types(reader(layout.body(TYPE)), types)
    # One local from 1; loop: local = local * a + b; again unless it is the target; then the operation itself.
    body = bytes.fromhex("01 01 7f 41 01 21 02 03 40 20 02 41") + signed(_MULTIPLIER) + bytes.fromhex("6c 41")
    body += (
        signed(_INCREMENT) + bytes.fromhex("6a 22 02 41") + signed(end) + bytes.fromhex("47 0d 00 0b 20 00 20 01 10")
    )
    body += unsigned(found.index) + b"\x0b"
    index = count_of(layout.body(FUNCTION))
    layout.replace(TYPE, appended(layout.body(TYPE), [bytes.fromhex("60 02 7f7f 02 7f7f")]))
    layout.replace(FUNCTION, appended(layout.body(FUNCTION), [unsigned(len(types))]))
    layout.replace(EXPORT, repointed(layout.body(EXPORT), {AUTH.value: index}, {}))
    layout.replace(CODE, appended(layout.body(CODE), [unsigned(len(body)) + body]))
    return layout.render()


def fuel_of(folder: Path, data: bytes) -> int:
    """Give the fuel of one call."""
    path = folder / "fuel.wasm"
    path.write_bytes(data)
    with load(path, cache="off") as plugin:
        return plugin.observe(REQUEST).fuel or 0


def time_ratio(data: bytes) -> float:
    """Give how many times as long a call takes as one of the module itself."""
    sides = [
        Side(
            label=label,
            dialect=HostDialect(),
            requests={AUTH: (REQUEST,)},
            module=ModuleCode(data=code, adapter="rust"),
        )
        for label, code in (("itself", MODULE), ("other", data))
    ]
    found = measure_time(sides, [AUTH], samples=4000, seconds=20.0, variants=10)
    if reasons := [found[label][AUTH].reason for label in found if found[label][AUTH].reason]:
        raise SystemExit(f"time cannot be measured: {reasons[0]}")
    one, other = ([median(variant) for variant in found[label][AUTH].seconds] for label in ("itself", "other"))
    return median(mine / its for mine, its in zip(other, one, strict=True))


def turns_for_fuel(folder: Path, factor: float) -> int:
    """Give the turns that make a call cost so many times its fuel, at least."""
    base = fuel_of(folder, MODULE)
    few, many = (fuel_of(folder, costlier(turns)) for turns in (100, 1100))
    return -int(-(factor * base - few) * 1000 // (many - few)) + 100


def time_ratios(data: bytes) -> list[float]:
    """Measure a module several times, as a neighbour's load moves single figures by a third; sorted."""
    return sorted(time_ratio(data) for _ in range(5))


def turns_for_time(factor: float) -> int:
    """Give the turns that make a call take about so many times as long: searched until two measures in turn say so."""
    turns, agreed = 1500, 0
    for _ in range(12):
        found = median(time_ratios(costlier(turns)))
        agreed = agreed + 1 if abs(found - factor) < 0.02 else 0
        if agreed == 2:
            return turns
        turns = turns if agreed else round(turns * (factor - 1) / max(found - 1, 0.01))
    raise SystemExit(f"no module is found that takes {factor} times as long: other load comes and goes")


@contextmanager
def load_of_others() -> Iterator[None]:
    """Keep every processor at work, with pauses."""
    processes = [subprocess.Popen([sys.executable, "-c", _LOAD]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def gate(folder: Path, baseline: bytes, module: bytes, *budgets: str) -> dict[str, str]:
    """Run pytest once, and give each budget's outcome."""
    (folder / "plugin.wasm").write_bytes(module)
    (folder / "baseline.wasm").write_bytes(baseline)
    words = [f"--mockforge-plugin=new={folder / 'plugin.wasm'}", f"--mockforge-baseline={folder / 'baseline.wasm'}"]
    words += ["--mockforge-checks=MF5", "-p", "mockforge", "-p", "no:cacheprovider", "-v"]
    words += [f"--mockforge-budget={budget}" for budget in budgets]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "XDG_CACHE_HOME": str(folder / "cache")}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    outcomes = {}
    for budget in budgets:
        found = re.search(rf"^\s*(pass|fail|inconclusive) {re.escape(budget)}: ", run.stdout, re.MULTILINE)
        outcomes[budget] = found[1] if found else "nothing said"
    if (run.returncode == 1) != ("fail" in outcomes.values()) or "nothing said" in outcomes.values():
        print(run.stdout, run.stderr, file=sys.stderr)
    return outcomes


def main() -> int:
    """Run all three kinds and print how often each budget came out how."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory(prefix="gate-runs-") as name:
        folder = Path(name)
        for beside in ("plugin.yaml", "plugin.test.yaml"):
            (folder / beside).write_bytes((RUST / beside).read_bytes())
        dear = costlier(turns_for_fuel(folder, 1.10))
        print(f"costlier: {fuel_of(folder, dear) / fuel_of(folder, MODULE):.3f} times the fuel", flush=True)
        rewriting = Rewriting(MODULE)
        kept = True
        with load_of_others():
            # Under load, as the loop and the plugin's own code are not slowed alike by a neighbour on the same core.
            slow = costlier(turns_for_time(1.30))
            least, *_, most = ratios = time_ratios(slow)
            print(f"slower: {median(ratios):.2f} ({least:.2f} to {most:.2f}) times as long, under load", flush=True)
            kinds = (
                ("itself", [MODULE, *(rewriting.moved(count) for count in range(1, 6))], (*TIME, FUEL)),
                ("costlier", [dear], (f"authenticate: {FUEL}",)),
                ("slower", [slow], tuple(f"authenticate: {budget}" for budget in TIME)),
            )
            for kind, modules, budgets in kinds:
                counted: dict[str, Counter[str]] = {budget: Counter() for budget in budgets}
                for number in range(runs):
                    for budget, outcome in gate(folder, MODULE, modules[number % len(modules)], *budgets).items():
                        counted[budget][outcome] += 1
                for budget, counts in counted.items():
                    kept = kept and promised(kind, counts, runs)
                    said = ", ".join(f"{counts[word]} {word}" for word in ("pass", "fail", "inconclusive"))
                    print(f"{kind}: {budget}: of {runs} runs {said}", flush=True)
    return 0 if kept else 1


def promised(kind: str, counts: Counter[str], runs: int) -> bool:
    """Tell whether a kind came out as it should."""
    least = {"itself": 0, "costlier": runs, "slower": 48 * runs // 50}[kind]
    return not counts["nothing said"] and (counts["fail"] == 0 if kind == "itself" else counts["fail"] >= least)


if __name__ == "__main__":
    sys.exit(main())
