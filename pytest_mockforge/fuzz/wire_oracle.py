"""What is wrong with the answer to bytes that the host would never send (MF311)."""

from __future__ import annotations

import msgspec

from pytest_mockforge.contract.violations import Severity
from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.oracles import of_one_call, of_poison
from pytest_mockforge.fuzz.outcomes import alike, difference, limited, outcome, said
from pytest_mockforge.fuzz.stage import Stage, Words
from pytest_mockforge.fuzz.wire import FAMILIES
from pytest_mockforge.observation import Observation


def of_bytes(stage: Stage, case: Case, seen: Observation, probe: tuple[Case, Observation] | None) -> Discovery | None:
    """A service answers garbage without a fault of its own, in time, and the next request as before.

    `probe` is the good request that the bytes were made of. Of a module all of this is a note: MockForge's host cannot
    send it such bytes.
    """
    found = of_one_call(stage, case, seen)
    if found is not None:
        words = Words(
            message=f"does not stand bytes of the kind {case.family}: {found.message.partition(' ')[2]}",
            expected="an error that blames the request" if stage.service else "a reply or a refusal",
            got=found.got or said(seen),
            hint="parse the request in one place, strictly, and answer with an error where that fails",
            severity=_severity(stage, seen),
            backtrace=found.backtrace,
        )
        return stage.discovery("MF311", f"{case.family}-{outcome(seen)}", case, words)
    if probe is None or limited(seen):
        return None
    if FAMILIES[case.family].keeps_meaning and not alike(probe[1], seen, stage.volatile):
        expected, got = difference(probe[1], seen, stage.volatile)
        words = Words(
            message=f"answers otherwise to the same request, written in another way: {case.family.replace('-', ' ')}",
            expected=expected,
            got=got,
            hint="read the request with a JSON library, by its keys",
            severity="error" if stage.service else "note",
        )
        return stage.discovery("MF311", f"{case.family}-differs", case, words)
    after = stage.alone(probe[0]) if stage.service else stage.row((case, probe[0]))[1]
    spoilt = of_poison(stage, probe[0], probe[1], after, (case,))
    if spoilt is None:
        return None
    return msgspec.structs.replace(
        spoilt,
        code="MF311",
        detail=f"{case.operation}:{case.family}-poisoned",
        severity="error" if stage.service else "note",
    )


def _severity(stage: Stage, seen: Observation) -> Severity:
    if not stage.service:
        return "note"
    failure = seen.exchange.failure
    # As MF605 has it: an answer that blames the service is a blemish, none at all is a fault.
    return "error" if isinstance(failure, RemoteFailure) and failure.kind != "status" else "warning"
