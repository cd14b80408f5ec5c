"""Makes the JSON Schema of reports from the model: `python -m tests.report_schema` writes the file that ships."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from pathlib import Path

import msgspec

from pytest_mockforge import report
from pytest_mockforge.budgets.machine import Machine
from pytest_mockforge.budgets.model import Verdict
from pytest_mockforge.checks.model import Finding, HostVerdict
from pytest_mockforge.report import model

PATH = Path(str(report.__file__)).parent / "assets" / "report.schema.json"
_TYPES = (
    *(model.Report, model.Run, model.PluginReport, model.Counts, model.OperationReport, model.Time, model.CheckReport),
    *(Finding, HostVerdict, Machine, Verdict),
)


def made() -> dict[str, object]:
    """Give the schema, each field described by what stands below it in the code."""
    schema: dict[str, object] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Report of pytest-mockforge, {model.SCHEMA}",
        **msgspec.json.schema(model.Report),
    }
    parts = schema["$defs"]
    assert isinstance(parts, dict)
    # It has a default for those who make a report; one that is read has to name its schema.
    parts["Report"]["required"].insert(0, "schema")
    for type_ in _TYPES:
        for name, text in _documented(type_).items():
            parts[type_.__name__]["properties"][name]["description"] = text
    return schema


def _documented(type_: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(type_))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[ast.unparse(field.target)] = " ".join(str(below.value.value).split())
    return found


def written() -> str:
    """Give the text of the file."""
    return json.dumps(made(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(written(), "utf-8")
