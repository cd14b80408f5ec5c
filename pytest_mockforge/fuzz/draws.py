"""Hypothesis's generator as a search needs it: equal seeds give equal draws, whatever else the process has loaded, and
what it has to say of them is said to nobody.

Left to itself it strews in constants that it finds in the source of every module beside the installed packages: those
of a conftest.py, of an application, of other tests. A result would then change with them, and reading them all takes
time. The strategies of `fuzz.values` bring border values of their own. Knows nothing of requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from warnings import catch_warnings, simplefilter

from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from hypothesis.internal.conjecture.providers import HypothesisProvider

_CONSTANTS = "_maybe_draw_constant"
"""The method that draws them; the first versions that we take have none."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let what Hypothesis generates depend on the seed alone, until the end of the block.

    Where it never ran before, it first makes its table of Unicode, which takes seconds that are no plugin's.
    """
    st.text().validate()
    usual = getattr(HypothesisProvider, _CONSTANTS, None)
    # No provider of our own instead: Hypothesis neither mutates nor climbs with one, and draws beside it.
    if usual is not None:
        setattr(HypothesisProvider, _CONSTANTS, _none)
    try:
        with catch_warnings():
            # It warns of large values, which are what is looked for.
            simplefilter("ignore", HypothesisWarning)
            yield
    finally:
        if usual is not None:
            setattr(HypothesisProvider, _CONSTANTS, usual)


def _none(*_: object, **__: object) -> None:
    """Draw by chance alone."""
