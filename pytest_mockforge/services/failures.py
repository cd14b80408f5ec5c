"""What is said of a service that did not start: command, cause, the end of its log, and what mends it.

Makes messages out of what was seen; starts and asks nothing but the machine's own tables.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.masking import Redactor, is_secret_name
from pytest_mockforge.services.log import harmless, tail
from pytest_mockforge.services.ports import is_taken, ports_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_mockforge.services.probes import Answer
    from pytest_mockforge.services.supervised import Exit, NotStarted

_IN_USE = re.compile(r"address already in use|EADDRINUSE|address in use|errno 98\b|errno 48\b", re.IGNORECASE)
_LONGEST_COMMAND = 300
_FROM_PORT = "take the port from the variable PORT, or write {port} into 'command'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One start as messages name it."""

    label: str
    command: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    port: int
    asked: str
    """URL of the question for readiness."""


def says_in_use(log: str) -> bool:
    """Tell whether a log complains of an address in use."""
    return _IN_USE.search(log[-65536:]) is not None


def not_started(attempt: Attempt, why: NotStarted) -> LoadFailure:
    """Tell of a command that the operating system did not run."""
    reason = os.strerror(why.errno)
    if why.stage == "cwd":
        what, hint = f"its folder cannot be entered: {reason}", "name a folder that exists, with 'cwd'"
    else:
        what, hint = _why_not_run(attempt, why.errno, reason)
    return _failure(attempt, f"cannot be started: {what}", "", hint)


def _why_not_run(attempt: Attempt, number: int, reason: str) -> tuple[str, str]:
    program = attempt.command[0]
    name = harmless(program)
    path = Path(attempt.cwd, program) if "/" in program else None
    where = str(path) if path else shutil.which(program, path=attempt.env.get("PATH"))
    if number == errno.ENOENT and where and Path(where).exists():
        return f"{name!r} is there, but the interpreter in its first line is not", "mend the line that begins with #!"
    if number in (errno.ENOENT, errno.ENOTDIR):
        hint = "write {python} for the interpreter that runs the tests" if name.startswith("python") else None
        if path:
            return f"there is no {harmless(str(path))!r}", hint or "a path counts from 'cwd'; build the service first"
        return f"no command {name!r} on PATH", hint or "install it, or write its path; no shell reads the command"
    if number == errno.EACCES:
        return f"{name!r} is not executable", f"chmod +x {shlex.quote(name)}, or name its interpreter first"
    if number == errno.ENOEXEC:
        return f"{name!r} is no program for this machine", "name its interpreter first, or begin it with a #! line"
    return f"{name!r}: {reason}", "run the command by hand in that folder"


def exited(attempt: Attempt, ended: Exit | None, seconds: float, log: str) -> LoadFailure:
    """Tell of a command that ended before the service was ready."""
    how = _how(ended)
    if ended is not None and ended.status == 0 and ended.left:
        count = "1 process" if ended.left == 1 else f"{ended.left} processes"
        what = f"went into the background: its command ended with {how} after {seconds:.1f} s, and {count} went on"
        hint = "run it in the foreground: leave out --daemon, -d, & and the like"
        return _failure(attempt, what, log, hint)
    if says_in_use(log):
        hint = f"another process holds the port that the service wants; {_FROM_PORT}"
    elif ended is not None and ended.status == 0:
        hint = "a service stays in the foreground; see what its command does"
    else:
        hint = "the log says why; or run the command by hand in that folder, with PORT set"
    return _failure(attempt, f"ended with {how} after {seconds:.1f} s, before it was ready", log, hint)


def _how(ended: Exit | None) -> str:
    if ended is None:
        return "the process that watched over it"
    if ended.status >= 0:
        return f"exit status {ended.status}"
    try:
        return signal.Signals(-ended.status).name
    except ValueError:
        return f"signal {-ended.status}"


def elsewhere(port: int, processes: list[int]) -> str:
    """Tell where these processes listen instead of on 127.0.0.1 at that port, with the mend; "" for nowhere."""
    if is_taken(port, "::1"):
        return "it listens on [::1] alone: have it listen on 127.0.0.1 or 0.0.0.0"
    others = [str(other) for other in ports_of(processes) if other != port]
    return f"it listens on port {' and '.join(others)}, not on {port}: {_FROM_PORT}" if others else ""


def not_ready(attempt: Attempt, answer: Answer, seconds: float, log: str, elsewhere: str) -> LoadFailure:
    """Tell of a service that runs, and did not say in time that it is ready; `elsewhere` as found while it ran."""
    if not answer.connected and elsewhere:
        hint = elsewhere
    elif not answer.connected:
        hint = f"{_FROM_PORT}; if it is only slow, raise 'ready_timeout'"
    elif answer.status == 404:
        hint = "name a path that answers 2xx when the service is ready, with 'ready'"
    elif answer.status in (401, 403):
        hint = "the host asks for health without credentials (contract 4.1): let that path through, or name another"
    else:
        hint = "see the log; if it is only slow, raise 'ready_timeout'"
    return _failure(attempt, f"was not ready within {seconds:.3g} s", log, hint, answer=answer)


def unlucky(attempt: Attempt, times: int, log: str) -> LoadFailure:
    """Tell of a service that met another process on each port that was tried."""
    what = f"found its port taken, {times} times, each time another one"
    return _failure(attempt, what, log, f"if it has a port of its own: {_FROM_PORT}")


def _failure(attempt: Attempt, what: str, log: str, hint: str, *, answer: Answer | None = None) -> LoadFailure:
    command = harmless(shlex.join(attempt.command), _LONGEST_COMMAND)
    lines = [f"the service {harmless(attempt.label)!r} {what}", f"  command: {command}"]
    lines.append(f"  in: {harmless(str(attempt.cwd), _LONGEST_COMMAND)}, PORT={attempt.port}")
    if answer is not None:
        lines += [f"  asked: {attempt.asked}", f"  last answer: {answer.said}"]
    printed = tail(log)
    if printed:
        lines += ["  the end of its log:", *(f"    | {line}" for line in printed)]
    elif log or answer is not None:
        lines.append("  its log is empty")
    known = {f"env.{name}": value for name, value in attempt.env.items() if value and is_secret_name(name)}
    return LoadFailure(Redactor(known).text("\n".join(lines)), step="start", hint=hint)
