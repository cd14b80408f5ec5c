"""The steps of `init`: decide what to write, try the plugin, write, run pytest. Reports each on the screen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.service_bench import ServiceBench
from pytest_mockforge.commands.init import texts
from pytest_mockforge.commands.init.folder import Found
from pytest_mockforge.commands.init.merging import Configuration, configuration
from pytest_mockforge.commands.init.screen import Screen
from pytest_mockforge.commands.init.tried import Tried, try_out
from pytest_mockforge.documents.files import shown
from pytest_mockforge.documents.testfile import EMPTY
from pytest_mockforge.errors import LoadFailure, PluginFailure, SetupError
from pytest_mockforge.opening import Means, Wanted, effective_limits, open_cache, open_subject
from pytest_mockforge.report.destinations import write_whole
from pytest_mockforge.report.text import counted
from pytest_mockforge.service_subject import ServiceSubject
from pytest_mockforge.spec import Spec, parse_spec
from pytest_mockforge.subject import Subject


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Which files are written, and which of them take the place of one that is there."""

    testfile: Path
    tests: Path
    workflow: Path
    config: Configuration
    root: Path
    """The repository's root, else the plugin's folder."""
    written: frozenset[Path]
    replaced: frozenset[Path]


def set_up(found: Found, screen: Screen) -> bool:
    """Do all of it; True when pytest passed.

    Raises SetupError where something is in the way, PluginFailure where the plugin cannot be called, and OSError.
    """
    spec = parse_spec(found.spec, found.folder.absolute())
    screen.step(f"found {found.what} in {shown(found.folder.absolute())}")
    plan = _planned(found, spec.label, screen)
    if found.start is not None:
        _consent(found, screen)
    if plan.testfile in plan.replaced:
        fresh = replace(EMPTY, start=found.start, remote=found.documents.testfile.remote)
        found = replace(found, documents=replace(found.documents, testfile=fresh))
    with _bench(found, spec, screen) as bench:
        tried = try_out(bench)
    _tell(tried, screen)
    _write(plan, found, tried, screen)
    return _run_pytest(plan, found, screen)


def _planned(found: Found, label: str, screen: Screen) -> Plan:
    """Decide over each file before anything is written. Raises SetupError where nobody can be asked."""
    folder = found.folder
    root = next((one for one in (folder.absolute(), *folder.absolute().parents) if (one / ".git").exists()), None)
    config = configuration(folder, found.spec, commands=found.start is not None)
    plan = Plan(
        testfile=folder / "plugin.test.yaml",
        tests=folder / f"test_{label.replace('-', '_').replace('.', '_')}.py",
        workflow=(root or folder) / ".github" / "workflows" / f"mockforge-{label}.yml",
        config=config,
        root=root or folder.absolute(),
        written=frozenset(),
        replaced=frozenset(),
    )
    files = (plan.testfile, plan.tests, plan.workflow)
    there = [path for path in files if os.path.lexists(path)]
    asked = [*there, *([config.path] if config.action == "merge" else [])]
    if asked and not screen.yes and not screen.answers:
        raise SetupError(
            f"{shown(asked[0])} is there already" + (f", and so are {len(asked) - 1} more files" if asked[1:] else ""),
            got=", ".join(shown(path) for path in asked),
            hint="--yes writes what is new and overwrites nothing; on a terminal, each file is asked about",
        )
    replaced = {path for path in there if screen.answers and _overwrite(path, screen)}
    written = {path for path in files if path not in there} | replaced
    if config.action == "write" or (config.action == "merge" and _may_add(config, screen)):
        written.add(config.path)
    return replace(plan, written=frozenset(written), replaced=frozenset(replaced))


def _overwrite(path: Path, screen: Screen) -> bool:
    return screen.confirm(f"{shown(path)} is there already; overwrite it?", default=False)


def _may_add(config: Configuration, screen: Screen) -> bool:
    if screen.yes:
        return True
    screen.step(f"to {shown(config.path)} would be added")
    screen.lines(*config.lines)
    return screen.confirm("add it?", default=True)


def _consent(found: Found, screen: Screen) -> None:
    """Ask before a command is run, which can do anything."""
    assert found.start is not None
    command = " ".join(found.start.command)
    if screen.yes:
        screen.step(f"starting the service: {command}")
    elif not screen.answers or not screen.confirm(f"start the service by {command}?", default=True):
        raise SetupError(
            "the service has to be started, which was not allowed",
            got=command,
            hint="--yes starts it; of a service that runs already, write its address as remote: into plugin.test.yaml",
        )


@contextmanager
def _bench(found: Found, spec: Spec, screen: Screen) -> Iterator[Bench]:
    """Open the plugin and put it on the bench. Raises PluginFailure where it cannot be called."""
    subject = _subject(found, spec, screen)
    try:
        limits = effective_limits(Wanted(), subject.manifest)
        bench = open_bench(subject, limits=limits, host="adapter", dialect="auto")
        try:
            _require_callable(bench)
            screen.step("trying requests on it")
            yield bench
        finally:
            bench.close()
    finally:
        subject.close()


def _subject(found: Found, spec: Spec, screen: Screen) -> Subject:
    if found.runs != "module" and spec.kind == "folder":
        # Not by `open_subject`: a command that was guessed stands in no file yet.
        return ServiceSubject(spec, documents=found.documents, allow_commands=True, progress=screen.step)
    means = Means(cache=open_cache(None, found.folder), progress=screen.step)
    subject = open_subject(spec, means)
    subject.testfile = found.documents.testfile
    return subject


def _require_callable(bench: Bench) -> None:
    failure: PluginFailure | None = None
    if isinstance(bench, ServiceBench):
        failure = bench.unreached
    elif isinstance(bench, ModuleBench):
        opened = bench.subject.component
        failure = opened if isinstance(opened, LoadFailure) else bench.instantiation if opened is None else None
    if failure is not None:
        raise failure
    missing = bench.missing("operation")
    if missing:
        hint = f"pytest --mockforge-plugin={bench.subject.spec.text} tells what is wrong"
        raise LoadFailure(f"{bench.label} cannot be called: {missing}", step="start", hint=hint)


def _tell(tried: Tried, screen: Screen) -> None:
    screen.done(f"{tried.language} plugin, {tried.dialect} dialect")
    for operation, (accepted, made) in tried.counts.items():
        say = screen.done if accepted else screen.kept
        say(f"{operation} accepted {accepted} of {counted(made, 'request', 'requests')}")


def _write(plan: Plan, found: Found, tried: Tried, screen: Screen) -> None:
    samples, budgets = counted(len(tried.kept), "sample", "samples"), counted(len(tried.budgets), "budget", "budgets")
    files = (
        (plan.testfile, f"{samples}, {budgets}", texts.plugin_test_yaml(found, tried)),
        (plan.tests, "a test for each operation", texts.python_tests(tried)),
        (plan.workflow, "a job for GitHub Actions", _workflow(plan, found)),
    )
    for path, what, text in files:
        if path not in plan.written:
            screen.kept(f"kept {shown(path)}, which is there already")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(path, text, replaces=path in plan.replaced)
        screen.done(f"wrote {shown(path)}: {what}")
    if plan.testfile not in plan.written:
        _advise(plan.testfile, found, tried, screen)
    _write_config(plan, screen)


def _advise(path: Path, found: Found, tried: Tried, screen: Screen) -> None:
    """Say what to add to a `plugin.test.yaml` that is kept, of what it does not have at all."""
    there = found.documents.testfile
    if tried.kept and not there.samples:
        screen.kept(f"samples to add to {shown(path)}, all of them tried:")
        screen.lines("samples:", *texts.sample_lines(tried.kept))
    if tried.budgets and not there.budgets:
        screen.kept(f"budgets to add to {shown(path)}, a quarter above what was measured:")
        screen.lines("budgets:", *(f"  - {budget.text}" for budget in tried.budgets))


def _write_config(plan: Plan, screen: Screen) -> None:
    config = plan.config
    if config.path in plan.written:
        _put(config.path, config.text, replaces=config.action == "merge")
        screen.done(
            f"{'added to' if config.action == 'merge' else 'wrote'} {shown(config.path)}: which plugin is tested"
        )
    elif config.action == "keep":
        screen.kept(f"kept {shown(config.path)}, which names plugins already")
    else:
        screen.kept(f"add to {shown(config.path)} by hand" + (f": {config.reason}" if config.reason else ""))
        screen.lines(*config.lines)


def _put(path: Path, text: str, *, replaces: bool) -> None:
    if replaces:
        write_whole(path, text)
        return
    # Not even what came there since it was looked for is overwritten.
    with path.open("x", encoding="utf-8", newline="") as file:
        file.write(text)


def _workflow(plan: Plan, found: Found) -> str:
    extras = ["fuzz", "report", *{"http": ["remote"], "grpc": ["grpc"]}.get(found.protocol, [])]
    own, wasmtime = _version("pytest-mockforge"), _version("wasmtime")
    return texts.workflow(
        found,
        folder=found.folder.absolute().relative_to(plan.root).as_posix(),
        path=plan.workflow.absolute().relative_to(plan.root).as_posix(),
        package=f">={own}" if own else "",
        wasmtime=wasmtime if found.runs == "module" else "",
        extras=sorted(extras),
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _run_pytest(plan: Plan, found: Found, screen: Screen) -> bool:
    """Run it as the user will, in the folder; what no file says yet is said by options."""
    words = [sys.executable, "-m", "pytest"]
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        words += ["-p", "mockforge"]
    if plan.config.path not in plan.written and plan.config.action != "keep":
        words += [f"--mockforge-plugin={found.spec}"]
        words += ["--mockforge-allow-commands"] if found.start is not None else []
    screen.step(f"running pytest in {shown(found.folder.absolute())}")
    status = subprocess.run(words, cwd=found.folder, check=False).returncode
    if status == 0:
        screen.done("pytest passes; run it again with: pytest")
        return True
    if status == 1:
        screen.failed("pytest fails; each finding above says what mends it")
        screen.lines("what is known and stays goes under accept: in plugin.test.yaml, with code, reason and expiry")
    else:
        screen.failed(f"pytest gave no verdict (exit status {status}): it says why above")
    return False
