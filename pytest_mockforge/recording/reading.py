"""Reads a recording: each line that can be read, and of each other one why not. Calls no plugin.

Lines are judged one by one, so that one that was cut, or that somebody else wrote, loses no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import msgspec

from pytest_mockforge.documents.files import read_regular, shown
from pytest_mockforge.fuzz.corpus_file import UnreadableCase, is_too_deep, one_line, payload_bytes
from pytest_mockforge.recording.line import FORMAT, LARGEST, LONGEST_LINE, VERSION, RecordedCall

_MOST_PROBLEMS: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedLine:
    """A call, and where it is written."""

    call: RecordedCall
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """What could be read of a file."""

    path: Path
    lines: tuple[RecordedLine, ...]
    problems: tuple[str, ...]
    """One line each, which begins with the file and the number of the line."""

    def place(self, line: RecordedLine) -> str:
        """Name file and line of a call."""
        return f"{shown(self.path)}:{line.line}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Distinct:
    """One request, and each call that asked it."""

    key: str
    lines: tuple[RecordedLine, ...]

    @property
    def name(self) -> str:
        """Give what stays as long as the request does: `authenticate-0f3a9c21d7e4`."""
        return f"{self.lines[0].call.operation}-{self.key}"


class _Head(msgspec.Struct, frozen=True):
    format: object = None
    version: object = None
    operation: object = None


def distinct(lines: Iterable[RecordedLine]) -> tuple[Distinct, ...]:
    """Put calls together that asked the same, in the order in which they were asked first."""
    found: dict[str, list[RecordedLine]] = {}
    for line in lines:
        found.setdefault(line.call.key, []).append(line)
    return tuple(Distinct(key=key, lines=tuple(same)) for key, same in found.items())


def read_recording(path: Path) -> Recording:
    """Read a file. Raises DocumentError for what is no file, or is too large."""
    data = read_regular(path, max_bytes=LARGEST)
    reader = _Reader()
    for number, row in enumerate(BytesIO(data)):
        if row.strip():
            reader.take(number + 1, row)
    if not reader.any:
        reader.refuse(1, "is empty: a recording begins with a line that names its version")
    more = reader.refused - len(reader.problems)
    problems = [f"{shown(path)}:{line}: {reason}" for line, reason in reader.problems]
    return Recording(
        path=path,
        lines=tuple(reader.lines),
        problems=(*problems, f"{shown(path)}: and {more:,} more lines that cannot be read") if more else (*problems,),
    )


class _Reader:
    def __init__(self) -> None:
        self.lines: list[RecordedLine] = []
        self.problems: list[tuple[int, str]] = []
        self.refused = 0
        self.any = False
        self._foreign = False
        """Whether the lines are those of another version."""

    def take(self, number: int, row: bytes) -> None:
        first, self.any = not self.any, True
        if len(row) > LONGEST_LINE:
            self.refuse(number, f"is longer than {LONGEST_LINE:,} bytes")
            return
        try:
            head = msgspec.json.decode(row, type=_Head)
            if head.format is not None:
                self._header(head)
                return
            if first:
                self.refuse(number, f'names no version: a recording begins with {{"format":"{FORMAT}"}}')
            # A line that is foreign anyway says so itself; a call that may mean something else is passed over.
            if not self._foreign and not (first and head.operation is None):
                self.lines.append(RecordedLine(call=_call(row), line=number))
        except UnreadableCase as error:
            self.refuse(number, str(error))
        except msgspec.ValidationError as error:
            self.refuse(number, one_line(f"is no call of a recording: {error}"))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.refuse(number, one_line(f"is not JSON: {error}") if row.endswith(b"\n") else "was cut off")
        except RecursionError:
            self.refuse(number, "is nested too deeply for a call")

    def refuse(self, number: int, reason: str) -> None:
        self.refused += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append((number, reason))

    def _header(self, head: _Head) -> None:
        self._foreign = head.format != FORMAT or type(head.version) is not int or head.version != VERSION
        if head.format != FORMAT:
            raise UnreadableCase(
                one_line(f"is of the format {head.format!a}, not {FORMAT!r}; what follows is not read")
            )
        if self._foreign:
            said = f"is of version {head.version!a}, where version {VERSION} can be read; what follows is not read"
            raise UnreadableCase(one_line(said))


def _call(row: bytes) -> RecordedCall:
    call = msgspec.json.decode(row, type=RecordedCall)
    given = [value for value in (call.request, call.model, call.payload) if value is not None]
    if len(given) != 1:
        raise UnreadableCase("is no call of a recording: it has one of request, model and payload")
    if is_too_deep(given[0]):
        raise UnreadableCase("is nested too deeply for a call")
    for payload in (call.payload, call.reply):
        if payload is not None:
            payload_bytes(payload)
    return call
