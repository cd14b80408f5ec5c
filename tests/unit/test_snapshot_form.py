"""The written form of a snapshot: what is kept of each reply, and that it reads back as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mockforge.contract.replies import AuthResponse, ColumnInfo, DataResult, DataRow, ResponseData
from pytest_mockforge.errors import GuestTrap, RemoteRefusal, SetupError, TrapRefusal
from pytest_mockforge.snapshot.text import Unreadable, read, write
from pytest_mockforge.snapshot.tree import Data, Digest, Document, Fields, Node, Table, Text, document_of


def response(
    body: bytes = b"",
    content_type: str = "text/plain",
    *,
    headers: Mapping[str, str] | None = None,
) -> ResponseData:
    return ResponseData(
        status_code=200, headers=headers or {}, body=body, content_type=content_type, metadata={}, custom={}
    )


def body_of(reply: ResponseData) -> str:
    """Give the lines of the body alone."""
    lines = write(document_of(reply)).split("\n")
    start = next(index for index, line in enumerate(lines) if line.startswith("  body:"))
    end = next(index for index, line in enumerate(lines) if line.startswith("  metadata:"))
    return "\n".join(line.removeprefix("  ") for line in lines[start:end])


def table(rows: list[tuple[object, ...]], *names: str, metadata: Mapping[str, object] | None = None) -> DataResult:
    columns = tuple(ColumnInfo(name=name, data_type="Text", nullable=True, metadata={}) for name in names)
    held: dict[str, object] = dict(metadata or {})
    data = tuple(DataRow(values=row, metadata=held) for row in rows)  # type: ignore[arg-type] # JSON, as each test says
    return DataResult(rows=data, columns=columns, execution_time_ms=3, metadata={})


def rows_of(result: DataResult) -> list[str]:
    text = write(document_of(result)).partition("\n  rows: table\n")[2].partition("\n  columns:")[0]
    return [line.removeprefix("    ") for line in text.split("\n")]


# --- bodies -----------------------------------------------------------------------------------------------------------


def test_json_is_laid_out_with_its_keys_sorted() -> None:
    assert body_of(response(b'{"b":[1],"a":"x"}', "application/json; charset=utf-8")) == (
        'body: json\n  {\n    "a": "x",\n    "b": [\n      1\n    ]\n  }'
    )


@pytest.mark.parametrize("kind", ["application/problem+json", "text/json", "APPLICATION/JSON"])
def test_what_is_called_json_is_read_as_json(kind: str) -> None:
    assert body_of(response(b'{"a":1}', kind)).startswith("body: json")


def test_a_body_that_is_called_json_and_is_none_is_text() -> None:
    assert body_of(response(b'{"a":', "application/json")) == 'body: text\n  |{"a":'


def test_a_body_with_a_key_twice_is_text_so_that_none_is_lost() -> None:
    assert body_of(response(b'{"a":1,"a":2}', "application/json")) == 'body: text\n  |{"a":1,"a":2}'


def test_text_stands_line_by_line_behind_bars() -> None:
    assert body_of(response("Grüß\n\ndich\n".encode())) == "body: text\n  |Grüß\n  |\n  |dich\n  |"


@pytest.mark.parametrize("kind", ["image/svg+xml", "application/javascript", "text/csv"])
def test_other_kinds_of_text_are_text_too(kind: str) -> None:
    assert body_of(response(b"<a/>", kind)) == "body: text\n  |<a/>"


def test_text_is_decoded_in_the_charset_that_it_names() -> None:
    assert body_of(response("Grüß".encode("latin-1"), "text/plain; charset=iso-8859-1")) == "body: text\n  |Grüß"


def test_bytes_are_a_digest_and_a_short_hex_dump() -> None:
    body = body_of(response(bytes(range(256)), "application/octet-stream")).split("\n")
    assert body[0] == "body: digest"
    assert body[1] == "  bytes: 256"
    assert body[2] == "  sha256: 40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880"
    assert body[5] == "  0020  20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f  | !\"#$%&'()*+,-./|"
    assert len(body) == 3 + 4


def test_text_that_is_none_is_a_digest() -> None:
    assert body_of(response(b"\xff\xfe", "text/plain")).startswith("body: digest")
    assert body_of(response(b"abc", "text/plain; charset=nonsense")).startswith("body: digest")


@pytest.mark.parametrize(("body", "kind"), [(b'{"a":1}', "json"), (b"plain", "text"), (b"GIF\x00\x01", "digest")])
def test_without_a_content_type_the_body_itself_tells(body: bytes, kind: str) -> None:
    assert body_of(response(body, "")).startswith(f"body: {kind}")


def test_the_header_names_the_type_before_the_field_does() -> None:
    reply = response(b'{"a":1}', "text/plain", headers={"Content-Type": "application/json"})
    assert body_of(reply).startswith("body: json")


def test_a_body_above_a_mebibyte_is_a_digest() -> None:
    assert body_of(response(b"a" * (1024 * 1024 + 1))).startswith("body: digest\n  bytes: 1048577")


def test_a_body_of_a_million_keys_is_a_digest() -> None:
    body = json.dumps({str(number): number for number in range(1_000_000)}).encode()
    assert body_of(response(body, "application/json")).startswith(f"body: digest\n  bytes: {len(body)}\n")


@pytest.mark.slow
def test_a_value_of_a_million_keys_is_a_digest() -> None:
    written = write(document_of({str(number): number for number in range(1_000_000)}))
    assert written.startswith("value: digest\n  bytes: 15777781\n")
    assert len(written) < 1_000


# --- other fields -----------------------------------------------------------------------------------------------------


def test_headers_are_sorted_and_in_lower_case() -> None:
    written = write(document_of(response(headers={"X-B": "2", "a": "1"})))
    assert '  headers:\n    a: "1"\n    x-b: "2"\n' in written


def test_headers_that_differ_in_case_alone_are_both_kept() -> None:
    written = write(document_of(response(headers={"x-a": "2", "X-A": "1"})))
    assert '    x-a: json\n      [\n        "1",\n        "2"\n      ]\n' in written


def test_rows_are_a_table() -> None:
    assert rows_of(table([(1, "Ada", None), (20, "李|", {"b": 1, "a": 0})], "id", "name", "note")) == [
        "id       | name             | note",
        '1        | "Ada"            | null',
        '20       | "李\\u007c"       | {"a": 0, "b": 1}',
    ]


def test_one_longer_cell_seldom_moves_the_other_rows() -> None:
    short, longer = (rows_of(table([("a", 1), (name, 2)], "name", "id")) for name in ("b", "bcde"))
    assert short[:2] == longer[:2]


def test_cells_without_a_column_and_columns_without_a_cell_are_kept() -> None:
    assert rows_of(table([(1, 2, 3), ()], "a", "a")) == [
        "a        | a (2)    | (column 3)",
        "1        | 2        | 3",
        "         |          |",
    ]


def test_metadata_of_rows_is_a_column() -> None:
    assert rows_of(table([(1,)], "a", metadata={"k": 2})) == ["a        | (metadata)", '1        | {"k": 2}']


def test_a_custom_type_stands_as_it_travels() -> None:
    column = ColumnInfo(name="x", data_type="Custom", custom_type="money", nullable=False, metadata={})
    result = DataResult(rows=(), columns=(column,), execution_time_ms=0, metadata={})
    assert '"x"      | {"Custom": "money"}      | false' in write(document_of(result))


def test_an_identity_that_is_null_is_written() -> None:
    reply = AuthResponse(authenticated=False, claims={}, metadata={}, error_message="no")
    assert write(document_of(reply)) == (
        'authenticate:\n  authenticated: false\n  identity: null\n  claims: {}\n  metadata: {}\n  error_message: "no"'
    )


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (-0.0, "0"), (1e6, "1000000"), (0.5, "0.5"), (True, "true")])
def test_numbers_are_kept_by_value(value: object, text: str) -> None:
    assert write(document_of(value)) == f"value: {text}"


def test_what_cannot_be_seen_is_escaped() -> None:
    assert write(document_of("\ud800\0\u2028\u202e\x7f\U000e0001\u00a0")) == (
        'value: "\\ud800\\u0000\\u2028\\u202e\\u007f\\udb40\\udc01\\u00a0"'
    )
    assert body_of(response("a\\\r\t \n\0\U000e0001".encode())) == (
        "body: text\n  |a\\\\\\u000d\\u0009\\u0020\n  |\\u0000\\U000e0001"
    )


def test_bytes_of_a_raw_call_are_read_as_json() -> None:
    assert write(document_of(b'{"a":1}')) == 'value: json\n  {\n    "a": 1\n  }'


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_refusal_is_the_same_in_each_language() -> None:
    trap = TrapRefusal("trapped", code="unreachable", during="template_function", backtrace=["lower"])
    status = RemoteRefusal("refused: no such function", kind="status", status=422)
    assert write(document_of(trap)) == write(document_of(status)) == 'failure:\n  kind: "Refusal"'


def test_a_trap_is_kept_with_its_code() -> None:
    trap = GuestTrap("trapped", code="stack-overflow", during="authenticate")
    assert write(document_of(trap)) == 'failure:\n  kind: "GuestTrap"\n  code: "stack-overflow"'


# --- what cannot be written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "got"),
    [(object(), "a value of type object"), ({1: 2}, "a key of type int"), ({"a": {3}}, "a value of type set")],
)
def test_what_is_no_json_is_named(value: object, got: str) -> None:
    with pytest.raises(SetupError, match="cannot be written down") as error:
        document_of(value)
    assert error.value.got == got


def test_a_number_of_many_bits_is_named_and_not_written() -> None:
    with pytest.raises(SetupError, match="cannot be written down") as error:
        document_of(1 << 100_000)
    assert error.value.got == "an integer of 100,001 bits"


def test_a_value_that_contains_itself_is_named() -> None:
    inside: list[object] = []
    inside.append(inside)
    with pytest.raises(SetupError, match="nested too deeply, or contains itself"):
        document_of(inside)


# --- the way back -----------------------------------------------------------------------------------------------------

_TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
_NUMBERS = st.integers(-(2**63), 2**64) | st.floats(allow_nan=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_TABLES = st.lists(_TEXTS, max_size=3, unique=True).flatmap(
    lambda names: st.builds(
        Table,
        columns=st.just(tuple(names)),
        rows=st.lists(
            st.dictionaries(st.sampled_from(names), _JSON, max_size=3) if names else st.just({}), max_size=3
        ).map(tuple),
    )
)
_NODES: st.SearchStrategy[Node] = st.recursive(
    st.builds(Data, value=_JSON)
    | st.builds(Text, text=_TEXTS | st.text("\\ \n\r|#u0", max_size=12))
    | st.binary(max_size=70).map(Digest.of)
    | _TABLES,
    lambda inner: st.builds(Fields, members=st.dictionaries(_TEXTS, inner, min_size=1, max_size=3)),
    max_leaves=4,
)


@given(_TEXTS, _NODES)
def test_whatever_is_written_reads_back_as_it_was(title: str, node: Node) -> None:
    document = Document(title=title, node=node)
    text = write(document)
    assert read(text) == document
    assert write(read(text)) == text


@given(_TEXTS, _NODES)
def test_no_line_ends_in_a_blank_or_holds_what_cannot_be_seen(title: str, node: Node) -> None:
    for line in write(Document(title=title, node=node)).split("\n"):
        assert line == line.rstrip()
        assert line.isprintable()


@given(st.text('abc:{}[]"| \\\n0', max_size=40))
def test_text_changed_by_hand_is_read_or_refused_and_nothing_else(text: str) -> None:
    with suppress(Unreadable):
        assert isinstance(read(text), Document)


def test_json_in_a_snapshot_is_json() -> None:
    block = body_of(response(b'{"a":[1,2]}', "application/json")).partition("\n")[2]
    assert json.loads(block) == {"a": [1, 2]}
