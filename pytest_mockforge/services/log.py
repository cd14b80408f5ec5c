"""What a service printed: its first and last 64 KiB, and a tail of it that is safe to show.

Knows the layout of the supervisor's file and nothing of processes.
"""

from __future__ import annotations

import os
import re

from pytest_mockforge.services.supervisor import HEAD, HEADER, TAIL

_TAIL_LINES = 20
_LONGEST_LINE = 200
_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def read_log(descriptor: int) -> str:
    """Read what was written so far; what lies between head and tail is named by its size."""
    content = os.pread(descriptor, HEADER + HEAD + TAIL, 0)
    total = int.from_bytes(content[:8], "little")
    head = content[HEADER : HEADER + min(total, HEAD)]
    behind = max(total - HEAD, 0)
    ring = content[HEADER + HEAD :]
    if behind <= TAIL:
        return (head + ring[:behind]).decode("utf-8", "replace")
    start = behind % TAIL
    left_out = f"\n… {behind - TAIL:,} bytes left out …\n"
    return head.decode("utf-8", "replace") + left_out + (ring[start:] + ring[:start]).decode("utf-8", "replace")


def harmless(text: str, longest: int = _LONGEST_LINE) -> str:
    """Drop colours, escape other control characters, and cut what is too long for a line."""
    plain = _ESCAPE_SEQUENCE.sub("", text)
    cut = plain if len(plain) <= longest else plain[: longest - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)


def tail(log: str, lines: int = _TAIL_LINES) -> list[str]:
    """Give the last lines of a log that are not blank, each made harmless."""
    # Only the end is looked at: a log can be one line of 64 KiB.
    last = [line.rstrip().replace("\t", "    ") for line in log[-_LONGEST_LINE * lines * 4 :].split("\n")]
    return [harmless(line) for line in last if line.strip()][-lines:]
