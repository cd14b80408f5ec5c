"""A servicer of plugin.proto in this process as a plugin under test, without a socket.

Knows messages, not gRPC: how a servicer is called is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Literal, Protocol, cast

from pytest_mockforge.contract.dialects import Dialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RemoteFailure, RequestError, SetupError
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.proto.dialect import ProtoDialect
from pytest_mockforge.proto.json_form import reply_from_wire, request_to_wire
from pytest_mockforge.proto.messages import (
    METHODS,
    SERVICE,
    WireError,
    descriptor_pool,
    message_class,
    method_path,
    request_name,
)
from pytest_mockforge.runtimes.base import Exchange, InstancePolicy, Limits
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.runtimes.remote import grpc_ended
from pytest_mockforge.runtimes.remote.grpc_ended import Ended
from pytest_mockforge.spec import Spec
from pytest_mockforge.subject import Documents, Subject

Serve = Callable[[object, object, object, object, float], tuple[object, int, str]]
"""Servicer, descriptors of service and method, message and timeout in; message, code and details out."""


def plugin_of(servicer: object, *, limits: Limits, serve: Serve) -> Plugin:
    """Give a servicer as a plugin. Raises SetupError where it has none of the four methods."""
    __tracebackhide__ = True
    name = type(servicer).__name__
    if not any(callable(getattr(servicer, method, None)) for method in METHODS.values()):
        raise SetupError(
            f"{name} is no servicer of plugin.proto",
            expected=f"an object with the methods {', '.join(METHODS.values())}",
            hint="pass an object, and not its class" if isinstance(servicer, type) else None,
        )
    subject = _ServicerSubject(servicer, serve)
    return Plugin(subject, limits=limits, dialect="host", owns_subject=True)


class _ServicerSubject(Subject):
    kind: Literal["service"] = "service"  # type: ignore[misc] # a class variable, narrower than the base's

    def __init__(self, servicer: object, serve: Serve) -> None:
        name = type(servicer).__name__
        spec = Spec(text=name, label=name, named=False, kind="grpc", path=Path.cwd(), address=f"servicer {name}")
        super().__init__(spec, Documents())
        self._servicer = servicer
        self._serve = serve

    @property
    def language(self) -> str:
        return "remote"

    @property
    def path(self) -> Path | None:
        return None

    def open_runtime(self, *, limits: Limits, policy: InstancePolicy, host: str, services: HostServices) -> Servicer:  # noqa: ARG002 - a servicer has neither instances nor imports
        return Servicer(self._servicer, self._serve, limits=limits)

    def dialect(self, asked: str) -> Dialect:  # noqa: ARG002 - plugin.proto holds what the host says, and more
        return ProtoDialect()


class _Service(Protocol):
    methods_by_name: dict[str, object]


class _Pool(Protocol):
    def FindServiceByName(self, name: str) -> _Service: ...  # noqa: N802 - protobuf's name


class _Parsed(Protocol):
    def FromString(self, data: bytes) -> object: ...  # noqa: N802 - protobuf's name


class _Written(Protocol):
    def SerializeToString(self) -> bytes: ...  # noqa: N802 - protobuf's name


class Servicer:
    """Calls a servicer as a runtime does: JSON of the host in and out, messages in between."""

    def __init__(self, servicer: object, serve: Serve, *, limits: Limits) -> None:
        self._servicer = servicer
        self._serve = serve
        self._limits = limits
        self._closed = False
        self._url = f"the servicer {type(servicer).__name__}"

    @property
    def limits(self) -> Limits:
        return self._limits

    @property
    def operations(self) -> frozenset[Operation]:
        return frozenset(one for one, method in METHODS.items() if callable(getattr(self._servicer, method, None)))

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:  # noqa: ARG002 - nothing is metered
        """Call one operation. Raises RequestError for what plugin.proto cannot carry, SetupError when closed."""
        if self._closed:
            raise SetupError("the plugin is closed", hint="it lives as long as the test")
        try:
            data = request_to_wire(operation, payload)
        except WireError as error:
            raise RequestError(f"{operation}: plugin.proto cannot carry this request: {error}") from None
        ended = self._called(operation, data)
        answer = self._read(operation, ended)
        failure, reply = (answer, None) if isinstance(answer, RemoteFailure) else (None, answer)
        return Exchange(
            operation=operation,
            request=payload,
            reply=reply,
            failure=failure,
            fuel=None,
            guest_seconds=ended.seconds,
            fresh=False,
            wire=ended.wire(),
        )

    def health(self) -> bool:
        return True

    def metrics(self) -> dict[str, str]:
        return {}

    def renew(self) -> None:
        """Do nothing: a servicer's state is its own."""

    def close(self, *, for_good: bool = False) -> None:
        self._closed = self._closed or for_good

    def _called(self, operation: Operation, data: bytes) -> Ended:
        service = cast("_Pool", descriptor_pool()).FindServiceByName(SERVICE)
        message = cast("_Parsed", message_class(request_name(operation))).FromString(data)
        started = perf_counter()
        if operation not in self.operations:
            response, code, details = b"", grpc_ended.UNIMPLEMENTED, "Method not implemented!"
        else:
            method = service.methods_by_name[METHODS[operation]]
            answer, code, details = self._serve(self._servicer, service, method, message, self._limits.timeout)
            response = _bytes_of(answer) if code == grpc_ended.OK else b""
        return Ended(
            path=method_path(operation),
            code=code,
            details=details,
            data=response,
            seconds=perf_counter() - started,
            timeout=self._limits.timeout,
        )

    def _read(self, operation: Operation, ended: Ended) -> bytes | RemoteFailure:
        if not ended.good:
            if ended.lost == "timeout":
                seconds, cap = self._limits.timeout, self._limits.reply
                return grpc_ended.lost(operation.value, self._url, ended, seconds=seconds, cap=cap)
            return grpc_ended.judged(operation, self._url, ended, secret=None)
        try:
            reply = reply_from_wire(operation, ended.data)
        except WireError as error:
            return grpc_ended.unreadable(operation, self._url, ended, str(error))
        if reply.refused:
            return grpc_ended.refused(operation, self._url, reply.error, secret=None)
        return reply.payload


def _bytes_of(answer: object) -> bytes:
    if not hasattr(answer, "SerializeToString"):
        # No message at all is what a real server ends a call with, too.
        return b"\xff"
    return cast("_Written", answer).SerializeToString()
