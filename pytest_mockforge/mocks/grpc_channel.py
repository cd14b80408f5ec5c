"""A channel of gRPC in this process whose calls a stand-in answers, on grpcio-testing's channel.

That one has neither serializers nor timeouts nor somebody who answers: here it carries bytes, as a real one does, and
each call is answered where it is made. Has no streams, which plugin.proto does not need.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn, Protocol, Self

import grpc  # type: ignore[import-untyped] # grpcio has no types
import grpc_testing  # type: ignore[import-untyped] # nor has grpcio-testing

from pytest_mockforge.errors import SetupError
from pytest_mockforge.mocks import grpc_front
from pytest_mockforge.mocks.delivery import Delivery
from pytest_mockforge.mocks.mock import PluginMock

_MOST_RECEIVED = 4 * 1024 * 1024
"""Bytes of a message that clients take unless they are told otherwise."""
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_DEADLINE_EXCEEDED, _RESOURCE_EXHAUSTED = 4, 8

Serializer = Callable[[object], bytes]
Deserializer = Callable[[bytes], object]


class MockChannel(grpc.Channel):  # type: ignore[misc] # grpcio has no types
    """A `grpc.Channel` for stubs: calls, `with_call`, `future`, metadata and timeouts. Threads may call at once."""

    def __init__(self, mock: PluginMock) -> None:
        self._mock = mock
        self._inner = grpc_testing.channel((), grpc_testing.strict_real_time())
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def unary_unary(
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        *_: object,
        **__: object,
    ) -> UnaryCall:
        return UnaryCall(self, method, request_serializer or _as_it_is, response_deserializer or _as_it_is)

    def unary_stream(self, method: str, *_: object, **__: object) -> NoReturn:
        raise _no_stream(method)

    def stream_unary(self, method: str, *_: object, **__: object) -> NoReturn:
        raise _no_stream(method)

    def stream_stream(self, method: str, *_: object, **__: object) -> NoReturn:
        raise _no_stream(method)

    def subscribe(self, callback: Callable[[object], object], *_: object, **__: object) -> None:
        """Say that the channel is ready, which it always is."""
        callback(grpc.ChannelConnectivity.READY)

    def unsubscribe(self, callback: Callable[[object], object]) -> None:
        """Do nothing: nothing changes."""

    def close(self) -> None:
        """End what waits. The channel belongs to the test, and takes calls also after code under test closed it."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._over.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(
        self, path: str, data: bytes, metadata: object, timeout: float | None, read: Deserializer, *, waits: bool
    ) -> UnaryFuture:
        """Begin a call; when this returns it is over, unless it is to wait in the background."""
        service, _, name = path[1:].partition("/")
        with self._lock:
            # Whoever begins a call takes it, so that calls of other threads are never mistaken for it.
            ongoing: _Ongoing = self._inner.unary_unary(path).future(data, metadata=metadata)
            _, taken, rpc = self._inner.take_unary_unary(_Method(name, _Service(service)))
        future = UnaryFuture(ongoing, read)
        delivery = grpc_front.answer(self._mock, path, taken, grpc_front.text_pairs(metadata))
        seconds = delivery.delay if timeout is None else min(delivery.delay, timeout)
        if timeout is not None and delivery.delay >= timeout:
            delivery = Delivery(status=_DEADLINE_EXCEEDED, details="Deadline Exceeded")
        if waits or not seconds:
            self._end(rpc, future, delivery, seconds)
        else:
            arguments = (rpc, future, delivery, seconds)
            thread = threading.Thread(target=self._end, args=arguments, daemon=True, name=self._mock.name)
            self._threads.append(thread)
            thread.start()
        return future

    def _end(self, rpc: _Rpc, future: UnaryFuture, delivery: Delivery, seconds: float) -> None:
        if seconds:
            self._over.wait(seconds)
        future.finish(lambda: _terminate(rpc, delivery))


class UnaryCall(grpc.UnaryUnaryMultiCallable):  # type: ignore[misc] # grpcio has no types
    """One method of a channel, as stubs call it; credentials and compression are for connections, so not looked at."""

    def __init__(self, channel: MockChannel, path: str, write: Serializer, read: Deserializer) -> None:
        self._channel = channel
        self._path = path
        self._write = write
        self._read = read

    def __call__(
        self, request: object, timeout: float | None = None, metadata: object = None, *_: object, **__: object
    ) -> object:
        return self.with_call(request, timeout, metadata)[0]

    def with_call(
        self, request: object, timeout: float | None = None, metadata: object = None, *_: object, **__: object
    ) -> tuple[object, UnaryFuture]:
        future = self._begin(request, timeout, metadata, waits=True)
        return future.result(), future

    def future(
        self, request: object, timeout: float | None = None, metadata: object = None, *_: object, **__: object
    ) -> UnaryFuture:
        return self._begin(request, timeout, metadata, waits=False)

    def _begin(self, request: object, timeout: float | None, metadata: object, *, waits: bool) -> UnaryFuture:
        return self._channel.begin(self._path, self._write(request), metadata, timeout, self._read, waits=waits)


class UnaryFuture(grpc.Future, grpc.Call):  # type: ignore[misc] # grpcio has no types
    """A call under way: grpcio-testing's, which cannot tell whether it is over, with a message that the stub reads."""

    def __init__(self, ongoing: _Ongoing, read: Deserializer) -> None:
        self._ongoing = ongoing
        self._read = read
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._callbacks: list[Callable[[], object]] = []

    def finish(self, terminate: Callable[[], object]) -> None:
        """End the call, unless it was cancelled before."""
        with self._lock:
            if self._over.is_set():
                return
            terminate()
            self._over.set()
        self._tell()

    def result(self, timeout: float | None = None) -> object:
        __tracebackhide__ = True
        error = self.exception(timeout)
        if error is not None:
            raise error
        return self._read(self._ongoing.result())

    def exception(self, timeout: float | None = None) -> CallError | None:
        self._wait(timeout)
        return None if self.code() is grpc.StatusCode.OK else CallError(self)

    def traceback(self, timeout: float | None = None) -> object:
        error = self.exception(timeout)
        return None if error is None else error.__traceback__

    def add_done_callback(self, fn: Callable[[object], object]) -> None:
        if not self.add_callback(lambda: fn(self)):
            fn(self)

    def add_callback(self, callback: Callable[[], object]) -> bool:
        with self._lock:
            if self._over.is_set():
                return False
            self._callbacks.append(callback)
        return True

    def cancel(self) -> bool:
        with self._lock:
            if self._over.is_set():
                return False
            self._ongoing.cancel()
            self._over.set()
        self._tell()
        return True

    def cancelled(self) -> bool:
        return self._ongoing.cancelled()

    def running(self) -> bool:
        return not self._over.is_set()

    def done(self) -> bool:
        return self._over.is_set()

    def is_active(self) -> bool:
        return not self._over.is_set()

    def time_remaining(self) -> float | None:
        return None

    def code(self) -> object:
        return self._ongoing.code()

    def details(self) -> str | None:
        return self._ongoing.details()

    def initial_metadata(self) -> object:
        return self._ongoing.initial_metadata()

    def trailing_metadata(self) -> object:
        return self._ongoing.trailing_metadata()

    def _wait(self, timeout: float | None) -> None:
        if not self._over.wait(timeout):
            raise grpc.FutureTimeoutError

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback()


class CallError(grpc.RpcError, grpc.Call):  # type: ignore[misc] # grpcio has no types
    """A call that was answered with a code; unlike grpcio-testing's it says with which."""

    def __init__(self, call: UnaryFuture) -> None:
        super().__init__(f"{call.code()}: {call.details()}")
        self._call = call

    def code(self) -> object:
        return self._call.code()

    def details(self) -> str | None:
        return self._call.details()

    def initial_metadata(self) -> object:
        return self._call.initial_metadata()

    def trailing_metadata(self) -> object:
        return self._call.trailing_metadata()

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> float | None:
        return None

    def cancel(self) -> bool:
        return False

    def add_callback(self, callback: Callable[[], object]) -> bool:  # noqa: ARG002 - it is over
        return False


class _Ongoing(Protocol):
    """A call of grpcio-testing's channel."""

    def result(self) -> bytes: ...
    def cancel(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def code(self) -> object: ...
    def details(self) -> str | None: ...
    def initial_metadata(self) -> object: ...
    def trailing_metadata(self) -> object: ...


class _Rpc(Protocol):
    """The other end of it."""

    def terminate(self, response: bytes, metadata: object, code: object, details: str) -> None: ...


class _Service:
    def __init__(self, full_name: str) -> None:
        self.full_name = full_name


class _Method:
    """What grpcio-testing asks of a method's descriptor, so that also methods that nobody declared can be called."""

    def __init__(self, name: str, service: _Service) -> None:
        self.name = name
        self.containing_service = service


def _terminate(rpc: _Rpc, delivery: Delivery) -> None:
    status, details, message = delivery.status, delivery.details, b""
    if status == 0:
        message = delivery.message()
        if len(message) > _MOST_RECEIVED:
            status = _RESOURCE_EXHAUSTED
            details = f"CLIENT: Received message larger than max ({len(message)} vs. {_MOST_RECEIVED})"
    rpc.terminate(message, (), _CODES[status], details)


def _as_it_is(data: object) -> bytes:
    if not isinstance(data, bytes):
        raise SetupError(
            "a call without a serializer carries bytes alone",
            got=type(data).__name__,
            hint="call through a stub that was compiled from plugin.proto",
        )
    return data


def _no_stream(method: str) -> SetupError:
    return SetupError(f"{method} is a stream, and plugin.proto has none", hint="a stand-in answers unary calls alone")
