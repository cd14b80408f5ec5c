"""Puts what the code says of itself into pages while Sphinx reads them. What is said is made by `reference_text`.

A page has `<!-- generated: fixtures -->` on a line of its own where the text goes; what stands from there to an
`<!-- end -->` is a copy for readers of the repository, and is replaced. Links to pages of the repository that are not
part of the book lose their target.
"""

from __future__ import annotations

import re
from pathlib import Path

import markdown_text
import reference_text
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

_LINK_OUT = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[\w./-]+\.md)(?:#[\w-]+)?\)")


def insert(app: Sphinx, name: str, source: list[str]) -> None:
    """Replace each place in the text of one page."""

    def without_target(found: re.Match[str]) -> str:
        target = (Path(app.srcdir) / name).parent / found[2]
        return found[0] if target.resolve().is_relative_to(app.srcdir) else found[1]

    try:
        source[0] = _LINK_OUT.sub(without_target, reference_text.fill(source[0]))
    except markdown_text.Drift as error:
        raise ExtensionError(f"{name}: {error}") from None


def read_anew(_: Sphinx, env: BuildEnvironment, *__: object) -> list[str]:
    """Name the pages to read although their files are as they were: the code may not be."""
    return [name for name in env.found_docs if "<!-- generated:" in Path(env.doc2path(name)).read_text("utf-8")]


def setup(app: Sphinx) -> dict[str, object]:
    """Tell Sphinx of it."""
    app.connect("source-read", insert)
    app.connect("env-get-outdated", read_anew)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
