"""Findings and results of checks: frozen values that turn into plain dicts, which is all that crosses xdist."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from pytest_mockforge.budgets.model import Timing, Verdict
from pytest_mockforge.contract.violations import Severity
from pytest_mockforge.errors import PluginFailure

Figure: TypeAlias = int | float | str | bool | None


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a check says when its rule does not hold."""

    code: str
    severity: Severity
    detail: str
    """Stable words that tell this finding from others of its code; what an accept file matches."""
    message: str
    """One line: what happened, with the operation named."""
    expected: str = ""
    got: str = ""
    hint: str = ""
    host_message: str = ""
    """What MockForge would print."""
    request: str = ""
    """The request that shows it, as JSON text."""
    replies: dict[str, str] = {}
    """What each of two plugins replied, by label, where they were compared."""
    reproduce: str = ""
    """A test that shows it alone, ready to be pasted, and of a service the command line; several lines of ASCII."""


class HostVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one of MockForge's hosts would do with a plugin."""

    host: str
    verdict: Literal["accepted", "not callable", "refused"]
    reasons: tuple[str, ...] = ()
    """The first few rules that are broken."""
    broken: int = 0
    """How many rules are broken in all."""
    as_shipped: str = ""
    """How that host behaves as MockForge ships it, whatever the plugin."""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that one check said of one plugin."""

    plugin: str
    code: str
    title: str
    findings: tuple[Finding, ...] = ()
    accepted: tuple[Finding, ...] = ()
    """Findings that an accept entry covers; they change no exit status."""
    skipped: str = ""
    """Why nothing was checked; empty when it was."""
    figures: dict[str, dict[str, Figure]] = {}
    """Measured figures by operation."""
    timings: dict[str, Timing] = {}
    """Samples of time by operation, for reports that draw them; empty where nothing was timed."""
    memory_over_calls: dict[str, tuple[tuple[int, int], ...]] = {}
    """How linear memory grew on one instance, by operation: the number of a call (from 1), and the bytes grown in all
    once it returned; the last pair is the last call."""
    verdicts: tuple[HostVerdict, ...] = ()
    """What each of MockForge's hosts would do; empty where the check says nothing of loading."""
    identity: dict[str, Figure] = {}
    """What is known of the plugin: language, size, convention, load verdict."""
    part: str = ""
    """What tells results of one check of one plugin apart: the budget's text; empty where there is one alone."""
    budget: tuple[Verdict, ...] = ()
    """What came of a budget, by operation; empty for what is no budget."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that fail the item."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def without_acceptance(self) -> CheckResult:
        """Give the result as if nothing were accepted."""
        return msgspec.structs.replace(self, findings=(*self.findings, *self.accepted), accepted=())

    def to_plain(self) -> dict[str, object]:
        """Turn into dicts, lists, text and numbers."""
        plain: dict[str, object] = msgspec.to_builtins(self)
        return plain


def from_failure(code: str, detail: str, failure: PluginFailure, request: bytes = b"") -> Finding:
    """State a failure of the plugin as an error of one check."""
    return Finding(
        code=code,
        severity="error",
        detail=detail,
        message=failure.message.partition("\n")[0],
        expected=failure.expected or "",
        got=failure.got or "",
        hint=failure.hint or "",
        request=request.decode("utf-8", "replace"),
    )


def from_plain(plain: object) -> CheckResult:
    """Read back what `to_plain` gave."""
    return msgspec.convert(plain, CheckResult)
