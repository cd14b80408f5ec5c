"""The markers `mockforge` and `mockforge_budget`: what they say of one test, judged. Opens no plugin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_mockforge.errors import SettingsError

if TYPE_CHECKING:
    from pytest_mockforge.budgets.model import Budget
    from pytest_mockforge.opening import Wanted

_MARKER_KEYS = ("fuel", "memory", "timeout", "host", "dialect", "plugins")


class MarkerSettings(NamedTuple):
    """What the `mockforge` markers say of one test."""

    wanted: Wanted
    host: str | None
    dialect: str | None
    plugins: tuple[str, ...] | None
    """Labels of the plugins that the test runs over; None for all."""


def read_marker(marks: Iterable[pytest.Mark]) -> MarkerSettings:
    """Judge the markers of one test, the closest first. Raises pytest.UsageError for an unknown keyword or value."""
    from pytest_mockforge import opening

    wanted, host, dialect, plugins = opening.Wanted(), None, None, None
    try:
        for mark in marks:
            unknown = [key for key in mark.kwargs if key not in _MARKER_KEYS]
            if unknown or mark.args:
                what = f"the keyword {unknown[0]!r}" if unknown else "positional arguments"
                raise SettingsError(
                    f"the mockforge marker does not take {what}", hint=f"its keywords are {', '.join(_MARKER_KEYS)}"
                )
            given = mark.kwargs
            limits = {key: given[key] for key in ("fuel", "memory", "timeout") if key in given}
            wanted = wanted.over(opening.read_wanted("the mockforge marker's ", **limits))
            if dialect is None and "dialect" in given:
                dialect = opening.choice("the mockforge marker's dialect", given["dialect"], opening.dialects())
            if host is None and "host" in given:
                host = opening.choice("the mockforge marker's host", given["host"], opening.hosts())
            if plugins is None and "plugins" in given:
                plugins = _labels(given["plugins"])
    except SettingsError as error:
        raise pytest.UsageError(f"mockforge: {error}") from None
    return MarkerSettings(wanted=wanted, host=host, dialect=dialect, plugins=plugins)


def read_budget_marker(marks: Iterable[pytest.Mark], labels: Sequence[str]) -> tuple[Budget, ...]:
    """Judge the `mockforge_budget` markers of one test: all of them hold. Raises pytest.UsageError."""
    __tracebackhide__ = True
    from pytest_mockforge.budgets.expressions import distinct, parse_budgets, refuse_contradictions

    source, given = "the mockforge_budget marker", tuple(marks)
    try:
        for mark in given:
            wrong = [*mark.kwargs, *(repr(arg) for arg in mark.args if not isinstance(arg, str))]
            if wrong or not mark.args:
                what = f"does not take {wrong[0]}" if wrong else "holds no budget"
                raise SettingsError(f"{source} {what}", hint="write @pytest.mark.mockforge_budget('fuel<200k')")
        texts = [text for mark in given for text in mark.args]
        budgets = distinct(one for text in texts for one in parse_budgets(text, source=source, labels=labels))
        refuse_contradictions(budgets)
    except SettingsError as error:
        raise pytest.UsageError(f"mockforge: {error}") from None
    return budgets


def _labels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(label, str) for label in value):
        raise SettingsError(f"the mockforge marker's plugins cannot be {value!r}", hint="give a list of labels")
    return tuple(value)
