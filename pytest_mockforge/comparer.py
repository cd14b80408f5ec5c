"""What the fixture `mockforge_differential` gives: the same requests over several plugins. Knows nothing of pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.checks.bench import Bench, without_hypothesis
from pytest_mockforge.checks.duel import finding_of, is_same, of_operations
from pytest_mockforge.checks.model import Finding
from pytest_mockforge.contract.realistic import NamedRequest
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.differential.comparison import Comparison, Terms, known_requests
from pytest_mockforge.differential.model import Difference, DifferentialReport
from pytest_mockforge.documents.differences import AllowedDifference, allowed_difference
from pytest_mockforge.errors import PluginFailure, SettingsError, SetupError
from pytest_mockforge.fuzz.seeds import default_seed
from pytest_mockforge.plugin_under_test import Plugin

if TYPE_CHECKING:
    from pytest_mockforge.differential.search import Searched

_NAME = "mockforge_differential"


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What one comparison is to do."""

    requests: tuple[NamedRequest, ...]
    samples: bool
    examples: int
    seconds: float | None
    seed: int | None
    allowed: tuple[AllowedDifference, ...]


class Comparer:
    """Compares plugins with the first of them."""

    def __init__(self, bench_of: Callable[[Plugin], Bench], named: Callable[[str], Plugin], *, today: date) -> None:
        self._bench_of = bench_of
        self._named = named
        self._today = today

    def __call__(
        self,
        *plugins: Plugin | str | Path,
        requests: Iterable[Request] = (),
        samples: bool = True,
        fuzz: int = 0,
        seconds: float | None = None,
        seed: int | None = None,
        allow: Sequence[str | Mapping[str, object]] = (),
    ) -> DifferentialReport:
        """Make the same requests of all plugins, and give the report; raise PluginFailure where one differs.

        A plugin is what a fixture gave, a label of the run, or a SPEC; the first is the reference. `requests` are the
        test's own; with `samples` those of every plugin.test.yaml and our realistic ones are made too; `fuzz` is how
        many are drawn for each operation, within `seconds` and from `seed`, if said. `allow` are differences that are
        meant, beside those under `differences` in the other plugins' plugin.test.yaml: pointers, `OPERATION:POINTER`,
        or mappings with `pointer`, `operation`, `reason`, `expires`.

        Raises SettingsError for what cannot be compared, RequestError for a request that one of them cannot be asked,
        SpecError and LoadFailure for a SPEC.
        """
        __tracebackhide__ = True
        benches, opened = self._opened(plugins)
        asked = _Asked(
            requests=tuple(NamedRequest(name=f"request {n}", request=one) for n, one in enumerate(requests, 1)),
            samples=samples,
            examples=_whole(fuzz),
            seconds=seconds,
            seed=seed,
            allowed=tuple(allowed_difference(one, where=f"{_NAME}: allow") for one in allow),
        )
        parts = [
            self._one(asked, (benches[0], opened[0]), other) for other in zip(benches[1:], opened[1:], strict=True)
        ]
        report = _joined([part for part, _ in parts], [bench.label for bench in benches])
        findings = [(bench, one) for bench, (_, found) in zip(benches[1:], parts, strict=True) for one in found]
        if findings:
            raise PluginFailure(_text(report, findings))
        return report

    def _opened(self, plugins: Sequence[Plugin | str | Path]) -> tuple[list[Bench], list[Plugin]]:
        if len(plugins) < 2:
            raise SettingsError(f"{_NAME}: two plugins at least", hint=f'{_NAME}("old.wasm", mockforge_plugin)')
        opened = [one if isinstance(one, Plugin) else self._named(str(one)) for one in plugins]
        benches = [self._bench_of(plugin) for plugin in opened]
        for number, bench in enumerate(benches):
            if any(is_same(bench.subject, earlier.subject) for earlier in benches[:number]):
                raise SettingsError(f"{_NAME}: {bench.label!r} would be compared with itself", hint="name another")
        return benches, opened

    def _one(
        self, asked: _Asked, reference: tuple[Bench, Plugin], other: tuple[Bench, Plugin]
    ) -> tuple[DifferentialReport, list[Finding]]:
        """Compare one plugin with the reference."""
        theirs, mine = reference[0], other[0]
        files = (mine.subject.testfile, theirs.subject.testfile)
        terms = Terms(
            today=self._today,
            volatile=tuple(one for file in files for one in file.volatile),
            allowed=(*asked.allowed, *files[0].differences),
        )
        with (
            reference[1].view() as old,
            other[1].view() as new,
            Comparison(old, new, terms=terms, operations=(theirs.operations, mine.operations)) as comparison,
        ):
            _require_operations(asked, comparison, theirs, mine)
            found = comparison.ask_all(asked.requests, strict=True)
            if asked.samples:
                known = known_requests((*files[0].samples, *files[1].samples), comparison.operations)
                found = _once((*found, *comparison.ask_all(known)))
            drawn = _drawn(asked, comparison, theirs, mine) if asked.examples else None
        compared = comparison.tried + (drawn.tried if drawn is not None else 0)
        missing = list(of_operations(comparison, theirs, mine)) if _is_whole(asked) else []
        if not compared and not missing:
            raise SettingsError(
                f"{_NAME}: nothing was compared of {theirs.label!r} and {mine.label!r}",
                got="; ".join(comparison.notes) or "no request",
                hint="give requests=[…], samples=True or fuzz=100",
            )
        found = (*found, *(drawn.differences if drawn is not None else ()))
        report = DifferentialReport(
            plugins=(theirs.label, mine.label),
            differences={mine.label: found} if found else {},
            compared=comparison.tried,
            fuzzed=drawn.tried if drawn is not None else 0,
            seed=drawn.seed if drawn is not None else None,
            allowed=tuple(sorted(map(str, comparison.used))),
            unused=tuple(map(str, comparison.unused)),
            notes=(
                *comparison.notes,
                *(f"{place}: {who} contradicts itself" for place, who in comparison.unsteady.items()),
            ),
        )
        findings = [one for one in missing if one.severity == "error"]
        return report, findings + [finding_of(_code(one), one, theirs.subject, mine.subject) for one in found]


def _drawn(asked: _Asked, comparison: Comparison, reference: Bench, bench: Bench) -> Searched:
    if reason := without_hypothesis():
        raise SetupError(f"{_NAME}: nothing can be drawn: {reason}")
    from pytest_mockforge.differential.search import search

    options = bench.fuzz_options
    seed = options.seed if asked.seed is None else asked.seed
    return search(
        comparison,
        seed=default_seed(bench.content + reference.content) if seed is None else seed,
        examples=asked.examples,
        seconds=options.seconds if asked.seconds is None else asked.seconds,
        progress=bench.progress,
    )


def _require_operations(asked: _Asked, comparison: Comparison, reference: Bench, bench: Bench) -> None:
    """Refuse a request of the test's that cannot be made of both."""
    for named in asked.requests:
        operation = named.request.operation
        if operation in comparison.operations:
            continue
        if operation in comparison.missing:
            who, hint = bench, f"{reference.label} has it, so the two differ; leave the request out to compare the rest"
        else:
            who, hint = reference, "leave the request out, or compare with another"
        there = ", ".join(who.operations) or "none"
        raise PluginFailure(f"{who.label} has no {operation} that can be called", got=there, hint=hint)


def _is_whole(asked: _Asked) -> bool:
    """Tell whether all that a plugin can do is compared, and not only what a test asks."""
    return asked.samples or asked.examples > 0


def _once(found: Iterable[Difference]) -> tuple[Difference, ...]:
    kept: dict[tuple[str, str], Difference] = {}
    for one in found:
        kept.setdefault((one.about, one.detail), one)
    return tuple(kept.values())


def _code(difference: Difference) -> str:
    """Give the code under which the suite tells such a difference."""
    if not difference.names:
        return "MF803"
    return "MF801" if difference.about == "outcome" else "MF802"


def _whole(count: int) -> int:
    if isinstance(count, bool) or count < 0:
        raise SettingsError(f"{_NAME}: fuzz cannot be {count!r}", hint="it is the number of requests to draw, or 0")
    return count


def _joined(parts: Sequence[DifferentialReport], labels: Sequence[str]) -> DifferentialReport:
    differences: dict[str, tuple[Difference, ...]] = {}
    for part in parts:
        for label, found in part.differences.items():
            differences[label] = (*differences.get(label, ()), *found)
    used = {entry for part in parts for entry in part.allowed}
    unused = dict.fromkeys(entry for part in parts for entry in part.unused)
    return DifferentialReport(
        plugins=tuple(labels),
        differences=differences,
        compared=sum(part.compared for part in parts),
        fuzzed=sum(part.fuzzed for part in parts),
        seed=parts[0].seed,
        allowed=tuple(sorted(used)),
        unused=tuple(entry for entry in unused if entry not in used),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _text(report: DifferentialReport, findings: Sequence[tuple[Bench, Finding]]) -> str:
    from pytest_mockforge.report.findings import shown_in_full
    from pytest_mockforge.report.text import counted

    bench, first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    made = f"compared {counted(report.compared, 'request', 'requests')} with {report.plugins[0]}"
    drawn = f", {report.fuzzed:,} drawn from seed {report.seed}" if report.seed is not None else ""
    lines = [f"{bench.label}: {first.message}{more}", made + drawn]
    for label in dict.fromkeys(bench.label for bench, _ in findings):
        lines += [f"{label}:"] if len(report.plugins) > 2 else []
        lines += [line for bench, one in findings if bench.label == label for line in shown_in_full(one)]
    return "\n".join(lines)
