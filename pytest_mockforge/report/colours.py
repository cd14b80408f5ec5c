"""Styles for text on a terminal, and none in a file or a pipe. Knows nothing of what is shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TextIO

Colour = Literal["green", "red", "yellow", "bold", "dim"]

_CODES: dict[Colour, str] = {"green": "32", "red": "31", "yellow": "33", "bold": "1", "dim": "2"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Palette:
    """Puts text in colours, or leaves it as it is."""

    colours: bool

    def __call__(self, text: str, colour: Colour | None) -> str:
        """Give the text in a colour; the text must be harmless already."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.colours and colour and text else text


def palette_for(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Palette:
    """Choose for a stream: colours on a terminal, unless NO_COLOR or TERM=dumb say no; FORCE_COLOR says yes."""
    if environment.get("NO_COLOR"):
        return Palette(colours=False)
    if environment.get("FORCE_COLOR"):
        return Palette(colours=True)
    return Palette(colours=stream.isatty() and environment.get("TERM") != "dumb")
