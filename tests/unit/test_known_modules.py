"""What the cache notes of a large module: its digest, and where the words stand by which languages are told."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import wasmtime

from pytest_mockforge import load
from pytest_mockforge.runtimes.wasm import cache as module
from pytest_mockforge.runtimes.wasm.words import Words
from tests.hostile_cases import write_wasm

LARGE = module.WORTH_NOTING
ANSWER = """(module (memory (export "memory") 1) (data (i32.const 1) "[answer]1")
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "template_function") (param i32 i32) (result i32 i32) (i32.const 9) (i32.const 1)))"""


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute has passed since each file was changed."""
    monkeypatch.setattr(module, "_SETTLED", -1.0)


@pytest.fixture
def digested(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of all that is large and digested."""
    lengths: list[int] = []
    taken = hashlib.sha256

    def counting(data: bytes = b"") -> object:
        if len(data) >= LARGE:
            lengths.append(len(data))
        return taken(data)

    monkeypatch.setattr(hashlib, "sha256", counting)
    return lengths


def custom(name: bytes, content: bytes) -> bytes:
    body = bytes([len(name)]) + name + content
    size, length = bytearray(), len(body)
    while length >= 0x80:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([0, *size, length]) + body


def written(folder: Path, words: bytes = b"") -> Path:
    """A module that answers 1, with much behind it."""
    path = folder / "module.wasm"
    path.write_bytes(bytes(wasmtime.wat2wasm(ANSWER)) + custom(b"ballast", words + bytes(LARGE)))
    return path


def language_of(path: Path, cache: Path) -> str:
    with load(path, cache=cache) as plugin:
        return plugin.language


def answer_of(path: Path, cache: Path) -> object:
    with load(path, cache=cache) as plugin:
        return plugin.template_function("f")


def notes(cache: Path, kind: str) -> list[Path]:
    return list(cache.glob(f"*.{kind}"))


@pytest.mark.usefixtures("settled")
def test_a_large_module_that_is_known_is_not_digested_again(tmp_path: Path, digested: list[int]) -> None:
    path = written(tmp_path)
    assert language_of(path, tmp_path / "cache") == language_of(path, tmp_path / "cache")
    assert len(digested) == 1


def test_a_module_that_was_changed_within_a_minute_is_digested_each_time(tmp_path: Path, digested: list[int]) -> None:
    path = written(tmp_path)
    for _ in range(3):
        language_of(path, tmp_path / "cache")
    assert len(digested) == 3
    assert not notes(tmp_path / "cache", "file")


@pytest.mark.usefixtures("settled")
def test_of_a_word_that_stands_twice_the_first_place_is_told() -> None:
    words = Words(b"a word and a word", None)
    assert [words.find(word) for word in (b"word", b"word", b"work")] == [2, 2, -1]


def test_a_small_module_leaves_no_note(tmp_path: Path) -> None:
    language_of(write_wasm("counts-calls", tmp_path), tmp_path / "cache")
    assert not notes(tmp_path / "cache", "file")
    assert not notes(tmp_path / "cache", "words")


@pytest.mark.usefixtures("settled")
def test_a_change_that_leaves_size_and_time_of_content_alone_is_seen(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert answer_of(path, tmp_path / "cache") == 1
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"[answer]1", b"[answer]2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert answer_of(path, tmp_path / "cache") == 2


@pytest.mark.usefixtures("settled")
def test_another_file_in_the_place_of_a_known_one_is_seen(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert answer_of(path, tmp_path / "cache") == 1
    other = tmp_path / "other"
    other.write_bytes(path.read_bytes().replace(b"[answer]1", b"[answer]2"))
    os.replace(other, path)
    assert answer_of(path, tmp_path / "cache") == 2


@pytest.mark.usefixtures("settled")
def test_what_is_known_of_words_tells_the_language_and_the_adapter(tmp_path: Path) -> None:
    path = written(tmp_path, b"/rustc/ tinygo")
    first, again = (load(path, cache=tmp_path / "cache") for _ in range(2))
    with first, again:
        assert first.language == again.language == "rust"
        assert first._subject.evidence == again._subject.evidence  # type: ignore[attr-defined]  # a module's
        assert first._subject.adapter == again._subject.adapter == "tinygo"  # type: ignore[attr-defined]  # as above


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [b"", b"\xff" * 100, b"0" * 64 + b"\n{}", b"[" * 10_000])
@pytest.mark.parametrize("kind", ["file", "words"])
def test_a_damaged_note_is_as_if_it_were_not_there(
    tmp_path: Path, kind: str, damage: bytes, digested: list[int]
) -> None:
    path = written(tmp_path, b"/rustc/")
    language_of(path, tmp_path / "cache")
    (note,) = notes(tmp_path / "cache", kind)
    sound = note.read_bytes()
    note.write_bytes(damage)
    assert language_of(path, tmp_path / "cache") == "rust"
    assert note.read_bytes() == sound
    assert len(digested) == (2 if kind == "file" else 1)


@pytest.mark.usefixtures("settled")
def test_a_note_on_words_that_lies_is_seen_by_its_digest(tmp_path: Path) -> None:
    path = written(tmp_path, b"/rustc/")
    language_of(path, tmp_path / "cache")
    (note,) = notes(tmp_path / "cache", "words")
    digest, _, content = note.read_bytes().partition(b"\n")
    absent = json.dumps(dict.fromkeys(json.loads(content), -1)).encode()
    note.write_bytes(digest + b"\n" + absent)
    assert language_of(path, tmp_path / "cache") == "rust"


@pytest.mark.usefixtures("settled")
def test_a_note_on_a_file_that_lies_is_seen_by_its_digest(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    path = written(first)
    assert answer_of(path, tmp_path / "cache") == 1
    (note,) = notes(tmp_path / "cache", "file")
    second.mkdir()
    other = written(second)
    other.write_bytes(other.read_bytes().replace(b"[answer]1", b"[answer]2"))
    assert answer_of(other, tmp_path / "cache") == 2
    digest, _, content = note.read_bytes().partition(b"\n")
    lie = json.loads(content) | {"sha256": hashlib.sha256(other.read_bytes()).hexdigest()}
    note.write_bytes(digest + b"\n" + json.dumps(lie).encode())
    assert answer_of(path, tmp_path / "cache") == 1


@pytest.mark.usefixtures("settled")
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="there are no modes on this system")
@pytest.mark.parametrize("kind", ["file", "words"])
def test_a_note_that_others_may_write_is_not_read(tmp_path: Path, kind: str, digested: list[int]) -> None:
    path = written(tmp_path, b"/rustc/")
    language_of(path, tmp_path / "cache")
    (note,) = notes(tmp_path / "cache", kind)
    content = note.read_bytes().partition(b"\n")[2]
    if kind == "words":
        content = json.dumps(dict.fromkeys(json.loads(content), -1)).encode()
    note.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    note.chmod(0o622)
    assert language_of(path, tmp_path / "cache") == "rust"
    assert len(digested) == (2 if kind == "file" else 1)


@pytest.mark.usefixtures("settled")
def test_notes_go_with_what_is_dropped(tmp_path: Path) -> None:
    path, folder = written(tmp_path), tmp_path / "cache"
    language_of(path, folder)
    for kept in folder.iterdir():
        os.utime(kept, (1, 1))
    small = module.CompileCache(folder, most_bytes=10)
    small.obtain(b"another", "engine", load=lambda _: None, make=lambda: b"native", serialize=bytes)
    assert not notes(folder, "file")
    assert not notes(folder, "words")
