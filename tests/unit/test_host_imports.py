"""What guests import beside WASI: functions of the test's own, `env.abort`, `mockforge:plugin/host`, and nobody's."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_mockforge import AbiFailure, GuestTrap, LoadFailure, Plugin, RequestBuilder, SetupError
from pytest_mockforge.runtimes.wasm import host_calls
from pytest_mockforge.runtimes.wasm.guest_memory import GuestMemory
from tests.guests import REPLY, guest, imported

NOW = imported("now", "i", module="env", results="I")
STORE_NOW = f"(i64.store (i32.const {REPLY}) (call $now (i32.const -1)))"
TICK = imported("tick", "", module="env", results="")
MOCKFORGE = "mockforge:plugin/host"


def provide_tick(plugin: Plugin, function: Callable[[GuestMemory], object]) -> None:
    plugin.host.provide("env", "tick", function)


# ---- functions of the test's own ----------------------------------------------------------------------------------


def test_a_python_function_answers_an_import(tmp_path: Path) -> None:
    seen: list[int] = []

    def now(_memory: GuestMemory, zone: int) -> int:
        seen.append(zone)
        return -5

    with guest(tmp_path, NOW, STORE_NOW, reply=8) as plugin:
        plugin.host.provide("env", "now", now, params=["i32"], results=["i64"])
        assert plugin.call_raw("authenticate", b"{}") == (2**64 - 5).to_bytes(8, "little")
        assert seen == [-1]
        assert plugin.last is not None
        (asked,) = plugin.last.asked
        assert (asked.module, asked.name, asked.arguments, asked.outcome) == ("env", "now", (-1,), "-5")


def test_floats_and_several_results_cross(tmp_path: Path) -> None:
    imports = '(import "env" "split" (func $split (param f64 f32) (result i32 f64)))'
    body = f"""(local $d f64) (call $split (f64.const 1.5) (f32.const -2)) (local.set $d) (local.set 0)
      (i32.store (i32.const {REPLY}) (local.get 0)) (f64.store (i32.const {REPLY + 8}) (local.get $d))"""
    with guest(tmp_path, imports, body, reply=16) as plugin:
        plugin.host.provide(
            "env", "split", lambda _memory, a, b: (7, a + b), params=["f64", "f32"], results=["i32", "f64"]
        )
        reply = plugin.call_raw("authenticate", b"{}")
        assert reply[:4] == b"\7\0\0\0"
        assert reply[8:] == b"\0\0\0\0\0\0\xe0\xbf"


def test_a_python_function_reads_and_writes_the_guests_memory(tmp_path: Path) -> None:
    imports = imported("shout", "ii", module="env", results="")
    body = f"(call $shout (i32.const {REPLY}) (i32.const 3))"

    def shout(memory: GuestMemory, address: int, length: int) -> None:
        memory.write(address, memory.read_text(address, length).upper().encode())

    with guest(tmp_path, imports, body, data=f'(data (i32.const {REPLY}) "abc")', reply=3) as plugin:
        plugin.host.provide("env", "shout", shout, params=["i32", "i32"])
        assert plugin.call_raw("authenticate", b"{}") == b"ABC"


@pytest.mark.parametrize(("address", "length"), [(65_535, 2), (-1, 2), (0, -1), (0x7FFF_FFFF, 0), (0, 65_537)])
def test_a_pointer_outside_memory_is_the_plugins_failure(tmp_path: Path, address: int, length: int) -> None:
    imports = imported("take", "ii", module="env", results="")
    with guest(tmp_path, imports, f"(call $take (i32.const {address}) (i32.const {length}))") as plugin:
        plugin.host.provide("env", "take", lambda memory, a, n: memory.read(a, n), params=["i32", "i32"])
        with pytest.raises(AbiFailure, match="pointed a host function outside its memory") as caught:
            plugin.call_raw("authenticate", b"{}")
        assert caught.value.detail == "pointer-outside-memory"


def test_memory_that_has_grown_is_seen(tmp_path: Path) -> None:
    imports = imported("take", "ii", module="env", results="")
    body = """(call $take (i32.const 0) (i32.const 1)) (drop (memory.grow (i32.const 3)))
      (call $take (i32.const 200000) (i32.const 1))"""
    sizes: list[int] = []

    def take(memory: GuestMemory, address: int, length: int) -> None:
        memory.read(address, length)
        sizes.append(memory.size)

    with guest(tmp_path, imports, body) as plugin:
        plugin.host.provide("env", "take", take, params=["i32", "i32"])
        plugin.call_raw("authenticate", b"{}")
    assert sizes == [65_536, 4 * 65_536]


def test_a_function_provided_later_serves_the_next_instance(tmp_path: Path) -> None:
    with guest(tmp_path, NOW, STORE_NOW, reply=1) as plugin:
        plugin.host.provide("env", "now", lambda _memory, _zone: 1, params=["i32"], results=["i64"])
        assert plugin.call_raw("authenticate", b"{}") == b"\1"
        plugin.host.provide("env", "now", lambda _memory, _zone: 2, params=["i32"], results=["i64"])
        assert plugin.call_raw("authenticate", b"{}") == b"\1"
        plugin.renew()
        assert plugin.call_raw("authenticate", b"{}") == b"\2"
        assert plugin.fresh().call_raw("authenticate", b"{}") == b"\2"


def test_a_tests_function_comes_before_ours(tmp_path: Path) -> None:
    imports = imported("random_get", "ii")
    body = f"(i32.store (i32.const {REPLY}) (call $random_get (i32.const 0) (i32.const 1)))"
    with guest(tmp_path, imports, body) as plugin:
        plugin.host.provide(
            "wasi_snapshot_preview1", "random_get", lambda _memory, _a, _n: 99, params=["i32", "i32"], results=["i32"]
        )
        assert plugin.call_raw("authenticate", b"{}") == b"c\0\0\0"


@pytest.mark.parametrize("result", [None, "5", 2**64, (1, 2), 1.5])
def test_a_result_that_does_not_fit_is_an_error_that_names_the_import(tmp_path: Path, result: object) -> None:
    with guest(tmp_path, NOW, STORE_NOW) as plugin:
        plugin.host.provide("env", "now", lambda _memory, _zone: result, params=["i32"], results=["i64"])
        with pytest.raises(SetupError, match="the Python function for env::now gave a result") as caught:
            plugin.call_raw("authenticate", b"{}")
        assert caught.value.expected == "i64"
        assert caught.value.got == repr(result)


def test_what_is_no_type_or_no_function_is_refused_at_once(tmp_path: Path) -> None:
    with guest(tmp_path, NOW, STORE_NOW) as plugin:
        with pytest.raises(SetupError, match="env::now cannot have a value of type 'int'"):
            plugin.host.provide("env", "now", print, params=["int"])
        with pytest.raises(SetupError, match="env::now cannot be 5"):
            plugin.host.provide("env", "now", 5)  # type: ignore[arg-type]  # the mistake under test


# ---- what a Python function raises --------------------------------------------------------------------------------


class OurError(Exception):
    pass


@pytest.mark.parametrize(
    "error", [OurError("ours"), AssertionError("a test's own"), KeyboardInterrupt(), SystemExit(3)]
)
def test_what_a_python_function_raises_comes_out_of_the_call(
    tmp_path: Path, error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_memory: GuestMemory) -> None:
        raise error

    imports = imported("fd_write", "iiii") + TICK
    body = "(drop (call $fd_write (i32.const 1) (i32.const 4096) (i32.const 1) (i32.const 0))) (call $tick)"
    data = r'(data (i32.const 4096) "\10\10\00\00\05\00\00\00") (data (i32.const 4112) "hello")'
    with guest(tmp_path, imports, body, data=data) as plugin:
        provide_tick(plugin, fail)
        with pytest.raises(type(error)) as caught:
            plugin.call_raw("authenticate", b"{}")
        assert caught.value is error
        assert plugin.last is not None
        assert plugin.last.asked[-1].outcome == f"raised {type(error).__name__}"
        assert plugin.last.printed == "hello"
        provide_tick(plugin, lambda _memory: None)
        plugin.call_raw("authenticate", b"{}")
        assert plugin.last.fresh
    assert "ignored" not in capfd.readouterr().err


def test_it_comes_out_of_the_start_function_too(tmp_path: Path) -> None:
    def fail(_memory: GuestMemory) -> None:
        raise OurError

    with guest(tmp_path, TICK, "", extra="(func $begin (call $tick)) (start $begin)") as plugin:
        provide_tick(plugin, fail)
        for _ in range(2):
            with pytest.raises(OurError):
                plugin.call_raw("authenticate", b"{}")


def test_it_comes_out_of_dealloc_too(tmp_path: Path) -> None:
    def fail(_memory: GuestMemory) -> None:
        raise OurError

    extra = '(func (export "dealloc") (param i32 i32) (call $tick))'
    with guest(tmp_path, TICK, "", extra=extra) as plugin:
        provide_tick(plugin, fail)
        with pytest.raises(OurError):
            plugin.call_raw("authenticate", b"{}")


def test_a_recursion_too_deep_comes_out(tmp_path: Path) -> None:
    def deeper(memory: GuestMemory) -> None:
        deeper(memory)

    with guest(tmp_path, TICK, "(call $tick)") as plugin:
        provide_tick(plugin, deeper)
        with pytest.raises(RecursionError):
            plugin.call_raw("authenticate", b"{}")


def test_a_call_near_the_end_of_the_stack_is_refused_before_the_guest_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcomes: list[str] = []

    def down(levels: int) -> None:
        if levels:
            down(levels - 1)
        else:
            plugin.call_raw("authenticate", b"{}")

    def try_depths() -> None:
        for levels in range(sys.getrecursionlimit() - 100, sys.getrecursionlimit()):
            try:
                down(levels)
                outcomes.append("answered")
            except (RecursionError, ctypes.ArgumentError):  # which says the same where arguments are converted
                outcomes.append("refused")

    with guest(tmp_path, TICK, "(call $tick)") as plugin:
        provide_tick(plugin, lambda _memory: None)
        plugin.call_raw("authenticate", b"{}")
        # Of a thread's own, where nothing else takes room before the guest is called.
        thread = threading.Thread(target=try_depths)
        thread.start()
        thread.join()
    assert len(outcomes) == 100
    assert set(outcomes) == {"answered", "refused"}
    assert "ignored" not in capfd.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs a timer that sends signals")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.13 lost one signal in some 350; not mended")
def test_a_signal_that_arrives_while_the_guest_runs_comes_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def out_of_time(_number: int, _frame: object) -> None:
        raise OurError("time is up")

    before = signal.signal(signal.SIGALRM, out_of_time)
    # What a callback of the collector raises is lost, and Hypothesis has one.
    gc.disable()
    try:
        body = "(loop $again (call $tick) (br $again))"
        with guest(tmp_path, TICK, body, fuel=2**60, timeout=5) as plugin:
            provide_tick(plugin, lambda _memory: None)
            for microseconds in range(1_000, 3_000, 40):
                with pytest.raises(OurError):  # noqa: PT012  the timer may run out before the guest is reached
                    signal.setitimer(signal.ITIMER_REAL, microseconds / 1e6)
                    plugin.call_raw("authenticate", b"{}")
                assert signal.getsignal(signal.SIGALRM) is out_of_time
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, before)
    assert "ignored" not in capfd.readouterr().err


def test_ctrl_c_while_the_guest_calls_its_host_ends_the_process_as_ctrl_c_does(tmp_path: Path) -> None:
    script = f"""
import os, signal, threading, time
from pathlib import Path
from tests.guests import guest
endless = "(loop $again (call $tick) (br $again))"
with guest(Path({str(tmp_path)!r}), {TICK!r}, endless, fuel=2**60, timeout=60) as plugin:
    plugin.host.provide("env", "tick", lambda memory: None)
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    plugin.call_raw("authenticate", b"{{}}")
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr.strip().endswith("KeyboardInterrupt")
    assert "ignored" not in done.stderr


# ---- re-entry and threads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["call_raw", "renew", "close"])
def test_a_host_function_that_uses_its_own_plugin_is_refused(tmp_path: Path, use: str) -> None:
    def again(_memory: GuestMemory) -> None:
        {
            "call_raw": lambda: plugin.call_raw("authenticate", b"{}"),
            "renew": plugin.renew,
            "close": plugin.close,
        }[use]()

    with guest(tmp_path, TICK, "(call $tick)") as plugin:
        provide_tick(plugin, again)
        with pytest.raises(SetupError, match="a host function uses the plugin that is calling it") as caught:
            plugin.call_raw("authenticate", b"{}")
        assert caught.value.hint is not None
        provide_tick(plugin, lambda _memory: None)
        plugin.call_raw("authenticate", b"{}")


def test_a_host_function_may_call_another_instance(tmp_path: Path) -> None:
    depth: list[int] = []

    def other(_memory: GuestMemory) -> None:
        if len(depth) < 3:
            depth.append(len(depth))
            plugin.fresh().call_raw("authenticate", b"{}")

    with guest(tmp_path, TICK, "(call $tick)") as plugin:
        provide_tick(plugin, other)
        plugin.call_raw("authenticate", b"{}")
    assert depth == [0, 1, 2]


def test_threads_wait_for_one_another(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def busy(_memory: GuestMemory) -> None:
        inside.append(1)
        most.append(len(inside))
        inside.pop()

    with guest(tmp_path, TICK, "(call $tick)") as plugin:
        provide_tick(plugin, busy)
        threads = [
            threading.Thread(target=lambda: [plugin.call_raw("authenticate", b"{}") for _ in range(50)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(most) == 200
    assert max(most) == 1


def test_closed_stores_leave_nothing_behind(tmp_path: Path) -> None:
    before = len(host_calls._bridges)
    with guest(tmp_path, TICK, "(call $tick)") as plugin:
        for _ in range(5):
            with pytest.raises(GuestTrap):
                plugin.call_raw("authenticate", b"{}")
        provide_tick(plugin, lambda _memory: None)
        fresh = plugin.fresh()
        for _ in range(5):
            fresh.call_raw("authenticate", b"{}")
        assert len(host_calls._bridges) == before
    with guest(tmp_path, TICK, "", extra="(func $begin (call $tick)) (start $begin)") as plugin:
        with pytest.raises(GuestTrap):
            plugin.call_raw("authenticate", b"{}")
        assert len(host_calls._bridges) == before


def test_a_module_without_imports_gets_no_environment(tmp_path: Path) -> None:
    before = len(host_calls._bridges)
    with guest(tmp_path, "", "") as plugin:
        plugin.call_raw("authenticate", b"{}")
        assert len(host_calls._bridges) == before
        assert plugin.last is not None
        assert plugin.last.asked == ()


# ---- what nobody provides -----------------------------------------------------------------------------------------


def test_an_import_that_nobody_provides_is_a_trap_that_names_it(tmp_path: Path) -> None:
    with guest(tmp_path, TICK, "(call $tick)") as plugin:
        with pytest.raises(
            GuestTrap, match="authenticate trapped: unknown import: `env::tick` has not been defined"
        ) as caught:
            plugin.call_raw("authenticate", b"{}")
        assert caught.value.code == "import"
        assert plugin.last is not None
        assert plugin.last.asked[0].outcome == "trap import"


def test_an_import_of_another_type_is_a_trap_that_names_both(tmp_path: Path) -> None:
    imports = imported("fd_write", "ii", results="") + TICK
    with guest(tmp_path, imports, "(call $fd_write (i32.const 1) (i32.const 2))") as plugin:
        with pytest.raises(
            GuestTrap,
            match=r"`wasi_snapshot_preview1::fd_write` is imported as \(i32, i32\) -> \(\), "
            r"and provided as \(i32, i32, i32, i32\) -> \(i32\)",
        ) as caught:
            plugin.call_raw("authenticate", b"{}")
        assert caught.value.code == "import"


def test_a_tests_function_of_another_type_is_a_trap_that_names_both(tmp_path: Path) -> None:
    with guest(tmp_path, NOW, STORE_NOW) as plugin:
        plugin.host.provide("env", "now", lambda _memory: 1, results=["i64"])
        with pytest.raises(GuestTrap, match=r"imported as \(i32\) -> \(i64\), and provided as \(\) -> \(i64\)"):
            plugin.call_raw("authenticate", b"{}")


def test_a_function_of_vectors_is_a_trap_that_names_it(tmp_path: Path) -> None:
    imports = '(import "env" "wide" (func $wide (param v128)))'
    with guest(tmp_path, imports, "(call $wide (v128.const i64x2 1 2))") as plugin:
        with pytest.raises(GuestTrap, match="unknown import: `env::wide`") as caught:
            plugin.call_raw("authenticate", b"{}")
        assert caught.value.code == "import"


def test_an_import_that_stands_twice_is_answered_twice(tmp_path: Path) -> None:
    imports = TICK + TICK.replace("$tick", "$tock")
    with guest(tmp_path, imports, "(call $tick) (call $tock)") as plugin:
        calls: list[int] = []
        provide_tick(plugin, lambda _memory: calls.append(1))
        plugin.call_raw("authenticate", b"{}")
        assert calls == [1, 1]


def test_memories_and_an_import_of_two_types_cannot_be_linked(tmp_path: Path) -> None:
    for imports in ('(import "env" "scratch" (memory 1))', NOW + NOW.replace("$now", "$then").replace("i64", "i32")):
        with pytest.raises(LoadFailure) as caught, guest(tmp_path, imports, ""):
            pass
        assert caught.value.step == "link"


# ---- AssemblyScript's env -----------------------------------------------------------------------------------------


def string_object(address: int, text: str) -> str:
    """A string as AssemblyScript keeps it: its length in bytes, then UTF-16."""
    raw = (2 * len(text)).to_bytes(4, "little") + text.encode("utf-16-le")
    escaped = "".join(f"\\{byte:02x}" for byte in raw)
    return f'(data (i32.const {address - 4}) "{escaped}")'


TEXTS = string_object(4096, "no such user") + string_object(4196, "index.ts")


def aborting(message: int, file: int) -> str:
    return f"(call $abort (i32.const {message}) (i32.const {file}) (i32.const 12) (i32.const 5))"


@pytest.mark.parametrize(
    ("message", "file", "told"),
    [
        (4096, 4196, "abort: no such user at index.ts:12:5"),
        (0, 0, "abort: no message at an unnamed file:12:5"),
        (-4, 4196, r"abort: \(no text: the address lies outside memory\) at index.ts:12:5"),
        (2, 4196, r"abort: \(no text: the address lies outside memory\) at index.ts:12:5"),
    ],
)
def test_abort_is_a_trap_with_message_and_place(tmp_path: Path, message: int, file: int, told: str) -> None:
    imports = imported("abort", "iiii", module="env", results="")
    with guest(tmp_path, imports, aborting(message, file), data=TEXTS) as plugin:
        with pytest.raises(GuestTrap, match=told) as caught:
            plugin.call_raw("authenticate", b"{}")
        assert caught.value.code == "abort"
        assert caught.value.backtrace


def test_trace_is_printed_and_seed_is_always_the_same(tmp_path: Path) -> None:
    imports = imported("trace", "iiddddd", module="env", results="") + imported("seed", "", module="env", results="d")
    numbers = "(f64.const 1.5) (f64.const 2) (f64.const 0) (f64.const 0) (f64.const 0)"
    body = f"(call $trace (i32.const 4096) (i32.const 2) {numbers}) (f64.store (i32.const {REPLY}) (call $seed))"
    with guest(tmp_path, imports, body, data=TEXTS, reply=8) as plugin:
        first = plugin.call_raw("authenticate", b"{}")
        assert plugin.last is not None
        assert plugin.last.printed == "trace: no such user 1.5 2\n"
        plugin.renew()
        assert plugin.call_raw("authenticate", b"{}") == first != bytes(8)


# ---- mockforge:plugin/host ----------------------------------------------------------------------------------------

HOST = (
    imported("log_message", "iii", module=MOCKFORGE, results="")
    + imported("get_config_value", "iiii", module=MOCKFORGE)
    + imported("store_data", "iiii", module=MOCKFORGE)
    + imported("retrieve_data", "iiii", module=MOCKFORGE)
)
KEY = '(data (i32.const 4096) "greeting")'


def into_reply(name: str, *arguments: int) -> str:
    return f"(i32.store (i32.const {REPLY}) (call ${name} {' '.join(f'(i32.const {n})' for n in arguments)}))"


def test_configuration_is_read_into_the_guests_buffer(tmp_path: Path) -> None:
    body = into_reply("get_config_value", 4096, 8, REPLY + 4, 20)
    with guest(tmp_path, HOST, body, data=KEY, reply=24) as plugin:
        assert plugin.call_raw("authenticate", b"{}") == b"\xff" * 4 + bytes(20)
        for value, text in (("Grüß", "Grüß"), ({"a": [1, "ü"]}, '{"a":[1,"ü"]}'), (True, "true"), ("", "")):
            plugin.renew()
            plugin.host.config["greeting"] = value  # type: ignore[assignment]  # each is JSON
            raw = text.encode()
            assert plugin.call_raw("authenticate", b"{}") == (len(raw).to_bytes(4, "little") + raw).ljust(24, b"\0")


def test_a_buffer_too_small_tells_the_length_and_stays_untouched(tmp_path: Path) -> None:
    with guest(tmp_path, HOST, into_reply("get_config_value", 4096, 8, REPLY + 4, 3), data=KEY, reply=8) as plugin:
        plugin.host.config["greeting"] = "four"
        assert plugin.call_raw("authenticate", b"{}") == b"\4\0\0\0" + bytes(4)


def test_what_is_stored_outlives_the_instance_and_shows_in_the_test(tmp_path: Path) -> None:
    body = into_reply("retrieve_data", 4096, 8, REPLY + 4, 8) + "(drop (call $store_data"
    body += " (i32.const 4096) (i32.const 8) (i32.const 4096) (i32.const 5)))"
    with guest(tmp_path, HOST, body, data=KEY, reply=9) as plugin:
        assert plugin.call_raw("authenticate", b"{}")[:4] == b"\xff" * 4
        assert plugin.host.store == {"greeting": b"greet"}
        plugin.renew()
        assert plugin.call_raw("authenticate", b"{}") == b"\5\0\0\0greet"


def test_the_store_is_bounded(tmp_path: Path) -> None:
    body = (
        "(local $n i32) (loop $more (i32.store (i32.const 4096) (local.tee $n (i32.add (local.get $n) (i32.const 1))))"
    )
    body += f" {into_reply('store_data', 4096, 4, 0, 60_000)} (br_if $more (i32.eqz (i32.load (i32.const {REPLY})))))"
    with guest(tmp_path, HOST, body) as plugin:
        assert plugin.call_raw("authenticate", b"{}") == b"\xff" * 4
        assert sum(map(len, plugin.host.store.values())) <= 2**20


def test_messages_are_logged_with_their_level(tmp_path: Path) -> None:
    body = "".join(f"(call $log_message (i32.const {level}) (i32.const 4096) (i32.const 8))" for level in (0, 3, 4, 9))
    with guest(tmp_path, HOST, body, data=KEY) as plugin:
        plugin.call_raw("authenticate", b"{}")
        assert [record.level for record in plugin.host.log] == ["trace", "warn", "error", "9"]
        assert {record.message for record in plugin.host.log} == {"greeting"}
        assert plugin.last is not None
        assert plugin.last.asked[1].detail == "warn: greeting"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_config_value", (-1, 8, 0, 0)),
        ("get_config_value", (4096, -8, 0, 0)),
        ("retrieve_data", (4096, 8, 65_535, 2)),
        ("store_data", (4096, 8, 4096, -1)),
    ],
)
def test_wild_pointers_end_the_guest(tmp_path: Path, name: str, arguments: tuple[int, ...]) -> None:
    with guest(tmp_path, HOST, into_reply(name, *arguments), data=KEY) as plugin:
        plugin.host.config["greeting"] = "hello"
        plugin.host.store["greeting"] = b"hello"
        with pytest.raises(AbiFailure, match="outside its memory"):
            plugin.call_raw("authenticate", b"{}")


def test_observe_gives_a_plugins_failure_and_raises_a_tests(tmp_path: Path) -> None:
    def fail(_memory: GuestMemory) -> None:
        raise OurError

    with guest(tmp_path, TICK, "(call $tick)") as plugin:
        observation = plugin.observe(RequestBuilder().auth())
        assert isinstance(observation.failure, GuestTrap)
        provide_tick(plugin, fail)
        plugin.renew()
        with pytest.raises(OurError):
            plugin.observe(RequestBuilder().auth())
