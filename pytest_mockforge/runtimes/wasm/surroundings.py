"""What an instance finds in place of a world: a virtual clock, seeded random bytes, captured output.

All of it is the same for each fresh instance, so that a plugin answers alike however often a test runs. Knows neither
WASI's structures nor wasmtime.
"""

from __future__ import annotations

from random import Random

from pytest_mockforge.runtimes.base import KIB, MIB

START = 1_767_225_600 * 10**9
"""Nanoseconds since 1970 at which the wall clock starts: 2026-01-01T00:00:00Z."""
STEP = 10**6
"""Nanoseconds by which each reading advances the clock, so that waiting by reading it ends."""
LONGEST_OUTPUT = 64 * KIB
"""Bytes of output that are kept of one call."""
MOST_RANDOM = 16 * MIB
"""Random bytes that one call may ask for."""
_SEED = 0x6D6F636B
_END_OF_TIME = 2**64 - 1


class VirtualClock:
    """Time that passes when it is looked at, and when the guest sleeps."""

    def __init__(self) -> None:
        self._elapsed = STEP

    def wall(self) -> int:
        """Read nanoseconds since 1970."""
        return min(START + self._tick(), _END_OF_TIME)

    def monotonic(self) -> int:
        """Read nanoseconds since the instance was made."""
        return self._tick()

    def peek(self, *, wall: bool) -> int:
        """Read without letting time pass."""
        return min((START if wall else 0) + self._elapsed, _END_OF_TIME)

    def sleep(self, nanoseconds: int) -> None:
        """Let time pass at once."""
        self._elapsed = min(self._elapsed + nanoseconds, _END_OF_TIME)

    def _tick(self) -> int:
        self._elapsed = min(self._elapsed + STEP, _END_OF_TIME)
        return self._elapsed


class SeededRandom:
    """Bytes that look random and are the same for each instance."""

    def __init__(self) -> None:
        self._source: Random | None = None
        self._left = MOST_RANDOM

    def take(self, count: int) -> bytes | None:
        """Give so many bytes, or None when this call has asked for too many."""
        if count > self._left:
            return None
        self._left -= count
        if self._source is None:
            self._source = Random(_SEED)
        return self._source.randbytes(count)

    def refill(self) -> None:
        """Begin another call of the plugin."""
        self._left = MOST_RANDOM


class CapturedOutput:
    """The beginning of what the guest prints during one call, and how much more there was."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    @property
    def room(self) -> int:
        """Bytes that would still be kept."""
        return LONGEST_OUTPUT - len(self._kept)

    def add(self, data: bytes, dropped: int = 0) -> None:
        """Take output; `dropped` counts what the caller did not even copy."""
        room = self.room
        self._kept += data[:room]
        self._dropped += max(len(data) - room, 0) + dropped

    def take(self) -> tuple[str, int]:
        """Give text and count of dropped bytes, and start anew."""
        text, dropped = self._kept.decode("utf-8", "replace"), self._dropped
        self._kept.clear()
        self._dropped = 0
        return text, dropped
