"""Which findings an accept file covers, and which of its entries have outlived their finding. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.documents.accepted import Accepted


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
            expired = f"accepted until {covering[0].expires}, at {covering[0].path.name}:{covering[0].line}"
            hint = f"{finding.hint}; {expired}" if finding.hint else expired
            standing.append(msgspec.structs.replace(finding, hint=hint))
        else:
            standing.append(finding)
    standing += [_outlived(entry, code) for entry in mine if id(entry) not in used]
    return tuple(standing), tuple(accepted), tuple(dict.fromkeys(reasons))


def _outlived(entry: Accepted, code: str) -> Finding:
    about = f" for {entry.detail!r}" if entry.detail is not None else ""
    return Finding(
        code=code,
        severity="error",
        detail=f"accepted:{entry.detail or '*'}",
        message=f"{code} is accepted{about}, but does not occur any more",
        expected=f"the finding of {entry.path.name}:{entry.line} ({entry.reason})",
        got="no such finding",
        hint=f"remove the entry from {entry.path.name}",
    )
