"""What the fixture `mockforge_fuzz` gives: a search over a plugin from within a test. Knows nothing of pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.fuzz_run import fuzzed
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.errors import PluginFailure, SettingsError
from pytest_mockforge.fuzz.model import Discovery, FuzzReport
from pytest_mockforge.subject import Subject

if TYPE_CHECKING:
    from pytest_mockforge.plugin_under_test import Plugin


class Fuzzer:
    """Searches for requests that a plugin does not stand."""

    def __init__(self, bench_of: Callable[[Plugin], Bench]) -> None:
        self._bench_of = bench_of

    def __call__(
        self,
        plugin: Plugin,
        *,
        operations: Iterable[Operation | str] | None = None,
        samples: Sequence[Request] = (),
        examples: int | None = None,
        seconds: float | None = None,
        seed: int | None = None,
        wire: bool | None = None,
        allow: Iterable[str] = (),
    ) -> FuzzReport:
        """Search, and give the report; raise PluginFailure, with a test for each, when an error was found.

        `operations` are all that can be called unless said otherwise. `samples` are requests that mean something,
        beside those of plugin.test.yaml: the search starts from them. `examples` of each operation, `seconds` for the
        whole and `seed` go before the options of the run. `wire` tells whether bytes are sent that are no request;
        services get them, modules do not unless it is True. `allow` are codes, such as MF304, or details that are no
        failure. The folder of --mockforge-corpus is read and written as by the checks.

        Raises SettingsError for an operation that cannot be called or a number that cannot be.
        """
        __tracebackhide__ = True
        if (examples is not None and examples < 1) or (seconds is not None and seconds <= 0):
            raise SettingsError("a search needs at least one example and some time", hint="examples=100, seconds=8.0")
        bench = self._bench_of(plugin)
        subject = bench.subject
        given = {"examples": examples, "seconds": seconds, "seed": seed, "wire": wire}
        chosen = None if operations is None else [_operation(one, bench) for one in operations]
        with plugin.view() as view:
            report = fuzzed(
                bench,
                plugin=view,
                options=msgspec.structs.replace(
                    bench.fuzz_options, **{name: value for name, value in given.items() if value is not None}
                ),
                operations=chosen,
                samples=samples,
            )
        allowed = set(allow)
        errors = [
            found
            for found in report.discoveries
            if found.severity == "error" and not {found.code, found.detail} & allowed
        ]
        if errors:
            raise PluginFailure(_text(subject, report, errors))
        return report


def _text(subject: Subject, report: FuzzReport, errors: Sequence[Discovery]) -> str:
    from pytest_mockforge.checks.discoveries import finding_of
    from pytest_mockforge.report.findings import shown_in_full

    findings = [finding_of(found, subject) for found in errors]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    head = f"{subject.label}: {findings[0].code} {findings[0].message}{more}"
    searched = f"searched {report.tried:,} examples in {report.seconds:.1f} s from seed {report.seed}"
    return "\n".join([head, searched, *(line for finding in findings for line in shown_in_full(finding))])


def _operation(name: Operation | str, bench: Bench) -> Operation:
    try:
        operation = Operation(name)
    except ValueError:
        valid = ", ".join(Operation)
        raise SettingsError(f"{name!r} is no operation", hint=f"the operations are {valid}") from None
    if operation not in bench.operations:
        there = ", ".join(bench.operations) or "none"
        raise SettingsError(f"{bench.label} has no {operation} that can be called", hint=f"those that it has: {there}")
    return operation
