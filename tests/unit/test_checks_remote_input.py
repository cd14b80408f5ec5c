"""MF604 to MF608 and MF612: what a service makes of what is no request, and what its errors tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pytest

from pytest_mockforge.runtimes.base import Limits
from tests.faulty_services import (
    ANSWERS,
    AUTH,
    HASTY,
    QUERY,
    RESPONSE,
    TEMPLATE,
    Answer,
    Reply,
    admitting,
    always_good,
    bench_of,
    deep,
    details,
    error,
    faulty,
    found,
    garbage,
    good,
    grpc_faulty,
    grpc_good,
    hanging,
    instead,
    nowhere,
    oversize,
    run_on,
    telling,
    unknown_keys,
    without_fields,
    written,
    wrong_method,
)
from tests.servers import Seen, Talk, answering, reply, serving

HERE = Path.cwd()
When = Callable[[Seen], bool]


def lacking(name: str, reply: Reply | None) -> Answer:
    """Answer requests without one field otherwise; none of ours lacks one."""
    return instead(lambda seen: seen.method == "POST" and name.encode() not in seen.body and seen.target == AUTH, reply)


# Wrong ways


@pytest.mark.parametrize(
    ("when", "name", "where"),
    [(nowhere, "wrong-path", "POST /no-such-path"), (wrong_method, "wrong-method", "PUT /plugin/datasource/query")],
)
def test_a_wrong_way_that_is_answered_with_a_2xx_is_an_error(when: When, name: str, where: str) -> None:
    (finding,) = found("MF604", instead(when, (200, b"<html>")))
    assert (finding.severity, finding.detail) == ("error", f"{name}:accepted")
    assert where in finding.message
    assert "200 OK" in finding.got
    assert finding.expected == "404 or 405"


def test_a_wrong_way_that_is_answered_with_a_500_is_a_warning() -> None:
    (finding,) = found("MF604", instead(wrong_method, error(500, "boom")))
    assert (finding.severity, finding.detail) == ("warning", "wrong-method:server-error")


def test_a_wrong_method_that_is_not_implemented_is_no_fault_of_the_service() -> None:
    assert found("MF604", instead(wrong_method, error(501, "unsupported method"))) == ()


def test_a_wrong_path_that_redirects_for_ever_is_a_no() -> None:
    def handle(seen: Seen) -> bytes:
        if nowhere(seen):
            return reply(b"", "307 Temporary Redirect", (f"Location: {seen.target}",))
        status, body = good(seen)
        return reply(body, f"{status} As It Is")

    with serving(answering(handle)) as server, bench_of(server.url, HERE) as bench:
        assert run_on(bench, "MF604") == ()


def test_a_wrong_way_that_hangs_is_an_error_and_ends_the_check_after_two() -> None:
    started = perf_counter()
    findings = found("MF604", hanging(lambda seen: wrong_method(seen) or nowhere(seen)))
    assert details(findings) == ["wrong-method:timeout"]
    assert details(findings, "note") == ["left-out"]
    assert "8 more requests" in findings[-1].message
    assert "raise the limit: --mockforge-timeout" in findings[0].hint
    assert perf_counter() - started < 2 * HASTY.timeout + 5


# Garbage


def test_garbage_that_is_admitted_is_one_error_for_each_kind_with_all_operations() -> None:
    findings = found("MF605", admitting(garbage))
    assert details(findings) == ["empty:accepted", "not-json:accepted", "truncated:accepted", "not-utf8:accepted"]
    assert all(
        finding.message.endswith(": authenticate, template_function, generate_response, query_datasource")
        for finding in findings
    )


def test_garbage_that_is_answered_with_a_500_is_a_warning() -> None:
    findings = found("MF605", instead(garbage, error(500, "boom")))
    assert details(findings) == []
    assert details(findings, "warning") == [
        "empty:server-error", "not-json:server-error", "truncated:server-error", "not-utf8:server-error",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        {"authenticated": False, "claims": {}, "metadata": {}},
        {"authenticated": False, "claims": {}, "metadata": {}, "error_message": "malformed"},
    ],
)
def test_authenticate_may_say_no_inside_of_its_reply(said: dict[str, object]) -> None:
    answer = instead(lambda seen: garbage(seen) and seen.target == AUTH, (200, written(said)))
    assert found("MF605", answer) == ()


@pytest.mark.parametrize(("status", "severities"), [(400, []), (500, []), (200, ["error"]), (302, [])])
def test_generate_response_may_say_no_by_a_status_inside_of_its_reply(status: int, severities: list[str]) -> None:
    said = {"status_code": status, "headers": {}, "body": [], "content_type": "", "metadata": {}, "custom": {}}
    answer = instead(lambda seen: seen.body == b"" and seen.target == RESPONSE, (200, written(said)))
    assert [finding.severity for finding in found("MF605", answer)] == severities


def test_a_table_without_rows_is_a_warning() -> None:
    said = {"rows": [], "columns": [], "total_count": 0, "execution_time_ms": 0, "metadata": {}}
    answer = instead(lambda seen: seen.body == b"" and seen.target == QUERY, (200, written(said)))
    assert details(found("MF605", answer), "warning") == ["empty:no-rows"]


def test_a_good_status_over_what_is_no_reply_is_a_warning() -> None:
    answer = instead(lambda seen: garbage(seen) and seen.target == AUTH, (200, b'{"error":"malformed"}'))
    warnings = details(found("MF605", answer), "warning")
    assert warnings == ["empty:unreadable", "not-json:unreadable", "truncated:unreadable", "not-utf8:unreadable"]


def test_a_connection_that_is_closed_over_garbage_is_an_error() -> None:
    findings = found("MF605", instead(lambda seen: seen.body == b"" and seen.target == TEMPLATE, None))
    assert details(findings) == ["empty:closed"]


def test_a_service_that_takes_bytes_for_utf8_which_are_not_is_told() -> None:
    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        text = seen.body.decode("utf-8", "replace").encode()
        return good(Seen(**{**vars(seen), "body": text}))

    (finding,) = found("MF605", answer)
    assert finding.detail == "not-utf8:accepted"
    assert r"\xff\xfe" in finding.request


def test_an_sdk_service_says_no_by_a_500_in_an_envelope() -> None:
    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if garbage(seen):
            return 500, b'{"success":false,"error":"no"}'
        # Good in both dialects.
        return 200, written({"success": True, "result": "A"}) if seen.target == TEMPLATE else b"{}"

    with faulty(answer) as server:
        with bench_of(server.url, HERE, dialect="sdk") as bench:
            assert details(run_on(bench, "MF605"), "warning") == []
        with bench_of(server.url, HERE, dialect="host") as bench:
            assert details(run_on(bench, "MF605"), "warning")


def test_an_operation_that_answers_no_good_request_is_noted_and_sent_no_bad_one() -> None:
    bodies: list[bytes] = []

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if seen.target == AUTH:
            bodies.append(seen.body)
            return error(500, "boom")
        return good(seen)

    findings = found("MF605", answer)
    assert (details(findings, "warning"), details(findings, "note")) == ([], ["authenticate:no-answer"])
    assert b"" not in bodies


# Too deep, too large


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_a_hang_over_a_depth_is_an_error(depth: int) -> None:
    findings = found("MF606", hanging(lambda seen: deep(seen) and len(seen.body) == 2 * depth and seen.target == AUTH))
    assert details(findings) == [f"nested-{depth}:timeout"]
    assert f"JSON of {depth:,} levels" in findings[0].message


def test_a_request_of_16_mib_is_cut_in_the_report() -> None:
    (finding,) = found("MF606", instead(oversize, (200, b'{"authenticated":true,"claims":{},"metadata":{}}')))
    assert finding.detail == "oversize:accepted"
    assert finding.request.endswith("… (16,777,218 bytes)")


def test_a_connection_closed_over_16_mib_is_a_warning() -> None:
    findings = found("MF606", instead(oversize, None))
    assert (details(findings), details(findings, "warning")) == ([], ["oversize:closed"])


def test_a_connection_closed_over_a_depth_is_an_error() -> None:
    assert details(found("MF606", instead(deep, None))) == ["nested-1000:closed", "nested-100000:closed"]


# Unknown and missing fields


@pytest.mark.parametrize("operation", ["authenticate", "query_datasource"])
def test_an_unknown_key_that_changes_the_answer_is_an_error(operation: str) -> None:
    target = {"authenticate": AUTH, "query_datasource": QUERY}[operation]
    strict = instead(lambda seen: unknown_keys(seen) and seen.target == target, error(422, "extra keys"))
    findings = found("MF607", strict)
    assert details(findings) == [f"{operation}:unknown-key", f"{operation}:unknown-key-in-context"]
    assert "422 Unprocessable Entity" in findings[0].got
    assert "x_mockforge_unknown" in findings[0].request


def test_an_unknown_key_that_changes_a_value_is_told_with_its_place() -> None:
    denied = {"authenticated": False, "claims": {}, "metadata": {}}
    findings = found("MF607", instead(lambda seen: unknown_keys(seen) and seen.target == AUTH, (200, written(denied))))
    assert "at /authenticated: false instead of true" in findings[0].got


def test_under_sdk_a_refusal_of_unknown_keys_is_a_note() -> None:
    reply_of = {
        AUTH: {"authenticated": True, "user_id": "u", "claims": {}},
        TEMPLATE: "A",
        RESPONSE: {"status_code": 200, "headers": {}, "body": "", "content_type": ""},
        QUERY: {"columns": [], "rows": []},
    }

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if seen.target not in reply_of:
            return good(seen)
        if unknown_keys(seen):
            return 500, written({"success": False, "error": "unexpected keyword argument"})
        return 200, written({"success": True, "result": reply_of[seen.target]})

    with faulty(answer) as server, bench_of(server.url, HERE, dialect="sdk") as bench:
        findings = run_on(bench, "MF607")
    assert {finding.severity for finding in findings} == {"note"}
    assert "authenticate:unknown-key-in-context" in details(findings, "note")


def test_an_operation_that_never_replies_is_noted_and_not_passed_in_silence() -> None:
    findings = found("MF607", instead(lambda seen: seen.target == TEMPLATE, error(422, "no")))
    assert details(findings, "note") == ["template_function:no-reply"]


def test_a_hang_over_an_unknown_key_is_an_error() -> None:
    findings = found("MF607", hanging(lambda seen: unknown_keys(seen) and seen.target == QUERY))
    assert "query_datasource:unknown-key" in details(findings)


def test_a_request_without_any_field_that_is_admitted_is_an_error() -> None:
    (finding,) = found("MF608", admitting(lambda seen: without_fields(seen) and seen.target == AUTH))
    assert finding.detail == "no-fields:accepted"
    assert finding.request == "{}"


def test_a_single_missing_field_may_be_answered_somehow() -> None:
    assert (
        found("MF608", admitting(lambda seen: b'"uri"' not in seen.body and not garbage(seen) and seen.body != b"{}"))
        == ()
    )


@pytest.mark.parametrize("field", ["uri", "query_params"])
def test_a_single_missing_field_that_is_a_fault_of_the_service_is_a_warning(field: str) -> None:
    findings = found("MF608", lacking(f'"{field}"', error(500, "KeyError")))
    assert details(findings, "warning") == ["no-fields:server-error", "one-field-less:server-error"]
    assert findings[1].message.endswith(f"of the service's own: authenticate without {field}")


def test_a_single_missing_field_over_which_the_connection_is_closed_is_an_error() -> None:
    findings = found("MF608", instead(lambda seen: seen.method == "POST" and b'"uri"' not in seen.body, None))
    assert "no-fields:closed" in details(findings)


# Leaks


@pytest.mark.parametrize("code", ["MF604", "MF605", "MF606", "MF608"])
def test_the_answers_of_other_checks_are_read_as_well(code: str) -> None:
    when = {"MF604": nowhere, "MF605": lambda seen: seen.body == b"", "MF606": deep, "MF608": without_fields}[code]
    told = error(400, "goroutine 1 [running]:\nmain.main()")
    (finding,) = found("MF612", instead(lambda seen: when(seen) and seen.target != "/health", told))
    assert (finding.severity, finding.detail) == ("error", "stack-trace")
    assert "a stack trace of Go" in finding.message


def test_an_error_of_a_good_request_is_read_as_well() -> None:
    answer = instead(
        lambda seen: b"no_such_function" in seen.body, error(422, "panic: runtime error: index out of range")
    )
    (finding,) = found("MF612", answer)
    assert "'unknown-function'" in finding.message


def test_the_requests_own_token_in_an_error_is_a_warning_and_is_not_shown() -> None:
    (finding,) = found("MF612", telling(lambda seen: f"cannot read {seen.body.decode('utf-8', 'replace')}"))
    assert (finding.severity, finding.detail) == ("warning", "token")
    assert "canary" not in finding.got
    assert "***" in finding.got


@pytest.mark.parametrize(("kind", "header"), [("bearer", "authorization"), ("api-key", "x-api-key")])
def test_our_credentials_in_an_error_are_an_error_and_are_not_shown(
    kind: str, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUGIN_KEY", "very-private-1")
    testfile = f"remote: {{url: URL, auth: {{type: {kind}, env: PLUGIN_KEY}}}}\n"
    answer = telling(lambda seen: f"not for {seen.headers.get(header, 'you')}")
    findings = [one for code in ("MF605", "MF612") for one in found(code, answer, testfile=testfile)]
    assert details(findings) == ["credentials"]
    assert "very-private" not in str(findings)


def test_a_path_of_the_machine_is_a_warning() -> None:
    findings = found("MF612", telling("cannot open /srv/plugin/settings.toml"))
    assert (details(findings), details(findings, "warning")) == ([], ["path"])


def test_each_leak_is_told_once_however_many_errors_have_it() -> None:
    findings = found("MF612", telling("AKIAIOSFODNN7EXAMPLE"))
    assert details(findings) == ["secret"]
    assert "AKIA" not in findings[0].got


def test_a_service_that_says_little_leaks_nothing() -> None:
    assert found("MF612", always_good) == ()


# gRPC

LONGER = Limits(timeout=2.0)


def over_grpc(code: str, when: object, said: bytes | tuple[str, str]) -> list[tuple[str, str]]:
    def answer(path: str, data: bytes) -> bytes | tuple[str, str]:
        return said if when(path, data) else grpc_good(path, data)  # type: ignore[operator] # a lambda

    with grpc_faulty(answer) as url, bench_of(url, HERE, limits=LONGER) as bench:
        return [(finding.severity, finding.detail) for finding in run_on(bench, code)]


def test_a_method_that_nobody_serves_must_be_unimplemented() -> None:
    unknown = lambda path, _data: "NoSuch" in path  # noqa: E731
    assert over_grpc("MF604", unknown, b"") == [("error", "wrong-method:accepted")]
    assert over_grpc("MF604", unknown, ("UNKNOWN", "boom")) == [("warning", "wrong-method:server-error")]


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        (("INTERNAL", "cannot read the message"), []),
        (("UNKNOWN", "Exception calling application"), [("warning", "not-protobuf:server-error")]),
        (b"\x08\x01\x1a\x02\x08\x01", [("error", "not-protobuf:accepted")]),
        (b"\xff\xff", [("warning", "not-protobuf:unreadable")]),
    ],
)
def test_bytes_that_are_no_message_must_be_an_error_of_the_call(
    said: bytes | tuple[str, str], finding: list[tuple[str, str]]
) -> None:
    def when(path: str, data: bytes) -> bool:
        return path.endswith("/Authenticate") and data.startswith(b"\xff")

    assert over_grpc("MF605", when, said) == finding


def test_an_empty_message_that_is_admitted_is_an_error() -> None:
    admitted = b"\x08\x01\x1a\x02\x08\x01"
    when = lambda path, data: path.endswith("/Authenticate") and data == b""  # noqa: E731
    assert over_grpc("MF608", when, admitted) == [("error", "no-fields:accepted")]


def test_an_unknown_field_that_is_refused_is_an_error_over_grpc() -> None:
    when = lambda path, data: path.endswith("/QueryDataSource") and b"later version" in data  # noqa: E731
    assert over_grpc("MF607", when, ("INVALID_ARGUMENT", "unknown field")) == [
        ("error", "query_datasource:unknown-field")
    ]


def test_details_of_a_grpc_error_are_read_for_leaks() -> None:
    trace = ("INTERNAL", "at com.example.Plugin.read(Plugin.java:12)")
    assert over_grpc("MF612", lambda _path, data: data.startswith(b"\xff"), trace) == [("error", "stack-trace")]


def test_every_path_of_the_contract_is_tried() -> None:
    seen: set[tuple[str, str]] = set()

    def answer(_talk: Talk, request: Seen) -> Reply | None:
        seen.add((request.method, request.target))
        return good(request)

    found("MF604", answer)
    assert {(method, path) for method in ("GET", "PUT", "POST") for path in ANSWERS} <= seen
