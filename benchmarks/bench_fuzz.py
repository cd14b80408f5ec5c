"""How many examples a second does the search try, beside Hypothesis that draws the same requests for nobody?

    python benchmarks/bench_fuzz.py [ROUNDS]

On the Rust reference plugin, all four operations, 100 examples of each, both sides in turn. The empty side draws from
the same strategies around the same samples, under the same settings, with nothing to climb towards. `share` is what
calls and checks take of the search: the goal is a third.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import hypothesis
from hypothesis import HealthCheck, Phase

from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.fuzz.draws import undisturbed
from pytest_mockforge.fuzz.model import EXAMPLES, FuzzOptions, FuzzReport
from pytest_mockforge.fuzz.strategies import requests
from pytest_mockforge.opening import Means, open_subject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.spec import parse_spec

ROOT = Path(__file__).resolve().parents[1]
_PATIENCE = 60.0


def main() -> None:
    """Print a line a side: examples a second, the median and the 10th percentile of the rounds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    subject = open_subject(parse_spec("fixtures/reference/rust", ROOT), Means(cache=None))
    empty, ours, shares, whole = [], [], [], []
    try:
        for seed in range(1, rounds + 1):
            bench = open_bench(subject, limits=Limits(), host="adapter", dialect="auto")
            empty.append(_drawn(bench.sample_requests, seed))
            report = _searched(bench, seed)
            ours.append(report.tried / report.seconds_search)
            shares.append(report.our_share)
            whole.append(report.seconds)
            bench.close()
    finally:
        subject.close()
    print(f"{rounds} rounds of {EXAMPLES} examples of each operation")
    for name, rates in (("empty body", empty), ("search", ours)):
        print(f"{name:12} {statistics.median(rates):7.0f} ({sorted(rates)[len(rates) // 10]:.0f}) examples a second")
    print(f"share of calls and checks {statistics.median(shares):.0%}; a whole run {statistics.median(whole):.1f} s")


def _searched(bench: Bench, seed: int) -> FuzzReport:
    bench.fuzz_options = FuzzOptions(seed=seed, examples=EXAMPLES, seconds=_PATIENCE)
    report = bench.fuzz
    if report.discoveries or report.exhausted:
        sys.exit(f"the run is no measure: {report.discoveries or 'time cut it'}")
    return report


def _drawn(samples: Sequence[Request], seed: int) -> float:
    """Draw as the search draws; give examples a second."""
    drawn, seconds = 0, 0.0
    for operation in Operation:
        made = requests(operation, samples=[sample for sample in samples if sample.operation is operation])

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(made)
        def search(_: Request) -> None:
            nonlocal drawn
            drawn += 1

        with undisturbed():
            started = perf_counter()
            search()
            seconds += perf_counter() - started
    return drawn / seconds


if __name__ == "__main__":
    main()
