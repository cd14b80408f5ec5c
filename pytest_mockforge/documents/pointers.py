"""JSON pointers (RFC 6901) as text and as segments, with `*` for one segment of any name. Pure functions."""

from __future__ import annotations

import re

_BAD_ESCAPE = re.compile(r"~(?![01])")


def joined(base: str, segment: str | int) -> str:
    """Append one segment to a pointer."""
    return f"{base}/{str(segment).replace('~', '~0').replace('/', '~1')}"


def segments(pointer: str) -> tuple[str, ...]:
    """Split a pointer into its segments.

    Raises ValueError for text that is no JSON pointer.
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError("a JSON pointer begins with '/'")
    if _BAD_ESCAPE.search(pointer):
        raise ValueError("in a JSON pointer '~' is written '~0', and '/' inside a name '~1'")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def general(pointer: str) -> str:
    """Put a star for each index, so that the same field of each item of a list is one."""
    return "/".join("*" if segment.isdigit() else segment for segment in pointer.split("/"))
