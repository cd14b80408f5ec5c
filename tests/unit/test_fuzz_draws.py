"""Hypothesis under a search: what it draws depends on the seed, and on nothing that happens to be loaded."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from hypothesis.internal.conjecture.providers import HypothesisProvider

from pytest_mockforge.fuzz.draws import undisturbed


def drawn() -> list[int]:
    seen: list[int] = []

    @hypothesis.seed(7)
    @hypothesis.settings(max_examples=300, database=None, deadline=None, derandomize=False)
    @hypothesis.given(st.integers())
    def search(number: int) -> None:
        seen.append(number)

    search()
    return seen


def test_a_module_of_the_users_own_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with undisturbed():
        before = drawn()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "numbers_of_mine.py").write_text(f"ALL = {[number * 7919 for number in range(1000, 1400)]}\n")
    import_module("numbers_of_mine")
    with undisturbed():
        assert drawn() == before


def test_the_generator_is_as_ever_afterwards() -> None:
    method = HypothesisProvider._maybe_draw_constant
    with undisturbed():
        assert method is not HypothesisProvider._maybe_draw_constant
    assert method is HypothesisProvider._maybe_draw_constant


def test_no_warning_of_hypothesis_reaches_the_caller() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with undisturbed():
            warnings.warn("of a large value", HypothesisWarning, stacklevel=1)
            warnings.warn("a plugin's own", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in heard] == ["a plugin's own"]
