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
from hypothesis.internal.conjecture import providers

_CONSTANTS = "_maybe_draw_constant"
"""The method that draws them; the first versions that we take have none."""


def prepare() -> None:
    """Let Hypothesis do now what it would else do while it draws, which its own health check then takes for slow.

    Where it never ran before, it makes a table of Unicode; and it reads the source of all modules that are new to it,
    ours among them where we are not installed among other packages. Either takes seconds.
    """
    st.text().validate()
    read_modules = getattr(providers, "_get_local_constants", None)
    if read_modules is not None:
        read_modules()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let what Hypothesis generates depend on the seed alone, until the end of the block.

    Makes its table of Unicode first, where there is none: those seconds are no plugin's.
    """
    st.text().validate()
    usual = getattr(providers.HypothesisProvider, _CONSTANTS, None)
    # No provider of our own instead: Hypothesis neither mutates nor climbs with one, and draws beside it.
    if usual is not None:
        setattr(providers.HypothesisProvider, _CONSTANTS, _none)
    try:
        with catch_warnings():
            # It warns of large values, which are what is looked for.
            simplefilter("ignore", HypothesisWarning)
            yield
    finally:
        if usual is not None:
            setattr(providers.HypothesisProvider, _CONSTANTS, usual)


def _none(*_: object, **__: object) -> None:
    """Draw by chance alone."""
