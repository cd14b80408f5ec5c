"""The commands of `python -m pytest_mockforge`: a module each, found by being here.

Such a module has a docstring, which is the command's help and begins with a line that stands alone; `configure`, which
adds its arguments to a parser; and `run`, which gives the exit status. They know files and the terminal, not pytest.
"""

from __future__ import annotations

import ast
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.base import Limits
    from pytest_mockforge.subject import Subject


DONE, REFUSED, USAGE = 0, 1, 2
"""Exit statuses; argparse itself ends with `USAGE`."""


class Command(Protocol):
    """What a module in this package offers."""

    __doc__: str | None

    @staticmethod
    def configure(parser: ArgumentParser) -> None:
        """Add the command's own arguments."""

    @staticmethod
    def run(arguments: Namespace) -> int:
        """Do what was asked for and give the exit status."""
        ...


def names() -> tuple[str, ...]:
    """The commands there are, in alphabetical order."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def help_of(name: str) -> str:
    """Give a command's docstring out of its source: `doctor` has to run where a library that others need is missing."""
    spec = find_spec(f"{__name__}.{name}")
    assert spec is not None
    assert spec.origin is not None
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text("utf-8"))) or ""


def command(name: str) -> Command:
    """Give one of them."""
    return cast("Command", import_module(f"{__name__}.{name}"))


def add_plugin_arguments(parser: ArgumentParser) -> None:
    """Add what says how a plugin is opened, as the options of pytest say it."""
    # Not at the top of the file: not every command needs the engine.
    from pytest_mockforge.opening import DIALECTS, HOSTS

    parser.add_argument("--host", choices=HOSTS, default="adapter", help="whose rules hold (default: adapter)")
    parser.add_argument("--dialect", choices=DIALECTS, default="auto", help="the JSON that is spoken (default: auto)")
    for name, example in (("fuel", "200k"), ("memory", "64MiB"), ("timeout", "5s")):
        parser.add_argument(f"--{name}", metavar=name.upper(), help=f"the limit of a call, such as {example}")
    parser.add_argument("--cache", metavar="DIR", help="folder for compiled modules, or off")


@contextmanager
def opened(arguments: Namespace) -> Iterator[tuple[Subject, Limits]]:
    """Give what the arguments name, not called yet, with its limits. Raises SetupError for what they say of it."""
    from pytest_mockforge.opening import Means, effective_limits, open_cache, open_subject, read_wanted
    from pytest_mockforge.spec import parse_spec

    here = Path.cwd()
    wanted = read_wanted("--", fuel=arguments.fuel, memory=arguments.memory, timeout=arguments.timeout)
    allowed = bool(getattr(arguments, "allow_commands", False))
    means = Means(cache=open_cache(arguments.cache, here), allow_commands=allowed)
    subject = open_subject(parse_spec(arguments.plugin, here), means)
    try:
        if subject.testfile_error is not None:
            raise subject.testfile_error
        yield subject, effective_limits(wanted, subject.manifest)
    finally:
        subject.close()


def refused(status: int, error: Exception) -> int:
    """Say on stderr what went wrong, without what looks like a secret, and give the status."""
    from pytest_mockforge.masking import Redactor
    from pytest_mockforge.report.text import harmless

    text = Redactor().text(f"error: {error}")
    sys.stderr.write("".join(f"{harmless(line)}\n" for line in text.splitlines()))
    return status
