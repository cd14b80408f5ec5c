"""MF1: would MockForge load this module, and could it call it? Of a file that can be read; see `reading`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pytest_mockforge.checks.model import Finding, from_failure
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.reading import objected
from pytest_mockforge.checks.registry import check
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, GuestTrap, PluginFailure
from pytest_mockforge.hosts.mends import mend
from pytest_mockforge.hosts.messages import failed_call
from pytest_mockforge.hosts.objections import detail_of
from pytest_mockforge.runtimes.wasm.language import host_trace

_LONG_NAME = 256
"""Characters of an export's name beyond which it is noted."""
_SWALLOWED = (
    "request and reply must both be buffers of the module's own allocator; MockForge ignores the trap, so that nothing "
    "is released"
)
_RELEASE_HINTS = {
    "release-trapped": _SWALLOWED,
    "pin-trapped": _SWALLOWED,
    "released-twice": "give the reply a buffer of its own: a second release of one block can hand it out twice",
}


@check("MF103", "nothing is imported", need="module", mends=("wasi", "abort", "imported-memory", "imports"))
def imports(bench: ModuleBench) -> Iterator[Finding]:
    """MockForge's adapters link no import at all, not even WASI, so a single one stops the load.

    Source: contract 2.1. The host names only the first missing import; here all are listed.

    Mend, by language. Rust: target wasm32-unknown-unknown, no crate that reads clock, files or environment.
    TinyGo: -target=wasm-unknown. AssemblyScript: `asc --use abort=`. C: -nostdlib, wasm32-freestanding.
    """
    yield from objected(bench, "MF103", "imports")


@check("MF104", "a usable memory is exported", need="module", mends=("memory",))
def memory(bench: ModuleBench) -> Iterator[Finding]:
    """The host writes the request into an exported memory named `memory` and reads the reply from it.

    Source: contract 2.1 and 2.2. A shared memory and a 64-bit memory do not count. Another one beside it is only noted.

    Details: `memory:no-memory`, with `:other-name` where one is exported under another; `memory:wrong-memory:` and
    `shared`, `64-bit`, or the kind that the export has instead. Of notes: `memory:another`.

    Mend: export it. Rust and TinyGo do; C needs -Wl,--export-memory; AssemblyScript must not --importMemory.
    """
    yield from objected(bench, "MF104", "memory")
    exports = bench.subject.info.exports if bench.subject.info is not None else ()
    memories = [export.name for export in exports if export.memory is not None]
    if "memory" in memories and len(memories) > 1:
        names = ", ".join(repr(name[:60]) for name in memories if name != "memory")
        yield Finding(
            code="MF104",
            severity="note",
            detail="memory:another",
            message=f"MockForge reads and writes 'memory' alone; exported beside it: {names:.200}",
        )


@check(
    "MF105",
    "the allocator that MockForge looks for is exported",
    need="module",
    of="module",
    mends=("allocator", "alloc"),
)
def allocator(bench: ModuleBench) -> Iterator[Finding]:
    """Which allocator the host calls depends on the language that it takes the module for, and the type must be exact.

    Source: contract 2.2 and 2.4. rust: alloc(i32) -> i32; tinygo: malloc(i32) -> i32; assemblyscript:
    __new(i32, i32) -> i32. A module that carries no mark of TinyGo or AssemblyScript is taken for Rust.

    Mend: export a function of that name and type. AssemblyScript: `--exportRuntime`.
    """
    yield from objected(bench, "MF105", "allocator")


@check(
    "MF106",
    "the operations are exported with the type that MockForge calls",
    need="module",
    of="module",
    mends=("signature", "operations"),
)
def operations(bench: ModuleBench) -> Iterator[Finding]:
    """Each operation takes pointer and length and returns pointer and length: (i32, i32) -> (i32, i32).

    Source: contract 2.2. Any other type, such as one packed i64 or a hidden out-pointer, is reported by the host as
    "not found". An operation that is neither exported nor declared is not tested; at least one must be there.

    Details: `OPERATION:wrong-type:` and `packed-i64`, `out-pointer`, `too-few-parameters`, `too-many-results`, …, or
    `no-function`; `OPERATION:missing`, declared and not exported; `none`.

    Mend: Rust, a thin crate of exports compiled with -Ctarget-feature=+multivalue. C, -mmultivalue with
    -Xclang -target-abi -Xclang experimental-mv. AssemblyScript and TinyGo cannot return two results: the export needs
    a wrapper that splits a packed i64.
    """
    yield from objected(bench, "MF106", "operations")


@check("MF107", "the module can be instantiated", need="module", mends=("start",))
def instantiates(bench: ModuleBench) -> Iterator[Finding]:
    """Instantiation runs the start function and copies the data segments; a trap there stops the load.

    Source: contract 2.1. It is done here under our limits, with imports replaced by traps that name themselves.

    Details: the code of a trap; `cannot-instantiate`, with `:memory-above-limit` or `:table-above-limit` where a limit
    of ours is what stops it.

    Mend: move work out of the start function, declare a smaller initial memory or table, or raise
    --mockforge-memory if the module is meant to be that large.
    """
    yield from objected(bench, "MF107", "instantiate")


@check("MF108", "the allocator gives memory that can be written to", need="border")
def allocates(bench: ModuleBench) -> Iterator[Finding]:
    """Before each call the host asks for as many bytes as the request has and writes there without a further look.

    Source: contract 2.3. An address of 0 is not treated as failure: the request is written over whatever lies at the
    start of memory. An address at or above 2 GiB, or too near the end of memory, makes every call fail.

    Details: `trap:CODE`; `zero-address`; `input-outside-memory:` and where it lies, in the words of MF202.

    Mend: return the address of a buffer of at least the length asked for, and trap rather than return 0.
    """
    seen: set[str] = set()
    for trials in bench.survey.values():
        for trial in trials:
            failure = trial.observation.failure
            if isinstance(failure, AbiFailure) and failure.detail == "input-outside-memory":
                detail = detail_of(failure.detail, failure.cause)
                finding = _said(bench, from_failure("MF108", detail, failure), trial.operation, failure)
            elif isinstance(failure, GuestTrap) and failure.during == "allocator":
                finding = from_failure("MF108", f"trap:{failure.code}", failure)
                finding = _said(bench, finding, trial.operation, failure)
            else:
                notes = [note for note in trial.observation.border if note.detail == "zero-address"]
                if not notes:
                    continue
                finding = Finding(
                    code="MF108",
                    severity="error",
                    detail=notes[0].detail,
                    message=notes[0].message,
                    expected="the address of a buffer, or a trap when there is no memory left",
                    got="0",
                )
            if finding.detail not in seen:
                seen.add(finding.detail)
                yield finding


@check("MF109", "the optional exports have the right type and do not trap", need="border")
def optional_exports(bench: ModuleBench) -> Iterator[Finding]:
    """`dealloc`, `free`, `__pin` and `__unpin` are optional; the host skips a wrong type and ignores a trap in silence.

    Source: contract 2.2 and 2.3. Skipped in silence, a release function is a leak: nothing is ever given back.
    The host releases the request and the reply, so both must come from the module's own allocator, and a reply in the
    request's buffer is released twice.

    Details: `EXPORT:wrong-type:` and a word of MF106; of warnings `OPERATION:release-trapped`, `OPERATION:pin-trapped`,
    `OPERATION:released-twice`.

    Mend: dealloc(i32, i32) with no result, free(i32) with no result, __pin(i32) -> i32, __unpin(i32) with no result.
    """
    for fault in bench.compiled.border.faults:
        if fault.optional:
            yield Finding(
                code="MF109",
                severity="error",
                detail=detail_of(fault.export, fault.detail, fault.cause),
                message=f"{fault.export} has another type than the host calls, and is skipped in silence",
                expected=fault.expected,
                got=fault.got,
                hint="give it that type, or nothing is ever released",
            )
    seen: set[str] = set()
    for trials in bench.survey.values():
        for trial in trials:
            for note in trial.observation.border:
                if note.detail in _RELEASE_HINTS and note.detail not in seen:
                    seen.add(note.detail)
                    yield Finding(
                        code="MF109",
                        severity="warning",
                        detail=f"{trial.operation}:{note.detail}",
                        message=f"{trial.operation}: {note.message}",
                        hint=_RELEASE_HINTS[note.detail],
                    )


@check("MF110", "the answers do not hang on _initialize", need="border")
def initializer(bench: ModuleBench) -> Iterator[Finding]:
    """MockForge never calls `_initialize`, `_start`, `init` or `main`, so set-up done there does not happen.

    Source: contract 2.1. When the module exports `_initialize`, the same requests are made with and without it, and
    an answer that differs is the finding.

    Mend: do the set-up lazily on the first call, or in the start section.
    """
    if bench.compiled.initializer is None or bench.host == "any" or bench.compiled.info.imports:
        return
    from pytest_mockforge.plugin_under_test import Plugin

    with Plugin(bench.subject, limits=bench.limits, host="any", policy="call") as initialized:
        for operation, trials in bench.survey.items():
            for trial in trials[:4]:
                other = initialized.observe(trial.request)
                if not bench.same_answer(trial.observation, other):
                    yield Finding(
                        code="MF110",
                        severity="error",
                        detail=f"{operation}:needs-initialize",
                        message=f"{operation} answers otherwise after _initialize, which MockForge never calls",
                        expected=f"the same reply with and without; with it: {_reply(other.reply_bytes)}",
                        got=f"without it: {_reply(trial.observation.reply_bytes)}",
                        hint="do the set-up lazily on the first call",
                        request=trial.observation.request_bytes.decode("utf-8", "replace"),
                    )
                    break


@check("MF111", "the file is no larger than the host takes", need="module", mends=("size",))
def file_size(bench: ModuleBench) -> Iterator[Finding]:
    """`runtime` takes files of up to 50 MiB and `loader` of up to 10 MiB; the adapters set no limit.

    Source: contract 3.1 step 2 and 3.3 step 2.

    Mend: strip debug sections, and let the linker drop what is not called.
    """
    yield from objected(bench, "MF111", "size")


@check("MF112", "exports have names that the host takes", need="module", mends=("names", "init-process"))
def export_names(bench: ModuleBench) -> Iterator[Finding]:
    """`runtime` refuses any export that begins with an underscore and wants exports named `init` and `process`.

    Source: contract 3.1 step 8. The adapters care for the names of operations, memory and allocator alone; names with
    control characters, and very long ones, are only noted.

    Mend: export `init` and `process`, and hide the rest: `__data_end` and `__heap_base` are there by default in Rust.
    """
    yield from objected(bench, "MF112", "names")
    names = [export.name for export in bench.subject.info.exports] if bench.subject.info is not None else []
    odd = {
        "control-characters": [name for name in names if not name.isprintable()],
        "long-name": [name for name in names if len(name) > _LONG_NAME],
    }
    for detail, found in odd.items():
        if found:
            yield Finding(
                code="MF112",
                severity="note",
                detail=detail,
                message=f"logs and tools trip over {len(found):,} of the exported names: {found[0][:60]!r}",
            )


@check(
    "MF113",
    "memory, tables and functions stay within what the host allows",
    need="module",
    of="module",
    mends=("memory-size", "maximum"),
)
def host_limits(bench: ModuleBench) -> Iterator[Finding]:
    """`runtime` and `sandbox` allow 10 MiB of memory, `runtime` one table of 1,000 elements, `loader` 1,000 exports.

    Source: contract 3.1 step 9, 3.2 and 3.3 steps 7 to 10. A limit of fuel is only noted, as it is counted by
    MockForge's own version of wasmtime; so are habits of a host that break nothing by themselves, such as a lifetime.

    Mend: a smaller initial memory and stack, fewer exports.
    """
    yield from objected(bench, "MF113", "limits")


@check(
    "MF114",
    "data segments hold no text that the host takes for an attack",
    need="module",
    of="module",
    mends=("words",),
)
def suspicious_words(bench: ModuleBench) -> Iterator[Finding]:
    """`loader` refuses modules whose data holds texts such as `http://`, `shell` or `curl`, whatever they are for.

    Source: contract 3.3 step 12.

    Mend: keep such texts out of constants. Panic messages, URLs of crates and help texts count.
    """
    yield from objected(bench, "MF114", "words")


@check("MF115", "MockForge takes the module for what it was built from", need="module", mends=("detection",))
def detection(bench: ModuleBench) -> Iterator[Finding]:
    """MockForge's detection decides which adapter, hence which allocator: by export names, sections and raw bytes.

    Source: contract 2.4. It errs both ways: data that mentions `tinygo` makes a module TinyGo, and AssemblyScript
    without `--exportRuntime` is taken for Rust. A language without an adapter of its own is taken for Rust as well.

    Mend: AssemblyScript, `--exportRuntime`. Keep the words `tinygo` and `assemblyscript` out of other modules.
    """
    subject = bench.subject
    language, adapter = subject.language, subject.adapter
    own = language if language in ("rust", "tinygo", "assemblyscript") else "rust"
    # Of a module that bears no trace, the allocator alone tells that it was mistaken.
    unknown = language == "unknown" and (adapter == "rust" or _has_allocator(bench))
    if unknown or adapter == own:
        return
    evidence = "; ".join(subject.evidence.evidence[:3]) or "no trace of any language"
    yield Finding(
        code="MF115",
        severity="warning",
        detail=f"{language}-as-{adapter}",
        message=f"MockForge takes this module for {adapter}, but it was built from {language}"
        if language != "unknown"
        else f"MockForge takes this module for {adapter}, whose allocator it does not have",
        expected=f"the adapter for {own}; evidence: {evidence}",
        got=f"the adapter for {adapter}: {host_trace(subject.info, subject.data)}",
        hint=mend("detection", language),
    )


def _has_allocator(bench: ModuleBench) -> bool:
    family = bench.subject.border.family
    return family is not None and family.adapter == bench.subject.adapter


def _said(bench: ModuleBench, finding: Finding, operation: Operation, failure: PluginFailure) -> Finding:
    said = failed_call(operation, failure) if bench.calls_as_adapter else None
    return msgspec.structs.replace(finding, host_message=said or "")


def _reply(payload: bytes | None) -> str:
    if payload is None:
        return "no reply"
    text = payload[:200].decode("utf-8", "replace")
    return text + (" …" if len(payload) > 200 else "")
