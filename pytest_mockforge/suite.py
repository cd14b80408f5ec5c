"""The built-in suite as pytest items: a collector under the session, one below it a plugin, one item a check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import pytest

from pytest_mockforge.errors import ExtensionError
from pytest_mockforge.fixtures import STATE
from pytest_mockforge.options import ID_PREFIX

if TYPE_CHECKING:
    from pytest_mockforge.checks.model import CheckResult
    from pytest_mockforge.checks.registry import Check
    from pytest_mockforge.settings import Settings


class MockforgeSuite(pytest.Collector):
    """All plugins of the run."""

    settings: Settings

    @classmethod
    def below(cls, session: pytest.Session, settings: Settings) -> MockforgeSuite:
        """Make the suite of one session."""
        suite = cls.from_parent(session, name="mockforge", nodeid=ID_PREFIX.rstrip(":"))
        suite.settings = settings
        return suite

    def collect(self) -> Iterator[MockforgePlugin]:
        """Give a collector for each plugin that has a check to run."""
        state = self.config.stash[STATE]
        unknown = set(self.settings.budget_ids)
        for spec in self.settings.specs:
            checks = sorted([*state.checks(spec.label), *state.budgets(spec.label)], key=lambda check: check.code)
            names = {f"{ID_PREFIX}{spec.label}::{part}" for check in checks for part in (check.code, check.name)}
            unknown -= names
            if checks:
                node = MockforgePlugin.from_parent(self, name=spec.label)
                node.checks = checks
                yield node
        if unknown:
            # Known only now, as plugin.test.yaml may hold budgets too.
            raise self.CollectError(f"{min(unknown)} names no budget of this run\n  hint: --co lists all ids")


class MockforgePlugin(pytest.Collector):
    """One plugin under test."""

    checks: Iterable[Check]

    def collect(self) -> Iterator[MockforgeCheck]:
        """Give an item for each check."""
        for check in self.checks:
            # With its id spelt out: newer pytest takes what stands in brackets for parameters, but only of a whole id.
            item = MockforgeCheck.from_parent(self, name=check.name, nodeid=f"{self.nodeid}::{check.name}")
            item.check = check
            item.label = self.name
            yield item


class MockforgeCheck(pytest.Item):
    """One check of one plugin."""

    check: Check
    label: str
    result: CheckResult | None = None
    printed: Sequence[tuple[str, str]] = ()
    """What the plugin printed in the calls that failed, by heading."""

    def runtest(self) -> None:
        """Run the check; fail on an error, skip when it cannot be made, xfail when every error is accepted."""
        from pytest_mockforge.checks.budgeting import inconclusive_reason
        from pytest_mockforge.checks.outputs import forget_output, output_of
        from pytest_mockforge.checks.runner import run_check
        from pytest_mockforge.checks.secrets import masked, masked_output, redactor_for
        from pytest_mockforge.report.junit import properties

        state = self.config.stash[STATE]
        settings, bench = state.settings, state.bench(self.label)
        forget_output(bench)
        found, excuse = run_check(self.check, bench, accepted=settings.accepted, today=settings.today)
        redactor = redactor_for(*bench.testfiles)
        self.result = masked(found, redactor)
        self.user_properties += properties(self.result)
        if self.result.skipped:
            pytest.skip(self.result.skipped)
        if inconclusive := inconclusive_reason(self.result):
            from pytest_mockforge.report.text import harmless

            pytest.skip(harmless(inconclusive))
        if excuse:
            from pytest_mockforge.report.text import harmless

            pytest.xfail(harmless(excuse))
            # Only --runxfail comes here: it asks for the outcome without the excuse.
            self.result = self.result.without_acceptance()
        if self.result.errors:
            from pytest_mockforge.report.findings import failure_text

            self.printed = masked_output(output_of(bench, self.check, found), redactor)
            raise CheckFailedError(failure_text(self.result))

    def teardown(self) -> None:
        """Hold no more memory than a plugin begins with: many may be tested in one run."""
        self.config.stash[STATE].bench(self.label).rest()

    def repr_failure(  # type: ignore[override]  # pytest exports no name for the type that it wants
        self, excinfo: pytest.ExceptionInfo[BaseException], **_style: object
    ) -> object:
        """Show the findings alone; of an extension's defect its own traceback, and of ours the whole one."""
        if isinstance(excinfo.value, ExtensionError):
            return self._broke_off(excinfo, excinfo.value)
        if not isinstance(excinfo.value, CheckFailedError):
            return super().repr_failure(excinfo)
        shown = excinfo.getrepr(style="value")
        crash = shown.reprcrash
        if crash is not None:
            # Without it the short summary would begin with the exception's name.
            crash.message = str(excinfo.value).partition("\n")[0]
        return shown

    def _broke_off(self, excinfo: pytest.ExceptionInfo[BaseException], error: ExtensionError) -> object:
        from pytest_mockforge.additions import raised_where

        mask = self.config.stash[STATE].redactor().text
        shown = excinfo.getrepr(style="value", chain=False)
        if shown.reprcrash is not None:
            shown.reprcrash.message = mask(error.message)
        if where := raised_where(error):
            shown.addsection("what the extension raised", mask(where))
        return shown

    def reportinfo(self) -> tuple[str, None, str]:
        """Name the check and its rule where pytest names a test's place."""
        # Not the bare id: pytest would write its points as '::'.
        return self.nodeid, None, f"{self.nodeid} {self.check.title}"


class CheckFailedError(AssertionError):
    """A check found an error; the text is the rendered findings."""


def attach_result(item: pytest.Item, report: pytest.TestReport) -> None:
    """Hang the result on the report as plain data, so that it reaches the controller of a distributed run."""
    if isinstance(item, MockforgeCheck) and report.when == "call" and item.result is not None:
        report.mockforge = item.result.to_plain()  # type: ignore[attr-defined]  # reports carry what is hung on them
        if item.printed:
            from pytest_mockforge.report.printed import section

            report.sections += [section(*printed) for printed in item.printed]


def result_of(report: pytest.TestReport) -> object:
    """Give the plain result that hangs on a report, or None for what is no result of a check.

    A check that broke off without one, by a defect of ours or with the worker that ran it, counts as broken.
    """
    result = cast("object", getattr(report, "mockforge", None))
    if result is not None or not report.failed or not report.nodeid.startswith(ID_PREFIX):
        return result
    from pytest_mockforge.checks.model import CheckResult, Finding

    _, label, name = report.nodeid.split("::", 2)
    code, _, part = name.rstrip("]").partition("[")
    finding = Finding(
        code=code,
        severity="error",
        detail="broke-off",
        message="the check broke off, so that nothing is known",
        hint="its failure says why",
    )
    return CheckResult(plugin=label, code=code, part=part, title="", findings=(finding,)).to_plain()
