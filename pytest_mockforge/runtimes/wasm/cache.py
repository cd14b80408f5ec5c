"""Compiled modules on disk, in the user's own cache directory. Knows bytes and files; nothing of wasmtime.

What is stored is native code that is run without further checks, so the folder must belong to the user alone, each
file must be the user's own, and the digest at its head must fit. Anything else is a miss, and said in `trouble`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path

_DIGEST = 32
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class CompileCache:
    """A folder of compiled modules, keyed by content, compiler identity and processor."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else default_folder()
        self.trouble: str | None = None
        """Why the cache is not used; None while it is fine."""

    def load(self, data: bytes, identity: str) -> bytes | None:
        """Give the artifact stored for this module, or None."""
        if not self._folder_is_safe(create=False):
            return None
        try:
            raw = _read_own(self._path(data, identity))
        except FileNotFoundError:
            return None
        except OSError as error:
            self.trouble = f"{self.folder}: {error.strerror or error}"
            return None
        digest, artifact = raw[:_DIGEST], raw[_DIGEST:]
        return artifact if hashlib.sha256(artifact).digest() == digest else None

    def store(self, data: bytes, identity: str, artifact: bytes) -> None:
        """Write the artifact in one step, so that a reader sees all of it or nothing."""
        if not self._folder_is_safe(create=True):
            return
        try:
            descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=".writing-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(hashlib.sha256(artifact).digest())
                    file.write(artifact)
                os.replace(name, self._path(data, identity))
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as error:
            self.trouble = f"{self.folder}: {error.strerror or error}"

    def _path(self, data: bytes, identity: str) -> Path:
        key = hashlib.sha256(data)
        key.update(f"\0{identity}\0{_processor()}".encode())
        return self.folder / f"{key.hexdigest()}.cwasm"

    def _folder_is_safe(self, *, create: bool) -> bool:
        try:
            if create:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state = os.lstat(self.folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            self.trouble = f"{self.folder}: {error.strerror or error}"
            return False
        self.trouble = _why_unsafe(state, stat.S_ISDIR(state.st_mode), self.folder)
        return self.trouble is None


def default_folder() -> Path:
    """The user's cache directory by the custom of the platform; nothing is created."""
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        # The XDG rules say that a relative path is to be ignored.
        given = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(given) if os.path.isabs(given) else home / ".cache"
    return base / "pytest-mockforge"


def _read_own(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        why = _why_unsafe(state, stat.S_ISREG(state.st_mode), path)
        if why is not None:
            raise PermissionError(None, why)
        return file.read()


def _why_unsafe(state: os.stat_result, right_kind: bool, path: Path) -> str | None:
    if not right_kind:
        return f"{path} is not what it should be: a link or a special file"
    if sys.platform == "win32":
        return None
    if state.st_uid != os.getuid():
        return f"{path} belongs to another user"
    if state.st_mode & _OTHERS_MAY_WRITE:
        return f"{path} may be written by others (mode {stat.S_IMODE(state.st_mode):04o})"
    return None


@cache
def _processor() -> str:
    """Name the processor with its features, as native code for one may not run on the next."""
    features = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(("flags", "Features")):
                features = hashlib.sha256(line.encode()).hexdigest()[:16]
                break
    return f"{sys.platform} {platform.machine()} {platform.processor()} {features}"
