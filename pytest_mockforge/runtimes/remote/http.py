"""A service behind HTTP as a runtime. Knows nothing of JSON, and of sockets only what `transport` tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.runtimes.base import Exchange, InstancePolicy, Limits
from pytest_mockforge.runtimes.remote.answer import Answer, RemoteAuth


class HttpRuntime:
    """Calls a service as MockForge's remote adapter does (contract 4.1). Threads may call at once."""

    def __init__(
        self,
        url: str,
        *,
        limits: Limits,
        auth: RemoteAuth | None = None,
        ca: Path | None = None,
        policy: InstancePolicy = "item",
        plugin_id: str = "pytest-mockforge",
    ) -> None:
        """Take a URL, to which paths are appended.

        Raises SpecError for a URL that cannot be called, and SettingsError for a CA file that cannot be read.
        """
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
