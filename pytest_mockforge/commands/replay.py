"""Try what fuzzing found earlier on a plugin once more.

DIR is a corpus, the folder of --mockforge-corpus: a JSON file for each finding. Each is tried on the plugin as it is
now, by the same rule that found it, and said to be one of:

  still fails          with what happens now
  still noted          the same where a warning or a note is all there is to it, as of a plugin that is stateful
  mended               it happens no more
  cannot be replayed   a file that is no case, an operation that the plugin does not have, a secret that was masked

Secrets of the samples in the plugin's plugin.test.yaml are masked in the corpus and put back for the calls; the plugin
is opened as `pytest --mockforge-plugin=SPEC` opens it.

exit status: 0 all are mended or noted; 1 something still fails, or the plugin cannot be loaded; 2 wrong usage, or
something cannot be replayed
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_mockforge.commands import DONE, REFUSED, USAGE, add_plugin_arguments, opened, refused
from pytest_mockforge.documents.files import shown
from pytest_mockforge.errors import LoadFailure, SetupError
from pytest_mockforge.fuzz.corpus import CorpusReading, Kept, read
from pytest_mockforge.fuzz.replaying import Replay, replay
from pytest_mockforge.masking import Redactor, named_secrets
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.report.text import counted, harmless
from pytest_mockforge.subject import Subject

Outcome = dict[str, object]
"""What is said of one file."""

_MASKED = "a secret was masked in it; name it in a sample of plugin.test.yaml"


def configure(parser: ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="the corpus")
    parser.add_argument("--plugin", metavar="SPEC", required=True, help="the plugin, as --mockforge-plugin names it")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    add_plugin_arguments(parser)
    parser.add_argument(
        "--allow-commands", action="store_true", help="let plugin.test.yaml start the service that it tells of"
    )


def run(arguments: Namespace) -> int:
    """Replay a corpus and say what became of each case."""
    try:
        with (
            opened(arguments) as (subject, limits),
            Plugin(subject, limits=limits, host=arguments.host, dialect=arguments.dialect) as plugin,
        ):
            secrets = named_secrets((sample.name, sample.request) for sample in subject.testfile.samples)
            reading = read(arguments.folder, secrets=secrets)
            outcomes = _outcomes(subject, plugin, reading, secrets)
            said = _as_json if arguments.json else _as_lines
            return said(plugin.label, outcomes)
    except LoadFailure as failure:
        return refused(REFUSED, failure)
    except SetupError as error:
        return refused(USAGE, error)


def _outcomes(
    subject: Subject, plugin: Plugin, reading: CorpusReading, secrets: Mapping[str, str]
) -> Iterator[Outcome]:
    redactor = Redactor(secrets, by_name=False)
    for problem in reading.problems:
        yield {"file": shown(problem.path), "verdict": "cannot be replayed", "reason": problem.reason}
    for kept in reading.kept:
        testfile = subject.testfile
        result = replay(plugin, kept.discovery, volatile=testfile.volatile, stateful=testfile.stateful)
        yield _outcome(kept, result, redactor)


def _outcome(kept: Kept, result: Replay, redactor: Redactor) -> Outcome:
    told: Outcome = {"file": shown(kept.path), "code": kept.discovery.code, "detail": kept.discovery.detail}
    if result.found is not None:
        found = result.found
        verdict = "still fails" if found.severity == "error" else "still noted"
        words = {"message": f"{found.code} {found.message}", "expected": found.expected, "got": found.got}
        told |= {"verdict": verdict, **{name: redactor.text(text) for name, text in words.items() if text}}
    elif result.reason or kept.masked:
        told |= {"verdict": "cannot be replayed", "reason": redactor.text(result.reason) or _MASKED}
    else:
        told |= {"verdict": "mended"}
    return told


def _as_lines(label: str, outcomes: Iterator[Outcome]) -> int:
    counts: dict[str, int] = {}
    for told in outcomes:
        verdict = str(told["verdict"])
        counts[verdict] = counts.get(verdict, 0) + 1
        because = told.get("message") or told.get("reason")
        line = f"{told['file']}: {verdict}" + (f": {because}" if because else "")
        details = [f"  {name}: {harmless(str(told[name]))}" for name in ("expected", "got") if name in told]
        _say(harmless(line), *details)
    parts = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(counts.items()))
    _say(f"{label}: {counted(sum(counts.values()), 'case', 'cases')}" + (f", {parts}" if parts else ""))
    return _status(counts)


def _as_json(label: str, outcomes: Iterator[Outcome]) -> int:
    cases = list(outcomes)
    counts: dict[str, int] = {}
    for told in cases:
        counts[str(told["verdict"])] = counts.get(str(told["verdict"]), 0) + 1
    _say(json.dumps({"plugin": label, "cases": cases, "counts": counts}, indent=2, sort_keys=True))
    return _status(counts)


def _status(counts: Mapping[str, int]) -> int:
    if counts.get("still fails"):
        return REFUSED
    return USAGE if counts.get("cannot be replayed") else DONE


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
