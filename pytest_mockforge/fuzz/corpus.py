"""The replay corpus: a folder with one plain JSON file for each thing that was found, to be tried first next time.

Made to be read, kept in version control and copied from: keys in order, ASCII, the request as a sample of
`plugin.test.yaml` writes it, secrets masked. What is read here may come from anywhere, so nothing of it is trusted:
whatever is wrong with a file is a problem with a reason, in bounded time and memory. Knows nothing of how a case is
tried.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Final

import msgspec

from pytest_mockforge.documents.files import shown
from pytest_mockforge.errors import DocumentError
from pytest_mockforge.fuzz.corpus_file import UnreadableCase, identity, read_case, stored_case, written_case
from pytest_mockforge.fuzz.model import Discovery
from pytest_mockforge.masking import Redactor
from pytest_mockforge.runtimes.base import MIB

LARGEST: Final = 16 * MIB
"""Bytes of one file."""
MOST_FILES: Final = 1_000
"""Files of one folder that are read: the first ones by name."""
MOST_BYTES: Final = 64 * MIB
"""Bytes of one folder that are read."""
_MOST_ENTRIES = 100_000
_MOST_PROBLEMS = 100


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One case of a corpus."""

    path: Path
    discovery: Discovery
    masked: bool = False
    """True where a secret is missing from a request, so that what was found may not come back for that reason alone."""


class CorpusProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the folder that is no case."""

    path: Path
    reason: str
    """One printable line."""

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.reason}"


class CorpusReading(msgspec.Struct, frozen=True, kw_only=True):
    """All that a folder holds, in the order of the files' names."""

    kept: tuple[Kept, ...] = ()
    problems: tuple[CorpusProblem, ...] = ()

    @property
    def cases(self) -> tuple[Discovery, ...]:
        """What was found earlier."""
        return tuple(one.discovery for one in self.kept)


def write(folder: Path, discovery: Discovery, *, secrets: Mapping[str, str] | None = None) -> Path:
    """Keep a discovery and give its file; one that is kept already stays as it is, with the message first seen.

    `secrets` are all that a request can hold, by name (`masking.named_secrets` of the samples): they come back when
    the corpus is read with them. Where None, what stands under a telling name is taken for a secret, and is lost.
    Raises DocumentError that names the folder where it is missing, or cannot be written to.
    """
    _require_folder(folder)
    # Looked at before the work of masking.
    _require_size(folder, discovery, sum(len(case.payload) for case in (discovery.case, *discovery.before)))
    case = written_case(discovery, Redactor(secrets, by_name=secrets is None))
    path = folder / f"{discovery.code}-{discovery.case.operation}-{identity(case)}.json"
    text = case.text()
    _require_size(folder, discovery, len(text))
    if not _holds(path, identity(case)):
        _replace(path, text)
    return path


def read(folder: Path, *, secrets: Mapping[str, str] | None = None) -> CorpusReading:
    """Read a corpus, secrets put back in their places where they are known; links are not followed.

    Raises DocumentError where the folder itself cannot be read.
    """
    names, problems = _listed(folder)
    kept: list[Kept] = []
    left = MOST_BYTES
    redactor = Redactor(secrets)
    for number, name in enumerate(names):
        if number == MOST_FILES or left <= 0:
            limit = f"{MOST_FILES:,} files" if left > 0 else f"{MOST_BYTES:,} bytes"
            reason = f"{len(names) - number:,} files, from {name!a} on, are not read: a corpus may have {limit}"
            problems.append(CorpusProblem(path=folder, reason=reason))
            break
        path = folder / name
        try:
            data = _content(path)
            left -= len(data)
            discovery, masked = read_case(data, redactor)
            kept.append(Kept(path=path, discovery=discovery, masked=masked))
        except UnreadableCase as error:
            problems.append(CorpusProblem(path=path, reason=str(error)))
    if len(problems) > _MOST_PROBLEMS:
        reason = f"{len(problems) - _MOST_PROBLEMS:,} more files are no cases"
        problems = [*problems[:_MOST_PROBLEMS], CorpusProblem(path=folder, reason=reason)]
    return CorpusReading(kept=tuple(kept), problems=tuple(problems))


# --- the folder -------------------------------------------------------------------------------------------------------


def _require_folder(folder: Path) -> None:
    try:
        if stat.S_ISDIR(os.stat(folder).st_mode):
            return
        what, hint = "is no folder", "name a folder"
    except FileNotFoundError:
        what, hint = "no such folder", "make it, so that what is found can be kept there"
    except (OSError, ValueError) as error:
        what, hint = _reason(error), "check the path and its rights"
    raise DocumentError(f"the corpus {shown(folder)}: {what}", hint=hint)


def _require_size(folder: Path, discovery: Discovery, size: int) -> None:
    if size > LARGEST:
        raise DocumentError(
            f"the corpus {shown(folder)}: the finding {discovery.code} {discovery.detail!r} is too large to be kept",
            expected=f"at most {LARGEST:,} bytes",
            got=f"{size:,}",
            hint=f"the seed {discovery.seed} finds it again",
        )


def _listed(folder: Path) -> tuple[list[str], list[CorpusProblem]]:
    """Give the names that end as cases do, in order."""
    _require_folder(folder)
    names: list[str] = []
    problems: list[CorpusProblem] = []
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number == _MOST_ENTRIES:
                    reason = f"the folder has more than {_MOST_ENTRIES:,} entries: the others are not looked at"
                    problems.append(CorpusProblem(path=folder, reason=reason))
                    break
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    names.append(entry.name)
    except OSError as error:
        hint = "check the path and its rights"
        raise DocumentError(f"the corpus {shown(folder)}: cannot be read: {_reason(error)}", hint=hint) from None
    return sorted(names), problems


def _content(path: Path) -> bytes:
    """Read one file that is really there: no link, no pipe, nothing that is too large."""
    try:
        _judge(os.lstat(path))
        # Looked at again behind the open door: what lies there may have changed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            _judge(os.fstat(descriptor))
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise UnreadableCase(f"cannot be read: {_reason(error)}") from None
    if len(data) > LARGEST:
        raise UnreadableCase(_too_large(len(data)))
    return data


def _judge(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise UnreadableCase("is a link, which is not followed")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableCase("is a folder, not a file" if stat.S_ISDIR(status.st_mode) else "is no regular file")
    if status.st_size > LARGEST:
        raise UnreadableCase(_too_large(status.st_size))


def _too_large(size: int) -> str:
    return f"is too large for a case: {size:,} bytes, at most {LARGEST:,}"


def _holds(path: Path, wanted: str) -> bool:
    try:
        return identity(stored_case(_content(path))) == wanted
    except UnreadableCase:
        return False


def _replace(path: Path, text: bytes) -> None:
    """Put a whole file in the place of `path`, or nothing; a link there is replaced and not followed."""
    beside = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(text)
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        hint = "check the rights of the folder and the room on its disk"
        raise DocumentError(
            f"the corpus {shown(path.parent)}: {path.name} cannot be written: {_reason(error)}", hint=hint
        ) from None


def _reason(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
