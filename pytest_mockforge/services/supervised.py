"""The run's side of a supervisor: one start of one command, told to end or left to end with the run.

Starts no thread: the supervisor drains the output, and what it reports waits in a socket until somebody asks. Who reads
the log asks it first for what is in the pipe still: a reply can be here before the line that was printed ahead of it.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from pytest_mockforge.errors import SetupError
from pytest_mockforge.services import supervisor
from pytest_mockforge.services.log import read_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SCRIPT = Path(supervisor.__file__).absolute()
_START_TIME = 20.0
_END_TIME = 10.0
"""Seconds that a supervisor may take for itself, beyond the grace that its service is given."""
_LOG_TIME = 2.0
"""Seconds in which a supervisor is to have written what is in the pipe; then the log is taken as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exit:
    """How a command ended: its exit status, negative for a signal, and how many processes of it went on."""

    status: int
    left: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NotStarted:
    """Why a command did not start: the operating system's error, for `command` or `cwd`."""

    stage: str
    errno: int


class Supervised:
    """A command that runs under a supervisor of its own.

    Raises SetupError where no supervisor can be started. A command that cannot be started is told by `failed`.
    """

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], grace: float) -> None:
        self.exit: Exit | None = None
        self.failed: NotStarted | None = None
        self._pid = 0
        self._owner = os.getpid()
        self._grace = grace
        self._orderly = False
        self._over = False
        self._unanswered = 0
        self._buffer = b""
        self._kept: str | None = None
        self._log = tempfile.TemporaryFile(prefix="mockforge-log-", buffering=0)  # noqa: SIM115 (closed by stop)
        self._control, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = _spawn(theirs, self._log.fileno(), env)
        except BaseException:
            self._control.close()
            self._log.close()
            raise
        try:
            self._begin(command, cwd, env)
        except BaseException:
            self.stop()
            raise

    def _begin(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        order = {
            "command": [_latin(word) for word in command],
            "cwd": _latin(str(cwd)),
            "env": [[_latin(name), _latin(value)] for name, value in env.items()],
            "grace": self._grace,
        }
        self._control.settimeout(_START_TIME)
        # Where it died before it read, that is told below.
        with suppress(OSError):
            self._control.sendall(json.dumps(order).encode() + b"\n")
        self._control.setblocking(False)
        until = monotonic() + _START_TIME
        while not (self._pid or self.failed or self._over) and (left := until - monotonic()) > 0:
            self.wait(left)
        if not (self._pid or self.failed):
            message = "the process that would watch over services cannot be started"
            raise SetupError(message, hint=f"try: {sys.executable} -I -S {_SCRIPT}; it is to end silently")

    @property
    def supervisor_pid(self) -> int:
        """Process id of the supervisor, from which all processes of the service descend on Linux."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the command runs still."""
        self._take_in()
        return bool(self._pid) and self.exit is None and not self._over

    @property
    def log(self) -> str:
        """All that the service printed before this was asked for."""
        if self._kept is not None:
            return self._kept
        if os.getpid() == self._owner:
            self._have_it_written()
        return read_log(self._log.fileno())

    def _have_it_written(self) -> None:
        try:
            self._control.send(supervisor.WRITE)
        except OSError:
            return
        self._unanswered += 1
        until = monotonic() + _LOG_TIME
        while self._unanswered and not self._over and (left := until - monotonic()) > 0:
            self.wait(left)

    def wait(self, seconds: float, other: socket.socket | None = None, *, writing: bool = False) -> bool:
        """Wait until the supervisor has something to say, or `other` is ready; tell whether that one is."""
        with selectors.PollSelector() as selector:
            if not self._over:
                selector.register(self._control, selectors.EVENT_READ)
            if other is not None:
                selector.register(other, selectors.EVENT_WRITE if writing else selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(max(seconds, 0))]
        self._take_in()
        return other is not None and other in ready

    def stop(self) -> None:
        """End every process of the service and give back what is held; calling again does nothing.

        SIGTERM, then SIGKILL after the grace. The log is complete afterwards.
        """
        if self._kept is not None:
            return
        if os.getpid() != self._owner:
            # A forked copy of the run ends nothing that is not its own.
            self._kept = ""
            self._control.close()
            self._log.close()
            return
        # The supervisor may be gone already.
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        until = monotonic() + self._grace + _END_TIME
        while not self._over and (left := until - monotonic()) > 0:
            self.wait(left)
        self._bury()
        self._kept = read_log(self._log.fileno())
        self._control.close()
        self._log.close()

    def _bury(self) -> None:
        if not self._over:
            self._process.kill()
        self._process.wait()
        if self._pid and not self._orderly:
            # Somebody killed the supervisor: what is left of the service is in its own group, if anywhere.
            with suppress(OSError):
                os.killpg(self._pid, signal.SIGKILL)

    def _take_in(self) -> None:
        while not self._over and self._kept is None:
            try:
                data = self._control.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self._over = not data
            *lines, self._buffer = (self._buffer + data).split(b"\n")
            for line in lines:
                self._understand(json.loads(line))

    def _understand(self, word: dict[str, int | str | bool]) -> None:
        if "started" in word:
            self._pid = int(word["started"])
        elif "failed" in word:
            self.failed = NotStarted(stage=str(word["failed"]), errno=int(word["errno"]))
        elif "exited" in word:
            self.exit = Exit(status=int(word["exited"]), left=int(word["left"]))
        elif "written" in word:
            self._unanswered -= int(word["written"])
        elif "ended" in word:
            self._orderly = True


def _spawn(theirs: socket.socket, log: int, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise SetupError("no Python interpreter is known that could watch over services", hint="set sys.executable")
    words = [sys.executable, "-I", "-S", str(_SCRIPT), str(log), str(os.getpid())]
    try:
        # A session of its own: Ctrl-C and a terminal that closes are for the run, which then tells the supervisor.
        return subprocess.Popen(
            words,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=dict(env),
            pass_fds=(log,),
            start_new_session=True,
        )
    except OSError as error:
        message = f"the process that would watch over services cannot be started: {error.strerror or error}"
        raise SetupError(message, hint=f"see whether {sys.executable} runs") from None


def _latin(text: str) -> str:
    return os.fsencode(text).decode("latin-1")
