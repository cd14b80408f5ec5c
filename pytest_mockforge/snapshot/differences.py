"""Where two written replies differ, field by field. Pure: two texts in, differences out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.expectation import Mismatch
from pytest_mockforge.report.text import counted, harmless
from pytest_mockforge.snapshot.text import Unreadable, as_json, read
from pytest_mockforge.snapshot.tree import Data, Digest, Document, Fields, Node, Table, Text

MOST_SHOWN: Final = 20
_LONGEST_SHOWN: Final = 120
_NOTHING: Final = "nothing"
_NODES: Final = (Data, Text, Digest, Table, Fields)


def differences(expected: str, got: str) -> list[Mismatch]:
    """Give each place where two written replies differ, in the order in which they are written.

    Text that is no snapshot any more, since somebody changed it by hand, is compared line by line.
    """
    try:
        old, new = read(expected), read(got)
    except Unreadable:
        return [*_lines("", expected, got)]
    if old.title != new.title:
        return [Mismatch(pointer="", expected=_document_shown(old), got=_document_shown(new))]
    found = [*_nodes("", old.node, new.node)]
    # What reads alike was laid out by hand.
    return found or [*_lines("", expected, got)]


def headline(found: Sequence[Mismatch], what: str) -> str:
    """Say in a line where two replies differ, the first field before all else, as a summary cuts lines short."""
    more = f", and {counted(len(found) - 1, 'more field', 'more fields')}" if len(found) > 1 else ""
    return f"{harmless(found[0].pointer) or 'the whole reply'} differs {what}{more}"


def shown(found: Sequence[Mismatch]) -> list[str]:
    """Write differences for a terminal, three lines each, 20 of them at most."""
    lines = []
    for one in found[:MOST_SHOWN]:
        lines += [
            f"  {harmless(one.pointer) or '(the whole reply)'}",
            f"    expected: {harmless(one.expected, _LONGEST_SHOWN)}",
            f"    got: {harmless(one.got, _LONGEST_SHOWN)}",
        ]
    if len(found) > MOST_SHOWN:
        lines.append(f"  … and {counted(len(found) - MOST_SHOWN, 'more field', 'more fields')}")
    return lines


def _nodes(pointer: str, old: Node, new: Node) -> Iterator[Mismatch]:
    match old, new:
        case Fields() | Data(), Fields() | Data():
            yield from _values(pointer, _inner(old), _inner(new))
        case Text(text=before), Text(text=after):
            yield from _lines(pointer, before, after)
        case Table(), Table():
            if old.columns != new.columns:
                yield Mismatch(pointer=pointer, expected=_node_shown(old), got=_node_shown(new))
            yield from _values(pointer, old.rows, new.rows)
        case _:
            if old != new:
                yield Mismatch(pointer=pointer, expected=_node_shown(old), got=_node_shown(new))


def _inner(node: Node) -> object:
    return node.members if isinstance(node, Fields) else node.value if isinstance(node, Data) else node


def _values(pointer: str, old: object, new: object) -> Iterator[Mismatch]:
    if isinstance(old, Fields | Data | Text | Digest | Table) and isinstance(
        new, Fields | Data | Text | Digest | Table
    ):
        yield from _nodes(pointer, old, new)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            inner = pointers.joined(pointer, name)
            if name in old and name in new:
                yield from _values(inner, old[name], new[name])
            else:
                yield Mismatch(pointer=inner, expected=_member_shown(old, name), got=_member_shown(new, name))
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple):
        yield from _items(pointer, old, new)
    elif type(old) is not type(new) or _shown(old) != _shown(new):
        yield Mismatch(pointer=pointer, expected=_shown(old), got=_shown(new))


def _items(pointer: str, old: Sequence[object], new: Sequence[object]) -> Iterator[Mismatch]:
    before, after = [_shown(item) for item in old], [_shown(item) for item in new]
    if before == after:
        return
    if sorted(before) == sorted(after):
        order = ", ".join(str(before.index(item)) for item in after)
        yield Mismatch(
            pointer=pointer,
            expected=f"{counted(len(old), 'item', 'items')} in this order: {', '.join(before)}",
            got=f"the same items in another order ({order}): {', '.join(after)}",
        )
        return
    first, last = _ends(before, after)
    for index in range(first, max(len(old), len(new)) - last):
        there, here = index < len(old) - last, index < len(new) - last
        inner = pointers.joined(pointer, index)
        if there and here:
            yield from _values(inner, old[index], new[index])
        else:
            expected, got = (before[index] if there else _NOTHING), (after[index] if here else _NOTHING)
            yield Mismatch(pointer=inner, expected=expected, got=got)


def _lines(pointer: str, old: str, new: str) -> Iterator[Mismatch]:
    before, after = old.split("\n"), new.split("\n")
    first, last = _ends(before, after)
    single = len(before) == len(after) == 1
    for index in range(first, max(len(before), len(after)) - last):
        expected = as_json(before[index]) if index < len(before) - last else _NOTHING
        got = as_json(after[index]) if index < len(after) - last else _NOTHING
        if expected != got:
            where = pointer if single else f"{pointer}, line {index + 1}".removeprefix(", ")
            yield Mismatch(pointer=where, expected=expected, got=got)


def _ends(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Count what is the same at the beginning and at the end, so that one item more does not move all the others."""
    least = min(len(before), len(after))
    first = next((index for index in range(least) if before[index] != after[index]), least)
    last = next((index for index in range(least - first) if before[-1 - index] != after[-1 - index]), least - first)
    return first, last


def _member_shown(members: Mapping[str, object], name: str) -> str:
    return _shown(members[name]) if name in members else _NOTHING


def _shown(value: object) -> str:
    match value:
        case Data() | Text() | Digest() | Table() | Fields():
            return _node_shown(value)
        case Mapping():
            return as_json(dict(value))
        case _:
            return as_json(value)  # type: ignore[arg-type] # what is left is JSON


def _node_shown(node: Node) -> str:
    match node:
        case Data(value=value):
            return as_json(value)
        case Text(text=text):
            return f"text {as_json(text)}"
        case Digest(size=size, sha256=digest, head=head):
            return f"{counted(size, 'byte', 'bytes')}, SHA-256 {digest[:12]}…, {head[0][6:53].strip() if head else ''}"
        case Table(columns=columns, rows=rows):
            return f"a table of {counted(len(rows), 'row', 'rows')} with the columns {', '.join(columns)}"
        case Fields(members=members):
            return f"the fields {', '.join(members)}"


def _document_shown(document: Document) -> str:
    return f"{document.title}: {_node_shown(document.node)}"
