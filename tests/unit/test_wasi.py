"""Our own WASI preview 1 as guests see it: every function answered or denied, nothing of the machine shown."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import wasmtime

from pytest_mockforge import GuestTrap, LimitExceeded, Plugin, Refusal, load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.opening import hosts
from pytest_mockforge.runtimes.wasm.catalogue import built_in
from tests.guests import REPLY, WASI, call, errno, guest, imported
from tests.reference_module import REFERENCE, Case, read_cases, request_bytes, same

OK, E2BIG, EBADF, EFAULT, EINVAL = 0, 1, 8, 21, 28
ENAMETOOLONG, ENOMEM, ENOTDIR, ENOTSOCK, ENOTSUP, ESPIPE, ENOTCAPABLE = 37, 48, 54, 57, 58, 70, 76
STDOUT, UNKNOWN = 1, 3
OUT = 2048
PATH, PATH_LENGTH = 3000, 11
FAR = 0x7FFF_FFF0

# name, parameters, arguments of a call, errno
ANSWERS: tuple[tuple[str, str, tuple[int, ...], int], ...] = (
    ("args_get", "ii", (OUT, OUT), OK),
    ("args_sizes_get", "ii", (OUT, OUT), OK),
    ("environ_get", "ii", (OUT, OUT), OK),
    ("environ_sizes_get", "ii", (OUT, OUT), OK),
    ("clock_res_get", "ii", (1, OUT), OK),
    ("clock_time_get", "iIi", (0, 1, OUT), OK),
    ("fd_advise", "iIIi", (STDOUT, 0, 0, 0), ESPIPE),
    ("fd_allocate", "iII", (STDOUT, 0, 1), ENOTCAPABLE),
    ("fd_close", "i", (STDOUT,), OK),
    ("fd_datasync", "i", (STDOUT,), OK),
    ("fd_fdstat_get", "ii", (STDOUT, OUT), OK),
    ("fd_fdstat_set_flags", "ii", (STDOUT, 4), OK),
    ("fd_fdstat_set_rights", "iII", (STDOUT, -1, -1), ENOTCAPABLE),
    ("fd_filestat_get", "ii", (STDOUT, OUT), OK),
    ("fd_filestat_set_size", "iI", (STDOUT, 1), ENOTCAPABLE),
    ("fd_filestat_set_times", "iIIi", (STDOUT, 0, 0, 0), ENOTCAPABLE),
    ("fd_pread", "iiiIi", (STDOUT, OUT, 1, 0, OUT), ESPIPE),
    ("fd_prestat_get", "ii", (UNKNOWN, OUT), EBADF),
    ("fd_prestat_dir_name", "iii", (UNKNOWN, OUT, 8), EBADF),
    ("fd_pwrite", "iiiIi", (STDOUT, OUT, 1, 0, OUT), ESPIPE),
    ("fd_read", "iiii", (0, OUT, 1, OUT), OK),
    ("fd_readdir", "iiiIi", (STDOUT, OUT, 8, 0, OUT), ENOTDIR),
    ("fd_renumber", "ii", (STDOUT, 2), ENOTSUP),
    ("fd_seek", "iIii", (STDOUT, 0, 0, OUT), ESPIPE),
    ("fd_sync", "i", (STDOUT,), OK),
    ("fd_tell", "ii", (STDOUT, OUT), ESPIPE),
    ("fd_write", "iiii", (STDOUT, OUT, 1, OUT), OK),
    ("path_create_directory", "iii", (UNKNOWN, PATH, PATH_LENGTH), EBADF),
    ("path_filestat_get", "iiiii", (UNKNOWN, 0, PATH, PATH_LENGTH, OUT), EBADF),
    ("path_filestat_set_times", "iiiiIIi", (UNKNOWN, 0, PATH, PATH_LENGTH, 0, 0, 0), EBADF),
    ("path_link", "iiiiiii", (UNKNOWN, 0, PATH, PATH_LENGTH, UNKNOWN, PATH, PATH_LENGTH), EBADF),
    ("path_open", "iiiiiIIii", (UNKNOWN, 0, PATH, PATH_LENGTH, 0, -1, -1, 0, OUT), EBADF),
    ("path_readlink", "iiiiii", (UNKNOWN, PATH, PATH_LENGTH, OUT, 8, OUT), EBADF),
    ("path_remove_directory", "iii", (UNKNOWN, PATH, PATH_LENGTH), EBADF),
    ("path_rename", "iiiiii", (UNKNOWN, PATH, PATH_LENGTH, UNKNOWN, PATH, PATH_LENGTH), EBADF),
    ("path_symlink", "iiiii", (PATH, PATH_LENGTH, UNKNOWN, PATH, PATH_LENGTH), EBADF),
    ("path_unlink_file", "iii", (UNKNOWN, PATH, PATH_LENGTH), EBADF),
    ("poll_oneoff", "iiii", (OUT, OUT, 1, OUT), OK),
    ("proc_raise", "i", (9,), ENOTSUP),
    ("random_get", "ii", (OUT, 32), OK),
    ("sched_yield", "", (), OK),
    ("sock_accept", "iii", (STDOUT, 0, OUT), ENOTSOCK),
    ("sock_recv", "iiiiii", (STDOUT, OUT, 1, 0, OUT, OUT), ENOTSOCK),
    ("sock_send", "iiiii", (STDOUT, OUT, 1, 0, OUT), ENOTSOCK),
    ("sock_shutdown", "ii", (STDOUT, 3), ENOTSOCK),
)
BY_NAME = {name: params for name, params, _, _ in ANSWERS}
HELLO = r'(data (i32.const 4096) "\10\10\00\00\06\00\00\00") (data (i32.const 4112) "hello\0a")'
PATHS = rf'(data (i32.const {PATH}) "/etc/passwd")'


def asking(folder: Path, name: str, arguments: Sequence[int], *, data: str = "") -> AbstractContextManager[Plugin]:
    """A guest that makes one call and replies with its errno."""
    params = BY_NAME[name]
    body = f"(i32.store (i32.const {REPLY}) {call(name, params, arguments)})"
    return guest(folder, imported(name, params), body, data=data)


def ask(folder: Path, name: str, *arguments: int) -> int:
    with asking(folder, name, arguments) as plugin:
        return errno(plugin)


def test_all_46_functions_are_there_with_the_types_of_the_standard() -> None:
    ours = {name: function.type for (module, name), function in built_in().items() if module == WASI}
    assert ours.keys() == {*BY_NAME, "proc_exit"}
    imports = "".join(imported(name, params) for name, params in BY_NAME.items())
    text = f"(module {imports} {imported('proc_exit', 'i', results='')})"
    with wasmtime.Engine() as engine, wasmtime.Linker(engine) as linker, wasmtime.Store(engine) as store:
        linker.define_wasi()
        store.set_wasi(wasmtime.WasiConfig())
        linker.instantiate(store, wasmtime.Module(engine, bytes(wasmtime.wat2wasm(text))))
    for name, params in BY_NAME.items():
        assert ours[name].params == tuple({"i": "i32", "I": "i64"}[letter] for letter in params)
        assert ours[name].results == ("i32",)


@pytest.mark.parametrize(("name", "_params", "arguments", "expected"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_each_function_is_answered_or_denied(
    tmp_path: Path, name: str, _params: str, arguments: tuple[int, ...], expected: int
) -> None:
    with asking(tmp_path, name, arguments, data=PATHS) as plugin:
        assert errno(plugin) == expected
        assert plugin.last is not None
        (asked,) = plugin.last.asked
        assert (asked.module, asked.name) == (WASI, name)
        assert (asked.outcome == "ok") is (expected == OK)
        assert asked.outcome in ("ok", "EBADF", "ESPIPE", "ENOTCAPABLE", "ENOTDIR", "ENOTSOCK", "ENOTSUP")


def test_a_stream_is_a_character_device_without_size_or_times(tmp_path: Path) -> None:
    body = f"(drop {call('fd_filestat_get', 'ii', (STDOUT, REPLY))})"
    with guest(tmp_path, imported("fd_filestat_get", "ii"), body, reply=64) as plugin:
        device, inode, kind, links, size, *times = struct.unpack("<QQB7xQQQQQ", plugin.call_raw("authenticate", b"{}"))
    assert (device, inode, kind, links, size, times) == (0, 0, 2, 1, 0, [0, 0, 0])


@pytest.mark.parametrize("host", hosts())
def test_no_host_profile_gives_a_guest_more_of_the_world(
    tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_SECRET", "hunter2")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("hunter2")
    # A stream that was closed denies everything, so that comes last.
    rows = sorted(ANSWERS, key=lambda row: row[0] == "fd_close")
    body = "".join(
        f"(i32.store (i32.const {REPLY + 32 + 4 * index}) {call(name, params, arguments)})"
        for index, (name, params, arguments, _) in enumerate(rows)
    )
    body += f"""
      (drop {call("args_sizes_get", "ii", (REPLY, REPLY + 4))})
      (drop {call("environ_sizes_get", "ii", (REPLY + 8, REPLY + 12))})
      (drop {call("fd_read", "iiii", (0, 4096, 1, REPLY + 16))})
      (drop {call("clock_time_get", "iIi", (0, 1, REPLY + 24))})"""
    imports = "".join(imported(name, params) for name, params in BY_NAME.items())
    reply = 32 + 4 * len(rows)
    with guest(tmp_path, imports, body, data=PATHS + HELLO, reply=reply, host=host) as plugin:
        said = plugin.call_raw("authenticate", b"{}")
    *sizes, now = struct.unpack_from("<5I4xQ", said)
    assert sizes == [0] * 5
    assert time.gmtime(now // 10**9)[:3] == (2026, 1, 1)
    assert dict(zip((row[0] for row in rows), struct.unpack_from(f"<{len(rows)}I", said, 32), strict=True)) == {
        name: expected for name, _, _, expected in rows
    }


@pytest.mark.parametrize("name", [name for name in BY_NAME if name.startswith(("fd_", "sock_"))])
def test_an_unknown_descriptor_is_told(tmp_path: Path, name: str) -> None:
    others = [0] * (len(BY_NAME[name]) - 1)
    assert ask(tmp_path, name, 77, *others) == EBADF
    assert ask(tmp_path, name, -1, *others) == EBADF


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("args_sizes_get", (OUT, FAR)),
        ("environ_sizes_get", (-4, OUT)),
        ("clock_res_get", (0, 65_529)),
        ("clock_time_get", (0, 0, -1)),
        ("fd_fdstat_get", (STDOUT, 65_513)),
        ("fd_filestat_get", (STDOUT, FAR)),
        ("fd_read", (0, FAR, 1, OUT)),
        ("fd_read", (0, OUT, 1, FAR)),
        ("fd_write", (STDOUT, 65_535, 1, OUT)),
        ("fd_write", (STDOUT, OUT, 1, FAR)),
        ("path_open", (UNKNOWN, 0, FAR, 4, 0, 0, 0, 0, OUT)),
        ("path_open", (UNKNOWN, 0, PATH, -1, 0, 0, 0, 0, OUT)),
        ("path_rename", (UNKNOWN, PATH, 1, UNKNOWN, FAR, 1)),
        ("path_symlink", (-1, 2, UNKNOWN, PATH, 1)),
        ("poll_oneoff", (FAR, OUT, 1, OUT)),
        ("poll_oneoff", (OUT, FAR, 1, OUT)),
        ("poll_oneoff", (OUT, OUT, 1, -2)),
        ("random_get", (FAR, 1)),
        ("random_get", (OUT, -1)),
    ],
)
def test_a_pointer_outside_memory_is_told(tmp_path: Path, name: str, arguments: tuple[int, ...]) -> None:
    assert ask(tmp_path, name, *arguments) == EFAULT


def test_counts_without_bounds_are_refused(tmp_path: Path) -> None:
    assert ask(tmp_path, "fd_write", STDOUT, OUT, -1, OUT) == EINVAL
    assert ask(tmp_path, "fd_write", STDOUT, OUT, 1025, OUT) == EINVAL
    assert ask(tmp_path, "fd_read", 0, OUT, -1, OUT) == EINVAL
    assert ask(tmp_path, "poll_oneoff", OUT, OUT, -1, OUT) == EINVAL
    assert ask(tmp_path, "poll_oneoff", OUT, OUT, 0, OUT) == EINVAL


def test_a_thousand_buffers_of_all_memory_are_refused_without_being_copied(tmp_path: Path) -> None:
    fill = f"""
      (local $n i32)
      (loop $more
        (i32.store (i32.add (i32.const 8192) (i32.mul (local.get $n) (i32.const 8))) (i32.const 0))
        (i32.store (i32.add (i32.const 8196) (i32.mul (local.get $n) (i32.const 8))) (i32.const 33554432))
        (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1024))))
      (i32.store (i32.const {REPLY}) {call("fd_write", "iiii", (STDOUT, 8192, 1024, OUT))})"""
    started = time.process_time()
    with guest(tmp_path, imported("fd_write", "iiii"), fill, pages=512) as plugin:
        assert errno(plugin) == EINVAL
        assert plugin.last is not None
        assert plugin.last.printed == ""
    assert time.process_time() - started < 2


@pytest.mark.parametrize("path", ["/etc/passwd", "../..", "../../../../etc/shadow", "C:\\\\", "\\ff\\00"])
def test_no_path_leads_anywhere_and_each_is_recorded(tmp_path: Path, path: str) -> None:
    data = rf'(data (i32.const {PATH}) "{path}")'
    for fd, expected in ((UNKNOWN, EBADF), (0, ENOTCAPABLE), (-100, EBADF)):
        arguments = (fd, 1, PATH, len(path) - path.count("\\\\"), 0, -1, -1, 0, OUT)
        with asking(tmp_path, "path_open", arguments, data=data) as plugin:
            assert errno(plugin) == expected
            assert plugin.last is not None
            if "\\" not in path:
                assert plugin.last.asked[0].detail == path


def test_a_path_longer_than_any_system_has_is_refused(tmp_path: Path) -> None:
    assert ask(tmp_path, "path_unlink_file", 0, 0, 4097) == ENAMETOOLONG


def test_a_closed_stream_stays_closed(tmp_path: Path) -> None:
    body = f"""(drop (call $fd_close (i32.const 1)))
      (i32.store (i32.const {REPLY}) {call("fd_write", "iiii", (STDOUT, OUT, 0, OUT))})"""
    with guest(tmp_path, imported("fd_close", "i") + imported("fd_write", "iiii"), body) as plugin:
        assert errno(plugin) == EBADF
        plugin.renew()
        assert errno(plugin) == EBADF


def test_the_virtual_clock_starts_at_one_instant_and_advances_by_a_fixed_step(tmp_path: Path) -> None:
    body = "".join(f"(drop {call('clock_time_get', 'iIi', (0, 0, REPLY + 8 * n))})" for n in range(3))
    with guest(tmp_path, imported("clock_time_get", "iIi"), body, reply=24) as plugin:
        first = struct.unpack("<3Q", plugin.call_raw("authenticate", b"{}"))
        assert first[1] - first[0] == first[2] - first[1] == 10**6
        assert time.gmtime(first[0] // 10**9)[:5] == (2026, 1, 1, 0, 0)
        later = struct.unpack("<3Q", plugin.call_raw("authenticate", b"{}"))
        assert later[0] - first[2] == 10**6
        plugin.renew()
        assert struct.unpack("<3Q", plugin.call_raw("authenticate", b"{}")) == first


def test_an_unknown_clock_is_refused(tmp_path: Path) -> None:
    assert ask(tmp_path, "clock_time_get", 4, 0, OUT) == EINVAL
    assert ask(tmp_path, "clock_res_get", -1, OUT) == EINVAL


def subscription(*, kind: int, what: int, timeout: int = 0, flags: int = 0, user_data: int = 7) -> bytes:
    return struct.pack("<QB7xI4xQQH6x", user_data, kind, what, timeout, 0, flags)


def polling(folder: Path, *subscriptions: bytes) -> AbstractContextManager[Plugin]:
    """Poll, then read the monotonic clock; reply: errno, events ready, time, then the events."""
    data = "".join(f"\\{byte:02x}" for byte in b"".join(subscriptions))
    body = f"""
      (i32.store (i32.const {REPLY})
        {call("poll_oneoff", "iiii", (4096, REPLY + 16, len(subscriptions), REPLY + 4))})
      (drop {call("clock_time_get", "iIi", (1, 0, REPLY + 8))})"""
    return guest(
        folder,
        imported("poll_oneoff", "iiii") + imported("clock_time_get", "iIi"),
        body,
        data=f'(data (i32.const 4096) "{data}")',
        reply=16 + 32 * len(subscriptions),
    )


def polled(folder: Path, *subscriptions: bytes) -> tuple[int, int, int, list[tuple[int, ...]]]:
    with polling(folder, *subscriptions) as plugin:
        reply = plugin.call_raw("authenticate", b"{}")
    error, ready, now = struct.unpack_from("<IIQ", reply)
    return error, ready, now, list(struct.iter_unpack("<QHB5xQH6x", reply[16 : 16 + 32 * ready]))


def test_a_sleep_of_an_hour_returns_at_once_and_an_hour_has_passed(tmp_path: Path) -> None:
    hour = 3600 * 10**9
    started = time.perf_counter()
    error, ready, now, events = polled(tmp_path, subscription(kind=0, what=1, timeout=hour))
    assert time.perf_counter() - started < 60
    assert (error, ready, events) == (OK, 1, [(7, 0, 0, 0, 0)])
    assert hour < now < hour + 10**9


def test_a_sleep_until_an_instant_ends_there(tmp_path: Path) -> None:
    error, ready, now, _ = polled(tmp_path, subscription(kind=0, what=1, timeout=5 * 10**9, flags=1))
    assert (error, ready, now) == (OK, 1, 5 * 10**9 + 10**6)


def test_the_longest_sleep_stops_the_clock_at_the_end_of_time(tmp_path: Path) -> None:
    error, ready, now, _ = polled(tmp_path, subscription(kind=0, what=1, timeout=2**64 - 1))
    assert (error, ready, now) == (OK, 1, 2**64 - 1)


def test_the_nearest_of_several_alarms_rings_alone(tmp_path: Path) -> None:
    _, ready, now, events = polled(
        tmp_path,
        subscription(kind=0, what=1, timeout=9 * 10**9, user_data=1),
        subscription(kind=0, what=0, timeout=2 * 10**9, user_data=2),
    )
    assert (ready, [event[0] for event in events]) == (1, [2])
    assert 2 * 10**9 < now < 3 * 10**9


def test_streams_are_ready_before_any_alarm(tmp_path: Path) -> None:
    _, ready, now, events = polled(
        tmp_path,
        subscription(kind=0, what=1, timeout=10**12),
        subscription(kind=1, what=0, user_data=10),
        subscription(kind=2, what=2, user_data=11),
        subscription(kind=1, what=99, user_data=12),
        subscription(kind=0, what=9, user_data=13),
    )
    assert ready == 4
    assert events == [(10, 0, 1, 0, 1), (11, 0, 2, 65_536, 0), (12, EBADF, 1, 0, 0), (13, EINVAL, 0, 0, 0)]
    assert now < 10**9


def test_a_subscription_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    assert polled(tmp_path, subscription(kind=3, what=0))[0] == EINVAL


def test_a_guest_that_sleeps_for_ever_ends_by_its_fuel(tmp_path: Path) -> None:
    body = f"(loop $again (drop {call('poll_oneoff', 'iiii', (OUT, OUT, 1, OUT))}) (br $again))"
    with guest(tmp_path, imported("poll_oneoff", "iiii"), body, fuel=50_000) as plugin:
        with pytest.raises(LimitExceeded, match="used up its fuel"):
            errno(plugin)
        assert plugin.last is not None
        assert len(plugin.last.asked) == 1000
        assert plugin.last.exchange.asked_total[f"{WASI}::poll_oneoff"] > 1000


def test_random_bytes_are_the_same_for_each_instance_and_never_twice_in_one(tmp_path: Path) -> None:
    body = f"(drop {call('random_get', 'ii', (REPLY, 16))}) (drop {call('random_get', 'ii', (REPLY + 16, 16))})"
    with guest(tmp_path, imported("random_get", "ii"), body, reply=32) as plugin:
        first = plugin.call_raw("authenticate", b"{}")
        assert first[:16] != first[16:]
        assert plugin.call_raw("authenticate", b"{}") != first
        plugin.renew()
        assert plugin.call_raw("authenticate", b"{}") == first


def test_4_gb_of_random_bytes_are_refused(tmp_path: Path) -> None:
    assert ask(tmp_path, "random_get", 0, -1) == EFAULT


def test_random_bytes_are_counted_over_a_call(tmp_path: Path) -> None:
    body = f"""(loop $again (br_if $again (i32.eqz {call("random_get", "ii", (0x10000, 4 * 2**20))})))
      (i32.store (i32.const {REPLY}) {call("random_get", "ii", (0x10000, 4 * 2**20))})"""
    with guest(tmp_path, imported("random_get", "ii"), body, pages=100) as plugin:
        assert errno(plugin) == ENOMEM
        assert errno(plugin) == ENOMEM
        assert plugin.last is not None
        assert [asked.outcome for asked in plugin.last.asked] == ["ok"] * 4 + ["ENOMEM"] * 2


def test_output_and_errors_are_captured_in_order(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    body = "".join(f"(drop {call('fd_write', 'iiii', (fd, 4096, 1, REPLY))})" for fd in (1, 2))
    with guest(tmp_path, imported("fd_write", "iiii"), body, data=HELLO) as plugin:
        assert errno(plugin) == 6
        assert plugin.last is not None
        assert plugin.last.printed == "hello\nhello\n"
        errno(plugin)
        assert plugin.last.printed == "hello\nhello\n"
        assert [plugin.take_printed() for _ in range(2)] == [4 * "hello\n", ""]
    assert capfd.readouterr() == ("", "")


def test_a_flood_ends_by_fuel_and_only_its_beginning_is_kept(tmp_path: Path) -> None:
    data = r'(data (i32.const 4096) "\00\00\00\00\00\00\10\00")'
    body = f"(loop $again (drop {call('fd_write', 'iiii', (1, 4096, 1, OUT))}) (br $again))"
    with guest(tmp_path, imported("fd_write", "iiii"), body, data=data, pages=20, fuel=200_000) as plugin:
        with pytest.raises(LimitExceeded, match="used up its fuel"):
            errno(plugin)
        assert plugin.last is not None
        assert len(plugin.last.printed) == 65_536
        assert plugin.last.exchange.printed_dropped > 10 * 2**30


def test_standard_input_is_empty(tmp_path: Path) -> None:
    body = f"(drop {call('fd_read', 'iiii', (0, 4096, 1, REPLY))})"
    with guest(tmp_path, imported("fd_read", "iiii"), body, data=HELLO) as plugin:
        assert errno(plugin) == 0
    assert ask(tmp_path, "fd_read", 1, 4096, 0, OUT) == ENOTCAPABLE
    assert ask(tmp_path, "fd_write", 0, 4096, 0, OUT) == ENOTCAPABLE


@pytest.mark.parametrize("status", [0, 1, 4294967295])
def test_leaving_is_a_trap_that_names_the_status(tmp_path: Path, status: int) -> None:
    body = call("proc_exit", "i", (status,))
    with guest(tmp_path, imported("proc_exit", "i", results=""), body) as plugin:
        with pytest.raises(GuestTrap, match=f"authenticate trapped: the guest exited with status {status}") as caught:
            errno(plugin)
        assert caught.value.code == "exit"
        assert plugin.last is not None
        assert plugin.last.asked[0].outcome == "trap exit"


def test_the_environment_is_empty_unless_a_test_grants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_SECRET", "hunter2")
    body = f"""(drop {call("environ_sizes_get", "ii", (REPLY, REPLY + 4))})
      (drop {call("environ_get", "ii", (REPLY + 8, REPLY + 24))})"""
    imports = imported("environ_sizes_get", "ii") + imported("environ_get", "ii")
    with guest(tmp_path, imports, body, reply=48) as plugin:
        assert plugin.call_raw("authenticate", b"{}") == bytes(48)
        plugin.host.environment.update(LANG="de", TZ="UTC")
        reply = plugin.call_raw("authenticate", b"{}")
        assert struct.unpack_from("<IIII", reply) == (2, 15, REPLY + 24, REPLY + 32)
        assert reply[24:39] == b"LANG=de\0TZ=UTC\0"


def test_wasi_unstable_is_nobodys(tmp_path: Path) -> None:
    imports = imported("random_get", "ii", module="wasi_unstable")
    with guest(tmp_path, imports, f"(drop {call('random_get', 'ii', (0, 0))})") as plugin:
        with pytest.raises(GuestTrap, match="unknown import: `wasi_unstable::random_get`") as caught:
            errno(plugin)
        assert caught.value.code == "import"


@pytest.mark.skipif(not (REFERENCE / "go" / "plugin.wasm").exists(), reason="the Go reference is not built")
def test_a_module_from_gos_own_compiler_answers_every_reference_case() -> None:
    with load(REFERENCE / "go" / "plugin.wasm", cache="off") as plugin:
        wrong = [case["name"] for case in read_cases() if not _answers(plugin, case)]
    assert wrong == []


def _answers(plugin: Plugin, case: Case) -> bool:
    exchange = plugin.invoke(Operation(case["operation"]), request_bytes(case))
    if case["outcome"] == "refused" and case["reply"] is None:
        return isinstance(exchange.failure, Refusal)
    return exchange.reply is not None and same(json.loads(exchange.reply), case["reply"])
