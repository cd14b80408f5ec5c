"""The small process between a test run and a service: it starts the service, keeps its output, and ends all of it.

A script for `python -I -S`, standard library alone; it must not import this package, whose imports it would pay for at
each start. It ends the service when it is told to, and also when the run goes away without a word: the run holds one
end of a socket, which the kernel closes whatever happens to it.

Everything that comes from the service is ended with it. On Linux this process is a subreaper: what the service forks
cannot leave its tree, however often it forks and whatever session it makes. Elsewhere it ends the service's process
group and what descends from the service at that moment; a daemon that left both before then is not found.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress

HEAD = TAIL = 64 * 1024
HEADER = 16
"""Bytes before the log's head in its file; the first eight hold how many bytes were written in all."""
WRITE = b"?"
"""What the run says to have all that is in the pipe written to the log."""

_CONTROL = 0
_LOOK = 0.5
_KILL_TIME = 5.0
_PIPE_READS = 32
_SET_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36


class Log:
    """The first and the last 64 KiB of what was written, in a file that the run reads whenever it likes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._total = 0

    def add(self, data: bytes) -> None:
        """Append bytes. A full disk loses log and nothing else."""
        room = max(HEAD - self._total, 0)
        kept = data[room:][-TAIL:]
        position = max(self._total + len(data) - len(kept) - HEAD, 0) % TAIL
        self._total += len(data)
        try:
            os.pwrite(self._descriptor, data[:room], HEADER + self._total - len(data))
            os.pwrite(self._descriptor, kept[: TAIL - position], HEADER + HEAD + position)
            os.pwrite(self._descriptor, kept[TAIL - position :], HEADER + HEAD)
            os.pwrite(self._descriptor, self._total.to_bytes(8, "little"), 0)
        except OSError:
            pass


def process_table() -> dict[int, int]:
    """Map each living process to its parent. Empty where neither /proc nor ps tells."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return _asked_of_ps()
    table = {}
    for name in names:
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                text = file.read()
        except OSError:
            continue
        state, parent = text[text.rindex(b")") + 2 :].split()[:2]
        if state not in (b"Z", b"X"):
            table[int(name)] = int(parent)
    return table


def descendants(root: int, table: dict[int, int]) -> list[int]:
    """Give all that come from `root`, without it, parents before their children."""
    children: dict[int, list[int]] = {}
    for process, parent in table.items():
        children.setdefault(parent, []).append(process)
    found = list(children.get(root, ()))
    for process in found:
        found.extend(children.get(process, ()))
    return found


def _asked_of_ps() -> dict[int, int]:
    import subprocess

    try:
        done = subprocess.run(["/bin/ps", "-axo", "pid=,ppid="], stdout=subprocess.PIPE, timeout=2, check=False)
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = [line.split() for line in done.stdout.decode("ascii", "replace").splitlines()]
    return {int(row[0]): int(row[1]) for row in rows if len(row) == 2 and row[0].isdecimal() and row[1].isdecimal()}


def _prctl(option: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


class Supervisor:
    """One service, from its start to the end of its last process."""

    def __init__(self, log: Log, run: int, order: dict[str, object]) -> None:
        self._log = log
        self._run = run
        self._grace = float(str(order["grace"]))
        self._order = order
        self._reaps_all = _prctl(_SET_CHILD_SUBREAPER, 1)
        self._child = 0
        self._childless = False
        self._told_to_end = False
        self._wake, wake = os.pipe()
        for end in (self._wake, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end_soon)
        self._output, self._input = os.pipe()
        os.set_blocking(self._output, False)

    def _end_soon(self, *_: object) -> None:
        self._told_to_end = True

    def work(self) -> None:
        """Start the service, watch it, end it."""
        if self._start():
            while not self._told_to_end and self._run_lives():
                self._watch(_LOOK, control=True)
            self._end()
        self._tell(ended=True)

    def _run_lives(self) -> bool:
        # A process that the run forked may hold a copy of the socket's other end, which then outlives the run.
        return os.getppid() == self._run

    def _start(self) -> bool:
        reading, writing = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            self._become_service(writing)
        os.close(writing)
        os.close(self._input)
        with os.fdopen(reading, "rb") as file:
            said = file.read()
        if said:
            os.waitpid(self._child, 0)
            stage, _, number = said.decode("ascii").partition(" ")
            self._tell(failed=stage, errno=int(number))
            return False
        self._tell(started=self._child)
        return True

    def _become_service(self, complaints: int) -> None:
        stage = "command"
        try:
            os.setsid()
            # Should this process be killed, the service goes too.
            _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(self._input, 1)
            os.dup2(self._input, 2)
            stage = "cwd"
            os.chdir(_bytes(self._order["cwd"]))
            stage = "command"
            words = [_bytes(word) for word in _list(self._order["command"])]
            pairs = [[_bytes(text) for text in _list(pair)] for pair in _list(self._order["env"])]
            os.execvpe(words[0], words, dict(pairs))
        except OSError as error:
            os.write(complaints, f"{stage} {error.errno}".encode())
        except ValueError:
            os.write(complaints, f"{stage} {errno.EINVAL}".encode())
        finally:
            os._exit(127)

    def _watch(self, seconds: float, *, control: bool) -> None:
        """Wait for output, a dead child or a word of the run, and take in what came."""
        wanted = [self._wake, *([self._output] if self._output >= 0 else []), *([_CONTROL] if control else [])]
        ready, _, _ = select.select(wanted, [], [], seconds)
        if self._wake in ready:
            os.read(self._wake, 4096)
        if self._output in ready:
            self._pump()
        if _CONTROL in ready:
            self._obey(_read(_CONTROL))
        self._reap()

    def _obey(self, words: bytes) -> None:
        if not words:
            self._told_to_end = True
            return
        self._drain()
        self._tell(written=len(words))

    def _pump(self) -> bool:
        if self._output < 0:
            return False
        try:
            data = os.read(self._output, 65536)
        except BlockingIOError:
            return False
        if data:
            self._log.add(data)
            return True
        os.close(self._output)
        self._output = -1
        return False

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._childless = True
                return
            self._childless = False
            if process == 0:
                return
            if process == self._child:
                self._drain()
                left = len(descendants(os.getpid(), process_table()))
                self._tell(exited=os.waitstatus_to_exitcode(status), left=left)

    def _end(self) -> None:
        """End every process of the service: SIGTERM, the grace, SIGKILL."""
        known = set(self._signal_all(signal.SIGTERM))
        until = time.monotonic() + self._grace
        while self._remain(known) and (left := until - time.monotonic()) > 0:
            self._watch(min(left, 0.05), control=False)
        until = time.monotonic() + _KILL_TIME
        while self._remain(known) and time.monotonic() < until:
            known.update(self._signal_all(signal.SIGKILL, known))
            self._watch(0.01, control=False)
        self._drain()

    def _drain(self) -> None:
        # As much as a pipe can hold, and no more: another process of the service may write without end.
        for _ in range(_PIPE_READS):
            if not self._pump():
                return

    def _remain(self, known: set[int]) -> bool:
        self._reap()
        if self._reaps_all:
            return not self._childless
        return not self._childless or _group_lives(self._child) or any(_lives(process) for process in known)

    def _signal_all(self, number: int, known: set[int] | None = None) -> list[int]:
        found = descendants(os.getpid(), process_table())
        for process in {*found, *(known or ())} if not self._reaps_all else found:
            _signal(process, number)
        # Without a living child the group's number may be another's already.
        if not self._reaps_all or not (found or self._childless):
            _signal_group(self._child, number)
        return found

    def _tell(self, **words: object) -> None:
        # Where the run is gone the service is ended all the same.
        with suppress(OSError):
            os.write(_CONTROL, json.dumps(words).encode() + b"\n")


def _signal(process: int, number: int) -> None:
    with suppress(OSError):
        os.kill(process, number)


def _signal_group(group: int, number: int) -> None:
    with suppress(OSError):
        os.killpg(group, number)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _bytes(value: object) -> bytes:
    # Text that JSON cannot hold as it is travels as Latin-1, a character a byte.
    return str(value).encode("latin-1")


def _order() -> dict[str, object] | None:
    text = b""
    while not text.endswith(b"\n"):
        data = _read(_CONTROL)
        if not data:
            return None
        text += data
    order = json.loads(text)
    return order if isinstance(order, dict) else None


def main() -> None:
    """Serve the run whose process id is the second argument; the first is the log's file descriptor."""
    log, run = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(log, False)
    order = _order()
    if order is not None:
        Supervisor(Log(log), run, order).work()


if __name__ == "__main__":
    main()
