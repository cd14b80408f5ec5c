"""The notation of budgets: what is read, and that each error points at the character."""

from __future__ import annotations

import pytest

from pytest_mockforge.budgets.expressions import DEFAULTS, parse_budgets, refuse_contradictions
from pytest_mockforge.budgets.model import Bound, Budget
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import SettingsError

LABELS = ("auth-rust", "old")


def read(text: str) -> Budget:
    (budget,) = parse_budgets(text, source="--mockforge-budget", labels=LABELS)
    return budget


def refused(text: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        parse_budgets(text, source="--mockforge-budget", labels=LABELS)
    return caught.value


@pytest.mark.parametrize(
    ("text", "metric", "value", "code"),
    [
        ("p95<5ms", "p95", 0.005, "MF501"),
        ("p99<20ms", "p99", 0.02, "MF501"),
        ("p99.9<1s", "p99.9", 1.0, "MF501"),
        ("mean<1ms", "mean", 0.001, "MF501"),
        ("median<250us", "median", 0.00025, "MF501"),
        ("max<50ms", "max", 0.05, "MF501"),
        ("fuel<200k", "fuel", 200_000, "MF502"),
        ("fuel<200_000", "fuel", 200_000, "MF502"),
        ("fuel.cold<1M", "fuel.cold", 1_000_000, "MF502"),
        ("fuel.max<5000", "fuel.max", 5000, "MF502"),
        ("memory<8MiB", "memory", 8 * 1024 * 1024, "MF503"),
        ("growth<1B/call", "growth", 1, "MF504"),
        ("growth<1.5KiB/call", "growth", 1536, "MF504"),
        ("size<100KB", "size", 100_000, "MF505"),
    ],
)
def test_a_bound_of_its_own_has_a_unit(text: str, metric: str, value: float, code: str) -> None:
    budget = read(text)
    assert (budget.metric, budget.bound, budget.code) == (metric, Bound(value=value), code)


@pytest.mark.parametrize(
    ("text", "factor", "against"),
    [
        ("p95<2x rust", 2, "rust"),
        ("memory<1.2xrust", 1.2, "rust"),
        ("fuel<1.05x baseline", 1.05, "baseline"),
        ("p95<1.10 x old", 1.1, "old"),
        ("size<1× auth-rust", 1, "auth-rust"),
    ],
)
def test_a_ratio_names_its_other_side(text: str, factor: float, against: str) -> None:
    assert read(text).bound == Bound(value=factor, against=against)


@pytest.mark.parametrize("comparison", ["<", "<=", ">", ">="])
def test_four_comparisons_are_known(comparison: str) -> None:
    assert read(f"fuel{comparison}5k").bound.comparison == comparison


def test_without_a_scope_every_plugin_and_operation_is_meant() -> None:
    scope = read("p95<5ms").scope
    assert scope.means(language="go", label="x")
    assert scope.covers(Operation.AUTHENTICATE)


def test_scopes_of_one_kind_are_alternatives_and_kinds_go_together() -> None:
    scope = read("rust, go, authenticate: p95<5ms").scope
    assert scope.means(language="go", label="x")
    assert not scope.means(language="c", label="x")
    assert scope.covers(Operation.AUTHENTICATE)
    assert not scope.covers(Operation.QUERY_DATASOURCE)


def test_a_label_is_a_scope() -> None:
    scope = read("auth-rust: fuel<1k").scope
    assert scope.means(language="go", label="auth-rust")
    assert not scope.means(language="go", label="old")


def test_spaces_do_not_matter_to_the_one_form_that_an_id_has() -> None:
    assert read("  rust ,authenticate :p95  <=  5 ms ").text == "rust,authenticate: p95<=5ms"
    assert read("p95 < 2 x  rust").text == "p95<2x rust"


@pytest.mark.parametrize("word", ["default", " documented "])
def test_one_word_stands_for_what_mockforge_documents(word: str) -> None:
    budgets = parse_budgets(word, source="mockforge_budgets")
    assert tuple(budget.text for budget in budgets) == DEFAULTS
    assert all(budget.by_default for budget in budgets)


@pytest.mark.parametrize(
    ("text", "column", "what", "hint"),
    [
        ("p95", 3, "p95 is not compared with anything", "write p95<5ms"),
        ("p95<5", 5, "a time without a unit", "write p95<5ms"),
        ("memory<8", 8, "memory without a unit", "write memory<8MiB"),
        ("size<8", 6, "a size without a unit", "write size<8KiB"),
        ("growth<3", 8, "growth without a unit of bytes a call", "write growth<3B/call"),
        ("growth<3B", 8, "growth is counted in bytes a call, not in 'B'", "write growth<3B/call"),
        ("fuel<5ms", 6, "'ms' is no unit of fuel", "units are k, M, G or nothing"),
        ("p95<5MiB", 5, "'MiB' is no unit of time", "units are us, ms, s"),
        ("p95<", 4, "a number is missing", "write p95<5ms, or p95<1.1x baseline"),
        ("p95<-1ms", 4, "a bound cannot be negative", "write p95<5ms"),
        ("p95=5ms", 3, "'=' is no comparison of budgets", "write p95<…"),
        ("p95=>5ms", 3, "'=>' is no comparison of budgets", "write p95>=…"),
        ("fule<3", 0, "'fule' is no metric", "did you mean 'fuel'?"),
        ("defualt", 0, "'defualt' is no metric", "did you mean 'default'?"),
        ("p100<3ms", 0, "'p100' is no percentile", "max is the costliest call"),
        ("<5ms", 0, "a metric is missing", "write one such as p95<5ms"),
        ("rsut: p95<5ms", 0, "'rsut' is no language, no operation and no plugin here", "did you mean 'rust'?"),
        ("rust, authentikate: p95<5ms", 6, "'authentikate' is no language", "did you mean 'authenticate'?"),
        ("rust,: p95<5ms", 5, "a scope is missing", "before the colon"),
        (": p95<5ms", 0, "a scope is missing", "before the colon"),
        ("rust: default", 6, "'default' stands alone", "without a scope"),
        ("p95<2x", 6, "2x of what is missing", "write 2x rust, or 2x baseline"),
        ("p95<2x rsut", 7, "'rsut' is no language and no plugin here", "did you mean 'rust'?"),
        ("p95<110%", 7, "a share is written as a factor", "write p95<1.1x baseline"),
        ("p95<1_10%", 8, "a share is written as a factor", "write p95<1.1x baseline"),
        ("p95<5ms and p99<9ms", 8, "'and p99<9ms' is too much", "an expression of its own"),
        ("fuel<200,000", 8, "a number holds no comma", "write 200k or 200_000"),
        ("fuel<1.5", 5, "'1.5' does not come to a whole number", "write fuel<200k"),
        ("fuel<1", 5, "no fuel can be that small", "write a bound such as 200k"),
        ("max<0ms", 4, "no time can be that small", "write a bound such as 5ms"),
        ("growth<0B/call", 7, "no growth can be that small", "write a bound such as 1B/call"),
        ("p95<0x rust", 4, "nothing is less than 0 times something", "write a factor such as 1.1x rust"),
    ],
)
def test_an_error_points_at_the_character(text: str, column: int, what: str, hint: str) -> None:
    error = refused(text)
    first, shown, caret = error.message.split("\n")
    assert first.startswith(f"--mockforge-budget: {what}")
    assert shown == f"    {text}"
    assert caret == f"    {' ' * column}^"
    assert hint in str(error.hint)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_expression_is_refused(text: str) -> None:
    assert refused(text).message == "--mockforge-budget: a budget is empty"


def test_a_long_expression_is_cut_in_the_message() -> None:
    error = refused("p" * 5000)
    assert "is longer than 200 characters" in error.message
    assert len(error.message) < 200


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert refused("fuel<5\x1b[31m").message.isprintable() is False
    assert "\x1b" not in str(refused("fuel<5\x1b[31m"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fuel<1k", "fuel>2k"),
        ("fuel<2k", "fuel>=2k"),
        ("fuel.max<1k", "fuel>1k"),
        ("p99<1ms", "median>2ms"),
        ("rust: p95<1ms", "rust,go: p95>2ms"),
        ("authenticate: memory<1MiB", "memory>1MiB"),
        ("p95<1x rust", "p95>2x rust"),
    ],
)
def test_two_budgets_that_cannot_both_hold_are_refused(one: str, other: str) -> None:
    with pytest.raises(SettingsError, match="cannot both hold") as caught:
        refuse_contradictions([read(one), read(other)])
    assert repr(read(one).text) in caught.value.message
    assert repr(read(other).text) in caught.value.message
    assert caught.value.hint == "remove one of the two"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fuel<2k", "fuel>1k"),
        ("fuel<=2k", "fuel>=2k"),
        ("p50<1ms", "p99>2ms"),
        ("fuel<1k", "fuel.max>2k"),
        ("rust: p95<1ms", "go: p95>2ms"),
        ("authenticate: p95<1ms", "query_datasource: p95>2ms"),
        ("fuel<1k", "fuel>2x rust"),
        ("p95<5ms", "p95<1ms"),
    ],
)
def test_budgets_that_can_both_hold_are_let_be(one: str, other: str) -> None:
    refuse_contradictions([read(one), read(other)])
