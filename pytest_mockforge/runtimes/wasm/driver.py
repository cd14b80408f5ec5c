"""A module that makes a whole call of a plugin from inside of the engine: one way in and out in place of four.

Written for one border: allocator, copy, operation and release, in the order in which MockForge calls them. Its own
memory holds the requests. Bytes alone: knows no engine.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.wasm.adapt_sections import signed, text, unsigned
from pytest_mockforge.runtimes.wasm.conventions import MULTI_VALUE, AllocatorFamily, Border
from pytest_mockforge.runtimes.wasm.externs import PAGE_SIZE, FuncType

PLUGIN = "plugin"
"""The name under which the plugin's exports are imported."""
REQUESTS = "requests"
"""The name of the memory that holds the requests."""

_TYPE, _IMPORT, _FUNCTION, _MEMORY, _EXPORT, _CODE = 1, 2, 3, 5, 7, 10
_PACKED = FuncType(params=("i32", "i32"), results=("i64",))
_RUN = FuncType(params=("i32", "i32"))
_PIN = FuncType(params=("i32",), results=("i32",))
_VALUES = {"i32": 0x7F, "i64": 0x7E}
# Locals: offset and length of the request, its address with the plugin, address and length of the reply, both packed.
_LOCALS = bytes.fromhex("02 03 7f 01 7e")
_SET_ADDRESS, _GET_LENGTH = bytes.fromhex("21 02"), bytes.fromhex("20 01")
_COPY = bytes.fromhex("20 02 20 00 20 01 fc 0a 00 01")  # memory.copy(address, offset, length), from memory 1 into 0
_REQUEST, _REPLY = bytes.fromhex("20 02 20 01"), bytes.fromhex("20 03 20 04")
_SET_REPLY = bytes.fromhex("21 04 21 03")
# The high half of the packed result is the address.
_SPLIT = bytes.fromhex("22 05 42 20 88 a7 21 03 20 05 a7 21 04")


def driver_module(border: Border, room: int) -> bytes | None:
    """Make the driver for all operations of a border, with `room` bytes for requests; None where it has no allocator.

    It exports a function (offset, length) -> () for each operation, under the operation's name.
    """
    family = border.family
    if family is None or not border.memory or not border.operations:
        return None
    imports = [(family.allocate, family.allocate_type)]
    if border.pin:
        imports.append((border.pin, _PIN))
    if border.release:
        imports.append((border.release, family.release_type))
    helpers = [name for name, _ in imports]
    for operation, convention in border.operations.items():
        imports.append((operation.value, _PACKED if convention == "packed-i64" else MULTI_VALUE))
    named = [
        *(text(PLUGIN) + text(name) + b"\x00" + unsigned(number) for number, (name, _) in enumerate(imports)),
        text(PLUGIN) + text(border.memory) + b"\x02\x00\x00",
    ]
    run_type = unsigned(len(imports))
    bodies = [
        _body(border, family, helpers, operation, len(helpers) + number)
        for number, operation in enumerate(border.operations)
    ]
    exports = [
        text(operation.value) + b"\x00" + unsigned(len(imports) + number)
        for number, operation in enumerate(border.operations)
    ]
    sections = (
        (_TYPE, [b"\x60" + _types(kind.params) + _types(kind.results) for kind in (*(k for _, k in imports), _RUN)]),
        (_IMPORT, named),
        (_FUNCTION, [run_type] * len(bodies)),
        (_MEMORY, [b"\x00" + unsigned(1 + room // PAGE_SIZE)]),
        (_EXPORT, [*exports, text(REQUESTS) + b"\x02\x01"]),
        (_CODE, [unsigned(len(body)) + body for body in bodies]),
    )
    return b"\0asm\x01\0\0\0" + b"".join(_section(number, entries) for number, entries in sections)


def _body(border: Border, family: AllocatorFamily, helpers: Sequence[str], operation: Operation, target: int) -> bytes:
    extra = b"\x41" + signed(family.extra) if family.extra is not None else b""
    code = _LOCALS + _GET_LENGTH + extra + _call(helpers.index(family.allocate)) + _SET_ADDRESS
    if border.pin:
        code += bytes.fromhex("20 02") + _call(helpers.index(border.pin)) + b"\x1a"
    code += _COPY + _REQUEST + _call(target)
    code += _SPLIT if border.operations[operation] == "packed-i64" else _SET_REPLY
    if border.release:
        # A release that takes one number is given the address alone.
        used = 2 * len(family.release_type.params)
        release = _call(helpers.index(border.release))
        code += _REQUEST[:used] + release + _REPLY[:used] + release
    return code + b"\x0b"


def _call(index: int) -> bytes:
    return b"\x10" + unsigned(index)


def _types(names: Sequence[str]) -> bytes:
    return unsigned(len(names)) + bytes(_VALUES[name] for name in names)


def _section(number: int, entries: Sequence[bytes]) -> bytes:
    body = unsigned(len(entries)) + b"".join(entries)
    return bytes((number,)) + unsigned(len(body)) + body
