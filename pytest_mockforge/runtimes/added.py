"""Runtimes that extensions add: what one is, by the scheme of its SPECs, and what stands between it and the plugin.

A plugin behind an added scheme is a service: something that is called, and cannot be looked into.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import PluginFailure, SetupError
from pytest_mockforge.runtimes.base import Exchange, InstancePolicy, Limits, Runtime, closed

if TYPE_CHECKING:
    from pytest_mockforge.additions import Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeRequest:
    """What a runtime is asked to lead to, and under which limits. Fields may be added."""

    address: str
    """The SPEC as it was written, with its scheme: `queue://orders`."""
    label: str
    """What the plugin goes by in ids and reports."""
    limits: Limits
    policy: InstancePolicy
    """How long what stands for an instance lives: until `renew`, for one call, or for good."""
    secret: str | None = None
    """What `remote: auth:` of a plugin.test.yaml names."""


OpenRuntime = Callable[[RuntimeRequest], Runtime]
"""Opens what carries bytes. Raises LoadFailure where the plugin is to blame that it cannot, SetupError where not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeScheme:
    """A way to plugins that SPECs name by a scheme of its own: `queue://orders`.

    What `open` gives is a `Runtime`. It must not raise for what the plugin does: `Exchange.failure` says that.
    """

    scheme: str
    """Two lower-case letters at least, and digits, `+`, `.` and `-` behind them."""
    open: OpenRuntime


class AddedRuntime:
    """A runtime of an extension's, whose own defects are named and not taken for the plugin's."""

    def __init__(self, opened: Runtime, scheme: str, origin: Origin) -> None:
        self._opened = opened
        self._what = f"the runtime of {scheme}://"
        self._origin = origin
        self._closed = False

    @property
    def limits(self) -> Limits:
        """What each call may use."""
        with self._origin.named(f"{self._what}, limits"):
            return self._opened.limits

    @property
    def operations(self) -> frozenset[Operation]:
        """The operations that can be called."""
        with self._origin.named(f"{self._what}, operations"):
            return frozenset(self._opened.operations)

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        """Call one operation."""
        __tracebackhide__ = True
        if self._closed:
            raise closed()
        with self._origin.named(f"{self._what}, invoke", allowed=SetupError):
            exchange: object = self._opened.invoke(operation, payload, fuel)
        if not isinstance(exchange, Exchange) or not _is_whole(exchange):
            expected = "an Exchange with a reply or a failure"
            raise self._origin.misused(f"{self._what}, invoke", expected=expected, got=exchange)
        return exchange

    def health(self) -> bool:
        """Tell whether the plugin says that it is healthy."""
        with self._origin.named(f"{self._what}, health", allowed=SetupError):
            return bool(self._opened.health())

    def metrics(self) -> dict[str, str]:
        """Give what it says of itself."""
        with self._origin.named(f"{self._what}, metrics", allowed=SetupError):
            return dict(self._opened.metrics())

    def renew(self) -> None:
        """Make the next call start afresh."""
        with self._origin.named(f"{self._what}, renew", allowed=SetupError):
            self._opened.renew()

    def close(self, *, for_good: bool = False) -> None:
        """Give back what is held."""
        self._closed = self._closed or for_good
        with self._origin.named(f"{self._what}, close", allowed=SetupError):
            self._opened.close(for_good=for_good)


def _is_whole(exchange: Exchange) -> bool:
    failed = exchange.failure is not None or exchange.raised is not None
    return failed != isinstance(exchange.reply, bytes)


def guarded_scheme(given: RuntimeScheme, origin: Origin) -> RuntimeScheme:
    """Give the same scheme, with a runtime behind it that names the extension."""

    def opened(request: RuntimeRequest) -> Runtime:
        with origin.named(f"the runtime of {given.scheme}://, open", allowed=(PluginFailure, SetupError)):
            runtime = given.open(request)
            lacking = [name for name in _MEMBERS if not hasattr(runtime, name)]
        if lacking:
            expected = f"a Runtime, which has {', '.join(lacking)}"
            raise origin.misused(f"the runtime of {given.scheme}://, open", expected=expected, got=runtime)
        return AddedRuntime(runtime, given.scheme, origin)

    return RuntimeScheme(scheme=given.scheme, open=opened)


_MEMBERS = ("limits", "operations", "invoke", "health", "metrics", "renew", "close")
