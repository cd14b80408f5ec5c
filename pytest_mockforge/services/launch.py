"""Starts a service on a free port, waits until it is ready, and ends it with everything that it forked.

Works in a REPL; knows nothing of pytest, of plugins or of what the service is asked later. Linux and macOS.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Literal

from pytest_mockforge.errors import SetupError
from pytest_mockforge.services import failures, ports, probes
from pytest_mockforge.services.environment import command_of, environment_of
from pytest_mockforge.services.failures import Attempt
from pytest_mockforge.services.log import harmless
from pytest_mockforge.services.supervised import Supervised
from pytest_mockforge.services.supervisor import descendants, process_table

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import TracebackType

    from pytest_mockforge.documents.start import StartCommand
    from pytest_mockforge.services.probes import Answer

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
_TRIES = 4
_LONGEST_QUESTION = 5.0
_LONGEST_GRPC_QUESTION = 1.0
_SETTLING = 0.2
"""Seconds that a service must outlive its first good answer where nothing tells whose answer it was."""


class Service:
    """A service that runs; a context manager that ends it.

    Belongs to the process that started it, and to one thread at a time.
    """

    def __init__(
        self,
        start: StartCommand,
        *,
        label: str,
        timeout: float | None = None,
        progress: Callable[[str], None] | None = None,
        choose_port: Callable[[], int] = ports.free_port,
        grace: float = GRACE,
    ) -> None:
        self.label = label
        self.port = 0
        self.starts = 0
        """How often it was started."""
        self._start = start
        self._timeout = start.ready_timeout if timeout is None else timeout
        self._progress = progress
        self._choose_port = choose_port
        self._grace = grace
        self._process: Supervised | None = None
        self._begin(None)

    @property
    def url(self) -> str:
        """Address before `/plugin`, without a slash at its end; `grpc://` for gRPC. It may change with a restart."""
        return f"{self._start.protocol}://{ports.LOOPBACK}:{self.port}{self._start.prefix}"

    @property
    def log(self) -> str:
        """What it printed since its last start, as it came, control characters too: the first 64 KiB and the last."""
        return self._process.log if self._process else ""

    @property
    def alive(self) -> bool:
        """Whether its command runs still."""
        return self._process is not None and self._process.alive

    def stop(self) -> None:
        """End it and all that it forked: SIGTERM, then SIGKILL after the grace. Calling again does nothing."""
        if self._process is not None:
            self._process.stop()

    def restart(self) -> None:
        """End it and start it anew, on the same port unless somebody took that.

        Raises LoadFailure as `launch` does; it is not running then.
        """
        self.stop()
        self._begin(self.port)

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _begin(self, port: int | None) -> None:
        began = monotonic()
        until = began + self._timeout
        for number in range(1, _TRIES + 1):
            self.port = self._choose_port() if port is None else port
            port = None
            attempt = self._attempt()
            process = Supervised(attempt.command, cwd=attempt.cwd, env=attempt.env, grace=self._grace)
            self._process = process
            self.starts += 1
            try:
                if process.failed is not None:
                    raise failures.not_started(attempt, process.failed)
                # A stranger that answers on a second port too is the service's own deputy, such as a container's proxy.
                waiting = _Waiting(attempt, self._start, process, timeout=self._timeout, progress=self._progress)
                if waiting.until(until, deputies=number > 1) == "ready":
                    return
            except BaseException:
                process.stop()
                raise
            process.stop()
            if monotonic() > until:
                break
        raise failures.unlucky(attempt, number, process.log)

    def _attempt(self) -> Attempt:
        start = self._start
        asked = f"GET http://{ports.LOOPBACK}:{self.port}{start.ready}"
        if start.protocol == "grpc":
            asked = f"grpc.health.v1.Health/Check at {ports.LOOPBACK}:{self.port}"
        return Attempt(
            label=self.label,
            command=command_of(start, self.port),
            cwd=start.cwd.absolute(),
            env=environment_of(start, self.port),
            port=self.port,
            asked=asked,
        )


def launch(
    start: StartCommand,
    *,
    label: str,
    timeout: float | None = None,
    progress: Callable[[str], None] | None = None,
    choose_port: Callable[[], int] = ports.free_port,
    grace: float = GRACE,
) -> Service:
    """Start a service and return when it is ready; `timeout` in seconds replaces its `ready_timeout`.

    The service gets a free port in `PORT` and for `{port}`, a session of its own, no standard input, and a small
    environment (see `environment.inherited`). `progress` gets a line at once and about once a second while it waits.
    However this process ends, the service and all that it forked end too (on macOS but for a daemon that left both the
    service's process group and its tree).

    Raises LoadFailure(step="start") when it cannot be started, ends, or is not ready in time; SetupError where
    services cannot be started at all.
    """
    if os.name != "posix":
        raise SetupError(
            "services can be started on Linux and macOS only",
            hint="start the service yourself and name its URL, with 'remote:' or as a SPEC",
        )
    if not start.command:
        raise SetupError(f"the service {harmless(label)!r} has an empty command", hint="name a program")
    return Service(start, label=label, timeout=timeout, progress=progress, choose_port=choose_port, grace=grace)


class _Waiting:
    """Asks one start of a service whether it is ready, until something is certain."""

    def __init__(
        self,
        attempt: Attempt,
        start: StartCommand,
        process: Supervised,
        *,
        timeout: float,
        progress: Callable[[str], None] | None,
    ) -> None:
        self._attempt = attempt
        self._start = start
        self._process = process
        self._timeout = timeout
        self._progress = progress
        self._began = monotonic()
        self._shown = -1

    def until(self, until: float, *, deputies: bool) -> Literal["ready", "taken"]:
        """Wait; `taken` when another process has the port. Raises LoadFailure."""
        pause, answer = 0.01, probes.REFUSED
        while (left := until - monotonic()) > 0:
            if not self._process.alive:
                return self._ended()
            # The service's own last answer says more than one that time cut short.
            answer = self._ask(left) if left > 0.05 or answer is probes.REFUSED else answer
            if answer.ready:
                return self._confirmed(deputies=deputies)
            if not self._process.alive:
                return self._ended()
            self._tell()
            self._process.wait(min(pause, max(until - monotonic(), 0)))
            pause = min(pause * 1.5, 0.2)
        if not self._process.alive:
            return self._ended()
        # Looked up while it runs; its log is complete only afterwards.
        elsewhere = failures.elsewhere(self._attempt.port, self._all())
        self._process.stop()
        raise failures.not_ready(self._attempt, answer, self._timeout, self._process.log, elsewhere)

    def _ask(self, left: float) -> Answer:
        if self._start.protocol == "grpc":
            return probes.ask_grpc(self._attempt.port, self._start.ready, min(left, _LONGEST_GRPC_QUESTION), self._wait)
        return probes.ask_http(self._attempt.port, self._start.ready, min(left, _LONGEST_QUESTION), self._wait)

    def _wait(self, seconds: float, other: socket.socket, *, writing: bool) -> bool:
        # In short steps, so that the progress line goes on while a server is silent.
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            if self._process.wait(min(left, 0.5), other, writing=writing):
                return True
            if not self._process.alive:
                return False
            self._tell()
        return False

    def _tell(self) -> None:
        seconds = int(monotonic() - self._began)
        if self._progress is not None and seconds > self._shown:
            self._shown = seconds
            attempt = self._attempt
            where = f"{self._start.protocol}://{ports.LOOPBACK}:{attempt.port}"
            after = f", {seconds} s" if seconds else ""
            self._progress(f"waiting for {harmless(attempt.label)} at {where}{after}")

    def _confirmed(self, *, deputies: bool) -> Literal["ready", "taken"]:
        holder = ports.holder_of(self._attempt.port, self._all())
        if holder == "stranger" and not deputies:
            return "taken"
        if holder != "own":
            self._process.wait(_SETTLING)
            if not self._process.alive:
                return "taken"
        return "ready"

    def _ended(self) -> Literal["taken"]:
        seconds = monotonic() - self._began
        self._process.stop()
        log = self._process.log
        # Asked when all of the service is gone: whoever answers now is somebody else.
        if ports.is_taken(self._attempt.port) or failures.says_in_use(log):
            return "taken"
        raise failures.exited(self._attempt, self._process.exit, seconds, log)

    def _all(self) -> list[int]:
        return descendants(self._process.supervisor_pid, process_table())
