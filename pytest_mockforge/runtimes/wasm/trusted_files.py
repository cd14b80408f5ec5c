"""Files that nobody else can have written, and by what it shows that one was not changed. Knows no cache."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH

Looks = tuple[int, ...]
"""Size, times of change of content and of state, inode and owner of a file."""


def looks_of(state: os.stat_result) -> Looks:
    return (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_uid)


@contextmanager
def own_file(path: Path) -> Iterator[int]:
    """Open a file that nobody else can have written. Raises PermissionError for any other."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        state = os.fstat(descriptor)
        why = why_unsafe(state, stat.S_ISREG(state.st_mode), path)
        if why is not None:
            raise PermissionError(None, why)
        yield descriptor
    finally:
        os.close(descriptor)


def why_unsafe(state: os.stat_result, right_kind: bool, path: Path) -> str | None:
    """Say why somebody else may have written what is at `path`; None where nobody can."""
    if not right_kind:
        return f"{path} is not what it should be: a link or a special file"
    if sys.platform == "win32":
        return None
    if state.st_uid != os.getuid():
        return f"{path} belongs to another user"
    if state.st_mode & _OTHERS_MAY_WRITE:
        return f"{path} may be written by others (mode {stat.S_IMODE(state.st_mode):04o})"
    return None
