"""What a snapshot leaves out: by form, by name, by pointer, by matcher; and what it does not."""

from __future__ import annotations

import pytest
from syrupy.filters import paths, props
from syrupy.matchers import path_type

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import ColumnInfo, DataResult, DataRow, ResponseData
from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.snapshot.redactions import Redactions, redacted
from pytest_mockforge.snapshot.text import write
from pytest_mockforge.snapshot.tree import Data, document_of

UUID = "3f2b8c1e-5d7a-4c3e-9a51-0b7d1f6a2c90"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def kept(value: object, asked: Redactions | None = None) -> object:
    node = redacted(document_of(value), asked or Redactions()).node
    assert isinstance(node, Data)
    return node.value


def reply(**headers: str) -> ResponseData:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = f'{{"id":7,"at":"2024-05-01T12:00:00Z","key":"{UUID}"}}'.encode()
    return ResponseData(
        status_code=200, headers=named, body=body, content_type="application/json", metadata={}, custom={}
    )


def rows() -> DataResult:
    names = ("id", "joined")
    columns = tuple(ColumnInfo(name=name, data_type="Text", nullable=False, metadata={}) for name in names)
    row = DataRow(values=(7, "2024-05-01T12:00:00Z"), metadata={"seen": 1})
    return DataResult(rows=(row,), columns=columns, execution_time_ms=12, metadata={})


# --- built in ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["request_id", "requestId", "X-Request-ID", "correlation-id", "trace_id", "traceparent"]
)
def test_request_ids_are_told_by_name(name: str) -> None:
    assert kept({name: "abc-1"}) == {name: "<request-id>"}


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T12:00:00Z",
        "2024-05-01T12:00:00.123456+02:00",
        "2024-05-01 12:00:00",
        "Wed, 01 May 2024 12:00:00 GMT",
    ],
)
def test_timestamps_are_told_by_form_inside_of_texts_too(text: str) -> None:
    assert kept({"seen": text, "log": f"at {text}: ok"}) == {"seen": "<timestamp>", "log": "at <timestamp>: ok"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created_at", 1_714_564_800),
        ("updatedAt", 1_714_564_800_123),
        ("exp", 4_102_444_800),
        ("timestamp", "1714564800"),
    ],
)
def test_numbers_are_timestamps_where_the_name_says_so(name: str, value: object) -> None:
    assert kept({name: value}) == {name: "<timestamp>"}


@pytest.mark.parametrize(
    "value", [{"count": 1_714_564_800}, {"created_at": 12}, {"day": "2024-05-01"}, {"format": 1e12}]
)
def test_other_numbers_and_days_are_data(value: object) -> None:
    assert kept(value) == value


@pytest.mark.parametrize(
    "name", ["execution_time_ms", "elapsed", "took", "X-Response-Time", "duration_ms", "queryTimeUs"]
)
def test_execution_times_are_told_by_name(name: str) -> None:
    assert kept({name: 12}) == {name: "<execution-time>"}


def test_uuids_and_jwts_are_told_by_form() -> None:
    assert kept({"a": UUID, "b": f"user {UUID.upper()}!", "c": JWT, "d": f"got {JWT}"}) == {
        "a": "<uuid>",
        "b": "user <uuid>!",
        "c": "<jwt>",
        "d": "got <secret>",
    }


def test_secrets_are_told_as_reports_tell_them() -> None:
    assert kept(
        {"db_password": "hunter22", "log": "Authorization: Bearer abc123xyz", "credentials": {"x": "s3cr3t!"}}
    ) == {
        "db_password": "<secret>",
        "log": "Authorization: Bearer <secret>",
        "credentials": {"x": "<secret>"},
    }


def test_a_secret_that_is_a_jwt_is_called_one() -> None:
    assert kept({"token": JWT}) == {"token": "<jwt>"}


def test_what_is_missing_null_or_empty_still_shows() -> None:
    value = {"request_id": None, "token": "", "elapsed": None, "created_at": ""}
    assert kept(value) == value


def test_the_execution_time_of_a_data_source_is_left_out() -> None:
    assert 'execution_time_ms: "<execution-time>"' in write(redacted(document_of(rows()), Redactions()))


def test_a_body_is_looked_into_and_so_are_headers() -> None:
    written = write(
        redacted(document_of(reply(X_Request_Id="r-1", Date="Wed, 01 May 2024 12:00:00 GMT")), Redactions())
    )
    for line in ('"at": "<timestamp>"', '"key": "<uuid>"', 'x-request-id: "<request-id>"', 'date: "<timestamp>"'):
        assert line in written


# --- asked for --------------------------------------------------------------------------------------------------------


def test_a_pointer_leaves_a_value_out_whatever_it_is() -> None:
    asked = Redactions(redact=("/id", "/users/*/name", "/deep"))
    value = {"id": 7, "users": [{"name": "a", "age": 1}, {"name": "b", "age": 2}], "deep": {"x": [1]}}
    assert kept(value, asked) == {
        "id": "<redacted>",
        "users": [{"name": "<redacted>", "age": 1}, {"name": "<redacted>", "age": 2}],
        "deep": "<redacted>",
    }


def test_a_pointer_to_what_is_not_there_does_nothing() -> None:
    assert kept({"a": 1}, Redactions(redact=("/b/c",))) == {"a": 1}


def test_pointers_lead_into_bodies_headers_and_cells() -> None:
    asked = Redactions(redact=("/body/id", "/headers/X-Node", "/rows/*/id"))
    written = write(redacted(document_of(reply(X_Node="n1")), asked))
    assert '"id": "<redacted>"' in written
    assert 'x-node: "<redacted>"' in written
    assert '"<redacted>" | "<timestamp>"' in " ".join(write(redacted(document_of(rows()), asked)).split())


def test_a_whole_body_can_be_left_out() -> None:
    written = write(redacted(document_of(reply()), Redactions(redact=("/body",))))
    assert '  body: "<redacted>"\n' in written


@pytest.mark.parametrize("keep", ["timestamp", "/rows/*/joined", "/rows/0", "/rows/0/values/1", ""])
def test_what_is_built_in_can_be_kept_by_kind_and_by_pointer(keep: str) -> None:
    written = write(redacted(document_of(rows()), Redactions(keep=(keep,))))
    assert '"2024-05-01T12:00:00Z"' in written


def test_keeping_one_kind_keeps_no_other() -> None:
    assert kept({"at": "2024-05-01T12:00:00Z", "id": UUID}, Redactions(keep=("uuid",))) == {
        "at": "<timestamp>",
        "id": UUID,
    }


@pytest.mark.parametrize(("redact", "keep"), [(("body/id",), ()), (("/a~b",), ()), ((), ("time",)), (("uuid",), ())])
def test_what_is_neither_pointer_nor_kind_is_an_error(redact: tuple[str, ...], keep: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="cannot be used") as error:
        Redactions(redact=redact, keep=keep)
    assert "a JSON pointer such as '/body/id'" in str(error.value)


@pytest.mark.parametrize("pointer", ["/rows/0/values/0", "/rows/*/values/*", "/rows/*/metadata/seen", "/body/id"])
def test_volatile_fields_are_left_out_where_they_stand_in_the_reply(pointer: str) -> None:
    asked = Redactions(volatile=(Volatile(pointer=pointer),))
    value = reply() if "body" in pointer else rows()
    assert "<volatile>" in write(redacted(document_of(value), asked))


def test_volatile_fields_of_another_operation_are_kept() -> None:
    asked = Redactions(volatile=(Volatile(pointer="/body/id", operation=Operation.AUTHENTICATE),))
    assert "<volatile>" not in write(redacted(document_of(reply()), asked))


def test_matchers_of_syrupy_replace_values() -> None:
    asked = Redactions(matcher=path_type({"users.0.id": (int,)}))
    assert kept({"users": [{"id": 7, "n": 1}]}, asked) == {"users": [{"id": "<int>", "n": 1}]}


def test_filters_of_syrupy_leave_fields_away() -> None:
    value = {"a": 1, "b": {"a": 2, "c": 3}}
    assert kept(value, Redactions(exclude=props("a"))) == {"b": {"c": 3}}
    assert kept(value, Redactions(exclude=paths("b.a"))) == {"a": 1, "b": {"c": 3}}


def test_filters_leave_columns_and_fields_away() -> None:
    asked = Redactions(exclude=props("joined", "columns", "total_count"))
    written = write(redacted(document_of(rows()), asked))
    assert "joined" not in written
    assert "columns" not in written
