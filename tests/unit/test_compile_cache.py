"""The cache of compiled modules: what it gives back, what it must never trust, and what it costs to be without it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime

from pytest_mockforge import load
from pytest_mockforge.runtimes.file_lock import file_lock
from pytest_mockforge.runtimes.wasm import cache as module
from pytest_mockforge.runtimes.wasm.cache import MOST_BYTES, CompileCache, default_folder
from pytest_mockforge.runtimes.wasm.engine import deserialized
from tests.conftest import ROOT, RUST
from tests.hostile_cases import write_wasm

MODULE, IDENTITY, ARTIFACT = b"\0asm", "engine 1", b"native code" * 100
OLD = 100.0
"""Seconds after which a file's times can be relied on."""


class Compiler:
    """Compiles by giving `artifact`; counts how often, and how often it was given a file instead."""

    def __init__(self, cache: CompileCache, artifact: bytes = ARTIFACT) -> None:
        self.cache = cache
        self.artifact = artifact
        self.made = self.loaded = 0

    def obtain(
        self, data: bytes = MODULE, identity: str = IDENTITY, load: Callable[[str], bytes | None] | None = None
    ) -> bytes:
        return self.cache.obtain(data, identity, load=load or self.read, make=self.make, serialize=bytes)

    def read(self, path: str) -> bytes:
        self.loaded += 1
        return Path(path).read_bytes()

    def make(self) -> bytes:
        self.made += 1
        return self.artifact


@pytest.fixture
def cache(tmp_path: Path) -> CompileCache:
    return CompileCache(tmp_path / "cache")


@pytest.fixture
def compiler(cache: CompileCache) -> Compiler:
    """One that has compiled once."""
    compiler = Compiler(cache)
    assert compiler.obtain() == ARTIFACT
    return compiler


def kept(cache: CompileCache) -> Path:
    (path,) = cache.folder.glob("*.cwasm")
    return path


def record(cache: CompileCache) -> Path:
    (path,) = cache.folder.glob("*.record")
    return path


def age(path: Path, seconds: float = OLD) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def seal(compiler: Compiler) -> None:
    """Let the cache note what the file looks like, which it does once that can be relied on."""
    age(kept(compiler.cache))
    compiler.obtain()
    assert json.loads(record(compiler.cache).read_text())["looks"] is not None
    # The clock by which files are dated ticks some hundred times a second.
    time.sleep(0.02)


def python(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )


def said(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate(timeout=120)
    return printed


def test_what_was_compiled_is_not_compiled_again(compiler: Compiler) -> None:
    assert compiler.obtain() == ARTIFACT
    assert compiler.made == 1
    assert compiler.cache.trouble is None


@pytest.mark.parametrize(("data", "identity"), [(b"\0asm2", IDENTITY), (MODULE, "engine 2")])
def test_another_module_or_engine_is_compiled(compiler: Compiler, data: bytes, identity: str) -> None:
    compiler.obtain(data, identity)
    assert compiler.made == 2


def test_a_file_that_the_engine_refuses_is_compiled_and_replaced(compiler: Compiler) -> None:
    compiler.artifact = b"for this engine"
    assert compiler.obtain(load=lambda _: None) == b"for this engine"
    assert kept(compiler.cache).read_bytes() == b"for this engine"


def test_judging_makes_no_folder(cache: CompileCache) -> None:
    assert cache.judge() is None
    assert not cache.folder.exists()


def test_folder_and_files_belong_to_the_user_alone(compiler: Compiler) -> None:
    folder = compiler.cache.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_nothing_but_the_artifact_and_its_record_is_left_behind(compiler: Compiler) -> None:
    compiler.obtain(load=lambda _: None)
    assert sorted(path.suffix for path in compiler.cache.folder.iterdir()) == [".cwasm", ".record"]


def test_what_a_compiler_raises_is_raised_and_nothing_is_kept(cache: CompileCache) -> None:
    def fail() -> bytes:
        raise ValueError("no module")

    with pytest.raises(ValueError, match="no module"):
        cache.obtain(MODULE, IDENTITY, load=lambda _: None, make=fail, serialize=bytes)
    assert list(cache.folder.iterdir()) == []


def flip(position: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        raw = bytearray(path.read_bytes())
        raw[position] ^= 1
        path.write_bytes(raw)

    return damage


def cut(length: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, length)


def foreign(path: Path) -> None:
    path.write_bytes(b"somebody else's")


def link(path: Path) -> None:
    path.rename(path.parent.parent / "moved")
    path.symlink_to(path.parent.parent / "moved")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def opened_to_others(path: Path) -> None:
    path.chmod(0o666)


def gone(path: Path) -> None:
    path.unlink()


DAMAGE = {
    "first byte": flip(0),
    "byte within": flip(500),
    "last byte": flip(-1),
    "empty": cut(0),
    "cut": cut(30),
    "foreign": foreign,
    "link": link,
    "pipe": pipe,
    "folder": folder,
    "writable by others": opened_to_others,
    "gone": gone,
}


@pytest.mark.parametrize("sealed", [False, True], ids=["new", "sealed"])
@pytest.mark.parametrize(
    ("file", "damage"),
    [
        pytest.param(file, damage, id=f"{file.__name__} {name}")
        for name, damage in DAMAGE.items()
        for file in (kept, record)
        # A digest that is damaged while all else fits says nothing against the file.
        if not (file is record and name == "byte within")
    ],
)
def test_what_was_damaged_is_compiled_again_and_then_kept(
    compiler: Compiler, damage: Callable[[Path], None], file: Callable[[CompileCache], Path], sealed: bool
) -> None:
    if sealed:
        seal(compiler)
    damage(file(compiler.cache))
    compiler.loaded = 0
    assert compiler.obtain() == ARTIFACT
    assert (compiler.made, compiler.loaded) == (2, 0)
    assert compiler.obtain() == ARTIFACT
    assert compiler.made == 2


def test_a_change_that_leaves_size_and_date_is_found_once_the_record_is_sealed(compiler: Compiler) -> None:
    seal(compiler)
    path = kept(compiler.cache)
    before = path.stat()
    flip(500)(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert compiler.obtain() == ARTIFACT
    assert compiler.made == 2


def test_a_sealed_file_is_not_read_for_its_digest(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_digest_of", lambda _: "another")
    compiler.obtain()
    assert compiler.made == 2
    monkeypatch.undo()
    seal(compiler)
    monkeypatch.setattr(module, "_digest_of", lambda _: "another")
    compiler.obtain()
    assert compiler.made == 2


def test_a_file_that_was_just_written_is_not_sealed(compiler: Compiler) -> None:
    compiler.obtain()
    assert json.loads(record(compiler.cache).read_text())["looks"] is None


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'{"sha256": 1}', b'{"looks": []}', b"[" * 900, b"x" * 10**6])
def test_a_record_that_is_none_is_a_miss(compiler: Compiler, content: bytes) -> None:
    record(compiler.cache).write_bytes(content)
    assert compiler.obtain() == ARTIFACT
    assert compiler.made == 2


def test_a_folder_that_others_may_write_is_not_used(compiler: Compiler) -> None:
    compiler.cache.folder.chmod(0o770)
    assert compiler.obtain() == ARTIFACT
    assert compiler.made == 2
    assert "may be written by others (mode 0770)" in str(compiler.cache.trouble)


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("file", [kept, record], ids=["artifact", "record"])
def test_a_file_of_another_user_is_not_used(compiler: Compiler, file: Callable[[CompileCache], Path]) -> None:
    seal(compiler)
    os.chown(file(compiler.cache), 12345, -1)
    assert compiler.obtain() == ARTIFACT
    assert compiler.made == 2
    assert "belongs to another user" in str(compiler.cache.trouble)


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(compiler: Compiler) -> None:
    os.chown(compiler.cache.folder, 12345, -1)
    assert compiler.obtain() == ARTIFACT
    assert compiler.made == 2
    assert "belongs to another user" in str(compiler.cache.trouble)


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "cache").symlink_to(tmp_path / "elsewhere")
    compiler = Compiler(CompileCache(tmp_path / "cache"))
    assert compiler.obtain() == ARTIFACT
    assert not list((tmp_path / "elsewhere").iterdir())
    assert "a link or a special file" in str(compiler.cache.trouble)


def test_a_folder_with_something_in_place_of_the_file_costs_a_compilation_each_time(compiler: Compiler) -> None:
    path = kept(compiler.cache)
    path.unlink()
    (path / "within").mkdir(parents=True)
    assert compiler.obtain() == compiler.obtain() == ARTIFACT
    assert compiler.made == 3
    assert compiler.cache.trouble is not None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    compiler = Compiler(CompileCache(tmp_path / "file" / "cache"))
    assert compiler.obtain() == ARTIFACT
    assert compiler.cache.trouble is not None


# What a script in a process of its own begins with; it counts what it compiles.
_SCRIPT = """
import os, sys, tempfile, time
from pathlib import Path
from pytest_mockforge.runtimes.wasm.cache import CompileCache
made = []
def make():
    made.append(1)
    return b"native code" * 1000
def obtain(cache, data=b"one"):
    return cache.obtain(data, "", load=lambda path: Path(path).read_bytes(), make=make, serialize=bytes)
"""


def test_a_folder_that_cannot_be_written_is_read_and_else_done_without() -> None:
    # Root may write anywhere, so it becomes another user first.
    script = f"""{_SCRIPT}
with tempfile.TemporaryDirectory() as place:
    # What Python imports on the way may lie where that user cannot read.
    obtain(CompileCache(Path(place)))
    made.clear()
with tempfile.TemporaryDirectory() as place:
    if os.getuid() == 0:
        os.chown(place, 12345, 12345)
        os.setuid(12345)
    cache = CompileCache(Path(place) / "cache")
    obtain(cache)
    then = time.time() - 100
    for path in cache.folder.iterdir():
        os.utime(path, (then, then))
    cache.folder.chmod(0o500)
    obtain(cache)
    print(len(made), cache.trouble)
    obtain(cache, b"two")
    print(len(made), cache.trouble == f"{{cache.folder}}: Permission denied")
    cache.folder.chmod(0o700)
"""
    assert said(python(script)) == "1 None\n2 True\n"


def test_a_full_disk_leaves_nothing_behind() -> None:
    pytest.importorskip("resource")
    script = f"""{_SCRIPT}
import resource
with tempfile.TemporaryDirectory() as place:
    cache = CompileCache(Path(place) / "cache")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    print(len(obtain(cache)), len(obtain(cache)), len(made))
    print(list(cache.folder.iterdir()), cache.trouble == f"{{cache.folder}}: File too large")
"""
    assert said(python(script)) == "11000 11000 2\n[] True\n"


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = CompileCache(tmp_path, most_bytes=35_000)
    tmp_path.chmod(0o700)
    compiler = Compiler(cache, bytes(10_000))
    for number, data in enumerate((b"a", b"b", b"c")):
        compiler.obtain(data)
        for path in tmp_path.iterdir():
            if time.time() - path.stat().st_mtime < OLD:
                age(path, 1000 - 100 * number)
    compiler.obtain(b"a")
    compiler.obtain(b"d")
    assert compiler.made == 4
    compiler.obtain(b"a")
    compiler.obtain(b"c")
    compiler.obtain(b"d")
    assert compiler.made == 4
    compiler.obtain(b"b")
    assert compiler.made == 5
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 35_000


def test_what_is_larger_than_the_whole_cache_is_not_kept(tmp_path: Path) -> None:
    compiler = Compiler(CompileCache(tmp_path / "cache", most_bytes=5_000), b"small")
    compiler.obtain(b"small")
    compiler.artifact = bytes(6_000)
    compiler.obtain(b"large")
    assert [path.read_bytes() for path in compiler.cache.folder.glob("*.cwasm")] == [b"small"]


def test_a_gibibyte_is_kept(cache: CompileCache) -> None:
    assert cache.most_bytes == MOST_BYTES == 2**30
    assert "1 GiB" in (ROOT / "docs" / "options.md").read_text("utf-8")


def test_files_that_are_not_the_caches_own_are_left_alone(compiler: Compiler) -> None:
    compiler.cache.most_bytes = 0
    for name in ("notes.txt", f"{'0' * 64}.wasm", "a.cwasm", f"{'0' * 64}.cwasm"):
        (compiler.cache.folder / name).write_bytes(b"?")
    compiler.artifact = b""
    compiler.obtain(b"another")
    names = {path.name for path in compiler.cache.folder.iterdir() if len(path.name) < 64 or path.suffix == ".wasm"}
    assert names == {"notes.txt", f"{'0' * 64}.wasm", "a.cwasm"}
    assert not (compiler.cache.folder / f"{'0' * 64}.cwasm").exists()


def test_what_a_worker_left_half_written_is_cleared_away_when_it_is_old(compiler: Compiler) -> None:
    names = (".writing-old", f"{'1' * 64}.lock", ".writing-new")
    for name in names:
        (compiler.cache.folder / name).write_bytes(b"?")
    for name in names[:2]:
        age(compiler.cache.folder / name, 4000)
    compiler.obtain(b"another")
    assert [name for name in names if (compiler.cache.folder / name).exists()] == [".writing-new"]


def test_two_threads_compile_once(cache: CompileCache) -> None:
    compiler = Compiler(cache)
    slow = compiler.make

    def make() -> bytes:
        time.sleep(0.2)
        return slow()

    compiler.make = make  # type: ignore[method-assign]  # a slower compiler
    threads = [threading.Thread(target=compiler.obtain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compiler.made == 1


def at_once(script: str, *arguments: str) -> list[str]:
    """Let eight workers do the same at the same time, once all are ready; give what each printed."""
    words = [sys.executable, "-c", script, *arguments]
    workers = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(8)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    return sorted(worker.communicate(timeout=300)[0] for worker in workers)


def test_eight_workers_compile_once(tmp_path: Path) -> None:
    script = f"""{_SCRIPT}
print("ready", flush=True)
sys.stdin.readline()
def slowly():
    time.sleep(0.3)
    return make()
found = CompileCache(Path(sys.argv[1])).obtain(
    b"one", "", load=lambda path: Path(path).read_bytes(), make=slowly, serialize=bytes
)
print(len(found), len(made))
"""
    assert at_once(script, str(tmp_path / "cache")) == ["11000 0\n"] * 7 + ["11000 1\n"]


@pytest.mark.slow
def test_eight_workers_with_the_real_engine_compile_once(tmp_path: Path) -> None:
    # What is kept is moved to its name, and Python tells of that.
    script = """
import sys
moved = []
sys.addaudithook(lambda event, what: moved.append(1) if event == "os.rename" and ".cwasm" in str(what[1]) else None)
from pytest_mockforge import load
print("ready", flush=True)
sys.stdin.readline()
with load(sys.argv[1], cache=sys.argv[2]) as plugin:
    print(plugin.template_function("upper", "abc"), len(moved))
"""
    assert at_once(script, str(RUST), str(tmp_path / "cache")) == ["ABC 0\n"] * 7 + ["ABC 1\n"]


def test_a_worker_that_dies_while_it_compiles_blocks_nobody(compiler: Compiler) -> None:
    key = kept(compiler.cache).stem
    script = f"""{_SCRIPT}
from pytest_mockforge.runtimes.file_lock import file_lock
with file_lock(Path(sys.argv[1]), patience=1) as held:
    print(held, flush=True)
    time.sleep(60)
"""
    lock = compiler.cache.folder / f"{key}.lock"
    worker = python(script, str(lock))
    assert worker.stdout is not None
    assert worker.stdout.readline() == "True\n"
    kept(compiler.cache).unlink()
    worker.kill()
    worker.communicate()
    assert lock.exists()
    started = time.monotonic()
    compiler.obtain()
    assert time.monotonic() - started < 30
    assert compiler.made == 2
    assert not lock.exists()


def test_a_worker_that_hangs_is_not_waited_for_without_end(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    lock = compiler.cache.folder / f"{kept(compiler.cache).stem}.lock"
    with file_lock(lock, patience=1):
        kept(compiler.cache).unlink()
        assert compiler.obtain() == ARTIFACT
    assert compiler.made == 2


def test_the_real_engine_loads_and_recovers(tmp_path: Path) -> None:
    module, folder = write_wasm("counts-calls", tmp_path), tmp_path / "cache"
    for damage in (None, None, cut(5000), foreign):
        if damage is not None:
            damage(next(folder.glob("*.cwasm")))
        with load(module, cache=folder) as plugin:
            assert plugin.call_raw("authenticate", b"{}")
    assert next(folder.glob("*.cwasm")).stat().st_size > 5_000


def test_the_default_folder_is_the_users_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "pytest-mockforge"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == Path.home() / ".cache" / "pytest-mockforge"


def test_the_default_folder_on_windows_is_the_users_local_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert default_folder() == tmp_path / "pytest-mockforge"
    monkeypatch.delenv("LOCALAPPDATA")
    assert default_folder() == Path.home() / "AppData" / "Local" / "pytest-mockforge"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take only text for the name of a file")
def test_what_cannot_be_mapped_as_code_is_read_instead(tmp_path: Path) -> None:
    # wasmtime takes only text for the name of a file that it maps.
    path = tmp_path / os.fsdecode(b"\xff.cwasm")
    with wasmtime.Engine() as engine:
        with wasmtime.Module(engine, '(module (func (export "f")))') as module:
            path.write_bytes(module.serialize())
        found = deserialized(wasmtime.Module, engine, str(path))
        assert found is not None
        assert [export.name for export in found.exports] == ["f"]
        found.close()
