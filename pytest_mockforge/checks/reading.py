"""MF1, where it begins: is the file a module that can be looked into, and does it compile?"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.registry import check
from pytest_mockforge.hosts.objections import Rule


@check("MF101", "the file is WebAssembly in the binary format", need="nothing", mends=("module",))
def readable(bench: ModuleBench) -> Iterator[Finding]:
    """MockForge opens modules in the binary format only: not text, not an archive, not what a download left behind.

    Source: contract 2.1. The first eight bytes are looked at before any engine sees the file.

    Details: `empty`; `cut-in-preamble`, which ends within those bytes; `unknown-version` of the format; `text` of
    WebAssembly; `elf`, `mach-o`, `windows-executable`; `llvm-bitcode`, `static-library`, of a link that is missing;
    `gzip`, `zip`, `zstd`; `git-lfs-pointer`; `html`, `json`; `no-magic`, anything else. There may be no file to look
    into at all: `no-single-module:` and `none`, `several`, `not-there` or `outside-the-folder`, of a plugin's folder;
    `not-a-file`, `too-large`, `cannot-be-read`; or text that `does-not-assemble`.

    Mend: name the .wasm that the compiler wrote.
    """
    yield from objected(bench, "MF101", "read")


@check("MF102", "the module is valid and compiles", need="whole", mends=("proposal",))
def compiles(bench: ModuleBench) -> Iterator[Finding]:
    """The module is validated and compiled by wasmtime with the proposals that it has on by default.

    Source: contract 2.1. A compiler's own output fails here mostly when a proposal was switched on that wasmtime
    has off, or when link-time optimisation mixed functions of two calling conventions.

    Details: `proposal:` and the name of the one that the host has off, such as `relaxed-simd`; `compile`, where the
    wasmtime of this run refuses it, with `:proposal-off`, `:type-mismatch` or `:name-too-long` (100,000 bytes) where
    that is told.

    Mend: build without the proposal that the message names; in Rust, keep `+multivalue` to a thin crate of exports.
    """
    yield from objected(bench, "MF102", "compile")


@check("MF116", "the module is a core module", need="binary", mends=("module",))
def core_module(bench: ModuleBench) -> Iterator[Finding]:
    """No host of MockForge loads a component, the form in which componentize tools wrap modules.

    Source: contract 2.1. It begins as a module does, with another version.

    Detail: `component`.

    Mend: build for wasm32-unknown-unknown or wasm32-wasip1, and leave `wasm-tools component new` out.
    """
    yield from objected(bench, "MF116", "component")


@check("MF117", "the module is whole", need="core")
def whole(bench: ModuleBench) -> Iterator[Finding]:
    """Sections, counts, lengths and names have to hold together; a file that was cut off or changed shows here.

    Source: contract 2.1. Our own reader goes over the sections, and steps over the code, before any engine sees them.
    A part that no engine looks at, such as the section of function names, is only noted; so is what the reader does not
    know, which may belong to a newer proposal.

    Details: `truncated`, a section claims more than is left of the file; `entry-cut`, one of its entries does, and
    `length-too-large`, a name or a segment within; `count-too-large`, more entries than can be there;
    `number-too-long`, `number-too-large`, for its type; `name-not-utf-8`; `bytes-left-over` after the last entry;
    `section-twice`; `too-many-sections`; `page-size`; `malformed`, anything else. Of notes: `unread`.

    Mend: build or copy the file again.
    """
    yield from objected(bench, "MF117", "damage")
    for problem in bench.subject.info.problems if bench.subject.info is not None else ():
        yield Finding(code="MF117", severity="note", detail=f"unread:{problem.partition(',')[0]}", message=problem)


def objected(bench: ModuleBench, code: str, rule: Rule) -> Iterator[Finding]:
    """Give what the host objects to under one rule."""
    for objection in bench.objections:
        if objection.rule == rule:
            yield Finding(
                code=code,
                severity=objection.severity,
                detail=objection.detail,
                message=objection.message,
                expected=objection.expected,
                got=objection.got,
                hint=objection.hint or "",
                host_message=objection.host_message or "",
            )
