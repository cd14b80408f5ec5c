"""The report as JSON, after the schema that the package ships. Pure: the model in, text out, and back."""

from __future__ import annotations

import json
from importlib.resources import files

import msgspec

from pytest_mockforge.errors import DocumentError
from pytest_mockforge.report.model import SCHEMA, Report


def to_json(report: Report) -> str:
    """Write a report: keys in the order of the schema, and nothing but ASCII, so that no terminal acts on it."""
    return json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def from_json(data: bytes | str) -> Report:
    """Read what `to_json` wrote. Raises DocumentError for anything else."""
    try:
        return msgspec.json.decode(data, type=Report)
    except msgspec.DecodeError as error:
        raise DocumentError(
            f"this is no report of pytest-mockforge: {error}",
            hint=f"a report is what --mockforge-report=FILE.json writes, with schema {SCHEMA!r}",
        ) from None


def json_schema() -> dict[str, object]:
    """Give the JSON Schema of reports, which ships with the package."""
    text = files("pytest_mockforge.report").joinpath("assets", "report.schema.json").read_text("utf-8")
    schema: dict[str, object] = json.loads(text)
    return schema
