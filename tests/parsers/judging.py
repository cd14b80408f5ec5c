"""What a parser of ours is to these tests, and what holds of each whatever the bytes.

A parser returns, or raises an error of ours whose message says something; it takes no longer and no more memory than a
bound that a machine under load keeps. Knows no mutation and no parser.
"""

from __future__ import annotations

import contextlib
import gc
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pytest_mockforge.documents import yaml12
from pytest_mockforge.errors import MockforgeError
from pytest_mockforge.fuzz.corpus_file import UnreadableCase
from pytest_mockforge.snapshot import text as snapshot_text
from tests.mutations import Seeds, Value

OURS = (MockforgeError, UnreadableCase, snapshot_text.Unreadable)
MOST_SECONDS = 5.0
"""Of processor time for one case of a few KB, which takes milliseconds: what grows without end takes minutes."""
MOST_GROWTH = 300 * 2**20
"""Bytes that a process may grow by over all cases of a parser, which take a few MB."""

_UNFIT = re.compile(r"Traceback|\x1b")
"""What no error of ours shows: frames, and what a terminal acts on."""
_numbers = count()


@dataclass(frozen=True, kw_only=True)
class Parser:
    """One parser; `feed` is given a folder of its own."""

    name: str
    feed: Callable[[bytes, Path], object]
    """May say in a word what came of the bytes."""
    seeds: Callable[[], Seeds]


def stands(parser: Parser, data: bytes, folder: Path) -> str:
    """Give a parser one case and judge what comes of it; say in a word what came. Raises AssertionError."""
    before = time.thread_time()
    outcome, said = "read", None
    try:
        came = parser.feed(data, folder)
        outcome = came if isinstance(came, str) else outcome
    except OURS as error:
        outcome, said = "refused", str(error)
    except Exception as error:
        foreign = f"{parser.name} raised {type(error).__name__}: {str(error)[:300]} for {shown(data)}"
        raise AssertionError(foreign) from error
    took = time.thread_time() - before
    assert took < MOST_SECONDS, f"{parser.name} took {took:.1f} s for {shown(data)}"
    assert said is None or said.strip(), f"{parser.name}: an error that says nothing for {shown(data)}"
    assert not said or not _UNFIT.search(said), f"{parser.name}: {said!r} for {shown(data)}"
    assert not said or len(said) <= 20_000 + 20 * len(data), f"{parser.name}: {len(said)} characters for {shown(data)}"
    return outcome


def shown(data: bytes) -> str:
    """Write a case so that it can be pasted into a test."""
    return repr(data) if len(data) <= 2000 else f"{data[:2000]!r} and {len(data) - 2000} more bytes"


@contextlib.contextmanager
def bounded_growth(name: str) -> Iterator[None]:
    """Assert that the process needs no more memory at any time in the block than a little above what it had before."""
    gc.collect()
    before = _peak(reset=True)
    yield
    grown = _peak(reset=False) - before
    assert grown < MOST_GROWTH, f"{name} grew the process by {grown >> 20} MiB"


def _peak(*, reset: bool) -> int:
    """Give the greatest resident memory, of Linux since the last reset, in bytes."""
    with contextlib.suppress(OSError):
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


@contextlib.contextmanager
def as_file(data: bytes, folder: Path, suffix: str) -> Iterator[Path]:
    # A name of its own: what was read is kept by path and time.
    path = folder / f"case-{next(_numbers)}{suffix}"
    path.write_bytes(data)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def json_seeds(texts: Sequence[bytes], odd: Sequence[bytes] = (), words: Sequence[bytes] = ()) -> Seeds:
    return Seeds("json", [*texts, *odd], words, [json.loads(text) for text in texts])


def yaml_seeds(texts: Sequence[bytes], odd: Sequence[bytes] = ()) -> Seeds:
    import tempfile

    values: list[Value] = []
    with tempfile.TemporaryDirectory() as folder:
        for text in (*texts, *odd):
            path = Path(folder) / "a.yaml"
            path.write_bytes(text)
            with contextlib.suppress(MockforgeError):
                values.append(yaml12.load(path).value)
    return Seeds("yaml", [*texts, *odd], (), values)
