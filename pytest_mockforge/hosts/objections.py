"""What a host profile says against a module: one frozen value a broken rule. Pure data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Rule = Literal[
    "read",
    "component",
    "damage",
    "compile",
    "imports",
    "memory",
    "allocator",
    "operations",
    "instantiate",
    "size",
    "names",
    "limits",
    "words",
    "manifest",
]

REFUSING: frozenset[Rule] = frozenset(
    {
        "read",
        "component",
        "damage",
        "compile",
        "imports",
        "instantiate",
        "size",
        "names",
        "limits",
        "words",
        "manifest",
    }
)
"""Rules whose breach stops the load; the others let it happen and make calls fail."""

MOST = 40
"""Objections under one rule that are given one by one; a module may have 100,000 exports."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """One rule of the host that the module breaks."""

    rule: Rule
    detail: str
    """A stable word for the breach, with the name it is about where there may be several."""
    message: str
    expected: str
    got: str
    host_message: str | None = None
    """What that host would print, with its prefix; None where it prints nothing of it."""
    hint: str | None = None
    severity: Literal["error", "warning", "note"] = "error"
    at_load: bool = False
    """True when this host refuses the load for a rule that others only meet in a call."""

    @property
    def refuses(self) -> bool:
        """True when the host does not load the plugin for it."""
        return self.severity == "error" and (self.at_load or self.rule in REFUSING)


def detail_of(*words: str) -> str:
    """Join the words of a detail, empty ones left out: `authenticate:wrong-type:packed-i64`."""
    return ":".join(word for word in words if word)


def capped(objections: Iterable[Objection]) -> tuple[Objection, ...]:
    """Keep the first of each rule one by one, and say of the others only how many there are."""
    kept: list[Objection] = []
    counts: Counter[Rule] = Counter()
    for objection in objections:
        counts[objection.rule] += 1
        if counts[objection.rule] <= MOST:
            kept.append(objection)
    for rule, count in counts.items():
        if count > MOST:
            kept.append(
                Objection(
                    rule=rule,
                    detail="more",
                    message=f"{count - MOST:,} more of the same kind",
                    expected="none",
                    got=f"{count:,} in all",
                )
            )
    return tuple(kept)
