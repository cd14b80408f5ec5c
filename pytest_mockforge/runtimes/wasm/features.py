"""Would a given set of WebAssembly proposals accept these bytes? Asked of the engine itself, without compiling."""

from __future__ import annotations

from functools import cache

import wasmtime

NEWER_THAN_36 = frozenset(
    {"exceptions", "gc", "function_references", "wide_arithmetic", "custom_page_sizes", "stack_switching"}
)
"""Proposals that today's wasmtime may have on by default and MockForge's wasmtime 36 has not."""

_PREFIX = "wasm_"
_DEPENDENTS_FIRST = (
    "relaxed_simd", "simd", "threads", "multi_memory", "stack_switching", "exceptions", "gc", "function_references",
    "wide_arithmetic", "custom_page_sizes",
)  # fmt: skip
"""An engine that has a proposal off and one on that is built upon it may not be made at all."""


def refusal(data: bytes, switched_off: frozenset[str]) -> str | None:
    """Give the engine's reason why these bytes are not valid with some proposals off; None when they are.

    `switched_off` holds names as `wasmtime.Config` spells them, without `wasm_`; one that the installed version does
    not know is off anyway.
    """
    try:
        wasmtime.Module.validate(_engine(switched_off), data)
    except wasmtime.WasmtimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        return next((line for line in lines if line and line != "Caused by:"), "no reason given")
    return None


def refused_proposal(data: bytes, switched_off: frozenset[str]) -> str:
    """Name the proposal for whose absence these bytes are refused, in kebab case; empty where it cannot be told."""
    off: set[str] = set()
    for name in _DEPENDENTS_FIRST:
        if name in switched_off:
            off.add(name)
            if refusal(data, frozenset(off)) is not None:
                return name.replace("_", "-")
    return ""


@cache
def _engine(switched_off: frozenset[str]) -> wasmtime.Engine:
    config = wasmtime.Config()
    for name in sorted(switched_off):
        if hasattr(wasmtime.Config, _PREFIX + name):
            setattr(config, _PREFIX + name, False)
    return wasmtime.Engine(config)
