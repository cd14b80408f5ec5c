"""One process of a run at a time: while one worker times calls, no other does. Knows nothing of what is timed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pytest_mockforge.runtimes.file_lock import file_lock

LONGEST_WAIT = 600.0
"""Seconds that a worker waits for its turn."""


@contextmanager
def own_turn(run: str, *, patience: float = LONGEST_WAIT) -> Iterator[str]:
    """Wait for the turn of this process among those of one run, and give why it never came; empty when it came.

    `run` names the run, the same in each process; empty where there is one process alone, which never waits.
    """
    if not run:
        yield ""
        return
    path = Path(tempfile.gettempdir()) / f"mockforge-turn-{re.sub(r'[^A-Za-z0-9]', '', run)}.lock"
    with ExitStack() as held:
        try:
            reason = "" if held.enter_context(file_lock(path, patience=patience)) else _waited(patience)
        except OSError as error:
            reason = f"workers cannot take turns here: {error}"
        yield reason


def _waited(patience: float) -> str:
    return f"other workers were timing for {patience:g} s"
