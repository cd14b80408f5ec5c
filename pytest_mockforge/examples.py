"""A fresh instance for each Hypothesis example. Imported only where Hypothesis already is."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import hypothesis

if TYPE_CHECKING:
    from pytest_mockforge.run_state import RunState


class _ExampleClock:
    """Looks like a random generator to Hypothesis, which seeds those before each example; that is the signal."""

    def __init__(self, state: RunState) -> None:
        self._state = weakref.ref(state)

    def seed(self, _seed: object = None) -> None:
        state = self._state()
        if state is not None:
            state.renew()

    def getstate(self) -> object:
        return None

    def setstate(self, _state: object) -> None:
        return None


_clocks: weakref.WeakKeyDictionary[RunState, _ExampleClock] = weakref.WeakKeyDictionary()


def renew_for_each_example(state: RunState) -> None:
    """Renew the instances of a run before each example from now on."""
    if state not in _clocks:
        _clocks[state] = clock = _ExampleClock(state)
        hypothesis.register_random(clock)
