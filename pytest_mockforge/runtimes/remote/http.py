"""A service behind HTTP as a runtime: its URL, its credentials and how long connections live.

Knows nothing of JSON, and nothing of sockets but that `transport` has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.errors import SetupError, SpecError
from pytest_mockforge.runtimes.base import InstancePolicy, Limits
from pytest_mockforge.runtimes.remote.address import Address, parse
from pytest_mockforge.runtimes.remote.answer import RemoteAuth
from pytest_mockforge.runtimes.remote.hop import Carried, Deadline, Hop
from pytest_mockforge.runtimes.remote.roads import joined
from pytest_mockforge.runtimes.remote.service import RemoteRuntime

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.remote.transport import Transport


class HttpRuntime(RemoteRuntime):
    """Calls a service as MockForge's remote adapter does (contract 4.1). Threads may call at once: no lock is held.

    No proxy is ever used, cookies are not kept, and nothing of httpx's client is in between, so that a mock of it does
    not stand in the way. Under the policy `call` each call makes a connection of its own; else connections are kept.
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
        """Take a URL, to which paths are appended; certificates are verified, also against those in the file `ca`.

        Raises SpecError for a URL that cannot be called, SettingsError for a CA file or credentials that cannot be
        used, and SetupError where the extra `remote` is not installed.
        """
        super().__init__(url, limits=limits, auth=auth, policy=policy, plugin_id=plugin_id)
        self._require_callable(url)
        self._transport: Transport = _transport(limits, policy, ca)

    def close(self, *, for_good: bool = False) -> None:
        """Close the kept connections; calling again does nothing. After `for_good`, calls raise SetupError."""
        self._closed = self._closed or for_good
        if not self._inherited:
            self._transport.close()

    def _carry(self, hop: Hop, deadline: Deadline, *, read: bool) -> Carried:
        return self._transport.carry(hop, deadline, read=read)

    def _abandon(self, hop: Hop, deadline: Deadline) -> None:
        self._transport.abandon(hop, deadline)

    def _address(self, path: str) -> Address:
        try:
            return parse(joined(self._endpoint, path))
        except ValueError as error:
            raise SpecError(f"the path {path!r} cannot be called: {error}") from None

    def _shown(self, address: Address) -> str:
        return str(address)

    @staticmethod
    def _require_callable(url: str) -> None:
        try:
            parse(url)
        except ValueError as error:
            # The URL itself stays out of the text where it may hold a password.
            shown = "the URL of the service" if "@" in url else repr(url)
            raise SpecError(
                f"{shown} cannot be called: {error}",
                expected="a URL such as 'http://127.0.0.1:8080'",
                hint="give credentials as bearer token or API key, apart from the URL" if "@" in url else None,
            ) from None


def _transport(limits: Limits, policy: InstancePolicy, ca: Path | None) -> Transport:
    try:
        from pytest_mockforge.runtimes.remote.transport import Transport
    except ModuleNotFoundError as error:
        raise SetupError(
            f"a service behind HTTP cannot be called: {error.name} is not installed",
            hint="pip install 'pytest-mockforge[remote]'",
        ) from None
    return Transport(cap=limits.reply, keep=policy != "call", ca=ca)
