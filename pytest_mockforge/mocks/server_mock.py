"""The stand-in behind a real socket on loopback, for callers in any language: HTTP, or gRPC where asked.

Starts when its URL is first read. Knows nothing of either protocol but who serves it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NoReturn, Protocol, Self

from pytest_mockforge.documents.wording import did_you_mean
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.mocks.mock import PluginMock, checked_dialect, checked_seed
from pytest_mockforge.mocks.wires import GrpcWire, HttpWire, Wire

PROTOCOLS = ("http", "grpc")


class Listening(Protocol):
    """A server that runs."""

    @property
    def port(self) -> int: ...
    def close(self) -> None: ...


class ServerMock(PluginMock):
    """A stand-in at `url`, on a free port of 127.0.0.1, from the first look at `url` to the end of the test.

    mock.on.authenticate(query={"token": "alpha"}).reply(AuthResponse(authenticated=True, claims={}, metadata={}))
    subprocess.run(["node", "caller.js", mock.url])
    """

    def __init__(self, name: str, *, seed: int, missing: Callable[[str], NoReturn]) -> None:
        """`missing` is told of a library that gRPC needs and that is not installed."""
        super().__init__(name, seed=seed)
        self._missing = missing
        self._protocol = "http"
        self._http = HttpWire("host")
        self._server: Listening | None = None
        self._closed = False

    def __call__(
        self,
        *,
        protocol: Literal["http", "grpc"] | None = None,
        dialect: Literal["host", "sdk"] | None = None,
        seed: int | None = None,
    ) -> Self:
        """Choose protocol, dialect and seed, before anything is declared; gives the same stand-in.

        Raises SettingsError for a value that there is not, and where gRPC is to speak `sdk`.
        """
        __tracebackhide__ = True
        self._require_unused()
        if self._server is not None:
            raise SettingsError(f"{self.name} is running already", hint=f"configure it first: {self.name}(…).url")
        if protocol is not None:
            if protocol not in PROTOCOLS:
                raise SettingsError(
                    f"{self.name} cannot speak the protocol {protocol!r}", hint=did_you_mean(str(protocol), PROTOCOLS)
                )
            self._protocol = protocol
        if self._protocol == "grpc" and dialect not in (None, "host"):
            raise SettingsError(f"{self.name} cannot speak {dialect!r} over gRPC", expected="what plugin.proto carries")
        if dialect is not None:
            self._http = HttpWire(checked_dialect(self.name, dialect))
        if seed is not None:
            self.seed = checked_seed(self.name, seed)
        if self._protocol == "grpc":
            self._require_grpc()
        return self

    @property
    def wire(self) -> Wire:
        return GrpcWire() if self._protocol == "grpc" else self._http

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, or `grpc://…`; starts the server. Raises SettingsError after the test."""
        return f"{self._protocol}://{self.target}"

    @property
    def target(self) -> str:
        """`127.0.0.1:PORT`, as clients of gRPC want it."""
        return f"127.0.0.1:{self._running().port}"

    @property
    def port(self) -> int:
        """The port."""
        return self._running().port

    def close(self) -> None:
        """End the server, the connections and whatever waits; no thread is left."""
        self._closed = True
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _running(self) -> Listening:
        __tracebackhide__ = True
        if self._closed:
            raise SettingsError(f"{self.name} is over", hint="a stand-in lives as long as its test")
        with self._lock:
            if self._server is None:
                self._server = self._started()
            return self._server

    def _started(self) -> Listening:
        if self._protocol == "grpc":
            from pytest_mockforge.mocks.grpc_server import GrpcServer

            return GrpcServer(self)
        from pytest_mockforge.mocks.http_server import HttpServer

        return HttpServer(self, self._http)

    def _require_grpc(self) -> None:
        try:
            import pytest_mockforge.mocks.grpc_server  # noqa: F401 - to see whether it can be
        except ModuleNotFoundError as error:
            self._missing(missing_text(self.name, error, "grpc"))


def missing_text(name: str, error: ModuleNotFoundError, extra: str) -> str:
    """Say what is not installed and how it gets there; raises the error again where it is none of ours."""
    library = (error.name or "").partition(".")[0]
    if library not in ("respx", "httpx", "httpcore", "grpc", "grpc_testing", "google"):
        raise error
    return f"{name}: {library} is not installed: pip install 'pytest-mockforge[{extra}]'"
