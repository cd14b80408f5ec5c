"""Text of the code as Markdown: tables, prose in which nothing is taken for markup, docstrings with their examples."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable


class Drift(ValueError):
    """What a page says of the code is not so."""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def documented(thing: object) -> str:
    """Turn a docstring into prose, with the example in it as a block."""
    prose, example = [], ""
    paragraphs = (inspect.getdoc(thing) or "").split("\n\n")
    for index, paragraph in enumerate(paragraphs):
        if re.match(r"\s|from |def |class |import |@", paragraph):
            example = textwrap.dedent("\n\n".join(paragraphs[index:]))
            break
        prose.append(plain(paragraph))
    block = f"\n\n```python\n{example}\n```" if example else ""
    return "\n\n".join(prose) + block


def plain(text: str) -> str:
    """Keep what is no code from being taken for markup."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else re.sub(r"([*_<{\[])", r"\\\1", piece) for piece in pieces)


def first(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def sentence(text: str) -> str:
    return text[:1].upper() + plain(text[1:]).rstrip(".") + "."
