"""The services of one run: started once each, given again while they live, ended in reverse order.

Knows no files and no options: a key stands for a service, whoever chose it.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from pytest_mockforge.errors import LoadFailure, SetupError
from pytest_mockforge.services.launch import Service, launch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from pytest_mockforge.documents.start import StartCommand


class RunningServices:
    """Services by key; a context manager that ends them all."""

    def __init__(self) -> None:
        self._services: dict[str, Service] = {}
        self._starts: dict[str, StartCommand] = {}
        self._failures: dict[str, LoadFailure] = {}

    def get(
        self,
        key: str,
        start: StartCommand,
        *,
        label: str | None = None,
        timeout: float | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Service:
        """Give the service with this key: started at the first call, and again if it died since.

        What failed to start is not tried again before `restart` or `stop`: a run would wait for it at each test.

        Raises LoadFailure as `launch` does, and SetupError for a key that stands for another command.
        """
        if self._starts.setdefault(key, start) != start:
            message = f"two services of this run are named {key!r}"
            raise SetupError(message, hint="give each command a name of its own")
        if (known := self._failures.get(key)) is not None:
            raise LoadFailure(known.message, step="start", hint=known.hint)
        service = self._services.get(key)
        try:
            if service is None:
                service = launch(start, label=label or key, timeout=timeout, progress=progress)
                self._services[key] = service
            elif not service.alive:
                service.restart()
        except LoadFailure as failure:
            self._failures[key] = failure
            raise
        return service

    def restart(self, key: str) -> Service:
        """Start a service anew that `get` gave before. Raises LoadFailure, and SetupError for an unknown key."""
        start = self._starts.get(key)
        if start is None:
            known = ", ".join(map(repr, self._starts)) or "none"
            raise SetupError(f"no service is named {key!r}", hint=f"ask for it first; known: {known}")
        self._failures.pop(key, None)
        service = self._services.get(key)
        if service is None:
            return self.get(key, start)
        try:
            service.restart()
        except LoadFailure as failure:
            self._failures[key] = failure
            raise
        return service

    def stop(self, key: str) -> None:
        """End one service, and forget it and how it failed; an unknown key is none."""
        self._starts.pop(key, None)
        self._failures.pop(key, None)
        service = self._services.pop(key, None)
        if service is not None:
            service.stop()

    def close(self) -> None:
        """End all, the last one first, also where one of them resists. They can be asked for again."""
        with ExitStack() as stack:
            for key in self._services:
                stack.callback(self._services[key].stop)
            self._services, self._starts, self._failures = {}, {}, {}

    def __enter__(self) -> RunningServices:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
