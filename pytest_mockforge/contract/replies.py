"""What a plugin answers, as frozen values with the fields of contract 1.3 to 1.6. Knows nothing of checking them.

Template functions have no model: they answer with any JSON value (contract 1.4).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pytest_mockforge.contract.json_text import Json, parse


class UserIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who was recognised (contract 1.3)."""

    user_id: str
    username: str | None = None
    email: str | None = None
    display_name: str | None = None
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    attributes: Mapping[str, Json]


class AuthResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The reply of `authenticate` (contract 1.3)."""

    authenticated: bool
    identity: UserIdentity | None = None
    claims: Mapping[str, Json]
    metadata: Mapping[str, Json]
    error_message: str | None = None


class ResponseData(msgspec.Struct, frozen=True, kw_only=True):
    """The reply of `generate_response` (contract 1.5)."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    content_type: str
    metadata: Mapping[str, Json]
    cache_control: str | None = None
    custom: Mapping[str, Json]

    @property
    def text(self) -> str:
        """The body as UTF-8; bytes that are none stand as U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Json:
        """Read the body as JSON, by the host's rules. Raises `ValueError` with line and column where it is none."""
        parsed = parse(self.body)
        if parsed.host_message is not None:
            raise ValueError(f"the body is not JSON: {parsed.host_message}")
        return parsed.value

    def header(self, name: str) -> str | None:
        """Return the header called `name`, letter case aside, or None.

        `content-type` and `cache-control` follow the host: `content_type` stands in where `headers` has none, and
        `cache_control` goes before what `headers` says (contract 1.5).
        """
        wanted = name.lower()
        if wanted == "cache-control" and self.cache_control is not None:
            return self.cache_control
        for key, value in self.headers.items():
            if key.lower() == wanted:
                return value
        return self.content_type if wanted == "content-type" else None


class DataRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row (contract 1.6)."""

    values: tuple[Json, ...]
    metadata: Mapping[str, Json]


class ColumnInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One column (contract 1.6). `data_type` names the variant; for `Custom`, `custom_type` holds the name in it."""

    name: str
    data_type: str
    custom_type: str | None = None
    nullable: bool
    description: str | None = None
    metadata: Mapping[str, Json]


class DataResult(msgspec.Struct, frozen=True, kw_only=True):
    """The reply of `query_datasource` (contract 1.6)."""

    rows: tuple[DataRow, ...]
    columns: tuple[ColumnInfo, ...]
    total_count: int | None = None
    execution_time_ms: int
    metadata: Mapping[str, Json]

    @property
    def records(self) -> tuple[dict[str, Json], ...]:
        """Each row as a mapping from column name to value; what has no column, or no value, is left out."""
        names = [column.name for column in self.columns]
        return tuple(dict(zip(names, row.values, strict=False)) for row in self.rows)


Reply = AuthResponse | ResponseData | DataResult | Json
