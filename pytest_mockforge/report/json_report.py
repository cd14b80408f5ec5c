"""The report as JSON, after the schema that the package ships. Pure: the model in, text out, and back."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import msgspec

from pytest_mockforge.errors import DocumentError
from pytest_mockforge.report.model import SCHEMA, Report

_NUMBERS = re.compile(r"\[\n\s+[-+.\deE]+(?:,\n\s+[-+.\deE]+)*\n\s+\]")
"""An array of numbers; no text holds a line break, so that none is taken for one."""


def to_json(report: Report) -> str:
    """Write a report: keys in the order of the schema, and nothing but ASCII, so that no terminal acts on it."""
    text = json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=True, allow_nan=False) + "\n"
    # Thousands of samples, each on a line of its own, would be most of the file.
    return _NUMBERS.sub(lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text)


def from_json(data: bytes | str) -> Report:
    """Read what `to_json` wrote. Raises DocumentError for anything else."""
    try:
        return msgspec.json.decode(data, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(
            f"this is no report of pytest-mockforge: {error}",
            hint=f"a report is what --mockforge-report=FILE.json writes, with schema {SCHEMA!r}",
        ) from None


def json_schema() -> dict[str, object]:
    """Give the JSON Schema of reports, which ships with the package."""
    text = files("pytest_mockforge.report").joinpath("assets", "report.schema.json").read_text("utf-8")
    schema: dict[str, object] = json.loads(text)
    return schema
