"""Bytes of an answer under a cap, before and after decompression."""

from __future__ import annotations

import gzip
import zlib

import pytest

from pytest_mockforge.runtimes.remote.body import Body, TooLarge, Undecodable

TEXT = b"mockforge " * 50_000


def gathered(data: bytes, coding: str = "", *, cap: int = 1_000_000, step: int = 1_000) -> bytes:
    body = Body(cap=cap, coding=coding)
    for start in range(0, len(data), step):
        body.feed(data[start : start + step])
    body.finish()
    return body.so_far


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("data", "coding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT, mtime=0), "gzip"),
        (gzip.compress(TEXT, mtime=0), " X-GZip "),
        (gzip.compress(TEXT[:7], mtime=0) + gzip.compress(TEXT[7:], mtime=0), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw_deflate(TEXT), "deflate"),
        (gzip.compress(zlib.compress(TEXT), mtime=0), "deflate, gzip"),
    ],
)
@pytest.mark.parametrize("step", [1, 1_000, 10_000_000])
def test_a_body_is_put_together_however_it_comes(data: bytes, coding: str, step: int) -> None:
    if len(data) > 50_000 and step == 1:
        step = 100
    assert gathered(data, coding, step=step) == TEXT


def test_the_cap_itself_is_not_too_much() -> None:
    assert len(gathered(bytes(100), cap=100)) == 100
    with pytest.raises(TooLarge, match="101 bytes"):
        gathered(bytes(101), cap=100)


def test_the_cap_holds_after_decompression() -> None:
    with pytest.raises(TooLarge, match="bytes of gzip that decompress to more than 100"):
        gathered(gzip.compress(bytes(101)), "gzip", cap=100)


def test_what_is_announced_is_refused_before_it_comes() -> None:
    with pytest.raises(TooLarge, match="an announced 101 bytes"):
        Body(cap=100).announce(101)


@pytest.mark.parametrize(
    ("data", "coding", "cause"),
    [
        (b"plain text", "gzip", "broken"),
        (gzip.compress(TEXT, mtime=0)[:-20], "gzip", "its gzip data ends early"),
        (b"plain text", "deflate", "broken"),
        (b"x", "gzip, gzip, gzip, gzip", "compressed 4 times over"),
    ],
)
def test_broken_compression_is_named(data: bytes, coding: str, cause: str) -> None:
    with pytest.raises(Undecodable, match=cause):
        gathered(data, coding)
