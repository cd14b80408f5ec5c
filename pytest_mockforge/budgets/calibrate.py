"""The null plugin: an allocator and operations of the same shape as a module's, which do nothing.

What a call of it takes is the border's and not the guest's: the way in and out of the engine, once for the allocator,
once for the operation, and as often as something is released. Bytes alone: knows no engine.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mockforge.runtimes.wasm.adapt_sections import signed, text, unsigned
from pytest_mockforge.runtimes.wasm.conventions import MULTI_VALUE, Border
from pytest_mockforge.runtimes.wasm.externs import PAGE_SIZE, FuncType

_TYPE, _FUNCTION, _MEMORY, _EXPORT, _CODE, _DATA = 1, 3, 5, 7, 10, 11
_VALUES = {"i32": 0x7F, "i64": 0x7E}
_PACKED = FuncType(params=("i32", "i32"), results=("i64",))
_REPLY, _ROOM = 1024, PAGE_SIZE
"""Where the JSON text lies that stands for a reply without a length, and where requests go."""
_JSON = b"{}\0"
_ECHO = bytes.fromhex("20 00 20 01")  # local.get 0, local.get 1
# Both widened to i64, the first shifted into the high half.
_ECHO_PACKED = bytes.fromhex("20 00 ad 42 20 86 20 01 ad 84")


def null_module(border: Border, longest: int) -> bytes:
    """Make the null plugin for a border: the same exports, of the same types, for requests of `longest` bytes at most.

    Operations hand their request back; in the way of the published Go SDK they give `{}`.
    """
    functions: list[tuple[str, FuncType, bytes]] = []
    family = border.family
    if family is not None:
        functions.append((family.allocate, family.allocate_type, _constant(_ROOM)))
        if border.pin:
            functions.append((border.pin, FuncType(params=("i32",), results=("i32",)), bytes.fromhex("20 00")))
        if border.release:
            functions.append((border.release, family.release_type, b""))
    for operation, convention in border.operations.items():
        packed = convention == "packed-i64"
        functions.append((operation.value, _PACKED if packed else MULTI_VALUE, _ECHO_PACKED if packed else _ECHO))
    for sdk in border.sdk_operations.values():
        functions.append((sdk.name, sdk.type, _constant(_REPLY)))
    if border.sdk_entry:
        functions.append((border.sdk_entry, FuncType(), b""))
    pages = 2 + -(-longest // PAGE_SIZE)
    exports = [text(name) + b"\x00" + unsigned(index) for index, (name, _, _) in enumerate(functions)]
    bodies = [b"\x00" + code + b"\x0b" for _, _, code in functions]
    sections = (
        (_TYPE, [b"\x60" + _values(kind.params) + _values(kind.results) for _, kind, _ in functions]),
        (_FUNCTION, [unsigned(index) for index in range(len(functions))]),
        (_MEMORY, [b"\x00" + unsigned(pages)]),
        (_EXPORT, [*exports, text("memory") + b"\x02\x00"]),
        (_CODE, [unsigned(len(body)) + body for body in bodies]),
        (_DATA, [b"\x00" + _constant(_REPLY) + b"\x0b" + unsigned(len(_JSON)) + _JSON]),
    )
    return b"\0asm\x01\0\0\0" + b"".join(_section(number, entries) for number, entries in sections)


def _section(number: int, entries: Sequence[bytes]) -> bytes:
    body = unsigned(len(entries)) + b"".join(entries)
    return bytes((number,)) + unsigned(len(body)) + body


def _constant(value: int) -> bytes:
    return b"\x41" + signed(value)


def _values(names: Sequence[str]) -> bytes:
    return unsigned(len(names)) + bytes(_VALUES[name] for name in names)
