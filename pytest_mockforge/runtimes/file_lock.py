"""A lock that is a file: one process, or one thread, at a time. Knows nothing of what is done meanwhile.

`flock` where there is one: it goes with the process that holds it, however that ends. Elsewhere the file's existence is
the lock, and one that is older than anybody would wait was left behind.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

_STEP = 0.02


@contextmanager
def file_lock(path: Path, *, patience: float) -> Iterator[bool]:
    """Wait for the lock for so many seconds; gives whether it is held. No file is left behind.

    Raises OSError where no such file can be made.
    """
    deadline = time.monotonic() + patience
    release = _attempt(path, patience)
    while release is None and time.monotonic() < deadline:
        time.sleep(_STEP)
        release = _attempt(path, patience)
    try:
        yield release is not None
    finally:
        if release is not None:
            release()


def _attempt(path: Path, stale: float) -> Callable[[], None] | None:
    """Try once, and give what releases the lock; None where somebody else holds it."""
    try:
        import fcntl
    except ImportError:
        return _attempt_by_existence(path, stale)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_still(path, descriptor):
            return partial(_release, path, descriptor)
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _release(path: Path, descriptor: int) -> None:
    # While it is still held: whoever opened it before finds another file, or none, under its name and tries again.
    with suppress(OSError):
        path.unlink()
    os.close(descriptor)


def _attempt_by_existence(path: Path, stale: float) -> Callable[[], None] | None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > stale:
                path.unlink()
        return None
    return partial(path.unlink, missing_ok=True)
