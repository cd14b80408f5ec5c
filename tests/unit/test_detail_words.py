"""The words that tell causes apart behind one rule: each way has its own, and the page of its code tells it.

An author writes them into accept files, so none may change without a line in the changelog.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mockforge.checks.registry import find
from pytest_mockforge.contract.decode import decode_reply
from pytest_mockforge.contract.json_text import parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.manifest import read_manifest
from pytest_mockforge.errors import DocumentError
from pytest_mockforge.runtimes.wasm.conventions import MULTI_VALUE, type_cause
from pytest_mockforge.runtimes.wasm.externs import FuncType
from pytest_mockforge.runtimes.wasm.guest_memory import beyond
from pytest_mockforge.runtimes.wasm.module_info import Export

SYNTAX = [
    ("empty", b""),
    ("empty", b" \n"),
    ("zero-bytes", bytes(8)),
    ("control-character", b"\x1b[31mno"),
    ("utf-16", '{"a":1}'.encode("utf-16-le")),
    ("byte-order-mark", b'\xef\xbb\xbf{"a":1}'),
    ("no-json", b"denied"),
    ("no-json", b"'a'"),
    ("cut-off", b'{"a":'),
    ("cut-off", b'{"a'),
    ("cut-off", b"tru"),
    ("cut-off", b"-"),
    ("trailing-nul", b"{}\0"),
    ("trailing-nul", b"{}\0\0\0"),
    ("trailing-bytes", b"{}\0x"),
    ("trailing-bytes", b"{}}"),
    ("second-value", b"{}\n{}"),
    ("second-value", b'1"a"'),
    ("not-a-number", b'{"a":NaN}'),
    ("not-a-number", b"[Infinity]"),
    ("not-a-number", b"[-Infinity]"),
    ("number", b"[01]"),
    ("number", b"[1.e]"),
    ("number-out-of-range", b"[1e999]"),
    ("escape", rb'["\x"]'),
    ("lone-surrogate", rb'["\ud800"]'),
    ("lone-surrogate", rb'["\udc00"]'),
    ("control-character-in-text", b'["a\nb"]'),
    ("key-is-no-text", b"{a:1}"),
    ("trailing-comma", b"[1,]"),
    ("misspelt-word", b"[nil]"),
    ("punctuation", b"[1 2]"),
    ("punctuation", b'{"a" 1}'),
]


@pytest.mark.parametrize(("word", "data"), SYNTAX, ids=[f"{word}-{data[:12]!r}" for word, data in SYNTAX])
def test_each_way_to_be_no_json_has_its_own_word(word: str, data: bytes) -> None:
    (violation,) = parse(data).violations
    assert (violation.kind, violation.cause) == ("syntax", word)
    assert f"`{word}`" in find("MF204").page


def test_a_reply_that_ends_within_a_character_is_cut_off_and_another_encoding_is_not() -> None:
    assert [parse(data).violations[0].cause for data in (b'"\xc3', b'"\xeb"')] == ["cut-off", ""]
    assert "`cut-off`" in find("MF203").page


@pytest.mark.parametrize("key", ["data", "result", "error"])
def test_fields_that_an_envelope_hides_are_missing_for_one_cause(key: str) -> None:
    reply = f'{{"success":true,"{key}":{{"authenticated":false}}}}'.encode()
    assert {one.cause for one in decode_reply(Operation.AUTHENTICATE, reply).violations} == {"envelope"}
    assert {one.cause for one in decode_reply(Operation.AUTHENTICATE, b"{}").violations} == {""}


SIZE = 65_536
PLACES = [
    ("minus-one", 0xFFFF_FFFF, 8),
    ("wraps-around", 0xFFFF_FFF0, 64),
    ("negative-pointer", 0x8000_0000, 8),
    ("negative-pointer", 0xFFFF_FFF0, 16),
    ("pointer-behind-the-end", SIZE, 8),
    ("pointer-behind-the-end", 0x7FFF_FFFF, 8),
    ("one-byte-too-long", SIZE - 7, 8),
    ("one-byte-too-long", 0, SIZE + 1),
    ("longer-than-memory", 1, SIZE + 1),
    ("crosses-the-end", SIZE - 6, 8),
]


@pytest.mark.parametrize(("word", "address", "length"), PLACES)
def test_each_way_to_lie_outside_of_memory_has_its_own_word(word: str, address: int, length: int) -> None:
    assert beyond(address, length, SIZE) == word
    assert f"`{word}`" in find("MF202").page


TYPES = [
    ("packed-i64", "i32 i32", "i64"),
    ("out-pointer", "i32 i32 i32", ""),
    ("too-few-parameters", "i32", "i32 i32"),
    ("too-many-parameters", "i32 i32 i32", "i32 i32"),
    ("other-parameters", "i64 i64", "i32 i32"),
    ("too-few-results", "i32 i32", "i32"),
    ("too-many-results", "i32 i32", "i32 i32 i32"),
    ("other-results", "i32 i32", "i64 i64"),
]


@pytest.mark.parametrize(("word", "params", "results"), TYPES)
def test_each_way_to_have_another_type_has_its_own_word(word: str, params: str, results: str) -> None:
    signature = FuncType(params=tuple(params.split()), results=tuple(results.split()))
    assert type_cause(Export(name="authenticate", kind="function", type=signature), MULTI_VALUE) == word


DOCUMENTS = [
    ("empty", ""),
    ("several-documents", "a: 1\n---\nb: 1\n"),
    ("no-mapping", "[]"),
    ("duplicate-key", "a: 1\na: 2\n"),
    ("key-is-no-text", "? [a]\n: b\n"),
    ("aliases-explode", "a: &a [x]\nb: [" + "*a, " * 10_001 + "]"),
    ("alias-in-itself", "a: &a [*a]\n"),
    ("unknown-alias", "a: *b\n"),
    ("tag", "a: !x y\n"),
    ("tag", "a: !!str []\n"),
    ("directive", "%YAML 2.0\n---\na: 1\n"),
    ("tab", "a:\n\tb: 1\n"),
    ("indentation", " a: 1\nb: 2\n"),
    ("second-colon", "a: b: c\n"),
    ("no-colon", "a: 1\nb\nc: 2\n"),
    ("syntax", "a: 'x\n"),
    ("forbidden-character", "a: \x1b\n"),
    ("surrogate", r'a: "\ud800"'),
    ("not-utf-8", "\udce9"),
    ("too-deep", "[" * 65),
    ("too-many-values", "- 1\n" * 20_000),
    ("too-many-lines", "\n" * 50_001),
    ("number-too-long", "a: " + "1" * 401),
    ("too-large", "a" * (2**20 + 1)),
]


@pytest.mark.parametrize(("word", "text"), DOCUMENTS, ids=[word for word, _ in DOCUMENTS])
def test_each_way_to_be_no_manifest_has_its_own_word(tmp_path: Path, word: str, text: str) -> None:
    path = tmp_path / "plugin.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DocumentError) as caught:
        read_manifest(path)
    assert caught.value.cause == word
    assert f"`{word}`" in find("MF701").page
