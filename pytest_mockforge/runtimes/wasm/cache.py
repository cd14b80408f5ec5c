"""Compiled modules on disk, in the user's own cache directory. Knows bytes and files; nothing of wasmtime.

What is stored is native code that is run without further checks, so the folder must belong to the user alone, each file
must be the user's own, and the digest in the record beside it must fit. Anything else is a miss, said in `trouble`, and
ends in the module being compiled again. Reading all of a file to find its digest costs more than loading it, so the
record also tells what the file looked like when it did fit: one that still looks so is not read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import stat
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

from pytest_mockforge.runtimes.file_lock import file_lock
from pytest_mockforge.runtimes.wasm.trusted_files import Looks, looks_of, own_file, why_unsafe

Made = TypeVar("Made")

MOST_BYTES = 1 << 30
"""Bytes of all that is kept; what was used longest ago goes first."""
PATIENCE = 120.0
"""Seconds that a worker waits for another one to compile the same module, before it compiles it as well."""
_SETTLED = 60.0
"""Seconds after which what was written is on the disk, and a file's times tell of every later change."""
_LITTER = 3600.0
"""Seconds after which a file that a worker was writing, or a lock, was left behind by one that died."""
_LONGEST_RECORD = 1000
_LONGEST_NOTE = 64 * 1024
WORTH_NOTING = 1 << 20
"""Bytes of a module from which on looking through it takes longer than a file beside it does."""
_OURS = re.compile(r"([0-9a-f]{64})\.(?:cwasm|record|words|file)")
_PASSING = re.compile(r"\.writing-.+|[0-9a-f]{64}\.lock")


class CompileCache:
    """A folder of compiled modules, keyed by content, compiler identity and processor."""

    def __init__(self, folder: Path | None = None, *, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder if folder is not None else default_folder()
        self.most_bytes = most_bytes
        self.trouble: str | None = None
        """Why the cache is not used; None while it is fine."""
        self._last: tuple[bytes, str] | None = None

    def obtain(
        self,
        data: bytes,
        identity: str,
        *,
        load: Callable[[str], Made | None],
        make: Callable[[], Made],
        serialize: Callable[[Made], bytes],
    ) -> Made:
        """Give the module that was compiled from `data`: what `load` makes of the file kept of it, or else of `make`.

        `load` gives None for a file that is none of this engine's. Of several workers one compiles while the others
        wait. Raises only what the three raise: a cache that cannot be used is none.
        """
        if not self._folder_is_safe(create=True):
            return make()
        key = self._key(data, identity)
        found = self._loaded(key, load)
        if found is not None:
            return found
        with self._turn(key):
            found = self._loaded(key, load)
            if found is None:
                found = make()
                self._store(key, serialize(found))
        return found

    def judge(self) -> str | None:
        """Tell why the folder cannot be used, if it cannot; one that is not there yet can."""
        self._folder_is_safe(create=False)
        return self.trouble

    def _loaded(self, key: str, load: Callable[[str], Made | None]) -> Made | None:
        path = self.folder / f"{key}.cwasm"
        try:
            with own_file(path) as descriptor:
                if not self._is_whole(key, descriptor):
                    return None
                # Through the descriptor it is the very file that was looked at.
                through = f"/proc/self/fd/{descriptor}"
                found = load(through if os.path.exists(through) else str(path))
            if found is not None:
                with contextlib.suppress(OSError):
                    os.utime(self._record(key))
            return found
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(error)
            return None

    def _is_whole(self, key: str, descriptor: int) -> bool:
        with own_file(self._record(key)) as record:
            told = _read_record(os.read(record, _LONGEST_RECORD))
        if told is None:
            return False
        digest, looks = told
        now = looks_of(os.fstat(descriptor))
        if looks == now:
            return True
        if _digest_of(descriptor) != digest:
            return False
        if time.time() - now[1] / 1e9 > _SETTLED:
            with contextlib.suppress(OSError):
                self._write(self._record(key), _written_record(digest, now))
        return True

    def _store(self, key: str, artifact: bytes) -> None:
        """Write file and record, each in one step: a reader in between finds a digest that does not fit."""
        if len(artifact) > self.most_bytes:
            return
        try:
            self._write(self.folder / f"{key}.cwasm", artifact)
            self._write(self._record(key), _written_record(hashlib.sha256(artifact).hexdigest(), None))
            self._drop_oldest(key)
        except OSError as error:
            self._complain(error)

    def _write(self, path: Path, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=".writing-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            try:
                os.replace(name, path)
            except IsADirectoryError:
                os.rmdir(path)
                os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def _drop_oldest(self, newest: str) -> None:
        """Delete what was used longest ago until the rest is small enough, and what workers that died left behind."""
        used: dict[str, float] = defaultdict(float)
        sizes: dict[str, int] = defaultdict(int)
        with os.scandir(self.folder) as entries:
            for entry in entries:
                ours, state = _OURS.fullmatch(entry.name), entry.stat(follow_symlinks=False)
                if ours:
                    used[ours[1]] = max(used[ours[1]], state.st_mtime)
                    sizes[ours[1]] += state.st_size
                elif _PASSING.fullmatch(entry.name) and time.time() - state.st_mtime > _LITTER:
                    self._delete(entry.name)
        total = sum(sizes.values())
        for key in sorted(used.keys() - {newest}, key=lambda key: used[key]):
            if total <= self.most_bytes:
                break
            for kind in ("cwasm", "record", "words", "file"):
                self._delete(f"{key}.{kind}")
            total -= sizes[key]

    def _delete(self, name: str) -> None:
        # Another worker may be quicker.
        with contextlib.suppress(OSError):
            os.unlink(self.folder / name)

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        """Keep other workers from compiling the same; where that cannot be done, all of them compile."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(file_lock(self.folder / f"{key}.lock", patience=PATIENCE))
            except OSError as error:
                self._complain(error)
            yield

    def recognise(self, path: Path, state: os.stat_result, data: bytes) -> None:
        """Spare a large file its digest where it looks as it did when that was last taken, by the rule for artifacts.

        `state` is the file's once `data` was read from it. A file that was changed within a minute is no such file.
        """
        if sys.platform == "win32" or len(data) < WORTH_NOTING:
            return
        name = hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()
        told, looks = _read_record(self._note(f"{name}.file") or b""), (*looks_of(state), state.st_dev)
        if told is not None and told[1] == looks:
            self._last = data, told[0]
        elif time.time() - max(state.st_mtime, state.st_ctime) > _SETTLED:
            self._keep_note(f"{name}.file", _written_record(self._digest(data), looks))

    def recall(self, data: bytes) -> bytes | None:
        """Give what was remembered of a module; None where it was not, or the files cannot be trusted."""
        return self._note(f"{self._digest(data)}.words")

    def remember(self, data: bytes, content: bytes) -> None:
        """Keep what was found in a module, beside what is compiled from it."""
        self._keep_note(f"{self._digest(data)}.words", content)

    def _note(self, name: str) -> bytes | None:
        if not self._folder_is_safe(create=False):
            return None
        try:
            with own_file(self.folder / name) as descriptor:
                digest, _, content = os.read(descriptor, _LONGEST_NOTE).partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(error)
            return None
        if digest.decode("ascii", "replace") != hashlib.sha256(content).hexdigest():
            return None
        with contextlib.suppress(OSError):
            os.utime(self.folder / name)
        return content

    def _keep_note(self, name: str, content: bytes) -> None:
        """Write a note behind its own digest, so that damage shows."""
        note = hashlib.sha256(content).hexdigest().encode() + b"\n" + content
        if len(note) <= _LONGEST_NOTE and self._folder_is_safe(create=True):
            try:
                self._write(self.folder / name, note)
            except OSError as error:
                self._complain(error)

    def _record(self, key: str) -> Path:
        return self.folder / f"{key}.record"

    def _key(self, data: bytes, identity: str) -> str:
        key = f"{self._digest(data)}\0{identity}\0{_processor()}"
        return hashlib.sha256(key.encode()).hexdigest()

    def _digest(self, data: bytes) -> str:
        """Digest a module, which takes longer than all else, once for all that is asked of it in a row."""
        last = self._last
        if last is None or last[0] is not data:
            self._last = last = data, hashlib.sha256(data).hexdigest()
        return last[1]

    def _complain(self, error: OSError) -> None:
        self.trouble = f"{self.folder}: {error.strerror or error}"

    def _folder_is_safe(self, *, create: bool) -> bool:
        try:
            if create:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state = os.lstat(self.folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            self._complain(error)
            return False
        self.trouble = why_unsafe(state, stat.S_ISDIR(state.st_mode), self.folder)
        return self.trouble is None


def default_folder() -> Path:
    """The user's cache directory by the custom of the platform; nothing is created."""
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        # The XDG rules say that a relative path is to be ignored.
        given = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(given) if os.path.isabs(given) else home / ".cache"
    return base / "pytest-mockforge"


def _digest_of(descriptor: int) -> str:
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _written_record(digest: str, looks: Looks | None) -> bytes:
    return json.dumps({"sha256": digest, "looks": looks}).encode()


def _read_record(content: bytes) -> tuple[str, Looks | None] | None:
    try:
        record = json.loads(content)
        looks = record["looks"]
        return str(record["sha256"]), None if looks is None else tuple(looks)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


@cache
def _processor() -> str:
    """Name the processor with its features, as native code for one may not run on the next."""
    features = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(("flags", "Features")):
                features = hashlib.sha256(line.encode()).hexdigest()[:16]
                break
    return f"{sys.platform} {platform.machine()} {platform.processor()} {features}"
