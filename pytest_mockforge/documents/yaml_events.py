"""Turns YAML text into a flat stream of events, in bounded time. The sole owner of ruamel.yaml.

ruamel.yaml's constructor and resolver are never used, so no tag constructs an object. What its scanner spends
quadratic time on before any event tells of it (depth, tags, directives) is refused while scanning. This module knows
nothing of what the events come to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pytest_mockforge.documents.files import shown
from pytest_mockforge.documents.wording import quoted
from pytest_mockforge.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.events import Event as RuamelEvent
    from ruamel.yaml.scanner import Scanner

MAX_DEPTH = 64
_NEAR_HERE = "check indentation, quotes and brackets near this place"
_ONLY_VERSION = re.compile(r"%YAML 1\.[0-9]{1,2}[\r\n \0]")

#: What ruamel.yaml says; the cause, what we say instead, and the hint.
_REWORDED = (
    ("found character '\\t'", "tab", "a tab where YAML takes only spaces", "indent with spaces"),
    (
        "mapping values are not allowed here",
        "second-colon",
        "a second ': ' in one line, or a key that is indented wrongly",
        "quote a value that holds ': '; indent the keys of one mapping alike",
    ),
    ("'<document start>'", "indentation", "text after the end of the document", "indent the lines of one block alike"),
    ("<block end>", "indentation", "this line does not fit the block above it", "indent the lines of one block alike"),
    ("could not find expected ':'", "no-colon", "a line without ': ' where a key stands", "write KEY: VALUE"),
)

EventKind = Literal["document", "alias", "scalar", "sequence", "mapping", "end"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A place in a file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One step through a document. `end` closes the innermost sequence, mapping or document, or the whole stream."""

    kind: EventKind
    mark: Mark
    anchor: str | None = None
    text: str = ""
    plain: bool = False
    """Whether a scalar stands without quotes and tag, so that its text decides its type."""


class _TheirMark(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def error_at(
    path: Path,
    mark: Mark,
    what: str,
    *,
    cause: str = "",
    expected: str | None = None,
    got: str | None = None,
    hint: str,
) -> DocumentError:
    """Make the error that names file, line and column."""
    message = f"{shown(path)}:{mark.line}:{mark.column}: {what}"
    return DocumentError(message, cause=cause, expected=expected, got=got, hint=hint)


def mark_at(text: str, position: int) -> Mark:
    """Find line and column of a position in `text`."""
    line_start = text.rfind("\n", 0, position) + 1
    return Mark(line=text.count("\n", 0, position) + 1, column=position - line_start + 1)


def too_deep(path: Path, mark: Mark) -> DocumentError:
    """Make the error for what is nested too deep."""
    what = f"nested more than {MAX_DEPTH} levels deep"
    return error_at(path, mark, what, cause="too-deep", hint="flatten the document")


def events(path: Path, text: str) -> Iterator[Event]:
    """Yield the events of `text`, from the first document's start to the end of the stream.

    Raises DocumentError for broken syntax and for what this package refuses in any YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.events import StreamStartEvent
    from ruamel.yaml.reader import ReaderError

    last = Mark(line=1, column=1)
    try:
        # `typ="safe"` without `pure` would parse with libyaml where its binding happens to be installed.
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner = _bounded_scanner(path)
        for theirs in yaml.parse(text):
            last = _mark(theirs.end_mark)
            if not isinstance(theirs, StreamStartEvent):
                yield _event(path, theirs)
    except ReaderError as error:
        what = f"character U+{ord(text[error.position]):04X} is not allowed in YAML"
        mark, hint = mark_at(text, error.position), "remove it, or write it as an escape"
        raise error_at(path, mark, what, cause="forbidden-character", hint=hint) from None
    except MarkedYAMLError as error:
        cause, what, hint = _reworded(error)
        # What is never closed is noticed at the end of the file, and mended where it begins.
        place = error.context_mark if "end of stream" in what else error.problem_mark
        mark = _mark(place) if place else last
        raise error_at(path, mark, what, cause=cause, hint=hint) from None
    # The scanner lets some of Python's own exceptions through, such as OverflowError for "\UFFFFFFFF".
    except (YAMLError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"not YAML ({quoted(str(error))}), here or on a line below"
        raise error_at(path, last, what, cause="syntax", hint=_NEAR_HERE) from None


def _event(path: Path, theirs: RuamelEvent) -> Event:
    from ruamel.yaml import events as ruamel

    mark = _mark(theirs.start_mark)
    match theirs:
        case ruamel.ScalarEvent():
            text = _whole_characters(path, mark, theirs.value)
            return Event(kind="scalar", mark=mark, anchor=theirs.anchor, text=text, plain=bool(theirs.implicit[0]))
        case ruamel.AliasEvent():
            return Event(kind="alias", mark=mark, anchor=theirs.anchor)
        case ruamel.SequenceStartEvent() | ruamel.MappingStartEvent():
            if theirs.tag is not None:
                what = "the tag !!str stands before a list or mapping"
                raise error_at(path, mark, what, cause="tag", hint="remove the tag")
            kind: EventKind = "sequence" if isinstance(theirs, ruamel.SequenceStartEvent) else "mapping"
            return Event(kind=kind, mark=mark, anchor=theirs.anchor)
        case ruamel.DocumentStartEvent():
            return Event(kind="document", mark=mark)
        case _:
            return Event(kind="end", mark=mark)


def _whole_characters(path: Path, mark: Mark, text: str) -> str:
    if text.isascii() or not re.search("[\ud800-\udfff]", text):
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        hint = "write both halves, or the character itself"
        what = "half of a surrogate pair is no character"
        raise error_at(path, mark, what, cause="surrogate", hint=hint) from None


def _reworded(error: MarkedYAMLError) -> tuple[str, str, str]:
    problem = str(error.problem or error.context or "not YAML")
    for theirs, cause, ours, hint in _REWORDED:
        if theirs in problem:
            return cause, ours, hint
    context = f"{error.context}: " if error.context and error.problem else ""
    said = " ".join(f"{context}{problem}".split())
    return "syntax", said if len(said) <= 200 and said.isprintable() else quoted(said), _NEAR_HERE


def _bounded_scanner(path: Path) -> type[Scanner]:
    from ruamel.yaml.scanner import Scanner

    class BoundedScanner(Scanner):
        def fetch_flow_collection_start(self, TokenClass: object, to_push: str) -> None:  # noqa: N803 (their name)
            if len(self.flow_context) >= MAX_DEPTH:
                raise too_deep(path, _mark(self.reader.get_mark()))
            super().fetch_flow_collection_start(TokenClass, to_push)

        def fetch_tag(self) -> None:
            if self.reader.prefix(6).rstrip("\0\r\n\t ") != "!!str":
                mark, hint = _mark(self.reader.get_mark()), "remove the tag; quotes make a value text"
                raise error_at(path, mark, "a tag: values are plain JSON here", cause="tag", hint=hint)
            super().fetch_tag()

        def fetch_directive(self) -> None:
            if not _ONLY_VERSION.match(self.reader.prefix(12)):
                mark, hint = _mark(self.reader.get_mark()), "remove the line that begins with '%'"
                raise error_at(path, mark, "no directive but %YAML 1.2 is known", cause="directive", hint=hint)
            super().fetch_directive()

    return BoundedScanner


def _mark(theirs: _TheirMark) -> Mark:
    return Mark(line=theirs.line + 1, column=theirs.column + 1)
