"""The notation of budgets: text in, `Budget` out; each error points at the character that it is about.

    budget     = [ scope { "," scope } ":" ]  metric  comparison  bound     |  "default"  |  "documented"
    scope      = a language (rust, go, … or remote), an operation, or the label of a plugin of the run
    metric     = pNN | mean | median | max | fuel | fuel.cold | fuel.max | memory | growth | size
    comparison = "<" | "<=" | ">" | ">="
    bound      = number unit      5ms, 200k (fuel), 8MiB, 1B/call
               | number "x" other    2x rust, 1.05x baseline; the other is a language, a label, or `baseline`

Several scopes of one kind mean any of them, scopes of different kinds both: `rust,go,authenticate: p95<5ms` is about
`authenticate` of every plugin from Rust or Go. Knows nothing of options, files or measuring.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import cast, get_args

from pytest_mockforge.additions import current
from pytest_mockforge.budgets.model import (
    BASELINE,
    METRICS,
    Bound,
    Budget,
    Comparison,
    Dimension,
    Scope,
    dimension,
    quantile,
)
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.quantities import parse_count, parse_duration, parse_size
from pytest_mockforge.documents.wording import did_you_mean, quoted
from pytest_mockforge.errors import SettingsError

LANGUAGES = ("rust", "tinygo", "go", "assemblyscript", "c", "zig", "python", "unknown", "remote")
"""The built-in ones; `languages` has those of extensions too."""
DEFAULT_WORDS = ("default", "documented")
DEFAULTS = (
    "go,tinygo: median<2x rust",
    "go,tinygo: p95<5ms",
    "assemblyscript: p95<2ms",
    "remote: p95<50ms",
    "go,tinygo,assemblyscript,c,zig: memory<1.2x rust",
)
"""What MockForge's documents promise, which nothing there measures (contract 8): Go within twice the time of the Rust
equivalent and under 5 ms, AssemblyScript 1 to 2 ms, remote under 50 ms at p95, a memory overhead below 20 %."""

_LONGEST = 200
_COMPARISON = re.compile(r"[<>=!≤≥]+")
_METRIC = re.compile(r"[\w.]+")
_NUMBER = re.compile(r"\d[\d_]*(?:\.\d+)?")
_UNIT = re.compile(r"[^\s\d,;]+")
_EXAMPLES: dict[Dimension, str] = {
    "time": "5ms",
    "fuel": "200k",
    "memory": "8MiB",
    "growth": "1B/call",
    "size": "100KiB",
}
_PARSERS: dict[Dimension, Callable[[str], float]] = {
    "time": parse_duration,
    "fuel": parse_count,
    "memory": parse_size,
    "growth": parse_size,
    "size": parse_size,
}
_PER_CALL = "/call"
_MISTAKEN = {
    "=": "<",
    "==": "<",
    "=<": "<=",
    "=>": ">=",
    "≤": "<=",
    "≥": ">=",
    "<<": "<",
    ">>": ">",
    "!=": "<",
}


def parse_budgets(text: str, *, source: str, labels: Collection[str] = ()) -> tuple[Budget, ...]:
    """Read one expression: a budget, or several for `default` and `documented`.

    `labels` are the plugins that may be named beside languages and operations. Raises SettingsError, whose first line
    names `source` and whose next two point at the character.
    """
    if text.strip() in DEFAULT_WORDS:
        written = [(default, source) for default in DEFAULTS]
        written += [(default, f"{source} ({whose})") for default, whose in current().budget_defaults]
        return distinct(replace(_Reader(one, whose, labels).budget(), by_default=True) for one, whose in written)
    return (_Reader(text, source, labels).budget(),)


def languages() -> tuple[str, ...]:
    """Give all languages that a scope or a ratio may name, also those of extensions."""
    return (*LANGUAGES, *current().languages)


def refuse_contradictions(budgets: Sequence[Budget]) -> None:
    """Raise SettingsError for two budgets that no figure can keep together, such as `fuel<1k` and `fuel.max>2k`."""
    lowers = [budget for budget in budgets if budget.bound.comparison in (">", ">=")]
    for upper in budgets:
        for lower in lowers if upper.bound.comparison in ("<", "<=") else ():
            if _contradict(upper, lower):
                raise SettingsError(
                    f"{upper.source}: {upper.text!r} and {lower.text!r} cannot both hold",
                    got=f"{lower.text!r} comes from {lower.source}" if lower.source != upper.source else None,
                    hint="remove one of the two",
                )


def distinct(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """Leave out budgets that were written twice; the first one stays."""
    return tuple({budget.text: budget for budget in reversed(tuple(budgets))}.values())[::-1]


class _Reader:
    """One expression on its way to a budget."""

    def __init__(self, text: str, source: str, labels: Collection[str]) -> None:
        self.text = text
        self.source = source
        self.labels = labels
        self.at = 0

    def budget(self) -> Budget:
        if not self.text.strip():
            raise SettingsError(f"{self.source}: a budget is empty", hint=f"write one such as {_example()}")
        if len(self.text) > _LONGEST:
            raise SettingsError(
                f"{self.source}: {quoted(self.text)} is longer than {_LONGEST} characters",
                hint=f"write one budget, such as {_example()}",
            )
        scope, scope_text = self._scope()
        metric = self._metric()
        comparison = self._comparison(metric)
        bound, bound_text = self._bound(metric, comparison)
        text = f"{scope_text}{metric}{comparison}{bound_text}"
        return Budget(text=text, source=self.source, scope=scope, metric=metric, bound=bound)

    def _scope(self) -> tuple[Scope, str]:
        head, colon, _ = self.text.partition(":")
        if not colon:
            return Scope(), ""
        words: list[str] = []
        for part in head.split(","):
            word = part.strip()
            self.at += len(part) - len(part.lstrip())
            self._judge_scope(word)
            words.append(word)
            self.at += len(part.lstrip()) + 1
        self.at = len(head) + 1
        operations = {operation.value for operation in Operation}
        return Scope(
            languages=frozenset(words) & frozenset(languages()),
            plugins=frozenset(words) & frozenset(self.labels),
            operations=frozenset(Operation(word) for word in words if word in operations and word not in self.labels),
        ), f"{','.join(dict.fromkeys(words))}: "

    def _judge_scope(self, word: str) -> None:
        valid = [*languages(), *(operation.value for operation in Operation), *self.labels]
        if not word:
            raise self._error("a scope is missing", "name a language, an operation or a plugin before the colon")
        if word not in valid:
            raise self._error(
                f"{quoted(word)} is no language, no operation and no plugin here", did_you_mean(word, valid)
            )

    def _metric(self) -> str:
        self._skip()
        match = _METRIC.match(self.text, self.at)
        word = match[0] if match else ""
        if dimension(word) is not None:
            self.at += len(word)
            return word
        valid = (*METRICS, *DEFAULT_WORDS)
        if word in DEFAULT_WORDS:
            raise self._error(f"{word!r} stands alone", f"write {word}, without a scope and without a bound")
        if not word:
            raise self._error("a metric is missing", f"write one such as {_example()}")
        if re.fullmatch(r"p[\d.]+", word):
            raise self._error(f"{word!r} is no percentile", "write p50 to p99.9; max is the costliest call")
        raise self._error(f"{quoted(word)} is no metric", did_you_mean(word, valid))

    def _comparison(self, metric: str) -> Comparison:
        self._skip()
        match = _COMPARISON.match(self.text, self.at)
        example = f"write {metric}<{_EXAMPLES[_known(metric)]}"
        if match is None:
            raise self._error(f"{metric} is not compared with anything", example)
        if match[0] not in get_args(Comparison):
            meant = _MISTAKEN.get(match[0], "<")
            raise self._error(
                f"{match[0]!r} is no comparison of budgets", f"write {metric}{meant}…; valid: <, <=, >, >="
            )
        self.at += len(match[0])
        return cast("Comparison", match[0])

    def _bound(self, metric: str, comparison: Comparison) -> tuple[Bound, str]:
        self._skip()
        start, kind = self.at, _known(metric)
        match = _NUMBER.match(self.text, self.at)
        example = f"{metric}{comparison}{_example_of(kind, match[0] if match else None)}"
        if match is None:
            sign = self.text[self.at : self.at + 1]
            what = "a bound cannot be negative" if sign == "-" else "a number is missing"
            raise self._error(what, f"write {example}, or {metric}{comparison}1.1x baseline")
        number = match[0]
        self.at += len(number)
        self._skip()
        unit_match = _UNIT.match(self.text, self.at)
        unit = unit_match[0] if unit_match else ""
        if unit in ("x", "X", "×") or (unit[:1] in ("x", "×") and unit[1:] in self._others()):
            return self._ratio(number, comparison, start)
        if unit == "%":
            factor = float(number.replace("_", "")) / 100
            raise self._error("a share is written as a factor", f"write {metric}{comparison}{factor:g}x baseline")
        value = self._value(kind, number, unit, start, example)
        self.at += len(unit)
        self._end()
        bound = Bound(comparison=comparison, value=value)
        self._refuse_impossible(kind, bound, start)
        return bound, f"{number}{unit}"

    def _ratio(self, number: str, comparison: Comparison, start: int) -> tuple[Bound, str]:
        self.at += 1
        self._skip()
        match = re.compile(r"[^\s,;]+").match(self.text, self.at)
        if match is None:
            raise self._error(f"{number}x of what is missing", f"write {number}x rust, or {number}x baseline")
        other = match[0]
        if other not in self._others():
            raise self._error(f"{quoted(other)} is no language and no plugin here", did_you_mean(other, self._others()))
        self.at += len(other)
        self._end()
        value = float(number.replace("_", ""))
        if value == 0 and comparison in ("<", "<="):
            self.at = start
            raise self._error("nothing is less than 0 times something", f"write a factor such as 1.1x {other}")
        return Bound(comparison=comparison, value=value, against=other), f"{number}x {other}"

    def _value(self, kind: Dimension, number: str, unit: str, start: int, example: str) -> float:
        if not unit and kind != "fuel":
            what = {"time": "a time", "growth": "growth", "memory": "memory", "size": "a size"}[kind]
            per_call = " of bytes a call" if kind == "growth" else ""
            raise self._error(f"{what} without a unit{per_call}", f"write {example}")
        if kind == "growth" and not unit.endswith(_PER_CALL):
            raise self._error(f"growth is counted in bytes a call, not in {quoted(unit)}", f"write {example}")
        try:
            return float(_PARSERS[kind](number + unit.removesuffix(_PER_CALL)))
        except ValueError as error:
            first = str(error).partition(": write ")[0]
            forms = {"time": "us, ms, s", "fuel": "k, M, G or nothing", "growth": "B/call, KiB/call"}
            units = forms.get(kind, "B, KB, KiB, MB, MiB, GiB")
            self.at = start if "whole number" in first and not unit else self.at
            raise self._error(
                f"{quoted(unit)} is no unit of {kind}" if unit else first, f"write {example}; units are {units}"
            ) from None

    def _refuse_impossible(self, kind: Dimension, bound: Bound, start: int) -> None:
        """Refuse what no figure can keep: every call takes time and a unit of fuel, and nothing is below zero."""
        least = {"fuel": 1.0, "memory": 0.0, "growth": 0.0}.get(kind, 1e-12)
        impossible = bound.value < least or (bound.value == least and bound.comparison == "<")
        if bound.comparison in ("<", "<=") and impossible:
            self.at = start
            raise self._error(f"no {kind} can be that small", f"write a bound such as {_EXAMPLES[kind]}")

    def _others(self) -> tuple[str, ...]:
        return (BASELINE, *languages(), *self.labels)

    def _skip(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def _end(self) -> None:
        self._skip()
        if self.at < len(self.text):
            rest = self.text[self.at :]
            if re.match(r",\d{3}\b", rest):
                raise self._error("a number holds no comma", "write 200k or 200_000")
            raise self._error(f"{quoted(rest)} is too much", "write each budget as an expression of its own")

    def _error(self, what: str, hint: str) -> SettingsError:
        shown = "".join(char if char.isprintable() else "?" for char in self.text)
        return SettingsError(f"{self.source}: {what}\n    {shown}\n    {' ' * self.at}^", hint=hint)


def _known(metric: str) -> Dimension:
    kind = dimension(metric)
    assert kind is not None
    return kind


def _example() -> str:
    return "p95<5ms, fuel<200k or authenticate: p95<2x rust"


def _example_of(kind: Dimension, number: str | None) -> str:
    """Write a bound with a unit that may have been meant, with the number that was written."""
    example = _EXAMPLES[kind]
    return example if number is None or kind == "fuel" else re.sub(r"^\d+", number, example)


def _rank(metric: str) -> tuple[str, float] | None:
    """Place a metric among those of its kind that are never less than it; None for a mean, which may lie anywhere."""
    share = quantile(metric)
    if share is not None or metric in ("median", "max"):
        return "time", share if share is not None else 0.5 if metric == "median" else 1.0
    if metric in ("fuel", "fuel.max"):
        return "fuel", 0.5 if metric == "fuel" else 1.0
    return None if metric == "mean" else (metric, 0.0)


def _contradict(upper: Budget, lower: Budget) -> bool:
    """Tell whether one wants a metric small, and the other the same or a lesser one at least as large."""
    one, other = upper.bound, lower.bound
    if one.against != other.against:
        return False
    high, low = _rank(upper.metric), _rank(lower.metric)
    ordered = upper.metric == lower.metric or (
        high is not None and low is not None and high[0] == low[0] and low[1] <= high[1]
    )
    touching = one.value == other.value and not (one.comparison == "<=" and other.comparison == ">=")
    return ordered and (one.value < other.value or touching) and _overlap(upper.scope, lower.scope)


def _overlap(one: Scope, other: Scope) -> bool:
    someone = (one.languages & other.languages) or (one.plugins & other.plugins)
    everyone = not (one.languages or one.plugins) or not (other.languages or other.plugins)
    operations = not one.operations or not other.operations or (one.operations & other.operations)
    return bool((someone or everyone) and operations)
