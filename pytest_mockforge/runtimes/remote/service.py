"""What all runtimes that speak HTTP's words share: the four operations, health, redirects, and what a status means.

How one request travels is left to `_carry`. Knows nothing of JSON, of sockets or of event loops.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from time import perf_counter

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.wording import quoted
from pytest_mockforge.errors import RemoteFailure, RequestError, SettingsError
from pytest_mockforge.runtimes.base import BorderNote, Exchange, InstancePolicy, Limits, closed, inherited
from pytest_mockforge.runtimes.remote.address import Address
from pytest_mockforge.runtimes.remote.answer import KEPT_OF_A_REFUSAL, Answer, RemoteAuth
from pytest_mockforge.runtimes.remote.hop import MOST_REDIRECTS, Carried, Deadline, Hop, status_line, too_many, turn
from pytest_mockforge.runtimes.remote.roads import HEALTH, PATHS

JSON_TYPE = "application/json"
_EXCERPT = 200
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_HINTS = {
    401: "give the credentials that the service wants: bearer, or X-API-Key",
    403: "give the credentials that the service wants: bearer, or X-API-Key",
    404: "MockForge appends the path to the service's URL as it stands: serve it there, or name another URL",
    405: "MockForge asks with POST: serve this path with POST",
    415: "MockForge sends Content-Type: application/json",
    422: "MockForge sends the `host` dialect (contract 4.2): the service may speak `sdk`",
}


class RemoteRuntime(ABC):
    """Calls a service as MockForge's remote adapter does (contract 4.1). Threads may call at once: no lock is held.

    A process that was forked off may not: it would share connections with the one that opened them.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        limits: Limits,
        auth: RemoteAuth | None,
        policy: InstancePolicy,
        plugin_id: str,
    ) -> None:
        if auth is not None and not (auth.value and auth.value.isascii() and auth.value.isprintable()):
            raise SettingsError(
                f"the {auth.kind} credentials cannot be sent in a header",
                expected="printable ASCII characters, at least one",
                got="nothing" if not auth.value else "other characters as well, perhaps a line's end",
                hint="look at where the value is read from: a file often ends with a line feed",
            )
        self._endpoint = endpoint
        self._limits = limits
        self._auth = auth
        self._policy: InstancePolicy = policy
        self._plugin_id = plugin_id
        self._owner = os.getpid()
        self._closed = False

    @property
    def endpoint(self) -> str:
        """What names the service: its URL, or `asgi:package.module:app`."""
        return self._endpoint

    @property
    def limits(self) -> Limits:
        """What each call may use: `timeout` and `reply` count here."""
        return self._limits

    @property
    def operations(self) -> frozenset[Operation]:
        """All four: which of them a service answers shows only by calling."""
        return frozenset(Operation)

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:  # noqa: ARG002 - nothing is metered
        """Call one operation. Raises SetupError when the runtime was closed, or opened before a fork."""
        self._require_open()
        started = perf_counter()
        try:
            answer = self._travel(
                operation.value, "POST", PATHS[operation], payload, self._headers({}, JSON_TYPE, with_auth=True), None
            )
        except RemoteFailure as failure:
            return Exchange(
                operation=operation,
                request=payload,
                reply=None,
                failure=failure,
                fuel=None,
                guest_seconds=perf_counter() - started,
                fresh=failure.kind in ("unreachable", "tls"),
            )
        failure_or_none = self._judged(operation, answer)
        return Exchange(
            operation=operation,
            request=payload,
            reply=answer.body if failure_or_none is None else None,
            failure=failure_or_none,
            fuel=None,
            guest_seconds=answer.seconds,
            fresh=answer.fresh,
            border=_notes(answer),
            printed=answer.printed,
            wire=answer.wire,
        )

    def health(self) -> bool:
        """Tell whether GET /health gives a 2xx; sent without credentials, never an error (contract 1.7)."""
        self._require_open()
        try:
            answer = self._travel("health", "GET", HEALTH, None, self._headers({}, None, with_auth=False), None)
        except RemoteFailure:
            return False
        return answer.good

    def metrics(self) -> dict[str, str]:
        """Give what the host's `get_metrics` gives: no question is asked (contract 1.7)."""
        return {"plugin_id": self._plugin_id, "endpoint": self._endpoint, "protocol": "Http"}

    def renew(self) -> None:  # noqa: B027 - complete as it is
        """Do nothing: a service's state is its own, and a new connection would not change it."""

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
        content_type: str | None = JSON_TYPE,
        timeout: float | None = None,
        read: bool = True,
    ) -> Answer:
        """Send any request and give whatever answer comes.

        `path` is appended to the endpoint; credentials go along except to /health; `headers` win over our own;
        `content_type` is sent with a body only. Raises RemoteFailure only when no whole answer came, never for a
        status, and SetupError when the runtime was closed.
        """
        self._require_open()
        own = self._headers(headers, content_type if body is not None else None, with_auth=path != HEALTH)
        answer = self._travel("", method, path, body, own, timeout, read=read)
        if answer.cut is not None:
            raise answer.cut
        return answer

    def abort(self, path: str, body: bytes) -> None:
        """Send a part of a POST, then go away. Raises RemoteFailure when no connection can be made."""
        self._require_open()
        own = self._headers({}, JSON_TYPE, with_auth=True)
        self._abandon(self._hop("", "POST", self._address(path), own, body), Deadline(self._limits.timeout))

    @abstractmethod
    def close(self, *, for_good: bool = False) -> None:
        """Give back what is held; calling again does nothing."""

    @abstractmethod
    def _carry(self, hop: Hop, deadline: Deadline, *, read: bool) -> Carried:
        """Make one request. Raises RemoteFailure when no head of an answer came."""

    @abstractmethod
    def _abandon(self, hop: Hop, deadline: Deadline) -> None:
        """Send a part of the request, then go away."""

    @abstractmethod
    def _address(self, path: str) -> Address:
        """Give the address of a path of this service."""

    @abstractmethod
    def _shown(self, address: Address) -> str:
        """Name an address in an error text."""

    def _travel(
        self,
        label: str,
        method: str,
        path: str,
        body: bytes | None,
        headers: tuple[tuple[str, str], ...],
        timeout: float | None,
        *,
        read: bool = True,
    ) -> Answer:
        deadline = Deadline(self._limits.timeout if timeout is None else timeout)
        hop = self._hop(label, method, self._address(path), headers, body)
        seconds = connecting = 0.0
        fresh = False
        for taken in range(MOST_REDIRECTS + 2):
            carried = self._carry(hop, deadline, read=read)
            seconds += carried.answer.seconds
            connecting += carried.answer.connect_seconds
            fresh = fresh or carried.answer.fresh
            answer = msgspec.structs.replace(
                carried.answer, seconds=seconds, connect_seconds=connecting, fresh=fresh, redirects=taken
            )
            try:
                onward = turn(hop, answer, local=carried.local)
            except RemoteFailure as failure:
                return msgspec.structs.replace(answer, cut=failure)
            if onward is None:
                return answer
            if taken == MOST_REDIRECTS:
                break
            hop = self._hop(label, onward.method, onward.address, onward.headers, onward.body)
        return msgspec.structs.replace(answer, cut=too_many(hop, answer))

    def _hop(
        self,
        label: str,
        method: str,
        address: Address,
        headers: tuple[tuple[str, str], ...],
        body: bytes | None,
    ) -> Hop:
        return Hop(label=label, method=method, address=address, shown=self._shown(address), headers=headers, body=body)

    def _headers(
        self, given: Mapping[str, str], content_type: str | None, *, with_auth: bool
    ) -> tuple[tuple[str, str], ...]:
        for name, value in given.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise RequestError(
                    f"HTTP cannot carry the header {name!r}",
                    expected="a name of letters, digits and -, and a Latin-1 value on one line",
                    got=f"the value {quoted(value)}",
                )
        own = [("Accept", "*/*")]
        if content_type is not None:
            own.append(("Content-Type", content_type))
        if with_auth and self._auth is not None:
            own.append(self._auth.header)
        named = {name.lower() for name in given}
        return (*(pair for pair in own if pair[0].lower() not in named), *given.items())

    def _judged(self, operation: Operation, answer: Answer) -> RemoteFailure | None:
        if answer.good or (answer.cut is not None and answer.cut.kind == "redirect"):
            return answer.cut
        return RemoteFailure(
            f"{operation} was answered with {status_line(answer)} at {answer.url}",
            kind="status",
            status=answer.status,
            body=answer.body[:KEPT_OF_A_REFUSAL],
            expected="a status of 2xx",
            got=self._excerpt(answer),
            hint=_hint(answer),
        )

    def _excerpt(self, answer: Answer) -> str:
        text = answer.body[:KEPT_OF_A_REFUSAL].decode("utf-8", "replace")
        if self._auth is not None:
            # A service may echo what it was sent.
            text = text.replace(self._auth.value, "***")
        words = " ".join(text.split())
        shown = repr(words[:_EXCERPT]) + ("…" if len(words) > _EXCERPT else "")
        line = f"{status_line(answer)}, {'an empty body' if not answer.body else shown}"
        return f"{answer.blamed}, sent as {line}" if answer.blamed else line

    @property
    def _inherited(self) -> bool:
        return os.getpid() != self._owner

    def _require_open(self) -> None:
        if self._inherited:
            raise inherited()
        if self._closed:
            raise closed()


def _hint(answer: Answer) -> str | None:
    if answer.printed:
        return "the whole traceback is in what the plugin printed"
    return _HINTS.get(answer.status, "the service's own log says why" if answer.status >= 500 else None)


def _notes(answer: Answer) -> tuple[BorderNote, ...]:
    if not answer.compression:
        return ()
    message = (
        f"the answer came with Content-Encoding: {answer.compression!r}, which nobody asked for and MockForge "
        "would not undo"
    )
    return (BorderNote(detail="compressed-reply", message=message),)
