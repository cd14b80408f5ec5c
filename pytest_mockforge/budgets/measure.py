"""Time of plugins that take turns: modules on the plain engine in a child process, services over a kept connection.

Each round gives every side a batch of calls in one compiled variant, the sides in alternating order, then the next
variant: a drift of the machine meets all alike. Outliers are kept. Knows no budgets and no verdicts.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter

from pytest_mockforge.budgets.lanes import Lane, LaneError, Lanes
from pytest_mockforge.budgets.model import Timing
from pytest_mockforge.budgets.side import Side
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Limits

BATCH_SECONDS = 0.004
"""What a batch of the slowest side is to take: short against the drift of a machine, long against the way there."""
MOST_CALLS = 100
LEAST_ROUNDS = 5
_PLENTY = 0.5
"""Seconds that one operation gets for more samples than were wanted: of short calls they cost nothing, and a percentile
of few samples is a rough one."""
_MOST_TIMES = 10
"""How many times as many at most."""
_UNCOUNTED = 2
"""Calls that begin a batch and are not counted, where calls are short: the caches are full of the other side's code."""
_HOST_REPEATS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """All that was measured of one operation of one side; in seconds, one for each call."""

    guest: tuple[tuple[float, ...], ...] = ()
    """A tuple a variant: inside of the guest, the border included; of a service, sending and waiting."""
    copy_in: tuple[float, ...] = ()
    copy_out: tuple[float, ...] = ()
    encode: tuple[float, ...] = ()
    decode: tuple[float, ...] = ()
    null: tuple[float, ...] = ()
    """The null plugin's calls; empty for a service."""
    connect: tuple[float, ...] = ()
    """What making a connection took, each time that one was made."""
    wanted: int = 0
    layouts: str = ""
    """Why a module was measured in one layout only."""
    failure: str = ""
    """What ended the calls early."""
    seconds: float = 0.0
    """What all sides together were given."""

    @property
    def border(self) -> float:
        """Seconds of one call that are the border's: the null plugin's median."""
        return statistics.median(self.null) if self.null else 0.0

    @property
    def host(self) -> float:
        """Median seconds a call on our side: encoding, copying in and out, decoding."""
        return sum(statistics.median(p) for p in (self.encode, self.copy_in, self.copy_out, self.decode) if p)

    @property
    def reason(self) -> str:
        """Say why there are no figures, or fewer than were wanted; empty when all is there."""
        count = sum(map(len, self.guest))
        if self.failure:
            return self.failure
        if count < self.wanted:
            return f"{count:,} of {self.wanted:,} samples in {self.seconds:g} s"
        return f"one layout only: {self.layouts}" if self.layouts else ""

    def timing(self) -> Timing:
        """Give what verdicts are made of, with the border subtracted; never less than nothing."""
        border = self.border
        return Timing(
            seconds=tuple(tuple(max(0.0, taken - border) for taken in variant) for variant in self.guest),
            border=border,
            host=self.host,
            connect=statistics.median(self.connect) if self.connect else 0.0,
            wanted=self.wanted,
            reason=self.reason,
        )


def measure_time(
    sides: Sequence[Side],
    operations: Sequence[Operation] | None = None,
    *,
    samples: int = 300,
    seconds: float = 5.0,
    variants: int = 5,
    limits: Limits | None = None,
    cache: Path | None = None,
    patience: float | None = None,
) -> dict[str, dict[Operation, Timing]]:
    """Measure sides side by side: by label, the timing of each operation that the side has requests for.

    `samples` are wanted of each side and operation, over all `variants` together, and up to ten times as many are taken
    where calls are short; `seconds` is the time that one operation may take over all sides. `cache` is the folder of
    compiled modules, None for none. A call that does not return within `patience` seconds (by default twice
    `limits.timeout`, at least 10) ends the child, and what was measured before is kept. Never raises for what a plugin
    does: `Timing.reason` says it.
    """
    measured = measure_samples(
        sides,
        operations,
        samples=samples,
        seconds=seconds,
        variants=variants,
        limits=limits,
        cache=cache,
        patience=patience,
    )
    return {
        label: {operation: found.timing() for operation, found in by_operation.items()}
        for label, by_operation in measured.items()
    }


def measure_samples(
    sides: Sequence[Side],
    operations: Sequence[Operation] | None = None,
    *,
    samples: int = 300,
    seconds: float = 5.0,
    variants: int = 5,
    limits: Limits | None = None,
    cache: Path | None = None,
    patience: float | None = None,
) -> dict[str, dict[Operation, Samples]]:
    """Measure as `measure_time` does, and give every step of every call apart."""
    assert len({side.label for side in sides}) == len(sides), "labels of sides are unique"
    limits = limits or Limits()
    if patience is None:
        patience = max(10.0, 2 * limits.timeout)
    result: dict[str, dict[Operation, Samples]] = {side.label: {} for side in sides}
    with Lanes(sides, variants=variants, limits=limits, cache=cache, patience=patience) as lanes:
        for operation in operations if operations is not None else tuple(Operation):
            runners = [_Runner(side, operation, lanes, samples) for side in sides if side.requests.get(operation)]
            _measure(runners, variants=max(1, variants), seconds=seconds)
            for runner in runners:
                result[runner.side.label][operation] = runner.samples(seconds)
    return result


@dataclass(kw_only=True)
class _Track:
    """The calls of one side in one variant."""

    lane: Lane
    wanted: int
    taken: list[float] = field(default_factory=list)


class _Runner:
    """One side and one operation: its tracks, and what they came to."""

    def __init__(self, side: Side, operation: Operation, lanes: Lanes, samples: int) -> None:
        self.side = side
        self.operation = operation
        self.requests = side.requests[operation]
        self.wanted = samples
        self.failure = side.problem
        self.copies: tuple[list[float], list[float]] = ([], [])
        self.null: list[float] = []
        self.connect: list[float] = []
        self.replies: list[bytes | None] = []
        self.layouts = ""
        self.tracks: list[_Track] = []
        self.null_lane: Lane | None = None
        if self.failure:
            return
        opened = lanes.of(side)
        self.layouts = opened.layouts
        # Whole rounds of the workload, so that each variant is measured on the same mix of requests.
        each = -(-samples // len(opened.lanes))
        each = -(-each // len(self.requests)) * len(self.requests)
        self.tracks = [_Track(lane=lane, wanted=each) for lane in opened.lanes]
        self.null_lane = opened.null

    @property
    def open(self) -> bool:
        """True while samples are missing and can be had."""
        return not self.failure and any(len(track.taken) < track.wanted for track in self.tracks)

    def warm_up(self, seconds: float) -> float:
        """Run all lanes warm, and give what a call takes; 0 where the side fails."""
        slowest = 0.0
        try:
            for track in self.tracks:
                warmed = track.lane.warm_up(self.operation, seconds)
                slowest = max(slowest, warmed.seconds)
                self.replies = self.replies or list(warmed.replies)
                self.connect += warmed.connect
                self.copies[0].extend(warmed.copy_in)
                self.copies[1].extend(warmed.copy_out)
            if self.null_lane is not None:
                self.null_lane.warm_up(self.operation, seconds)
        except LaneError as error:
            self.failure = str(error)
        return slowest

    def turn(self, slot: int, calls: int, seconds: float) -> None:
        """Make one batch in the variant whose turn it is, unless it has enough."""
        if self.failure:
            return
        track = self.tracks[slot % len(self.tracks)]
        calls = min(calls, track.wanted - len(track.taken))
        if calls < 1:
            return
        try:
            batch = track.lane.batch(self.operation, len(track.taken), calls, _uncounted(calls), seconds)
        except LaneError as error:
            self.failure = str(error)
            return
        track.taken += batch.guest
        self.connect += batch.connect
        self.failure = batch.failure

    def calibrate(self, calls: int, seconds: float) -> None:
        """Make a batch of calls of the null plugin."""
        if self.null_lane is None or self.failure:
            return
        try:
            self.null += self.null_lane.batch(self.operation, 0, calls, _uncounted(calls), seconds).guest
        except LaneError as error:
            self.failure = str(error)

    def samples(self, seconds: float) -> Samples:
        """Give what was measured; encoding and decoding are measured now."""
        encode, decode = _host_side(self.side, self.operation, self.replies)
        # A module in one layout says nothing of how much the layout matters: what is missing stands empty.
        missing = ((),) if self.layouts and self.tracks else ()
        return Samples(
            guest=(*(tuple(track.taken) for track in self.tracks), *missing),
            copy_in=tuple(self.copies[0]),
            copy_out=tuple(self.copies[1]),
            encode=encode,
            decode=decode,
            null=tuple(self.null),
            connect=tuple(one for one in self.connect if one),
            wanted=self.wanted,
            layouts=self.layouts,
            failure=self.failure,
            seconds=seconds,
        )


def _measure(runners: Sequence[_Runner], *, variants: int, seconds: float) -> None:
    tracks = [track for runner in runners for track in runner.tracks]
    warm = seconds / max(1, 4 * len(tracks))
    slowest = max((runner.warm_up(warm) for runner in runners), default=0.0)
    deadline = monotonic() + seconds
    fewest = min((track.wanted for track in tracks), default=1)
    if slowest:
        affordable = _PLENTY / slowest / sum(track.wanted for track in tracks)
        for track in tracks:
            track.wanted *= max(1, min(int(affordable), _MOST_TIMES))
    calls = max(1, min(int(BATCH_SECONDS / slowest) if slowest else MOST_CALLS, MOST_CALLS, fewest // LEAST_ROUNDS))
    for slot, order in _turns(runners, variants):
        for runner in order:
            left = deadline - monotonic()
            if left <= 0:
                return
            runner.turn(slot, calls, left)
        if slot == 0:
            for runner in order:
                runner.calibrate(calls, max(0.0, deadline - monotonic()))


def _turns(runners: Sequence[_Runner], variants: int) -> Iterator[tuple[int, Sequence[_Runner]]]:
    """Yield which variant is next and in which order the sides take turns, as long as samples are missing."""
    number = 0
    while any(runner.open for runner in runners):
        for slot in range(variants):
            number += 1
            yield slot, runners if number % 2 else runners[::-1]
        # With an even number of variants each would meet the same order in every round.
        number += variants % 2 == 0


def _uncounted(calls: int) -> int:
    return _UNCOUNTED if calls >= 4 * _UNCOUNTED else 0


def _host_side(
    side: Side, operation: Operation, replies: Sequence[bytes | None]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Time encoding of each request and decoding of each reply, in this process."""
    encode: list[float] = []
    decode: list[float] = []
    for _ in range(_HOST_REPEATS):
        for request in side.requests[operation] if not side.problem else ():
            started = perf_counter()
            side.dialect.encode(request)
            encode.append(perf_counter() - started)
        for reply in replies:
            if reply is not None:
                started = perf_counter()
                side.dialect.decode(operation, reply)
                decode.append(perf_counter() - started)
    return tuple(encode), tuple(decode)
