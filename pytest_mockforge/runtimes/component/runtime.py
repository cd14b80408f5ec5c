"""A component as a runtime: which instance answers, and when a new one is made. Knows nothing of JSON."""

from __future__ import annotations

import threading
from importlib import resources

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, GuestTrap, PluginFailure
from pytest_mockforge.runtimes.base import Exchange, InstancePolicy, Limits, closed, inherited
from pytest_mockforge.runtimes.component.engine import CompiledComponent
from pytest_mockforge.runtimes.component.inspection import describe_component
from pytest_mockforge.runtimes.component.instance import ComponentInstance
from pytest_mockforge.runtimes.wasm.cache import CompileCache
from pytest_mockforge.runtimes.wasm.engine import metered_engine


class ComponentRuntime:
    """Calls one compiled component under one policy. One lock serialises calls, as MockForge's adapter does.

    In a process that was forked off every call is refused, before the lock: a thread that is not here may hold it.
    """

    def __init__(self, component: CompiledComponent, *, limits: Limits, policy: InstancePolicy = "item") -> None:
        self.component = component
        self.limits = limits
        self.policy: InstancePolicy = policy
        self._instance: ComponentInstance | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def operations(self) -> frozenset[Operation]:
        """The operations that the component exports with the type of our WIT world."""
        return self.component.operations

    def health(self) -> bool:
        """True: the host says so of a module without asking it (contract 1.7)."""
        return True

    def metrics(self) -> dict[str, str]:
        """Give nothing: so does the host (contract 1.7)."""
        return {}

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        """Call one operation in the instance that the policy gives, with less fuel than the limit if asked.

        Raises SetupError when the component was closed, or opened before this process was forked off.
        """
        if self.component.engine.inherited:
            raise inherited()
        with self._lock:
            if self._closed:
                raise closed()
            if self._instance is None:
                try:
                    self._instance = ComponentInstance(self.component, self.limits)
                except PluginFailure as failure:
                    return _never_ran(operation, payload, failure)
            exchange = self._instance.invoke(operation, payload, fuel)
            broken = isinstance(exchange.failure, GuestTrap | AbiFailure)
            if self.policy == "call" or (self.policy == "item" and broken):
                self._drop()
            return exchange

    def renew(self) -> None:
        """Make the next call start in a fresh instance, unless the policy keeps one for good."""
        if self.policy != "kept" and not self.component.engine.inherited:
            with self._lock:
                self._drop()

    def close(self, *, for_good: bool = False) -> None:
        """Free the instance; the compiled component stays with its owner, who closes `for_good` before it is freed."""
        if self.component.engine.inherited:
            return
        with self._lock:
            self._closed = self._closed or for_good
            self._drop()

    def _drop(self) -> None:
        instance, self._instance = self._instance, None
        if instance is not None:
            instance.close()


def compile_component(data: bytes, *, limits: Limits, cache: CompileCache | None = None) -> CompiledComponent:
    """Read, compile and link a component. Raises LoadFailure with step 'read', 'compile' or 'link'."""
    return CompiledComponent(metered_engine(limits.stack), describe_component(data), data, cache)


def world() -> str:
    """Give the text of our WIT world, which tells authors what to export."""
    return resources.files(__package__).joinpath("plugin.wit").read_text("utf-8")


def _never_ran(operation: Operation, payload: bytes, failure: PluginFailure) -> Exchange:
    return Exchange(
        operation=operation,
        request=payload,
        reply=None,
        failure=failure,
        fuel=None,
        guest_seconds=0.0,
        fresh=True,
    )
