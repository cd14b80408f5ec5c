"""The stand-in for gRPC in one process: a channel for clients, and servicers as plugins, on grpcio-testing.

grpcio-testing knows no asyncio: for clients of `grpc.aio` there is `mockforge_mock_server(protocol="grpc")`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, Self

import grpc  # type: ignore[import-untyped] # grpcio has no types
import grpc_testing  # type: ignore[import-untyped] # nor has grpcio-testing

from pytest_mockforge.mocks.grpc_channel import MockChannel
from pytest_mockforge.mocks.mock import PluginMock, checked_seed
from pytest_mockforge.mocks.servicer import plugin_of
from pytest_mockforge.mocks.wires import GrpcWire
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.runtimes.base import Limits


class GrpcMock(PluginMock):
    """A stand-in behind `channel`, for clients that are given one; `plugin` tests a servicer the other way round.

    mock.on.authenticate(query={"token": "alpha"}).reply(AuthResponse(authenticated=True, claims={}, metadata={}))
    stub = plugin_pb2_grpc.PluginServiceStub(mock.channel)
    """

    def __init__(self, name: str, *, seed: int) -> None:
        super().__init__(name, seed=seed)
        self._channel = MockChannel(self)
        self._plugins: list[Plugin] = []

    def __call__(self, *, seed: int | None = None) -> Self:
        """Choose the seed before anything is declared; gives the same stand-in. Raises SettingsError."""
        __tracebackhide__ = True
        self._require_unused()
        if seed is not None:
            self.seed = checked_seed(self.name, seed)
        return self

    @property
    def wire(self) -> GrpcWire:
        return GrpcWire()

    @property
    def channel(self) -> MockChannel:
        """What the code under test is given in place of `grpc.insecure_channel(…)`."""
        return self._channel

    def plugin(self, servicer: object, *, timeout: float = 5.0) -> Plugin:
        """Give a servicer of plugin.proto as a plugin, called without a socket; closed with the test.

        It has methods as a generated `PluginServiceServicer` has, each with a request and a context; its messages may
        come from stubs that anybody compiled. Raises SetupError for what has none of them.
        """
        __tracebackhide__ = True
        plugin = plugin_of(servicer, limits=Limits(timeout=timeout), serve=_served)
        self._plugins.append(plugin)
        return plugin

    def close(self) -> None:
        self._channel.close()
        while self._plugins:
            self._plugins.pop().close()


def _served(
    servicer: object, service: object, method: object, message: object, timeout: float
) -> tuple[object, int, str]:
    servicers = {service: _Aborting(servicer)}
    server = grpc_testing.server_from_dictionary(servicers, grpc_testing.strict_real_time())
    response, _, code, details = server.invoke_unary_unary(method, (), message, timeout).termination()
    return response, code.value[0], details or ""


class _Aborting:
    """A servicer whose `context.abort` ends a call as a real server does.

    grpcio-testing logs it as an error of the application, from a thread that is still at it when the call is over, and
    knows no `abort_with_status`.
    """

    def __init__(self, servicer: object) -> None:
        self._servicer = servicer

    def __getattr__(self, name: str) -> Callable[[object, Any], object]:
        return partial(_answered, getattr(self._servicer, name))


class _Aborted(Exception):
    """Leaves the servicer's method."""


def _answered(method: Callable[[object, object], object], request: object, context: Any) -> object:
    def abort(code: object, details: str) -> NoReturn:
        # gRPC takes OK for a mistake.
        code, details = (grpc.StatusCode.UNKNOWN, "") if code is grpc.StatusCode.OK else (code, details)
        context.set_code(code)
        context.set_details(details)
        raise _Aborted

    def abort_with_status(status: grpc.Status) -> NoReturn:
        abort(status.code, status.details)

    context.abort, context.abort_with_status = abort, abort_with_status
    try:
        return method(request, context)
    except _Aborted:
        return None
