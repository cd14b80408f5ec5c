"""Which plugin lies in a folder: a module, a service, or the question which of two. Reads files and runs none."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pytest_mockforge.documents.files import read_regular, shown
from pytest_mockforge.documents.manifest import Manifest, find_module
from pytest_mockforge.documents.start import StartCommand
from pytest_mockforge.documents.wording import listed
from pytest_mockforge.errors import DocumentError, SpecError
from pytest_mockforge.subject import Documents, read_documents

Runs = Literal["module", "python", "node", "elsewhere"]
"""What the plugin needs in CI to be run: nothing, Python and its requirements, Node, or somebody who starts it."""

_LARGEST_SOURCE = 1024 * 1024
_MOST_FILES = 200
_APP_NAMES = ("app", "application", "api")
_APP_FILES = ("app.py", "main.py", "server.py", "asgi.py")
_FRAMEWORKS = ("fastapi", "starlette", "litestar", "quart")
_NODE_FILES = ("server.js", "index.js", "app.js")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One plugin of a folder."""

    folder: Path
    spec: str
    """How the folder's own configuration names the plugin: `.`, a file, or an app."""
    what: str
    """In a few words, for the user."""
    runs: Runs
    documents: Documents
    start: StartCommand | None = None
    """How it is started, where a command of `plugin.test.yaml`, or of ours, starts it."""

    @property
    def protocol(self) -> Literal["", "http", "grpc"]:
        """What a service speaks; empty for a module."""
        if self.runs == "module":
            return ""
        remote = self.documents.manifest.remote if self.documents.manifest is not None else None
        url = self.documents.testfile.remote.url if self.documents.testfile.remote is not None else ""
        if self.start is not None:
            return self.start.protocol
        return "grpc" if url.startswith("grpc") or (remote is not None and remote.protocol == "grpc") else "http"


def find_plugin(place: Path, choose: Callable[[str, Sequence[str]], str | None]) -> Found:
    """Find the one plugin of a folder, or take the module that `place` names itself.

    `choose` is asked where there are two, and gives None where nobody can be asked. Raises SpecError where there is
    none, or where two could be meant; DocumentError for a document that cannot be read.
    """
    if place.is_file():
        if place.suffix not in (".wasm", ".wat"):
            raise SpecError(f"{shown(place)} is no module", hint="name the plugin's folder, or a .wasm in it")
        return _module(place.parent, place.name)
    if not place.is_dir():
        raise SpecError(f"{shown(place)} does not exist", hint="name the plugin's folder")
    documents = read_documents(place)
    for error in (documents.manifest_error, documents.testfile_error):
        if error is not None:
            raise error
    candidates = _candidates(place, documents)
    if not candidates:
        raise _nothing(place, documents)
    if len(candidates) == 1:
        return candidates[0]
    names = [one.what for one in candidates]
    chosen = choose(f"{shown(place)} holds {len(names)} plugins; which one?", names)
    if chosen is None:
        example = next(one.spec for one in candidates if one.runs == "module")
        hint = f"name one: python -m pytest_mockforge init {shown(place / example)}"
        raise SpecError(f"{shown(place)} holds {len(names)} plugins", expected="one", got=listed(names), hint=hint)
    return candidates[names.index(chosen)]


def _candidates(folder: Path, documents: Documents) -> list[Found]:
    """Give each plugin that could be meant: modules, unless one is named, and the service that documents speak of."""
    testfile, manifest = documents.testfile, documents.manifest
    remote = manifest.remote if manifest is not None else None
    spoken_of = testfile.start is not None or testfile.remote is not None or (remote is not None and remote.endpoint)
    modules = _modules(folder, manifest)
    services = list(_services(folder, documents)) if spoken_of or not modules else []
    alone = documents if len(modules) + len(services) == 1 else None
    return [*(_module(folder, name, alone) for name in modules), *services]


def _modules(folder: Path, manifest: Manifest | None) -> list[str]:
    files = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".wasm") and entry.is_file())
    if "plugin.wasm" in files or (manifest is not None and manifest.module is not None):
        return [find_module(folder, manifest).relative_to(folder).as_posix()]
    return files


def _module(folder: Path, name: str, alone: Documents | None = None) -> Found:
    """A module by its folder where that has a manifest and nothing else can be meant, else by its file."""
    whole = alone is not None and alone.manifest is not None
    documents = alone or read_documents(folder)
    return Found(folder=folder, spec="." if whole else name, what=name, runs="module", documents=documents)


def _services(folder: Path, documents: Documents) -> Iterator[Found]:
    testfile, manifest = documents.testfile, documents.manifest
    if testfile.start is not None:
        what = f"the service that plugin.test.yaml starts: {' '.join(testfile.start.command)}"
        yield _service(folder, documents, what, start=testfile.start)
        return
    if testfile.remote is not None:
        yield _service(folder, documents, f"the service at {testfile.remote.url}")
        return
    app = _python_app(folder)
    if app is not None and (manifest is None or find_spec("uvicorn") is None):
        yield Found(folder=folder, spec=f"asgi:{app}", what=f"the app {app}", runs="python", documents=documents)
        return
    remote = manifest.remote if manifest is not None else None
    is_grpc = remote is not None and remote.protocol == "grpc"
    command = None if is_grpc else _command(folder, app)
    if manifest is not None and command is not None:
        yield _service(
            folder, documents, f"the service {' '.join(command)}", start=StartCommand(command=command, cwd=folder)
        )
    elif remote is not None and remote.endpoint is not None:
        yield _service(folder, documents, f"the service at {remote.endpoint}")


def _service(folder: Path, documents: Documents, what: str, start: StartCommand | None = None) -> Found:
    first = Path(start.command[0]).name if start is not None else ""
    runs: Runs = "elsewhere"
    if first:
        runs = "node" if first in ("node", "npm", "npx") else "python"
    own = replace(documents, testfile=replace(documents.testfile, start=start)) if start is not None else documents
    return Found(folder=folder, spec=".", what=what, runs=runs, documents=own, start=start)


def _command(folder: Path, app: str | None) -> tuple[str, ...] | None:
    """Guess how a service is started; it gets its port in PORT, or where `{port}` stands."""
    if app is not None:
        return ("{python}", "-m", "uvicorn", app, "--port", "{port}")
    try:
        package = json.loads(read_regular(folder / "package.json", max_bytes=_LARGEST_SOURCE))
    except (DocumentError, ValueError):
        return None
    scripts = package.get("scripts") if isinstance(package, dict) else None
    if isinstance(scripts, dict) and isinstance(scripts.get("start"), str):
        return ("npm", "start")
    main = package.get("main") if isinstance(package, dict) else None
    files = (*((main,) if isinstance(main, str) else ()), *_NODE_FILES)
    return next((("node", name) for name in files if (folder / name).is_file()), None)


def _python_app(folder: Path) -> str | None:
    """Find `MODULE:APP` of an ASGI app among the folder's Python files, by reading and never by importing them."""
    sources = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".py"))[:_MOST_FILES]
    for name in sorted(sources, key=lambda name: _APP_FILES.index(name) if name in _APP_FILES else len(_APP_FILES)):
        if not name.removesuffix(".py").isidentifier():
            continue
        try:
            tree = ast.parse(read_regular(folder / name, max_bytes=_LARGEST_SOURCE))
        except (DocumentError, SyntaxError, ValueError, RecursionError):
            continue
        app = _app_of(tree)
        if app is not None:
            return f"{name.removesuffix('.py')}:{app}"
    return None


def _app_of(tree: ast.Module) -> str | None:
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    if not imported & set(_FRAMEWORKS):
        return None
    names: set[str] = set()
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return next((name for name in _APP_NAMES if name in names), None)


def _nothing(folder: Path, documents: Documents) -> SpecError:
    if documents.manifest is not None:
        return SpecError(
            f"{shown(folder)} has a plugin.yaml, but neither a module nor a service",
            hint="build the plugin first, as plugin.wasm beside plugin.yaml; of a service, name its endpoint there",
        )
    near = _nearby(folder)
    hint = f"name its folder: python -m pytest_mockforge init {shown(near)}" if near else "build the plugin first"
    return SpecError(
        f"there is no plugin in {shown(folder)}",
        expected="a plugin.yaml, a .wasm, or a service (plugin.test.yaml with start:, or an ASGI app)",
        got=_listed(folder),
        hint=hint,
    )


def _nearby(folder: Path) -> Path | None:
    """Find a folder in this one that holds a plugin."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)[:_MOST_FILES]:
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        try:
            names = {inner.name for inner in os.scandir(entry.path)}
        except OSError:
            continue
        if names & {"plugin.yaml", "plugin.yml"} or any(name.endswith(".wasm") for name in names):
            return folder / entry.name
    return None


def _listed(folder: Path) -> str:
    names = sorted(os.listdir(folder))
    shown_names = listed(repr(name) for name in names[:8])
    return (shown_names + (f" and {len(names) - 8} more" if len(names) > 8 else "")) or "an empty folder"
