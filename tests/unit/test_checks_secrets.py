"""Secrets do not leave a check: what a finding says of them is masked before anything shows or keeps it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_mockforge.checks.model import CheckResult, Finding
from pytest_mockforge.checks.secrets import masked, masked_output, redactor_for
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.start import RemoteAuth, RemoteService, StartCommand
from pytest_mockforge.documents.testfile import EMPTY, Sample, TestFile
from tests.report_cases import error

TOKEN = "mf-live-7f3a9c"


def with_token(**more: object) -> TestFile:
    """A test file whose one sample holds the token."""
    sample = Sample(name="known token", operation=Operation.AUTHENTICATE, request={"query": {"token": TOKEN}}, line=1)
    return replace(EMPTY, samples=(sample,), **more)  # type: ignore[arg-type]  # names of fields, with their values


def of(*findings: Finding, file: TestFile | None = None, skipped: str = "") -> CheckResult:
    result = CheckResult(plugin="x", code="MF203", title="", findings=findings, accepted=findings, skipped=skipped)
    return masked(result, redactor_for(file or with_token()))


@pytest.mark.parametrize("field", ["message", "expected", "got", "hint", "host_message", "request"])
def test_a_samples_token_is_masked_wherever_a_finding_speaks_of_it(field: str) -> None:
    text = f"the reply to {TOKEN} was odd"
    finding = error(text) if field == "message" else error(**{field: text})
    result = of(finding)
    for shown in (*result.findings, *result.accepted):
        assert getattr(shown, field) == "the reply to ~secret.known-token.token~ was odd"


def test_a_request_is_masked_by_the_names_in_it_also_where_the_value_is_not_known() -> None:
    (finding,) = of(error(request='{"password":"hunter2-unknown","uri":"/"}')).findings
    assert json.loads(finding.request) == {"password": "~secret.1~", "uri": "/"}


def test_a_request_without_a_secret_stays_as_it_was_written() -> None:
    (finding,) = of(error(request='{ "uri": "/caf\\u00e9" }')).findings
    assert finding.request == '{ "uri": "/caf\\u00e9" }'


def test_a_request_that_is_no_json_is_masked_as_text() -> None:
    (finding,) = of(error(request=f'{{"token":"{TOKEN}')).findings
    assert TOKEN not in finding.request


def test_the_detail_stays_as_accept_files_name_it() -> None:
    finding = Finding(code="MF203", severity="error", detail=f"authenticate:{TOKEN}", message="")
    assert of(finding).findings[0].detail == f"authenticate:{TOKEN}"


def test_the_secret_that_a_service_is_called_with_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "plain-words-only")
    remote = RemoteService(url="http://127.0.0.1:1", auth=RemoteAuth(type="bearer", env="MY_SECRET"))
    (finding,) = of(error("it repeats plain-words-only"), file=with_token(remote=remote)).findings
    assert finding.message == "it repeats ~secret.remote.auth~"


def test_a_service_whose_secret_is_not_set_masks_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_SECRET", raising=False)
    remote = RemoteService(url="http://127.0.0.1:1", auth=RemoteAuth(type="bearer", env="MY_SECRET"))
    assert of(error("as it was"), file=with_token(remote=remote)).findings[0].message == "as it was"


def test_what_a_service_is_started_with_is_masked_by_the_variables_name() -> None:
    start = StartCommand(command=("x",), cwd=Path(), env={"DB_PASSWORD": "swordfish-9", "COLOUR": "blue-green"})
    (finding,) = of(error("swordfish-9 blue-green"), file=with_token(start=start)).findings
    assert finding.message == "~secret.start.db-password~ blue-green"


def test_the_reason_of_a_skip_is_masked() -> None:
    assert TOKEN not in of(skipped=f"MF601: the service said {TOKEN}").skipped


def test_what_a_plugin_printed_is_masked() -> None:
    printed = masked_output([("x printed", f"Authorization: Bearer {TOKEN}\nok")], redactor_for(with_token()))
    assert printed == [("x printed", "Authorization: Bearer ~secret.known-token.token~\nok")]


def test_what_reproduces_a_finding_is_left_to_whoever_wrote_it() -> None:
    assert of(error(reproduce=f"call({TOKEN!r})")).findings[0].reproduce == f"call({TOKEN!r})"
