"""All host functions that are always there, by module and name; a new one is added here.

What other packages add is held against these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from pytest_mockforge.errors import SetupError
from pytest_mockforge.runtimes.host_services import ImportedFunction
from pytest_mockforge.runtimes.wasm import assemblyscript_imports, mockforge_imports, wasi, wasi_files
from pytest_mockforge.runtimes.wasm.imports import HostFunction


@cache
def built_in() -> Mapping[tuple[str, str], HostFunction]:
    """Give our WASI preview 1, AssemblyScript's `env`, and `mockforge:plugin/host`."""
    functions = (
        *wasi.FUNCTIONS,
        *wasi_files.FUNCTIONS,
        *assemblyscript_imports.FUNCTIONS,
        *mockforge_imports.FUNCTIONS,
    )
    return {(function.module, function.name): function for function in functions}


def refuse_conflicts(functions: Iterable[ImportedFunction]) -> None:
    """Raise SetupError, which names both, where two functions stand for one import, or one for an import of ours."""
    first: dict[tuple[str, str], ImportedFunction] = {}
    for function in functions:
        key = function.module, function.name
        other = first.setdefault(key, function)
        if other is not function:
            raise SetupError(
                f"{function.key} is provided by {other.origin} and by {function.origin}",
                hint="leave one of the two packages out, or let one of them provide another import",
            )
        if key in built_in():
            raise SetupError(
                f"{function.key} is provided by {function.origin}, and by pytest-mockforge itself",
                hint="a test may put its own in place: mockforge_host.provide",
            )
