"""Calls through the core: the call sequence, limits, policies, threads and closing."""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from pytest_mockforge import Plugin, RequestBuilder, load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import (
    AbiFailure,
    ContractFailure,
    GuestTrap,
    LimitExceeded,
    LoadFailure,
    Refusal,
    RequestError,
    SetupError,
)
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.runtimes.base import MIB, Exchange, Limits
from pytest_mockforge.runtimes.wasm.engine import CompiledModule, metered_engine
from pytest_mockforge.runtimes.wasm.instance import GuestInstance
from pytest_mockforge.spec import parse_spec
from tests.conftest import RUST
from tests.hostile_cases import write_wasm

BUILD = RequestBuilder()
AUTH = BUILD.auth()
ENDLESS_FUEL = 2**60
LOOP = "(loop $again (br $again))"


@pytest.fixture
def rust_plugin() -> Iterator[Plugin]:
    with load(RUST, cache="off") as plugin:
        yield plugin


def opened(folder: Path, text: str, **limits: object) -> Plugin:
    path = folder / "written.wat"
    path.write_text(f"(module {text})", "utf-8")
    return load(path, cache="off", **limits)  # type: ignore[arg-type]  # each test gives its own limits


def hostile(folder: Path, name: str, **limits: object) -> Plugin:
    return load(write_wasm(name, folder), cache="off", **limits)  # type: ignore[arg-type]  # as above


def module(*, alloc: str = "", dealloc: str = "", body: str = "", extra: str = "", pages: str = "1") -> str:
    """A plugin whose reply is static, with some of its functions made to misbehave."""
    return rf"""
      (memory (export "memory") {pages})
      (data (i32.const 128) "{{\22authenticated\22:false,\22claims\22:{{}},\22metadata\22:{{}}}}")
      (func (export "alloc") (param i32) (result i32) {alloc} (i32.const 1024))
      (func (export "dealloc") (param i32 i32) {dealloc})
      (func (export "authenticate") (param i32 i32) (result i32 i32) {body} (i32.const 128) (i32.const 49))
      {extra}"""


# ---- the call sequence --------------------------------------------------------------------------------------------

NOTE = """
  (memory (export "memory") 1)
  (data (i32.const 128) "[]")
  (global $log (mut i32) (i32.const 8192))
  (func $note (param $what i32) (param $first i32) (param $second i32)
    (i32.store (global.get $log) (local.get $what))
    (i32.store offset=4 (global.get $log) (local.get $first))
    (i32.store offset=8 (global.get $log) (local.get $second))
    (i32.store offset=12 (global.get $log) (i32.load (i32.const 256)))
    (global.set $log (i32.add (global.get $log) (i32.const 16))))
  (func (export "template_function") (param i32 i32) (result i32 i32)
    (call $note (i32.const 3) (local.get 0) (local.get 1)) (i32.const 128) (i32.const 2))
  (func (export "generate_response") (param i32 i32) (result i32 i32)
    (i32.const 8192) (i32.sub (global.get $log) (i32.const 8192)))
"""
ONE = """
  (func (export "{name}") (param i32) {result} (call $note (i32.const {code}) (local.get 0) (i32.const 0)) {gives})"""
TWO = """
  (func (export "{name}") (param i32 i32) {result}
    (call $note (i32.const {code}) (local.get 0) (local.get 1)) {gives})"""
BUFFER = {"result": "(result i32)", "gives": "(i32.const 256)"}
NOTHING = {"result": "", "gives": ""}
RUST_FAMILY = ONE.format(name="alloc", code=1, **BUFFER) + TWO.format(name="dealloc", code=4, **NOTHING)
TINYGO_FAMILY = ONE.format(name="malloc", code=1, **BUFFER) + ONE.format(name="free", code=4, **NOTHING)
ASSEMBLYSCRIPT_FAMILY = (
    TWO.format(name="__new", code=1, **BUFFER)
    + ONE.format(name="__pin", code=2, **BUFFER)
    + ONE.format(name="__unpin", code=4, **NOTHING)
)
UNWRITTEN, WRITTEN = 0, int.from_bytes(b"abcd", "little")
ALLOCATE, PIN, OPERATE, RELEASE = 1, 2, 3, 4


@pytest.mark.parametrize(
    ("family", "sequence"),
    [
        (
            RUST_FAMILY,
            [(ALLOCATE, 6, 0), (OPERATE, 256, 6), (RELEASE, 256, 6), (RELEASE, 128, 2)],
        ),
        (
            TINYGO_FAMILY,
            [(ALLOCATE, 6, 0), (OPERATE, 256, 6), (RELEASE, 256, 0), (RELEASE, 128, 0)],
        ),
        (
            ASSEMBLYSCRIPT_FAMILY,
            [(ALLOCATE, 6, 1), (PIN, 256, 0), (OPERATE, 256, 6), (RELEASE, 256, 0), (RELEASE, 128, 0)],
        ),
    ],
    ids=["alloc and dealloc", "malloc and free", "__new, __pin and __unpin"],
)
def test_the_guest_is_called_in_the_order_of_the_host(
    tmp_path: Path, family: str, sequence: list[tuple[int, int, int]]
) -> None:
    with opened(tmp_path, NOTE + family) as plugin:
        assert plugin.call_raw("template_function", b"abcdef") == b"[]"
        log = list(struct.iter_unpack("<4I", plugin.call_raw("generate_response", b"")))
    seen = [(what, first, second) for what, first, second, _ in log]
    assert seen[: len(sequence)] == sequence
    assert [request for what, _, _, request in log if what in (ALLOCATE, PIN)][:1] == [UNWRITTEN]
    assert {request for what, _, _, request in log if what in (OPERATE, RELEASE)} == {WRITTEN}


def test_the_request_is_written_after_it_was_pinned(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE + ASSEMBLYSCRIPT_FAMILY) as plugin:
        plugin.call_raw("template_function", b"abcdef")
        log = list(struct.iter_unpack("<4I", plugin.call_raw("generate_response", b"")))
    assert next(request for what, _, _, request in log if what == PIN) == UNWRITTEN


def test_a_reply_is_read_before_it_is_released(tmp_path: Path) -> None:
    with opened(tmp_path, module(dealloc="(i32.store (i32.const 128) (i32.const 0))")) as plugin:
        assert plugin.authenticate(AUTH).authenticated is False


def test_nothing_is_released_after_a_trap(tmp_path: Path) -> None:
    trapping = NOTE.replace("(i32.const 128) (i32.const 2))", "(unreachable))")
    with opened(tmp_path, trapping + RUST_FAMILY) as plugin, plugin.reused() as kept:
        with pytest.raises(Refusal):
            kept.call_raw("template_function", b"abcdef")
        log = list(struct.iter_unpack("<4I", kept.call_raw("generate_response", b"")))
    assert [what for what, *_ in log] == [ALLOCATE, OPERATE, ALLOCATE]


def test_a_missing_operation_is_told_after_the_allocation(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE + RUST_FAMILY) as plugin, plugin.reused() as kept:
        with pytest.raises(AbiFailure, match="query_datasource is not exported"):
            kept.call_raw("query_datasource", b"abcdef")
        log = list(struct.iter_unpack("<4I", kept.call_raw("generate_response", b"")))
    assert [what for what, *_ in log] == [ALLOCATE, ALLOCATE]


def test_an_empty_request_is_carried(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE + RUST_FAMILY) as plugin:
        assert plugin.call_raw("template_function", b"") == b"[]"


PACKED = """
  (func (export "generate_response") (param i32 i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (i32.const {pointer})) (i64.const 32)) (i64.const {length})))"""


@pytest.fixture
def as_it_stands(tmp_path: Path) -> Iterator[Callable[[str], Exchange]]:
    """Call `generate_response` of a module that nothing has adapted to two results."""
    path = tmp_path / "packed.wat"
    closing: list[CompiledModule | GuestInstance] = []

    def call(text: str) -> Exchange:
        path.write_text(f"(module {text})", "utf-8")
        subject = ModuleSubject(parse_spec(str(path), tmp_path), cache=None, stack=Limits().stack)
        assert subject.info is not None
        compiled = CompiledModule(metered_engine(Limits().stack), subject.info, subject.data, subject.border, None)
        instance = GuestInstance(compiled, Limits(), initialize=False)
        closing.extend((instance, compiled))
        return instance.invoke(Operation.GENERATE_RESPONSE, b"x")

    yield call
    for one in closing:
        one.close()


Call = Callable[[str], Exchange]


def test_a_packed_pointer_and_length_are_taken_apart(as_it_stands: Call) -> None:
    assert as_it_stands(module(extra=PACKED.format(pointer=128, length=5))).reply == b'{"aut'


def test_a_packed_reply_is_the_same_once_adapted(tmp_path: Path) -> None:
    with opened(tmp_path, module(extra=PACKED.format(pointer=128, length=5))) as plugin:
        assert plugin.call_raw("generate_response", b"x") == b'{"aut'


@pytest.mark.parametrize(
    ("pointer", "length", "got"),
    [(0xFFFFFC00, 49, "49 bytes at 0xfffffc00"), (0x80000000, 0, "0 bytes at 0x80000000"), (65536, 1, "at 0x10000")],
)
def test_pointers_are_unsigned(as_it_stands: Call, pointer: int, length: int, got: str) -> None:
    failure = as_it_stands(module(extra=PACKED.format(pointer=pointer, length=length))).failure
    assert isinstance(failure, AbiFailure)
    assert (failure.message, failure.detail) == (
        "generate_response returned a reply outside memory",
        "output-outside-memory",
    )
    assert failure.expected == "pointer and length within 65536 bytes, below 2 GiB"
    assert failure.hint == "return (pointer, length) in this order, of a buffer that still exists"
    assert got in (failure.got or "")
    assert failure.cause == ("negative-pointer" if pointer >= 0x80000000 else "pointer-behind-the-end")


@pytest.mark.parametrize(("length", "cause"), [(-1, "minus-one"), (-2, "")])
def test_a_packed_negative_length_is_named(as_it_stands: Call, length: int, cause: str) -> None:
    failure = as_it_stands(module(extra=PACKED.format(pointer=128, length=length % 2**32))).failure
    assert isinstance(failure, AbiFailure)
    assert (failure.detail, failure.cause, failure.got) == ("negative-length", cause, str(length))


def test_a_packed_length_of_2_gib_is_negative_as_well(as_it_stands: Call) -> None:
    failure = as_it_stands(module(extra=PACKED.format(pointer=128, length=0x80000000))).failure
    assert isinstance(failure, AbiFailure)
    assert (failure.detail, failure.got) == ("negative-length", "-2147483648")


def test_what_a_release_does_wrong_is_noted_for_the_request_and_the_reply(as_it_stands: Call) -> None:
    exchange = as_it_stands(module(dealloc="unreachable", extra=PACKED.format(pointer=128, length=5)))
    assert exchange.reply == b'{"aut'
    assert [(note.detail, note.message) for note in exchange.border] == [
        ("release-trapped", "dealloc(1024, 1) trapped: unreachable"),
        ("release-trapped", "dealloc(128, 5) trapped: unreachable"),
    ]


@pytest.mark.parametrize(("pointer", "details"), [(1023, []), (1024, ["released-twice"]), (1025, [])])
def test_a_reply_that_lies_in_the_requests_buffer_is_noted(
    as_it_stands: Call, pointer: int, details: list[str]
) -> None:
    exchange = as_it_stands(module(dealloc="nop", extra=PACKED.format(pointer=pointer, length=1)))
    assert [note.detail for note in exchange.border] == details
    assert all("which dealloc is thus called for twice" in note.message for note in exchange.border)


def test_an_address_of_2_gib_is_refused_although_memory_reaches_it(tmp_path: Path) -> None:
    high = module(alloc="(return (i32.const 0x80000000))", pages="32800")
    with opened(tmp_path, high, memory="3GiB") as plugin, pytest.raises(AbiFailure) as caught:
        plugin.call_raw("authenticate", b"12345")
    failure = caught.value
    assert failure.message == "alloc(5) gave an address outside memory"
    assert (failure.detail, failure.cause, failure.got) == (
        "input-outside-memory",
        "negative-pointer",
        "address 0x80000000",
    )
    assert failure.hint == "give the address of a buffer of at least the length asked for"


def test_a_reply_at_2_gib_is_refused_although_memory_reaches_it(tmp_path: Path) -> None:
    high = module(extra=PACKED.format(pointer=0x80000000, length=1), pages="32800")
    with opened(tmp_path, high, memory="3GiB") as plugin, pytest.raises(AbiFailure) as caught:
        plugin.call_raw("generate_response", b"x")
    assert (caught.value.detail, caught.value.cause) == ("output-outside-memory", "negative-pointer")


def test_a_request_that_is_written_to_address_0_is_noted(as_it_stands: Call) -> None:
    text = module(alloc="(return (i32.const 0))", extra=PACKED.format(pointer=128, length=5))
    exchange = as_it_stands(text)
    assert exchange.reply == b'{"aut'
    assert [(note.detail, note.message) for note in exchange.border] == [
        ("zero-address", "alloc(1) gave address 0; the host writes there")
    ]


@pytest.mark.parametrize(
    ("text", "detail", "message", "memory"),
    [
        ("", "no-memory", "no usable memory is exported as 'memory'", 0),
        ('(memory (export "memory") 1)', "no-allocator", "no allocator that the host knows is exported", 65536),
    ],
)
def test_what_a_call_needs_and_the_module_lacks_is_told(
    as_it_stands: Call, text: str, detail: str, message: str, memory: int
) -> None:
    operation = '(func (export "generate_response") (param i32 i32) (result i32 i32) (i32.const 0) (i32.const 0))'
    exchange = as_it_stands(text + operation)
    assert isinstance(exchange.failure, AbiFailure)
    assert (exchange.failure.detail, exchange.failure.message) == (detail, message)
    assert (exchange.memory, exchange.memory_grown) == (memory, 0)


def test_the_seconds_of_a_call_are_a_part_of_what_passed_meanwhile(rust_plugin: Plugin) -> None:
    started = time.perf_counter()
    seen = rust_plugin.observe(AUTH)
    assert 0 < seen.guest_seconds < time.perf_counter() - started


# ---- limits -------------------------------------------------------------------------------------------------------


def test_fuel_is_counted_the_same_in_every_fresh_run(rust_plugin: Plugin) -> None:
    fresh = rust_plugin.fresh()
    counts = {fresh.observe(BUILD.auth(query={"token": "alpha"})).fuel for _ in range(20)}
    assert len(counts) == 1


def test_fuel_is_counted_the_same_after_the_module_was_opened_again() -> None:
    counts = set()
    for _ in range(2):
        with load(RUST, cache="off") as plugin:
            counts.add(plugin.observe(BUILD.auth(query={"token": "alpha"})).fuel)
    assert len(counts) == 1


def test_fuel_runs_out_at_the_limit(tmp_path: Path) -> None:
    with opened(tmp_path, module(body=LOOP), fuel=12_345) as plugin:
        seen = plugin.observe(AUTH)
    assert isinstance(seen.failure, LimitExceeded)
    assert (seen.failure.code, seen.failure.during) == ("out-of-fuel", "authenticate")
    assert "used up its fuel of 12,345 units" in seen.failure.message
    assert seen.fuel is not None
    assert 12_000 < seen.fuel <= 12_346


def test_a_call_that_may_use_less_fuel_names_what_it_had(rust_plugin: Plugin) -> None:
    failure = rust_plugin.interrupt(AUTH, fuel=500).failure
    assert failure is not None
    assert "used up its fuel of 500 units" in failure.message
    assert rust_plugin.authenticate(AUTH).authenticated is False


@pytest.mark.parametrize(
    ("text", "during"),
    [
        (module(body=LOOP), "authenticate"),
        (module(alloc=LOOP), "allocator"),
        (module(dealloc=LOOP), "dealloc"),
        (module(extra=f"(func $begin {LOOP}) (start $begin)"), "start"),
    ],
    ids=["operation", "allocator", "release", "start function"],
)
def test_a_guest_that_never_returns_is_ended_by_the_clock(tmp_path: Path, text: str, during: str) -> None:
    with opened(tmp_path, text, fuel=ENDLESS_FUEL, timeout="300ms") as plugin:
        started = time.monotonic()
        failure = plugin.observe(AUTH).failure
        seconds = time.monotonic() - started
    assert isinstance(failure, LimitExceeded)
    assert (failure.code, failure.during) == ("interrupt", during)
    assert "did not return within 0.3 s" in failure.message
    assert 0.3 <= seconds < 5


def test_an_initializer_that_never_returns_is_ended_by_the_clock(tmp_path: Path) -> None:
    text = module(extra=f'(func (export "_initialize") {LOOP})')
    # MockForge's hosts never call it; under `any` it is, and MF110 compares the two.
    with opened(tmp_path, text, fuel=ENDLESS_FUEL, timeout="300ms", host="any") as plugin:
        started = time.monotonic()
        failure = plugin.observe(AUTH).failure
        seconds = time.monotonic() - started
    assert isinstance(failure, LimitExceeded)
    assert (failure.code, failure.during) == ("interrupt", "_initialize")
    assert 0.3 <= seconds < 5


def test_the_clock_starts_again_with_each_call(tmp_path: Path) -> None:
    with opened(tmp_path, module(), timeout="100ms") as plugin:
        ends = time.monotonic() + 0.3
        while time.monotonic() < ends:
            assert plugin.observe(AUTH).failure is None


def test_a_call_that_never_came_to_run_used_nothing(tmp_path: Path) -> None:
    with hostile(tmp_path, "huge-memory") as plugin:
        seen = plugin.observe(AUTH)
    assert seen.failure is not None
    assert (seen.fuel, seen.memory, seen.memory_grown) == (None, 0, 0)


def test_memory_ends_at_the_limit(tmp_path: Path) -> None:
    with hostile(tmp_path, "grows-until-refused", memory="2MiB") as plugin:
        seen = plugin.observe(AUTH)
    assert isinstance(seen.failure, GuestTrap)
    assert (seen.memory, seen.memory_grown) == (2 * MIB, 2 * MIB - 64 * 1024)


def test_a_module_that_starts_above_the_memory_limit_is_not_instantiated(tmp_path: Path) -> None:
    with hostile(tmp_path, "huge-memory") as plugin:
        failure = plugin.observe(AUTH).failure
    assert isinstance(failure, LoadFailure)
    assert failure.step == "instantiate"
    assert "raise --mockforge-memory" in str(failure.hint)


def test_a_table_ends_at_its_limit(tmp_path: Path) -> None:
    grown = "(drop (table.grow $t (ref.null func) (i32.const 50))) (br_if 0 (i32.eq (table.size $t) (i32.const {n})))"
    text = "(block {grown} (unreachable))"
    for limit, size in ((40, 0), (50, 50)):
        body = text.format(grown=grown.format(n=size))
        with opened(tmp_path, module(body=body, extra="(table $t 0 funcref)")) as plugin:
            view = plugin.view(limits=msgspec.structs.replace(plugin.limits, table_elements=limit))
            assert view.observe(AUTH).failure is None


def test_a_table_that_starts_above_the_limit_is_named(tmp_path: Path) -> None:
    with hostile(tmp_path, "huge-table") as plugin:
        failure = plugin.observe(AUTH).failure
    assert isinstance(failure, LoadFailure)
    assert "100,000 elements" in str(failure.hint)


def test_the_stack_ends_at_512_kib(tmp_path: Path) -> None:
    with hostile(tmp_path, "recurses") as plugin:
        failure = plugin.observe(AUTH).failure
    assert isinstance(failure, LimitExceeded)
    assert failure.code == "stack-overflow"
    assert "used up the stack of 524,288 bytes" in failure.message


def test_a_data_segment_outside_memory_is_not_laid_at_the_start_functions_door(tmp_path: Path) -> None:
    with hostile(tmp_path, "data-outside-memory") as plugin:
        failure = plugin.observe(AUTH).failure
    assert isinstance(failure, GuestTrap)
    assert (failure.code, failure.during) == ("memory-out-of-bounds", "instantiation")
    assert failure.hint == "make memory and table as large as the segments in them"


# ---- policies -----------------------------------------------------------------------------------------------------


def calls_counted(plugin: Plugin, calls: int) -> list[object]:
    return [plugin.authenticate(AUTH).claims["calls"] for _ in range(calls)]


def test_one_instance_answers_until_it_is_renewed(tmp_path: Path) -> None:
    with hostile(tmp_path, "counts-calls") as plugin:
        assert calls_counted(plugin, 3) == [1, 2, 3]
        plugin.renew()
        assert calls_counted(plugin, 2) == [1, 2]


def test_a_fresh_view_takes_a_new_instance_for_each_call(tmp_path: Path) -> None:
    with hostile(tmp_path, "counts-calls") as plugin:
        assert calls_counted(plugin.fresh(), 3) == [1, 1, 1]


def test_a_reused_view_keeps_its_instance_also_when_renewed(tmp_path: Path) -> None:
    with hostile(tmp_path, "counts-calls") as plugin:
        kept = plugin.reused()
        assert calls_counted(kept, 2) == [1, 2]
        kept.renew()
        assert calls_counted(kept, 2) == [3, 4]


def test_a_view_that_nobody_holds_frees_its_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    close = GuestInstance.close

    def closed(instance: GuestInstance) -> None:
        ends.append("freed")
        close(instance)

    monkeypatch.setattr(GuestInstance, "close", closed)
    with hostile(tmp_path, "counts-calls") as plugin:
        for _ in range(3):
            assert calls_counted(plugin.reused(), 2) == [1, 2]
        assert ends == ["freed"] * 3
        held = plugin.reused()
        assert calls_counted(held, 1) == [1]
        assert ends == ["freed"] * 3
    assert ends == ["freed"] * 4


def test_views_have_instances_of_their_own(tmp_path: Path) -> None:
    with hostile(tmp_path, "counts-calls") as plugin:
        first, second = plugin.reused(), plugin.reused()
        assert (calls_counted(first, 2), calls_counted(second, 1), calls_counted(plugin, 1)) == ([1, 2], [1], [1])


@pytest.mark.parametrize(("policy", "after"), [("item", True), ("call", True), ("kept", False)])
def test_after_a_trap_the_policy_decides_on_the_instance(tmp_path: Path, policy: str, after: bool) -> None:
    with hostile(tmp_path, "unreachable") as plugin:
        view = plugin.view(policy=policy)  # type: ignore[arg-type]  # one of the three
        assert isinstance(view.observe(AUTH).failure, GuestTrap)
        assert view.observe(AUTH).fresh is after


def test_a_trap_leaves_the_state_of_a_reused_instance(tmp_path: Path) -> None:
    with hostile(tmp_path, "traps-every-second-call") as plugin:
        kept = plugin.reused()
        assert [kept.observe(AUTH).failure is None for _ in range(4)] == [True, False, True, False]
        assert [plugin.observe(AUTH).failure is None for _ in range(4)] == [True, False, True, False]
        assert [seen.fresh for seen in (plugin.observe(AUTH), plugin.observe(AUTH))] == [True, False]


def test_a_reply_that_breaks_the_contract_keeps_the_instance(tmp_path: Path) -> None:
    with hostile(tmp_path, "reply-not-json") as plugin:
        assert [plugin.observe(AUTH).fresh for _ in range(2)] == [True, False]


# ---- the last observation -----------------------------------------------------------------------------------------


def test_the_last_observation_holds_the_trap_that_was_raised(tmp_path: Path) -> None:
    with hostile(tmp_path, "divides-by-zero") as plugin:
        assert plugin.last is None
        with pytest.raises(GuestTrap) as caught:
            plugin.authenticate(AUTH)
        assert plugin.last is not None
        assert plugin.last.failure is caught.value
        assert plugin.last.fuel
        assert (plugin.last.reply, plugin.last.reply_bytes, plugin.last.violations) == (None, None, ())


def test_the_last_observation_holds_a_reply_that_breaks_the_contract(tmp_path: Path) -> None:
    with hostile(tmp_path, "reply-missing-fields") as plugin:
        with pytest.raises(ContractFailure):
            plugin.authenticate(AUTH)
        assert plugin.last is not None
        assert plugin.last.reply_bytes == b"{}"
        assert isinstance(plugin.last.failure, ContractFailure)


def test_the_last_observation_of_a_module_that_cannot_start_has_no_fuel(tmp_path: Path) -> None:
    with hostile(tmp_path, "start-traps") as plugin:
        with pytest.raises(GuestTrap, match="start trapped"):
            plugin.call_raw("authenticate", b"{}")
        assert plugin.last is not None
        assert (plugin.last.fuel, plugin.last.memory) == (None, 0)


def test_a_request_that_cannot_be_sent_leaves_the_last_observation(rust_plugin: Plugin) -> None:
    rust_plugin.authenticate(AUTH)
    before = rust_plugin.last
    with pytest.raises(RequestError):
        rust_plugin.authenticate(BUILD.query("SELECT 1"))  # type: ignore[arg-type]  # the wrong kind on purpose
    assert rust_plugin.last is before


# ---- threads and closing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["item", "call", "kept"])
def test_two_threads_get_their_own_answers(tmp_path: Path, policy: str) -> None:
    answers: dict[str, set[bytes]] = {"left": set(), "right": set()}
    ready = threading.Barrier(2)

    with hostile(tmp_path, "reply-is-the-request") as plugin:
        view = plugin.view(policy=policy)  # type: ignore[arg-type]  # one of the three

        def ask(name: str) -> None:
            ready.wait()
            for _ in range(300):
                answers[name].add(view.call_raw("template_function", name.encode() * 50))

        threads = [threading.Thread(target=ask, args=(name,)) for name in answers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {name: {name.encode() * 50} for name in answers}


def test_closing_twice_does_nothing(tmp_path: Path) -> None:
    plugin = hostile(tmp_path, "counts-calls")
    views = plugin.fresh(), plugin.reused()
    for one in (plugin, *views):
        one.observe(AUTH)
    for one in (views[0], plugin, plugin, *views):
        one.close()


def test_calls_after_closing_say_so_on_the_plugin_and_its_views(tmp_path: Path) -> None:
    plugin = hostile(tmp_path, "counts-calls")
    views = [plugin, plugin.fresh(), plugin.reused()]
    for one in views:
        one.observe(AUTH)
    plugin.close()
    for one in views:
        with pytest.raises(SetupError, match="the plugin is closed"):
            one.authenticate(AUTH)
        with pytest.raises(SetupError, match="the plugin is closed"):
            one.fresh()
    assert plugin.operations == {Operation.AUTHENTICATE}


def test_a_plugin_whose_module_was_closed_says_so(tmp_path: Path) -> None:
    subject = ModuleSubject(
        parse_spec(str(write_wasm("counts-calls", tmp_path)), tmp_path), cache=None, stack=Limits().stack
    )
    with Plugin(subject, limits=Limits()) as plugin:
        plugin.renew()
        subject.close()
        with pytest.raises(SetupError, match="the plugin is closed"):
            plugin.observe(AUTH)


def test_closing_a_view_leaves_the_plugin_open(rust_plugin: Plugin) -> None:
    with rust_plugin.reused() as kept:
        kept.observe(AUTH)
    assert rust_plugin.observe(AUTH).failure is None


def test_an_instance_says_that_it_was_closed() -> None:
    subject = ModuleSubject(parse_spec(str(RUST), RUST), cache=None, stack=Limits().stack)
    compiled = subject.compiled
    assert isinstance(compiled, CompiledModule)
    instance = GuestInstance(compiled, Limits(), initialize=False)
    assert instance.invoke(Operation.AUTHENTICATE, b"{}").fresh
    instance.close()
    instance.close()
    with pytest.raises(SetupError, match="the instance is closed"):
        instance.invoke(Operation.AUTHENTICATE, b"{}")
    subject.close()
    with pytest.raises(SetupError, match="the plugin is closed"):
        GuestInstance(compiled, Limits(), initialize=False)


def test_an_instance_says_that_its_module_was_closed() -> None:
    subject = ModuleSubject(parse_spec(str(RUST), RUST), cache=None, stack=Limits().stack)
    compiled = subject.compiled
    assert isinstance(compiled, CompiledModule)
    instance = GuestInstance(compiled, Limits(), initialize=False)
    compiled.close()
    with pytest.raises(SetupError, match="the plugin is closed"):
        instance.invoke(Operation.AUTHENTICATE, b"{}")
    instance.close()
    subject.close()


def test_a_thread_that_calls_while_the_plugin_is_closed_gets_an_error_and_no_crash(tmp_path: Path) -> None:
    script = f"""
import threading
from pytest_mockforge import RequestBuilder, SetupError, load
for _ in range(20):
    plugin = load({str(write_wasm("counts-calls", tmp_path))!r}, cache="off")
    view, started, ended = plugin.fresh(), threading.Event(), []
    def ask():
        request = RequestBuilder().auth()
        try:
            while True:
                view.observe(request)
                started.set()
        except SetupError as error:
            ended.append(error)
    thread = threading.Thread(target=ask)
    thread.start()
    started.wait()
    plugin.close()
    thread.join()
    assert ended
print("alive")
"""
    assert python(script) == "alive\n"


@pytest.mark.parametrize(
    "ending", ["", "raise SystemExit(0)", "thread.start()", "plugin.close()", "del plugin, view", "view.close()"]
)
def test_a_process_that_exits_without_closing_prints_nothing(ending: str) -> None:
    script = f"""
import threading
from pytest_mockforge import load
plugin = load({str(RUST)!r}, cache="off")
view = plugin.reused()
thread = threading.Thread(target=lambda: view.template_function("upper", "abc"))
assert plugin.template_function("upper", "abc") == view.template_function("upper", "abc") == "ABC"
{ending}
"""
    assert python(script) == ""


@pytest.mark.parametrize("instance", ["plugin.renew()", ""], ids=["a new instance", "the one that is there"])
def test_a_call_while_the_process_ends_is_an_error_and_no_crash(instance: str) -> None:
    script = f"""
import atexit
from pytest_mockforge import SetupError, load
def late():
    try:
        plugin.template_function("upper", "abc")
    except SetupError as error:
        print(error.message)
atexit.register(late)
plugin = load({str(RUST)!r}, cache="off")
plugin.template_function("upper", "abc")
{instance}
"""
    assert python(script) == "the plugin is closed\n"


def python(script: str) -> str:
    """Run a script in a process of its own; give what it printed on both streams."""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
        cwd=RUST.parents[2],
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout
