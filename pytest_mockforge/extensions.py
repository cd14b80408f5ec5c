"""What other packages add to a run through our hooks, gathered and judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.errors import SetupError

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.host_services import ImportedFunction


def take_host_functions(config: pytest.Config) -> None:
    """Ask the hook for host functions, and keep them for every plugin of the run. Raises pytest.UsageError.

    Where nobody implements the hook nothing is imported and nothing kept.
    """
    results: list[object] = config.hook.pytest_mockforge_host_functions(config=config)
    if not results:
        return
    # Not at the top of the file: this brings in the engine.
    from pytest_mockforge.active import state_of
    from pytest_mockforge.runtimes.wasm.catalogue import refuse_conflicts

    try:
        functions = tuple(function for result in results for function in _functions(result))
        refuse_conflicts(functions)
    except SetupError as error:
        raise pytest.UsageError(f"mockforge: {error}") from None
    state_of(config).services.functions = functions


def _functions(result: object) -> Iterator[ImportedFunction]:
    from pytest_mockforge.runtimes.host_services import ImportedFunction

    for function in result if isinstance(result, list | tuple) else [result]:
        if not isinstance(function, ImportedFunction):
            raise SetupError(
                f"pytest_mockforge_host_functions gave {function!r:.100}, which is no ImportedFunction",
                hint="give a list of pytest_mockforge.ImportedFunction",
            )
        yield function
