"""What a plugin printed in the calls that a failed check speaks of. Knows nothing of how it is shown."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mockforge.checks.bench import Bench, Trial
from pytest_mockforge.checks.model import CheckResult, Finding
from pytest_mockforge.checks.registry import Check
from pytest_mockforge.contract.operations import Operation

_MOST_CALLS = 5


def forget_output(bench: Bench) -> None:
    """Drop what the plugin has printed so far."""
    if "plugin" in vars(bench):
        bench.plugin.take_printed()


def output_of(bench: Bench, check: Check, result: CheckResult) -> list[tuple[str, str]]:
    """Give what the plugin printed in each call that an error is about, or else since `forget_output`, by heading.

    Makes no call of its own.
    """
    trials = [trial for trial in _tried(bench) if trial.observation.printed]
    meant = {
        id(trial): trial for finding in result.errors for trial in trials if _speaks_of(finding, check, trial)
    }.values()
    if meant:
        return [
            (f"{bench.label} printed in {trial.operation}, {trial.name!r}", trial.observation.printed)
            for trial in [*meant][:_MOST_CALLS]
        ]
    since = bench.plugin.take_printed() if "plugin" in vars(bench) else ""
    return [(f"{bench.label} printed", since)] if since else []


def _tried(bench: Bench) -> Iterator[Trial]:
    if "survey" in vars(bench):
        for trials in bench.survey.values():
            yield from trials


def _speaks_of(finding: Finding, check: Check, trial: Trial) -> bool:
    named = {operation for operation in Operation if finding.detail.startswith(f"{operation.value}:")}
    if named and trial.operation not in named:
        return False
    if finding.request:
        return finding.request == trial.observation.request_bytes.decode("utf-8", "replace")
    return check.need == "operation" and trial.observation.failure is not None
