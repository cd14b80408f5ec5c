"""MF8: does the plugin answer as the one that it replaces? One comparison, of which each check tells its part.

They run where a run says what to compare with, and belong to the plugin that is compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.checks.bench import Bench, without_hypothesis
from pytest_mockforge.checks.duel import finding_of, of_operations
from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.registry import check


@check("MF801", "each sample comes to what it comes to at the reference", need="operation")
def outcomes(bench: Bench) -> Iterator[Finding]:
    """The samples of both plugins and the realistic requests of MF2 are made of both, each alone in a fresh instance:
    where the reference (`--mockforge-compare`) answers, the plugin answers; where it refuses, the plugin refuses. A
    trap, a limit and a status of 500 count as one, as do all replies that break the contract.

    Source: contract 1.3 to 1.6 tell what an answer and a refusal are. What one of the two says otherwise when it is
    asked once more is a note.

    Mend: let the port take and refuse what the reference does; accept MF801 for a request where it is meant to differ.
    """
    yield from _known(bench, "MF801", "outcome")
    yield from _left_out(bench)


@check("MF802", "each reply to a sample is the reference's, field by field", need="operation")
def replies(bench: Bench) -> Iterator[Finding]:
    """Replies to the requests of MF801 are compared as MockForge reads them, so that a module can be held against a
    service: bodies are decoded by content type, names of headers put into lower case, cells named by their columns, 0
    and 0.0 are one number; between dialects only what both can say is compared. `execution_time_ms` is left out. Each
    field that differs is one finding, with both replies.

    Fields that either plugin.test.yaml calls `volatile` are left out, and those under `differences` in the plugin's
    own: a JSON pointer, in which `*` stands for one segment, with a reason and perhaps `operation` and `expires`.

    Mend: give back the field as the reference does; name a difference that is meant under `differences`.
    """
    yield from _known(bench, "MF802", "field")


@check("MF803", "drawn requests are answered as the reference answers them", need="search")
def drawn(bench: Bench) -> Iterator[Finding]:
    """Requests are drawn as in MF3, around those that the reference accepts, and made of both; what differs is judged
    as in MF801 and MF802, and each difference comes with the smallest request that shows it and a test to paste. The
    seed comes from the content of both plugins; `--mockforge-fuzz-examples`, `-time` and `-seed` hold here too.

    Mend: as of MF801 and MF802; add the request to the samples, so that it is made in every run.
    """
    duel = bench.duel
    for difference in duel.searched.differences:
        yield finding_of("MF803", difference, duel.reference.subject, bench.subject)
    done = duel.searched
    if done.cut:
        message = f"{done.tried:,} of {done.asked:,} examples were compared in {done.seconds:.1f} s"
        hint = "give more time with --mockforge-fuzz-time"
        yield Finding(code="MF803", severity="note", detail="time", message=message, hint=hint)


@check("MF804", "every operation of the reference is there", need="module")
def operations(bench: Bench) -> Iterator[Finding]:
    """A plugin that replaces another has each operation that the other has: MockForge's calls of one that is not there
    fail. One more than the reference has is a note.

    Source: contract 2.2 and 4.1: operations are exports of these names, or paths of a service.

    Mend: export what is missing; MF106 and MF602 tell how operations are found.
    """
    duel = bench.duel
    yield from of_operations(duel.comparison, duel.reference, bench)


@check("MF805", "each difference that is allowed does occur", need="operation")
def allowed(bench: Bench) -> Iterator[Finding]:
    """An entry under `differences` in plugin.test.yaml that covers no difference any more, neither on samples nor on
    drawn requests, would hide the next one: so it fails, as an entry of an accept file does. It is only noted where the
    search could not be made, or not to its end.

    Mend: remove the entry; where it is about another reference, run with that one.
    """
    duel = bench.duel
    unused = duel.comparison.unused
    if not unused:
        return
    reason = without_hypothesis() or ("the search was cut short" if duel.searched.cut else "")
    for entry in duel.comparison.unused:
        doubt = f", as far as that is known: {reason}" if reason else ""
        yield Finding(
            code="MF805",
            severity="note" if reason else "error",
            detail=str(entry),
            message=f"{entry} may differ from {duel.label}, and does not{doubt}",
            expected=f"the difference of {entry.where} ({entry.reason})",
            got="no such difference",
            hint=f"remove the entry of {entry.where}",
        )


def _known(bench: Bench, code: str, about: str) -> Iterator[Finding]:
    for difference in bench.duel.known:
        if difference.about == about:
            yield finding_of(code, difference, bench.duel.reference.subject, bench.subject)


def _left_out(bench: Bench) -> Iterator[Finding]:
    """Say what was not compared, so that no silence passes for a clean bill."""
    comparison = bench.duel.comparison
    for number, note in enumerate(comparison.notes, 1):
        yield Finding(code="MF801", severity="note", detail=f"note-{number}", message=note)
    for detail, label in comparison.unsteady.items():
        message = f"{detail} is not compared, as {label} contradicts itself there"
        hint = "name the field under volatile in plugin.test.yaml"
        yield Finding(code="MF801", severity="note", detail=f"{detail}:unsteady", message=message, hint=hint)
