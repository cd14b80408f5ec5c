"""The file of a recording while it is written: beside its place until the run is over, so that it is there whole.

One process writes it, line by line; a run that is killed leaves what it had, under the name of `RecordingFile.beside`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

from pytest_mockforge.errors import SettingsError
from pytest_mockforge.fuzz.corpus_file import made_by
from pytest_mockforge.recording.line import FORMAT, LARGEST, VERSION, Header
from pytest_mockforge.report.destinations import problem_with


def destination(text: str, base: Path) -> Path:
    """Read where a recording goes. Raises SettingsError for what could not be written after the run."""
    if "\0" in text:
        raise SettingsError(f"the recording {text!r} holds a NUL character", hint="name a file")
    path = base / text
    try:
        problem = problem_with(path)
    except OSError as error:
        problem = f"{error.filename or path}: {error.strerror or error}"
    if problem:
        raise SettingsError(f"the recording {text!r} cannot be written: {problem}", hint="name another file or folder")
    return path


class RecordingFile:
    """Where lines go; made with the first of them, so that a run without a call leaves an older recording alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.beside = path.with_name(f".mockforge-recording-{os.getpid()}.jsonl")
        self.calls = 0
        self.left_out = 0
        """Calls for which there was no room."""
        self.problem = ""
        """Why nothing more is written."""
        self._file: BinaryIO | None = None
        self._size = 0

    def write(self, lines: Iterable[str]) -> None:
        """Add lines, and hand them to the system at once."""
        if self.problem:
            return
        try:
            for line in lines:
                self._add(line)
            if self._file is not None:
                self._file.flush()
        except OSError as error:
            self._fail(error)

    def finish(self) -> None:
        """Put the recording in its place."""
        if self._file is None:
            return
        try:
            self._file.close()
            if not self.problem:
                self.beside.replace(self.path)
        except OSError as error:
            self._fail(error)
        self._file = None

    def _add(self, line: str) -> None:
        if self._file is None:
            self._file = self.beside.open("wb")
            header = Header(format=FORMAT, version=VERSION, made_by=made_by())
            self._size = self._file.write(msgspec.json.encode(header) + b"\n")
        data = line.encode() + b"\n"
        if self._size + len(data) > LARGEST:
            self.left_out += 1
            return
        self._size += self._file.write(data)
        self.calls += 1

    def _fail(self, error: OSError) -> None:
        kept = f"; what there is stands in {str(self.beside)!r}" if self.beside.exists() else ""
        self.problem = f"the recording {str(self.path)!r} could not be written: {error.strerror or error}{kept}"
