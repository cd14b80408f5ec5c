"""What the fixture `mockforge_fuzz` gives: a search over a plugin from within a test. Knows nothing of pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request, from_mapping
from pytest_mockforge.errors import PluginFailure, RequestError, SettingsError
from pytest_mockforge.fuzz.model import Discovery, FuzzOptions, FuzzReport
from pytest_mockforge.fuzz.seeds import default_seed
from pytest_mockforge.subject import Subject

if TYPE_CHECKING:
    from pytest_mockforge.plugin_under_test import Plugin


class Fuzzer:
    """Searches for requests that a plugin does not stand."""

    def __init__(
        self,
        options: FuzzOptions,
        subject_of: Callable[[Plugin], Subject],
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._options = options
        self._subject_of = subject_of
        self._progress = progress

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
        failure.

        Raises SettingsError for an operation that does not exist or a number that cannot be.
        """
        __tracebackhide__ = True
        from pytest_mockforge.fuzz.engine import fuzz

        if (examples is not None and examples < 1) or (seconds is not None and seconds <= 0):
            raise SettingsError("a search needs at least one example and some time", hint="examples=100, seconds=8.0")
        subject = self._subject_of(plugin)
        options = self._options
        drawn = options.seed if seed is None else seed
        with plugin.view() as view:
            report = fuzz(
                view,
                operations=None if operations is None else [_operation(one) for one in operations],
                seed=default_seed(_content(subject)) if drawn is None else drawn,
                examples=options.examples if examples is None else examples,
                seconds=options.seconds if seconds is None else seconds,
                samples=[*samples, *_samples(subject)],
                volatile=subject.testfile.volatile,
                stateful=subject.testfile.stateful,
                wire=options.wire if wire is None else wire,
                progress=self._progress,
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


def _operation(name: Operation | str) -> Operation:
    try:
        return Operation(name)
    except ValueError:
        valid = ", ".join(Operation)
        raise SettingsError(f"{name!r} is no operation", hint=f"the operations are {valid}") from None


def _content(subject: Subject) -> bytes:
    return subject.path.read_bytes() if subject.path is not None else subject.spec.text.encode()


def _samples(subject: Subject) -> Iterable[Request]:
    for sample in subject.testfile.samples:
        try:
            yield from_mapping(sample.operation, sample.request)
        except RequestError:
            # The check on samples reports it.
            continue
