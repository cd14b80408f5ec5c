"""Say whether this machine has what pytest-mockforge needs.

Python and the libraries with their versions, the extras and how to install what is missing, whether pytest will find
the plugin, whether the WebAssembly engine does all that is relied on (tried on tiny modules), the folder of compiled
modules, and the compilers that are at hand. Nothing is installed or changed.

  python -m pytest_mockforge doctor
  python -m pytest_mockforge doctor --json

Each line is one of
  ok        it is there and does what it should
  absent    it is not there, and is not needed; extras say how to install them
  warning   it works, but not as well as it could
  problem   it is needed, and is missing or does not work

exit status: 0 nothing that is needed is missing; 1 something is; 2 wrong usage
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from pytest_mockforge.commands import DONE, REFUSED
from pytest_mockforge.commands.doctor.engine import cache_facts, engine_facts
from pytest_mockforge.commands.doctor.fact import Fact, State
from pytest_mockforge.commands.doctor.installed import extra_facts, plugin_facts, version_facts
from pytest_mockforge.commands.doctor.tools import tool_facts
from pytest_mockforge.report.colours import Colour, Palette, palette_for
from pytest_mockforge.report.text import cells, counted, harmless

SCHEMA = "pytest-mockforge-doctor/1"
"""Names what --json prints. A key that is added keeps the version, any other change raises it."""

_SECTIONS: dict[str, Callable[[], Iterator[Fact]]] = {
    "versions": version_facts,
    "extras": extra_facts,
    "pytest": plugin_facts,
    "engine": engine_facts,
    "compiled modules": cache_facts,
    "compilers and tools": tool_facts,
}
_COLOURS: dict[State, Colour] = {"ok": "green", "absent": "dim", "warning": "yellow", "problem": "red"}


def configure(parser: ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")


def run(arguments: Namespace) -> int:
    """Find out what is there and say it."""
    found = {section: tuple(facts()) for section, facts in _SECTIONS.items()}
    problems = sum(fact.state == "problem" for facts in found.values() for fact in facts)
    if arguments.json:
        said = {"schema": SCHEMA, "ok": not problems, "sections": {name: _plain(some) for name, some in found.items()}}
        sys.stdout.write(json.dumps(said, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(found, problems, palette_for(sys.stdout))) + "\n")
    return REFUSED if problems else DONE


def _plain(facts: Sequence[Fact]) -> list[dict[str, str]]:
    return [asdict(fact) for fact in facts]


def _lines(found: dict[str, tuple[Fact, ...]], problems: int, paint: Palette) -> Iterator[str]:
    width = max(cells(harmless(fact.name)) for facts in found.values() for fact in facts)
    for section, facts in found.items():
        yield paint(section, "bold")
        for fact in facts:
            name = harmless(fact.name)
            gap = " " * (width - cells(name))
            yield f"  {paint(f'{fact.state:<7}', _COLOURS[fact.state])}  {name}{gap}  {harmless(fact.value)}"
            if fact.hint:
                yield f"  {' ' * 7}  {' ' * width}  hint: {harmless(fact.hint)}"
    if problems:
        yield paint(f"{counted(problems, 'problem', 'problems')}: what is needed is missing", "red")
    else:
        yield paint("all that is needed is there", "green")
