"""All host functions that are always there, by module and name; a new one is added here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

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
