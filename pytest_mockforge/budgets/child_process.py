"""The run's end of the process in which time is measured: starts it, asks it, and ends it whatever it does.

Knows processes and lines of JSON; nothing of plugins.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType

import msgspec

from pytest_mockforge.runtimes.base import Limits

_ROUND_ABOUT = 5.0
"""Seconds that the run waits beyond what the child's own timer allows."""
_START = 60.0
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""All of the environment that the child gets."""
# -I shuts out PYTHONPATH and the current folder, so what the run imports from is handed on.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from pytest_mockforge.budgets.child import main; main()"
)


class ChildEndedError(Exception):
    """The child is gone; the text says why, in words for a verdict."""


class ChildProcess:
    """One child, in a session of its own; a context manager that leaves nothing behind."""

    def __init__(self, limits: Limits, cache: Path | None) -> None:
        """Start it. Raises ChildEndedError when it does not come up."""
        self._folder = tempfile.TemporaryDirectory(prefix="mockforge-time-")
        self._errors = Path(self._folder.name) / "stderr"
        self._buffer = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            with self._errors.open("wb") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", _PROGRAM, json.dumps([str(place) for place in sys.path if place])],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={name: os.environ[name] for name in _KEPT if name in os.environ},
                    start_new_session=True,
                )
            self._send({"limits": msgspec.structs.asdict(limits), "cache": str(cache) if cache else ""})
            self._receive(_START)
        except OSError as error:
            self.close()
            raise ChildEndedError(f"the process that measures time cannot be started: {error.strerror}") from None
        except BaseException:
            self.close()
            raise

    @property
    def folder(self) -> Path:
        """Where files for the child may lie; gone after `close`."""
        return Path(self._folder.name)

    def ask(self, order: Mapping[str, object], *, patience: float) -> dict[str, object]:
        """Give an order and take its answer. Raises ChildEndedError when none comes within `patience` seconds."""
        self._send({**order, "patience": patience})
        return self._receive(patience)

    def close(self) -> None:
        """End the process and whatever it started; calling again does nothing."""
        process, self._process = self._process, None
        if process is not None:
            # One that ended was waited for, and its number may be another's by now.
            if process.poll() is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    assert pipe is not None
                    pipe.close()
        self._folder.cleanup()

    def __enter__(self) -> ChildProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, order: Mapping[str, object]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended(0.0) from None

    def _receive(self, patience: float) -> dict[str, object]:
        assert self._process is not None
        assert self._process.stdout is not None
        until = monotonic() + patience + _ROUND_ABOUT
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, until - monotonic())):
                    raise ChildEndedError(f"a call did not return within {patience:g} s")
                read = os.read(self._process.stdout.fileno(), 1 << 16)
                if not read:
                    raise self._ended(patience)
                self._buffer += read
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = bytearray(rest)
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def _ended(self, patience: float) -> ChildEndedError:
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_ROUND_ABOUT)
        status = self._process.returncode
        if status is not None and status == -getattr(signal, "SIGALRM", 0):
            return ChildEndedError(f"a call did not return within {patience:g} s")
        said = self._errors.read_text("utf-8", "replace").strip().splitlines()
        why = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        return ChildEndedError(
            f"the process that measures time ended by {why}" + (f": {said[-1]:.200}" if said else "")
        )
