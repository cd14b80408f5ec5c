"""What can be called of a module, by the types of its exports."""

from __future__ import annotations

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.wasm.conventions import Adapter, Border, read_border
from pytest_mockforge.runtimes.wasm.externs import FuncType, MemoryType
from pytest_mockforge.runtimes.wasm.module_info import Export, ModuleInfo

MEMORY = Export(name="memory", kind="memory", type=MemoryType(minimum=1))


def function(name: str, text: str) -> Export:
    """An export from a text such as `i32 i32 -> i64`."""
    params, _, results = text.partition("->")
    return Export(
        name=name, kind="function", type=FuncType(params=tuple(params.split()), results=tuple(results.split()))
    )


ALLOC = function("alloc", "i32 -> i32")
OPERATION = function("authenticate", "i32 i32 -> i32 i32")


def border(*exports: Export, adapter: Adapter = "rust") -> Border:
    return read_border(ModuleInfo(size=0, exports=exports), adapter)


def faults(one: Border) -> list[tuple[str, str, bool]]:
    return [(fault.export, fault.detail, fault.optional) for fault in one.faults]


@pytest.mark.parametrize(
    ("signature", "convention"),
    [
        ("i32 i32 -> i32 i32", "multi-value"),
        ("i32 i32 -> i64", "packed-i64"),
        ("i32 i32 -> i32", None),
        ("i32 i32 ->", None),
        ("i32 i32 -> i32 i32 i32", None),
        ("i32 i32 -> i64 i64", None),
        ("i32 i32 -> f64", None),
        ("i32 -> i32 i32", None),
        ("-> i32 i32", None),
        ("i32 i32 i32 -> i32 i32", None),
        ("i32 i32 i32 ->", None),
        ("i64 i64 -> i64", None),
        ("i32 i64 -> i32 i32", None),
        ("i64 i32 -> i32 i32", None),
        ("i32 f32 -> i32 i32", None),
    ],
)
@pytest.mark.parametrize("operation", Operation)
def test_an_operation_is_called_by_its_exact_type(operation: Operation, signature: str, convention: str | None) -> None:
    seen = border(MEMORY, ALLOC, function(operation.value, signature))
    assert seen.operations == ({operation: convention} if convention else {})
    wrong = [] if convention == "multi-value" else [(operation.value, "wrong-type", False)]
    assert faults(seen) == wrong


def test_a_wrong_type_is_shown_beside_the_right_one() -> None:
    (fault,) = border(MEMORY, ALLOC, function("authenticate", "i32 i32 i32 ->")).faults
    assert fault.expected == "authenticate(i32, i32) -> (i32, i32)"
    assert fault.got == "authenticate(i32, i32, i32) -> ()"


@pytest.mark.parametrize("kind", ["memory", "table", "global", "tag"])
def test_an_operation_that_is_no_function_cannot_be_called(kind: str) -> None:
    seen = border(MEMORY, ALLOC, Export(name="authenticate", kind=kind))  # type: ignore[arg-type]  # one of the kinds
    assert seen.operations == {}
    assert seen.faults[0].got == f"a {kind}"


@pytest.mark.parametrize(
    ("signatures", "convention"),
    [
        ([], "none"),
        (["i32 i32 -> i32 i32", "i32 i32 -> i32 i32"], "multi-value"),
        (["i32 i32 -> i64", "i32 i32 -> i64"], "packed-i64"),
        (["i32 i32 -> i32 i32", "i32 i32 -> i64"], "mixed"),
        (["i32 i32 -> i32 i32", "i32 -> i32"], "multi-value"),
    ],
)
def test_one_word_stands_for_the_conventions_of_all_operations(signatures: list[str], convention: str) -> None:
    named = zip(Operation, signatures, strict=False)
    seen = border(MEMORY, ALLOC, *(function(operation.value, text) for operation, text in named))
    assert seen.convention == convention


@pytest.mark.parametrize(
    ("adapter", "name", "signature"),
    [
        ("rust", "alloc", "i32 -> i32"),
        ("tinygo", "malloc", "i32 -> i32"),
        ("assemblyscript", "__new", "i32 i32 -> i32"),
    ],
)
def test_each_adapter_looks_for_an_allocator_of_its_own(adapter: Adapter, name: str, signature: str) -> None:
    seen = border(MEMORY, OPERATION, function(name, signature), adapter=adapter)
    assert seen.family is not None
    assert (seen.family.adapter, seen.family.allocate, seen.faults) == (adapter, name, ())


@pytest.mark.parametrize(
    ("adapter", "name", "wrong"),
    [
        ("rust", "alloc", "i64 -> i64"),
        ("rust", "alloc", "i32 ->"),
        ("rust", "alloc", "i32 i32 -> i32"),
        ("tinygo", "malloc", "i64 -> i32"),
        ("assemblyscript", "__new", "i32 -> i32"),
    ],
)
def test_an_allocator_of_another_type_is_never_called(adapter: Adapter, name: str, wrong: str) -> None:
    seen = border(MEMORY, OPERATION, function(name, wrong), adapter=adapter)
    assert seen.family is None
    assert faults(seen) == [(name, "wrong-type", False)]


def test_another_adapters_allocator_serves_where_the_own_one_is_missing() -> None:
    seen = border(MEMORY, OPERATION, function("malloc", "i32 -> i32"), function("free", "i32 ->"))
    assert seen.family is not None
    assert (seen.family.adapter, seen.release) == ("tinygo", "free")
    assert [(fault.export, fault.got) for fault in seen.faults] == [("alloc", "no export 'alloc', but 'malloc'")]


def test_the_own_allocator_goes_before_another_ones() -> None:
    seen = border(MEMORY, OPERATION, function("malloc", "i32 -> i32"), ALLOC)
    assert seen.family is not None
    assert (seen.family.allocate, seen.faults) == ("alloc", ())


@pytest.mark.parametrize(
    ("adapter", "allocator", "optional", "signature", "called"),
    [
        ("rust", "alloc i32 -> i32", "dealloc", "i32 i32 ->", True),
        ("rust", "alloc i32 -> i32", "dealloc", "i32 ->", False),
        ("rust", "alloc i32 -> i32", "dealloc", "i32 i32 -> i32", False),
        ("tinygo", "malloc i32 -> i32", "free", "i32 ->", True),
        ("tinygo", "malloc i32 -> i32", "free", "i32 i32 ->", False),
        ("assemblyscript", "__new i32 i32 -> i32", "__unpin", "i32 ->", True),
        ("assemblyscript", "__new i32 i32 -> i32", "__unpin", "i32 -> i32", False),
        ("assemblyscript", "__new i32 i32 -> i32", "__pin", "i32 -> i32", True),
        ("assemblyscript", "__new i32 i32 -> i32", "__pin", "i32 ->", False),
    ],
)
def test_an_optional_export_of_another_type_is_skipped_and_told(
    adapter: Adapter, allocator: str, optional: str, signature: str, called: bool
) -> None:
    name, _, its_type = allocator.partition(" ")
    exports = (MEMORY, OPERATION, function(name, its_type), function(optional, signature))
    seen = border(*exports, adapter=adapter)
    assert (optional in (seen.pin, seen.release)) is called
    assert faults(seen) == ([] if called else [(optional, "wrong-type", True)])


def test_optional_exports_may_be_missing() -> None:
    seen = border(MEMORY, ALLOC, OPERATION)
    assert (seen.pin, seen.release, seen.faults) == (None, None, ())


def test_a_release_of_another_family_is_left_alone() -> None:
    assert border(MEMORY, ALLOC, OPERATION, function("free", "i32 ->")).release is None


@pytest.mark.parametrize(
    ("exports", "fault"),
    [
        ((), ("no-memory", "no exported memory")),
        ((Export(name="mem", kind="memory", type=MemoryType(minimum=1)),), ("no-memory", "a memory exported as 'mem'")),
        ((function("memory", "->"),), ("wrong-memory", "a function")),
        (
            (Export(name="memory", kind="memory", type=MemoryType(minimum=1, maximum=2, shared=True)),),
            ("wrong-memory", "a shared memory"),
        ),
        (
            (Export(name="memory", kind="memory", type=MemoryType(minimum=1, is64=True)),),
            ("wrong-memory", "a 64-bit memory"),
        ),
    ],
)
def test_a_memory_that_the_host_cannot_use_is_told(exports: tuple[Export, ...], fault: tuple[str, str]) -> None:
    seen = border(ALLOC, OPERATION, *exports)
    assert seen.memory is None
    assert [(one.detail, one.got) for one in seen.faults] == [fault]


def test_every_fault_is_listed_at_once() -> None:
    seen = border(function("alloc", "i64 -> i64"), function("authenticate", "->"), function("query_datasource", "->"))
    assert [fault.export for fault in seen.faults] == ["memory", "alloc", "authenticate", "query_datasource"]


def test_a_module_without_exports_has_nothing_to_call() -> None:
    seen = border()
    assert (seen.memory, seen.family, dict(seen.operations), seen.convention) == (None, None, {}, "none")
