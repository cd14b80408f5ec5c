"""Components through the runtime: bytes in and out, refusals, limits, the border, the cache, policies and closing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wasmtime

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import (
    AbiFailure,
    ComponentRefusal,
    GuestTrap,
    LimitExceeded,
    LoadFailure,
    Refusal,
    SetupError,
)
from pytest_mockforge.runtimes.base import MIB, InstancePolicy, Limits, Runtime
from pytest_mockforge.runtimes.component.engine import CompiledComponent
from pytest_mockforge.runtimes.component.runtime import ComponentRuntime, compile_component, world
from pytest_mockforge.runtimes.wasm.cache import CompileCache
from pytest_mockforge.runtimes.wasm.engine import metered_engine
from tests.conftest import ROOT

FIXTURES = ROOT / "fixtures" / "component"
ENDLESS_FUEL = 2**60
REFUSING = [Operation.TEMPLATE_FUNCTION, Operation.QUERY_DATASOURCE]
REPLYING = [Operation.AUTHENTICATE, Operation.GENERATE_RESPONSE]

Open = Callable[..., ComponentRuntime]


def assemble(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def fixture_bytes(name: str) -> bytes:
    return assemble((FIXTURES / f"{name}.wat").read_text("utf-8"))


def guest(body: str, *, pages: str = "1", start: str = "", realloc: str = "i32.const 4096") -> str:
    """A component whose `authenticate` runs `body`, and `template-function` too."""
    return f"""(component
      (core module $guest
        (memory (export "memory") {pages})
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
        (func $authenticate (export "go") (param i32 i32) (result i32) {body})
        {start})
      (core instance $i (instantiate $guest))
      (alias core export $i "memory" (core memory $memory))
      (alias core export $i "realloc" (core func $realloc))
      (alias core export $i "go" (core func $core))
      (func $go (param "request" (list u8)) (result (result (list u8) (error string)))
        (canon lift (core func $core) (memory $memory) (realloc $realloc)))
      (export "authenticate" (func $go))
      (export "template-function" (func $go)))"""


def returning(case: int, address: int, length: int) -> str:
    stores = (f"(i32.store (i32.const {at}) (i32.const {value}))" for at, value in ((16, case), (20, address)))
    return f"{' '.join(stores)} (i32.store (i32.const 24) (i32.const {length})) (i32.const 16)"


@pytest.fixture
def opened() -> Iterator[Open]:
    """Open a component by its fixture's name, or from text; all are closed at the end."""
    closing: list[tuple[ComponentRuntime, CompiledComponent]] = []

    def opened(source: str, *, policy: InstancePolicy = "item", **limits: object) -> ComponentRuntime:
        data = assemble(source) if source.startswith("(") else fixture_bytes(source)
        judged = Limits(**limits)  # type: ignore[arg-type]  # each test gives its own limits
        compiled = compile_component(data, limits=judged)
        closing.append((ComponentRuntime(compiled, limits=judged, policy=policy), compiled))
        return closing[-1][0]

    yield opened
    for runtime, compiled in closing:
        runtime.close(for_good=True)
        compiled.close()


def test_it_is_a_runtime(opened: Open) -> None:
    runtime: Runtime = opened("echo")
    assert (runtime.health(), runtime.metrics(), runtime.limits) == (True, {}, Limits())


@pytest.mark.parametrize("operation", list(Operation))
def test_bytes_that_are_no_text_go_in_and_come_back(opened: Open, operation: Operation) -> None:
    payload = bytes(range(256)) * 3
    exchange = opened("echo").invoke(operation, payload)
    assert (exchange.operation, exchange.request, exchange.reply) == (operation, payload, payload)
    assert exchange.failure is None


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_a_request_of_any_size_comes_back(opened: Open, size: int) -> None:
    payload = bytes(index % 251 for index in range(size))
    assert opened("echo").invoke(Operation.AUTHENTICATE, payload).reply == payload


def test_many_calls_of_one_instance_cost_the_same_fuel(opened: Open) -> None:
    runtime = opened("echo")
    fuel = {runtime.invoke(Operation.AUTHENTICATE, b"{}").fuel for _ in range(50)}
    assert len(fuel) == 1
    assert fuel.pop() or 0 > 0


def test_only_the_first_call_is_fresh(opened: Open) -> None:
    runtime = opened("echo")
    assert [runtime.invoke(Operation.AUTHENTICATE, b"").fresh for _ in range(3)] == [True, False, False]
    runtime.renew()
    assert runtime.invoke(Operation.AUTHENTICATE, b"").fresh


def test_under_the_policy_call_each_call_is_fresh(opened: Open) -> None:
    runtime = opened("echo", policy="call")
    assert [runtime.invoke(Operation.AUTHENTICATE, b"").fresh for _ in range(3)] == [True, True, True]


def test_the_policy_kept_outlives_renew(opened: Open) -> None:
    runtime = opened("echo", policy="kept")
    runtime.invoke(Operation.AUTHENTICATE, b"")
    runtime.renew()
    assert not runtime.invoke(Operation.AUTHENTICATE, b"").fresh


@pytest.mark.parametrize("operation", REFUSING)
def test_an_error_is_a_refusal_where_a_reply_cannot_say_no(opened: Open, operation: Operation) -> None:
    failure = opened("error").invoke(operation, "no such function: è".encode()).failure
    assert isinstance(failure, ComponentRefusal)
    assert isinstance(failure, Refusal)
    assert failure.message == f"{operation} refused: no such function: è"


@pytest.mark.parametrize("operation", REPLYING)
def test_an_error_is_a_failure_where_a_reply_can_say_no(opened: Open, operation: Operation) -> None:
    failure = opened("error").invoke(operation, b"not you").failure
    assert isinstance(failure, AbiFailure)
    assert (failure.detail, failure.message) == (
        "error-result",
        f"{operation} gave an error instead of a reply: not you",
    )


def test_an_error_cannot_reach_the_terminal_raw(opened: Open) -> None:
    failure = opened("error").invoke(Operation.TEMPLATE_FUNCTION, b"\x1b[2J").failure
    assert isinstance(failure, ComponentRefusal)
    assert (failure.message, failure.reason) == ("template_function refused: \\x1b[2J", "\x1b[2J")


def test_the_instance_lives_on_after_a_refusal(opened: Open) -> None:
    runtime = opened("error")
    runtime.invoke(Operation.TEMPLATE_FUNCTION, b"")
    assert not runtime.invoke(Operation.TEMPLATE_FUNCTION, b"").fresh


def test_a_trap_is_no_refusal_since_there_is_an_error_for_that(opened: Open) -> None:
    failure = opened("trap").invoke(Operation.TEMPLATE_FUNCTION, b"{}").failure
    assert isinstance(failure, GuestTrap)
    assert not isinstance(failure, Refusal)
    assert (failure.code, failure.during) == ("unreachable", "template_function")
    assert failure.message == (
        "template_function trapped: wasm trap: wasm `unreachable` instruction executed in guest!trap"
    )
    assert failure.backtrace == ("guest!trap",)


def test_after_a_trap_the_next_call_gets_a_fresh_instance(opened: Open) -> None:
    runtime = opened("trap")
    runtime.invoke(Operation.AUTHENTICATE, b"")
    after = runtime.invoke(Operation.GENERATE_RESPONSE, b"well")
    assert (after.reply, after.fresh) == (b"well", True)


def test_an_instance_that_is_kept_after_a_trap_cannot_be_entered_again(opened: Open) -> None:
    runtime = opened("trap", policy="kept")
    runtime.invoke(Operation.AUTHENTICATE, b"")
    failure = runtime.invoke(Operation.GENERATE_RESPONSE, b"well").failure
    assert isinstance(failure, GuestTrap)
    assert failure.code == "cannot-enter-component"
    assert failure.hint == "an instance that trapped cannot be called again: use a fresh one"


def test_a_loop_ends_when_its_fuel_does(opened: Open) -> None:
    exchange = opened("loop", fuel=12_345).invoke(Operation.AUTHENTICATE, b"")
    assert isinstance(exchange.failure, LimitExceeded)
    assert exchange.failure.message == "authenticate used up its fuel of 12,345 units in guest!spin"
    assert exchange.fuel == 12_345


def test_less_fuel_than_the_limit_can_be_given_for_one_call(opened: Open) -> None:
    exchange = opened("loop").invoke(Operation.AUTHENTICATE, b"", 1000)
    assert (exchange.fuel, getattr(exchange.failure, "code", None)) == (1000, "out-of-fuel")


def test_a_loop_ends_when_its_time_does(opened: Open) -> None:
    exchange = opened("loop", fuel=ENDLESS_FUEL, timeout=0.3).invoke(Operation.AUTHENTICATE, b"")
    assert isinstance(exchange.failure, LimitExceeded)
    assert exchange.failure.message == "authenticate did not return within 0.3 s in guest!spin"
    assert 0.29 < exchange.guest_seconds < 5


def test_recursion_without_end_uses_up_the_stack(opened: Open) -> None:
    failure = opened(guest("(call $authenticate (i32.const 0) (i32.const 0))")).invoke(Operation.AUTHENTICATE, b"")
    assert getattr(failure.failure, "code", None) == "stack-overflow"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("(i32.load (i32.const -4))", "memory-out-of-bounds"),
        ("(i32.div_u (i32.const 1) (i32.const 0))", "integer-division-by-zero"),
        ("(i32.div_s (i32.const 0x80000000) (i32.const -1))", "integer-overflow"),
        ("(i32.trunc_f32_s (f32.const nan))", "bad-conversion-to-integer"),
    ],
)
def test_a_trap_has_the_name_that_it_has_in_modules(opened: Open, body: str, code: str) -> None:
    failure = opened(guest(body)).invoke(Operation.AUTHENTICATE, b"").failure
    assert isinstance(failure, GuestTrap)
    assert failure.code == code


@pytest.mark.parametrize(
    ("body", "realloc", "detail"),
    [
        (returning(0, 65_530, 100), "i32.const 4096", "output-outside-memory"),
        (returning(1, 65_530, 100), "i32.const 4096", "error-outside-memory"),
        (f"(i32.store8 (i32.const 64) (i32.const 255)) {returning(1, 64, 1)}", "i32.const 4096", "error-not-utf-8"),
        (returning(7, 64, 1), "i32.const 4096", "wrong-discriminant"),
        (returning(0, 64, 1), "i32.const -8", "input-outside-memory"),
        (f"(drop (memory.grow (i32.const 900))) {returning(0, 0, 50_000_000)}", "i32.const 4096", "too-much-data"),
    ],
)
def test_what_breaks_the_border_has_a_word_of_its_own(opened: Open, body: str, realloc: str, detail: str) -> None:
    failure = opened(guest(body, realloc=realloc)).invoke(Operation.AUTHENTICATE, b"abc").failure
    assert isinstance(failure, AbiFailure)
    assert failure.detail == detail
    assert failure.hint


def test_a_guest_cannot_grow_beyond_its_memory(opened: Open) -> None:
    runtime = opened("echo", memory=4 * 65536)
    assert runtime.invoke(Operation.AUTHENTICATE, b"x" * 100_000).reply is not None
    assert isinstance(runtime.invoke(Operation.AUTHENTICATE, b"x" * 300_000).failure, GuestTrap)


def test_more_initial_memory_than_the_limit_is_said_so(opened: Open) -> None:
    failure = opened(guest("i32.const 16", pages="100"), memory=MIB).invoke(Operation.AUTHENTICATE, b"").failure
    assert isinstance(failure, LoadFailure)
    assert failure.step == "instantiate"
    assert "--mockforge-memory" in (failure.hint or "")


def test_a_start_function_that_traps_fails_the_call(opened: Open) -> None:
    source = guest("i32.const 16", start="(func $first unreachable) (start $first)")
    exchange = opened(source).invoke(Operation.AUTHENTICATE, b"")
    assert isinstance(exchange.failure, GuestTrap)
    assert (exchange.failure.code, exchange.failure.during) == ("unreachable", "start")


def test_a_start_function_that_loops_ends_at_the_limit(opened: Open) -> None:
    source = guest("i32.const 16", start="(func $first (loop $again (br $again))) (start $first)")
    failure = opened(source, fuel=10_000).invoke(Operation.AUTHENTICATE, b"").failure
    assert isinstance(failure, LimitExceeded)
    assert failure.message.startswith("start used up its fuel of 10,000 units")


def test_all_that_nobody_provides_is_named() -> None:
    with pytest.raises(LoadFailure) as caught:
        compile_component(fixture_bytes("unknown-import"), limits=Limits())
    assert caught.value.step == "link"
    assert caught.value.message == "the component imports what nobody provides: acme:billing/ledger@1.2.0"
    assert caught.value.got == "acme:billing/ledger@1.2.0, acme:mail/outbox@0.1.0"


def test_a_wasi_import_of_another_type_does_not_link() -> None:
    text = '(component (import "wasi:cli/environment@0.2.0" (instance (export "nonsense" (func)))))'
    with pytest.raises(LoadFailure) as caught:
        compile_component(assemble(text), limits=Limits())
    assert caught.value.step == "link"
    assert "wasi:cli/environment@0.2.0" in caught.value.message
    assert "nonsense" in (caught.value.got or "")


def test_what_exports_nothing_of_ours_loads_and_has_no_operations(opened: Open) -> None:
    runtime = opened("nothing-of-ours")
    assert runtime.operations == frozenset()
    failure = runtime.invoke(Operation.TEMPLATE_FUNCTION, b"{}").failure
    assert isinstance(failure, AbiFailure)
    assert (failure.detail, failure.message) == ("not-exported", "template-function is not exported")


def test_an_export_of_another_type_is_not_called(opened: Open) -> None:
    runtime = opened("wrong-type")
    assert runtime.operations == frozenset()
    failure = runtime.invoke(Operation.AUTHENTICATE, b"{}").failure
    assert isinstance(failure, AbiFailure)
    assert failure.detail == "wrong-type"
    assert failure.expected == "func(request: list<u8>) -> result<list<u8>, string>"
    assert failure.got == "func(string) -> string"


def test_an_export_that_is_no_function_is_said_so(opened: Open) -> None:
    failure = opened("wrong-type").invoke(Operation.TEMPLATE_FUNCTION, b"{}").failure
    assert isinstance(failure, AbiFailure)
    assert failure.got == "no function"


def test_what_is_no_component_is_not_read() -> None:
    with pytest.raises(LoadFailure, match="the file is no component") as caught:
        compile_component(b"\0asm\x01\0\0\0", limits=Limits())
    assert caught.value.step == "read"


def test_what_does_not_compile_says_why() -> None:
    # A core module whose function has no body.
    module = bytes.fromhex("0061736d01000000 0104016000 00 03020100".replace(" ", ""))
    data = bytes.fromhex("0061736d0d000100") + bytes([1, len(module)]) + module
    with pytest.raises(LoadFailure, match="the component does not compile: ") as caught:
        compile_component(data, limits=Limits())
    assert caught.value.step == "compile"


def test_a_compiled_component_is_taken_from_the_cache(tmp_path: Path) -> None:
    data, cache = fixture_bytes("trap"), CompileCache(tmp_path)
    tmp_path.chmod(0o700)
    compile_component(data, limits=Limits(), cache=cache).close()
    assert cache.trouble is None
    names = sorted(path.name for path in tmp_path.iterdir())
    # Under this component's key lies another one now: whoever finds that looked into the cache.
    compile_component(fixture_bytes("echo"), limits=Limits(), cache=cache).close()
    others = sorted(path.name for path in tmp_path.iterdir() if path.name not in names)
    for name, other in zip(names, others, strict=True):
        (tmp_path / other).replace(tmp_path / name)
    compiled = compile_component(data, limits=Limits(), cache=cache)
    runtime = ComponentRuntime(compiled, limits=Limits())
    assert runtime.invoke(Operation.AUTHENTICATE, b"cached").reply == b"cached"
    runtime.close()
    compiled.close()


def test_an_artefact_that_is_none_is_compiled_anew(tmp_path: Path) -> None:
    data, cache = fixture_bytes("echo"), CompileCache(tmp_path / "cache")
    identity = f"component {metered_engine(Limits().stack).identity}"
    cache.obtain(data, identity, load=lambda _: None, make=lambda: b"no artefact", serialize=bytes)
    compiled = compile_component(data, limits=Limits(), cache=cache)
    assert compiled.operations == frozenset(Operation)
    compiled.close()


def test_nothing_is_called_after_closing_for_good(opened: Open) -> None:
    runtime = opened("echo")
    runtime.close(for_good=True)
    runtime.close(for_good=True)
    with pytest.raises(SetupError, match="the plugin is closed"):
        runtime.invoke(Operation.AUTHENTICATE, b"")


def test_a_runtime_that_is_closed_for_now_begins_afresh(opened: Open) -> None:
    runtime = opened("echo")
    runtime.invoke(Operation.AUTHENTICATE, b"")
    runtime.close()
    assert runtime.invoke(Operation.AUTHENTICATE, b"").fresh


def test_nothing_is_called_once_the_component_is_closed(opened: Open) -> None:
    runtime = opened("echo")
    runtime.invoke(Operation.AUTHENTICATE, b"")
    runtime.component.close()
    with pytest.raises(SetupError, match="the plugin is closed"):
        runtime.invoke(Operation.AUTHENTICATE, b"")


def test_the_world_is_shipped_with_the_package() -> None:
    text = world()
    assert text.startswith("package mockforge:plugin@")
    for operation in Operation:
        name = operation.value.replace("_", "-")
        assert f"export {name}: func(request: list<u8>) -> result<list<u8>, string>;" in text
