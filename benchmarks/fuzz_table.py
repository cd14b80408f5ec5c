"""Which planted bugs does the fuzzing find, by seed, and does it leave the clean reference plugins alone?

    python benchmarks/fuzz_table.py [--seeds=10] [--only=TEXT]… [--clean | --bugs] [--quick]

Prints a row a plugin and a column a seed: `+` where the oracle of a planted bug found it, `-` where it did not, and of
a clean plugin the codes of what was found, `.` for nothing. Leaves with 1 unless the table is as it should be.
Clean plugins get the examples and the time of a default run, planted bugs the examples that bugs.yaml gives them.
`--quick` takes one seed alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import msgspec

from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.documents import yaml12
from pytest_mockforge.fuzz.model import EXAMPLES, SECONDS, FuzzOptions, FuzzReport
from pytest_mockforge.opening import Means, open_subject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.spec import parse_spec
from pytest_mockforge.subject import Subject

ROOT = Path(__file__).resolve().parents[1]
_PATIENCE = 30.0
"""Seconds for a planted bug: its budget is examples, which a busy machine must not cut."""
CLEAN = ("rust", "tinygo", "assemblyscript", "c", "go")


class Bug(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `fixtures/buggy/bugs.yaml`."""

    name: str
    spec: str
    code: str
    detail: str = ""
    examples: int = EXAMPLES


def main() -> int:
    """Print the table; give the exit status."""
    options = _options()
    sys.path.insert(0, str(ROOT))  # where the planted services are imported from
    seeds = range(1, 2 if options.quick else options.seeds + 1)
    right = True
    if not options.bugs:
        print(f"clean plugins, seeds {seeds[0]} to {seeds[-1]}")
        for language in CLEAN:
            if _chosen(language, options.only):
                right &= _clean_row(language, seeds)
    listed = ROOT / "fixtures" / "buggy" / "bugs.yaml"
    if not options.clean and listed.exists():
        print(f"planted bugs, seeds {seeds[0]} to {seeds[-1]}")
        for bug in msgspec.convert(_entries(listed), list[Bug]):
            if _chosen(bug.name, options.only) or (options.only and _chosen(bug.spec, options.only)):
                right &= _bug_row(bug, seeds)
    return 0 if right else 1


def _entries(path: Path) -> object:
    value = yaml12.load(path).value
    return value["bugs"] if isinstance(value, dict) else value


def _clean_row(language: str, seeds: range) -> bool:
    cells, seconds, right = [], 0.0, True
    with _opened(f"fixtures/reference/{language}") as subject:
        for seed in seeds:
            report = _fuzzed(subject, seed, EXAMPLES)
            codes = sorted({f"{found.code} {found.detail}" for found in report.discoveries})
            cells.append(", ".join(codes) or ".")
            seconds += report.seconds
            right &= not codes
    print(f"  {language:28} {' '.join(cells)}  {seconds / len(seeds):.1f} s each, our share {report.our_share:.0%}")
    return right


def _bug_row(bug: Bug, seeds: range) -> bool:
    cells, others, right, seconds = [], set(), True, 0.0
    with _opened(bug.spec) as subject:
        for seed in seeds:
            report = _fuzzed(subject, seed, bug.examples, _PATIENCE)
            hits = [found for found in report.discoveries if found.code == bug.code]
            hit = any(not bug.detail or found.detail == bug.detail for found in hits)
            cells.append("+" if hit else "-")
            others |= {found.code for found in report.discoveries} - {bug.code}
            seconds += report.seconds
            right &= hit
    also = f", also {', '.join(sorted(others))}" if others else ""
    print(f"  {bug.name:28} {bug.code} {' '.join(cells)}  {seconds / len(seeds):.1f} s each{also}", flush=True)
    return right


def _fuzzed(subject: Subject, seed: int, examples: int, seconds: float = SECONDS) -> FuzzReport:
    bench = open_bench(subject, limits=Limits(), host="adapter", dialect="auto")
    bench.fuzz_options = FuzzOptions(seed=seed, examples=examples, seconds=seconds)
    try:
        return bench.fuzz
    finally:
        bench.close()


@contextmanager
def _opened(text: str) -> Iterator[Subject]:
    subject = open_subject(parse_spec(text, ROOT), Means(cache=None, allow_commands=True, progress=None))
    started = perf_counter()
    try:
        yield subject
    finally:
        subject.close()
    if perf_counter() - started > 600:
        print(f"  {text} took more than ten minutes", file=sys.stderr)


def _chosen(name: str, only: list[str]) -> bool:
    return not only or any(text in name for text in only)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--bugs", action="store_true")
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
