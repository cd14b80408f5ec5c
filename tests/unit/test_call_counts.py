"""What a call, a fresh instance and a cached load cost, in calls of Python functions: figures that no load disturbs.

A comment gives what was counted on CPython 3.11; the limit has a little room for other versions. Whoever goes beyond
has put something into the way of every call: benchmarks/README.md says what calls cost in time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from types import FrameType

import pytest

import pytest_mockforge
from pytest_mockforge import Plugin, RequestBuilder, load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm import cache
from pytest_mockforge.runtimes.wasm.conventions import read_border
from pytest_mockforge.runtimes.wasm.engine import CompiledModule, metered_engine
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.instance import GuestInstance
from tests.conftest import RUST

OURS = str(Path(pytest_mockforge.__file__).parent)
BUILD = RequestBuilder()
REPLY = '{"authenticated":true,"identity":{"user_id":"u","roles":["admin"],"groups":[],"attributes":{}},"claims":{},'
REPLY += '"metadata":{}}'
ALLOCATOR = """(memory (export "memory") 4)
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "dealloc") (param i32 i32))"""
CONSTANT = rf"""(module {ALLOCATOR} (data (i32.const 8) "{REPLY.replace('"', chr(92) + "22")}")
  (func (export "authenticate") (param i32 i32) (result i32 i32) (i32.const 8) (i32.const {len(REPLY)})))"""
ECHO = f"""(module {ALLOCATOR}
  (func (export "template_function") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1)))"""


def counted(call: Callable[[], object]) -> int:
    """Count the functions of ours that one call runs, once it has been made before."""
    names: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        # Comprehensions are functions in some versions of Python only.
        if event == "call" and frame.f_code.co_filename.startswith(OURS) and frame.f_code.co_name[0] != "<":
            names.append(frame.f_code.co_qualname)

    call()
    # The ticker's thread, which the first call woke, has to be on its way: until then each call wakes it.
    sleep(0.05)
    call()
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return len(names)


def opened(folder: Path, text: str) -> Plugin:
    path = folder / "counted.wat"
    path.write_text(text, "utf-8")
    return load(path, cache="off")


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Plugin]:
    with opened(tmp_path, ECHO) as plugin:
        yield plugin


def test_a_raw_call_runs_few_functions(echo: Plugin) -> None:
    # 11, of which one notes that the echo's reply lies in the request's buffer.
    assert counted(lambda: echo.call_raw(Operation.TEMPLATE_FUNCTION, b"x" * 500)) <= 12


def test_a_raw_call_costs_the_same_for_any_size(echo: Plugin) -> None:
    small = counted(lambda: echo.call_raw(Operation.TEMPLATE_FUNCTION, b"x" * 500))
    assert small == counted(lambda: echo.call_raw(Operation.TEMPLATE_FUNCTION, b"x" * 50_000))


def test_a_typed_call_of_an_echo_runs_few_functions(echo: Plugin) -> None:
    # 29: 11 of the call itself, beside what writes the request and reads the reply.
    assert counted(lambda: echo.template_function("f", "x" * 300)) <= 32


def test_a_typed_call_whose_reply_has_a_type_runs_few_functions(tmp_path: Path) -> None:
    request = BUILD.auth(query={"token": "alpha", "pad": "x" * 170})
    with opened(tmp_path, CONSTANT) as plugin:
        # 39: the shapes of the reply, beside what an echo takes.
        assert counted(lambda: plugin.authenticate(request)) <= 42


def test_a_reply_is_read_by_as_many_functions_whatever_its_texts_weigh(tmp_path: Path) -> None:
    with opened(tmp_path, ECHO) as plugin:
        small = counted(lambda: plugin.template_function("f", "x" * 5_000))
        assert small == counted(lambda: plugin.template_function("f", "x" * 200_000))


def test_a_call_enters_the_library_eight_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native, entered = metered_engine(Limits().stack).native, list[str]()

    def counting(name: str) -> Callable[..., object]:
        function = getattr(native, name)

        def call(*arguments: object) -> object:
            entered.append(name)
            return function(*arguments)

        return call

    for name in ("enter", "quick_set_fuel", "quick_get_fuel", "quick_deadline", "quick_size", "memory_data"):
        monkeypatch.setattr(native, name, counting(name))
    with opened(tmp_path, ECHO) as plugin:
        plugin.call_raw(Operation.TEMPLATE_FUNCTION, b"first")
        entered.clear()
        plugin.call_raw(Operation.TEMPLATE_FUNCTION, b"second")
    steps = ["quick_set_fuel", "quick_deadline", *["enter"] * 4, "quick_size", "quick_get_fuel"]
    assert entered == steps, "allocator, operation and two releases, between what sets and asks fuel, time and memory"


def test_a_fresh_instance_runs_few_functions() -> None:
    data = (RUST / "plugin.wasm").read_bytes()
    info = inspect_module(data)
    module = CompiledModule(metered_engine(Limits().stack), info, data, read_border(info, "rust"), None)
    limits = Limits()
    try:
        # 13; the arguments of calls are prepared once a module.
        assert counted(lambda: GuestInstance(module, limits, initialize=False).close()) <= 15
    finally:
        module.close()


def test_a_cached_load_runs_few_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_SETTLED", -1.0)

    def loaded() -> None:
        with load(RUST, cache=tmp_path / "cache"):
            pass

    # 7,278, nearly all of them numbers and names in a module of 166 KB.
    assert counted(loaded) <= 7_800
