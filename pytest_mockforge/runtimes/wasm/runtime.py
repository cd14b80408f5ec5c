"""A WASM module as a runtime: which instance answers, and when a new one is made. Knows nothing of JSON."""

from __future__ import annotations

import threading

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, GuestTrap, PluginFailure, SetupError
from pytest_mockforge.runtimes.base import Exchange, InstancePolicy, Limits
from pytest_mockforge.runtimes.wasm.engine import CompiledModule
from pytest_mockforge.runtimes.wasm.instance import GuestInstance


class WasmRuntime:
    """Calls one compiled module under one policy. One lock serialises calls, as MockForge's adapter does."""

    def __init__(
        self, module: CompiledModule, *, limits: Limits, policy: InstancePolicy = "item", initialize: bool = False
    ) -> None:
        self.module = module
        self.limits = limits
        self.policy: InstancePolicy = policy
        self.initialize = initialize
        self._instance: GuestInstance | None = None
        self._lock = threading.Lock()
        self._closed = False

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        """Call one operation in the instance that the policy gives, with less fuel than the limit if asked.

        Raises SetupError when the module was closed.
        """
        with self._lock:
            if self._closed:
                raise SetupError("the plugin is closed", hint="call it inside of its `with` block")
            instance = self._instance
            if instance is None:
                try:
                    instance = GuestInstance(self.module, self.limits, initialize=self.initialize)
                except PluginFailure as failure:
                    return _never_ran(operation, payload, failure)
                self._instance = instance
            exchange = instance.invoke(operation, payload, fuel)
            if self.policy == "call" or (
                self.policy == "item" and isinstance(exchange.failure, GuestTrap | AbiFailure)
            ):
                self._drop()
            return exchange

    def renew(self) -> None:
        """Make the next call start in a fresh instance, unless the policy keeps one for good."""
        if self._instance is not None and self.policy != "kept":
            with self._lock:
                self._drop()

    def close(self, *, for_good: bool = False) -> None:
        """Free the instance; the compiled module stays with its owner, who closes `for_good` before it is freed."""
        with self._lock:
            self._closed = self._closed or for_good
            self._drop()

    def _drop(self) -> None:
        instance, self._instance = self._instance, None
        if instance is not None:
            instance.close()


def _never_ran(operation: Operation, payload: bytes, failure: PluginFailure) -> Exchange:
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
