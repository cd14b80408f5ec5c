"""What a snapshot leaves out of a reply, since it may differ between two calls that did the same.

Built in, and told by form or by name: request ids, timestamps, execution times, UUIDs, JWTs and secrets (`masking`).
Besides: JSON pointers, and matchers and filters of syrupy's kind. Pure: a tree in, a tree out; each place keeps a word
for what stood there, so that a field which is lost still shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from pytest_mockforge.additions import current
from pytest_mockforge.contract.json_text import Json
from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.masking import PLACEHOLDER, Redactor
from pytest_mockforge.redaction import Redaction
from pytest_mockforge.snapshot.tree import Data, Document, Fields, Node, Table, Text

KINDS: Final = ("request-id", "timestamp", "execution-time", "uuid", "jwt", "secret")
"""What is redacted unless a test keeps it; `kinds` has what extensions add too."""

Path: TypeAlias = tuple[tuple[object, type[object]], ...]
"""Where a value stands, as syrupy gives it to matchers: each key or index with the type of what is there."""


class Matcher(Protocol):
    """Gives what stands for a value: the value itself, or whatever is to be kept instead."""

    def __call__(self, *, data: object, path: Path) -> object: ...


class Filter(Protocol):
    """Tells whether a key or an index is meant."""

    def __call__(self, *, prop: object, path: Path) -> bool: ...


_NAMES: Final = {
    "request-id": re.compile(
        r"x?(?:request|correlation|trace|span|amzntrace|amznrequest|b3trace|b3span)id|traceparent|cfray"
    ),
    "execution-time": re.compile(
        r"(?:x)?(?:execution|processing|response|query|render|elapsed|duration)(?:time|(?=[mun]s|sec))"
        r"(?:[mun]?s|millis|micros|nanos|sec(?:ond)?s)?|elapsed|took(?:ms)?|latency(?:ms)?|servertiming|xruntime"
    ),
}
_TIME_NAME = re.compile(
    r"(?:.*[_-])?(?:at|ts|timestamp|time|date|iat|nbf|exp|expires|expiry|created|updated|modified)", re.IGNORECASE
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
#: In seconds from 2001 on, or in anything down to nanoseconds: as a number, an instant has at least ten digits.
_FIRST_INSTANT, _LAST_INSTANT = 10**9, 10**19
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?")
_FORMS: Final = {
    "jwt": _JWT,
    "uuid": re.compile(r"(?<![0-9a-z-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z-])", re.IGNORECASE),
    "timestamp": re.compile(
        r"(?<!\d)\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?Z|[+-]\d\d:?\d\d)?(?!\d)"
        r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
        r" \d{4} \d\d:\d\d:\d\d GMT"
    ),
}


def kinds() -> tuple[str, ...]:
    """Give all kinds of what is redacted, also those of extensions."""
    return (*KINDS, *(one.word for one in _added()))


@dataclass(frozen=True, kw_only=True)
class Redactions:
    """What one comparison leaves out."""

    redact: tuple[str, ...] = ()
    """JSON pointers; `*` stands for one segment of any name."""
    keep: tuple[str, ...] = ()
    """Kinds, and JSON pointers, at which nothing built in is redacted."""
    volatile: Sequence[Volatile] = ()
    """What plugin.test.yaml says may differ between equal calls."""
    matcher: Matcher | None = None
    include: Filter | None = None
    exclude: Filter | None = None

    def __post_init__(self) -> None:
        for pointer in (*self.redact, *(entry for entry in self.keep if entry not in kinds())):
            try:
                pointers.segments(pointer)
            except ValueError as error:
                raise SettingsError(
                    f"mockforge_snapshot: {pointer!r} cannot be used",
                    expected=f"a JSON pointer such as '/body/id'; in keep= also one of {', '.join(kinds())}",
                    got=str(error),
                ) from None


def redacted(document: Document, redactions: Redactions) -> Document:
    """Copy a reply without what is to be left out."""
    walk = _Walk(document, redactions)
    return Document(title=document.title, node=walk.node(document.node, ()), operation=document.operation)


_Segments: TypeAlias = tuple[str, ...]


class _Walk:
    """One way through a tree; a place is known by the segments of its pointer."""

    def __init__(self, document: Document, redactions: Redactions) -> None:
        self._asked = redactions
        patterns = [(pointer, "<redacted>") for pointer in redactions.redact]
        for one in redactions.volatile:
            if one.operation in (None, document.operation):
                patterns.append((one.pointer, "<volatile>"))
        columns = _columns(document)
        self._patterns = [(_pattern(pointer, columns), word) for pointer, word in patterns]
        self._kept = [_pattern(entry, columns) for entry in redactions.keep if entry not in kinds()]
        self._kinds = frozenset(kinds()).difference(redactions.keep)
        self._masker = Redactor()

    def node(self, node: Node, where: _Segments) -> Node:
        word = self._named(where)
        if word is not None:
            return Data(value=word)
        match node:
            case Fields(members=members):
                kept = {name: self.node(member, (*where, name)) for name, member in members.items()}
                return Fields(members={name: kept[name] for name in kept if self._wanted(name, where)})
            case Table():
                rows = self._json([dict(row) for row in node.rows], where)
                if not isinstance(rows, list):
                    return Data(value=rows)
                left = {name for row in rows if isinstance(row, dict) for name in row}
                # A column without cells is part of the table, unless a filter took all of them.
                gone = {name for row in node.rows for name in row} - left
                columns = tuple(name for name in node.columns if name not in gone)
                return Table(columns=columns, rows=tuple(row for row in rows if isinstance(row, dict)))
            case Data(value=value):
                return Data(value=self._json(value, where))
            case Text(text=text):
                other = self._json(text, where)
                return Text(text=other) if isinstance(other, str) else Data(value=other)
            case _:
                return node

    def _json(self, value: Json, where: _Segments) -> Json:
        """Redact a value that stands in a field; its own secrets are looked for with the names above it."""
        secret: object = value
        if "secret" in self._kinds:
            for name in reversed(where):
                secret = {name: secret}
            secret = self._masker.value(secret)
            for name in where:
                assert isinstance(secret, Mapping)
                secret = secret[name]
        return self._value(value, secret, where, tuple((name, dict) for name in where))

    def _value(self, value: Json, masked: object, where: _Segments, path: Path) -> Json:
        word = self._named(where)
        if word is not None:
            return word
        if self._asked.matcher is not None:
            other = self._asked.matcher(data=value, path=path)
            if other is not value:
                return other if other is None or isinstance(other, str | int | float) else f"<{other!r}>"
        if isinstance(value, dict) and isinstance(masked, Mapping):
            return {
                key: self._value(member, masked[key], (*where, key), (*path, (key, type(member))))
                for key, member in value.items()
                if self._wanted(key, where)
            }
        if isinstance(value, list) and isinstance(masked, list) and len(value) == len(masked):
            return [
                self._value(item, other, (*where, str(index)), (*path, (index, type(item))))
                for index, (item, other) in enumerate(zip(value, masked, strict=True))
                if self._wanted(index, where)
            ]
        if any(_fits(pattern, where, beneath=True) for pattern in self._kept):
            return value
        return self._leaf(value, masked, next((name for name in reversed(where) if not name.isdigit()), ""))

    def _leaf(self, value: Json, masked: object, name: str) -> Json:
        if value is None or isinstance(value, bool) or value in ("", [], {}):
            return value
        bare = _NOT_IN_NAMES.sub("", name.lower())
        for kind, names in _NAMES.items():
            if kind in self._kinds and names.fullmatch(bare):
                return f"<{kind}>"
        for added in _added():
            if added.word in self._kinds and added.names_it(name):
                return f"<{added.word}>"
        if "timestamp" in self._kinds and _is_time_name(name) and _is_instant(value):
            return "<timestamp>"
        if isinstance(value, str) and "jwt" in self._kinds and _JWT.fullmatch(value):
            return "<jwt>"
        if masked != value:
            value = PLACEHOLDER.sub("<secret>", masked) if isinstance(masked, str) else "<secret>"
        if isinstance(value, str):
            for kind, form in (*_FORMS.items(), *((added.word, added.form) for added in _added())):
                if kind in self._kinds:
                    value = form.sub(f"<{kind}>", value)
        return value

    def _named(self, where: _Segments) -> str | None:
        return next((word for pattern, word in self._patterns if _fits(pattern, where)), None)

    def _wanted(self, prop: object, where: _Segments) -> bool:
        include, exclude = self._asked.include, self._asked.exclude
        if include is None and exclude is None:
            return True
        path: Path = tuple((name, dict) for name in where)
        if include is not None and not include(prop=prop, path=path):
            return False
        return exclude is None or not exclude(prop=prop, path=path)


def _added() -> tuple[Redaction, ...]:
    # Those of secrets are the masker's.
    return tuple(one for one in current().redactions.values() if not one.secret)


def _columns(document: Document) -> tuple[str, ...]:
    rows = document.node.members.get("rows") if isinstance(document.node, Fields) else None
    return rows.columns if isinstance(rows, Table) else ()


def _pattern(pointer: str, columns: _Segments) -> _Segments:
    """Split a pointer, and translate what is written otherwise than it came: names of headers, and cells of rows."""
    match pointers.segments(pointer):
        case ("headers", *rest):
            return ("headers", *(name.lower() for name in rest))
        case ("rows", row, "metadata", *rest) if "metadata" not in columns:
            return ("rows", row, "(metadata)", *rest)
        case ("rows", row, "values", column, *rest) if "values" not in columns:
            known = column.isdecimal() and int(column) < len(columns)
            return ("rows", row, columns[int(column)] if known else column, *rest)
        case segments:
            return segments


def _fits(pattern: _Segments, where: _Segments, *, beneath: bool = False) -> bool:
    if len(pattern) != len(where) and not (beneath and len(pattern) < len(where)):
        return False
    return all(one in ("*", name) for one, name in zip(pattern, where, strict=False))


def _is_instant(value: Json) -> bool:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    return isinstance(value, int | float) and _FIRST_INSTANT <= value < _LAST_INSTANT


def _is_time_name(name: str) -> bool:
    return _TIME_NAME.fullmatch(_CAMEL.sub("_", name)) is not None
