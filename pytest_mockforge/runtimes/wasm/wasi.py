"""Our own WASI preview 1, all but files: arguments, environment, clocks, random bytes, waiting, leaving.

The stock one cannot be interrupted, and has neither a virtual clock nor seeded random bytes. Here nothing waits,
nothing is taken from the machine, and each call does a bounded amount of work.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_mockforge.runtimes.wasm.externs import FuncType
from pytest_mockforge.runtimes.wasm.guest_memory import GuestMemory
from pytest_mockforge.runtimes.wasm.imports import Environment, HostFunction, HostTrap
from pytest_mockforge.runtimes.wasm.surroundings import STEP
from pytest_mockforge.runtimes.wasm.wasi_abi import MODULE, MOST_VECTORS, Errno, wasi_function

_REALTIME = 0
_CLOCKS = range(4)
"""Realtime, monotonic, and time of the process and of the thread, which here are monotonic time."""
_SUBSCRIPTION = struct.Struct("<QB7xI4xQQH6x")
"""User data, kind, clock or descriptor, timeout, precision, flags."""
_EVENT = struct.Struct("<QHB5xQH6x")
"""User data, error, kind, bytes to read, flags."""
_ABSOLUTE = 1
_HANGUP = 1
_ON_CLOCK, _ON_READ, _ON_WRITE = 0, 1, 2
_WRITABLE = 65_536


def _args_get(_memory: GuestMemory, _environment: Environment, _argv: int, _buffer: int) -> Errno:
    return Errno.SUCCESS


def _args_sizes_get(memory: GuestMemory, _environment: Environment, count: int, size: int) -> Errno:
    memory.write_u32(count, 0)
    memory.write_u32(size, 0)
    return Errno.SUCCESS


def _variables(environment: Environment) -> list[bytes]:
    return [f"{name}={value}".encode() + b"\0" for name, value in environment.services.environment.items()]


def _environ_get(memory: GuestMemory, environment: Environment, pointers: int, buffer: int) -> Errno:
    variables = _variables(environment)
    memory.check(pointers, 4 * len(variables))
    memory.check(buffer, sum(map(len, variables)))
    for index, variable in enumerate(variables):
        memory.write_u32(pointers + 4 * index, buffer)
        memory.write(buffer, variable)
        buffer += len(variable)
    return Errno.SUCCESS


def _environ_sizes_get(memory: GuestMemory, environment: Environment, count: int, size: int) -> Errno:
    variables = _variables(environment)
    memory.write_u32(count, len(variables))
    memory.write_u32(size, sum(map(len, variables)))
    return Errno.SUCCESS


def _clock_res_get(memory: GuestMemory, _environment: Environment, clock: int, out: int) -> Errno:
    if clock not in _CLOCKS:
        return Errno.INVAL
    memory.write_u64(out, STEP)
    return Errno.SUCCESS


def _clock_time_get(memory: GuestMemory, environment: Environment, clock: int, _precision: int, out: int) -> Errno:
    if clock not in _CLOCKS:
        return Errno.INVAL
    memory.check(out, 8)
    memory.write_u64(out, environment.clock.wall() if clock == _REALTIME else environment.clock.monotonic())
    return Errno.SUCCESS


def _random_get(memory: GuestMemory, environment: Environment, buffer: int, length: int) -> Errno:
    memory.check(buffer, length)
    drawn = environment.random.take(length)
    if drawn is None:
        return Errno.NOMEM
    memory.write(buffer, drawn)
    return Errno.SUCCESS


def _sched_yield(_memory: GuestMemory, _environment: Environment) -> Errno:
    return Errno.SUCCESS


def _proc_raise(_memory: GuestMemory, _environment: Environment, _signal: int) -> Errno:
    return Errno.NOTSUP


def _proc_exit(_memory: GuestMemory, environment: Environment, status: int) -> None:
    environment.note(f"status {status}")
    raise HostTrap("exit", f"the guest exited with status {status}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Subscription:
    """One thing that a guest waits for."""

    user_data: int
    kind: int
    what: int
    timeout: int
    absolute: bool


def _poll_oneoff(
    memory: GuestMemory, environment: Environment, wanted: int, events: int, count: int, ready: int
) -> Errno:
    """Wait for descriptors, which are always ready, or let time pass at once until the first alarm."""
    if count == 0 or count > MOST_VECTORS:
        return Errno.INVAL
    memory.check(events, _EVENT.size * count)
    memory.check(ready, 4)
    subscriptions = [
        _Subscription(user_data=user_data, kind=kind, what=what, timeout=timeout, absolute=bool(flags & _ABSOLUTE))
        for user_data, kind, what, timeout, _precision, flags in _SUBSCRIPTION.iter_unpack(
            memory.read(wanted, _SUBSCRIPTION.size * count)
        )
    ]
    if any(subscription.kind not in (_ON_CLOCK, _ON_READ, _ON_WRITE) for subscription in subscriptions):
        return Errno.INVAL
    alarms = {
        index: _remaining(environment, subscription)
        for index, subscription in enumerate(subscriptions)
        if subscription.kind == _ON_CLOCK and subscription.what in _CLOCKS
    }
    if len(alarms) == len(subscriptions):
        nearest = min(alarms.values())
        environment.note(f"{nearest / 1e9:g} s")
        environment.clock.sleep(nearest)
        alarms = {index: left - nearest for index, left in alarms.items()}
    happened = b"".join(_happened(environment, subscriptions, alarms))
    memory.write(events, happened)
    memory.write_u32(ready, len(happened) // _EVENT.size)
    return Errno.SUCCESS


def _remaining(environment: Environment, subscription: _Subscription) -> int:
    if not subscription.absolute:
        return subscription.timeout
    return max(0, subscription.timeout - environment.clock.peek(wall=subscription.what == _REALTIME))


def _happened(environment: Environment, subscriptions: list[_Subscription], alarms: Mapping[int, int]) -> list[bytes]:
    events = []
    for index, subscription in enumerate(subscriptions):
        error, size, flags = Errno.SUCCESS, 0, 0
        if subscription.kind == _ON_CLOCK:
            if index not in alarms:
                error = Errno.INVAL
            elif alarms[index] > 0:
                continue
        elif subscription.what not in environment.descriptors:
            error = Errno.BADF
        elif subscription.kind == _ON_READ:
            flags = _HANGUP
        else:
            size = _WRITABLE
        events.append(_EVENT.pack(subscription.user_data, error, subscription.kind, size, flags))
    return events


FUNCTIONS = (
    wasi_function("args_get", "ii", _args_get),
    wasi_function("args_sizes_get", "ii", _args_sizes_get),
    wasi_function("environ_get", "ii", _environ_get),
    wasi_function("environ_sizes_get", "ii", _environ_sizes_get),
    wasi_function("clock_res_get", "ii", _clock_res_get),
    wasi_function("clock_time_get", "iIi", _clock_time_get),
    wasi_function("random_get", "ii", _random_get),
    wasi_function("poll_oneoff", "iiii", _poll_oneoff),
    wasi_function("sched_yield", "", _sched_yield),
    wasi_function("proc_raise", "i", _proc_raise),
    HostFunction(module=MODULE, name="proc_exit", type=FuncType(params=("i32",)), call=_proc_exit),
)
