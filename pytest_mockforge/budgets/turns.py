"""One process of a run at a time: while one worker times calls, no other does. Knows nothing of what is timed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

LONGEST_WAIT = 600.0
"""Seconds that a worker waits for its turn."""
_STEP = 0.05


@contextmanager
def own_turn(run: str, *, patience: float = LONGEST_WAIT) -> Iterator[str]:
    """Wait for the turn of this process among those of one run, and give why it never came; empty when it came.

    `run` names the run, the same in each process; empty where there is one process alone, which never waits.
    """
    if not run:
        yield ""
        return
    path = Path(tempfile.gettempdir()) / f"mockforge-turn-{re.sub(r'[^A-Za-z0-9]', '', run)}.lock"
    try:
        descriptor = _locked(path, monotonic() + patience)
    except (ImportError, OSError) as error:
        yield f"workers cannot take turns here: {error}"
        return
    if descriptor is None:
        yield f"other workers were timing for {patience:g} s"
        return
    try:
        yield ""
    finally:
        # While it is still held: whoever opened it before finds another file, or none, under its name and tries again.
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _locked(path: Path, deadline: float) -> int | None:
    import fcntl

    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return descriptor
        except BlockingIOError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if monotonic() > deadline:
            return None
        sleep(_STEP)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
