"""`--mockforge-explain`: the page of one check."""

from __future__ import annotations

import sys

import pytest

from pytest_mockforge.checks.registry import find
from pytest_mockforge.errors import SettingsError


def print_page(code: str) -> int:
    """Print the page and give exit status 0. Raises pytest.UsageError that lists the codes."""
    try:
        page = find(code).page
    except SettingsError as error:
        raise pytest.UsageError(f"mockforge: {error}") from None
    sys.stdout.write(page + "\n")
    return int(pytest.ExitCode.OK)
