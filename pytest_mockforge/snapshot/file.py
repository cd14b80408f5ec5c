"""The file that holds the snapshots of one test module: read strictly, replaced whole. Knows not what a snapshot says.

    # pytest-mockforge snapshots 1

    # test_a_user_is_shown
      generate_response:
        status_code: 200

Names stand behind `# `, all else is indented; so whatever else is there, such as the marks of a merge, is found.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pytest_mockforge.errors import DocumentError
from pytest_mockforge.report.text import harmless, size

VERSION: Final = 1
MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of a file: beyond that nobody reads what changed."""
_HEAD = re.compile(r"# pytest-mockforge snapshots ([0-9]+)")
_CONFLICT = re.compile(r"<{7}( |$)|={7}$|>{7}( |$)|\|{7}( |$)")
_INDENT: Final = "  "
_AGAIN: Final = "delete the file and run pytest --snapshot-update with all its plugins"


def read_snapshots(path: Path, *, most: int = MOST_BYTES) -> Mapping[str, str]:
    """Give the snapshots of a file by name; none where there is no file.

    Raises DocumentError for a file that is too large, of another version, in conflict, or not as we write it.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise DocumentError(f"{path}: the snapshots cannot be read", expected="a file", got="something else")
    if status.st_size > most:
        raise _too_large(path, status.st_size, most)
    return _read(path, (status.st_ino, status.st_mtime_ns, status.st_size))


def write_snapshots(path: Path, snapshots: Mapping[str, str], *, most: int = MOST_BYTES) -> None:
    """Replace the snapshots of a file; without any, the file goes. Raises DocumentError where that cannot be done."""
    require_writable(path)
    # A link stays a link.
    path = path.resolve()
    blocks = [f"# pytest-mockforge snapshots {VERSION}"]
    for name in sorted(snapshots):
        lines = (_INDENT + line for line in snapshots[name].split("\n"))
        blocks.append("\n".join((f"# {_written_name(name)}", *lines)))
    data = ("\n\n".join(blocks) + "\n").encode()
    if len(data) > most:
        raise _too_large(path, len(data), most)
    try:
        if not snapshots:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # Hidden, so that nobody takes it for a file of snapshots.
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            beside.write_bytes(data)
            if path.exists():
                shutil.copymode(path, beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise DocumentError(
            f"{path}: the snapshots cannot be written",
            got=error.strerror,
            hint="run where the folder may be written to",
        ) from None


def require_writable(path: Path) -> None:
    """Raise DocumentError for a file that is marked as read-only, also where its owner could write it all the same."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if not mode & stat.S_IWUSR or not os.access(path, os.W_OK):
        raise DocumentError(
            f"{path}: the snapshots are read-only, and nothing was written",
            hint="make the file writable, or run without --snapshot-update",
        )


@lru_cache(maxsize=32)
def _read(path: Path, content: tuple[int, ...]) -> Mapping[str, str]:  # noqa: ARG001 - it tells a changed file
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise _broken(path, 0, "UTF-8", f"byte 0x{error.object[error.start]:02x} at {error.start}") from None
    # Git may have given each line a carriage return; one of a reply's is escaped.
    lines = text.replace("\r\n", "\n").split("\n")
    _require_no_conflict(path, lines)
    _require_version(path, lines[0])
    found: dict[str, list[str]] = {}
    block: list[str] | None = None
    for number, line in enumerate(lines[1:], start=2):
        if line.startswith("# "):
            name = _read_name(path, number, line[2:])
            if name in found:
                raise _broken(path, number, "each name once", f"{name!r} again")
            found[name] = block = []
        elif block is not None and line.startswith(_INDENT):
            block.append(line.removeprefix(_INDENT))
        elif line.strip():
            raise _broken(path, number, "a name behind '# ', or a line that is indented", repr(harmless(line, 80)))
    return MappingProxyType({name: "\n".join(block) for name, block in found.items()})


def _require_no_conflict(path: Path, lines: list[str]) -> None:
    number = next((number for number, line in enumerate(lines, start=1) if _CONFLICT.match(line)), None)
    if number is not None:
        raise DocumentError(
            f"{path}:{number}: the snapshots have conflict markers",
            expected="a file that was merged",
            got=repr(harmless(lines[number - 1], 80)),
            hint=f"resolve the conflict, or {_AGAIN}",
        )


def _require_version(path: Path, line: str) -> None:
    head = _HEAD.fullmatch(line.rstrip())
    if head is None:
        raise _broken(path, 1, f"'# pytest-mockforge snapshots {VERSION}'", repr(harmless(line, 80)))
    if head[1] != str(VERSION):
        raise DocumentError(
            f"{path}: the snapshots are of another version",
            expected=f"version {VERSION}",
            got=f"version {harmless(head[1], 80)}",
            hint=f"use the pytest-mockforge that wrote them, or {_AGAIN}",
        )


def _written_name(name: str) -> str:
    bare = name.isprintable() and name == name.strip() and not name.startswith('"')
    return name if bare else json.dumps(name)


def _read_name(path: Path, number: int, text: str) -> str:
    text = text.rstrip()
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        raise _broken(path, number, "a name, or one in quotes as in JSON", repr(harmless(text, 80))) from None


def _broken(path: Path, number: int, expected: str, got: str) -> DocumentError:
    where = f"{path}:{number}" if number else str(path)
    return DocumentError(
        f"{where}: this is no file of snapshots as pytest-mockforge writes them",
        expected=expected,
        got=got,
        hint=f"undo the change, or {_AGAIN}",
    )


def _too_large(path: Path, length: int, most: int) -> DocumentError:
    return DocumentError(
        f"{path}: the snapshots are too large",
        expected=f"at most {size(most)}",
        got=size(length),
        hint="compare parts of replies, or spread the tests over several modules",
    )


def _unreadable(path: Path, error: OSError) -> DocumentError:
    return DocumentError(f"{path}: the snapshots cannot be read", got=error.strerror)
