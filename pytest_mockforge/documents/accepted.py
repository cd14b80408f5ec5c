"""Findings that an author accepts for now, with the reason and perhaps an end: accept files, and the same entries in
`plugin.test.yaml`. Decides what an entry covers; knows nothing of how checks run or how an accepted finding is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pytest_mockforge.additions import current
from pytest_mockforge.documents import yaml12
from pytest_mockforge.documents.fields import Fields, fields_at, list_items, wrong_value
from pytest_mockforge.documents.wording import quoted

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mockforge.documents.yaml12 import Document, JsonValue

_CODE = re.compile(r"MF[0-9]{3}")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_KEYS = ("code", "detail", "reason", "expires")


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """One accepted finding. `detail` and `plugin` are None where any will do; `path` and `line` say where it stands."""

    code: str
    reason: str
    path: Path
    line: int
    detail: str | None = None
    expires: date | None = None
    plugin: str | None = None

    def covers(self, code: str, detail: str | None = None, plugin: str | None = None) -> bool:
        """Say whether a finding with this code and detail, of the plugin with this label, is what was accepted.

        `*` in the entry's detail stands for any text, also none; case counts.
        """
        return (
            code == self.code
            and self.plugin in (None, plugin)
            and (self.detail is None or _glob(self.detail, detail or ""))
        )

    def expired(self, today: date) -> bool:
        """Say whether the entry has run out; it still holds on the day that it names."""
        return self.expires is not None and today > self.expires


def read_accept_file(path: Path) -> tuple[Accepted, ...]:
    """Read the file of `--mockforge-accept`: a list of entries with `code`, `reason` and, if wanted, `detail`,
    `expires` and `plugin` (a label).

    Raises DocumentError.
    """
    document = yaml12.load(path)
    if not isinstance(document.value, list):
        hint = "write a list: '- code: MF403', and below it '  reason: TEXT'; an empty one is []"
        raise wrong_value(document, "", document.value, name="an accept file", expected="a list", hint=hint)
    return accepted_entries(document, list_items("", document.value), with_plugin=True)


def accepted_entries(
    document: Document, items: list[tuple[str, JsonValue]], *, with_plugin: bool
) -> tuple[Accepted, ...]:
    """Read accepted findings out of a document; `plugin` is a key of accept files only."""
    keys = (*_KEYS, "plugin") if with_plugin else _KEYS
    seen: dict[tuple[str, str | None, str | None], int] = {}
    entries: list[Accepted] = []
    for pointer, value in items:
        entry = _entry(fields_at(document, pointer, value, name="an accepted finding", keys=keys))
        key = (entry.code, entry.detail, entry.plugin)
        if key in seen:
            what = f"{entry.code} is accepted twice for the same detail (first on line {seen[key]})"
            raise document.error(pointer, what, hint="remove one of the two")
        seen[key] = entry.line
        entries.append(entry)
    return tuple(entries)


def _entry(fields: Fields) -> Accepted:
    code = fields.text("code")
    if not _CODE.fullmatch(code) and code not in current().checks:
        raise fields.error(
            "code", f"{quoted(code)} is no check's code", hint="a code is MF and three digits, as in MF403"
        )
    return Accepted(
        code=code,
        reason=fields.text("reason").strip(),
        detail=fields.text("detail") if "detail" in fields else None,
        expires=read_expiry(fields) if "expires" in fields else None,
        plugin=fields.text("plugin") if "plugin" in fields else None,
        path=fields.document.path,
        line=fields.line,
    )


def read_expiry(fields: Fields) -> date:
    """Read the date under `expires`. Raises DocumentError."""
    text = fields.text("expires")
    try:
        if _ISO_DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise fields.error("expires", f"{quoted(text)} is no date", hint="write YEAR-MONTH-DAY, as in 2027-01-31")


def _glob(pattern: str, text: str) -> bool:
    # Not fnmatch: `[0]` and `?` are ordinary text in a detail, and its expressions can backtrack without end.
    first, *others = pattern.split("*")
    if not others:
        return text == first
    *middle, last = others
    if not (text.startswith(first) and text.endswith(last) and len(text) >= len(first) + len(last)):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
