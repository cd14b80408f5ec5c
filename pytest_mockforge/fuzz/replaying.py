"""Whether something that was found earlier still happens: the oracle of its code, on a plugin as it is now.

Judges one case at a time, each in instances of its own. Knows no folder and no terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Literal

import msgspec

from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.errors import RemoteFailure, RequestError
from pytest_mockforge.fuzz import credentials, rounds
from pytest_mockforge.fuzz.growth import QUADRATIC
from pytest_mockforge.fuzz.memory import leak
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.oracles import of_one_call, of_poison, of_state, of_two_fresh
from pytest_mockforge.fuzz.outcomes import accepted
from pytest_mockforge.fuzz.request_source import asked_with, plainly_written
from pytest_mockforge.fuzz.stage import Stage
from pytest_mockforge.observation import Observation
from pytest_mockforge.plugin_under_test import Plugin

Verdict = Literal["fails", "mended", "unclear"]

SECONDS = 10.0
"""The longest that one case takes, but for a call that is under way."""
_TRIES = 5
"""How often something that comes and goes is tried."""
_POWER = re.compile(r"the power ([0-9.]+)")


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one case."""

    verdict: Verdict
    found: Discovery | None = None
    """What happens now; None unless it still fails."""
    reason: str = ""
    """Why nothing can be said; empty when something can."""


class _UnclearError(Exception):
    """Nothing can be said; the text tells why."""


def replay(
    plugin: Plugin,
    discovery: Discovery,
    *,
    volatile: Sequence[Volatile] = (),
    stateful: bool = False,
    seconds: float = SECONDS,
) -> Replay:
    """Try a discovery on a plugin once more. What the plugin does wrong is in the result and never raised."""
    deadline = monotonic() + seconds
    with Stage(plugin, seed=discovery.seed, deadline=deadline, volatile=volatile, stateful=stateful) as stage:
        try:
            *before, case = [_here(stage, one, discovery.dialect) for one in (*discovery.before, discovery.case)]
            _require_answer(stage, case)
            found = next(_judged(stage, msgspec.structs.replace(discovery, case=case, before=tuple(before))), None)
            if found is None and stage.over:
                raise _UnclearError(f"it is not over after {seconds:g} seconds")
        except (_UnclearError, RequestError) as error:
            return Replay(verdict="unclear", reason=str(error).partition("\n")[0])
    return Replay(verdict="mended" if found is None else "fails", found=found)


def _here(stage: Stage, case: Case, dialect: str) -> Case:
    """Write a case for this plugin: a typed request anew, in the dialect that it speaks."""
    if case.operation not in stage.plugin.operations:
        raise _UnclearError(f"the plugin has no {case.operation}")
    if case.request is not None:
        return msgspec.structs.replace(case, payload=stage.plugin.encode(case.request))
    if stage.plugin.dialect != dialect:
        raise _UnclearError(f"its bytes are of the {dialect!r} dialect, and the plugin speaks {stage.plugin.dialect!r}")
    return case


def _require_answer(stage: Stage, case: Case) -> None:
    """Nothing is said of a service that is not there."""
    if stage.service:
        failure = stage.alone(case).exchange.failure
        if isinstance(failure, RemoteFailure) and failure.kind in ("unreachable", "tls"):
            raise _UnclearError(failure.message)


def _judged(stage: Stage, discovery: Discovery) -> Iterator[Discovery]:
    """Give what still happens, by the oracle of the discovery's code."""
    case, before = discovery.case, discovery.before
    match discovery.code:
        case "MF304":
            yield from _comes_and_goes(stage, case)
        case "MF305":
            yield from _kept(of_state(stage, case, *_after(stage, case, before), before))
        case "MF306":
            yield from _kept(leak(stage, case.operation, [case], deadline=stage.deadline))
        case "MF307":
            yield from _kept(of_poison(stage, case, *_after(stage, case, before), before))
        case "MF308":
            yield from _costs(stage, discovery)
        case "MF309":
            if accepted(stage.alone(case)):
                yield discovery
        case "MF310":
            yield from _shown(stage, discovery)
        case "MF311" if before:
            spoilt = of_poison(stage, case, *_after(stage, case, before), before)
            yield from _kept(spoilt and _as(discovery, spoilt))
        case "MF311":
            yield from _bytes(stage, discovery)
        case _:
            found = of_one_call(stage, case, stage.alone(case))
            # A remark is no failure where there was one.
            if found is not None and (found.severity == "error" or discovery.severity != "error"):
                yield found


def _comes_and_goes(stage: Stage, case: Case) -> Iterator[Discovery]:
    first = stage.alone(case)
    yield from _kept(of_one_call(stage, case, first))
    for _ in range(_TRIES):
        again = stage.alone(case)
        yield from _kept(of_two_fresh(stage, case, first, again))
        yield from _kept(of_one_call(stage, case, again))


def _after(stage: Stage, case: Case, before: Sequence[Case]) -> tuple[Observation, Observation]:
    """Give the answer alone, and the one after other calls."""
    alone = stage.alone(case)
    if not stage.service:
        return alone, stage.row((*before, case))[-1]
    for earlier in before:
        stage.alone(earlier)
    return alone, stage.alone(case)


def _bytes(stage: Stage, discovery: Discovery) -> Iterator[Discovery]:
    try:
        # Knows the families of mutations, which Hypothesis draws.
        from pytest_mockforge.fuzz.wire import FAMILIES
        from pytest_mockforge.fuzz.wire_oracle import of_bytes
    except ModuleNotFoundError as error:
        raise _UnclearError(f"{error.name} is missing; pip install 'pytest-mockforge[fuzz]' brings it") from None
    if discovery.case.family not in FAMILIES:
        raise _UnclearError(f"{discovery.case.family!r} is no kind of bytes that is known")
    same = plainly_written(discovery.case) if discovery.detail.endswith("-differs") else None
    probe = (same, stage.alone(same)) if same is not None else None
    yield from _kept(of_bytes(stage, discovery.case, stage.alone(discovery.case), probe))


def _costs(stage: Stage, discovery: Discovery) -> Iterator[Discovery]:
    if discovery.case.request is None:
        raise _UnclearError("its request could not be kept, so that it cannot be made longer")
    power = _POWER.search(discovery.expected)
    for found in rounds.costs(stage, discovery.case, float(power[1]) if power else QUADRATIC):
        if found.detail == discovery.detail:
            yield found


def _shown(stage: Stage, discovery: Discovery) -> Iterator[Discovery]:
    case, before, canary = discovery.case, discovery.before, credentials.canary(discovery.seed)
    alone, seen = _after(stage, case, before)
    yield from _kept(credentials.reflected(stage, case, alone, canary))
    yield from _kept(credentials.repeated(stage, case, alone))
    for secret in asked_with(discovery) if before else ():
        yield from _kept(credentials.carried_over(stage, case, seen, secret, before))


def _as(discovery: Discovery, found: Discovery) -> Discovery:
    return msgspec.structs.replace(found, code=discovery.code, detail=discovery.detail, severity=discovery.severity)


def _kept(found: Discovery | None) -> Iterator[Discovery]:
    if found is not None:
        yield found
