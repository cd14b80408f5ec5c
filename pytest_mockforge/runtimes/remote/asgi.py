"""An ASGI app inside this process as a runtime, without a socket. Knows nothing of JSON."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.runtimes.base import InstancePolicy, Limits
from pytest_mockforge.runtimes.remote.address import Address, parse
from pytest_mockforge.runtimes.remote.answer import RemoteAuth
from pytest_mockforge.runtimes.remote.asgi_app import START_TIMEOUT, AsgiApp
from pytest_mockforge.runtimes.remote.asgi_call import AsgiCall
from pytest_mockforge.runtimes.remote.hop import Carried, Deadline, Hop
from pytest_mockforge.runtimes.remote.service import RemoteRuntime

_BASE = "http://localhost"
_NOTICING = 1.0


class AsgiRuntime(RemoteRuntime):
    """Calls an app as MockForge's remote adapter would call it behind a server (contract 4.1)."""

    def __init__(
        self,
        app: AsgiApp | str,
        *,
        limits: Limits,
        search: Sequence[Path] = (),
        auth: RemoteAuth | None = None,
        policy: InstancePolicy = "item",
        plugin_id: str = "pytest-mockforge",
        start_timeout: float = START_TIMEOUT,
    ) -> None:
        """Take an app that was started, which whoever started it closes; or a target, which is started and closed here.

        A target is imported from the folders of `search` or the working directory. Raises LoadFailure with step
        `start` when it cannot be started.
        """
        target = app if isinstance(app, str) else app.target
        super().__init__(f"asgi:{target}", limits=limits, auth=auth, policy=policy, plugin_id=plugin_id)
        self._search = tuple(search)
        self._start_timeout = start_timeout
        self._owns_app = isinstance(app, str)
        self._lock = threading.Lock()
        self._app: AsgiApp | None = app if isinstance(app, AsgiApp) else self._opened(target)
        self._target = target
        self._called = False

    def close(self, *, for_good: bool = False) -> None:
        """Stop an app that was started here; the next call starts it again, unless this is `for_good`."""
        self._closed = self._closed or for_good
        if not self._owns_app or self._inherited:
            return
        with self._lock:
            app, self._app = self._app, None
            self._called = False
        if app is not None:
            app.close()

    def _opened(self, target: str) -> AsgiApp:
        return AsgiApp(target, search=self._search, start_timeout=self._start_timeout)

    def _running(self) -> AsgiApp:
        with self._lock:
            if self._app is None:
                self._app = self._opened(self._target)
            return self._app

    def _carry(self, hop: Hop, deadline: Deadline, *, read: bool) -> Carried:
        if hop.address.origin != parse(_BASE).origin:
            raise hop.failure(
                "redirect",
                "it redirects out of the app",
                expected=f"a redirect to a path, or to {_BASE}",
                got=f"a redirect to {str(hop.address)!r}",
                hint="an app inside this process has no other host: redirect to a path",
            )
        first = not self._called
        self._called = True
        answer = self._running().call(AsgiCall(hop, cap=self._limits.reply, read=read), deadline)
        return Carried(answer=msgspec.structs.replace(answer, fresh=first), local=True)

    def _abandon(self, hop: Hop, deadline: Deadline) -> None:
        sent = len(hop.body or b"") // 2
        # What the app makes of it is not asked for; it only gets the time to notice.
        with contextlib.suppress(RemoteFailure):
            self._running().call(
                AsgiCall(hop, cap=self._limits.reply, sent=sent), Deadline(min(_NOTICING, deadline.left))
            )

    def _address(self, path: str) -> Address:
        return parse(f"{_BASE}{path}")

    def _shown(self, address: Address) -> str:
        return f"{self._endpoint}{address.target}" if address.local else str(address)
