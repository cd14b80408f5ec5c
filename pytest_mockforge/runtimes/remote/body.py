"""The bytes of an answer, gathered under a cap that holds before and after decompression. Pure; fed by transports."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PIECE = 64 * 1024
_MOST_CODINGS = 3
_GZIP = ("gzip", "x-gzip")
_GZIP_WINDOW = zlib.MAX_WBITS | 16


class TooLarge(Exception):
    """The body passes the cap; says what came."""


class Undecodable(Exception):
    """The body does not decompress; says why."""


class Body:
    """Gathers one body, a chunk at a time; never holds more than its cap and one piece."""

    def __init__(self, *, cap: int, coding: str = "") -> None:
        """`coding` is the answer's Content-Encoding; one that is not known leaves the body as it comes."""
        self._cap = cap
        self._received = 0
        self._whole = bytearray()
        codings = [name for name in (one.strip().lower() for one in coding.split(",")) if name not in ("", "identity")]
        self.coding = ", ".join(codings)
        self._too_often = len(codings) > _MOST_CODINGS
        known = not self._too_often and all(name in (*_GZIP, "deflate") for name in codings)
        self._stages = [_Inflating(name) for name in reversed(codings)] if known else []

    @property
    def received(self) -> int:
        """Bytes that came, before decompression."""
        return self._received

    def announce(self, length: int) -> None:
        """Refuse at once what Content-Length says is too much."""
        if length > self._cap:
            raise TooLarge(f"an announced {length:,} bytes")

    def feed(self, chunk: bytes) -> None:
        """Take what came next. Raises TooLarge and Undecodable."""
        if self._too_often:
            raise Undecodable(f"it is compressed {self.coding.count(',') + 1} times over")
        self._received += len(chunk)
        if self._received > self._cap:
            raise TooLarge(f"{self._received:,} bytes and more to come")
        for piece in self._inflated(chunk, 0):
            self._whole += piece
            if len(self._whole) > self._cap:
                grown = f"{self._received:,} bytes of {self.coding} that decompress to more than {self._cap:,}"
                raise TooLarge(grown if self._stages else f"{self._received:,} bytes")

    def finish(self) -> None:
        """Say that no more comes. Raises Undecodable when compressed data ends early."""
        if self._received and any(not stage.complete for stage in self._stages):
            raise Undecodable(f"its {self.coding} data ends early")

    @property
    def so_far(self) -> bytes:
        """What was gathered, at most the cap."""
        return bytes(self._whole[: self._cap])

    def _inflated(self, data: bytes, stage: int) -> Iterator[bytes]:
        if stage == len(self._stages):
            yield data
            return
        for piece in self._stages[stage].pieces(data):
            yield from self._inflated(piece, stage + 1)


class _Inflating:
    """One gzip or deflate stream, undone in pieces of at most 64 KiB."""

    def __init__(self, coding: str) -> None:
        self._gzip = coding in _GZIP
        self._stream = zlib.decompressobj(_GZIP_WINDOW)
        self._begun = False
        self._held = b""

    @property
    def complete(self) -> bool:
        return self._stream.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        data, self._held = self._held + data, b""
        piece = b""
        while data or len(piece) == _PIECE:
            if self._stream.eof or not self._begun:
                # How a stream begins says what it is; two bytes are enough for that.
                if len(data) < 2:
                    self._held = data
                    return
                if not self._begins(data):
                    return
            piece = self._decompressed(data)
            if piece:
                yield piece
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail

    def _begins(self, data: bytes) -> bool:
        again, self._begun = self._begun, True
        if not again and not self._gzip:
            # "deflate" means zlib's format, but raw deflate is sent as well.
            zlibs = data[0] & 0x0F == zlib.DEFLATED and (data[0] << 8 | data[1]) % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if zlibs else -zlib.MAX_WBITS)
        elif again:
            # What follows a gzip stream may be another one; else it is left alone, as browsers do.
            if not (self._gzip and data.startswith(b"\x1f\x8b")):
                return False
            self._stream = zlib.decompressobj(_GZIP_WINDOW)
        return True

    def _decompressed(self, data: bytes) -> bytes:
        try:
            return self._stream.decompress(data, _PIECE)
        except zlib.error as error:
            raise Undecodable(f"its compressed data is broken ({error})") from None
