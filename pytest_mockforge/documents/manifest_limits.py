"""The limits of a manifest, in every spelling of contract 7.4 and 7.5, as bytes, milliseconds and counts.

The least wins where several are given: a strict limit is never undone by a lax one beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.manifest_facts import Facts
from pytest_mockforge.documents.quantities import parse_duration, parse_size
from pytest_mockforge.documents.wording import quoted

if TYPE_CHECKING:
    from pytest_mockforge.documents.yaml12 import JsonValue

LARGEST_MEMORY = 4 * 2**30
LONGEST_MS = 365 * 24 * 3600 * 1000
_SECTIONS = ("/capabilities/resources", "/resource_limits", "/resources", "/performance")
#: These may be of another kind (a list of names, the name of a runtime) without being wrong.
_LOOSE_SECTIONS = ("/capabilities", "/runtime")

_Reader: TypeAlias = Callable[[Facts, str, "JsonValue"], int | None]


def _least(facts: Facts, readers: dict[str, _Reader], *sections: str) -> int | None:
    found = [
        number
        for section in sections
        if isinstance(facts.at(section), dict)
        for key, read in readers.items()
        if (value := facts.at(pointer := pointers.joined(section, key))) is not None
        if (number := read(facts, pointer, value)) is not None
    ]
    return min(found, default=None)


def _number(least: int, most: int, unit: str) -> _Reader:
    def read(facts: Facts, pointer: str, value: JsonValue) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            facts.wrong(pointer, f"a whole number of {unit} from {least} to {most}")
            return None
        return value

    return read


def _memory(facts: Facts, pointer: str, size: int | float) -> int | None:
    if not 1 <= size < 2**63:
        facts.wrong(pointer, "a size of at least 1 byte and less than 2^63")
        return None
    if size > LARGEST_MEMORY:
        facts.problem(pointer, f"{int(size)} bytes is more than a 32-bit module can address (4 GiB)")
    return int(size)


def _bytes(facts: Facts, pointer: str, value: JsonValue) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        facts.wrong(pointer, "a whole number of bytes")
        return None
    return _memory(facts, pointer, value)


def _megabytes(facts: Facts, pointer: str, value: JsonValue) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        facts.wrong(pointer, "a number of megabytes")
        return None
    return _memory(facts, pointer, value * 10**6)


def _size(facts: Facts, pointer: str, value: JsonValue) -> int | None:
    if not isinstance(value, str):
        return _bytes(facts, pointer, value)
    try:
        return _memory(facts, pointer, parse_size(value))
    except ValueError as error:
        facts.problem(pointer, str(error))
        return None


def _duration(facts: Facts, pointer: str, value: JsonValue) -> int | None:
    if not isinstance(value, str):
        facts.wrong(pointer, 'a duration with its unit, such as "5s" or "500ms"')
        return None
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        facts.problem(pointer, str(error))
        return None
    if seconds == 0:
        facts.problem(pointer, f"{quoted(value)} leaves a call no time")
        return None
    return max(1, round(seconds * 1000))


_milliseconds = _number(1, LONGEST_MS, "milliseconds")
_calls = _number(1, 10**6, "calls")
_MEMORY: dict[str, _Reader] = {"max_memory_bytes": _bytes, "memory_limit_mb": _megabytes, "memory_limit": _size}
_TIME: dict[str, _Reader] = {
    "max_execution_time_ms": _milliseconds,
    "execution_timeout_ms": _milliseconds,
    "execution_timeout": _duration,
    "timeout_ms": _milliseconds,
    "max_cpu_time_ms": _milliseconds,
}
_CONCURRENCY: dict[str, _Reader] = {
    "max_concurrent_executions": _calls,
    "max_concurrent_requests": _calls,
    "max_connections": _calls,
}


def _limited(facts: Facts) -> tuple[str, ...]:
    for pointer in _SECTIONS:
        facts.section(pointer)
    return (*_SECTIONS, *_LOOSE_SECTIONS)


def memory_bytes(facts: Facts) -> int | None:
    """Give the memory limit in bytes; MB is decimal in every spelling, as MockForge's own template writes it."""
    return _least(facts, _MEMORY, *_limited(facts))


def time_ms(facts: Facts) -> int | None:
    """Give the time limit of a call in milliseconds."""
    return _least(facts, _TIME, *_limited(facts))


def concurrency(facts: Facts) -> int | None:
    """Give how many calls the manifest allows at once."""
    return _least(facts, _CONCURRENCY, *_limited(facts), "/capabilities/network")


def remote_numbers(facts: Facts, section: str) -> tuple[int | None, int | None]:
    """Give timeout in milliseconds and number of retries of a `remote:` section (contract 7.5)."""
    retries: dict[str, _Reader] = {"max_retries": _number(0, 1000, "retries")}
    timeout = _least(facts, {"timeout_ms": _milliseconds}, section)
    return timeout, _least(facts, retries, section, pointers.joined(section, "retry_policy"))
