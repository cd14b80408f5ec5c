"""A fuzz run of what is on a bench, with the replay corpus before and after it: for the checks, and for tests.

Knows nothing of what they make of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.errors import DocumentError
from pytest_mockforge.fuzz.growth import border
from pytest_mockforge.fuzz.model import Case, FuzzOptions, FuzzReport
from pytest_mockforge.fuzz.seeds import default_seed
from pytest_mockforge.masking import named_secrets

if TYPE_CHECKING:
    from pytest_mockforge.checks.bench import Bench
    from pytest_mockforge.plugin_under_test import Plugin

_MOST_PROBLEMS = 5


def fuzzed(
    bench: Bench,
    *,
    plugin: Plugin | None = None,
    options: FuzzOptions | None = None,
    operations: Iterable[Operation] | None = None,
    samples: Sequence[Request] = (),
) -> FuzzReport:
    """Fuzz the plugin on a bench as its options say; what a corpus holds of this plugin is tried first.

    A test may have another view of the plugin, under limits of its own, other options, fewer operations, and samples
    beside those of plugin.test.yaml.
    """
    from pytest_mockforge.fuzz.draws import undisturbed
    from pytest_mockforge.fuzz.engine import fuzz

    plugin, options = plugin or bench.plugin, options or bench.fuzz_options
    testfile = bench.subject.testfile
    secrets = named_secrets((sample.name, sample.request) for sample in testfile.samples)
    earlier, notes = _earlier(plugin, options.corpus, secrets) if options.corpus is not None else ((), ())
    with undisturbed():
        report = fuzz(
            plugin,
            operations=bench.operations if operations is None else operations,
            seed=default_seed(bench.content) if options.seed is None else options.seed,
            examples=options.examples,
            seconds=options.seconds,
            samples=[*samples, *bench.sample_requests],
            volatile=testfile.volatile,
            stateful=testfile.stateful,
            wire=options.wire,
            growth=border(testfile.growth),
            earlier=earlier,
            progress=bench.progress,
        )
    if options.corpus is not None:
        notes = (*notes, *_kept(options.corpus, report, secrets))
    return msgspec.structs.replace(report, notes=(*report.notes, *notes))


def _earlier(
    plugin: Plugin, folder: Path, secrets: Mapping[str, str]
) -> tuple[Sequence[tuple[Case, Sequence[Case]]], tuple[str, ...]]:
    from pytest_mockforge.fuzz.corpus import read

    if not folder.exists():
        return (), ()
    try:
        reading = read(folder, secrets=secrets)
    except DocumentError as error:
        return (), (str(error),)
    dialect = plugin.dialect
    cases = [(found.case, found.before) for found in reading.cases if found.dialect == dialect]
    problems = [f"{problem.path}: {problem.reason}" for problem in reading.problems]
    more = [f"{len(problems) - _MOST_PROBLEMS:,} more problems of the corpus"] if len(problems) > _MOST_PROBLEMS else []
    return cases, (*problems[:_MOST_PROBLEMS], *more)


def _kept(folder: Path, report: FuzzReport, secrets: Mapping[str, str]) -> tuple[str, ...]:
    from pytest_mockforge.fuzz.corpus import write

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for discovery in report.discoveries:
            write(folder, discovery, secrets=secrets)
    except (DocumentError, OSError) as error:
        return (f"nothing is kept in the corpus: {error}",)
    return ()
