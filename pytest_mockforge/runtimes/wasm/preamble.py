"""Tells a core WebAssembly module from everything else that a `.wasm` path may hold, by its first bytes.

Must not know what follows the preamble.
"""

from __future__ import annotations

from typing import NamedTuple

from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.runtimes.wasm.binary import PREAMBLE_SIZE

MAGIC = b"\0asm"
CORE = b"\x01\0\0\0"
COMPONENT = b"\x0d\0\x01\0"
_REBUILD = "build the plugin for a wasm32 target and name the file that the build wrote"


class _Kind(NamedTuple):
    detail: str
    starts: tuple[bytes, ...]
    what: str
    hint: str


_FOREIGN = (
    _Kind("elf", (b"\x7fELF",), "an ELF file", f"a native library, or compiled ahead by wasmtime? {_REBUILD}"),
    _Kind("windows-executable", (b"MZ",), "a Windows executable", _REBUILD),
    _Kind("mach-o", (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"), "a Mach-O file", _REBUILD),
    _Kind("llvm-bitcode", (b"BC\xc0\xde",), "LLVM bitcode", "link it: without link-time optimisation, or with wasm-ld"),
    _Kind(
        "static-library",
        (b"!<arch>\n",),
        "a static library",
        "link it into a module: crate-type cdylib in Rust, -shared in C",
    ),
    _Kind("gzip", (b"\x1f\x8b",), "gzip data", "unpack it with gunzip"),
    _Kind("zstd", (b"\x28\xb5\x2f\xfd",), "zstd data", "unpack it with unzstd"),
    _Kind("zip", (b"PK\x03\x04",), "a zip archive", "unpack it and name the .wasm file inside"),
    _Kind(
        "git-lfs-pointer",
        (b"version https://git-lfs",),
        "a Git LFS pointer",
        "fetch the file itself with git lfs pull",
    ),
    _Kind("html", (b"<",), "HTML or XML", "was an error page downloaded in its place? download the module again"),
    _Kind("json", (b"{", b"["), "JSON", "name the module, not its manifest or an error reply"),
)
_WHITESPACE = b" \t\r\n"


def check_preamble(data: memoryview) -> None:
    """Return if `data` begins as a core module of version 1; otherwise raise `LoadFailure(step="read")`."""
    head = bytes(data[:PREAMBLE_SIZE])
    if not head:
        raise _failure(
            "empty", "the file is empty", "build the plugin again and see whether its last step wrote the module"
        )
    if not (head.startswith(MAGIC) or (len(head) < PREAMBLE_SIZE and MAGIC.startswith(head))):
        raise _no_magic(data)
    if len(head) < PREAMBLE_SIZE:
        first = f"the file ends after {len(head)} bytes, within the 8 that every module begins with"
        raise _failure("cut-in-preamble", first, "copy or build the file again: it was cut off")
    version = head[4:]
    if version == COMPONENT:
        raise _failure(
            "component",
            "the file is a component, not a core module",
            "MockForge loads core modules: build for wasm32-unknown-unknown or wasm32-wasip1, without wit-component",
        )
    if version != CORE:
        raise _failure(
            "unknown-version",
            f"the module has an unknown version: {_hex(version)}",
            "build it with a toolchain that writes version 1 of the binary format",
            expected=_hex(CORE),
            got=_hex(version),
        )


def _no_magic(data: memoryview) -> LoadFailure:
    detail, what, hint = _name_it(bytes(data[:4096]))
    if what is None and len(data) < PREAMBLE_SIZE:
        first = f"the file holds {len(data)} bytes, too few for a WebAssembly module"
    else:
        first = (
            f"the file holds {what}, not a binary WebAssembly module" if what else "the file is no WebAssembly module"
        )
    return _failure(detail, first, hint, expected=f"{_hex(MAGIC)} at the start", got=_hex(bytes(data[:4])))


def _name_it(head: bytes) -> tuple[str, str | None, str]:
    text = _after_comments(head.removeprefix(b"\xef\xbb\xbf"))
    # Before text is thought of: the magic of zstd begins with a bracket.
    for kind in _FOREIGN:
        if head.startswith(kind.starts) or (kind.detail in {"json", "html"} and text.startswith(kind.starts)):
            return kind.detail, kind.what, kind.hint
    if text.startswith(b"("):
        return (
            "text",
            "WebAssembly text",
            "name the file .wat, or compile it with wat2wasm; MockForge itself loads binaries alone",
        )
    return "no-magic", None, _REBUILD


def _after_comments(text: bytes) -> bytes:
    """Drop leading whitespace and WebAssembly text's comments; an unclosed one drops all."""
    while True:
        text = text.lstrip(_WHITESPACE)
        if text.startswith(b";;"):
            text = text.partition(b"\n")[2] or b"("
        elif text.startswith(b"(;"):
            text = text.partition(b";)")[2] or b"("
        else:
            return text


def _hex(data: bytes) -> str:
    return data.hex(" ")


def _failure(detail: str, first: str, hint: str, *, expected: str | None = None, got: str | None = None) -> LoadFailure:
    return LoadFailure(first, step="read", detail=detail, expected=expected, got=got, hint=hint)
