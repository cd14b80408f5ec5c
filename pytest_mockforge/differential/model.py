"""Where two plugins differ: frozen values. Knows nothing of how that is found or shown."""

from __future__ import annotations

from typing import Literal

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import Request

Outcome = Literal["answered", "refused", "broken", "failed"]
"""What came of a call, as far as two languages can agree: a trap here is as good as a status 500 there."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One field, or an outcome, in which a plugin differs from its reference."""

    operation: Operation
    about: Literal["outcome", "field"]
    place: str
    """Stable words for what differs: a pointer with `*` for each index, or two outcomes such as `answered-refused`."""
    pointer: str = ""
    """The field; empty for the whole reply, and for an outcome."""
    expected: str
    """What the reference has there, or does."""
    got: str
    replies: tuple[str, str]
    """All that each of the two said, in one line."""
    request: Request
    payload: bytes
    """The request as the plugin got it."""
    names: tuple[str, ...] = ()
    """The requests that show it, the first one being this; empty for one that was drawn."""
    hint: str = ""

    @property
    def detail(self) -> str:
        """Give what tells this difference from others."""
        return f"{self.operation}:{self.place or 'reply'}"


class DifferentialReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of comparing plugins with the first of them."""

    plugins: tuple[str, ...]
    """Labels; the first is the reference."""
    differences: dict[str, tuple[Difference, ...]] = {}
    """What differs, by the label of the plugin that does."""
    compared: int = 0
    """Requests that were made, each of every plugin that has the operation."""
    fuzzed: int = 0
    """Requests that were drawn."""
    seed: int | None = None
    """Where drawing started; None where nothing was drawn."""
    allowed: tuple[str, ...] = ()
    """What is allowed and did occur."""
    unused: tuple[str, ...] = ()
    """What is allowed and did not occur."""
    notes: tuple[str, ...] = ()
    """What could not be compared, and why."""
