"""Unary calls over one channel, bytes in and bytes out. The only module that imports grpc; knows no message.

Nothing here starts a thread: calls block their caller, and server reflection, whose one question has one answer, is
asked like a unary call. gRPC's own lines on standard error are off unless GRPC_VERBOSITY says otherwise or somebody
imported grpc before.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Protocol, cast

from pytest_mockforge.errors import SettingsError, SetupError
from pytest_mockforge.runtimes.remote.grpc_ended import OK, Ended
from pytest_mockforge.runtimes.remote.grpc_target import GrpcTarget

_VERBOSITY = "GRPC_VERBOSITY"


class Channel:
    """A connection that is made by the first call. Threads may call at once."""

    def __init__(self, target: GrpcTarget, *, cap: int, ca: bytes | None) -> None:
        """`cap` is the most bytes of an answer's message, decompressed; `ca` holds certificates in PEM format.

        Raises SetupError where grpcio is not installed.
        """
        grpc = library()
        options = [
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
            # Else channels would share connections, and the waiting time after one that failed.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", cap),
            ("grpc.max_send_message_length", -1),
            ("grpc.service_config_disable_resolution", 1),
        ]
        address = f"dns:///{target.authority}"
        with _quiet():
            if target.tls:
                credentials = grpc.ssl_channel_credentials(root_certificates=ca)
                self._channel = grpc.secure_channel(address, credentials, options=options)
            else:
                self._channel = grpc.insecure_channel(address, options=options)
        self._failures: tuple[type[BaseException], ...] = (grpc.RpcError, ValueError)
        self._lock = threading.Lock()
        self._calls = 0
        self._retired = False

    def call(self, path: str, data: bytes, *, timeout: float, metadata: tuple[tuple[str, str], ...] = ()) -> Ended:
        """Make one call, which ends within `timeout` seconds whatever the service does."""
        started = perf_counter()
        with self._lock:
            self._calls += 1
        try:
            answer, call = self._channel.unary_unary(path).with_call(data, timeout=timeout, metadata=metadata or None)
            return _ended(path, OK, "", call, answer, perf_counter() - started, timeout)
        except self._failures as error:
            seconds = perf_counter() - started
            if isinstance(error, ValueError):
                # What grpcio raises for a channel that another thread closed.
                return Ended(path=path, code=1, details=str(error), seconds=seconds, timeout=timeout)
            call = cast("_Call", error)
            return _ended(path, int(call.code().value[0]), call.details() or "", call, b"", seconds, timeout)
        finally:
            with self._lock:
                self._calls -= 1
                ends = self._retired and self._calls == 0
            if ends:
                self.close()

    def retire(self) -> None:
        """Close the channel as soon as no call is under way; closing it now would break those of other threads."""
        with self._lock:
            self._retired = True
            ends = self._calls == 0
        if ends:
            self.close()

    def close(self) -> None:
        """Close the connection and end the calls under way; calling again does nothing."""
        self._channel.close()


def read_authority(ca: Path) -> bytes:
    """Read a file of certificates. Raises SettingsError that names it."""
    try:
        content = ca.read_bytes()
    except OSError as error:
        got = error.strerror or str(error)
    else:
        if b"-----BEGIN CERTIFICATE-----" in content:
            return content
        got = "no certificate in it"
    raise SettingsError(
        f"the CA file {str(ca)!r} cannot be used",
        expected="a file with certificates in PEM format",
        got=got,
        hint="name the file with the certificate of the authority that signed the service's",
    )


class _Code(Protocol):
    value: tuple[int, str]


class _Call(Protocol):
    """What grpcio tells of a call, and of an error as well."""

    def code(self) -> _Code: ...
    def details(self) -> str | None: ...
    def initial_metadata(self) -> tuple[tuple[str, str | bytes], ...] | None: ...
    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...] | None: ...


def _ended(path: str, code: int, details: str, call: _Call, data: bytes, seconds: float, timeout: float) -> Ended:
    pairs = (*(call.initial_metadata() or ()), *(call.trailing_metadata() or ()))
    headers = tuple((key, value if isinstance(value, str) else value.hex()) for key, value in pairs)
    return Ended(path=path, code=code, details=details, data=data, headers=headers, seconds=seconds, timeout=timeout)


class _quiet:  # noqa: N801 - used like a function
    """Silence gRPC's C core while it starts, which is when it reads the variable."""

    def __enter__(self) -> None:
        self._set = _VERBOSITY not in os.environ
        if self._set:
            os.environ[_VERBOSITY] = "NONE"

    def __exit__(self, *_: object) -> None:
        if self._set:
            os.environ.pop(_VERBOSITY, None)


@cache
def library() -> ModuleType:
    """Import grpc without its lines on standard error. Raises SetupError where grpcio is not installed."""
    try:
        if "grpc" in sys.modules:
            import grpc  # type: ignore[import-untyped] # grpcio has no types
        else:
            with _quiet():
                import grpc
    except ModuleNotFoundError as error:
        raise SetupError(
            f"a service behind gRPC cannot be called: {error.name} is not installed",
            hint="pip install 'pytest-mockforge[grpc]'",
        ) from None
    return cast("ModuleType", grpc)
