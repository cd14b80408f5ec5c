"""Takes secrets out of what checks say, before anything is shown or kept. Knows benches; not how results are shown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

import msgspec

from pytest_mockforge.checks.model import CheckResult, Finding
from pytest_mockforge.documents.testfile import TestFile
from pytest_mockforge.masking import Redactor, is_secret_name, named_secrets, slug

_TEXTS = ("message", "expected", "got", "hint", "host_message")


def redactor_for(testfile: TestFile) -> Redactor:
    """Give what masks the secrets of one plugin: those of its samples, of its service, and what looks like one.

    A new one for each result, so that what one check found first does not number the secrets of the next.
    """
    known = named_secrets((sample.name, sample.request) for sample in testfile.samples)
    if testfile.start is not None:
        known |= {f"start.{slug(name)}": value for name, value in testfile.start.env.items() if is_secret_name(name)}
    if testfile.remote is not None and testfile.remote.auth is not None:
        known["remote.auth"] = os.environ.get(testfile.remote.auth.env, "")
    return Redactor({name: secret for name, secret in known.items() if secret})


def masked(result: CheckResult, redactor: Redactor) -> CheckResult:
    """Give a result without secrets. What reproduces a finding masks its own, as it must still run."""
    if not (result.findings or result.accepted or result.skipped):
        return result
    return msgspec.structs.replace(
        result,
        findings=tuple(_masked(finding, redactor) for finding in result.findings),
        accepted=tuple(_masked(finding, redactor) for finding in result.accepted),
        skipped=redactor.text(result.skipped),
    )


def masked_output(printed: Iterable[tuple[str, str]], redactor: Redactor) -> list[tuple[str, str]]:
    """Give what a plugin printed, by heading, without secrets."""
    return [(heading, redactor.text(text)) for heading, text in printed]


def _masked(finding: Finding, redactor: Redactor) -> Finding:
    changed = {name: redactor.text(text) for name in _TEXTS if (text := getattr(finding, name))}
    return msgspec.structs.replace(finding, request=_masked_request(finding.request, redactor), **changed)


def _masked_request(request: str, redactor: Redactor) -> str:
    """Mask by the names in a request where it is JSON; one without a secret stays as it was written."""
    try:
        value = json.loads(request)
    except (ValueError, RecursionError):
        return redactor.text(request)
    without = redactor.value(value)
    return request if without == value else json.dumps(without, ensure_ascii=False, separators=(",", ":"))
