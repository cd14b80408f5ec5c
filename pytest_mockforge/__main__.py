"""Tools for authors of MockForge plugins, beside the pytest plugin.

pytest runs the tests; `pytest --help` lists its options. Each command here explains itself with --help.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence

from pytest_mockforge import commands


def main(words: Sequence[str] | None = None) -> int:
    """Run one command: `words` are those after the program's name. Gives the exit status; usage errors exit with 2."""
    parser = ArgumentParser(
        prog="python -m pytest_mockforge", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    given = sys.argv[1:] if words is None else words
    for name in commands.names():
        text = commands.help_of(name)
        summary = text.partition("\n")[0]
        choice = choices.add_parser(
            name,
            help=summary[:1].lower() + summary[1:].rstrip("."),
            description=text,
            formatter_class=RawDescriptionHelpFormatter,
        )
        if name in given[:1]:
            try:
                commands.command(name).configure(choice)
            except ImportError as error:
                sys.stderr.write(f"error: {name} cannot be loaded: {error}\n  hint: {parser.prog} doctor\n")
                return commands.USAGE
    arguments = parser.parse_args(given)
    return commands.command(arguments.command).run(arguments)


if __name__ == "__main__":
    sys.exit(main())
