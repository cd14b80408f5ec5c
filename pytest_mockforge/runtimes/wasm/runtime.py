"""A WASM module as a runtime: which instance answers, and when a new one is made. Knows nothing of JSON."""

from __future__ import annotations

import threading

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, GuestTrap, PluginFailure, SetupError
from pytest_mockforge.runtimes.base import Exchange, InstancePolicy, Limits, closed, inherited
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.runtimes.wasm.engine import CompiledModule
from pytest_mockforge.runtimes.wasm.guest import open_bridge
from pytest_mockforge.runtimes.wasm.instance import GuestInstance


class WasmRuntime:
    """Calls one compiled module under one policy. One lock serialises calls, as MockForge's adapter does.

    In a process that was forked off every call is refused, before the lock: a thread that is not here may hold it.
    """

    def __init__(
        self,
        module: CompiledModule,
        *,
        limits: Limits,
        policy: InstancePolicy = "item",
        initialize: bool = False,
        services: HostServices | None = None,
    ) -> None:
        self.module = module
        self.limits = limits
        self.policy: InstancePolicy = policy
        self.initialize = initialize
        self._instance: GuestInstance | None = None
        self._services = services if services is not None else HostServices()
        self._lock = threading.RLock()
        self._calling = False
        self._closed = False

    @property
    def operations(self) -> frozenset[Operation]:
        """The operations that the module exports with a type that can be called, as the Go SDK exports them too."""
        border = self.module.border
        return frozenset(border.operations) | frozenset(border.sdk_operations)

    def health(self) -> bool:
        """True: the host says so of a module without asking it (contract 1.7)."""
        return True

    def metrics(self) -> dict[str, str]:
        """Give nothing: so does the host (contract 1.7)."""
        return {}

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        """Call one operation in the instance that the policy gives, with less fuel than the limit if asked.

        Raises SetupError when the module was closed, or opened before this process was forked off, and when a host
        function calls the instance that is calling it.
        """
        if self.module.engine.inherited:
            raise inherited()
        with self._lock:
            if self._calling:
                self._refuse_reentry()
            if self._closed:
                raise closed()
            self._calling = True
            try:
                instance = self._instance
                exchange = (
                    instance.invoke(operation, payload, fuel)
                    if instance is not None
                    else self._invoke_first(operation, payload, fuel)
                )
            finally:
                self._calling = False
            if self.policy == "call" or (exchange.reply is None and self.policy == "item" and _spoilt(exchange)):
                self._drop()
            return exchange

    def _invoke_first(self, operation: Operation, payload: bytes, fuel: int | None) -> Exchange:
        bridge = open_bridge(self.module, self._services) if self.module.imports else None
        try:
            self._instance = GuestInstance(self.module, self.limits, initialize=self.initialize, bridge=bridge)
        except PluginFailure as failure:
            exchange = _never_ran(operation, payload, failure)
            return bridge.complete(exchange) if bridge is not None else exchange
        except BaseException as error:
            if bridge is None:
                raise
            bridge.close()
            if error is not bridge.raised:
                raise
            return bridge.complete(_never_ran(operation, payload, None), error)
        return self._instance.invoke(operation, payload, fuel)

    def renew(self) -> None:
        """Make the next call start in a fresh instance, unless the policy keeps one for good."""
        if self._instance is not None and self.policy != "kept" and not self.module.engine.inherited:
            with self._lock:
                self._refuse_reentry()
                self._drop()

    def close(self, *, for_good: bool = False) -> None:
        """Free the instance; the compiled module stays with its owner, who closes `for_good` before it is freed."""
        if self.module.engine.inherited:
            return
        with self._lock:
            self._refuse_reentry()
            self._closed = self._closed or for_good
            self._drop()

    def _refuse_reentry(self) -> None:
        """The lock lets its own thread in again: that is a host function which uses the plugin that is calling it."""
        if self._calling:
            raise SetupError(
                "a host function uses the plugin that is calling it",
                hint="call another instance of it: open plugin.fresh() before the call",
            )

    def _drop(self) -> None:
        instance, self._instance = self._instance, None
        if instance is not None:
            instance.close()


def _spoilt(exchange: Exchange) -> bool:
    """Tell whether a call without a reply leaves an instance in which no other test should begin."""
    return exchange.raised is not None or isinstance(exchange.failure, GuestTrap | AbiFailure)


def _never_ran(operation: Operation, payload: bytes, failure: PluginFailure | None) -> Exchange:
    return Exchange(
        operation=operation,
        request=payload,
        reply=None,
        failure=failure,
        fuel=None,
        guest_seconds=0.0,
        memory=0,
        memory_grown=0,
        fresh=True,
    )
