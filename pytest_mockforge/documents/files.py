"""Reads one small regular file whole, and never hangs on it. Knows nothing of what the file says."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from pytest_mockforge.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def shown(path: Path) -> str:
    """Write a path as it stands, or quoted where it holds what a terminal would act on."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def read_regular(path: Path, *, max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes` bytes.

    Raises DocumentError for anything else at that path: nothing, a folder, a pipe, a device, a larger file.
    """
    try:
        # The path is judged before it is opened, since opening a pipe or a device can block or act.
        _judge(path, os.stat(path), max_bytes)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            _judge(path, os.fstat(descriptor), max_bytes)
            content = stream.read(max_bytes + 1)
    except FileNotFoundError:
        raise DocumentError(f"{shown(path)}: no such file", cause="no-such-file", hint="check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        what, hint = f"{shown(path)}: cannot be read: {reason}", "check the path and its rights"
        raise DocumentError(what, cause="cannot-be-read", hint=hint) from None
    if len(content) > max_bytes:
        raise _too_large(path, f"more than {max_bytes}", max_bytes)
    return content


def _judge(path: Path, status: os.stat_result, max_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "no regular file")
        what = f"{shown(path)}: is {kind}, not a file"
        raise DocumentError(what, cause="not-a-file", hint="name a regular file")
    if status.st_size > max_bytes:
        raise _too_large(path, str(status.st_size), max_bytes)


def _too_large(path: Path, size: str, max_bytes: int) -> DocumentError:
    return DocumentError(
        f"{shown(path)}: is too large: {size} bytes",
        cause="too-large",
        expected=f"at most {max_bytes} bytes",
        hint="keep documents small; payloads and modules belong into files of their own",
    )
