"""How a gRPC call ended, and what that says of the service. Pure: reads codes and texts, opens nothing.

gRPC gives one code, UNAVAILABLE, to nearly all that can go wrong before an answer, and leaves the cause to a text meant
for people. The texts of grpcio 1.68 to 1.85 are told apart here; one that nobody knows is the service's own answer.
"""

from __future__ import annotations

import re

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RemoteFailure, RemoteKind
from pytest_mockforge.runtimes.base import Wire
from pytest_mockforge.runtimes.remote.answer import KEPT_OF_A_REFUSAL

CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""Names of gRPC's codes by their numbers."""
OK, DEADLINE_EXCEEDED, UNIMPLEMENTED = 0, 4, 12

_EXCERPT = 300


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """One call that came to its end."""

    path: str
    """What was called: `/mockforge.plugin.v1.PluginService/Authenticate`."""
    code: int
    """The number of the gRPC code; 0 is good."""
    details: str = ""
    """What the code came with; not made harmless for a terminal."""
    data: bytes = b""
    """The answer's message; empty unless the code is 0."""
    headers: tuple[tuple[str, str], ...] = ()
    """Initial, then trailing metadata."""
    seconds: float
    timeout: float
    """Seconds that the call was given."""

    @property
    def good(self) -> bool:
        return self.code == OK

    @property
    def lost(self) -> RemoteKind | None:
        """Why no answer came, or None where the service answered, be it with an error."""
        if self.code == OK:
            return None
        if self.code == DEADLINE_EXCEEDED:
            # A service may give this code itself; it is ours when the time is up.
            return "timeout" if self.seconds > self.timeout * 0.9 else None
        known = _NEVER_CONNECTED if _CONNECTING.match(self.details) else _BROKEN_OFF.get(self.code, ())
        return next((kind for kind, pattern in known if pattern.search(self.details)), None)

    def wire(self, connect_seconds: float = 0.0) -> Wire:
        """What goes into an Exchange."""
        kind = next((value for key, value in self.headers if key == "content-type"), "application/grpc")
        return Wire(status=self.code, content_type=kind, headers=self.headers, connect_seconds=connect_seconds)


_Known = tuple[tuple[RemoteKind, re.Pattern[str]], ...]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_CONNECTING = _pattern(r"failed to connect to all addresses|(dns )?resolution failed|errors? resolving")
_NEVER_CONNECTED: _Known = (
    ("tls", _pattern(r"handshake failed|certificate|ssl_error")),
    ("protocol", _pattern(r"http1\.x server|failed parsing http/2")),
    ("timeout", _pattern(r"timed out|timeout occurred")),
    ("closed", _pattern(r"connection reset|socket closed|broken pipe|goaway|recvmsg|sendmsg|endpoint")),
    ("unreachable", _pattern("")),
)
# Each from the beginning of the text: what stands further back may be the service's own words.
_OURS = r"^(stream removed \()?"
_CUT: tuple[RemoteKind, re.Pattern[str]] = (
    "closed",
    _pattern(
        _OURS
        + r"(socket closed|recvmsg|sendmsg|connection reset|broken pipe|goaway|received rst_stream|transport closed|"
        r"channel closed|cannot invoke rpc|stream removed|endpoint)"
    ),
)
_FOREIGN: tuple[RemoteKind, re.Pattern[str]] = ("protocol", _pattern(_OURS + "received http2 header with status"))
#: By code: what gRPC itself says there when a call that was begun gets no answer.
_BROKEN_OFF: dict[int, _Known] = {
    **dict.fromkeys((1, 2, 12, 13, 14), (_FOREIGN, _CUT)),
    8: (("oversize", _pattern(_OURS + r"(client: )?(received |decompressed )?(message larger than|metadata size)")),),
}


def code_name(code: int) -> str:
    """Write a code as people know it: `INVALID_ARGUMENT (3)`."""
    return f"{CODES[code]} ({code})" if 0 <= code < len(CODES) else f"code {code}"


def quoted(text: str, secret: str | None) -> str:
    """Quote what a service said, on one printable line, without what we proved ourselves with."""
    if secret:
        # A service may echo what it was sent.
        text = text.replace(secret, "***")
    words = " ".join(text.split())
    return repr(words[:_EXCERPT]) + ("…" if len(words) > _EXCERPT else "")


def lost(asked: str, url: str, ended: Ended, *, seconds: float, cap: int) -> RemoteFailure:
    """Build the failure of a call that got no answer within `seconds`; `asked` is how its first line begins."""
    kind = ended.lost or "closed"
    cause, hint = _cause(ended, kind, url, seconds=seconds, cap=cap)
    message = f"{asked} got no good answer from {url}: {cause}"
    return RemoteFailure(message, kind=kind, got=quoted(ended.details, None) or None, hint=hint)


def _cause(ended: Ended, kind: RemoteKind, url: str, *, seconds: float, cap: int) -> tuple[str, str]:
    scheme, _, authority = url.partition("://")
    match kind:
        case "timeout":
            cause = f"no answer to {ended.path[1:]} within {seconds:g} s"
            return cause, "the port may belong to something that is no gRPC service; or raise the timeout"
        case "tls" if "WRONG_VERSION_NUMBER" in ended.details:
            return "the service speaks no TLS", f"write grpc://{authority} where it runs on this machine"
        case "tls":
            return (
                "the TLS handshake failed",
                "name the file of the authority that signed the service's certificate: ca",
            )
        case "protocol":
            return "the port speaks no gRPC", f"where it is an HTTP service, write http://{authority}"
        case "oversize" if "metadata" in ended.details:
            return "its metadata is larger than gRPC takes", "send data in the reply, and little in metadata"
        case "oversize":
            return f"the reply is larger than {cap} bytes", "send less, or raise the limit of a reply"
        case "closed":
            hint = "the service's own log says why"
            if scheme == "grpc":
                hint += f"; where it wants TLS, write grpcs://{authority}"
            return "the connection was closed before an answer", hint
        case _ if re.search(r"resolution|resolving|lookup", ended.details, re.I):
            return "the host is not known", "look at how it is spelled"
    return "no connection can be made", "start the service, and look at host and port"


def judged(operation: Operation, url: str, ended: Ended, *, secret: str | None, offered: str = "") -> RemoteFailure:
    """Build the failure of a call that was answered with an error; `offered` says what the service has instead."""
    hint: str | None = None
    if ended.code == UNIMPLEMENTED:
        service, _, method = ended.path[1:].partition("/")
        hint = f"serve the method {method} of {service}, from our plugin.proto{offered and f'; {offered}'}"
    elif ended.code in (7, 16):
        hint = "give the credentials that the service wants: bearer, or x-api-key"
    elif ended.code in (2, 13, 15):
        hint = "the service's own log says why"
    return RemoteFailure(
        f"{operation} was answered with {code_name(ended.code)} at {url}",
        kind="status",
        status=ended.code,
        body=ended.details.encode("utf-8", "replace")[:KEPT_OF_A_REFUSAL],
        expected="the code OK (0)",
        got=f"{code_name(ended.code)}, {quoted(ended.details, secret)}",
        hint=hint,
    )


def refused(operation: Operation, url: str, error: str, *, secret: str | None) -> RemoteFailure:
    """Build the failure of a reply that says `success = false`."""
    return RemoteFailure(
        f"{operation} was answered with success = false at {url}",
        kind="status",
        status=OK,
        body=error.encode("utf-8", "replace")[:KEPT_OF_A_REFUSAL],
        expected="success = true, and a result",
        got=quoted(error, secret) if error else "success = false, without an error",
        hint=None if error else "set `error` to the reason",
    )


def unreadable(operation: Operation, url: str, ended: Ended, why: str) -> RemoteFailure:
    """Build the failure of a reply that is not the message of `plugin.proto`."""
    return RemoteFailure(
        f"{operation} got no good answer from {url}: the reply to {ended.path[1:]} cannot be read",
        kind="protocol",
        body=ended.data[:KEPT_OF_A_REFUSAL],
        expected="the message of plugin.proto",
        got=why,
        hint="compile the service's stubs from our plugin.proto",
    )
