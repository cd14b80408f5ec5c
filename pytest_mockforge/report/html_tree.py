"""HTML as a tree of elements, so that text cannot become markup: it is escaped when the tree is written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

from pytest_mockforge.report.text import harmless

Child: TypeAlias = "Element | str | None"

LONGEST = 2_000
"""Characters of one piece of text."""


def h(tag: str, *children: Child | Iterable[Child], **attributes: str) -> Element:
    """Make an element: `h("td", "12", class_="number")`.

    Text is made harmless and cut; None is left out, as is an attribute whose value is empty. An underscore at the end
    of an attribute's name is dropped, any other becomes a hyphen.
    """
    given = {
        name.rstrip("_").replace("_", "-"): harmless(value, LONGEST) for name, value in attributes.items() if value
    }
    element = Element(tag, given)
    for child in children:
        if isinstance(child, Element | str) or child is None:
            _append(element, child)
        else:
            for one in child:
                _append(element, one)
    return element


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[Child]], *, numbers: Iterable[int] = (), class_: str = ""
) -> Element:
    """Make a table whose first column names the row; `numbers` are the columns that are aligned as such.

    It stands in a region that the keyboard can scroll, as a wide table is wider than a telephone.
    """
    right = frozenset(numbers)

    def cell(column: int, child: Child) -> Element:
        kind = "number" if column in right else ""
        return h("td", child, class_=kind) if column else h("th", child, scope="row")

    body = [h("tr", [cell(column, child) for column, child in enumerate(row)]) for row in rows]
    heads = [h("th", name, scope="col", class_="number" if at in right else "") for at, name in enumerate(head)]
    inner = h("table", h("caption", caption), h("thead", h("tr", heads)), h("tbody", body), class_=class_)
    return h("div", inner, class_="scroll", role="region", aria_label=caption, tabindex="0")


def written(root: Element) -> str:
    """Write a whole page."""
    return "<!DOCTYPE html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def _append(element: Element, child: Child) -> None:
    if child is None:
        return
    if isinstance(child, Element):
        element.append(child)
        return
    text = harmless(child, LONGEST)
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text
