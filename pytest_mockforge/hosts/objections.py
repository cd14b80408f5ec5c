"""What a host profile says against a module: one frozen value a broken rule. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rule = Literal[
    "read",
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
    {"read", "compile", "imports", "instantiate", "size", "names", "limits", "words", "manifest"}
)
"""Rules whose breach stops the load; the others let it happen and make calls fail."""


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
    """What MockForge would print, without its constant prefix."""
    hint: str | None = None
    severity: Literal["error", "warning", "note"] = "error"
