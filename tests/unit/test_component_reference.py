"""The reference plugin in Python as a component answers every case as written; it is built on demand."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import ComponentRefusal
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.component.engine import CompiledComponent
from pytest_mockforge.runtimes.component.runtime import ComponentRuntime, compile_component
from pytest_mockforge.runtimes.wasm.cache import CompileCache
from tests.reference_module import REFERENCE, Case, read_cases, request_bytes, same

FOLDER = REFERENCE / "python-wasm"
BUILT = FOLDER / "plugin.wasm"
CASES = read_cases()
UPPER = b'{"function_name":"upper","args":["abc"]}'

needs_the_build = pytest.mark.skipif(
    not BUILT.exists(), reason="fixtures/reference/python-wasm is not built: build it with its script `build`"
)


@pytest.fixture(scope="module")
def component() -> Iterator[CompiledComponent]:
    # The user's own cache, as in a run: 18.5 MB take most of a minute to compile.
    compiled = compile_component(BUILT.read_bytes(), limits=Limits(), cache=CompileCache())
    yield compiled
    compiled.close()


@pytest.fixture(scope="module")
def runtime(component: CompiledComponent) -> Iterator[ComponentRuntime]:
    runtime = ComponentRuntime(component, limits=Limits())
    yield runtime
    runtime.close()


@needs_the_build
@pytest.mark.parametrize("case", CASES, ids=[case["name"].replace(" ", "-") for case in CASES])
def test_a_case_ends_as_it_is_written(runtime: ComponentRuntime, case: Case) -> None:
    exchange = runtime.invoke(Operation(case["operation"]), request_bytes(case))
    if case["outcome"] == "refused" and case["reply"] is None:
        assert isinstance(exchange.failure, ComponentRefusal)
    else:
        assert exchange.failure is None
        assert exchange.reply is not None
        assert same(json.loads(exchange.reply), case["reply"]), exchange.reply


@needs_the_build
def test_it_is_recognised_as_python_and_exports_all_operations(component: CompiledComponent) -> None:
    assert component.info.language.language == "python"
    assert component.operations == frozenset(Operation)


@needs_the_build
def test_a_fresh_instance_costs_the_same_fuel_every_time(component: CompiledComponent) -> None:
    runtime = ComponentRuntime(component, limits=Limits(), policy="call")
    calls = [runtime.invoke(Operation.TEMPLATE_FUNCTION, UPPER) for _ in range(3)]
    assert {exchange.reply for exchange in calls} == {b'"ABC"'}
    assert len({exchange.fuel for exchange in calls}) == 1


@needs_the_build
@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_nesting_without_end_is_malformed_and_no_overflow(runtime: ComponentRuntime, opening: bytes) -> None:
    exchange = runtime.invoke(Operation.AUTHENTICATE, opening * 100_000)
    assert exchange.reply is not None
    assert json.loads(exchange.reply)["error_message"] == "malformed request"


@needs_the_build
def test_an_echo_of_nesting_within_the_rules_is_equal(runtime: ComponentRuntime) -> None:
    nested = b"[" * 62 + b"]" * 62
    request = b'{"function_name":"echo","args":[%s]}' % nested
    assert runtime.invoke(Operation.TEMPLATE_FUNCTION, request).reply == b"[%s]" % nested


def test_the_folder_has_the_samples_of_all_references_and_an_id_of_its_own() -> None:
    assert "\n  id: reference-python-wasm\n" in (FOLDER / "plugin.yaml").read_text("utf-8")
    assert (FOLDER / "plugin.test.yaml").read_bytes() == (REFERENCE / "rust" / "plugin.test.yaml").read_bytes()
