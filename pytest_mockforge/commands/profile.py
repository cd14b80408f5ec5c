"""Show by function where the fuel of a plugin's calls goes.

The samples of plugin.test.yaml that the plugin accepts are called again with 1/100, 2/100 … of their fuel, and each
call that is cut short tells its stack; the module itself is not changed. A function that ran between two of these
points is not seen: shares are estimates, and more --points see more.

Printed are the functions of each operation that used the most fuel themselves (self) and with what they called
(total), and how many of the module's functions were met at all. --collapsed writes every stack, a line each, as
flame-graph viewers open it.

exit status: 0 done; 1 the plugin cannot be loaded, or there is nothing to profile; 2 wrong usage, or a file that cannot
be written
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from pathlib import Path

from pytest_mockforge.budgets.fuel_profile import FuelProfile, fuel_profile, merged
from pytest_mockforge.checks.bench import Bench, Workload
from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.commands import DONE, REFUSED, USAGE, add_plugin_arguments, opened, refused
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import LoadFailure, SettingsError, SetupError
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.report.destinations import problem_with, write_whole
from pytest_mockforge.report.text import counted, harmless

_LONGEST_NAME = 100
_MOST_POINTS = 10_000


class _NothingToProfile(Exception):
    """The text says why, and what mends it."""


def configure(parser: ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("plugin", metavar="SPEC", help="the plugin, as --mockforge-plugin names it")
    parser.add_argument(
        "--operation",
        metavar="OP",
        action="append",
        choices=[operation.value for operation in Operation],
        help=f"one of {', '.join(Operation)}; repeatable (default: all that have an accepted sample)",
    )
    parser.add_argument("--collapsed", metavar="FILE", type=Path, help="write collapsed stacks to this file")
    parser.add_argument("--top", metavar="N", type=_count, default=5, help="functions to print (default: 5)")
    parser.add_argument(
        "--points", metavar="N", type=_count, default=100, help="how often each request is cut short (default: 100)"
    )
    add_plugin_arguments(parser)


def run(arguments: Namespace) -> int:
    """Profile a plugin and print what came of it."""
    try:
        _judge(arguments.collapsed)
        with opened(arguments) as (subject, limits):
            bench = open_bench(subject, limits=limits, host=arguments.host, dialect=arguments.dialect)
            try:
                profiles = _profiles(bench, [Operation(name) for name in arguments.operation or ()], arguments.points)
            finally:
                bench.close()
            whole = merged(list(profiles.values()))
            lines = [line for operation, one in profiles.items() for line in _told(operation, one, arguments.top)]
            lines += _coverage(subject.spec.label, whole, subject)
        if arguments.collapsed is not None:
            write_whole(arguments.collapsed, whole.collapsed())
            lines.append(f"wrote {arguments.collapsed}, {counted(len(whole.stacks), 'stack', 'stacks')}")
    except (LoadFailure, _NothingToProfile) as error:
        return refused(REFUSED, error)
    except SetupError as error:
        return refused(USAGE, error)
    except OSError as error:
        return refused(USAGE, OSError(f"{arguments.collapsed}: {error.strerror or error}"))
    sys.stdout.write("".join(f"{harmless(line)}\n" for line in lines))
    return DONE


def _judge(path: Path | None) -> None:
    """Raise SettingsError for a file that could not be written once all is measured."""
    problem = problem_with(path) if path is not None else ""
    if problem:
        raise SettingsError(f"the file {str(path)!r} cannot be written: {problem}", hint="name another file or folder")


def _profiles(bench: Bench, asked: list[Operation], points: int) -> dict[Operation, FuelProfile]:
    work = _work(bench, asked)
    return {
        operation: merged([fuel_profile(bench.plugin, request, points=points) for request in workload.requests])
        for operation, workload in work.items()
    }


def _work(bench: Bench, asked: list[Operation]) -> dict[Operation, Workload]:
    """Choose what is profiled; without names whatever has an accepted request."""
    if bench.subject.kind == "service":
        raise _NothingToProfile(
            f"{bench.label} is a service, which uses no fuel that can be counted\n"
            "  hint: name the .wasm of a plugin; of a service, profile the process with the tools of its language"
        )
    bench.plugin.renew()  # raises LoadFailure, which says more than the code of a check
    if missing := bench.missing("operation"):
        raise _NothingToProfile(f"{bench.label}: {missing}\n  hint: pytest --mockforge-plugin=SPEC tells what is wrong")
    work: dict[Operation, Workload] = {}
    for operation in asked or bench.operations:
        workload = bench.workload(operation) if operation in bench.operations else None
        if workload is not None and not workload.only_refusals:
            work[operation] = workload
        elif asked:
            raise _NothingToProfile(_why(bench, f"{operation} has no sample that the plugin accepts", operation))
    if not work:
        raise _NothingToProfile(_why(bench, "no operation has a sample that the plugin accepts", None))
    return work


def _why(bench: Bench, what: str, operation: Operation | None) -> str:
    if operation is not None and operation not in bench.operations:
        names = ", ".join(bench.operations)
        return f"{bench.label} has no {operation} that can be called\n  hint: it has {names}"
    return f"{bench.label}: {what}\n  hint: add one to plugin.test.yaml beside the plugin: refusals alone say little"


def _told(operation: Operation, profile: FuelProfile, top: int) -> Iterator[str]:
    yield f"{operation}: {profile.fuel:,} units of fuel"
    if profile.reason:
        yield f"  {profile.reason}"
        return
    yield "    self   total  function"
    for share in profile.top(top):
        yield f"  {share.self_share:6.1%}  {share.total_share:6.1%}  {harmless(share.function, _LONGEST_NAME)}"


def _coverage(label: str, profile: FuelProfile, subject: object) -> Iterator[str]:
    if profile.reason:
        return
    functions = _functions_of(subject)
    met = len(profile.covered)
    if functions:
        yield f"{label}: {met:,} of {functions:,} functions were met, {met / functions:.0%}"
    else:
        yield f"{label}: {counted(met, 'function was met', 'functions were met')}"


def _functions_of(subject: object) -> int:
    """Give how many functions a core module defines; 0 of a component, whose modules are not read."""
    if not isinstance(subject, ModuleSubject) or subject.component is not None:
        return 0
    compiled = subject.compiled
    return 0 if isinstance(compiled, LoadFailure) else compiled.info.functions


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _MOST_POINTS:
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 to {_MOST_POINTS:,}")
    return int(text)
