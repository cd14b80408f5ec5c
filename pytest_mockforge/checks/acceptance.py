"""Which findings an accept file covers, and which of its entries have outlived their finding. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.documents.accepted import Accepted
from pytest_mockforge.documents.wording import did_you_mean
from pytest_mockforge.errors import DocumentError


def split(
    findings: Sequence[Finding], entries: Sequence[Accepted], *, code: str, label: str, today: date
) -> tuple[tuple[Finding, ...], tuple[Finding, ...], tuple[str, ...]]:
    """Give the findings that stand, those that are accepted, and the reasons of the entries that cover them.

    An entry that has run out covers nothing and is named in the finding; one that covers no finding any more is a
    finding itself, so that a file of accepted findings never outlives them.
    """
    mine = [entry for entry in entries if entry.code == code and entry.plugin in (None, label)]
    standing: list[Finding] = []
    accepted: list[Finding] = []
    reasons: list[str] = []
    used: set[int] = set()
    for finding in findings:
        covering = [entry for entry in mine if entry.covers(code, finding.detail, label)]
        used.update(id(entry) for entry in covering)
        holding = [entry for entry in covering if not entry.expired(today)]
        if holding:
            accepted.append(finding)
            reasons.append(holding[0].reason)
        elif covering:
            expired = f"{covering[0].path.name}:{covering[0].line} accepted it until {covering[0].expires}"
            hint = f"{finding.hint}; {expired}" if finding.hint else expired
            standing.append(msgspec.structs.replace(finding, hint=hint))
        else:
            standing.append(finding)
    standing += [_outlived(entry, code) for entry in mine if id(entry) not in used]
    return tuple(standing), tuple(accepted), tuple(dict.fromkeys(reasons))


def unknown_code(entry: Accepted, codes: Iterable[str]) -> DocumentError | None:
    """Give the error for an entry that names a code which no check has: it would accept nothing for ever."""
    known = list(codes)
    if entry.code in known:
        return None
    return DocumentError(
        f"{entry.path.name}:{entry.line} accepts {entry.code}, but no check has this code",
        hint=did_you_mean(entry.code, known),
    )


def _outlived(entry: Accepted, code: str) -> Finding:
    everywhere = "" if entry.plugin or entry.path.name == "plugin.test.yaml" else ", or limit it by 'plugin: LABEL'"
    about = f" for {entry.detail!r}" if entry.detail is not None else ""
    return Finding(
        code=code,
        severity="error",
        detail=f"accepted:{entry.detail or '*'}",
        message=f"{code} is accepted{about}, but does not occur any more",
        expected=f"the finding of {entry.path.name}:{entry.line} ({entry.reason})",
        got="no such finding",
        hint=f"remove the entry from {entry.path.name}{everywhere}",
    )
