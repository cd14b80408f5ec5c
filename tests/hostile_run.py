"""Runs pytest over the whole hostile corpus: each case under the checks that it is about, with all that is reported.

With less fuel than usual, since what never returns uses all that there is. Knows nothing of what the cases should get.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fixtures.hostile.make import folders, modules, replies, services
from tests.conftest import RUST
from tests.hostile_cases import cases, write_folder, write_wasm
from tests.hostile_services import serving_cases
from tests.recorded import RECORDER, Recorded, recorded

_CHOOSE = """
import ctypes
import gc
import os

grown = {}

def resident():
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), None)

def pytest_collection_modifyitems(config, items):
    wanted = json.loads(Path(__file__).with_name("wanted.json").read_text())
    chosen, others = [], []
    for item in items:
        label, _, code = item.nodeid.removeprefix("mockforge::").partition("::")
        (chosen if code.startswith(tuple(wanted[label])) else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen

def pytest_runtest_logstart(nodeid):
    # The engine is loaded for the good plugin, which comes first.
    if not nodeid.startswith("mockforge::rust::"):
        grown.setdefault("before", resident())

def pytest_sessionfinish(session):
    if "before" in grown:
        # What was freed and is kept for later by the C library is nobody's, as far as there is a way to tell.
        gc.collect()
        getattr(ctypes.CDLL(None), "malloc_trim", lambda _keep: 0)(0)
        grown["after"] = resident()
        Path(__file__).with_name(f"grown-{os.getpid()}.json").write_text(json.dumps(grown))
"""


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """One run over all cases and the Rust reference plugin."""

    status: int
    output: bytes
    reports: tuple[Recorded, ...]
    resident: tuple[tuple[int, int], ...]
    """Resident memory in KiB of each process, before its first case and after its last; empty where it has none."""

    def verdicts(self) -> list[str]:
        """Give the name of each plugin with PASS or FAIL."""
        lines = self.output.decode("utf-8").splitlines()
        return sorted(line.partition(",")[0] for line in lines if ": PASS, " in line or ": FAIL, " in line)


@cache
def stated() -> dict[str, frozenset[str]]:
    """Give what the indexes say that each case gets."""
    codes = {name: row.codes for name, row in {**modules(), **replies()}.items()}
    codes |= {name: row.codes for name, row in folders().items()}
    codes |= {name: row.codes for name, row in services().items()}
    return {name: frozenset(each) for name, each in codes.items()}


def run_corpus(folder: Path, cache: Path, *words: str, whole: bool = True) -> Corpus:
    """Serve the services, write the rest into a new folder, and run pytest over all of it.

    Unless as a `whole`, only the checks are made whose codes the case names.
    """
    folder.mkdir()
    (folder / "conftest.py").write_text(RECORDER + _CHOOSE, "utf-8")
    (folder / "wanted.json").write_text(json.dumps(_wanted(whole=whole)), "utf-8")
    plugins = folder / "plugins"
    plugins.mkdir()
    specs = [str(RUST), *(str(write_wasm(case.name, plugins)) for case in cases())]
    specs += [f"{name}={write_folder(name, plugins)}" for name in folders()]
    with serving_cases(plugins) as served:
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "mockforge", "--mockforge-checks=default,-MF3", *words),
                *("--mockforge-fuel=20M", "-vv", "--color=no"),
                *(f"--mockforge-plugin={spec}" for spec in (*specs, *served.values())),
            ],
            cwd=folder,
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "XDG_CACHE_HOME": str(cache),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
            check=False,
        )  # fmt: skip
    return Corpus(
        status=ended.returncode,
        output=ended.stdout,
        reports=recorded(folder),
        resident=tuple(_resident(folder)),
    )


def _resident(folder: Path) -> list[tuple[int, int]]:
    read = [json.loads(path.read_text("utf-8")) for path in folder.glob("grown-*.json")]
    return [(one["before"], one["after"]) for one in read if one["before"] and one["after"]]


def _wanted(*, whole: bool) -> dict[str, tuple[str, ...]]:
    """Give the checks that each plugin is asked by, as beginnings of codes."""
    if not whole:
        return {
            "rust": ("MF101",),
            **{name: (*_named(codes), *(() if codes else ("MF204",))) for name, codes in stated().items()},
        }
    chosen: dict[str, tuple[str, ...]] = {"rust": ("MF10", "MF2", "MF401")}
    for name, row in modules().items():
        # What does not compile is never called, and what grows with its calls takes thousands of them to tell.
        grows = {"leak", "plateau", "stateful"} & {*row.expect} or any("MF403" in code for code in row.codes)
        loaded = row.load not in ("read", "compile")
        called = ("MF10", "MF201", "MF202", "MF204", "MF401", "MF402", "MF404", "MF405", *(("MF403",) if grows else ()))
        chosen[name] = ("MF101", "MF102", "MF117", *(called if loaded else ()), *_named(row.codes))
    chosen |= {name: ("MF2", *_named(row.codes)) for name, row in replies().items()}
    chosen |= {name: ("MF7", *_named(row.codes)) for name, row in folders().items()}
    return chosen | {name: tuple(service.checks) for name, service in services().items()}


def _named(codes: Iterable[str]) -> list[str]:
    return [code.removeprefix("warning:").removeprefix("note:").partition(" ")[0] for code in codes]
