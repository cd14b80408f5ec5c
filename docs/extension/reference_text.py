"""What the code says of itself, as Markdown: options, keys, fixtures, markers, hooks, checks, the report's schema.

Nothing is told here that the code tells itself. Knows nothing of Sphinx. As a program it renews the copies in pages:
`python docs/extension/reference_text.py`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from markdown_text import Drift, documented, first, plain, sentence, table
from testfile_text import testfile

_PLACE = re.compile(
    r"^<!-- generated: (?P<name>[a-z-]+) -->$(?P<copy>\n(?:(?!<!-- generated).*\n)*?<!-- end -->$)?", re.MULTILINE
)


def fill(text: str, *, keep_places: bool = False) -> str:
    """Put the generated text into each place of a page; `keep_places` for a page that stays in the repository."""

    def written(found: re.Match[str]) -> str:
        part = PARTS.get(found["name"])
        if part is None:
            raise Drift(f"nothing is called {found['name']!r}; known are {', '.join(PARTS)}")
        if keep_places:
            return f"<!-- generated: {found['name']} -->\n\n{part()}\n\n<!-- end -->" if found["copy"] else found[0]
        return part()

    return _PLACE.sub(written, text)


# Options, ini keys


@dataclass
class _Declared:
    """Stands in for pytest's parser, and keeps what is declared to it."""

    options: dict[str, dict[str, object]] = field(default_factory=dict)
    keys: dict[str, dict[str, object]] = field(default_factory=dict)

    def getgroup(self, *_: str) -> _Declared:
        return self

    def addoption(self, name: str, **said: object) -> None:
        self.options[name] = said

    def addini(self, name: str, text: str, **said: object) -> None:
        self.keys[name] = {"help": text, **said}


_KINDS = {"bool": "`true` or `false`", "int": "a number", "linelist": "one a line", "string": "text"}


def options() -> str:
    """A row for each option that has an ini key."""
    from pytest_mockforge.options import add_options

    declared = _Declared()
    add_options(cast("pytest.Parser", declared))
    rows = []
    for name, said in declared.options.items():
        base = name.removeprefix("--").replace("-", "_")
        key = next((one for one in (base, f"{base}s") if one in declared.keys), None)
        if key is not None:
            kind = _KINDS[str(declared.keys[key].get("type", "string"))]
            form = f"{name}={said['metavar']}" if "metavar" in said else name
            rows.append((f"`{form}`", f"`{key}`", kind, plain(str(said["help"]))))
    return table(("option", "ini key", "its value", "meaning"), rows)


# Fixtures, markers, hooks, names


def fixtures() -> str:
    """A section for each fixture: what it gives, for how long, and its example."""
    from pytest_mockforge import plugin

    parts = []
    for name in plugin.__all__:
        fixture = getattr(plugin, name)
        function = inspect.unwrap(fixture)
        scope = _scope(function)
        gives = re.sub(r"^Iterator\[(.*)\]$", r"\1", str(function.__annotations__["return"]))
        parts.append(f"({name})=\n## {name}\n\nScope: {scope}. Gives: `{gives}`.\n\n{documented(fixture)}")
    return "\n\n".join(parts)


def _scope(function: Callable[..., object]) -> str:
    decorator = inspect.getsource(function).partition("def ")[0]
    found = re.search(r"scope=\"(\w+)\"", decorator)
    return found[1] if found else "function"


def markers() -> str:
    """A section for each marker, as `pytest --markers` prints it."""
    from pytest_mockforge.options import declare_markers

    lines: list[str] = []

    class Config:
        @staticmethod
        def addinivalue_line(_: str, line: str) -> None:
            lines.append(line)

    declare_markers(cast("pytest.Config", Config()))
    parts = []
    for line in lines:
        form, _, text = line.partition(": ")
        name = form.partition("(")[0]
        parts.append(f"({name}-marker)=\n## {name}\n\n```text\n@pytest.mark.{form}\n```\n\n{sentence(text)}")
    return "\n\n".join(parts)


def hooks() -> str:
    """A section for each hook: its signature, what it is for, and its example."""
    from pytest_mockforge import hookspecs

    found = [(name, value) for name, value in vars(hookspecs).items() if name.startswith("pytest_mockforge_")]
    parts = [plain(inspect.getdoc(hookspecs) or "")]
    for name, value in found:
        form = re.sub(r"'", "", str(inspect.signature(value)))
        parts.append(f"({name})=\n## {name}\n\n```text\n{name}{form}\n```\n\n{documented(value)}")
    return "\n\n".join(parts)


def hook_types() -> str:
    """A row for each type that hooks take."""
    from pytest_mockforge import extending

    return _names(extending, extending.__all__)


def names() -> str:
    """A row for each public name of the package."""
    import pytest_mockforge

    return _names(pytest_mockforge, pytest_mockforge.__all__)


def _names(module: object, wanted: Iterable[str]) -> str:
    rows = [(f"`{name}`", plain(first(inspect.getdoc(getattr(module, name)) or ""))) for name in wanted]
    return table(("name", "what it is"), rows)


# Checks


def checks() -> str:
    """A section for each check of ours, by family: what `--mockforge-explain` prints."""
    from pytest_mockforge.checks.registry import FAMILIES, catalogue

    parts = []
    for family, title in FAMILIES.items():
        parts.append(f"({family})=\n## {family}: {title}")
        for check in catalogue():
            if check.family == family:
                body = check.page.split("\n", 3)[3]
                parts.append(f"({check.code})=\n### {check.code}: {plain(check.title)}\n\n{_page(body)}")
    return "\n\n".join(parts)


def _page(body: str) -> str:
    """Turn a page for the terminal into Markdown: its paragraphs, and its lists of mends."""
    prose, _, mends = body.partition("\n\nMends")
    parts = [plain(prose)]
    if mends:
        for block in re.split(r"^Mends", "Mends" + mends, flags=re.MULTILINE)[1:]:
            head, _, lines = block.strip(", \n").partition("\n")
            entries = re.sub(r"\n {4,}", " ", lines).splitlines()
            items = "\n".join(f"- *{who}*: {plain(how)}" for who, _, how in (_entry(line) for line in entries))
            parts.append(f"Mends, {head}\n\n{items}" if head.strip(":") else f"Mends:\n\n{items}")
    return "\n\n".join(parts)


def _entry(line: str) -> tuple[str, str, str]:
    return line.strip().partition(": ")


# The report's schema


def report_schema() -> str:
    """A section for each object of a JSON report."""
    from pytest_mockforge.report.json_report import json_schema

    schema = json_schema()
    parts = [f"`schema` is `{_enum(schema)}`."]
    definitions = cast("dict[str, dict[str, object]]", schema["$defs"])
    for name, definition in definitions.items():
        properties = cast("dict[str, dict[str, object]]", definition.get("properties", {}))
        required = cast("list[str]", definition.get("required", []))
        rows = [
            (
                f"`{key}`",
                _type(said),
                "" if key in required else "may be left out",
                plain(str(said.get("description", ""))),
            )
            for key, said in properties.items()
        ]
        text = plain(str(definition.get("description", "")))
        parts.append(f"(report-{name})=\n## {name}\n\n{text}\n\n{table(('field', 'type', '', 'meaning'), rows)}")
    return "\n\n".join(parts)


def _enum(schema: dict[str, object]) -> str:
    return str(schema["title"]).rpartition(", ")[2]


def _type(schema: object) -> str:
    """Word one schema: the names of objects as links to their sections."""
    # `true`, or nothing, is a schema too, which takes any value.
    said = cast("dict[str, object]", schema) if isinstance(schema, dict) else {}
    if "$ref" in said:
        name = str(said["$ref"]).rpartition("/")[2]
        return f"[{name}](#report-{name})"
    if "anyOf" in said:
        return " or ".join(_type(one) for one in cast("list[object]", said["anyOf"]))
    if "enum" in said:
        return ", ".join(f"`{'null' if one is None else one}`" for one in cast("list[object]", said["enum"]))
    kind = said.get("type", "any JSON value")
    if kind == "array":
        return f"list of {_type(said.get('items'))}"
    if kind == "object" and isinstance(said.get("additionalProperties"), dict):
        return f"object of {_type(said['additionalProperties'])}"
    return str(kind)


PARTS: dict[str, Callable[[], str]] = {
    "checks": checks,
    "fixtures": fixtures,
    "hook-types": hook_types,
    "hooks": hooks,
    "markers": markers,
    "names": names,
    "options": options,
    "report-schema": report_schema,
    "testfile": testfile,
}


def pages() -> Iterator[Path]:
    """Give the pages that hold a copy of generated text."""
    for path in sorted(Path(__file__).parent.parent.rglob("*.md")):
        if "<!-- end -->" in path.read_text("utf-8"):
            yield path


if __name__ == "__main__":
    for page in pages():
        page.write_text(fill(page.read_text("utf-8"), keep_places=True), "utf-8")
        sys.stdout.write(f"wrote {page}\n")
