"""What the contract says of a reply that does not hold: one frozen value a breach. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

#: Every kind a decoder may report. `encoding`: not UTF-8. `syntax`: not one JSON value (empty, trailing bytes,
#: bad escape, number out of range …). `depth`: more than 127 levels. `duplicate-key`: the last one wins, so a
#: warning. `missing-field`, `wrong-type`, `out-of-range`, `unknown-variant`, `wrong-length`: conversion to the
#: typed reply (contract 1.1). `semantics`: the types hold but the host cannot use the value as it stands.
ViolationKind = Literal[
    "encoding",
    "syntax",
    "depth",
    "duplicate-key",
    "missing-field",
    "wrong-type",
    "out-of-range",
    "unknown-variant",
    "wrong-length",
    "semantics",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One breach of the contract in one reply."""

    kind: ViolationKind
    pointer: str
    """JSON pointer (RFC 6901) to the value, or to where a missing one belongs; '' is the whole reply."""
    expected: str
    got: str
    severity: Severity = "error"
    hint: str | None = None
    cause: str = ""
    """A stable word for what lies behind it where kind and place do not tell, such as `byte-order-mark`."""
