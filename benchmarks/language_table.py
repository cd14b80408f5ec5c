"""The same behaviour in every language, side by side: what each reference plugin weighs, and what its calls cost.

    python benchmarks/language_table.py [SAMPLES]

Prints a Markdown table. All of it is measured as budgets measure it, on the samples that the plugins share: fuel and
memory exactly, time on the plain engine, the modules in turns with each other, each in five layouts, and so the
services. A ratio to Rust is what `median<1x rust` comes to, and why it comes to nothing stands below the table. Takes
about a minute with the 1,000 samples that it asks for of each operation; run it on a quiet machine, whose load stands
above the table. Services need what the folders under `fixtures/reference` ask for; one that does not start is left out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from pytest_mockforge.budgets.expressions import parse_budgets
from pytest_mockforge.budgets.machine import this_machine
from pytest_mockforge.budgets.measure import measure_time
from pytest_mockforge.budgets.model import Measured, Timing
from pytest_mockforge.budgets.side import Side, side_of
from pytest_mockforge.budgets.statistics import percentile
from pytest_mockforge.budgets.verdicts import Other, judge
from pytest_mockforge.budgets.wording import factor, written
from pytest_mockforge.checks.bench import Bench, Workload
from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.checks.costs import FuelRound
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import PluginFailure
from pytest_mockforge.opening import Means, open_cache, open_subject
from pytest_mockforge.report.text import size
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.spec import parse_spec

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "reference"
MODULES = {"rust": "Rust", "tinygo": "TinyGo", "go": "Go", "assemblyscript": "AssemblyScript", "c": "C"}
SERVICES = {"python-http": "Python, FastAPI", "node-http": "Node, Express", "python-grpc": "Python, gRPC"}
SECONDS = 25.0
"""What one operation may take, over all sides."""
RATIO = parse_budgets("median<1x rust", source="the table")[0]

Timings = Mapping[str, Mapping[Operation, Timing]]


def main() -> int:
    """Print the table."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    machine = this_machine()
    print(f"{machine.system}, {machine.cores} processors, {machine.cpu}; load {os.getloadavg()[0]:.1f} at the start\n")
    problems: list[str] = []
    with ExitStack() as stack:
        modules = _benches(MODULES, stack, problems)
        services = _benches(SERVICES, stack, problems)
        taken = {**_timed(modules, samples), **_timed(services, samples)}
        head = ("", "size", "memory", *Operation)
        print(f"| {' | '.join(head)} |\n| --- | ---: | ---: |{' ---: |' * len(Operation)}")
        for label, bench in (*modules.items(), *services.items()):
            print(f"| {' | '.join(_row(label, bench, taken, problems))} |", flush=True)
    print("\nA cell: fuel of a steady call, p50 / p95, and the median as a multiple of Rust's.")
    print("".join(f"\n{problem}" for problem in problems))
    return 0


def _benches(names: Mapping[str, str], stack: ExitStack, problems: list[str]) -> dict[str, Bench]:
    benches = {}
    for name in names:
        bench = stack.enter_context(_opened(name))
        try:
            missing = bench.missing("operation")
        except PluginFailure as failure:
            missing = failure.message.partition("\n")[0]
        if missing:
            problems.append(f"{name} is left out: {missing}")
        else:
            benches[name] = bench
    return benches


@contextmanager
def _opened(name: str) -> Iterator[Bench]:
    means = Means(cache=open_cache(None, Path.cwd()), allow_commands=True)
    subject = open_subject(parse_spec(f"{name}={FOLDER / name}", FOLDER), means)
    bench = open_bench(subject, limits=Limits(), host="adapter", dialect="auto")
    try:
        yield bench
    finally:
        bench.close()
        subject.close()


def _timed(benches: Mapping[str, Bench], samples: int) -> Timings:
    """Measure all of them in turns."""
    sides = [_side(label, bench) for label, bench in benches.items()]
    cache = open_cache(None, Path.cwd())
    return measure_time(sides, samples=samples, seconds=SECONDS, cache=cache.folder if cache is not None else None)


def _side(label: str, bench: Bench) -> Side:
    requests = {one.operation: one.requests for one in _work(bench)}
    plugin = bench.plugin if bench.subject.kind == "service" else None
    return side_of(bench.subject, requests, plugin=plugin, label=label, host=bench.host, dialect=bench.dialect)


def _work(bench: Bench) -> Iterator[Workload]:
    for operation in bench.operations:
        workload = bench.workload(operation)
        if workload is not None and not workload.only_refusals:
            yield workload


def _row(label: str, bench: Bench, taken: Timings, problems: list[str]) -> Sequence[str]:
    fuel = {work.operation: bench.costs.fuel(work.requests) for work in _work(bench)}
    own = bench.identity["size"]
    initial = bench.identity.get("initial_memory")
    peak = max((one.memory for rounds in fuel.values() for one in rounds), default=None)
    grown = f"+{size(peak - initial)}" if isinstance(initial, int) and peak is not None else "-"
    cells = [_cell(label, operation, fuel.get(operation, ()), taken, problems) for operation in Operation]
    return [{**MODULES, **SERVICES}[label], size(own) if isinstance(own, int) else "-", grown, *cells]


def _cell(label: str, operation: Operation, rounds: Sequence[FuelRound], taken: Timings, problems: list[str]) -> str:
    timing = taken[label].get(operation, Timing())
    if timing.reason:
        problems.append(f"{label}, {operation}: {timing.reason}")
    if not timing.count:
        return "-"
    every = [second for variant in timing.seconds for second in variant]
    time = f"{written(median(every), 'time')} / {written(percentile(every, 0.95), 'time')}"
    if label not in MODULES:
        return time
    verdict = judge(
        RATIO,
        Measured(operation=operation, timing=timing),
        Other(name="rust", measured=Measured(operation=operation, timing=taken["rust"][operation])),
    )
    if verdict.value is None:
        problems.append(f"{label}, {operation}: no ratio: {verdict.reason}")
    ratio = "-" if verdict.value is None else factor(verdict.value)
    return " · ".join((*(f"{one.steady:,}" for one in rounds), time, ratio))


if __name__ == "__main__":
    sys.exit(main())
