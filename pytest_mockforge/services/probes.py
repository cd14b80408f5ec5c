"""Asks a service whether it is ready, over plain sockets: no HTTP library is loaded for it.

Knows no processes: what to wait for beside the socket is handed in, so that a probe ends when a service does.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from pytest_mockforge.errors import SetupError
from pytest_mockforge.services.log import harmless
from pytest_mockforge.services.ports import LOOPBACK

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.remote.grpc_ended import Ended

_MOST_READ = 64 * 1024
_MOST_SHOWN = 300
_STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ ([0-9]{3})(?: ([^\r\n]*))?\r?\n")
_AFTER_HEAD = 0.5
"""Seconds for the rest of an answer whose head is here: a server that is cut off while it writes fills its log."""
_UNIMPLEMENTED = 12
_SERVING = 1
_HEALTH = {0: "UNKNOWN", _SERVING: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


class Wait(Protocol):
    """Waits for a socket, and less long when there is no use in waiting; tells whether the socket is ready."""

    def __call__(self, seconds: float, other: socket.socket, *, writing: bool) -> bool:
        """Wait at most so many seconds."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back: whether it says ready, and what to tell of it if it does not. `status` is HTTP's."""

    ready: bool
    said: str
    status: int | None = None
    connected: bool = True


REFUSED = Answer(ready=False, said="nothing listens there (connection refused)", connected=False)


def ask_http(port: int, path: str, seconds: float, wait: Wait) -> Answer:
    """Send one GET and judge its status: any 2xx is ready."""
    until = monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asking:
        if (refused := _connect(asking, port, until, wait)) is not None:
            return refused
        request = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        try:
            asking.send(request.encode("ascii"))
        except OSError as error:
            return Answer(ready=False, said=f"it closed the connection ({error.strerror})")
        return _judged(_read(asking, until, wait), seconds)


def ask_grpc(port: int, service: str, seconds: float, wait: Wait) -> Answer:
    """Connect, and where grpcio is installed ask the standard health service.

    A server that answers `UNIMPLEMENTED` speaks gRPC and has no health service: it is ready.
    """
    until = monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asking:
        if (refused := _connect(asking, port, until, wait)) is not None:
            return refused
    from pytest_mockforge.runtimes.remote.grpc_channel import Channel
    from pytest_mockforge.runtimes.remote.grpc_reflection import HEALTH_PATH
    from pytest_mockforge.runtimes.remote.grpc_target import GrpcTarget

    try:
        channel = Channel(GrpcTarget(host=LOOPBACK, port=port, tls=False), cap=_MOST_READ, ca=None)
    except SetupError:
        return Answer(ready=True, said="it takes connections")
    # HealthCheckRequest is one text and needs no stub; who writes more than 127 bytes meant something else.
    name = service.encode("utf-8")[:127]
    request = b"\x0a" + bytes([len(name)]) + name if name else b""
    try:
        return _health(channel.call(HEALTH_PATH, request, timeout=max(until - monotonic(), 0.1)))
    finally:
        channel.close()


def _connect(asking: socket.socket, port: int, until: float, wait: Wait) -> Answer | None:
    asking.setblocking(False)
    asking.connect_ex((LOOPBACK, port))
    if not wait(until - monotonic(), asking, writing=True):
        return Answer(ready=False, said="the connection was not taken", connected=False)
    number = asking.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        return REFUSED
    if asking.getsockname() == asking.getpeername():
        # Loopback's own trap: a socket that tries a free port of the ephemeral range can meet itself there.
        return REFUSED
    return None


def _read(asking: socket.socket, until: float, wait: Wait) -> bytes:
    data = b""
    head_came = False
    while len(data) < _MOST_READ:
        if not head_came and b"\r\n\r\n" in data:
            head_came, until = True, min(until, monotonic() + _AFTER_HEAD)
        if (left := until - monotonic()) <= 0 or not wait(left, asking, writing=False):
            break
        try:
            more = asking.recv(_MOST_READ)
        except BlockingIOError:
            continue
        except OSError:
            break
        if not more:
            break
        data += more
    return data


def _judged(data: bytes, seconds: float) -> Answer:
    if not data:
        return Answer(ready=False, said=f"it took the connection and sent nothing for {seconds:.3g} s")
    match = _STATUS_LINE.match(data)
    if match is None:
        return Answer(ready=False, said=f"no HTTP, but {_shown(data)}")
    status = int(match[1])
    reason = f" {_plain(match[2])}" if match[2] else ""
    body = data.partition(b"\r\n\r\n")[2]
    said = f"{status}{reason}" + (f": {_shown(body)}" if body else "")
    return Answer(ready=200 <= status < 300, said=said, status=status)


def _health(ended: Ended) -> Answer:
    if ended.code == _UNIMPLEMENTED:
        return Answer(ready=True, said="it has no health service")
    if ended.code:
        return Answer(ready=False, said=f"gRPC code {ended.code}: {harmless(ended.details, _MOST_SHOWN)!r}")
    # HealthCheckResponse is one number, in its first field.
    status = ended.data[1] if len(ended.data) >= 2 and ended.data[0] == 0x08 else 0
    return Answer(ready=status == _SERVING, said=_HEALTH.get(status, f"status {status}"))


def _plain(data: bytes) -> str:
    return harmless(data.decode("utf-8", "replace").strip(), _MOST_SHOWN)


def _shown(data: bytes) -> str:
    return repr(_plain(data))
