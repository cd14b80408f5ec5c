"""What MockForge prints, word for word with its prefixes (contract 2.5, 3.1 to 3.3). Pure text; knows no plugin.

`…` stands for what depends on addresses, or is not known to the letter. Where the contract states no prefix for a
text of the loader's, the text stands alone.
"""

from __future__ import annotations

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, GuestTrap, LimitExceeded, LoadFailure, PluginFailure

EXECUTION = "Plugin execution error: "
SECURITY = "Security violation: "
MANIFEST = "Plugin manifest error: Failed to load manifest: "
VALIDATION = "Plugin validation error: "
RUNTIME_MODULE = "WASM module error: "
"""What `runtime` says of a module; `loader` and `sandbox` say `LOADER_MODULE`."""
LOADER_MODULE = "WebAssembly module error: "

UNPARSED = "failed to parse WebAssembly module"
"""The reason behind this one is not printed."""
BACKTRACE = "error while executing at wasm backtrace: …"
"""All that is printed of a trap in the guest's own code; the reason is lost."""
_OUT_OF_BOUNDS = "out of bounds memory access"
_ADAPTERS = {"rust": "", "tinygo": "TinyGo ", "assemblyscript": "AssemblyScript "}
_ALLOCATORS = {"rust": "alloc", "tinygo": "malloc", "assemblyscript": "__new"}
_SEGMENTS = {
    "memory-out-of-bounds": f"wasm trap: {_OUT_OF_BOUNDS}",
    "table-out-of-bounds": "wasm trap: undefined element: out of bounds table access",
}


def not_compiled(adapter: str) -> str:
    """An adapter cannot open the module."""
    return f"{EXECUTION}Failed to load {_ADAPTERS[adapter]}WASM module: {UNPARSED}"


def not_instantiated(adapter: str, reason: str) -> str:
    """An adapter cannot make an instance."""
    return f"{EXECUTION}Failed to instantiate {_ADAPTERS[adapter]}module: {reason}"


def no_memory(adapter: str) -> str:
    """An adapter finds no memory."""
    return f"{EXECUTION}{_ADAPTERS[adapter]}WASM module must export 'memory'"


def no_allocator(adapter: str, *, exported: bool) -> str:
    """An adapter finds no allocator, or one of another type."""
    name, language = _ALLOCATORS[adapter], _ADAPTERS[adapter].strip()
    specific = f" ({language} specific)" if language else ""
    return f"{EXECUTION}Failed to get {name} function{specific}: {_lookup(name, exported=exported)}"


def no_operation(name: str, *, exported: bool) -> str:
    """An adapter finds no operation of that name, or one of another type."""
    return f"{EXECUTION}Function '{name}' not found: {_lookup(name, exported=exported)}"


def unknown_import(module: str, name: str) -> str:
    """The reason why a module with an import that nobody provides cannot be instantiated."""
    return f"unknown import: `{module}::{name}` has not been defined"


def instantiation_reason(failure: PluginFailure) -> str | None:
    """The reason why instantiation failed; None where it failed for a limit of ours that the host has not."""
    if isinstance(failure, LimitExceeded) and failure.code != "stack-overflow":
        return None
    if isinstance(failure, LoadFailure):
        return None
    if isinstance(failure, GuestTrap) and not failure.backtrace:
        return _SEGMENTS.get(failure.code, "…")
    return BACKTRACE


def failed_call(operation: Operation, failure: PluginFailure) -> str | None:
    """What an adapter prints of a call that failed; None where it prints nothing, as it waits for ever."""
    if isinstance(failure, AbiFailure):
        return {
            "input-outside-memory": f"{EXECUTION}Failed to write input: {_OUT_OF_BOUNDS}",
            "output-outside-memory": f"{EXECUTION}Failed to read output: {_OUT_OF_BOUNDS}",
            "negative-length": "capacity overflow (a panic of the host's thread, not an error)",
        }.get(failure.detail)
    if not isinstance(failure, GuestTrap) or failure.code in ("out-of-fuel", "interrupt"):
        return None
    if failure.during == "allocator":
        return f"{EXECUTION}Failed to allocate memory: {BACKTRACE}"
    return f"{EXECUTION}Failed to call function '{operation}': {BACKTRACE}"


def _lookup(name: str, *, exported: bool) -> str:
    if exported:
        return f"failed to convert function `{name}` to given type"
    return f"failed to find function export `{name}`"
