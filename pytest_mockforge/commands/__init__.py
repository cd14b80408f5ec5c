"""The commands of `python -m pytest_mockforge`: a module each, found by being here.

Such a module has a docstring, which is the command's help and begins with a line that stands alone; `configure`, which
adds its arguments to a parser; and `run`, which gives the exit status. They know files and the terminal, not pytest.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

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


def command(name: str) -> Command:
    """Give one of them."""
    return cast("Command", import_module(f"{__name__}.{name}"))
