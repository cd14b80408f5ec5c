"""Hooks that other packages and conftest.py files implement. Must import nothing but pytest: each run loads this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.host_services import ImportedFunction


@pytest.hookspec
def pytest_mockforge_host_functions(config: pytest.Config) -> Sequence[ImportedFunction] | None:
    """Give Python functions that plugins under test may import, beside those that are always there.

    They answer in every test and in the built-in suite; whether MockForge would link the import is another matter, and
    MF103 tells. Asked once the tests are collected, so that any conftest.py may implement it; a package whose users may
    lack pytest-mockforge marks it `@pytest.hookimpl(optionalhook=True)`. Functions that stand for the same import, or
    for one of ours, are a usage error that names both.

        from pytest_mockforge import ImportedFunction

        def now(memory):
            return 1_700_000_000

        def pytest_mockforge_host_functions(config):
            return [ImportedFunction(module="clock", name="now", function=now, results=["i64"])]
    """
