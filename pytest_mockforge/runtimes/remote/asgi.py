"""An ASGI app inside this process as a runtime, without a socket. Knows nothing of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Exchange, InstancePolicy, Limits
from pytest_mockforge.runtimes.remote.answer import Answer, RemoteAuth

START_TIMEOUT = 30.0
"""Seconds for importing an app and for its lifespan's start."""


class AsgiApp:
    """An app that is started once and may serve several runtimes: the thing a subject keeps open."""

    def __init__(self, target: str, *, search: Sequence[Path] = (), start_timeout: float = START_TIMEOUT) -> None:
        """Import `package.module:app` or `package.module:create_app()` and start it. Raises LoadFailure."""
        raise NotImplementedError

    def close(self) -> None:
        """Run the lifespan's shutdown and end the thread; calling again does nothing."""
        raise NotImplementedError


class AsgiRuntime:
    """Calls an app as MockForge's remote adapter would call it behind a server (contract 4.1)."""

    def __init__(
        self,
        app: AsgiApp,
        *,
        limits: Limits,
        auth: RemoteAuth | None = None,
        policy: InstancePolicy = "item",
        plugin_id: str = "pytest-mockforge",
    ) -> None:
        """Take an app that was started; whoever started it closes it."""
        raise NotImplementedError

    @property
    def endpoint(self) -> str:
        raise NotImplementedError

    @property
    def limits(self) -> Limits:
        raise NotImplementedError

    @property
    def operations(self) -> frozenset[Operation]:
        raise NotImplementedError

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        raise NotImplementedError

    def health(self) -> bool:
        raise NotImplementedError

    def metrics(self) -> dict[str, str]:
        raise NotImplementedError

    def renew(self) -> None:
        raise NotImplementedError

    def close(self, *, for_good: bool = False) -> None:
        raise NotImplementedError

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
        content_type: str | None = "application/json",
        timeout: float | None = None,
        read: bool = True,
    ) -> Answer:
        raise NotImplementedError

    def abort(self, path: str, body: bytes) -> None:
        raise NotImplementedError
