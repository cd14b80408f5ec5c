"""The layers of ARCHITECTURE.md, held against the imports in the code."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "pytest_mockforge"

OWNERS = {
    "wasmtime": (
        *("runtimes.wasm.engine", "runtimes.wasm.capi", "runtimes.wasm.features", "module_subject"),
        *(f"runtimes.component.{name}" for name in ("border", "engine", "instance", "surroundings")),
    ),
    "ruamel": ("documents.yaml_events",),
    "hypothesis": (
        "examples",
        "fuzz.draws",
        "fuzz.engine",
        "fuzz.search",
        *(f"fuzz.{name}" for name in ("strategies", "values", "mutate", "schema", "formats", "answers", "wire")),
        "fuzz.registration",
        "stateful",
    ),
    "httpx": ("mocks.respx_mock",),
    "anyio": ("mocks.respx_mock",),
    "httpcore": ("runtimes.remote.sockets", "runtimes.remote.transport"),
    "respx": ("mocks.respx_mock",),
    "grpc": ("runtimes.remote.grpc_channel", "mocks.grpc_channel", "mocks.grpc_mock", "mocks.grpc_server"),
    "grpc_testing": ("mocks.grpc_channel", "mocks.grpc_mock"),
    "grpc_tools": ("proto.generate",),
    "google": ("proto.messages",),
    "syrupy": ("snapshot.extension", "snapshot.comparison"),
    "pygal": ("report.charts",),
    "pytest_benchmark": (),
}
"""Heavy libraries, and the modules that may import them."""

KNOW_PYTEST = (
    "settings",
    "markers",
    "plugin",
    "active",
    "fixtures",
    "suite",
    "budget_marker",
    "snapshot_run",
    "recording_run",
    "replay_run",
    "explain",
    "extensions",
    "hookspecs",
)
_NEVER = re.compile(r"(_pytest|unittest\.mock|mock)(\.|$)")


@dataclass(frozen=True, kw_only=True)
class Import:
    """One import: who imports what, where it is written."""

    importer: str
    imported: str
    line: int
    when: str
    """`loading`, `calling` (inside a function) or `typing` (under TYPE_CHECKING)."""

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def is_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports_in(importer: str, node: ast.AST, when: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inner = when
        if is_typing(child):
            inner = "typing"
        elif when == "loading" and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = "calling"
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(importer=importer, imported=alias.name, line=child.lineno, when=inner)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{importer}:{child.lineno} imports relatively"
            for alias in child.names:
                whole = f"{child.module}.{alias.name}"
                known = whole.removeprefix("pytest_mockforge.") in modules()
                imported = whole if known and whole.startswith("pytest_mockforge.") else str(child.module)
                yield Import(importer=importer, imported=imported, line=child.lineno, when=inner)
        else:
            yield from imports_in(importer, child, inner)


@cache
def all_imports() -> tuple[Import, ...]:
    return tuple(
        one
        for name, path in modules().items()
        for one in imports_in(name, ast.parse(path.read_text("utf-8")), "loading")
    )


def own_imports() -> Iterator[tuple[Import, str]]:
    for one in all_imports():
        if one.imported.startswith("pytest_mockforge."):
            yield one, one.imported.removeprefix("pytest_mockforge.")


@cache
def layers() -> tuple[tuple[str, ...], ...]:
    """Give the modules of each row of the table, the uppermost first; a folder ends with a point."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    table = text.partition("## Layers")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|")][2:]
    return tuple(tuple(re.findall(r"`([\w.]+)`", row[2].replace("/", "."))) for row in rows)


@cache
def layer_of(module: str) -> int | None:
    """Give the row of a module, 0 for the uppermost; None for the façade, which may name anything."""
    # The longest name counts: one module of a folder may lie deeper than the others.
    found = [
        (len(name), index)
        for index, names in enumerate(layers())
        for name in names
        if module == name or (name.endswith(".") and f"{module}.".startswith(name))
    ]
    return max(found)[1] if found else None


def test_the_table_has_the_layers_that_the_tests_below_rely_on() -> None:
    assert len(layers()) >= 11
    assert layer_of("plugin") == 0
    assert layer_of("errors") == len(layers()) - 1
    assert layer_of("checks") == layer_of("checks.contract") != layer_of("contract")


def test_every_module_has_a_layer() -> None:
    assert [name for name in modules() if name and layer_of(name) is None] == []


def test_no_module_imports_from_a_layer_above() -> None:
    upward = []
    for one, imported in own_imports():
        mine, theirs = layer_of(one.importer), layer_of(imported)
        if one.importer and one.when != "typing" and mine is not None and theirs is not None and theirs < mine:
            upward.append(str(one))
    assert upward == []


def test_no_module_imports_itself_by_a_circle_while_it_is_loaded() -> None:
    graph: dict[str, set[str]] = {}
    for one, imported in own_imports():
        if one.when == "loading":
            graph.setdefault(one.importer, set()).add(imported)
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for imported in sorted(graph.get(module, ())):
                visit(imported, (*path, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())


@pytest.mark.parametrize("library", OWNERS)
def test_a_heavy_library_is_imported_by_its_owners_alone(library: str) -> None:
    importers = {one.importer for one in all_imports() if one.imported.partition(".")[0] == library}
    assert importers <= set(OWNERS[library])


@pytest.mark.parametrize(
    "module", ["", "options", "settings", "markers", "plugin", "fixtures", "suite", "spec", "errors"]
)
def test_what_a_run_without_a_plugin_loads_imports_no_third_party_library(module: str) -> None:
    loading = {
        one.imported.partition(".")[0] for one in all_imports() if one.importer == module and one.when == "loading"
    }
    assert loading <= {"pytest", "pluggy", "pytest_mockforge"} | sys.stdlib_module_names


def test_only_the_pytest_layer_imports_pytest() -> None:
    importers = {one.importer for one in all_imports() if one.imported == "pytest" and one.when != "typing"}
    assert importers == set(KNOW_PYTEST)


def test_nobody_imports_what_is_private_to_pytest_or_a_mock() -> None:
    assert [str(one) for one in all_imports() if _NEVER.match(one.imported)] == []


def test_nobody_reaches_for_private_attributes_of_pytests_objects() -> None:
    reached = [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and re.fullmatch(r"_[a-z]\w*", node.attr)
        and ast.unparse(node.value).rpartition(".")[2] in ("config", "session", "item", "request", "report", "reporter")
        and layer_of(name) == 0
    ]
    assert reached == []


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_says_what_it_is_for_and_stays_small(name: str) -> None:
    text = modules()[name].read_text("utf-8")
    tree = ast.parse(text)
    assert not tree.body or ast.get_docstring(tree)
    assert len(text.splitlines()) < 500
    assert not re.search(r"utils|helper|manager", name)


def test_the_table_of_a_package_names_its_modules() -> None:
    text = (
        (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("## Inside `runtimes/wasm/`")[2].partition("\n## ")[0]
    )
    known = {path.stem for path in (PACKAGE / "runtimes" / "wasm").glob("*.py")} - {"__init__"}
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert listed == known
