"""What a service answered, and what a caller proves itself with. Knows no transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.runtimes.base import KIB, Exchange, Limits, Wire

KEPT_OF_A_REFUSAL = 64 * KIB
"""Bytes of the body of an answer with an error status that a RemoteFailure keeps."""


@dataclass(frozen=True, kw_only=True)
class RemoteAuth:
    """What the host proves itself with (contract 4.1): `Authorization: Bearer …`, or `X-API-Key: …`."""

    kind: Literal["bearer", "api-key"]
    value: str = field(repr=False)

    @property
    def header(self) -> tuple[str, str]:
        """The header's name and value."""
        return ("Authorization", f"Bearer {self.value}") if self.kind == "bearer" else ("X-API-Key", self.value)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer as it came, whatever its status."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, in the order in which they came; not made harmless for a terminal."""
    body: bytes = b""
    """The body, decompressed where it came compressed; empty when it was not to be read."""
    url: str
    """Where the answer came from: the last one of the redirects."""
    seconds: float
    """Seconds from the start of the request to the last byte, redirects included, connecting left out."""
    connect_seconds: float = 0.0
    fresh: bool = False
    """True when the connection was new."""
    redirects: int = 0
    compression: str = ""
    """The answer's Content-Encoding; nobody asked for one, and MockForge would not undo it."""
    printed: str = ""
    """The traceback of an ASGI app that raised."""
    blamed: str = ""
    """What an ASGI app did instead of answering, in one line: the exception, and where in the user's files."""
    cut: RemoteFailure | None = None
    """Why the body is not whole; `send` raises it."""

    @property
    def good(self) -> bool:
        """True for 2xx, which the host wants (contract 4.1)."""
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        """The Content-Type, empty when there is none; the host does not look at it."""
        return self.header("content-type") or ""

    def header(self, name: str) -> str | None:
        """Give the first header of that name, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)

    @property
    def wire(self) -> Wire:
        """What goes into an Exchange."""
        return Wire(
            status=self.status,
            content_type=self.content_type,
            headers=self.headers,
            connect_seconds=self.connect_seconds,
            redirects=self.redirects,
        )


class Service(Protocol):
    """A runtime over HTTP or inside of this process, with a lower door for checks."""

    @property
    def limits(self) -> Limits: ...

    @property
    def endpoint(self) -> str:
        """What names the service: its URL, or `asgi:package.module:app`."""
        ...

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange: ...

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
        content_type: str | None = "application/json",
        timeout: float | None = None,
        read: bool = True,
    ) -> Answer:
        """Send any request and give whatever answer comes.

        `path` is appended to the endpoint. `content_type` is sent with a body only. Raises RemoteFailure only when no
        whole answer came: never for a status.
        """
        ...

    def abort(self, path: str, body: bytes) -> None:
        """Send a part of a request, then go away. Raises RemoteFailure when no connection can be made."""
        ...
