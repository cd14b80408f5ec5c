"""`budgets:` of `plugin.test.yaml`: expressions as `budgets.expressions` reads them, each with its line.

An entry is an expression, or a mapping from a scope to one: `- authenticate: p95<5ms` is such a mapping in YAML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_mockforge.budgets.expressions import distinct, parse_budgets, refuse_contradictions
from pytest_mockforge.documents.fields import wrong_value
from pytest_mockforge.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_mockforge.budgets.model import Budget
    from pytest_mockforge.documents.fields import Fields
    from pytest_mockforge.documents.yaml12 import Document, JsonValue

KEY = "budgets"
MOST = 500
"""Budgets of one file: each is compared with each other one."""
_HINT = "write an expression such as p95<5ms, or a scope and one: authenticate: p95<5ms"


def read_budgets(top: Fields) -> tuple[Budget, ...]:
    """Read the key `budgets`. Raises DocumentError that names the line and points at the character."""
    items = top.items(KEY)
    budgets = [budget for pointer, value in items for budget in _entry(top.document, pointer, value)]
    if len(budgets) > MOST:
        raise top.error(KEY, f"more than {MOST} budgets", hint="name several scopes in one: rust,go: p95<5ms")
    try:
        refuse_contradictions(budgets)
    except SettingsError as error:
        raise top.error(KEY, _bare(error.message), hint=error.hint or "") from None
    return distinct(budgets)


def _entry(document: Document, pointer: str, value: JsonValue) -> Iterator[Budget]:
    if isinstance(value, str):
        texts = [value]
    elif isinstance(value, dict) and value and all(isinstance(bound, str) for bound in value.values()):
        texts = [f"{scope}: {bound}" for scope, bound in value.items()]
    else:
        raise wrong_value(document, pointer, value, name="a budget", expected="text", hint=_HINT)
    mark = document.mark(pointer)
    for text in texts:
        try:
            yield from parse_budgets(text, source=f"plugin.test.yaml:{mark.line}")
        except SettingsError as error:
            raise document.error(pointer, _bare(error.message), hint=error.hint or "") from None


def _bare(message: str) -> str:
    """Leave out the source: the document's own error names file and line."""
    return message.partition(": ")[2]
