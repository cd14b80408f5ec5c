"""A service as checks see it that send what MockForge never would: any method, path and bytes, and whether what comes
back says no. What is garbage on which road is the matter of `road_http` and `road_grpc`; which answer is a finding, of
the checks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from pytest_mockforge.contract.dialects import Dialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import DataResult
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.fuzz.outcomes import accepted
from pytest_mockforge.observation import Observation
from pytest_mockforge.runtimes.base import KIB, MIB, Exchange

Outcome = Literal["no", "broken", "yes", "empty", "unreadable", "lost"]
"""`no` refuses, by a status or inside of the reply; `broken` says that the service failed, as a 5xx does; `yes` admits,
or gives a value, rows or a 2xx; `empty` gives a table without rows; `unreadable` is a good status over no reply;
`lost` is no whole answer."""

OVERSIZE = 16 * MIB
DEPTHS = (1_000, 100_000)
_MOST_LOST = 2
"""Shots of one volley that may get no answer before the rest is left out: each may take a whole timeout."""
_KEPT = 64 * KIB
_SHOWN = 200
_LONGEST = 1_500


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """One request as it travels, whatever it is."""

    name: str
    """Stable words in kebab case."""
    path: str
    data: bytes | None
    method: str = "POST"
    operation: Operation | None = None
    """Whose reply would be an answer; None where nothing is there to answer."""
    left_out: int = 0
    """Bytes that were sent behind `data` and are not kept."""

    @property
    def kept(self) -> Shot:
        """The shot without most of its bytes where there are many: what is fired can be 16 MiB large."""
        if self.data is None or len(self.data) <= _KEPT:
            return self
        return replace(self, data=self.data[:_KEPT], left_out=len(self.data) - _KEPT)

    @property
    def address(self) -> str:
        """Where it goes, in short."""
        return self.operation.value if self.operation is not None else f"{self.method} {self.path}"

    @property
    def shown(self) -> str:
        """What is sent, cut to size, for a report."""
        data = self.data or b""
        text = data[:_LONGEST].decode("utf-8", "backslashreplace")
        return text if len(data) <= _LONGEST else f"{text[:_SHOWN]} … ({len(data) + self.left_out:,} bytes)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What came back of one shot."""

    shot: Shot
    outcome: Outcome
    line: str
    """Status and body in one line, without what we proved ourselves with."""
    text: str = ""
    """The body, or the words of an error, as they came."""
    failure: RemoteFailure | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Volley:
    """What came of several shots."""

    said: tuple[Said, ...]
    left_out: int = 0
    """Shots that were not fired, since others before them were not answered."""
    gone: bool = False
    """True when the service gave no answer at all any more, whatever it was asked."""


class Road(ABC):
    """One way to one service. Threads may call `observe` at once."""

    over: str
    """How requests travel, in words."""

    def __init__(self, dialect: Dialect, secret: str | None) -> None:
        self._dialect = dialect
        self._secret = secret
        self._volleys: dict[str, Volley] = {}

    @property
    def secret(self) -> str | None:
        """What we prove ourselves with."""
        return self._secret

    @abstractmethod
    def written(self, request: Request) -> bytes:
        """Give a request as it travels. Raises RequestError when the dialect cannot carry it."""

    @abstractmethod
    def observe(self, operation: Operation, data: bytes) -> Observation:
        """Call an operation with bytes that `written` gave, or with others."""

    @abstractmethod
    def fire(self, shot: Shot) -> Said:
        """Send anything; never raises for what the service does."""

    @abstractmethod
    def abort(self, operation: Operation, data: bytes, usual: float) -> None:
        """Begin a call that usually takes so many seconds, and go away before its end.

        Raises RemoteFailure when no connection can be made.
        """

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether anything at all is answered when asked for its health."""

    @abstractmethod
    def astray(self, operations: Sequence[Operation], good: bytes) -> Iterable[Shot]:
        """Give requests that go where nothing is, or by a method that is none."""

    @abstractmethod
    def garbage(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        """Give what is no request, made from one that is."""

    @abstractmethod
    def nested(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        """Give what goes deeper than a parser that calls itself."""

    @abstractmethod
    def oversize(self, operation: Operation) -> Shot:
        """Give what is larger than any request."""

    @abstractmethod
    def incomplete(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        """Give a request without any field, named `no-fields`, and requests that each lack one."""

    @abstractmethod
    def extended(self, operation: Operation, good: bytes) -> Iterable[Shot]:
        """Give a request with fields that nobody knows."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    def volley(self, name: str, shots: Iterable[Shot]) -> Volley:
        """Fire shots one after another, or give what came of them before; breaks off where nothing is answered."""
        if name not in self._volleys:
            self._volleys[name] = self._fired(list(shots))
        return self._volleys[name]

    def _fired(self, shots: Sequence[Shot]) -> Volley:
        said: list[Said] = []
        lost = 0
        for shot in shots:
            said.append(replace(self.fire(shot), shot=shot.kept))
            if said[-1].outcome == "lost":
                lost += 1
                gone = not self.answers()
                if gone or lost == _MOST_LOST:
                    return Volley(said=tuple(said), left_out=len(shots) - len(said), gone=gone)
        return Volley(said=tuple(said))

    def _quoted(self, text: str) -> str:
        """Put a service's words on one line, without what we proved ourselves with, which it may echo."""
        words = " ".join((text.replace(self._secret, "***") if self._secret else text).split())
        return repr(words[:_SHOWN]) + ("…" if len(words) > _SHOWN else "")

    def _lost(self, shot: Shot, failure: RemoteFailure) -> Said:
        # Its frames hold the whole shot.
        failure.__traceback__ = failure.__context__ = None
        return Said(shot=shot, outcome="lost", line=failure.message, failure=failure)

    def _observation(self, exchange: Exchange) -> Observation:
        reply = exchange.reply
        decoded = None if reply is None else self._dialect.decode(exchange.operation, reply)
        return Observation(exchange=exchange, decoded=decoded, host_seconds=0.0)

    def _meant(self, operation: Operation, reply: bytes) -> Outcome:
        """Tell what a reply says that came with a good status."""
        decoded = self._dialect.decode(operation, reply)
        if not decoded.ok:
            return "unreadable"
        exchange = Exchange(
            operation=operation, request=b"", reply=reply, failure=None, fuel=None, guest_seconds=0.0, fresh=False
        )
        if accepted(Observation(exchange=exchange, decoded=decoded, host_seconds=0.0)):
            return "yes"
        return "empty" if isinstance(decoded.reply, DataResult) else "no"

    @staticmethod
    def _text(body: bytes) -> str:
        return body[:_KEPT].decode("utf-8", "replace")


def lenient(request: Request) -> Request:
    """Let a request be sent without what its dialect drops."""
    return msgspec.structs.replace(request, lenient=True) if hasattr(request, "lenient") else request
