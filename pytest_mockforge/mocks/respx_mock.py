"""The stand-in for code that calls with httpx, on respx: no socket, sync and async clients alike; owner of respx.

What needs a socket becomes what a client of httpx would see: its exceptions, a stream that waits, its own timeouts.
Other traffic of httpx passes through, or goes to the other routers of respx where there are any.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Literal, Self, cast
from urllib.parse import urlsplit

import anyio
import httpx
import respx
from respx.models import AllMockedAssertionError, PassThrough

from pytest_mockforge.errors import SettingsError
from pytest_mockforge.mocks import http_front
from pytest_mockforge.mocks.delivery import Delivery
from pytest_mockforge.mocks.mock import PluginMock, checked_dialect, checked_seed
from pytest_mockforge.mocks.wires import HttpWire

URL = "http://plugin.test"
"""Where it is unless it is told: a name that never resolves."""
_PLAN = "pytest_mockforge"


class HttpMock(PluginMock):
    """A stand-in at `url` for code that calls with httpx, sync or async.

    mock.on.authenticate(query={"token": "alpha"}).reply(AuthResponse(authenticated=True, claims={}, metadata={}))
    code_under_test(mock.url)
    """

    def __init__(self, name: str, *, seed: int) -> None:
        super().__init__(name, seed=seed)
        self._wire = HttpWire("host")
        self._url = URL
        self._pass_through = True
        self._router: _Router | None = None
        self._start()

    def __call__(
        self,
        *,
        url: str | None = None,
        dialect: Literal["host", "sdk"] | None = None,
        seed: int | None = None,
        pass_through: bool | None = None,
    ) -> Self:
        """Choose URL, dialect, seed, and whether other calls of httpx go where they are meant to; gives the same mock.

        Nothing may be declared before. Raises SettingsError for a value that cannot be.
        """
        __tracebackhide__ = True
        self._require_unused()
        if dialect is not None:
            self._wire = HttpWire(checked_dialect(self.name, dialect))
        if seed is not None:
            self.seed = checked_seed(self.name, seed)
        if pass_through is not None:
            self._pass_through = pass_through
        if url is not None:
            self._url = _checked_url(self.name, url)
        self.close()
        self._start()
        return self

    @property
    def wire(self) -> HttpWire:
        return self._wire

    @property
    def url(self) -> str:
        """The URL that the code under test is given; paths are appended to it as the host does."""
        return self._url

    def close(self) -> None:
        router, self._router = self._router, None
        if router is not None:
            router.stop(quiet=True)

    def _start(self) -> None:
        parts = urlsplit(self._url)
        self._router = router = _Router(self, pass_through=self._pass_through)
        # The slash is part of the prefix, lest http://plugin.test/a stand for http://plugin.test/ab as well.
        prefix = parts.path + ("" if parts.path.endswith("/") else "/")
        router.route(
            scheme=parts.scheme, host=parts.hostname, port=parts.port or _PORTS[parts.scheme], path__startswith=prefix
        ).mock(side_effect=self._planned)
        router.start()

    def _planned(self, request: httpx.Request) -> httpx.Response:
        """Decide on an answer; the router waits for it and sends it."""
        base = urlsplit(self._url).path
        headers = tuple((name.lower(), value) for name, value in request.headers.multi_items())
        path = request.url.path[len(base) :]
        delivery = http_front.answer(self, self._wire, request.method, path, request.content, headers)
        return httpx.Response(delivery.status, extensions={_PLAN: delivery})


class _Router(respx.MockRouter):
    """A router that tells a call by a sync client from one by an async client, which a route cannot."""

    def __init__(self, mock: HttpMock, *, pass_through: bool) -> None:
        super().__init__(assert_all_called=False, assert_all_mocked=True)
        self._mock = mock
        self._pass_through = pass_through

    def handler(self, request: httpx.Request) -> httpx.Response:
        try:
            delivery = _plan(super().handler(request))
        except AllMockedAssertionError:
            raise self._not_ours(request) from None
        time.sleep(_waiting(delivery, request))
        return _response(delivery, request)

    async def async_handler(self, request: httpx.Request) -> httpx.Response:
        try:
            delivery = _plan(await super().async_handler(request))
        except AllMockedAssertionError:
            raise self._not_ours(request) from None
        await anyio.sleep(_waiting(delivery, request))
        return _response(delivery, request)

    def _not_ours(self, request: httpx.Request) -> Exception:
        asked = f"{request.method} {request.url}"
        if not self._pass_through:
            return AllMockedAssertionError(self._mock.stray(asked, f"it is not for {self._mock.url}"))
        mocker = self.Mocker
        if mocker is not None and len(mocker.routers) > 1:
            # Another router may answer it, or refuse it in its own words.
            return AllMockedAssertionError(f"RESPX: {request!r} not mocked!")
        return PassThrough(f"{asked} is not for {self._mock.url}", request=request, origin=self.routes[0])


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body as it comes from a connection: in pieces, late, or broken off."""

    def __init__(self, delivery: Delivery, request: httpx.Request) -> None:
        self._delivery = delivery
        self._request = request
        self._timeout = _read_timeout(request)

    def __iter__(self) -> Iterator[bytes]:
        for index, piece in enumerate(self._pieces()):
            if index and self._delivery.pause:
                time.sleep(min(self._delivery.pause, self._timeout))
                self._require_in_time()
            yield piece
        self._require_whole()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for index, piece in enumerate(self._pieces()):
            if index and self._delivery.pause:
                await anyio.sleep(min(self._delivery.pause, self._timeout))
                self._require_in_time()
            yield piece
        self._require_whole()

    def _pieces(self) -> Iterator[bytes]:
        # A reader stops at Content-Length, whatever comes behind it.
        left = self._delivery.declared
        for piece in self._delivery.pieces():
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return

    def _require_in_time(self) -> None:
        if self._delivery.pause >= self._timeout:
            raise httpx.ReadTimeout("The read operation timed out", request=self._request)

    def _require_whole(self) -> None:
        sent, declared = self._delivery.sent, self._delivery.declared
        if sent < declared:
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body "
                f"(received {sent} bytes, expected {declared})",
                request=self._request,
            )


_PORTS = {"http": 80, "https": 443}


def _plan(response: httpx.Response) -> Delivery:
    return cast("Delivery", response.extensions[_PLAN])


def _waiting(delivery: Delivery, request: httpx.Request) -> float:
    return min(delivery.delay, _read_timeout(request))


def _read_timeout(request: httpx.Request) -> float:
    seconds = request.extensions.get("timeout", {}).get("read")
    return float("inf") if seconds is None else float(seconds)


def _response(delivery: Delivery, request: httpx.Request) -> httpx.Response:
    """Give what a client sees after the wait: a response, or the exception that httpx makes of the connection."""
    if delivery.delay and delivery.delay >= _read_timeout(request):
        raise httpx.ReadTimeout("The read operation timed out", request=request)
    if delivery.reset:
        raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    headers = {"content-type": delivery.content_type, "content-length": str(delivery.declared)}
    if request.method == "HEAD":
        return httpx.Response(delivery.status, headers=headers, request=request)
    return httpx.Response(delivery.status, headers=headers, stream=_Stream(delivery, request), request=request)


def _checked_url(name: str, url: str) -> str:
    __tracebackhide__ = True
    try:
        parts = urlsplit(url)
        fits = (
            parts.scheme in _PORTS
            and bool(parts.hostname)
            and (parts.port or 1)
            and not (parts.query or parts.fragment)
        )
    except (ValueError, AttributeError):
        fits = False
    if not fits:
        raise SettingsError(f"{name} cannot stand at {url!r}", expected="a URL such as 'http://plugin.test'")
    return url
