"""How one answer is to travel: what a transport sends, and what it does wrong on purpose. Pure values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

JSON_TYPE = "application/json"
_CHUNK = 65_536
_UNKNOWN_FIELD = b"\xfa\x7f"
"""Field 2047 of any message, length-delimited: what `plugin.proto` does not know, every reader passes over."""


@dataclass(frozen=True, kw_only=True)
class Drip:
    """Send so many bytes, wait so many seconds, and again."""

    size: int
    every: float


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One answer: over HTTP with a status, over gRPC with the number of a code and its details."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON_TYPE
    details: str = ""
    """What goes with a gRPC code that is not OK."""
    dialect: str = "host"
    """In whose shape a fault writes an error."""
    delay: float = 0.0
    """Seconds until the first byte."""
    padding: int = 0
    """Bytes behind the body that change nothing: spaces, or a field that nobody knows."""
    length_off: int = 0
    """By how much Content-Length is wrong."""
    cut: int | None = None
    """After how many bytes of the body the connection is closed."""
    reset: bool = False
    """Whether the connection is reset before any byte of an answer."""
    drip: Drip | None = None

    @property
    def sent(self) -> int:
        """Bytes that are sent after the head."""
        whole = len(self.body) + self.padding
        return whole if self.cut is None else min(self.cut, max(whole - 1, 0))

    @property
    def declared(self) -> int:
        """What Content-Length says."""
        least = 0 if self.cut is None else 1
        return max(len(self.body) + self.padding + self.length_off, least)

    @property
    def breaks_off(self) -> bool:
        """Whether the connection cannot be used again: it is closed after the last byte that is sent."""
        return self.sent != self.declared

    @property
    def pause(self) -> float:
        """Seconds before each piece but the first."""
        return 0.0 if self.drip is None else self.drip.every

    def pieces(self) -> Iterator[bytes]:
        """Give what is sent after the head, in the pieces in which it is sent."""
        step = _CHUNK if self.drip is None else self.drip.size
        for start in range(0, self.sent, step):
            end = min(start + step, self.sent)
            piece = self.body[start:end]
            yield piece + b" " * (end - start - len(piece))

    def message(self) -> bytes:
        """Give the whole of a gRPC message."""
        if not self.padding:
            return self.body
        return self.body + _UNKNOWN_FIELD + _varint(self.padding) + bytes(self.padding)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
