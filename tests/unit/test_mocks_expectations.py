"""Expectations of a stand-in: what they match, in which order, what they refuse to be, and what they saw."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from typing import NoReturn

import httpx
import pytest

from pytest_mockforge import (
    AuthRequest,
    AuthResponse,
    ColumnInfo,
    DataResult,
    DataRow,
    RequestBuilder,
    RequestError,
    ResponseData,
    SettingsError,
    TemplateCall,
)
from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.request_models import PluginContext, Request, Version
from pytest_mockforge.mocks import faults
from pytest_mockforge.mocks.respx_mock import HttpMock
from pytest_mockforge.mocks.verdict import complaint
from pytest_mockforge.runtimes.remote.roads import PATHS

BUILD = RequestBuilder()
ADMITTED = AuthResponse(authenticated=True, claims={}, metadata={})
DENIED = AuthResponse(authenticated=False, claims={}, metadata={})


@pytest.fixture
def mock() -> Iterator[HttpMock]:
    made = HttpMock("mock", seed=1)
    yield made
    made.close()


TLS = ssl.create_default_context()
"""Made once, as it takes longer than a call."""


def ask(mock: HttpMock, request: Request, dialect: str = "host") -> httpx.Response:
    body = dialect_named(dialect).encode(request)
    return httpx.post(mock.url + PATHS[request.operation], content=body, headers={"X-API-Key": "k"}, verify=TLS)


def auth(token: str) -> AuthRequest:
    return BUILD.auth(query={"token": token}, uri="/api")


def test_a_request_that_holds_what_is_wanted_is_answered_and_recorded(mock: HttpMock) -> None:
    expectation = mock.on.authenticate(query={"token": "alpha"}, method="GET").reply(ADMITTED)
    reply = ask(mock, BUILD.auth(query={"token": "alpha", "more": "1"}))
    assert reply.json()["authenticated"] is True
    assert reply.headers["content-type"] == "application/json"
    assert expectation.last.request.query_params == {"token": "alpha", "more": "1"}
    assert expectation.last.header("x-api-key") == "k"
    assert json.loads(expectation.last.body)["method"] == "GET"
    assert complaint(mock) is None


def test_context_is_matched_by_some_of_its_fields(mock: HttpMock) -> None:
    mock.on.authenticate(context={"version": {"major": 3}}).reply(ADMITTED)
    asked = BUILD.auth(context=PluginContext(version=Version(major=3, minor=9)))
    assert ask(mock, asked).status_code == 200
    assert ask(mock, BUILD.auth()).status_code == 501


def test_lists_are_matched_whole_and_true_is_not_one(mock: HttpMock) -> None:
    mock.on.template_function(name="f", args=[1, {"a": [True]}]).reply("yes")
    assert ask(mock, BUILD.template("f", 1, {"a": [True], "b": 2})).json() == "yes"
    for args in ((1,), (1, {"a": [1]}), (True, {"a": [True]})):
        assert ask(mock, BUILD.template("f", *args)).status_code == 501


def test_a_function_judges_what_fields_cannot(mock: HttpMock) -> None:
    def short(call: TemplateCall) -> bool:
        return len(str(call.args[0])) < 3

    mock.on.template_function(name="upper", where=short).reply(lambda call: str(call.args[0]).upper())
    assert ask(mock, BUILD.template("upper", "ab")).json() == "AB"
    assert ask(mock, BUILD.template("upper", "abc")).status_code == 501
    assert "expected: short(request) to hold" in (complaint(mock) or "")


def test_the_first_that_fits_and_is_not_used_up_answers(mock: HttpMock) -> None:
    mock.on.authenticate(query={"token": "alpha"}, times=1).reply(ADMITTED)
    mock.on.authenticate().reply(DENIED)
    answers = [ask(mock, auth(token)).json()["authenticated"] for token in ("beta", "alpha", "alpha")]
    assert answers == [False, True, False]
    assert complaint(mock) is None


def test_a_call_beyond_an_exact_number_is_not_expected(mock: HttpMock) -> None:
    mock.on.authenticate(times=2).reply(ADMITTED)
    assert [ask(mock, auth("x")).status_code for _ in range(3)] == [200, 200, 501]
    assert "it was to get 2 calls, and had got them" in (complaint(mock) or "")


def test_too_few_calls_of_an_exact_number_are_told(mock: HttpMock) -> None:
    mock.on.authenticate(times=2).reply(ADMITTED)
    ask(mock, auth("x"))
    assert "expected: 2 calls\n    got: 1" in (complaint(mock) or "")


def test_an_optional_expectation_may_stay_unused(mock: HttpMock) -> None:
    mock.on.authenticate(optional=True).reply(ADMITTED)
    assert complaint(mock) is None


def test_the_closest_expectation_is_shown_with_what_differs(mock: HttpMock) -> None:
    mock.on.authenticate(query={"token": "gamma"}, method="PUT").reply(ADMITTED)
    mock.on.authenticate(query={"token": "alpha"}).reply(ADMITTED)
    error = ask(mock, auth("beta")).json()["error"]
    assert error.startswith("mock expected no such call: authenticate: AuthRequest(")
    text = complaint(mock) or ""
    assert text.splitlines()[0] == "mock: 1 call was not expected, 2 expectations were not met"
    assert "closest: authenticate(query={'token': 'alpha'}), declared at test_mocks_expectations.py:" in text
    assert "      query.token\n        expected: 'alpha'\n        got: 'beta'" in text


def test_an_operation_without_expectations_says_so(mock: HttpMock) -> None:
    ask(mock, BUILD.query("SELECT 1"))
    assert "no expectation of query_datasource was declared" in (complaint(mock) or "")


def test_what_is_no_request_of_the_dialect_is_told_with_each_breach(mock: HttpMock) -> None:
    answer = httpx.post(mock.url + PATHS[auth("x").operation], content=b'{"method":1}')
    assert answer.status_code == 400
    text = complaint(mock) or ""
    assert "authenticate: the request is none of the host dialect at /method" in text
    assert mock.calls == ()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/plugin/authenticate", 405), ("POST", "/plugin/nonsense", 404), ("POST", "//plugin/authenticate", 404)],
)
def test_a_wrong_road_is_answered_and_told(mock: HttpMock, method: str, path: str, status: int) -> None:
    assert httpx.request(method, mock.url + path).status_code == status
    assert f"not expected: {method} {path}" in (complaint(mock) or "")


def test_health_is_no_call_and_can_be_bad(mock: HttpMock) -> None:
    assert httpx.get(f"{mock.url}/health").json()["status"] == "healthy"
    mock.healthy = False
    assert httpx.get(f"{mock.url}/health").status_code == 503
    assert complaint(mock) is None


def test_the_sdk_dialect_wraps_and_carries_credentials(mock: HttpMock) -> None:
    mock(dialect="sdk").on.authenticate(credentials={"type": "bearer", "token": "alpha"}).reply(ADMITTED)
    reply = ask(mock, BUILD.auth(bearer="alpha"), "sdk").json()
    assert reply == {"success": True, "result": {"authenticated": True, "user_id": "", "claims": {}}}


@pytest.mark.parametrize(("dialect", "status"), [("host", 422), ("sdk", 500)])
def test_a_refusal_is_what_services_of_the_dialect_answer(mock: HttpMock, dialect: str, status: int) -> None:
    (mock(dialect="sdk") if dialect == "sdk" else mock).on.template_function().refuse("no such function")
    answer = ask(mock, BUILD.template("f"), dialect)
    assert answer.status_code == status
    assert answer.json()["error"] == "no such function"


def test_raw_bytes_are_sent_as_they_are(mock: HttpMock) -> None:
    mock.on.authenticate().reply_raw(b"\xffnonsense", status=202, content_type="text/plain")
    answer = ask(mock, auth("x"))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (202, b"\xffnonsense", "text/plain")


def test_every_kind_of_reply_arrives(mock: HttpMock) -> None:
    column = ColumnInfo(name="balance", data_type="Custom", custom_type="money", nullable=True, metadata={})
    rows = DataResult(rows=(DataRow(values=(1.5,), metadata={}),), columns=(column,), execution_time_ms=1, metadata={})
    page = ResponseData(status_code=201, headers={}, body=b"ok", content_type="text/plain", metadata={}, custom={})
    mock.on.query_datasource(query="SELECT 1", limit=2, type="Select").reply(rows)
    mock.on.generate_response(method="GET", path="/a").reply(page)
    found = ask(mock, BUILD.query("SELECT 1", limit=2)).json()
    assert found["columns"][0]["data_type"] == {"Custom": "money"}
    assert ask(mock, BUILD.response("GET", "/a")).json()["body"] == [111, 107]


# --- what cannot be declared ------------------------------------------------------------------------------------------


def test_a_reply_that_breaks_the_contract_is_an_error_at_its_declaration(mock: HttpMock) -> None:
    broken = AuthResponse(authenticated="yes", claims={}, metadata={})  # type: ignore[arg-type] # broken on purpose
    with pytest.raises(RequestError, match="breaks the contract at /authenticated") as caught:
        mock.on.authenticate().reply(broken)
    assert caught.value.hint == "mend it, or say that it is meant: reply(…, breaks_contract=True)"


def test_a_reply_may_break_the_contract_on_purpose(mock: HttpMock) -> None:
    broken = AuthResponse(authenticated="yes", claims={}, metadata={})  # type: ignore[arg-type] # broken on purpose
    mock.on.authenticate().reply(broken, breaks_contract=True)
    assert ask(mock, auth("x")).json()["authenticated"] == "yes"


def test_a_reply_of_another_operation_is_an_error(mock: HttpMock) -> None:
    with pytest.raises(RequestError, match="a reply of another kind"):
        mock.on.query_datasource().reply(ADMITTED)  # type: ignore[arg-type] # wrong on purpose


def test_a_keyword_that_there_is_not_names_the_valid_ones(mock: HttpMock) -> None:
    with pytest.raises(RequestError) as caught:
        mock.on.authenticate(qurey={"token": "a"})  # type: ignore[arg-type] # wrong on purpose
    assert caught.value.message == "expectation of authenticate: there is no 'qurey'"
    assert str(caught.value.hint).startswith("did you mean 'query'? valid: query, method, uri, headers")
    assert mock.expectations == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"query": "token=a"}, "query is no mapping"),
        ({"query": {"token": 1}}, r"query\['token'\] is no text"),
        ({"context": {"plugin": "x"}}, "unknown key 'plugin'"),
        ({"context": {"version": {"mayor": 1}}}, "unknown key 'mayor'"),
        ({"where": "x"}, "where is no function"),
        ({"headers": {"a": "b"}}, "the host dialect does not carry headers, so it would never fit"),
        ({"credentials": {"type": "bearer"}}, "the host dialect does not carry credentials"),
    ],
)
def test_what_no_request_can_hold_is_an_error(mock: HttpMock, words: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        mock.on.authenticate(**words)  # type: ignore[arg-type] # wrong on purpose


def test_what_the_sdk_drops_cannot_be_expected_of_it(mock: HttpMock) -> None:
    with pytest.raises(RequestError, match="the sdk dialect does not carry limit"):
        mock(dialect="sdk").on.query_datasource(limit=1)


@pytest.mark.parametrize("times", [0, -1, True, 1.5])
def test_a_number_of_calls_that_cannot_be_is_an_error(mock: HttpMock, times: int) -> None:
    with pytest.raises(SettingsError, match="cannot be expected"):
        mock.on.authenticate(times=times)


def test_a_second_answer_is_an_error_that_says_how_answers_take_turns(mock: HttpMock) -> None:
    with pytest.raises(SettingsError, match="has two answers") as caught:
        mock.on.authenticate().reply(ADMITTED).refuse("no")
    assert "times=1" in str(caught.value.hint)


def test_an_expectation_without_an_answer_is_told_when_it_is_called(mock: HttpMock) -> None:
    mock.on.authenticate()
    assert ask(mock, auth("x")).status_code == 500
    assert "has no answer" in str(mock.errors[0])


def test_the_last_call_of_none_is_a_lookup_error(mock: HttpMock) -> None:
    with pytest.raises(LookupError, match="no call of authenticate"):
        _ = mock.on.authenticate(optional=True).reply(ADMITTED).last


def test_a_mock_in_use_cannot_be_configured(mock: HttpMock) -> None:
    mock.on.authenticate(optional=True)
    with pytest.raises(SettingsError, match="mock is in use already"):
        mock(dialect="sdk")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"dialect": "hots"}, "cannot speak the dialect 'hots'"),
        ({"url": "plugin.test"}, "cannot stand at 'plugin.test'"),
        ({"url": "grpc://x:1"}, "cannot stand at"),
        ({"url": "http://x/?a=b"}, "cannot stand at"),
        ({"seed": "x"}, "cannot draw from the seed"),
    ],
)
def test_a_configuration_that_cannot_be_is_an_error(mock: HttpMock, words: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        mock(**words)  # type: ignore[arg-type] # wrong on purpose


# --- functions of the test's, threads, chance -------------------------------------------------------------------------


def test_what_a_function_raises_is_kept_and_answered_with_500(mock: HttpMock) -> None:
    def explode(request: AuthRequest) -> NoReturn:
        raise ZeroDivisionError(request.uri)

    mock.on.authenticate().reply(explode)
    answer = ask(mock, auth("x"))
    assert answer.status_code == 500
    assert answer.json()["error"] == "mock could not answer: ZeroDivisionError: /api?token=x"
    assert [type(error) for error in mock.errors] == [ZeroDivisionError]


def test_what_a_function_replies_is_checked_against_the_contract(mock: HttpMock) -> None:
    broken = AuthResponse(authenticated=1, claims={}, metadata={})  # type: ignore[arg-type] # broken on purpose
    mock.on.authenticate().reply(lambda _: broken)
    assert ask(mock, auth("x")).status_code == 500
    assert "breaks the contract at /authenticated" in str(mock.errors[0])


def test_calls_of_many_threads_are_all_counted(mock: HttpMock) -> None:
    mock.on.template_function(times=40).reply(lambda call: str(call.args[0]))
    found: list[object] = []

    def work(start: int) -> None:
        for number in range(start, start + 10):
            found.append(ask(mock, BUILD.template("f", number)).json())

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 10, 20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, map(str, found))) == list(range(40))
    assert complaint(mock) is None


def statuses(seed: int) -> list[int]:
    mock = HttpMock("mock", seed=seed)
    try:
        mock.on.authenticate().reply(ADMITTED)
        mock.fault(faults.status(503), probability=0.5)
        return [ask(mock, auth("x")).status_code for _ in range(20)]
    finally:
        mock.close()


def test_chance_is_drawn_from_the_seed() -> None:
    assert statuses(7) == statuses(7) != statuses(8)
    assert {200, 503} == set(statuses(7))


def test_a_fault_strikes_after_so_many_calls_and_so_many_times(mock: HttpMock) -> None:
    mock.on.authenticate().reply(ADMITTED).fault(faults.status(503), after=1, times=2)
    assert [ask(mock, auth("x")).status_code for _ in range(5)] == [200, 503, 503, 200, 200]


def test_a_fault_of_one_operation_leaves_the_others_alone(mock: HttpMock) -> None:
    mock.fault(faults.status(500), operation="template_function")
    mock.on.authenticate().reply(ADMITTED)
    mock.on.template_function().reply(1)
    assert ask(mock, auth("x")).status_code == 200
    assert ask(mock, BUILD.template("f")).status_code == 500


def test_the_seed_is_part_of_a_complaint_where_chance_has_a_part(mock: HttpMock) -> None:
    mock.on.authenticate().reply(ADMITTED).fault(faults.uniform_latency(0, 0.1))
    assert "faults were drawn with seed=1: mock(seed=1) repeats them" in (complaint(mock) or "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"after": -1}, "cannot strike after -1 calls"),
        ({"times": 0}, "cannot strike 0 times"),
        ({"probability": 0}, "cannot strike with the probability 0"),
        ({"operation": "authentciate"}, "there is no operation 'authentciate'"),
    ],
)
def test_conditions_that_cannot_be_are_errors(mock: HttpMock, words: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        mock.fault(faults.reset(), **words)  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: faults.latency(-1), r"latency\(-1\) is no fault"),
        (lambda: faults.uniform_latency(2, 1), "is no fault"),
        (lambda: faults.lognormal_latency(median=0, sigma=1), "is no fault"),
        (lambda: faults.status(204), "is no fault"),
        (lambda: faults.drip(size=0), "is no fault"),
        (lambda: faults.early_close(-1), "is no fault"),
        (lambda: faults.wrong_length(0), "is no fault"),
        (lambda: faults.wrong_content_type("a\r\nb: c"), "is no fault"),
        (lambda: faults.oversize("33 apples"), "is no fault"),
        (lambda: faults.code("UNAVAILBLE"), "gRPC has no error code 'UNAVAILBLE'"),
    ],
)
def test_a_fault_that_cannot_be_is_an_error(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(SettingsError, match=message):
        make()


def test_a_fault_that_http_cannot_have_says_what_can(mock: HttpMock) -> None:
    with pytest.raises(SettingsError, match=r"code\('CANCELLED'\) cannot happen over HTTP") as caught:
        mock.fault(faults.code("CANCELLED"))
    assert caught.value.hint == "HTTP has statuses in place of gRPC's codes: faults.status(503)"
