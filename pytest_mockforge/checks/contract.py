"""MF2: does each reply keep the JSON contract? On the author's samples and on realistic requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_mockforge.checks.acceptance import unknown_code
from pytest_mockforge.checks.bench import Bench, Trial
from pytest_mockforge.checks.model import Finding, from_failure
from pytest_mockforge.checks.registry import catalogue, check
from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.violations import Violation, ViolationKind
from pytest_mockforge.documents.expectation import Volatile, matches, without_volatile
from pytest_mockforge.errors import AbiFailure, GuestTrap, LimitExceeded, Refusal
from pytest_mockforge.hosts.objections import detail_of

_MOST = 5
"""Requests named for one and the same breach."""


@check("MF201", "no request makes the plugin trap", need="operation", of="module")
def no_trap(bench: Bench) -> Iterator[Finding]:
    """A trap reaches MockForge's user as a backtrace without a reason, and the instance is used again afterwards.

    Source: contract 1.4, 2.1 and 2.5. `template_function` and `query_datasource` have no other way to refuse on WASM,
    so `unreachable` there is a refusal and only noted. Limits are the matter of MF401, the allocator's of MF108.

    Mend: `authenticate` says no with authenticated=false and error_message; `generate_response` with a 4xx status.
    """
    refused: dict[str, list[str]] = {}
    seen: dict[tuple[str, str], int] = {}
    for trial in _trials(bench):
        failure = trial.observation.failure
        if isinstance(failure, Refusal):
            if trial.sample is None:
                refused.setdefault(trial.operation.value, []).append(trial.name)
            continue
        if not isinstance(failure, GuestTrap) or isinstance(failure, LimitExceeded) or failure.during == "allocator":
            continue
        key = (trial.operation.value, failure.code)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 1:
            finding = from_failure(
                "MF201", f"{trial.operation}:{failure.code}", failure, trial.observation.request_bytes
            )
            finding = _named(finding, trial, got=" <- ".join(failure.backtrace[:8]) or failure.message)
            yield _quoted(bench, finding, trial, expected="a reply: of a trap MockForge prints frames, not the reason")
    for operation, names in refused.items():
        yield Finding(
            code="MF201",
            severity="note",
            detail=f"{operation}:refused",
            message=f"{operation} refused {len(names)} of our own requests by a trap: {', '.join(names[:_MOST])}",
        )


@check("MF202", "each reply lies inside the module's memory", need="border", of="module")
def inside_memory(bench: Bench) -> Iterator[Finding]:
    """The host takes two i32, pointer and length, and copies that many bytes out of memory.

    Source: contract 2.3, steps 9 to 11. A negative length makes the host's thread panic; a pointer at or above 2 GiB
    always fails; pointer and length must lie within memory.

    Details: `OPERATION:negative-length`, with `:minus-one` where it is -1, an error code misplaced;
    `OPERATION:output-outside-memory:` and `minus-one`, `negative-pointer` (2 GiB or more), `pointer-behind-the-end`,
    `wraps-around` (pointer and length add up to more than 4 GiB), `one-byte-too-long`, `longer-than-memory` or
    `crosses-the-end`.

    Mend: return (pointer, length) in this order, of a buffer that is still alive when the function returns.
    """
    seen: set[str] = set()
    for trial in _trials(bench):
        failure = trial.observation.failure
        if isinstance(failure, AbiFailure) and failure.detail in ("output-outside-memory", "negative-length"):
            detail = detail_of(trial.operation.value, failure.detail, failure.cause)
            if detail not in seen:
                seen.add(detail)
                finding = from_failure("MF202", detail, failure, trial.observation.request_bytes)
                yield _quoted(bench, _named(finding, trial), trial)


@check("MF203", "each reply is UTF-8", need="operation")
def utf8(bench: Bench) -> Iterator[Finding]:
    """The host decodes the reply as UTF-8 before it parses it, strictly and without a byte order mark.

    Source: contract 1.1 and 2.5.

    Detail: `OPERATION:encoding:`, with `cut-off` behind it where the reply ends within a character.

    Mend: write UTF-8. AssemblyScript strings are UTF-16 in memory: String.UTF8.encode them. Check the length too: it
    counts bytes, not characters.
    """
    yield from _violated(bench, "MF203", ("encoding",))


@check("MF204", "each reply is one JSON value", need="operation")
def json_value(bench: Bench) -> Iterator[Finding]:
    """The reply is one JSON value of at most 127 levels, with nothing but white space around it.

    Source: contract 1.1. Empty output, trailing bytes, NaN, lone surrogate escapes and numbers out of range are errors.

    Details: `OPERATION:depth:`; `OPERATION:syntax:` and `empty`, `zero-bytes`, `control-character`, `utf-16`,
    `byte-order-mark` and `no-json`, of how it begins; `cut-off`, `trailing-nul`, `trailing-bytes`, `second-value`, of
    how it ends; `not-a-number` (NaN, Infinity), `number`, `number-out-of-range`, `escape`, `lone-surrogate`,
    `control-character-in-text`, `key-is-no-text`, `trailing-comma`, `misspelt-word` and `punctuation`, of the rest.

    Mend: let a JSON library write the reply, and return the exact length: one byte too many is a trailing NUL.
    """
    yield from _violated(bench, "MF204", ("syntax", "depth"))


@check("MF205", "each reply has the fields and types that MockForge reads", need="operation")
def typed(bench: Bench) -> Iterator[Finding]:
    """The reply is converted into AuthResponse, ResponseData or DataResult; the host stops at the first breach.

    Source: contract 1.1 to 1.6. Only Option fields may be absent or null; maps must be objects; byte vectors are
    arrays of 0 to 255; integers are written without a point and fit their width. Here all breaches are listed.

    Details: `OPERATION:KIND:POINTER`, a star for each index; `OPERATION:missing-field:envelope` where the fields stand
    in an envelope of the SDKs.

    Mend: write every required field, an empty object for an empty map, and the bare reply without an envelope.
    """
    kinds: tuple[ViolationKind, ...] = (
        "missing-field",
        "wrong-type",
        "out-of-range",
        "unknown-variant",
        "wrong-length",
    )
    yield from _violated(bench, "MF205", kinds)


@check("MF206", "each reply can be used as it stands", need="operation")
def usable(bench: Bench) -> Iterator[Finding]:
    """Some replies parse and are then refused, or used only in part.

    Source: contract 1.3 to 1.6. A status outside 100 to 999 fails when the HTTP response is made; header names and
    values that HTTP does not allow are dropped in silence; rows are not compared with the columns.

    Mend: check the status and the headers before they are written; give each row as many values as there are columns.
    """
    yield from _violated(bench, "MF206", ("semantics",))


@check("MF207", "no key stands twice", need="operation")
def duplicate_keys(bench: Bench) -> Iterator[Finding]:
    """The host takes the last of two equal keys without a word, so the first one's value is lost.

    Source: contract 1.1. A warning, as MockForge accepts the reply.

    Mend: write each key once; hand-made JSON is where it happens.
    """
    yield from _violated(bench, "MF207", ("duplicate-key",))


@check("MF208", "the samples are answered as plugin.test.yaml says", need="nothing")
def samples(bench: Bench) -> Iterator[Finding]:
    """Each sample of `plugin.test.yaml` states an outcome, and mostly a reply; objects match as a subset.

    `accepted` means authenticated, a 2xx status, a value, or rows; `refused` is anything else that keeps the contract.
    What `volatile` names is left out of the comparison.
    A sample of an operation that cannot be called fails here as well.

    Mend: change the plugin, or the sample if that was wrong.
    """
    if bench.subject.testfile_error is not None:
        error = bench.subject.testfile_error
        first, _, rest = error.message.partition("\n")
        yield Finding(
            code="MF208",
            severity="error",
            detail=detail_of("plugin.test.yaml", error.cause),
            message=first,
            got=rest.strip(),
            hint=error.hint or "",
        )
    codes = [check.code for check in catalogue()] if bench.subject.testfile.accept else []
    for entry in bench.subject.testfile.accept:
        error_of_entry = unknown_code(entry, codes)
        if error_of_entry is not None:
            yield Finding(
                code="MF208",
                severity="error",
                detail=f"accept:{entry.code}",
                message=error_of_entry.message,
                hint=error_of_entry.hint or "",
            )
    for sample, problem in bench.sample_errors:
        yield Finding(
            code="MF208",
            severity="error",
            detail=sample.name,
            message=f"the request of the sample {sample.name!r} cannot be built: {problem.message}",
            expected=problem.expected or "",
            got=problem.got or "",
            hint=problem.hint or "",
        )
    if not bench.reachable:
        return
    tried = {trial.sample.name for trial in _trials(bench) if trial.sample is not None}
    tried |= {sample.name for sample, _ in bench.sample_errors}
    for sample, problem in bench.uncarried:
        tried.add(sample.name)
        yield Finding(
            code="MF208",
            # Another dialect may have no way to say some of what a host asks; the host's own has no such excuse.
            severity="error" if bench.plugin.dialect == "host" else "note",
            detail=sample.name,
            message=f"the sample {sample.name!r} is not tried: {problem.message}",
            hint=problem.hint or "",
        )
    for sample in bench.subject.testfile.samples:
        if sample.name not in tried:
            yield Finding(
                code="MF208",
                severity="error",
                detail=sample.name,
                message=f"the sample {sample.name!r} could not be tried: {sample.operation} cannot be called",
                hint="MF106 says why; or earlier samples ran into a limit",
            )
    for trial in _trials(bench):
        if trial.sample is not None:
            yield from _judge_sample(bench, trial, bench.subject.testfile.volatile)


def _judge_sample(bench: Bench, trial: Trial, volatile: Sequence[Volatile]) -> Iterator[Finding]:
    sample, observation = trial.sample, trial.observation
    assert sample is not None
    request = observation.request_bytes.decode("utf-8", "replace")
    outcome = "accepted" if trial.accepted else "refused" if trial.answered else "failed"
    if outcome != sample.outcome:
        got = outcome
        if observation.failure is not None:
            got += f": {observation.failure.message}"
        elif observation.reply_bytes is not None:
            got += f": {observation.reply_bytes[:200].decode('utf-8', 'replace')}"
        yield Finding(
            code="MF208",
            severity="error",
            detail=sample.name,
            message=f"{trial.operation}: the sample {sample.name!r} {'' if outcome == 'failed' else 'was '}{outcome}",
            expected=sample.outcome,
            got=got,
            request=request,
        )
        return
    if not sample.has_reply or observation.decoded is None:
        return
    expected = bench.plugin.carried(trial.operation, sample.reply)
    mismatches = matches(
        without_volatile(expected, trial.operation, volatile),
        without_volatile(observation.decoded.value, trial.operation, volatile),
    )
    for mismatch in mismatches[:_MOST]:
        yield Finding(
            code="MF208",
            severity="error",
            detail=f"{sample.name}:{mismatch.pointer}",
            message=f"{trial.operation}: the sample {sample.name!r} differs at {mismatch.pointer or 'the top'}",
            expected=mismatch.expected,
            got=mismatch.got,
            request=request,
        )


def _trials(bench: Bench) -> Iterator[Trial]:
    for trials in bench.survey.values():
        yield from trials


def _violated(bench: Bench, code: str, kinds: tuple[ViolationKind, ...]) -> Iterator[Finding]:
    """One finding for each kind of breach and its cause, or else its place, naming the requests that show it."""
    met: dict[tuple[str, str, ViolationKind], list[tuple[Trial, Violation]]] = {}
    for trial in _trials(bench):
        for violation in trial.observation.violations:
            if violation.kind in kinds:
                key = (trial.operation.value, violation.cause or _general(violation.pointer), violation.kind)
                met.setdefault(key, []).append((trial, violation))
    for (operation, place, kind), cases in met.items():
        trial, violation = cases[0]
        names = list(dict.fromkeys(trial.name for trial, _ in cases))
        more = f" and {len(names) - 1} more requests" if len(names) > 1 else ""
        decoded = trial.observation.decoded
        yield Finding(
            code=code,
            severity=violation.severity,
            detail=f"{operation}:{kind}:{place}",
            message=f"{operation}: {kind} at {violation.pointer or 'the top of the reply'}, on {names[0]!r}{more}",
            expected=violation.expected,
            got=violation.got,
            hint=violation.hint or "",
            host_message=bench.said_of_reply(decoded)
            if decoded is not None and _stops_at(decoded) is violation
            else "",
            request=trial.observation.request_bytes.decode("utf-8", "replace"),
        )


def _stops_at(decoded: Decoded) -> Violation | None:
    """The breach at which the host stops reading; it says nothing of the others."""
    return next((violation for violation in decoded.violations if violation.severity == "error"), None)


def _general(pointer: str) -> str:
    """Put a star for each array index, so that the same breach in each row is one finding."""
    return "/".join("*" if segment.isdigit() else segment for segment in pointer.split("/"))


def _quoted(bench: Bench, finding: Finding, trial: Trial, expected: str = "") -> Finding:
    """Add what the adapter would print of a call that failed."""
    import msgspec

    failure = trial.observation.failure
    said = bench.said_of_failure(trial.operation, failure) if failure is not None else ""
    return msgspec.structs.replace(finding, host_message=said, expected=finding.expected or expected)


def _named(finding: Finding, trial: Trial, got: str | None = None) -> Finding:
    import msgspec

    message = f"{finding.message}, on {trial.name!r}"
    return msgspec.structs.replace(finding, message=message, got=finding.got if got is None else got)
