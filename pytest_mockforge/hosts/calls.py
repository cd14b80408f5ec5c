"""What `runtime` and `sandbox` meet when they call an export: dynamic calls, and `alloc` for every language.

Contract 3.1 and 3.2, `execute`: the function, `alloc` and `memory` are looked up, `alloc` is called with the length,
the function with pointer and length, each by a dynamic call that checks counts and types only then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.hosts.common import signature_mend
from pytest_mockforge.hosts.objections import Objection, Rule, detail_of
from pytest_mockforge.hosts.profile import Candidate
from pytest_mockforge.runtimes.wasm.conventions import MULTI_VALUE, memory_cause, type_cause
from pytest_mockforge.runtimes.wasm.externs import FuncType

Lookup = Callable[[str, bool], str]
"""What a host prints of a function that is missing, or that is an export of another kind."""

_ALLOC = FuncType(params=("i32",), results=("i32",))


def call_objections(candidate: Candidate, *, prefix: str, lookup: Lookup, memory_kind: str) -> Iterator[Objection]:
    """Give what keeps the operations from being called by name; `prefix` stands before the host's words."""
    yield from _operations(candidate, prefix, lookup)
    yield from _allocator(candidate, prefix)
    memory = candidate.info.export("memory")
    if memory is None or memory.memory is None or memory.memory.shared:
        exported = memory is not None and memory.kind != "memory"
        yield _objection(
            "memory",
            detail_of("memory", *_memory_words(candidate)),
            "no memory that the host can use is exported as 'memory'",
            "a memory exported as 'memory', not shared",
            "no export 'memory'" if memory is None else memory.type_text,
            prefix + (memory_kind if exported else "WASM module must export a 'memory'"),
            candidate.files.mend("memory"),
        )


def _operations(candidate: Candidate, prefix: str, lookup: Lookup) -> Iterator[Objection]:
    for operation in Operation:
        name = operation.value
        export = candidate.info.export(name)
        expected = f"{name}{MULTI_VALUE}"
        if export is None:
            if operation in candidate.declared:
                message = f"{name} is declared but not exported"
                yield _objection("operations", f"{name}:missing", message, expected, "no such export",
                                 prefix + lookup(name, False), candidate.files.mend("operations"))  # fmt: skip
        elif export.kind != "function":
            message = f"{name} is exported, but is no function"
            yield _objection("operations", f"{name}:wrong-type:no-function", message, expected, f"a {export.kind}",
                             prefix + lookup(name, True), candidate.files.mend("operations"))  # fmt: skip
        elif export.signature is not None and (said := _operation_fault(name, export.signature)):
            message = f"{name} is exported with another type than the host calls"
            detail = detail_of(name, "wrong-type", type_cause(export, MULTI_VALUE))
            yield _objection("operations", detail, message, expected, f"{name}{export.signature}",
                             prefix + said, signature_mend(candidate, name))  # fmt: skip


def _allocator(candidate: Candidate, prefix: str) -> Iterator[Objection]:
    export = candidate.info.export("alloc")
    expected = f"alloc{_ALLOC}"
    if export is None or export.kind != "function":
        said = "WASM module must export an 'alloc' function for memory allocation"
        got = "no such export" if export is None else f"a {export.kind}"
        yield _objection("allocator", "alloc:no-allocator", "the allocator 'alloc' is not exported",
                         expected, got, prefix + said, candidate.files.mend("alloc"))  # fmt: skip
    elif export.signature is not None and export.signature != _ALLOC:
        wrong = dynamic_call_fault(export.signature, _ALLOC)
        said = f"Failed to allocate memory for input: {wrong}"
        if wrong is None:
            said = "alloc function did not return a valid pointer"
        message = "alloc is exported with another type than the host calls"
        detail = detail_of("alloc", "wrong-type", type_cause(export, _ALLOC))
        yield _objection("allocator", detail, message, expected, f"alloc{export.signature}",
                         prefix + said, candidate.files.mend("alloc"))  # fmt: skip


def _memory_words(candidate: Candidate) -> tuple[str, str]:
    memory = candidate.info.export("memory")
    if memory is None:
        return "no-memory", "other-name" if any(one.kind == "memory" for one in candidate.info.exports) else ""
    return "wrong-memory", memory_cause(memory)


def dynamic_call_fault(signature: FuncType, called: FuncType) -> str | None:
    """What wasmtime says when a function is called with other counts or types of values than it has (3.1)."""
    if len(signature.params) != len(called.params):
        return f"expected {len(signature.params)} arguments, got {len(called.params)}"
    if len(signature.results) != len(called.results):
        return f"expected {len(signature.results)} results, got {len(called.results)}"
    return None if signature.params == called.params else "argument type mismatch"


def _operation_fault(name: str, signature: FuncType) -> str | None:
    wrong = dynamic_call_fault(signature, MULTI_VALUE)
    if wrong:
        return f"Failed to call WASM function '{name}': {wrong}"
    for result, what in zip(signature.results, ("pointer", "length"), strict=True):
        if result != "i32":
            return f"Function '{name}' did not return a valid output {what}"
    return None


def _objection(rule: Rule, detail: str, message: str, expected: str, got: str, said: str, hint: str) -> Objection:
    return Objection(
        rule=rule,
        detail=detail,
        message=message,
        expected=expected,
        got=got,
        host_message=said,
        hint=hint,
    )
