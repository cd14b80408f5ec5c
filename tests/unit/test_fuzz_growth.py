"""The exponent of cost against size: fitted from fuel, without a clock."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from pytest_mockforge.contract.requests import RequestBuilder
from pytest_mockforge.fuzz.growth import Trend, border, exponent, trend, worse
from pytest_mockforge.fuzz.places import Place, places, texts

SIZES = tuple(32 * 2**step for step in range(12))


def points(cost: Callable[[int], float]) -> tuple[tuple[int, int], ...]:
    return tuple((size, int(cost(size))) for size in SIZES)


def trend_of(cost: Callable[[object], int | None], declared: float = 2.0) -> Trend | None:
    place = texts(RequestBuilder().template("upper", "abc"))[1]

    def cost_of(_place: Place) -> Callable[[object], int | None]:
        return cost

    return trend(place, cost_of, declared)


@pytest.mark.parametrize(
    ("cost", "fitted"),
    [
        (lambda n: 12_000 + 40 * n, 1.0),
        (lambda n: 12_000 + 7 * n * n, 2.0),
        (lambda n: 500_000 + n**3, 3.0),
        (lambda n: 90_000 + 3 * n * math.log2(n), 1.1),
        (lambda n: 1_000 + 11 * n**1.5, 1.5),
    ],
)
def test_the_exponent_is_fitted_whatever_a_call_costs_anyway(cost: Callable[[int], float], fitted: float) -> None:
    assert exponent(points(cost)) == pytest.approx(fitted, abs=0.02)


def test_a_cost_that_does_not_grow_has_no_exponent() -> None:
    assert exponent(points(lambda _: 12_000)) is None
    assert exponent(points(lambda n: 12_000 + 40 * n)[:3]) is None


def test_quadratic_cost_is_worse_and_linear_cost_is_not() -> None:
    assert worse(points(lambda n: n * n))
    assert worse(points(lambda n: 30 * n + n * n // 2))
    assert not worse(points(lambda n: 1_000 * n))
    assert not worse(points(lambda n: 100 * n * math.log2(n)))


def test_a_collector_that_runs_once_is_no_growth() -> None:
    assert not worse(tuple((size, 40 * size + (5_000_000 if size >= SIZES[-1] else 0)) for size in SIZES))
    assert not worse(tuple((size, 40 * size + (5_000_000 if size >= SIZES[-2] else 0)) for size in SIZES))


def test_a_quadratic_part_that_costs_next_to_nothing_is_not_mentioned() -> None:
    assert not worse([(size, size * size // 50) for size in (32, 64, 128, 256, 512, 1024)])


def test_what_is_declared_moves_the_border() -> None:
    assert not worse(points(lambda n: n * n), declared=3.0)
    assert worse(points(lambda n: n**1.5 * 50), declared=1.5)


@pytest.mark.parametrize("power", [1.5, 2.0, 3.0])
def test_what_is_as_an_author_declares_is_no_growth_and_what_is_worse_is(power: float) -> None:
    assert not worse(points(lambda n: 12_000 + 40 * n**power), border(power))
    assert worse(points(lambda n: 12_000 + 40 * n ** (power + 0.3)), border(power))


def test_a_field_is_made_longer_until_its_trend_is_clear() -> None:
    found = trend_of(lambda value: 9_000 + len(str(value)) ** 2)
    assert found is not None
    assert found.place == "args.0"
    assert found.exponent == pytest.approx(2.0, abs=0.01)
    assert str(found.value).startswith("abcabc")


def test_a_linear_field_is_left_after_a_glance() -> None:
    asked: list[int] = []

    def cost(value: object) -> int:
        asked.append(len(str(value)))
        return 9_000 + 40 * len(str(value))

    assert trend_of(cost) is None
    assert max(asked) == 4096


def test_a_text_that_is_refused_beyond_some_size_ends_the_row() -> None:
    assert trend_of(lambda value: len(str(value)) ** 2 if len(str(value)) <= 100 else None) is None


def test_a_list_is_grown_to_4096_items_and_no_further() -> None:
    place = places(RequestBuilder().template("join", ",", ["a", "b"]))[3]
    assert place.name == "args.1"
    asked: list[int] = []

    def cost(value: object) -> int:
        assert isinstance(value, tuple)
        asked.append(len(value))
        return len(value) ** 2

    found = trend(place, lambda _: cost)
    assert found is not None
    assert max(asked) == 4096
