"""A gRPC server on loopback that carries bytes, whatever they are. Knows nothing of what is answered."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import grpc  # type: ignore[import-untyped] # grpcio has no types

from pytest_mockforge.mocks import grpc_front
from pytest_mockforge.mocks.delivery import Delivery
from pytest_mockforge.mocks.mock import PluginMock

_AT_ONCE = 32
_OPTIONS = (("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcServer:
    """Serves a stand-in from its making to `close`."""

    def __init__(self, mock: PluginMock) -> None:
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=mock.name)
        self._server = grpc.server(self._pool, handlers=(_Methods(mock, self._over),), options=_OPTIONS)
        self.port: int = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        """End everything; calling again does nothing."""
        self._over.set()
        self._server.stop(None).wait()
        self._pool.shutdown()


class _Asked(Protocol):
    method: str


class _Context(Protocol):
    """What grpcio tells a method of a call."""

    def invocation_metadata(self) -> object: ...
    def abort(self, code: object, details: str) -> None: ...


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc] # grpcio has no types
    def __init__(self, mock: PluginMock, over: threading.Event) -> None:
        self._mock = mock
        self._over = over

    def service(self, asked: _Asked) -> object:
        if grpc_front.is_asked_by_libraries(asked.method):
            return None

        def method(data: bytes, context: _Context) -> bytes:
            metadata = grpc_front.text_pairs(context.invocation_metadata())
            return self._sent(grpc_front.answer(self._mock, asked.method, data, metadata), context)

        return grpc.unary_unary_rpc_method_handler(method)

    def _sent(self, delivery: Delivery, context: _Context) -> bytes:
        # To abort is to raise: that is how grpcio ends a call.
        if delivery.delay and self._over.wait(delivery.delay):
            context.abort(grpc.StatusCode.UNAVAILABLE, "the test is over")
        if delivery.status != 0:
            context.abort(_CODES[delivery.status], delivery.details)
        return delivery.message()
