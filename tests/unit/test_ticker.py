"""The clock behind every time limit, on a time that the tests turn themselves."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from pytest_mockforge.runtimes.wasm import ticker as module
from pytest_mockforge.runtimes.wasm.ticker import TICK, Ticker

SOON = 30.0
"""Seconds that a test waits for what comes in milliseconds, so that it fails instead of hanging."""


class Clock:
    """A time in which sleeping costs nothing and is what lets time pass."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.lateness = 1.0
        # Engines of other tests have clocks of their own, which are to let no time pass here.
        self.others = {thread.ident for thread in clock_threads()}

    def sleep(self, seconds: float) -> None:
        if threading.get_ident() in self.others:
            time.sleep(seconds)
        else:
            self.now += seconds * self.lateness

    def monotonic(self) -> float:
        return time.monotonic() if threading.get_ident() in self.others else self.now


class Epochs:
    """Counts advances, with the time of each, and lets a test wait for the next ones."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.times: list[float] = []
        self._more = threading.Condition()

    def advance(self) -> None:
        with self._more:
            self.times.append(self.clock.now)
            self._more.notify_all()

    def wait_for(self, count: int) -> bool:
        with self._more:
            return self._more.wait_for(lambda: len(self.times) >= count, timeout=SOON)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=clock.sleep, monotonic=clock.monotonic))
    return clock


@pytest.fixture
def epochs(clock: Clock) -> Epochs:
    return Epochs(clock)


@pytest.fixture
def ticker(epochs: Epochs) -> Iterator[Ticker]:
    ticker = Ticker(epochs.advance)
    yield ticker
    ticker.close()


@pytest.fixture
def parked(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released each time that the clock's thread begins to wait."""
    waiting = threading.Semaphore(0)

    class Told(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if threading.current_thread().name == "mockforge-ticker":
                waiting.release()
            return super().wait(timeout)

    monkeypatch.setattr(threading, "Event", Told)
    return waiting


def clock_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "mockforge-ticker"]


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.01, 0.011, 0.3, 1.0, 4.999, 5.0, 3600.0])
def test_a_limit_never_ends_early(seconds: float) -> None:
    # The tick under way when a guest begins may end at once, so it does not count.
    assert (Ticker.ticks(seconds) - 1) * TICK >= seconds


@pytest.mark.parametrize("seconds", [0.01, 0.3, 5.0])
def test_a_limit_ends_at_most_two_ticks_late(seconds: float) -> None:
    assert Ticker.ticks(seconds) * TICK <= seconds + 2 * TICK + 1e-9


def test_a_deadline_comes_no_earlier_than_the_time_that_was_announced(
    parked: threading.Semaphore, ticker: Ticker, epochs: Epochs
) -> None:
    ticker.touch(0.3)
    assert parked.acquire(timeout=SOON)
    assert epochs.times[Ticker.ticks(0.3) - 1] - 1_000.0 >= 0.3


def test_a_deadline_holds_where_every_sleep_takes_ten_times_as_long(
    parked: threading.Semaphore, ticker: Ticker, epochs: Epochs, clock: Clock
) -> None:
    clock.lateness = 10.0
    ticker.touch(3.0)
    assert parked.acquire(timeout=SOON)
    assert 3.0 <= epochs.times[Ticker.ticks(3.0) - 1] - 1_000.0 <= 3.0 + 20 * TICK


def test_what_was_slept_too_long_before_a_guest_began_does_not_end_it_early(
    ticker: Ticker, epochs: Epochs, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[tuple[float, int]] = []

    def sleep(seconds: float) -> None:
        if threading.get_ident() in clock.others:
            return time.sleep(seconds)
        clock.now += 50 * seconds
        if len(began) < 3:
            ticker.touch(1.0)
            began.append((clock.now, len(epochs.times)))
        clock.now += 5 * seconds
        return None

    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep, monotonic=clock.monotonic))
    ticker.touch(1.0)
    for number in range(3):
        assert epochs.wait_for(4 + Ticker.ticks(1.0))
        since, count = began[number]
        assert epochs.times[count + Ticker.ticks(1.0) - 1] - since >= 1.0


def test_nothing_ticks_before_a_guest_runs(ticker: Ticker, epochs: Epochs) -> None:
    assert ticker is not None
    assert epochs.times == []


def test_the_clock_parks_a_second_after_the_last_guest_can_have_ended(
    parked: threading.Semaphore, ticker: Ticker, epochs: Epochs
) -> None:
    ticker.touch(0.5)
    assert parked.acquire(timeout=SOON)
    assert epochs.times[-1] - epochs.times[0] == pytest.approx(1.5, abs=3 * TICK)
    assert len(epochs.times) >= Ticker.ticks(0.5)


def test_a_parked_clock_wakes_for_the_next_guest(parked: threading.Semaphore, ticker: Ticker, epochs: Epochs) -> None:
    for _ in range(3):
        before = len(epochs.times)
        ticker.touch(0.5)
        assert epochs.wait_for(before + Ticker.ticks(0.5))
        assert parked.acquire(timeout=SOON)
    assert len(clock_threads()) >= 1


def test_the_longest_limit_keeps_the_clock_ticking(parked: threading.Semaphore, ticker: Ticker, epochs: Epochs) -> None:
    ticker.touch(3.0)
    ticker.touch(0.1)
    assert parked.acquire(timeout=SOON)
    assert len(epochs.times) >= Ticker.ticks(3.0)


def test_a_closed_clock_stands_still(ticker: Ticker, epochs: Epochs) -> None:
    before = len(clock_threads())
    ticker.touch(1e9)
    assert epochs.wait_for(1)
    ticker.close()
    stopped = len(epochs.times)
    assert len(clock_threads()) == before
    ticker.close()
    assert len(epochs.times) == stopped


def test_a_parked_clock_can_be_closed(parked: threading.Semaphore, ticker: Ticker) -> None:
    before = len(clock_threads())
    ticker.touch(0.1)
    assert parked.acquire(timeout=SOON)
    ticker.close()
    assert len(clock_threads()) == before


def test_two_guests_that_begin_at_once_start_one_clock(
    ticker: Ticker, epochs: Epochs, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = threading.Barrier(2)
    before = len(clock_threads())
    guests = [threading.Thread(target=ticker.touch, args=(1e9,)) for _ in range(2)]

    class Slow(threading.Thread):
        def __init__(self, **options: object) -> None:
            # Whoever else is about to make a second clock gets here as well.
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.wait(0.5)
            super().__init__(**options)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(threading, "Thread", Slow)
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.join()
    assert epochs.wait_for(1)
    assert len(clock_threads()) == before + 1
