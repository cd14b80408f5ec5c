"""A service behind gRPC as a runtime, by our own plugin.proto: MockForge has no gRPC client (contract 6).

Takes the JSON of the `host` dialect, carries it as messages, and gives the answer as the host's JSON, so that nothing
above has to know. Knows nothing of the channel but that it takes bytes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RemoteFailure, RequestError, SettingsError
from pytest_mockforge.proto.json_form import reply_from_wire, request_to_wire
from pytest_mockforge.proto.messages import METHODS, WireError, method_path
from pytest_mockforge.runtimes.base import Exchange, InstancePolicy, Limits, Wire, closed, inherited
from pytest_mockforge.runtimes.remote import grpc_ended
from pytest_mockforge.runtimes.remote.answer import RemoteAuth
from pytest_mockforge.runtimes.remote.grpc_channel import Channel, read_authority
from pytest_mockforge.runtimes.remote.grpc_ended import UNIMPLEMENTED, Ended
from pytest_mockforge.runtimes.remote.grpc_reflection import HEALTH_PATH, Offer, explored, healthy
from pytest_mockforge.runtimes.remote.grpc_target import parse_target
from pytest_mockforge.runtimes.remote.hop import Deadline


class GrpcRuntime:
    """Calls a service that serves `plugin.proto`. Threads may call at once; a process that was forked off may not.

    A new connection is begun by asking the standard health service, as MockForge asks for /health when it initializes
    a remote plugin, and as there the answer is ignored: so the time of connecting is told from that of the call. Under
    the policy `call` each call makes a connection of its own; else one is kept until a call gets no answer.
    """

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
        """Take `grpc://HOST:PORT`, on loopback alone, or `grpcs://HOST:PORT`; `ca` is a file in PEM format.

        Raises SpecError for a URL that cannot be called, SettingsError for a CA file or credentials that cannot be
        used, and SetupError where the extra `grpc` is not installed.
        """
        if auth is not None and not (auth.value and auth.value.isascii() and auth.value.isprintable()):
            raise SettingsError(
                f"the {auth.kind} credentials cannot be sent in gRPC metadata",
                expected="printable ASCII characters, at least one",
                hint="look at where the value is read from: a file often ends with a line feed",
            )
        self._target = parse_target(url)
        self._authority = None if ca is None else read_authority(ca)
        self._limits = limits
        self._secret = None if auth is None else auth.value
        self._metadata = () if auth is None else ((auth.header[0].lower(), auth.header[1]),)
        self._policy: InstancePolicy = policy
        self._plugin_id = plugin_id
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._closed = False
        self._offer: Offer | None = None
        # Made now, so that a missing library shows now; it connects with the first call.
        self._kept: Channel | None = self._open()
        self._connected = False

    @property
    def endpoint(self) -> str:
        """The service's URL."""
        return self._target.url

    @property
    def limits(self) -> Limits:
        """What each call may use: `timeout` and `reply` count here."""
        return self._limits

    @property
    def operations(self) -> frozenset[Operation]:
        """All four, less those that the service's reflection was found to lack by `describe`."""
        lacks = () if self._offer is None or not self._offer.methods else self._offer.lacks
        return frozenset(operation for operation in Operation if METHODS[operation] not in lacks)

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:  # noqa: ARG002 - nothing is metered
        """Call one operation with JSON of the `host` dialect, and give the reply as the host's JSON.

        Raises RequestError for JSON that `plugin.proto` cannot carry, and SetupError when the runtime was closed.
        """
        return self._invoke(operation, payload, self.message(operation, payload))

    def message(self, operation: Operation, payload: bytes) -> bytes:
        """Write JSON of the `host` dialect as a message. Raises RequestError for what `plugin.proto` cannot carry."""
        try:
            return request_to_wire(operation, payload)
        except WireError as error:
            raise RequestError(
                f"{operation}: gRPC cannot carry this request: {error}",
                expected="JSON of the host dialect, which plugin.proto has a place for",
                hint="what is malformed on purpose is sent as bytes: plugin.observe_bytes(operation, data, wire=True)",
            ) from None

    def invoke_message(self, operation: Operation, message: bytes) -> Exchange:
        """Call one operation with bytes in place of its message, well written or not; the reply is read as ever.

        Raises SetupError when the runtime was closed.
        """
        return self._invoke(operation, message, message)

    def _invoke(self, operation: Operation, request: bytes, data: bytes) -> Exchange:
        self._require_open()
        deadline, started = Deadline(self._limits.timeout), perf_counter()
        connecting = 0.0
        with self._channel() as (channel, fresh):
            ended = None
            if fresh:
                ended = channel.call(HEALTH_PATH, b"", timeout=deadline.seconds)
                connecting = ended.seconds
            if ended is None or ended.lost is None:
                ended = channel.call(method_path(operation), data, timeout=_left(deadline), metadata=self._metadata)
            self._note(channel, ended)
            answer = self._read(operation, ended, channel, deadline)
        failure, reply = (answer, None) if isinstance(answer, RemoteFailure) else (None, answer)
        wire: Wire | None = None if ended.lost else ended.wire(connecting)
        return Exchange(
            operation=operation,
            request=request,
            reply=reply,
            failure=failure,
            fuel=None,
            guest_seconds=ended.seconds if wire else perf_counter() - started,
            fresh=fresh,
            wire=wire,
        )

    def health(self) -> bool:
        """Tell whether the standard health service says SERVING, asked without credentials; never an error.

        A service that answers but has no health service counts as healthy: that it is there is all that can be told.
        """
        self._require_open()
        with self._channel() as (channel, _):
            ended = channel.call(HEALTH_PATH, b"", timeout=self._limits.timeout)
            self._note(channel, ended)
        return healthy(ended)

    def metrics(self) -> dict[str, str]:
        """Give what the host's `get_metrics` gives: no question is asked (contract 1.7)."""
        return {"plugin_id": self._plugin_id, "endpoint": self.endpoint, "protocol": "Grpc"}

    def describe(self) -> Offer:
        """Ask what the service offers, by its health service and by reflection where it has that.

        Raises RemoteFailure when no connection can be made, and SetupError when the runtime was closed.
        """
        self._require_open()
        deadline = Deadline(self._limits.timeout)
        with self._channel() as (channel, _):
            ended = channel.call(HEALTH_PATH, b"", timeout=deadline.seconds)
            self._note(channel, ended)
            if ended.lost:
                raise self._lost("health", ended, deadline.seconds)
            return self._explored(channel, deadline)

    def send(self, path: str, data: bytes, *, timeout: float | None = None) -> Ended:
        """Call any method with any bytes, with our credentials, and give whatever answer comes.

        Raises RemoteFailure only when none came, never for a code, and SetupError when the runtime was closed.
        """
        self._require_open()
        seconds = self._limits.timeout if timeout is None else timeout
        with self._channel() as (channel, _):
            ended = channel.call(path, data, timeout=seconds, metadata=self._metadata)
            self._note(channel, ended)
        if ended.lost:
            raise self._lost(path[1:], ended, seconds)
        return ended

    def renew(self) -> None:
        """Do nothing: a service's state is its own, and a new connection would not change it."""

    def close(self, *, for_good: bool = False) -> None:
        """Close the connection; calling again does nothing. After `for_good`, calls raise SetupError."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            self._closed = self._closed or for_good
            channel, self._kept = self._kept, None
        if channel is not None:
            channel.close()

    @contextmanager
    def _channel(self) -> Iterator[tuple[Channel, bool]]:
        """Give a channel, and whether it is still to be connected."""
        with self._lock:
            if self._kept is None:
                self._kept, self._connected = self._open(), False
            channel, fresh = self._kept, not self._connected
            self._connected = True
            if self._policy == "call":
                self._kept = None
        try:
            yield channel, fresh
        finally:
            if self._policy == "call":
                channel.retire()

    def _open(self) -> Channel:
        return Channel(self._target, cap=self._limits.reply, ca=self._authority)

    def _note(self, channel: Channel, ended: Ended) -> None:
        """Let go of a connection that gave no answer, so that the next call makes a new one at once."""
        if ended.lost is None or ended.lost == "oversize":
            return
        with self._lock:
            if self._kept is channel:
                self._kept = None
        channel.retire()

    def _read(self, operation: Operation, ended: Ended, channel: Channel, deadline: Deadline) -> bytes | RemoteFailure:
        if ended.lost:
            return self._lost(operation.value, ended, deadline.seconds)
        if not ended.good:
            offered = str(self._explored(channel, deadline)) if ended.code == UNIMPLEMENTED else ""
            return grpc_ended.judged(operation, self.endpoint, ended, secret=self._secret, offered=offered)
        try:
            reply = reply_from_wire(operation, ended.data)
        except WireError as error:
            return grpc_ended.unreadable(operation, self.endpoint, ended, str(error))
        if reply.refused:
            return grpc_ended.refused(operation, self.endpoint, reply.error, secret=self._secret)
        return reply.payload

    def _explored(self, channel: Channel, deadline: Deadline) -> Offer:
        if self._offer is None:
            self._offer = explored(lambda path, data: channel.call(path, data, timeout=_left(deadline)))
        return self._offer

    def _lost(self, asked: str, ended: Ended, seconds: float) -> RemoteFailure:
        return grpc_ended.lost(asked, self.endpoint, ended, seconds=seconds, cap=self._limits.reply)

    def _require_open(self) -> None:
        if os.getpid() != self._owner:
            raise inherited()
        if self._closed:
            raise closed()


def _left(deadline: Deadline) -> float:
    # gRPC takes a timeout of 0 for none at all.
    return max(0.001, deadline.left)
