"""Do the tests notice when the code is changed? Draws mutants of some files and runs tests on each of them.

    python benchmarks/mutants.py FILE… [--count=20] [--seed=8] --tests tests/unit/test_….py…

Files and folders are those of `pytest_mockforge/`; `--tests` is handed to pytest and may say `-k` and more. The mutants
are mutmut's (`pip install mutmut==3.8.1`, into the environment that has the package), without those that merely write a
text in other letters. Each is written into a copy of the tree, so that processes which the tests start run it too.
Prints what became of each, the change where no test saw it, and the score.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from time import perf_counter
from typing import Protocol, cast

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pytest_mockforge"
_ASIDE = shutil.ignore_patterns(".git", ".venv", "mutants", "__pycache__", ".*_cache", ".hypothesis", "target")
_PATIENCE = 30.0
"""Seconds that a mutant has beyond four times what the tests take without one."""


class Mutation(Protocol):
    """What mutmut would change, as nodes of libcst."""

    original_node: object
    mutated_node: object
    contained_by_top_level_function: object | None
    """None outside of functions, where mutmut's own run makes no mutants either."""


class Tree(Protocol):
    """A file as libcst read it."""

    code: str

    def deep_replace(self, old: object, new: object) -> Tree:
        """Give the tree with one node replaced."""
        ...


class FileMutation(Protocol):
    """The module of mutmut's that knows its operators."""

    def create_mutations(self, filename: str, code: str) -> tuple[Tree, list[Mutation], set[str], set[str]]:
        """List all mutations of a file."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """One file with one change."""

    file: Path
    """Relative to the root."""
    before: str
    after: str

    @property
    def change(self) -> str:
        """The lines that differ."""
        lines = unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0)
        return "\n".join(f"    {line}" for line in list(lines)[2:])

    def __str__(self) -> str:
        first = self.change.split("-", 1)[1].split("+")[0].split(",")[0].strip()
        return f"{self.file}:{first}"


def main() -> int:
    """Print what became of each mutant; give the exit status."""
    options = _options()
    # A background job of a shell ignores Ctrl-C, and so would the tests that press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(ROOT)  # where mutmut looks for its settings
    there, drawn = _draw(_files(options.files), options.count, options.seed)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=_ASIDE, symlinks=True)
        started = perf_counter()
        status = _tested(copy, options.tests, None)
        if status != 0:
            print(f"the tests fail without a mutant: pytest gave {status}")
            return 1
        took = perf_counter() - started
        print(f"{there} mutants exist, {len(drawn)} drawn; the tests take {took:.1f} s without any", flush=True)
        survived = sum(_survives(copy, mutant, options.tests, _PATIENCE + 4 * took) for mutant in drawn)
    killed = len(drawn) - survived
    print(f"{killed} of {len(drawn)} killed, {survived} survived: {100 * killed / max(1, len(drawn)):.0f} %")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file or a folder below pytest_mockforge/")
    parser.add_argument("--tests", nargs=argparse.REMAINDER, required=True, help="what pytest is given; comes last")
    parser.add_argument("--count", type=int, default=20, help="how many mutants are drawn (default: 20)")
    parser.add_argument("--seed", type=int, default=8, help="which ones (default: 8)")
    return parser.parse_args()


def _files(named: Sequence[str]) -> Iterator[Path]:
    for name in named:
        place = PACKAGE / name
        if not place.exists():
            sys.exit(f"there is no {place}")
        yield from sorted(place.glob("*.py")) if place.is_dir() else (place,)


def _draw(files: Iterator[Path], count: int, seed: int) -> tuple[int, list[Mutant]]:
    """Tell how many mutants there are, and draw some of them, the same for the same code."""
    try:
        mutmut = cast("FileMutation", importlib.import_module("mutmut.mutation.file_mutation"))
    except ImportError:
        sys.exit("mutmut is missing: pip install mutmut==3.8.1")
    pool: list[tuple[Path, str, Tree, Mutation]] = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        tree, mutations, *_ = mutmut.create_mutations(str(file), text)
        pool += ((file.relative_to(ROOT), text, tree, one) for one in mutations if _counts(one))
    random.Random(seed).shuffle(pool)
    drawn: list[Mutant] = []
    for file, text, tree, one in pool:
        if len(drawn) == count:
            break
        after = tree.deep_replace(one.original_node, one.mutated_node).code
        if after != text and _compiles(after):
            drawn.append(Mutant(file=file, before=text, after=after))
    return len(pool), drawn


def _counts(mutation: Mutation) -> bool:
    """Leave out what is no code of a function, and two of the three mutants of each text."""
    if mutation.contained_by_top_level_function is None:
        return False
    before, after = (getattr(node, "value", None) for node in (mutation.original_node, mutation.mutated_node))
    return not (isinstance(before, str) and isinstance(after, str) and before.lower() == after.lower())


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _survives(copy: Path, mutant: Mutant, tests: Sequence[str], patience: float) -> bool:
    place, started = copy / mutant.file, perf_counter()
    _write(place, mutant.after)
    try:
        status = _tested(copy, tests, patience)
    finally:
        _write(place, mutant.before)
    # A test that fails is 1, and 2 a file of tests that cannot be imported; a signal that ended all of them is below 0.
    ended = {0: "survived", 1: "killed", 2: "killed while the tests were collected", None: "killed: it never ended"}
    word = ended.get(status, f"killed: pytest gave {status}")
    print(f"{mutant}: {word}, {perf_counter() - started:.0f} s", flush=True)
    if status == 0:
        print(mutant.change, flush=True)
    return status == 0


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
    # Bytecode goes by size and whole seconds, which two mutants may have in common.
    for compiled in (place.parent / "__pycache__").glob(f"{place.stem}.*"):
        compiled.unlink()


def _tested(copy: Path, tests: Sequence[str], patience: float | None) -> int | None:
    """Run the tests in the copy up to the first failure; None where time was over."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": ""}
    with (copy / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=copy, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


if __name__ == "__main__":
    sys.exit(main())
