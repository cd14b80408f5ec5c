"""The cache of compiled modules: what it gives back, and what it must never trust."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pytest_mockforge.runtimes.wasm.cache import CompileCache, default_folder

MODULE, IDENTITY, ARTIFACT = b"\0asm", "engine 1", b"native code" * 100


@pytest.fixture
def cache(tmp_path: Path) -> CompileCache:
    return CompileCache(tmp_path / "cache")


def only_file(cache: CompileCache) -> Path:
    (path,) = cache.folder.iterdir()
    return path


def test_what_was_stored_is_given_back(cache: CompileCache) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    assert cache.load(MODULE, IDENTITY) == ARTIFACT
    assert cache.trouble is None


@pytest.mark.parametrize(("module", "identity"), [(b"\0asm2", IDENTITY), (MODULE, "engine 2")])
def test_another_module_or_engine_is_a_miss(cache: CompileCache, module: bytes, identity: str) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    assert cache.load(module, identity) is None


def test_an_empty_cache_is_a_miss_and_makes_no_folder(cache: CompileCache) -> None:
    assert cache.load(MODULE, IDENTITY) is None
    assert not cache.folder.exists()


def test_folder_and_file_belong_to_the_user_alone(cache: CompileCache) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_file(cache).stat().st_mode) == 0o600


def test_nothing_but_the_artifact_is_left_behind(cache: CompileCache) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    cache.store(MODULE, IDENTITY, ARTIFACT)
    assert only_file(cache).suffix == ".cwasm"


@pytest.mark.parametrize("position", [0, 31, 32, 500, -1])
def test_a_changed_byte_is_a_miss(cache: CompileCache, position: int) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    raw = bytearray(only_file(cache).read_bytes())
    raw[position] ^= 1
    only_file(cache).write_bytes(raw)
    assert cache.load(MODULE, IDENTITY) is None


@pytest.mark.parametrize("length", [0, 5, 32, 100])
def test_a_cut_file_is_a_miss(cache: CompileCache, length: int) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    only_file(cache).write_bytes(only_file(cache).read_bytes()[:length])
    assert cache.load(MODULE, IDENTITY) is None


def test_a_folder_that_others_may_write_is_not_used(cache: CompileCache) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    cache.folder.chmod(0o770)
    assert cache.load(MODULE, IDENTITY) is None
    assert cache.trouble is not None
    assert "may be written by others (mode 0770)" in cache.trouble


def test_a_file_that_others_may_write_is_not_used(cache: CompileCache) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    only_file(cache).chmod(0o666)
    assert cache.load(MODULE, IDENTITY) is None
    assert "may be written by others" in str(cache.trouble)


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_used(cache: CompileCache) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    os.chown(only_file(cache), 12345, -1)
    assert cache.load(MODULE, IDENTITY) is None
    assert "belongs to another user" in str(cache.trouble)


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "cache").symlink_to(tmp_path / "elsewhere")
    cache = CompileCache(tmp_path / "cache")
    cache.store(MODULE, IDENTITY, ARTIFACT)
    assert not list((tmp_path / "elsewhere").iterdir())
    assert "a link or a special file" in str(cache.trouble)


def test_a_link_in_place_of_the_file_is_not_followed(cache: CompileCache, tmp_path: Path) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    path = only_file(cache)
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert cache.load(MODULE, IDENTITY) is None
    assert cache.trouble is not None


def test_a_pipe_in_place_of_the_file_does_not_hang(cache: CompileCache) -> None:
    cache.store(MODULE, IDENTITY, ARTIFACT)
    path = only_file(cache)
    path.unlink()
    os.mkfifo(path, 0o600)
    assert cache.load(MODULE, IDENTITY) is None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = CompileCache(tmp_path / "file" / "cache")
    cache.store(MODULE, IDENTITY, ARTIFACT)
    assert cache.load(MODULE, IDENTITY) is None
    assert cache.trouble is not None


def test_the_default_folder_is_the_users_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "pytest-mockforge"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == Path.home() / ".cache" / "pytest-mockforge"
