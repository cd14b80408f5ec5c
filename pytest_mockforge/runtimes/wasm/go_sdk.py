"""How a module built with the published Go SDK is called, and what MockForge's adapter makes of it (contract 5.1).

Each argument goes in as a buffer of its own; a bare pointer comes back. No length and no end mark come with it, so the
JSON text's own grammar has to say where the text ends: only for that does this module look at JSON. A number at the top
has no end of its own, and digits that stand behind it in memory by chance are taken for its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, GuestTrap
from pytest_mockforge.runtimes.wasm.conventions import AllocatorFamily, Border, SdkExport
from pytest_mockforge.runtimes.wasm.module_info import Import, ModuleInfo

SEPARATOR = b"\0"
"""Stands between the buffers of one payload: no JSON text and no function's name holds a raw NUL."""
DEEPEST = 1000
"""Levels that are followed in search of the end; the reader of replies is the stricter one."""
_PREVIEW = 16
_LEFT_WELL = re.compile(r"exited with status 0\b")


class Guest(Protocol):
    """What a call needs of an instance."""

    def run(self, name: str, arguments: Sequence[int], during: str) -> int:
        """Call an export with i32s and give its i32."""
        ...

    def attempt(self, name: str, detail: str, *arguments: int) -> None:
        """Call an optional export; a trap is a note under `detail`."""
        ...

    def write(self, address: int, payload: bytes, allocator: str) -> None:
        """Copy into a buffer. Raises AbiFailure where memory has no room for it."""
        ...

    def memory_from(self, address: int, operation: Operation) -> memoryview:
        """Show linear memory from an address to its end. Raises AbiFailure for an address outside."""
        ...

    def note(self, detail: str, message: str) -> None:
        """Keep an oddity of the border."""
        ...


def carries(sdk: SdkExport, payload: bytes) -> bool:
    """Tell whether a payload is meant for this export: that of another convention is one JSON text."""
    return payload.count(SEPARATOR) == sdk.parts - 1


def enter(guest: Guest, entry: str) -> None:
    """Run what sets a Go module up. A command says that it is done by leaving, which unwinds it as a trap does."""
    try:
        guest.run(entry, (), entry)
    except GuestTrap as trap:
        if trap.code != "exit" or not _LEFT_WELL.search(trap.message):
            raise


def exchange(
    guest: Guest,
    operation: Operation,
    payload: bytes,
    *,
    sdk: SdkExport,
    family: AllocatorFamily,
    release: str | None,
    most: int,
) -> bytes:
    """Carry the parts of `payload` in, and the JSON text at the returned address out, of at most so many bytes."""
    parts = payload.split(SEPARATOR)
    arguments: list[int] = []
    for part in parts:
        # TinyGo's malloc(0) gives nil, which an SDK might take for a missing argument.
        size = max(len(part), 1)
        address = guest.run(family.allocate, (size,) if family.extra is None else (size, family.extra), "allocator")
        guest.write(address, part, family.allocate)
        arguments += (address, len(part))
    # The name of the export, and not of the operation: with a way to say no in a reply, a trap is no refusal.
    pointer = guest.run(sdk.name, arguments, sdk.name)
    reply = _text_at(guest, pointer, operation, sdk, most)
    if release is not None:
        for address, length in zip(arguments[::2], arguments[1::2], strict=True):
            guest.attempt(release, "release-trapped", address, length)
    return reply


def _text_at(guest: Guest, pointer: int, operation: Operation, sdk: SdkExport, most: int) -> bytes:
    if pointer == 0:
        raise _no_json(sdk, "address 0", most)
    memory = guest.memory_from(pointer, operation)
    try:
        end = json_end(memory, most)
    except NoJsonError as error:
        preview = bytes(memory[:_PREVIEW])
        raise _no_json(sdk, f"{error}, in {preview!r}… at {pointer:#x}", most) from None
    if memory[end - 1 : end].tobytes().isdigit() and memory[end : end + 1].tobytes().strip(b"\0 \t\r\n"):
        guest.note("number-without-end", f"{sdk.name} returned a number that runs into what stands behind it in memory")
    return bytes(memory[:end])


def _no_json(sdk: SdkExport, got: str, most: int) -> AbiFailure:
    return AbiFailure(
        f"{sdk.name} returned an address where no JSON text stands",
        detail="no-json-at-pointer",
        expected=f"the address of one whole JSON value of at most {most:,} bytes",
        got=got,
        hint="return the address of JSON text, and keep a reference to it for as long as the host may read it",
    )


# --- where JSON text ends ---------------------------------------------------------------------------------------------


class NoJsonError(Exception):
    """Why bytes are no JSON text."""


_TEXT = rb'"(?:[^"\\\x00-\x1f]++|\\.)*+"'
_SPACE = re.compile(rb"[ \t\n\r]*+")
_SCALAR = re.compile(
    rb"(?:" + _TEXT + rb"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?[0-9]++)?+|true|false|null)", re.DOTALL
)
_TO_BRACKET = re.compile(rb"(?:[ \t\n\r,:0-9+\-.eEtrufalsn]++|" + _TEXT + rb")*+", re.DOTALL)
_CLOSERS = {ord("{"): ord("}"), ord("["): ord("]")}


def json_end(memory: memoryview, most: int) -> int:
    """Give the place behind the one JSON value that `memory` begins with, within `most` bytes.

    Follows strings and brackets, up to `DEEPEST` of these; commas and the like are left to the reader of the reply.
    Raises NoJsonError where no value begins or none ends.
    """
    limit = min(len(memory), most)
    at = _after(_SPACE, memory, 0, limit)
    if at == limit:
        raise NoJsonError("nothing but white space")
    closers: list[int] = []
    if memory[at] not in _CLOSERS:
        end = _after(_SCALAR, memory, at, limit)
        if end == at:
            raise NoJsonError(f"byte {memory[at]:#04x} begins no value")
        return end
    while True:
        byte = memory[at]
        at += 1
        if byte in _CLOSERS:
            closers.append(_CLOSERS[byte])
            if len(closers) > DEEPEST:
                raise NoJsonError(f"more than {DEEPEST:,} levels")
        elif byte == closers[-1]:
            closers.pop()
            if not closers:
                return at
        else:
            raise NoJsonError(f"byte {byte:#04x} stands where none can, {at - 1:,} bytes on")
        at = _after(_TO_BRACKET, memory, at, limit)
        if at == limit:
            raise NoJsonError(f"no end within {limit:,} bytes")


def _after(pattern: re.Pattern[bytes], memory: memoryview, at: int, limit: int) -> int:
    found = pattern.match(memory, at, limit)
    return found.end() if found else at


# --- what the adapter host makes of it --------------------------------------------------------------------------------

MismatchDetail = Literal[
    "export-names",
    "one-result",
    "several-buffers",
    "no-length",
    "errors-as-results",
    "outputs-kept",
    "registration-in-main",
    "entry-never-run",
    "wasi-imports",
    "other-imports",
    "allocator",
    "result-shape",
    "context-shape",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mismatch:
    """One way in which a module of the Go SDK and MockForge's adapter do not fit (contract 5.1)."""

    detail: MismatchDetail
    message: str
    mend: str


def host_mismatches(info: ModuleInfo, border: Border) -> tuple[Mismatch, ...]:
    """List, the first to be met first, what keeps the adapter host from using this module as the SDK gives it.

    What shows in the module is read off it; the rest is what every module of the SDK's does, whatever it answers.
    Nothing for a module that has no operation of the SDK's.
    """
    if not border.sdk_operations:
        return ()
    return (*_imports(info), *_allocator(border), *_exports(border), *_entry(border), *_json(border))


def _imports(info: ModuleInfo) -> list[Mismatch]:
    wasi = [imported for imported in info.imports if imported.module.startswith("wasi_")]
    others = [imported for imported in info.imports if not imported.module.startswith("wasi_")]
    named: tuple[tuple[MismatchDetail, list[Import]], ...] = (("wasi-imports", wasi), ("other-imports", others))
    return [
        Mismatch(
            detail=detail,
            message=f"it imports {imports[0].module!r} {imports[0].name!r} ({len(imports)} of this kind); the adapter "
            "links nothing, so it cannot instantiate the module",
            mend="build with -target=wasm-unknown, which imports nothing, and export malloc yourself",
        )
        for detail, imports in named
        if imports
    ]


def _allocator(border: Border) -> list[Mismatch]:
    for fault in border.faults:
        if fault.detail == "no-allocator":
            return [
                Mismatch(
                    detail="allocator",
                    message=f"the adapter that MockForge's detection picks wants {fault.expected}: {fault.got}",
                    mend=f"export {fault.export}, or let the text 'tinygo' stand in the file, which decides detection",
                )
            ]
    return []


def _exports(border: Border) -> list[Mismatch]:
    names = ", ".join(f"{sdk.name} for {operation}" for operation, sdk in border.sdk_operations.items())
    wanted = " and ".join(border.sdk_operations)
    rows: tuple[tuple[MismatchDetail, str, str], ...] = (
        ("export-names", f"it exports {names}; the adapter looks for {wanted}", f"export {wanted}"),
        (
            "several-buffers",
            "each argument comes in a buffer of its own; the adapter passes one JSON object",
            "take (pointer, length) of the one object that contract 1.3 and 1.4 describe",
        ),
        (
            "one-result",
            "one result; the adapter calls only what gives two, pointer and length",
            "return pointer and length packed into an i64, the pointer high, and run pytest_mockforge adapt on it",
        ),
        ("no-length", "a bare pointer, without length or end mark, comes back", "return the length with the pointer"),
    )
    return [Mismatch(detail=detail, message=message, mend=mend) for detail, message, mend in rows]


def _entry(border: Border) -> list[Mismatch]:
    if border.sdk_entry is None:
        return []
    found = [
        Mismatch(
            detail="entry-never-run",
            message=f"heap and variables are set up by {border.sdk_entry}, which MockForge never calls",
            mend="call what _initialize calls from malloc, once",
        )
    ]
    if border.sdk_entry == "_start":
        found.append(
            Mismatch(
                detail="registration-in-main",
                message="the SDK registers a plugin in main, which only _start runs and MockForge never does",
                mend="register in an init function, or from malloc",
            )
        )
    return found


def _json(border: Border) -> list[Mismatch]:
    rows: list[tuple[MismatchDetail, str, str]] = [
        (
            "errors-as-results",
            'an error is {"message", "code"} in place of the result, which the host takes for the result',
            "say no with error_message in authenticate, and with a trap in template functions",
        ),
        ("outputs-kept", "every output is kept for good, so memory grows with each call", "export free and let go"),
    ]
    if Operation.AUTHENTICATE in border.sdk_operations:
        rows.append(
            (
                "result-shape",
                "AuthResult has user_id at the top and no metadata, and writes claims that are nil as null",
                'answer {"authenticated", "identity": {"user_id", "roles", "groups", "attributes"}, "claims", '
                '"metadata"}, with {} for no claims',
            )
        )
    rows.append(
        (
            "context-shape",
            "the SDK reads method, uri, headers and body in the context; the host sends plugin_id and its like there, "
            "and neither headers nor body",
            "read method, uri and query_params beside the context",
        )
    )
    return [Mismatch(detail=detail, message=message, mend=mend) for detail, message, mend in rows]
