"""What the fixture `mockforge_remote` gives: services started on request, as plugins. Knows nothing of pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.documents.quantities import parse_duration
from pytest_mockforge.documents.start import StartCommand
from pytest_mockforge.documents.testfile import TestFile
from pytest_mockforge.errors import LoadFailure, SettingsError, SetupError
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.service_subject import Endpoint, ServiceSubject
from pytest_mockforge.spec import Spec, label_of
from pytest_mockforge.subject import Documents, read_documents

if TYPE_CHECKING:
    from pytest_mockforge.services.launch import Service


class RemoteStarter:
    """Starts services, each once a session, and gives each as a plugin; all end with the session."""

    def __init__(
        self,
        open_subject: Callable[[ServiceSubject], Plugin],
        *,
        base: Path,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._open = open_subject
        self._base = base
        self._progress = progress
        self._subjects: dict[str, ServiceSubject] = {}
        self._starts: dict[str, StartCommand] = {}

    def __call__(
        self,
        command: Sequence[str],
        *,
        name: str | None = None,
        cwd: str | Path = ".",
        env: Mapping[str, str] | None = None,
        ready: str | None = None,
        ready_timeout: float | str = 30.0,
        protocol: str = "http",
        prefix: str = "",
    ) -> Plugin:
        """Start a service, or give the one that the same call started before, as a plugin that is ready.

        `command` is a list of words, run without a shell; in it and in the values of `env`, `{port}` stands for a free
        port, which is in the variable PORT too, and `{python}` for this interpreter. `cwd` counts from the rootdir.
        `ready` is a path that answers 2xx when the service is ready (default /health; for `protocol='grpc'` the name
        that grpc.health.v1 is asked for). `ready_timeout` is seconds or text such as '10s'. `name` tells services of
        one command apart. A service that died is started again.

        Raises LoadFailure when it cannot be started or is not ready in time, SettingsError for a value that cannot be.
        """
        __tracebackhide__ = True
        start = _command(command, self._base / cwd, env or {}, ready, ready_timeout, protocol, prefix)
        key = name if name is not None else _named(start)
        if self._starts.setdefault(key, start) != start:
            raise SettingsError(f"two services are named {key!r}", hint="give each a name= of its own")
        subject = self._subjects.get(key)
        if subject is None:
            spec = Spec(text=" ".join(start.command), label=key, named=True, kind="folder", path=start.cwd, address=key)
            beside = read_documents(start.cwd)
            testfile = TestFile(path=None, volatile=beside.testfile.volatile, start=start)
            subject = ServiceSubject(
                spec, documents=Documents(testfile=testfile), allow_commands=True, progress=self._progress
            )
            self._subjects[key] = subject
        process = self._process(subject)
        try:
            if process is not None and not process.alive:
                subject.restart()
            return self._open(subject)
        except LoadFailure as failure:
            # How we came there says nothing to whoever wrote the test.
            raise failure.with_traceback(None) from None

    def restart(self, plugin: Plugin) -> None:
        """End the service behind a plugin and start it anew. Raises LoadFailure as the first start does."""
        __tracebackhide__ = True
        self._subject(plugin).restart()

    def stop(self, plugin: Plugin) -> None:
        """End the service behind a plugin; the next call of the starter starts it again."""
        __tracebackhide__ = True
        process = self._process(self._subject(plugin))
        if process is not None:
            process.stop()

    def log(self, plugin: Plugin) -> str:
        """Give what the service printed since its last start, control characters included."""
        __tracebackhide__ = True
        return self._subject(plugin).log

    def _subject(self, plugin: Plugin) -> ServiceSubject:
        __tracebackhide__ = True
        subject = self._subjects.get(plugin.label)
        if subject is None:
            raise SetupError(f"{plugin.label!r} was not started by mockforge_remote", hint="pass what it gave")
        return subject

    @staticmethod
    def _process(subject: ServiceSubject) -> Service | None:
        reached = subject.__dict__.get("reached")
        return reached.process if isinstance(reached, Endpoint) else None


def _named(start: StartCommand) -> str:
    """Name a service after what it runs: the last word of its command that looks like a file or a module."""
    words = [word for word in start.command if not word.startswith(("-", "{")) and not word.isdigit()]
    return label_of(Path(words[-1]).stem if words else start.command[0])


def _command(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    ready: str | None,
    ready_timeout: float | str,
    protocol: str,
    prefix: str,
) -> StartCommand:
    __tracebackhide__ = True
    words = tuple(command) if not isinstance(command, str) else ()
    if not words or not all(isinstance(word, str) and word for word in words):
        raise SettingsError(
            f"the command of a service cannot be {command!r}", hint='give a list of words: ["node", "server.js"]'
        )
    if protocol not in ("http", "grpc"):
        raise SettingsError(f"the protocol of a service cannot be {protocol!r}", hint="valid values are http, grpc")
    try:
        seconds = parse_duration(ready_timeout) if isinstance(ready_timeout, str) else float(ready_timeout)
    except ValueError as error:
        raise SettingsError(f"ready_timeout: {error}") from None
    given = ready if ready is not None else "" if protocol == "grpc" else f"{prefix}/health"
    return StartCommand(
        command=words,
        cwd=cwd,
        env=dict(env),
        protocol="grpc" if protocol == "grpc" else "http",
        ready=given,
        ready_timeout=seconds,
        prefix=prefix,
    )
