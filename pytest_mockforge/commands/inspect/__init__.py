"""Say what is known of a built plugin without running a test.

Exports with their types, imports, the language and what speaks for it, memory, sections with their sizes, how the
operations would be called, what each host of MockForge would do with it and why, and what MockForge's parsers say of a
plugin.yaml beside it. FILE is a .wasm (a module or a component), a .wat, or a plugin's folder.

  python -m pytest_mockforge inspect plugin.wasm
  python -m pytest_mockforge inspect plugin.wasm --json

The module is compiled and instantiated under the limits of a test run, as some rules of the hosts are about that; no
operation is called. Of a file that is broken, what can be read is told, and where it breaks.

exit status: 0 it can be read, whatever hosts would do with it; 1 it is broken, or does not compile; 2 wrong usage
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.commands import DONE, REFUSED, USAGE, refused
from pytest_mockforge.commands.inspect.facts import breakage, facts_of
from pytest_mockforge.commands.inspect.lines import lines_of
from pytest_mockforge.errors import SetupError, SpecError
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.opening import Means, Wanted, effective_limits, open_cache, open_subject
from pytest_mockforge.report.colours import palette_for
from pytest_mockforge.spec import parse_spec


def configure(parser: ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("file", metavar="FILE", help="a .wasm or .wat file, or a plugin's folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument("--all", action="store_true", help="list every export, import and section, however many")


def run(arguments: Namespace) -> int:
    """Look at one file and say what it is."""
    try:
        subject = _opened(arguments.file)
    except SetupError as error:
        return refused(USAGE, error)
    try:
        bench = ModuleBench(subject, limits=effective_limits(Wanted(), subject.manifest), host="adapter")
        facts = facts_of(bench)
        failure = breakage(bench)
    except SetupError as error:
        return refused(USAGE, error)
    finally:
        subject.close()
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(facts), indent=2).decode() + "\n")
    else:
        shown = lines_of(facts, palette_for(sys.stdout), most=None if arguments.all else 40)
        sys.stdout.write("\n".join(shown) + "\n")
    if failure is None:
        return DONE
    return REFUSED if arguments.json else refused(REFUSED, failure)


def _opened(text: str) -> ModuleSubject:
    here = Path.cwd()
    spec = parse_spec(text, here)
    if spec.address:
        raise SpecError(f"{text!r} is the address of a service, which has no module", hint="name a .wasm file")
    subject = open_subject(spec, Means(cache=open_cache(None, here)))
    if not isinstance(subject, ModuleSubject):
        subject.close()
        raise SpecError(f"{text!r} is the folder of a service, which has no module", hint="name a .wasm file")
    return subject
