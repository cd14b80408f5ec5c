"""The go-sdk convention: what is recognised, how it is called, where its JSON ends, what the adapter makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wasmtime

from pytest_mockforge import RequestBuilder
from pytest_mockforge.contract.go_sdk_dialect import GoSdkDialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request, RequestMetadata, ResolutionContext
from pytest_mockforge.errors import AbiFailure, GuestTrap, Refusal
from pytest_mockforge.runtimes.base import Exchange, Limits
from pytest_mockforge.runtimes.wasm.conventions import Border, read_border
from pytest_mockforge.runtimes.wasm.engine import CompiledModule, metered_engine
from pytest_mockforge.runtimes.wasm.externs import FuncType
from pytest_mockforge.runtimes.wasm.go_sdk import NoJsonError, host_mismatches, json_end
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.instance import GuestInstance
from pytest_mockforge.runtimes.wasm.language import host_detection
from pytest_mockforge.runtimes.wasm.module_info import Export, Import, ModuleInfo
from pytest_mockforge.runtimes.wasm.runtime import WasmRuntime
from tests.conftest import ROOT

GO_SDK = ROOT / "fixtures" / "go-sdk"
WITH_WASI, WITHOUT_WASI = GO_SDK / "plugin.wasm", GO_SDK / "without-wasi" / "plugin.wasm"
BUILD, DIALECT = RequestBuilder(), GoSdkDialect()
AUTH, UPPER = BUILD.auth(bearer="alpha"), BUILD.template("upper", "abc")
Ask = Callable[[Request], Exchange]


def compiled(data: bytes) -> CompiledModule:
    info = inspect_module(data)
    return CompiledModule(
        metered_engine(Limits().stack), info, data, read_border(info, host_detection(info, data)), None
    )


def border_of(*exports: Export) -> Border:
    return read_border(ModuleInfo(size=0, exports=exports), "tinygo")


def function(name: str, params: int, results: tuple[str, ...] = ("i32",)) -> Export:
    return Export(name=name, kind="function", type=FuncType(params=("i32",) * params, results=results))


@pytest.fixture(scope="module", params=[WITH_WASI, WITHOUT_WASI], ids=["with wasi", "without wasi"])
def module(request: pytest.FixtureRequest) -> Iterator[CompiledModule]:
    """The module that TinyGo built, compiled once: it takes seconds."""
    module = compiled(request.param.read_bytes())
    yield module
    module.close()


@pytest.fixture
def ask(module: CompiledModule) -> Iterator[Ask]:
    """Ask it, an instance for all questions of a test."""
    runtime = WasmRuntime(module, limits=Limits())
    yield lambda asked: runtime.invoke(asked.operation, DIALECT.encode(asked))
    runtime.close(for_good=True)


def answer(exchange: Exchange) -> object:
    assert exchange.failure is None
    assert exchange.reply is not None
    return DIALECT.decode(exchange.operation, exchange.reply).value


# ---- what is recognised ----------------------------------------------------------------------------------------------


def test_the_exports_of_the_sdk_are_known_by_name_and_type() -> None:
    border = border_of(function("plugin_auth_authenticate", 4), function("plugin_template_execute", 6))
    assert {operation: sdk.name for operation, sdk in border.sdk_operations.items()} == {
        Operation.AUTHENTICATE: "plugin_auth_authenticate",
        Operation.TEMPLATE_FUNCTION: "plugin_template_execute",
    }
    assert border.convention == "go-sdk"


def test_no_host_can_call_an_operation_of_the_sdk() -> None:
    assert border_of(function("plugin_auth_authenticate", 4)).operations == {}


@pytest.mark.parametrize(
    "export",
    [
        function("plugin_auth_authenticate", 2),
        function("plugin_auth_authenticate", 4, ("i64",)),
        function("plugin_auth_authenticate", 4, ()),
        function("plugin_template_execute", 4),
        Export(name="plugin_template_execute", kind="global"),
    ],
    ids=["two arguments", "an i64", "no result", "four arguments", "a global"],
)
def test_an_export_of_another_type_is_not_called_but_told(export: Export) -> None:
    border = border_of(export)
    assert border.sdk_operations == {}
    assert [fault.export for fault in border.sdk_faults] == [export.name]


def test_the_ordinary_export_of_an_operation_goes_first() -> None:
    ordinary = function("authenticate", 2, ("i32", "i32"))
    border = border_of(ordinary, function("plugin_auth_authenticate", 4), function("plugin_template_execute", 6))
    assert set(border.operations) == {Operation.AUTHENTICATE}
    assert set(border.sdk_operations) == {Operation.TEMPLATE_FUNCTION}
    assert border.convention == "mixed"


def test_capabilities_are_known_by_their_type() -> None:
    assert border_of(function("plugin_auth_capabilities", 0)).sdk_capabilities == "plugin_auth_capabilities"
    assert border_of(function("plugin_auth_capabilities", 1)).sdk_capabilities is None


@pytest.mark.parametrize(("path", "entry"), [(WITH_WASI, "_start"), (WITHOUT_WASI, "_initialize")])
def test_what_tinygo_builds_is_recognised_with_its_entry(path: Path, entry: str) -> None:
    data = path.read_bytes()
    info = inspect_module(data)
    border = read_border(info, host_detection(info, data))
    assert (len(border.sdk_operations), border.sdk_entry, border.operations) == (2, entry, {})
    assert border.family is not None
    assert border.family.allocate == "malloc"


# ---- a real module ---------------------------------------------------------------------------------------------------


def test_a_known_token_is_admitted(ask: Ask) -> None:
    assert answer(ask(AUTH)) == {
        "authenticated": True,
        "identity": {"user_id": "u-alice"},
        "claims": {"sub": "u-alice", "scope": "read write", "exp": 4102444800, "admin": True},
    }


def test_headers_and_body_arrive_which_no_host_sends(ask: Ask) -> None:
    claims = answer(ask(BUILD.auth(api_key="key-ci", headers={"X-Tenant": "blå"}, body=b"\0body")))
    assert isinstance(claims, dict)
    assert claims["claims"] == {"sub": "u-ci", "tenant": "blå", "body": "\0body"}


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        (BUILD.template("upper", "straße né 7"), "STRAßE Né 7"),
        (BUILD.template("add", 40, 3, -1), 42),
        (BUILD.template("length", "né🎸"), {"chars": 3, "bytes": 7}),
        (BUILD.template("first", []), None),
        (BUILD.template("echo", '"}\\', "\0", [[]]), ['"}\\', "\0", [[]]]),
        (BUILD.template("repeat", "ab", 1000), "ab" * 1000),
    ],
    ids=lambda value: value.function_name if hasattr(value, "function_name") else "",
)
def test_template_functions_answer_like_the_reference(ask: Ask, request_: Request, value: object) -> None:
    assert answer(ask(request_)) == value


def test_a_template_function_sees_the_request(ask: Ask) -> None:
    context = ResolutionContext(request_context=RequestMetadata(headers={"accept": "text/plain"}))
    assert answer(ask(BUILD.template("header", "accept", context=context))) == "text/plain"


def test_an_error_comes_in_place_of_the_result(ask: Ask) -> None:
    assert ask(BUILD.auth()).reply == b'{"message":"missing credentials","code":401}'


def test_an_instance_serves_many_calls(ask: Ask) -> None:
    replies = {ask(AUTH).reply for _ in range(50)}
    assert len(replies) == 1


def test_the_entry_costs_the_first_call_no_fuel_of_its_own() -> None:
    module = compiled(WITHOUT_WASI.read_bytes())
    own, before = (WasmRuntime(module, limits=Limits(), initialize=eager) for eager in (False, True))
    payload = DIALECT.encode(UPPER)
    assert own.invoke(UPPER.operation, payload).fuel == before.invoke(UPPER.operation, payload).fuel
    own.close()
    before.close()
    module.close()


def test_a_request_of_the_host_finds_no_export(ask: Ask) -> None:
    del ask
    module = compiled(WITH_WASI.read_bytes())
    with pytest.raises(AbiFailure, match="authenticate is not exported") as caught:
        called(module, Operation.AUTHENTICATE, b"{}")
    assert "--mockforge-dialect=sdk" in str(caught.value)


# ---- guests that misbehave -------------------------------------------------------------------------------------------


def called(module: CompiledModule, operation: Operation, payload: bytes, limits: Limits | None = None) -> bytes:
    instance = GuestInstance(module, limits or Limits(), initialize=False)
    try:
        exchange = instance.invoke(operation, payload)
    finally:
        instance.close()
        module.close()
    if exchange.failure is not None:
        raise exchange.failure
    assert exchange.reply is not None
    assert not exchange.border, exchange.border
    return exchange.reply


def guest(body: str = "(i32.const 128)", *, data: str = "", extra: str = "", pages: int = 1) -> CompiledModule:
    """A guest whose template functions run `body`; `data` stands at 128."""
    text = f"""(module {extra}
      (memory (export "memory") {pages})
      (data (i32.const 128) "{data}")
      (global $heap (mut i32) (i32.const 1024))
      (global $started (mut i32) (i32.const 0))
      (func (export "malloc") (param i32) (result i32)
        (global.get $heap) (global.set $heap (i32.add (global.get $heap) (local.get 0))))
      (func (export "plugin_template_execute") (param i32 i32 i32 i32 i32 i32) (result i32) {body}))"""
    return compiled(bytes(wasmtime.wat2wasm(text)))


PARTS = b"name\0[1]\0{}"


def quoted(text: str) -> str:
    return text.replace("\\", "\\5c").replace('"', "\\22")


def template(module: CompiledModule, limits: Limits | None = None) -> bytes:
    return called(module, Operation.TEMPLATE_FUNCTION, PARTS, limits)


def failure(module: CompiledModule, limits: Limits | None = None) -> AbiFailure:
    with pytest.raises(AbiFailure) as caught:
        template(module, limits)
    return caught.value


def test_each_part_has_a_buffer_of_its_own() -> None:
    sums = [f"(i32.store8 offset={128 + place} (i32.const 0) (i32.add (local.get {place}) {{}}))" for place in range(6)]
    # Addresses 1024, 1028 and 1031, lengths 4, 3 and 2: each is shown as the letter that many places behind `a`.
    shown = [line.format("(i32.const -927)" if place % 2 == 0 else "(i32.const 97)") for place, line in enumerate(sums)]
    quote = "(i32.store8 offset=127 (i32.const 0) (i32.const 34)) (i32.store8 offset=134 (i32.const 0) (i32.const 34))"
    assert template(guest(f"{''.join(shown)} {quote} (i32.const 127)")) == b'"aeedhc"'


def test_an_allocator_that_wants_a_class_as_well_is_given_one() -> None:
    text = """(module
      (memory (export "memory") 1)
      (data (i32.const 128) "[0]")
      (func (export "__new") (param i32 i32) (result i32)
        (i32.store8 (i32.const 129) (i32.add (i32.const 48) (local.get 1))) (i32.const 1024))
      (func (export "__pin") (param i32) (result i32) (local.get 0))
      (func (export "plugin_template_execute") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 128)))"""
    assert template(compiled(bytes(wasmtime.wat2wasm(text)))) == b"[1]"


def test_what_stands_behind_the_value_is_left_alone() -> None:
    text = '{"a":["}]",{"b":"\\\\\\""}]}'
    assert template(guest(data=quoted(text + '","more":[')))[: len(text) + 1] == text.encode()


def test_a_number_that_runs_into_something_is_noted() -> None:
    module = guest(data="42x")
    instance = GuestInstance(module, Limits(), initialize=False)
    exchange = instance.invoke(Operation.TEMPLATE_FUNCTION, PARTS)
    instance.close()
    module.close()
    assert exchange.reply == b"42"
    assert [note.detail for note in exchange.border] == ["number-without-end"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "begins no value"),
        ("hello", "begins no value"),
        ("}", "begins no value"),
        ('{"a":1', "stands where none can"),
        ("[1}", "stands where none can"),
        ('["a\\0ab"]', "stands where none can"),
    ],
    ids=["zeros", "a word", "a closing bracket", "an object cut off", "crossed brackets", "a raw line feed"],
)
def test_an_address_without_json_is_a_failure_of_the_border(text: str, reason: str) -> None:
    data = text if "\\0a" not in text else text.replace('"', "\\22")
    caught = failure(guest(data=data.replace('"', "\\22")))
    assert caught.detail == "no-json-at-pointer"
    assert reason in str(caught.got)


def test_address_zero_is_a_failure_of_the_border() -> None:
    caught = failure(guest("(i32.const 0)"))
    assert (caught.detail, caught.got) == ("no-json-at-pointer", "address 0")


@pytest.mark.parametrize("address", [65536, 2**31, -1])
def test_an_address_outside_memory_is_a_failure_of_the_border(address: int) -> None:
    caught = failure(guest(f"(i32.const {address})"))
    assert caught.message == "template_function returned a reply outside memory"
    assert caught.detail == "output-outside-memory"
    assert caught.cause == {65536: "pointer-behind-the-end", 2**31: "negative-pointer", -1: "minus-one"}[address]


def test_json_that_runs_up_to_the_end_of_memory_is_none() -> None:
    body = "(memory.fill (i32.const 65526) (i32.const 91) (i32.const 10)) (i32.const 65526)"
    assert "no end within 10 bytes" in str(failure(guest(body)).got)


def test_text_that_ends_with_memory_is_read() -> None:
    body = "(i32.store offset=65532 (i32.const 0) (i32.const 0x65757274)) (i32.const 65532)"
    assert template(guest(body)) == b"true"


def test_a_reply_is_looked_for_within_the_limit() -> None:
    spaces = "(memory.fill (i32.const 128) (i32.const 32) (i32.const 1000)) (i32.const 127)"
    module = guest(f"(i32.store8 (i32.const 127) (i32.const 91)) {spaces}")
    assert "no end within 100 bytes" in str(failure(module, Limits(reply=100)).got)


def test_a_panic_is_a_trap_and_no_refusal() -> None:
    with pytest.raises(GuestTrap, match="plugin_template_execute trapped") as caught:
        template(guest("(unreachable)"))
    assert not isinstance(caught.value, Refusal)


WASI_EXIT = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'


def started(status: str) -> CompiledModule:
    start = f'(func (export "_start") (global.set $started (i32.const 1)) {status})'
    body = "(if (result i32) (global.get $started) (then (i32.const 128)) (else (i32.const 0)))"
    return guest(body, data="true", extra=f"{WASI_EXIT} {start}")


@pytest.mark.parametrize("status", ["", "(call $exit (i32.const 0))"], ids=["it returns", "it exits with 0"])
def test_a_command_is_started_before_its_first_call(status: str) -> None:
    assert template(started(status)) == b"true"


@pytest.mark.parametrize("status", ["(call $exit (i32.const 1))", "(unreachable)"], ids=["it exits with 1", "it traps"])
def test_a_command_that_fails_to_start_fails_the_call(status: str) -> None:
    with pytest.raises(GuestTrap, match="_start trapped"):
        template(started(status))


@pytest.mark.parametrize("initialize", [False, True])
def test_a_module_is_initialised_once(initialize: bool) -> None:
    count = "(global.set $started (i32.add (global.get $started) (i32.const 1)))"
    body = "(if (result i32) (i32.eq (global.get $started) (i32.const 1)) (then (i32.const 128)) (else (i32.const 0)))"
    module = guest(body, data="true", extra=f'(func (export "_initialize") {count})')
    instance = GuestInstance(module, Limits(), initialize=initialize)
    replies = [instance.invoke(Operation.TEMPLATE_FUNCTION, PARTS).reply for _ in range(2)]
    instance.close()
    module.close()
    assert replies == [b"true", b"true"]


@pytest.mark.parametrize("parts", [b"a\0b", b"a\0b\0c\0d"], ids=["two", "four"])
def test_another_number_of_parts_is_carried_nowhere(parts: bytes) -> None:
    with pytest.raises(AbiFailure, match="template_function is not exported"):
        called(guest(data="true"), Operation.TEMPLATE_FUNCTION, parts)


# ---- where JSON ends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "end"),
    [
        (b"{}", 2),
        (b"[]]", 2),
        (b' \n\t[1, {"a" : [ ] } ] ', 21),
        (b'"a\\"b"c"', 6),
        (b'"\\\\"x', 4),
        ('"né"'.encode(), 5),
        (b"-0.5e+10,", 8),
        (b"12\x0034", 2),
        (b"01", 1),
        (b"1.", 1),
        (b"1e", 1),
        (b"nullnull", 4),
        (b"false", 5),
        (b"[" * 1000 + b"]" * 1001, 2000),
    ],
)
def test_the_end_of_one_value_is_found(memory: bytes, end: int) -> None:
    assert json_end(memoryview(memory), 10_000) == end


@pytest.mark.parametrize(
    "memory",
    [b"", b"  ", b"\0", b"nul", b"-", b'"', b'"a', b'"a\\"', b'"\x1f"', b"[", b'["]', b"{]", b"[" * 1001 + b"]" * 1001],
)
def test_what_has_no_end_is_no_json(memory: bytes) -> None:
    with pytest.raises(NoJsonError):
        json_end(memoryview(memory), 10_000)


# ---- what the adapter makes of it ------------------------------------------------------------------------------------


def mismatches(path: Path) -> list[str]:
    data = path.read_bytes()
    info = inspect_module(data)
    return [one.detail for one in host_mismatches(info, read_border(info, host_detection(info, data)))]


ALWAYS = ["export-names", "several-buffers", "one-result", "no-length"]
BY_THE_SDK = ["errors-as-results", "outputs-kept", "result-shape", "context-shape"]


def test_the_module_with_wasi_has_all_that_the_contract_lists() -> None:
    assert mismatches(WITH_WASI) == ["wasi-imports", *ALWAYS, "entry-never-run", "registration-in-main", *BY_THE_SDK]


def test_the_module_without_wasi_and_main_has_less() -> None:
    assert mismatches(WITHOUT_WASI) == [*ALWAYS, "entry-never-run", *BY_THE_SDK]


def test_another_allocator_and_other_imports_are_told() -> None:
    imported = Import(module="env", name="log", kind="function")
    info = ModuleInfo(size=0, imports=(imported,), exports=(function("plugin_template_execute", 6),))
    found = host_mismatches(info, read_border(info, "rust"))
    assert [one.detail for one in found[:2]] == ["other-imports", "allocator"]
    assert found[1].message.endswith("wants alloc(i32) -> (i32): no export 'alloc'")
    assert "result-shape" not in {one.detail for one in found}


def test_each_mismatch_says_what_it_is_and_what_mends_it() -> None:
    data = WITH_WASI.read_bytes()
    info = inspect_module(data)
    told = {str(one.detail): one for one in host_mismatches(info, read_border(info, host_detection(info, data)))}
    assert all(one.message and one.mend for one in told.values())
    assert [told[detail].message for detail in ALWAYS] == [
        "it exports plugin_auth_authenticate for authenticate, plugin_template_execute for template_function; "
        "the adapter looks for authenticate and template_function",
        "each argument comes in a buffer of its own; the adapter passes one JSON object",
        "one result; the adapter calls only what gives two, pointer and length",
        "a bare pointer, without length or end mark, comes back",
    ]


def test_a_module_without_the_sdk_has_no_such_mismatch() -> None:
    info = ModuleInfo(size=0, exports=(function("authenticate", 2, ("i32", "i32")),))
    assert host_mismatches(info, read_border(info, "rust")) == ()
