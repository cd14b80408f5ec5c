"""What fuzzing found as findings: with the request that shows it, a test to paste, and a line for a shell."""

from __future__ import annotations

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.errors import LoadFailure, RequestError
from pytest_mockforge.fuzz.model import Discovery
from pytest_mockforge.service_subject import ServiceSubject
from pytest_mockforge.subject import Subject

_LONGEST = 4000
"""Characters of a request that is shown."""


def finding_of(discovery: Discovery, subject: Subject) -> Finding:
    """State a discovery as a finding; an error comes with what reproduces it."""
    return Finding(
        code=discovery.code,
        severity=discovery.severity,
        detail=discovery.detail,
        message=discovery.message,
        expected=discovery.expected,
        got=discovery.got,
        hint=discovery.hint,
        request=_shown(discovery),
        reproduce=_reproducer(discovery, subject) if discovery.severity == "error" else "",
    )


def _shown(discovery: Discovery) -> str:
    calls = [*discovery.before, discovery.case]
    texts = [call.payload[:_LONGEST].decode("utf-8", "replace") for call in calls]
    cut = ["…" if len(call.payload) > _LONGEST else "" for call in calls]
    return "\n".join(text + more for text, more in zip(texts, cut, strict=True))


def _reproducer(discovery: Discovery, subject: Subject) -> str:
    from pytest_mockforge.fuzz.reproducer import pasteable

    test = pasteable(discovery, str(subject.path or subject.spec.text), volatile=subject.testfile.volatile).rstrip()
    line = _command_line(discovery, subject) if isinstance(subject, ServiceSubject) else ""
    return f"{test}\n\n# {line}" if line else test


def _command_line(discovery: Discovery, subject: ServiceSubject) -> str:
    from pytest_mockforge.fuzz.shell_lines import curl_line, grpcurl_line

    reached = subject.reached
    if isinstance(reached, LoadFailure) or reached.protocol not in ("http", "grpc"):
        return ""
    write = grpcurl_line if reached.protocol == "grpc" else curl_line
    try:
        return write(discovery, reached.address)
    except RequestError:
        # Bytes that are no message: grpcurl sends none, and the test above does.
        return ""
