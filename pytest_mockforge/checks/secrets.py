"""Takes secrets out of what checks say, before anything is shown or kept. Knows benches; not how results are shown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from pytest_mockforge.checks.model import CheckResult, Finding
from pytest_mockforge.documents.testfile import TestFile
from pytest_mockforge.masking import Redactor, is_secret_name, named_secrets, slug

_TEXTS = ("message", "expected", "got", "hint", "host_message")


def redactor_for(*testfiles: TestFile, numbers: dict[str, int] | None = None, prefix: str = "") -> Redactor:
    """Give what masks the secrets of plugins: those of their samples, of their services, and what looks like one.

    A new one for each result, so that what one check found first does not number the secrets of the next; who writes
    down many calls keeps their `numbers`.
    """
    return Redactor(known_secrets(*testfiles), numbers=numbers, prefix=prefix)


def known_secrets(*testfiles: TestFile) -> dict[str, str]:
    """Give the secrets of samples and services by a name that stays."""
    known = named_secrets((sample.name, sample.request) for testfile in testfiles for sample in testfile.samples)
    for name, secret in _of_services(testfiles):
        unique, number = name, 2
        while known.setdefault(unique, secret) != secret:
            unique, number = f"{name}-{number}", number + 1
    return {name: secret for name, secret in known.items() if secret}


def _of_services(testfiles: Iterable[TestFile]) -> Iterator[tuple[str, str]]:
    for testfile in testfiles:
        if testfile.start is not None:
            yield from (
                (f"start.{slug(name)}", text) for name, text in testfile.start.env.items() if is_secret_name(name)
            )
        if testfile.remote is not None and testfile.remote.auth is not None:
            yield "remote.auth", os.environ.get(testfile.remote.auth.env, "")


def masked(result: CheckResult, redactor: Redactor) -> CheckResult:
    """Give a result without secrets. What reproduces a finding masks its own, as it must still run."""
    if not (result.findings or result.accepted or result.skipped or result.budget or result.timings):
        return result
    return msgspec.structs.replace(
        result,
        part=redactor.text(result.part),
        budget=tuple(msgspec.structs.replace(one, reason=redactor.text(one.reason)) for one in result.budget),
        timings={name: replace(one, reason=redactor.text(one.reason)) for name, one in result.timings.items()},
        findings=tuple(_masked(finding, redactor) for finding in result.findings),
        accepted=tuple(_masked(finding, redactor) for finding in result.accepted),
        skipped=redactor.text(result.skipped),
    )


def masked_output(printed: Iterable[tuple[str, str]], redactor: Redactor) -> list[tuple[str, str]]:
    """Give what a plugin printed, by heading, without secrets."""
    return [(heading, redactor.text(text)) for heading, text in printed]


def _masked(finding: Finding, redactor: Redactor) -> Finding:
    changed = {name: redactor.text(text) for name in _TEXTS if (text := getattr(finding, name))}
    # Replies are cut, so that they need not be JSON any more.
    replies = {label: redactor.text(text) for label, text in finding.replies.items()}
    request = _masked_request(finding.request, redactor)
    return msgspec.structs.replace(finding, request=request, replies=replies, **changed)


def _masked_request(request: str, redactor: Redactor) -> str:
    """Mask by the names in a request where it is JSON; one without a secret stays as it was written."""
    try:
        value = json.loads(request)
    except (ValueError, RecursionError):
        return redactor.text(request)
    without = redactor.value(value)
    return request if without == value else json.dumps(without, ensure_ascii=False, separators=(",", ":"))
