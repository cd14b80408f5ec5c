"""What wasmtime says of a component that did not return, turned into our own failures. Knows texts, not the engine.

The C API gives no trap code for components, so the code is read from the message, of which each version of wasmtime
that we support says the same.
"""

from __future__ import annotations

import re

from pytest_mockforge.errors import AbiFailure, GuestTrap, LimitExceeded, LoadFailure, PluginFailure
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm.capi import printable

NOT_LINKED = "a matching implementation was not found in the linker"
_CODES = {
    "wasm `unreachable` instruction executed": "unreachable",
    "all fuel consumed by WebAssembly": "out-of-fuel",
    "interrupt": "interrupt",
    "call stack exhausted": "stack-overflow",
    "out of bounds memory access": "memory-out-of-bounds",
    "undefined element: out of bounds table access": "table-out-of-bounds",
    "uninitialized element": "indirect-call-to-null",
    "indirect call type mismatch": "bad-signature",
    "integer overflow": "integer-overflow",
    "integer divide by zero": "integer-division-by-zero",
    "invalid conversion to integer": "bad-conversion-to-integer",
    "cannot enter component instance": "cannot-enter-component",
}
#: What breaks the border after the guest returned: part of the message, a stable word, and the mend.
_BORDER = (
    (
        "list pointer/length out of bounds",
        "output-outside-memory",
        "return a list that lies within the component's memory",
    ),
    (
        "string pointer/length out of bounds",
        "error-outside-memory",
        "return an error that lies within the component's memory",
    ),
    ("invalid utf-8", "error-not-utf-8", "write the error as UTF-8"),
    ("discriminant", "wrong-discriminant", "return 0 for ok and 1 for err"),
    (
        "too much data is being copied",
        "too-much-data",
        "wasmtime carries some 3 MB of request and reply in and out of a component",
    ),
    (
        "realloc return",
        "input-outside-memory",
        "let the allocator give an address within memory, aligned as it is asked",
    ),
)
_FRAME = re.compile(r"^\s*\d+:\s+0x[0-9a-f]+ - (.*)$", re.MULTILINE)
_LONGEST_NAME = 200


def call_failure(text: str, during: str, limits: Limits, fuel: int) -> PluginFailure:
    """Say why a call, or a component's own start, did not return."""
    reason = _reason(text)
    backtrace = tuple(map(_function, _FRAME.findall(text.partition("Caused by:")[0])))
    for part, detail, mend in _BORDER:
        if part in reason:
            return AbiFailure(f"{during} broke the border: {reason}", detail=detail, hint=mend)
    where = f" in {backtrace[0]}" if backtrace else ""
    code = _CODES.get(reason.removeprefix("wasm trap: "), "error")
    if reason.startswith("Exited with "):
        code = "exit"
    limited = {
        "out-of-fuel": f"{during} used up its fuel of {fuel:,} units{where}",
        "interrupt": f"{during} did not return within {limits.timeout:g} s{where}",
        "stack-overflow": f"{during} used up the stack of {limits.stack:,} bytes{where}",
    }
    if code in limited:
        return LimitExceeded(limited[code], code=code, during=during, backtrace=backtrace)
    again = "an instance that trapped cannot be called again: use a fresh one"
    hint = again if code == "cannot-enter-component" else None
    return GuestTrap(f"{during} trapped: {reason}{where}", code=code, during=during, backtrace=backtrace, hint=hint)


def start_failure(text: str, limits: Limits) -> PluginFailure:
    """Say why a component could not be instantiated."""
    if NOT_LINKED in text:
        return link_failure(text)
    if "wasm trap: " in text or _FRAME.search(text):
        return call_failure(text, "start", limits, limits.fuel)
    hint = None
    if "memory minimum size" in text or "exceeds memory limit" in text:
        hint = "declare a smaller initial memory, or raise --mockforge-memory: the limit is this run's own"
    return LoadFailure(f"the component cannot be instantiated: {_reason(text)}", step="instantiate", hint=hint)


def link_failure(text: str) -> LoadFailure:
    """Say what wasmtime says where an import has another type than what is linked."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and line.strip() != "Caused by:"]
    causes = [re.sub(r"^\d+: ", "", line) for line in lines[1:]]
    return LoadFailure(
        printable(f"the component cannot be linked: {lines[0]}"),
        step="link",
        detail="wrong-import-type",
        got=printable("; ".join(causes)) or None,
        hint="import WASI 0.2 alone, and nothing else",
    )


def compile_failure(text: str) -> LoadFailure:
    """Say why a component does not compile."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and line.strip() != "Caused by:"]
    reasons = dict.fromkeys(re.sub(r"^\d+: ", "", line) for line in lines)
    return LoadFailure(
        printable("the component does not compile: " + (": ".join(reasons) or "no reason given")), step="compile"
    )


def _function(name: str) -> str:
    """Write a frame's function as for modules, with the core module that it is in before it."""
    return re.sub(r"<wasm function (\d+)>", r"function[\1]", printable(name))[:_LONGEST_NAME]


def _reason(text: str) -> str:
    """Pick the cause: the last line below the backtrace."""
    below = text.rpartition("Caused by:")[2] or text
    lines = [line.strip() for line in below.splitlines() if line.strip()]
    return printable(re.sub(r"^\d+: ", "", lines[-1])) if lines else "no reason given"
