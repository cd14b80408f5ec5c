"""`mockforge:plugin/host`: the four functions whose names MockForge's validators allow (contract 3.1, 3.3).

MockForge names them and links none, so these signatures are ours. Text is UTF-8; a text or value going in is a pointer
and a length; one coming out goes into a buffer of the guest's, and the result tells the length that it has.

    log_message(level, message_ptr, message_len)
        level: 0 trace, 1 debug, 2 info, 3 warn, 4 error
    get_config_value(key_ptr, key_len, out_ptr, out_capacity) -> i32
    retrieve_data(key_ptr, key_len, out_ptr, out_capacity) -> i32
        the value's length, or -1 where there is none; written, and then whole, only if out_capacity suffices
        (so call with a capacity of 0 to learn the length); a configured text comes as it is, any other value as JSON
    store_data(key_ptr, key_len, value_ptr, value_len) -> i32
        0, or -1 when the store is full: it holds a mebibyte, each entry counting its key, its value and 64 bytes

All parameters and results are i32. A pointer outside memory ends the guest.
"""

from __future__ import annotations

import json

from pytest_mockforge.runtimes.base import KIB, MIB
from pytest_mockforge.runtimes.host_services import LogRecord
from pytest_mockforge.runtimes.wasm.externs import FuncType
from pytest_mockforge.runtimes.wasm.guest_memory import GuestMemory
from pytest_mockforge.runtimes.wasm.imports import Environment, HostFunction

MODULE = "mockforge:plugin/host"
_LEVELS = ("trace", "debug", "info", "warn", "error")
_MOST_MESSAGES = 1_000
_LONGEST_MESSAGE = 8 * KIB
_LONGEST_KEY = 4 * KIB
_LARGEST_STORE = MIB
_ENTRY = 64
_NOTHING = -1


def _log_message(memory: GuestMemory, environment: Environment, level: int, address: int, length: int) -> None:
    memory.check(address, length)
    message = memory.read_text(address, min(length, _LONGEST_MESSAGE))
    word = _LEVELS[level] if level < len(_LEVELS) else str(level)
    environment.note(f"{word}: {message}")
    if len(environment.services.log) < _MOST_MESSAGES:
        environment.services.log.append(LogRecord(level=word, message=message))


def _get_config_value(
    memory: GuestMemory, environment: Environment, key: int, length: int, out: int, capacity: int
) -> int:
    name = _key(memory, environment, key, length)
    config = environment.services.config
    if name not in config:
        return _NOTHING
    value = config[name]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _give(memory, text.encode(), out, capacity)


def _retrieve_data(
    memory: GuestMemory, environment: Environment, key: int, length: int, out: int, capacity: int
) -> int:
    value = environment.services.store.get(_key(memory, environment, key, length))
    return _NOTHING if value is None else _give(memory, value, out, capacity)


def _store_data(memory: GuestMemory, environment: Environment, key: int, length: int, address: int, size: int) -> int:
    store = environment.services.store
    name = _key(memory, environment, key, length)
    memory.check(address, size)
    others = sum(len(other) + len(value) + _ENTRY for other, value in store.items() if other != name)
    if length > _LONGEST_KEY or others + length + size + _ENTRY > _LARGEST_STORE:
        return _NOTHING
    store[name] = memory.read(address, size)
    return 0


def _key(memory: GuestMemory, environment: Environment, address: int, length: int) -> str:
    memory.check(address, length)
    name = memory.read_text(address, min(length, _LONGEST_KEY + 1))
    environment.note(name)
    return name


def _give(memory: GuestMemory, value: bytes, out: int, capacity: int) -> int:
    memory.check(out, capacity)
    if len(value) <= capacity:
        memory.write(out, value)
    return len(value)


def _function(name: str, params: int, results: int, call: object) -> HostFunction:
    assert callable(call)
    return HostFunction(
        module=MODULE, name=name, type=FuncType(params=("i32",) * params, results=("i32",) * results), call=call
    )


FUNCTIONS = (
    _function("log_message", 3, 0, _log_message),
    _function("get_config_value", 4, 1, _get_config_value),
    _function("store_data", 4, 1, _store_data),
    _function("retrieve_data", 4, 1, _retrieve_data),
)
