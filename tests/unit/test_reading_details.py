"""The stable words for files that cannot be read: each way has its own, and the page of its code tells it."""

from __future__ import annotations

from typing import get_args

import pytest

from pytest_mockforge import LoadFailure
from pytest_mockforge.checks.registry import find
from pytest_mockforge.runtimes.wasm.binary import Damage
from pytest_mockforge.runtimes.wasm.inspection import inspect_module

MODULE = b"\0asm\1\0\0\0"
WORDS = [
    ("MF101", "empty", b""),
    ("MF101", "cut-in-preamble", b"\0as"),
    ("MF101", "unknown-version", b"\0asm\2\0\0\0"),
    ("MF101", "text", b";; c\n(module)"),
    ("MF101", "elf", b"\x7fELF\2\1\1\0"),
    ("MF101", "windows-executable", b"MZ\x90\0\0\0\0\0"),
    ("MF101", "mach-o", b"\xcf\xfa\xed\xfe\0\0\0\0"),
    ("MF101", "llvm-bitcode", b"BC\xc0\xde\0\0\0\0"),
    ("MF101", "static-library", b"!<arch>\nfoo.o"),
    ("MF101", "gzip", b"\x1f\x8b\x08\0\0\0\0\0"),
    ("MF101", "zstd", b"\x28\xb5\x2f\xfd\0\0\0\0"),
    ("MF101", "zip", b"PK\x03\x04\0\0\0\0"),
    ("MF101", "git-lfs-pointer", b"version https://git-lfs.example"),
    ("MF101", "html", b"\n<!doctype html>"),
    ("MF101", "json", b'{"error":"gone"}'),
    ("MF101", "no-magic", b"12345678"),
    ("MF116", "component", b"\0asm\x0d\0\x01\0"),
    ("MF117", "truncated", MODULE + b"\x07\x05\x01"),
    ("MF117", "truncated", MODULE + b"\x07\x80"),
    ("MF117", "entry-cut", MODULE + b"\x03\x03\x02\0\x80"),
    ("MF117", "length-too-large", MODULE + b"\x07\x05\x01\x64a\x02\0"),
    ("MF117", "count-too-large", MODULE + b"\x0a\x01\x09"),
    ("MF117", "number-too-long", MODULE + b"\x07\x06\x80\x80\x80\x80\x80\0"),
    ("MF117", "number-too-large", MODULE + b"\x07\x05\x80\x80\x80\x80\x10"),
    ("MF117", "number-too-large", MODULE + b"\x06\x0a\x01\x7f\0\x41\xff\xff\xff\xff\x3f\x0b"),
    ("MF117", "number-too-large", MODULE + b"\x06\x0a\x01\x7f\0\x41\x80\x80\x80\x80\x70\x0b"),
    ("MF117", "name-not-utf-8", MODULE + b"\x07\x05\x01\x01\xff\x02\0"),
    ("MF117", "bytes-left-over", MODULE + b"\x08\x02\0\0"),
    ("MF117", "section-twice", MODULE + b"\x03\x01\0" * 2),
    ("MF117", "too-many-sections", MODULE + b"\0\x01\0" * 100_001),
    ("MF117", "page-size", MODULE + b"\x05\x04\x01\x08\x01\x30"),
]


@pytest.mark.parametrize(("code", "word", "data"), WORDS, ids=[word for _, word, _ in WORDS])
def test_a_file_that_cannot_be_read_has_its_own_word_and_the_page_tells_it(code: str, word: str, data: bytes) -> None:
    with pytest.raises(LoadFailure) as caught:
        inspect_module(data)
    assert caught.value.detail == word
    assert f"`{word}`" in find(code).page


def test_every_word_for_damage_is_tried_here_and_told_on_the_page() -> None:
    assert {word for code, word, _ in WORDS if code == "MF117"} | {"malformed"} == set(get_args(Damage))
    assert "`malformed`" in find("MF117").page
