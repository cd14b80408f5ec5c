"""What asks one plugin: bytes out through a runtime, bytes back read by a dialect, and what was seen of the last call.

Knows neither the types of requests and replies nor who wants to know of a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from io import StringIO
from time import perf_counter
from typing import TYPE_CHECKING, cast

import msgspec

from pytest_mockforge.contract.dialects import Dialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.errors import Refusal, RemoteFailure, RemoteRefusal
from pytest_mockforge.observation import Observation
from pytest_mockforge.runtimes.base import KIB, Exchange, InstancePolicy, Limits, MessageRuntime, Runtime
from pytest_mockforge.runtimes.host_services import HostServices

if TYPE_CHECKING:
    from pytest_mockforge.contract.json_text import Json
    from pytest_mockforge.subject import Subject

_MOST_PRINTED = 64 * KIB


class Caller:
    """A runtime and a dialect of one plugin, under one policy and one set of limits."""

    def __init__(
        self,
        subject: Subject,
        *,
        limits: Limits,
        host: str,
        dialect: str,
        policy: InstancePolicy,
        services: HostServices | None,
    ) -> None:
        self._subject = subject
        self._asked_dialect = dialect
        self._host = host
        self._policy: InstancePolicy = policy
        self._services = services if services is not None else HostServices()
        self._runtime = self._open_runtime(limits)
        self._printed = StringIO()
        self.last: Observation | None = None

    @property
    def dialect(self) -> str:
        """The JSON shapes that are spoken with it: `host` or `sdk`; a service is asked which, at the first need."""
        return self._dialect.name

    @property
    def operations(self) -> frozenset[Operation]:
        """The operations that can be called, as far as that shows without calling."""
        return self._runtime.operations

    @property
    def limits(self) -> Limits:
        """What each call may use."""
        return self._runtime.limits

    def on_the_wire(self, operation: Operation, payload: bytes) -> bytes:
        """Give a written request as it travels: JSON, and over gRPC a message, for which it may raise RequestError."""
        runtime = self._runtime
        return runtime.message(operation, payload) if isinstance(runtime, MessageRuntime) else payload

    def encode(self, request: Request) -> bytes:
        """Give the bytes that a request travels as. Raises RequestError when the dialect cannot carry it."""
        return self._dialect.encode(request)

    def carried(self, operation: Operation, reply: object) -> Json:
        """Reduce an expected reply, in the host's shape, to what a reply of the plugin's dialect can hold."""
        return self._dialect.carried(operation, cast("Json", reply))

    def invoke(self, operation: Operation, payload: bytes) -> Exchange:
        """Carry bytes and give what the runtime saw, without decoding: for loops over many calls."""
        return self._carry(operation, payload)

    def interrupt(self, request: Request, *, fuel: int) -> Exchange:
        """Make a call that may use only so much fuel."""
        return self._carry(request.operation, self._dialect.encode(request), fuel)

    def health(self) -> bool:
        """Tell whether the host would call the plugin healthy: of a module it says so without asking it (1.7)."""
        return self._runtime.health()

    def metrics(self) -> Mapping[str, str]:
        """Give what the host's `get_metrics` gives: of a module, nothing (contract 1.7)."""
        return self._runtime.metrics()

    def take_printed(self) -> str:
        """Give the first 64 Ki characters that the plugin and its views printed since this was last asked."""
        text = self._printed.getvalue()
        self._printed.seek(0)
        self._printed.truncate()
        return text

    @cached_property
    def _dialect(self) -> Dialect:
        return self._subject.dialect(self._asked_dialect)

    def _open_runtime(self, limits: Limits) -> Runtime:
        return self._subject.open_runtime(limits=limits, policy=self._policy, host=self._host, services=self._services)

    def _judged(self, exchange: Exchange, failure: RemoteFailure) -> Exchange:
        """Tell a refusal from a failure: an error status is both, and the dialect knows which."""
        words = self._dialect.refusal(exchange.operation, failure)
        if words is None:
            return exchange
        refusal = RemoteRefusal(
            f"{exchange.operation} refused: {words}", kind="status", status=failure.status, body=failure.body
        )
        return msgspec.structs.replace(exchange, failure=refusal)

    def _observe(
        self,
        operation: Operation,
        payload: bytes,
        seconds: float,
        known: Observation | None = None,
        *,
        wire: bool = False,
    ) -> Observation:
        __tracebackhide__ = True
        exchange = self._carry(operation, payload, wire=wire)
        returned = perf_counter()
        if known is not None and known.decoded is not None and exchange.reply == known.reply_bytes:
            self.last = again = Observation(exchange=exchange, decoded=known.decoded, host_seconds=seconds)
            return again
        if isinstance(exchange.failure, RemoteFailure):
            exchange = self._judged(exchange, exchange.failure)
        elif exchange.reply is not None:
            words = self._dialect.refused(exchange.operation, exchange.reply)
            if words is not None:
                refusal = Refusal(f"{exchange.operation} refused: {words}")
                exchange = msgspec.structs.replace(exchange, reply=None, failure=refusal)
        decoded = None
        if exchange.reply is not None:
            decoded = self._dialect.decode(operation, exchange.reply)
        seconds += perf_counter() - returned
        self.last = observation = Observation(exchange=exchange, decoded=decoded, host_seconds=seconds)
        return observation

    def _carry(self, operation: Operation, payload: bytes, fuel: int | None = None, *, wire: bool = False) -> Exchange:
        __tracebackhide__ = True
        runtime = self._runtime
        if wire and isinstance(runtime, MessageRuntime):
            exchange = runtime.invoke_message(operation, payload)
        else:
            exchange = runtime.invoke(operation, payload, fuel)
        if exchange.failure is not None:
            # Its frames hold all that was sent and that came, and would do so for as long as the call is known of.
            exchange.failure.__traceback__ = exchange.failure.__context__ = None
        if exchange.printed:
            # Threads that print at once may have gone beyond.
            self._printed.write(exchange.printed[: max(0, _MOST_PRINTED - self._printed.tell())])
        if exchange.raised is not None:
            self.last = Observation(exchange=exchange, decoded=None, host_seconds=0.0)
            raise exchange.raised
        return exchange
