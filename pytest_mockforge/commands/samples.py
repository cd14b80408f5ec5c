"""Make samples of what a run recorded.

`samples import RECORDING` turns each request of a recording (--mockforge-record) into a sample: the request, whether it
was accepted, and what the reply held each time it was asked. Without --into they are printed, ready to be pasted under
`samples:` of a plugin.test.yaml; with it they are added to that file, in which nothing else changes. Requests that the
file has already are passed over. --label NAME takes the calls of one plugin alone, --no-replies expects no reply.

A request in which a secret was masked is left out, unless a sample of the file has that secret; so is one that came to
a trap or another failure, and one that was not answered the same each time. Each is named with file and line.

exit status: 0 done; 1 a line could not be read or made a sample, or the file cannot be changed safely, all others are
there; 2 wrong usage, or a file that cannot be read or written
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from pytest_mockforge.commands import DONE, REFUSED, USAGE, refused
from pytest_mockforge.documents.added_samples import NewSample, add_samples, sample_lines
from pytest_mockforge.documents.files import shown
from pytest_mockforge.documents.testfile import EMPTY, read_testfile
from pytest_mockforge.errors import DocumentError
from pytest_mockforge.recording.reading import read_recording
from pytest_mockforge.recording.samples import Imported, samples_from
from pytest_mockforge.report.text import counted, harmless


def configure(parser: ArgumentParser) -> None:
    """Add the command's own arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    action = actions.add_parser("import", help="turn the calls of a recording into samples")
    action.add_argument("recording", metavar="RECORDING", type=Path, help="a file of --mockforge-record")
    action.add_argument("--into", metavar="FILE", type=Path, help="the plugin.test.yaml that they are added to")
    action.add_argument("--label", metavar="NAME", help="only calls of the plugin that was recorded under this label")
    action.add_argument("--no-replies", action="store_true", help="expect the outcome alone, and no reply")


def run(arguments: Namespace) -> int:
    """Import, and say what came of it."""
    into: Path | None = arguments.into
    try:
        recording = read_recording(arguments.recording)
        testfile = read_testfile(into) if into is not None and into.exists() else EMPTY
        labels = sorted({line.call.plugin for line in recording.lines})
        if arguments.label is not None and arguments.label not in labels:
            raise DocumentError(
                f"{shown(arguments.recording)}: holds no call of {arguments.label!r}",
                hint=f"its labels are {', '.join(labels) or 'none'}",
            )
        imported = samples_from(recording, testfile, label=arguments.label, replies=not arguments.no_replies)
        for problem in (*recording.problems, *imported.refused):
            sys.stderr.write(f"{harmless(problem)}\n")
        status = REFUSED if recording.problems or imported.refused else DONE
        return status if _given(into, imported.samples, imported) else REFUSED
    except DocumentError as error:
        return refused(USAGE, error)
    except OSError as error:
        return refused(USAGE, OSError(f"{shown(into or arguments.recording)}: {error.strerror or error}"))


def _given(into: Path | None, samples: Sequence[NewSample], imported: Imported) -> bool:
    """Add samples to a file, or print them; False where they should have been added and could not."""
    added = into is not None and (not samples or add_samples(into, samples))
    if not added and samples:
        sys.stdout.write("\n".join(["samples:", *sample_lines(samples), ""]))
    if into is None:
        return True
    if not added:
        text = f"error: {shown(into)} cannot be changed without a risk to what it says\n  hint: add what is printed\n"
        sys.stderr.write(text)
        return False
    parts = [counted(len(samples), "sample", "samples") + " added"]
    parts += [f"{imported.known:,} there already"] if imported.known else []
    parts += [f"{len(imported.refused):,} left out"] if imported.refused else []
    sys.stdout.write(f"{shown(into)}: {', '.join(parts)}\n")
    return True
