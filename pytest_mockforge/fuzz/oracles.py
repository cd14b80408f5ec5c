"""What is wrong with one call, or with the same call in another place: MF301 to MF305 and MF307.

Each oracle takes what was seen and gives a discovery or nothing. Knows nothing of how requests are found.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mockforge.contract.violations import Violation
from pytest_mockforge.errors import AbiFailure, GuestTrap, LimitExceeded, Refusal, RemoteFailure
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.outcomes import accepted, alike, difference, limited, outcome, said
from pytest_mockforge.fuzz.stage import Stage, Words
from pytest_mockforge.observation import Observation
from pytest_mockforge.runtimes.base import PAGE

_FAULTY_CODES = frozenset({2, 13, 14, 15})
"""UNKNOWN, INTERNAL, UNAVAILABLE and DATA_LOSS of gRPC: the service's own faults."""
_LATE_CODES = frozenset({4, 8})
"""DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED."""


def of_one_call(stage: Stage, case: Case, seen: Observation) -> Discovery | None:
    """Judge a call by itself: a trap (MF301), a limit (MF302), a broken contract (MF303).

    A refusal, as contract 1.4 has it, is none of them.
    """
    failure = seen.exchange.failure
    match failure:
        case Refusal():
            return None
        case LimitExceeded():
            return stage.discovery("MF302", failure.code, case, _limit(failure, seen))
        case GuestTrap() | AbiFailure() if _full(stage, seen):
            words = Words(
                message="uses up the memory limit",
                expected=f"less than {stage.plugin.limits.memory:,} bytes",
                got=f"{seen.memory:,} bytes, then: {said(seen)}",
                hint="bound what a request can make the plugin allocate",
            )
            return stage.discovery("MF302", "memory", case, words)
        case GuestTrap():
            words = Words(
                message=f"traps by {outcome(seen)}",
                expected="a reply, whatever is asked",
                got=" <- ".join(failure.backtrace[:8]) or said(seen),
                hint=failure.hint or "",
                backtrace=failure.backtrace,
            )
            return stage.discovery("MF301", outcome(seen), case, words)
        case AbiFailure():
            words = Words(
                message=f"breaks the border: {said(seen)}",
                expected=failure.expected or "a reply within memory",
                got=failure.got or "",
                hint=failure.hint or "",
            )
            return stage.discovery("MF303", failure.detail, case, words)
        case RemoteFailure():
            return _of_service(stage, case, seen, failure)
    return _of_reply(stage, case, seen)


def of_two_fresh(stage: Stage, case: Case, first: Observation, second: Observation) -> Discovery | None:
    """The same request, each time alone, answered in two ways (MF304)."""
    if _incomparable(first, second) or alike(first, second, stage.volatile):
        return None
    expected, got = difference(first, second, stage.volatile)
    where = "asked twice" if stage.service else "asked in two fresh instances"
    words = Words(
        message=f"answers the same request in two ways, {where}",
        expected=expected,
        got=got,
        hint="name fields that may differ under `volatile` in plugin.test.yaml; draw nothing else from clock or chance",
    )
    return stage.discovery("MF304", "differs", case, words)


def of_state(
    stage: Stage, case: Case, fresh: Observation, reused: Observation, before: tuple[Case, ...]
) -> Discovery | None:
    """The same request, alone and after other calls, answered in two ways (MF305)."""
    if _incomparable(fresh, reused) or alike(fresh, reused, stage.volatile):
        return None
    expected, got = difference(fresh, reused, stage.volatile)
    words = Words(
        message=f"answers otherwise in an instance that was called before ({_calls(before)})",
        expected=expected,
        got=got,
        hint="take what a call needs from its request; key a cache by all that the answer depends on",
        before=before,
    )
    return stage.discovery("MF305", "state", case, words)


def of_poison(
    stage: Stage, probe: Case, good: Observation, after: Observation, before: tuple[Case, ...]
) -> Discovery | None:
    """A request that is accepted, answered otherwise after another one (MF307)."""
    if _incomparable(good, after) or alike(good, after, stage.volatile):
        return None
    expected, got = difference(good, after, stage.volatile)
    words = Words(
        message=f"no longer answers a good request as it did, after {_calls(before)}",
        expected=expected,
        got=got,
        hint="put nothing into global state before a request is known to be good; MockForge keeps the instance",
        before=before,
    )
    # Named by what spoilt it: that is where the mistake is.
    word = "poisoned" if before[-1].operation is probe.operation else f"poisoned-by-{before[-1].operation}"
    return stage.discovery("MF307", word, probe, words)


def _incomparable(left: Observation, right: Observation) -> bool:
    """Tell whether a limit decided: what is left of fuel or time says nothing of the answer."""
    return limited(left) or (limited(right) and not accepted(left))


def _limit(failure: LimitExceeded, seen: Observation) -> Words:
    used = f"{seen.fuel:,} units of fuel" if seen.fuel is not None else "the limit"
    return Words(
        message=f"runs into a limit: {failure.code}",
        expected="an end within the limits of fuel, time and stack",
        got=f"{used} in {seen.guest_seconds:.1f} s" + (f", in {failure.backtrace[0]}" if failure.backtrace else ""),
        hint=failure.hint or "bound loops and recursion by the size of the request",
        backtrace=failure.backtrace,
    )


def _full(stage: Stage, seen: Observation) -> bool:
    return bool(seen.memory) and seen.memory + PAGE > stage.plugin.limits.memory


def _of_service(stage: Stage, case: Case, seen: Observation, failure: RemoteFailure) -> Discovery | None:
    status = failure.status or 0
    late = failure.kind in ("timeout", "oversize") or (failure.kind == "status" and status in _LATE_CODES)
    faulty = status >= 500 or status in _FAULTY_CODES
    if failure.kind == "status" and not (late or faulty):
        return None
    words = Words(
        message=f"{'runs into a limit' if late else 'fails'}: {said(seen)}",
        expected="a reply, or an error status that blames the request",
        got=failure.got or outcome(seen),
        hint=failure.hint or "",
    )
    return stage.discovery("MF302" if late else "MF301", outcome(seen), case, words)


def _of_reply(stage: Stage, case: Case, seen: Observation) -> Discovery | None:
    breach = _worst(seen.violations)
    if breach is None:
        return None
    words = Words(
        message=f"breaks the contract: {breach.kind} at {breach.pointer or 'the top of the reply'}",
        expected=breach.expected,
        got=breach.got,
        hint=breach.hint or "",
        severity=breach.severity,
    )
    return stage.discovery("MF303", f"{breach.kind}:{_general(breach.pointer)}", case, words)


def _worst(violations: Sequence[Violation]) -> Violation | None:
    """An error, else rows of the wrong length: of what the host overlooks, the one thing no request can excuse."""
    errors = [one for one in violations if one.severity == "error"]
    uneven = [one for one in violations if one.severity == "warning" and one.pointer.startswith("/rows/")]
    return next(iter(errors or uneven), None)


def _general(pointer: str) -> str:
    return "/".join("*" if segment.isdigit() else segment for segment in pointer.split("/"))


def _calls(before: tuple[Case, ...]) -> str:
    return "one other call" if len(before) == 1 else f"{len(before)} other calls"
