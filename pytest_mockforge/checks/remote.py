"""MF6: does a service answer, and would MockForge's remote adapter understand it?"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pytest_mockforge.checks.model import Finding, from_failure
from pytest_mockforge.checks.registry import check
from pytest_mockforge.checks.service_bench import ServiceBench
from pytest_mockforge.contract.mismatches import Mismatch, reply_mismatches, request_mismatches
from pytest_mockforge.contract.violations import Severity
from pytest_mockforge.dialect_probe import Asked
from pytest_mockforge.errors import LoadFailure, Refusal, RemoteFailure
from pytest_mockforge.hosts import remote
from pytest_mockforge.hosts.messages import EXECUTION


@check("MF601", "the service answers and says that it is healthy", need="road")
def healthy(bench: ServiceBench) -> Iterator[Finding]:
    """The host asks GET {endpoint}/health and takes any 2xx for healthy; it sends no credentials there.

    Source: contract 1.7 and 4.1. A service that `start:` of plugin.test.yaml names is started first; what it printed
    stands with the failure.

    Mend: answer GET /health with 200 below the same prefix as /plugin. For gRPC, serve grpc.health.v1.Health.
    """
    failure = bench.unreached
    if isinstance(failure, LoadFailure):
        finding = from_failure("MF601", "not-started", failure)
        # Command, folder and the end of the log stand below the first line.
        rest = "; ".join(line.strip() for line in failure.message.splitlines()[1:]).replace("; | ", " | ")
        yield msgspec.structs.replace(finding, got=finding.got or rest)
    elif failure is not None:
        yield from_failure("MF601", failure.kind, failure)
    elif not bench.healthy:
        yield Finding(
            code="MF601",
            severity="error",
            detail="unhealthy",
            message="the service answers, but not that it is healthy",
            expected="SERVING"
            if bench.subject.protocol == "grpc"
            else "True of the runtime's health()"
            if bench.is_added
            else "a 2xx status for GET /health, without credentials",
        )


@check("MF602", "MockForge's remote adapter understands the service", need="module")
def understood(bench: ServiceBench) -> Iterator[Finding]:
    """The host sends its own JSON and wants bare results. The published SDK serves other shapes; gRPC is not called.

    Source: contract 4.1, 4.2 and 6. A service that speaks the `sdk` dialect alone is tested in full under it, and told
    here what the host would do: each way in which the two differ is a finding of its own. Under `any` all are notes.

    Mend: take the host's request as it is (three to eight flat keys), ignore unknown keys, and answer with the bare
    result. A service may serve both: tell them apart by the key `credentials`, `request` or an object in `query`.
    """
    severity: Severity = "error" if bench.host == "adapter" else "note"
    if bench.host not in ("adapter", "any"):
        yield Finding(
            code="MF602", severity="error", detail="no-module", message=f"host {bench.host!r}: {remote.ONLY_MODULES}"
        )
        return
    if bench.subject.protocol == "grpc":
        yield Finding(
            code="MF602",
            severity=severity,
            detail="grpc",
            message=remote.NO_GRPC,
            expected="HTTP with JSON, POST {endpoint}/plugin/authenticate and its like",
            got="grpc.health and our own plugin.proto",
            hint="serve HTTP as well, or test with --mockforge-host=any: the .proto is pytest-mockforge's own",
            host_message="Plugin execution error: Remote plugin call failed: builder error for url (grpc://…)",
        )
        return
    if bench.is_added:
        yield Finding(
            code="MF602", severity=severity, detail="no-client", message=remote.no_client(bench.subject.protocol)
        )
        return
    if not bench.operations:
        yield Finding(
            code="MF602",
            severity="error",
            detail="nothing-there",
            message="no operation is there: each path answers 404 or 405",
            expected="POST /plugin/authenticate, /plugin/template/execute, /plugin/response/generate or "
            "/plugin/datasource/query",
            hint="the URL is what stands before /plugin: leave /plugin itself out (contract 4.2)",
        )
    for asked in bench.as_host:
        if asked.outcome in ("broken", "absent"):
            yield from _not_understood(bench, asked, severity)


@check("MF603", "each request of the host is answered", need="operation")
def answered(bench: ServiceBench) -> Iterator[Finding]:
    """Samples and realistic requests get an answer: a 2xx, or a refusal where there is no other way to say no.

    Source: contract 1.4 and 4.1. `template_function` and `query_datasource` refuse by a 4xx other than 401, 403, 404,
    405, 408, 413, 415 and 429; under `sdk` also by {"success": false, "error": text}. Anything else reaches MockForge's
    user as a bare status without the body. What takes longer than the time limit, breaks off, or is too large counts
    as well.

    Mend: `authenticate` says no with authenticated=false; `generate_response` with a status_code of 4xx in its reply.
    """
    refused: dict[str, list[str]] = {}
    seen: dict[tuple[str, str, int | None], int] = {}
    for trial in (trial for trials in bench.survey.values() for trial in trials):
        failure = trial.observation.failure
        if isinstance(failure, Refusal):
            if trial.sample is None:
                refused.setdefault(trial.operation.value, []).append(trial.name)
            continue
        if not isinstance(failure, RemoteFailure):
            continue
        key = (trial.operation.value, failure.kind, failure.status)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 1:
            what = failure.kind if failure.status is None else f"{failure.kind}-{failure.status}"
            finding = from_failure("MF603", f"{trial.operation}:{what}", failure, trial.observation.request_bytes)
            yield msgspec.structs.replace(
                finding,
                message=f"{finding.message}, on {trial.name!r}",
                host_message=bench.said_of_failure(trial.operation, failure),
            )
    for operation, names in refused.items():
        yield Finding(
            code="MF603",
            severity="note",
            detail=f"{operation}:refused",
            message=f"{operation} refused {len(names)} of our own requests by a status: {', '.join(names[:5])}",
        )


def _not_understood(bench: ServiceBench, asked: Asked, severity: Severity) -> Iterator[Finding]:
    operation = asked.operation
    in_sdk = bench.spoken.asked["sdk", operation]
    mismatches: tuple[Mismatch, ...] = ()
    if in_sdk.outcome in ("answered", "refused"):
        mismatches = request_mismatches(operation)
        if in_sdk.exchange.reply is not None:
            mismatches += reply_mismatches(operation, in_sdk.exchange.reply)
    yield Finding(
        code="MF602",
        severity=severity,
        detail=f"{operation}:not-understood",
        message=f"{operation}: the host's own request was not answered as the host reads it"
        + (": the service speaks the sdk dialect" if mismatches else ""),
        expected="a 2xx with the bare result",
        got=asked.exchange.failure.message
        if asked.exchange.failure
        else (asked.exchange.reply or b"")[:200].decode("utf-8", "replace"),
        hint="answer MockForge's own request shape as well, which MF602's page describes",
        host_message=remote.said(asked.exchange, asked.decoded),
        request=asked.exchange.request.decode("utf-8", "replace"),
    )
    for mismatch in mismatches:
        printed = mismatch.consequence.startswith(EXECUTION)
        yield Finding(
            code="MF602",
            severity="warning" if severity == "error" else "note",
            detail=f"{operation}:{mismatch.detail}",
            message=f"{operation}: {mismatch.aspect}",
            expected=mismatch.host,
            got=mismatch.sdk,
            host_message=mismatch.consequence if printed else "",
            hint="" if printed else mismatch.consequence,
        )
