"""What a component finds behind its WASI imports: no world, virtual clocks, seeded randomness, captured output."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import wasmtime

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import GuestTrap
from pytest_mockforge.runtimes.base import Exchange, Limits
from pytest_mockforge.runtimes.component.runtime import ComponentRuntime, compile_component

HOUR = 3_600_000_000_000

POLL = """
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (import "wasi:clocks/monotonic-clock@VERSION" (instance $clock
    (alias outer 1 $pollable (type $op))
    (export "pollable" (type $q (eq $op)))
    (export "now" (func (result u64)))
    (export "resolution" (func (result u64)))
    (export "subscribe-instant" (func (param "when" u64) (result (own $q))))
    (export "subscribe-duration" (func (param "when" u64) (result (own $q))))))
  (core func $now (canon lower (func $clock "now")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $subscribe-instant (canon lower (func $clock "subscribe-instant")))"""
POLL_NAMES = {"block": "(param i32)", "now": "(result i64)", "subscribe": "(param i64) (result i32)"}
POLL_NAMES |= {"subscribe-instant": "(param i64) (result i32)"}
WALL = """
  (import "wasi:clocks/wall-clock@0.2.0" (instance $wall
    (type $t (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $d (eq $t)))
    (export "now" (func (result $d)))))
  (core func $now (canon lower (func $wall "now") (memory $memory)))"""
RANDOM = """
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))
    (export "get-random-u64" (func (result u64)))))
  (import "wasi:random/insecure@0.2.0" (instance $insecure (export "get-insecure-random-u64" (func (result u64)))))
  (import "wasi:random/insecure-seed@0.2.0" (instance $seed (export "insecure-seed" (func (result (tuple u64 u64))))))
  (core func $bytes (canon lower (func $random "get-random-bytes") (memory $memory) (realloc $realloc)))
  (core func $number (canon lower (func $random "get-random-u64")))
  (core func $insecure (canon lower (func $insecure "get-insecure-random-u64")))
  (core func $seed (canon lower (func $seed "insecure-seed") (memory $memory)))"""
RANDOM_NAMES = {"bytes": "(param i64 i32)", "number": "(result i64)", "insecure": "(result i64)", "seed": "(param i32)"}
WORLD = """
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
  (core func $variables (canon lower (func $environment "get-environment") (memory $memory) (realloc $realloc)))
  (core func $arguments (canon lower (func $environment "get-arguments") (memory $memory) (realloc $realloc)))
  (core func $exit (canon lower (func $exit "exit")))"""
WORLD_NAMES = dict.fromkeys(("variables", "arguments", "exit"), "(param i32)")
FOLDERS = """
  (import "wasi:filesystem/types@0.2.0" (instance $types (export "descriptor" (type (sub resource)))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $od))
    (export "descriptor" (type $d (eq $od)))
    (export "get-directories" (func (result (list (tuple (own $d) string)))))))
  (core func $folders (canon lower (func $preopens "get-directories") (memory $memory) (realloc $realloc)))"""
OUTPUT = """
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $io-error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $s (sub resource)))
    (alias outer 1 $io-error (type $oe))
    (export "error" (type $e (eq $oe)))
    (type $v (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $se (eq $v)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $s)) (param "contents" (list u8)) (result (result (error $se)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/STREAM@0.2.0" (instance $standard
    (alias outer 1 $stream (type $os))
    (export "output-stream" (type $t (eq $os)))
    (export "get-STREAM" (func (result (own $t))))))
  (core func $stream (canon lower (func $standard "get-STREAM")))
  (core func $write
    (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))"""
OUTPUT_NAMES = {"stream": "(result i32)", "write": "(param i32 i32 i32 i32)"}
INPUT = """
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $io-error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "input-stream" (type $s (sub resource)))
    (alias outer 1 $io-error (type $oe))
    (export "error" (type $e (eq $oe)))
    (type $v (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $se (eq $v)))
    (export "[method]input-stream.blocking-read"
      (func (param "self" (borrow $s)) (param "len" u64) (result (result (list u8) (error $se)))))))
  (alias export $streams "input-stream" (type $stream))
  (import "wasi:cli/stdin@0.2.0" (instance $standard
    (alias outer 1 $stream (type $os))
    (export "input-stream" (type $t (eq $os)))
    (export "get-stdin" (func (result (own $t))))))
  (core func $stream (canon lower (func $standard "get-stdin")))
  (core func $read
    (canon lower (func $streams "[method]input-stream.blocking-read") (memory $memory) (realloc $realloc)))"""
# fmt: off
_CODES = (
    "unknown", "access-denied", "not-supported", "invalid-argument", "out-of-memory", "timeout",
    "concurrency-conflict", "not-in-progress", "would-block", "invalid-state", "new-socket-limit",
    "address-not-bindable", "address-in-use", "remote-unreachable", "connection-refused", "connection-reset",
    "connection-aborted", "datagram-too-large", "name-unresolvable", "temporary-resolver-failure",
    "permanent-resolver-failure",
)
# fmt: on
_ALIASED = "".join(
    f'(alias outer 1 ${name} (type $o-{name})) (export "{name}" (type $i-{name} (eq $o-{name})))'
    for name in ("error-code", "ip-address-family")
)
SOCKETS = f"""
  (import "wasi:sockets/network@0.2.0" (instance $sockets
    (export "network" (type (sub resource)))
    (type $codes (enum {" ".join(f'"{code}"' for code in _CODES)}))
    (export "error-code" (type (eq $codes)))
    (type $families (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $families)))))
  (alias export $sockets "network" (type $network))
  (alias export $sockets "error-code" (type $error-code))
  (alias export $sockets "ip-address-family" (type $ip-address-family))
  (import "wasi:sockets/instance-network@0.2.0" (instance $own
    (alias outer 1 $network (type $on))
    (export "network" (type $n (eq $on)))
    (export "instance-network" (func (result (own $n))))))
  (import "wasi:sockets/PROTOCOL@0.2.0" (instance $made (export "PROTOCOL-socket" (type (sub resource)))))
  (alias export $made "PROTOCOL-socket" (type $socket))
  (import "wasi:sockets/PROTOCOL-create-socket@0.2.0" (instance $create
    (alias outer 1 $socket (type $os))
    (export "PROTOCOL-socket" (type $s (eq $os)))
    {_ALIASED}
    (export "create-PROTOCOL-socket" (func
      (param "address-family" $i-ip-address-family) (result (result (own $s) (error $i-error-code)))))))
  (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $lookup
    (export "resolve-address-stream" (type $r (sub resource)))
    (alias outer 1 $network (type $on))
    (export "network" (type $n (eq $on)))
    {_ALIASED}
    (export "resolve-addresses" (func
      (param "network" (borrow $n)) (param "name" string) (result (result (own $r) (error $i-error-code)))))))
  (core func $network (canon lower (func $own "instance-network")))
  (core func $create (canon lower (func $create "create-PROTOCOL-socket") (memory $memory)))
  (core func $resolve (canon lower (func $lookup "resolve-addresses") (memory $memory)))"""
SOCKET_NAMES = {"network": "(result i32)", "create": "(param i32 i32)", "resolve": "(param i32 i32 i32 i32)"}
ERROR = "(i64.add (i64.load8_u (i32.const 32)) (i64.shl (i64.load8_u (i32.const 36)) (i64.const 8)))"
"""What a `result` at 32 is: 1 for an error, and 256 times which."""
PRINT = """(i32.store (i32.const 128) (i32.const 0x0a216948))
  (call $write (call $stream) (i32.const 128) (i32.const 4) (i32.const 32))"""


def guest(imports: str, names: dict[str, str], body: str) -> bytes:
    """A component that answers with what `body` leaves in the eight bytes at 64; `names` are its core imports."""
    taken = "".join(f'(import "host" "{name}" (func ${name} {type}))' for name, type in names.items())
    given = "".join(f'(export "{name}" (func ${name}))' for name in names)
    text = f"""(component
      (core module $library
        (memory (export "memory") 2)
        (global $next (mut i32) (i32.const 4096))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
          (global.get $next) (global.set $next (i32.add (global.get $next) (local.get 3)))))
      (core instance $l (instantiate $library))
      (alias core export $l "memory" (core memory $memory))
      (alias core export $l "realloc" (core func $realloc))
      {imports.replace("VERSION", "0.2.0")}
      (core module $guest
        (import "library" "memory" (memory 2))
        {taken}
        (func (export "go") (param i32 i32) (result i32)
          {body}
          (i32.store (i32.const 20) (i32.const 64))
          (i32.store (i32.const 24) (i32.const 8))
          (i32.const 16)))
      (core instance $i (instantiate $guest (with "library" (instance $l)) (with "host" (instance {given}))))
      (alias core export $i "go" (core func $core))
      (func $go (param "request" (list u8)) (result (result (list u8) (error string)))
        (canon lift (core func $core) (memory $memory) (realloc $realloc)))
      (export "authenticate" (func $go)))"""
    return bytes(wasmtime.wat2wasm(text))


@contextmanager
def running(data: bytes, limits: Limits) -> Iterator[ComponentRuntime]:
    compiled = compile_component(data, limits=limits)
    runtime = ComponentRuntime(compiled, limits=limits)
    try:
        yield runtime
    finally:
        runtime.close()
        compiled.close()


def call(imports: str, names: dict[str, str], body: str, *, timeout: float = 5.0) -> Exchange:
    limits = Limits(timeout=timeout)
    with running(guest(imports, names, body), limits) as runtime:
        return runtime.invoke(Operation.AUTHENTICATE, b"")


def number(exchange: Exchange) -> int:
    assert exchange.failure is None, exchange.failure
    assert exchange.reply is not None
    return int(struct.unpack("<Q", exchange.reply)[0])


def store(value: str) -> str:
    return f"(i64.store (i32.const 64) {value})"


@pytest.mark.parametrize("version", ["0.2.0", "0.2.9"])
def test_a_sleep_of_an_hour_returns_at_once_and_an_hour_has_passed(version: str) -> None:
    body = f"""(call $block (call $subscribe (i64.const {HOUR})))
        {store("(call $now)")}"""
    started = time.perf_counter()
    slept = number(call(POLL.replace("VERSION", version), POLL_NAMES, body, timeout=10.0))
    assert HOUR <= slept < HOUR + 10**9
    assert time.perf_counter() - started < 60


def test_a_sleep_until_an_instant_ends_there() -> None:
    body = f"""(call $block (call $subscribe-instant (i64.const {HOUR})))
        {store("(call $now)")}"""
    assert HOUR <= number(call(POLL, POLL_NAMES, body)) < HOUR + 10**9


def test_sleeping_again_and_again_ends_at_a_limit() -> None:
    body = f"(loop $again (call $block (call $subscribe (i64.const {HOUR}))) (br $again))"
    exchange = call(POLL, POLL_NAMES, body, timeout=0.3)
    assert getattr(exchange.failure, "code", None) in ("interrupt", "out-of-fuel")


def test_the_wall_clock_begins_with_the_year_2026() -> None:
    body = "(call $now (i32.const 64))"
    assert number(call(WALL, {"now": "(param i32)"}, body)) == 1_767_225_600


def test_the_clock_is_the_same_for_each_fresh_instance() -> None:
    with running(guest(POLL, POLL_NAMES, store("(call $now)")), Limits()) as runtime:
        first, second = (runtime.invoke(Operation.AUTHENTICATE, b"").reply for _ in range(2))
        runtime.renew()
        assert first != second
        assert runtime.invoke(Operation.AUTHENTICATE, b"").reply == first


@pytest.mark.parametrize(
    "body",
    [
        store("(call $number)"),
        store("(call $insecure)"),
        "(call $seed (i32.const 64))",
        "(call $bytes (i64.const 8) (i32.const 32)) " + store("(i64.load (i32.load (i32.const 32)))"),
    ],
)
def test_random_bytes_differ_from_call_to_call_and_are_the_same_for_each_fresh_instance(body: str) -> None:
    with running(guest(RANDOM, RANDOM_NAMES, body), Limits()) as runtime:
        first, second = (number(runtime.invoke(Operation.AUTHENTICATE, b"")) for _ in range(2))
        runtime.renew()
        assert first != second
        assert number(runtime.invoke(Operation.AUTHENTICATE, b"")) == first != 0


def test_too_many_random_bytes_are_a_trap() -> None:
    failure = call(RANDOM, RANDOM_NAMES, "(call $bytes (i64.const 4000000000) (i32.const 32))").failure
    assert isinstance(failure, GuestTrap)
    assert "asked for 4,000,000,000 random bytes, more than 65,536 at once" in failure.message


@pytest.mark.parametrize("what", ["variables", "arguments"])
def test_the_environment_is_empty(what: str) -> None:
    assert os.environ
    body = f"(call ${what} (i32.const 32)) {store('(i64.load32_u (i32.const 36))')}"
    assert number(call(WORLD, WORLD_NAMES, body)) == 0


def test_no_folder_is_open() -> None:
    body = f"(call $folders (i32.const 32)) {store('(i64.load32_u (i32.const 36))')}"
    assert number(call(FOLDERS, {"folders": "(param i32)"}, body)) == 0


def test_standard_input_is_closed() -> None:
    body = f"(call $read (call $stream) (i64.const 100) (i32.const 32)) {store(ERROR)}"
    names = {"stream": "(result i32)", "read": "(param i32 i64 i32)"}
    assert number(call(INPUT, names, body)) == 0x101


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_no_socket_can_be_made(protocol: str, family: int) -> None:
    body = f"(call $create (i32.const {family}) (i32.const 32)) {store(ERROR)}"
    said = number(call(SOCKETS.replace("PROTOCOL", protocol), SOCKET_NAMES, body))
    assert (said % 256, _CODES[said // 256]) == (1, "access-denied")


def test_no_name_is_looked_up() -> None:
    body = f"""(i64.store (i32.const 128) (i64.const {int.from_bytes(b"localhos", "little")}))
        (call $resolve (call $network) (i32.const 128) (i32.const 8) (i32.const 32)) {store(ERROR)}"""
    said = number(call(SOCKETS.replace("PROTOCOL", "tcp"), SOCKET_NAMES, body))
    assert (said % 256, _CODES[said // 256]) == (1, "permanent-resolver-failure")


@pytest.mark.parametrize("status", [0, 1])
def test_an_exit_is_a_trap_of_its_own_kind(status: int) -> None:
    failure = call(WORLD, WORLD_NAMES, f"(call $exit (i32.const {status}))").failure
    assert isinstance(failure, GuestTrap)
    assert failure.code == "exit"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_it_prints_is_kept_and_goes_nowhere_else(stream: str, capfd: pytest.CaptureFixture[str]) -> None:
    exchange = call(OUTPUT.replace("STREAM", stream), OUTPUT_NAMES, PRINT)
    assert exchange.failure is None
    assert (exchange.printed, exchange.printed_dropped) == ("Hi!\n", 0)
    assert capfd.readouterr() == ("", "")


def test_a_flood_of_output_is_cut_and_counted() -> None:
    write = "(call $write (call $stream) (i32.const 0) (i32.const 4096) (i32.const 32))"
    exchange = call(OUTPUT.replace("STREAM", "stdout"), OUTPUT_NAMES, write * 50)
    assert exchange.failure is None
    assert (len(exchange.printed), exchange.printed_dropped) == (65_536, 50 * 4096 - 65_536)


def test_output_belongs_to_the_call_that_printed_it() -> None:
    data = guest(OUTPUT.replace("STREAM", "stdout"), OUTPUT_NAMES, PRINT)
    with running(data, Limits()) as runtime:
        assert [runtime.invoke(Operation.AUTHENTICATE, b"").printed for _ in range(2)] == ["Hi!\n", "Hi!\n"]
