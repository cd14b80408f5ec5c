"""Replies that keep the contract, for tests of code that reads them. Knows no plugin and no request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, cast

from hypothesis import strategies as st

from pytest_mockforge.contract.json_reader import DEEPEST, U64_MAX
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import (
    AuthResponse,
    ColumnInfo,
    DataResult,
    DataRow,
    Reply,
    ResponseData,
    UserIdentity,
)
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.fuzz import values

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from pytest_mockforge.contract.json_text import Json

# Five levels stand around the innermost value of a reply, with the envelope of the published SDKs.
_DEEPEST = DEEPEST - 5
_DATA_TYPES = ("Text", "Integer", "Float", "Boolean", "DateTime", "Binary", "Json", "Uuid")
_MOST_COLUMNS = 4
_CONTENT_TYPES = (
    *("application/json", "text/plain", "text/html; charset=utf-8", "application/octet-stream", "", "image/png", "a"),
    *("APPLICATION/JSON", "application/problem+json", "multipart/form-data; boundary=a", "a/" + "b" * 1024),
)
_STATUSES = (
    200,
    201,
    204,
    206,
    301,
    302,
    304,
    400,
    401,
    403,
    404,
    409,
    418,
    422,
    429,
    500,
    503,
    100,
    199,
    599,
    600,
    999,
)


def replies(operation: Operation | str) -> SearchStrategy[Reply]:
    """Give replies of `operation` that keep the contract in both dialects.

    Raises `SettingsError` for an unknown operation.
    """
    if operation not in list(Operation):
        raise SettingsError(
            f"the operation cannot be {operation!r}", hint=f"valid values are {', '.join(map(str, Operation))}"
        )
    match Operation(operation):
        case Operation.AUTHENTICATE:
            return cast("SearchStrategy[Reply]", auth_responses())
        case Operation.TEMPLATE_FUNCTION:
            return cast("SearchStrategy[Reply]", values.json_values(deepest=_DEEPEST))
        case Operation.GENERATE_RESPONSE:
            return cast("SearchStrategy[Reply]", responses())
        case Operation.QUERY_DATASOURCE:
            return cast("SearchStrategy[Reply]", data_results())


def _member() -> SearchStrategy[Json]:
    return values.json_values(deepest=_DEEPEST)


@cache
def _objects() -> SearchStrategy[Mapping[str, Json]]:
    return st.dictionaries(values.names(), _member(), max_size=1)


def _maybe(strategy: SearchStrategy[str]) -> SearchStrategy[str | None]:
    return values.pick((None,), strategy, beyond=1)


@cache
def identities() -> SearchStrategy[UserIdentity]:
    """Who was recognised."""
    text = values.texts(longest=4096)
    names = st.lists(text, max_size=2).map(tuple)
    people = _maybe(text)
    return st.builds(
        UserIdentity,
        user_id=values.pick(("u-1", "", "0", "a" * 256, "ключ-🔑"), text),
        username=people,
        email=values.pick((None, "a@example.com", "", "@", "a@b@c")),
        display_name=people,
        roles=names,
        groups=names,
        attributes=_objects(),
    )


@cache
def auth_responses() -> SearchStrategy[AuthResponse]:
    """Replies of `authenticate`; who is admitted has an identity."""
    denied = st.builds(
        AuthResponse,
        authenticated=st.just(False),
        claims=_objects(),
        metadata=_objects(),
        error_message=_maybe(values.texts()),
    )
    admitted = st.builds(
        AuthResponse,
        authenticated=st.just(True),
        identity=identities(),
        claims=_objects(),
        metadata=_objects(),
        error_message=st.none(),
    )
    return st.one_of(denied, admitted)


@cache
def responses() -> SearchStrategy[ResponseData]:
    """Replies of `generate_response`: statuses and headers that the host can pass on."""
    status = values.pick(_STATUSES, st.integers(100, 999))
    return st.builds(
        ResponseData,
        status_code=status,
        headers=st.dictionaries(values.header_names(), values.header_values(), max_size=2),
        body=values.bodies(),
        content_type=values.pick(_CONTENT_TYPES),
        metadata=_objects(),
        cache_control=values.pick((None, "no-store", "", "max-age=31536000", "private, max-age=-1")),
        custom=_objects(),
    )


@cache
def columns() -> SearchStrategy[ColumnInfo]:
    """Columns of a result."""
    return st.builds(
        _column,
        name=values.names(),
        # The name of a custom type, None for one of the host's own.
        custom=values.pick((None,), values.texts(longest=256), beyond=1),
        data_type=values.pick(_DATA_TYPES),
        nullable=st.booleans(),
        description=_maybe(values.texts(longest=4096)),
        metadata=_objects(),
    )


def _column(*, custom: str | None, data_type: str, **rest: object) -> ColumnInfo:
    kind = data_type if custom is None else "Custom"
    return ColumnInfo(data_type=kind, custom_type=custom, **rest)  # type: ignore[arg-type] # the strategies above are typed


@cache
def rows() -> SearchStrategy[DataRow]:
    """Rows of any length; those of `data_results` have a value for each column."""
    return st.builds(DataRow, values=st.lists(_member(), max_size=4).map(tuple), metadata=_objects())


@st.composite
def _data_results(draw: DrawFn) -> DataResult:
    heads = draw(st.lists(columns(), max_size=_MOST_COLUMNS, unique_by=lambda column: column.name))
    width = len(heads)
    lines = draw(st.lists(st.lists(_member(), min_size=width, max_size=width), max_size=4))
    return DataResult(
        rows=tuple(DataRow(values=tuple(line), metadata={}) for line in lines),
        columns=tuple(heads),
        total_count=draw(values.pick((None, 0, 1), values.integers(0, U64_MAX))),
        execution_time_ms=draw(values.integers(0, U64_MAX)),
        metadata=draw(_objects()),
    )


@cache
def data_results() -> SearchStrategy[DataResult]:
    """Replies of `query_datasource`: each row has a value for each column, and each column a name of its own."""
    return _data_results()
