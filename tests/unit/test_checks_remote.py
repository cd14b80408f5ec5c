"""MF601 to MF603, and what all checks of services share: skips with a cause, a service that is lost, the references."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from time import perf_counter

import pytest

from pytest_mockforge.checks.registry import catalogue, find
from pytest_mockforge.checks.runner import run_check
from pytest_mockforge.checks.service_bench import ServiceBench
from pytest_mockforge.runtimes.base import Limits
from tests import servers
from tests.conftest import ROOT
from tests.faulty_services import (
    ANSWERS,
    FAULTS,
    HASTY,
    QUERY,
    Answer,
    Reply,
    always_good,
    bench_of,
    deep,
    details,
    dying,
    error,
    faulty,
    found,
    good,
    grpc_faulty,
    grpc_good,
    hanging,
    instead,
    run_on,
)
from tests.reference_services import missing
from tests.servers import Seen, Talk, serving, unused_port

REFERENCE = ROOT / "fixtures" / "reference"
MF6 = tuple(check.code for check in catalogue() if check.family == "MF6")
BEHAVIOUR = tuple(code for code in MF6 if code != "MF602")
"""What a service is to keep in whichever dialect it speaks."""
IN_TIME = 30.0
"""Seconds for all of them together on a machine that has much else to do; alone it takes one or two."""


def skipped(bench: ServiceBench, code: str) -> str:
    result, _ = run_check(find(code), bench, accepted=(), today=date(2026, 1, 1))
    return result.skipped


def every_answer(reply: Reply) -> Answer:
    return lambda _talk, seen: reply if seen.target in ANSWERS else good(seen)


# A service that is good


@pytest.mark.parametrize("code", MF6)
def test_a_good_service_has_no_error_and_no_warning(code: str) -> None:
    findings = found(code, always_good)
    assert details(findings) == details(findings, "warning") == []


def test_a_good_service_over_grpc_keeps_every_rule_but_that_mockforge_would_call_it() -> None:
    with grpc_faulty(grpc_good) as url, bench_of(url, ROOT, limits=Limits(timeout=2)) as bench:
        findings = [finding for code in MF6 for finding in run_on(bench, code) if finding.severity != "note"]
    assert [(finding.code, finding.detail) for finding in findings] == [("MF602", "grpc")]


# Health


def test_a_service_whose_health_is_no_2xx_is_unhealthy() -> None:
    (finding,) = found("MF601", FAULTS["MF601"]())
    assert finding.detail == "unhealthy"
    assert "GET /health" in finding.expected
    assert finding.hint.startswith("answer GET /health with 200")


def test_a_port_where_nobody_listens_is_told_with_its_url() -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    with bench_of(url, ROOT) as bench:
        (finding,) = run_on(bench, "MF601")
    assert finding.detail == "unreachable"
    assert url in finding.message
    assert finding.hint


def test_other_checks_of_a_service_that_is_not_there_are_skipped_with_the_cause() -> None:
    with bench_of(f"http://127.0.0.1:{unused_port()}", ROOT) as bench:
        assert {skipped(bench, code) for code in MF6[1:]} == {"no call is answered, see MF601"}


def test_a_silent_service_is_given_up_after_two_calls() -> None:
    with serving(servers.silent) as server, bench_of(server.url, ROOT) as bench:
        started = perf_counter()
        (finding,) = run_on(bench, "MF601")
        assert finding.detail == "timeout"
        assert all(skipped(bench, code) for code in MF6[1:])
        assert perf_counter() - started < 2 * HASTY.timeout + 5
        assert server.connections == 2


def test_a_service_that_is_silent_on_one_operation_is_tested_on_the_others() -> None:
    with faulty(hanging(lambda seen: seen.target == QUERY)) as server, bench_of(server.url, ROOT) as bench:
        assert run_on(bench, "MF601") == ()
        assert [op.value for op in bench.operations] == [
            "authenticate", "template_function", "generate_response", "query_datasource",
        ]  # fmt: skip
        assert details(run_on(bench, "MF603")) == ["query_datasource:timeout"]
        assert details(run_on(bench, "MF602")) == ["query_datasource:not-understood"]


# What the host would make of it


def test_each_mismatch_of_an_sdk_service_is_a_finding_of_its_own() -> None:
    pytest.importorskip("fastapi", reason="the reference service needs fastapi")
    with in_process("sdk") as bench:
        assert bench.spoken_dialect == "sdk"
        findings = run_on(bench, "MF602")
    assert details(findings) == [
        "authenticate:not-understood",
        "template_function:not-understood",
        "generate_response:not-understood",
        "query_datasource:not-understood",
    ]
    warnings = details(findings, "warning")
    assert len(set(warnings)) == len(warnings)
    assert {
        "authenticate:envelope",
        "authenticate:credentials",
        "authenticate:unknown-keys",
        "generate_response:body-base64",
        "query_datasource:rows-as-objects",
    } <= set(warnings)


def test_under_any_the_mismatches_are_notes() -> None:
    pytest.importorskip("fastapi", reason="the reference service needs fastapi")
    with in_process("sdk", host="any") as bench:
        findings = run_on(bench, "MF602")
    assert findings
    assert {finding.severity for finding in findings} == {"note"}


@pytest.mark.parametrize("host", ["runtime", "loader", "sandbox"])
def test_hosts_that_open_modules_only_are_told_in_one_finding(host: str) -> None:
    (finding,) = found("MF602", always_good, host=host)
    assert finding.detail == "no-module"


def test_a_url_with_the_prefix_in_it_has_no_operation() -> None:
    with faulty(always_good) as server, bench_of(f"{server.url}/plugin", ROOT) as bench:
        (finding,) = run_on(bench, "MF602")
        assert finding.detail == "nothing-there"
        assert "leave /plugin itself out" in finding.hint
        assert skipped(bench, "MF603") == "no operation is there, see MF602"


# Answers


def test_a_status_of_5xx_is_an_error_with_what_the_host_prints() -> None:
    (finding,) = (one for one in found("MF603", FAULTS["MF603"]()) if one.severity == "error")
    assert finding.detail == "authenticate:status-500"
    assert finding.host_message.endswith("Remote plugin returned error status: 500 Internal Server Error")
    assert json.loads(finding.request)["method"] == "GET"


def test_a_refusal_of_a_template_function_is_a_note() -> None:
    answer = instead(lambda seen: seen.target == "/plugin/template/execute", error(422, "no"))
    assert details(found("MF603", answer)) == []
    assert "template_function:refused" in details(found("MF603", answer), "note")


@pytest.mark.parametrize("status", [401, 404, 429])
def test_a_status_of_the_road_is_no_refusal(status: int) -> None:
    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        # The first call finds out that the operation is there.
        first = seen.target == "/plugin/template/execute" and b'"abc"' not in seen.body
        return error(status, "no") if first else good(seen)

    assert f"template_function:status-{status}" in details(found("MF603", answer))


# A service that is lost on the way


def test_once_a_service_answers_nothing_any_more_the_rest_is_skipped_with_the_code_of_the_cause() -> None:
    with faulty(dying(deep)) as server, bench_of(server.url, ROOT) as bench:
        assert details(run_on(bench, "MF605")) == []
        assert details(run_on(bench, "MF606")) == ["nested-1000:closed", "gone"]
        assert skipped(bench, "MF609") == "the service answers nothing any more, see MF606"


def test_errors_are_read_of_what_was_answered_before_a_service_was_lost() -> None:
    with faulty(dying(deep)) as server, bench_of(server.url, ROOT) as bench:
        (note,) = run_on(bench, "MF612")
    assert (note.severity, note.detail, note.hint) == ("note", "left-out", "see MF606")


# The reference services


@contextlib.contextmanager
def in_process(dialect: str, *, host: str = "adapter") -> Iterator[ServiceBench]:
    with bench_of(f"asgi:app:{dialect}_app", REFERENCE / "python-http", limits=Limits(), host=host) as bench:
        yield bench


@contextlib.contextmanager
def started(kind: str, dialect: str, folder: Path) -> Iterator[ServiceBench]:
    """Start a reference service in one dialect, with its own samples."""
    original = REFERENCE / kind
    text = (original / "plugin.test.yaml").read_text("utf-8")
    text = text.replace("MOCKFORGE_DIALECT: host", f"MOCKFORGE_DIALECT: {dialect}")
    text = text.replace("\nstart:\n", f"\nstart:\n  cwd: {original}\n")
    (folder / "plugin.test.yaml").write_text(text, "utf-8")
    (folder / "plugin.yaml").write_bytes((original / "plugin.yaml").read_bytes())
    with bench_of(str(folder), ROOT, limits=Limits()) as bench:
        yield bench


def held_and_quick(bench: ServiceBench) -> None:
    bench.reachable  # noqa: B018 - starting is not counted
    begun = perf_counter()
    findings = [finding for code in BEHAVIOUR for finding in run_on(bench, code)]
    assert [finding for finding in findings if finding.severity != "note"] == []
    assert perf_counter() - begun < IN_TIME


@pytest.mark.parametrize("dialect", ["host", "sdk"])
def test_the_reference_service_in_process_holds_every_check_in_time(dialect: str) -> None:
    if reason := missing("in-process"):
        pytest.skip(reason)
    with in_process(dialect) as bench:
        assert bench.spoken_dialect == dialect
        held_and_quick(bench)


@pytest.mark.parametrize("dialect", ["host", "sdk"])
@pytest.mark.parametrize("kind", ["python-http", "node-http"])
def test_a_reference_service_that_is_started_holds_every_check_in_time(kind: str, dialect: str, tmp_path: Path) -> None:
    if reason := missing(kind):
        pytest.skip(reason)
    with started(kind, dialect, tmp_path) as bench:
        assert bench.spoken_dialect == dialect
        held_and_quick(bench)


def test_the_reference_service_over_grpc_holds_every_check_in_time() -> None:
    pytest.importorskip("grpc", reason="gRPC needs the extra 'grpc'")
    with bench_of(str(REFERENCE / "python-grpc"), ROOT, limits=Limits()) as bench:
        held_and_quick(bench)
