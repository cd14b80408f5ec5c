"""One thing that `doctor` found out. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "absent", "warning", "problem"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """What is known of one thing; `value` and `hint` may hold what other programs print, control characters too."""

    name: str
    state: State
    value: str
    hint: str = ""
