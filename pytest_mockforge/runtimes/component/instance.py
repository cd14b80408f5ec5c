"""One instance of one component in one store: bytes in, bytes out, metered. Knows nothing of JSON or policies."""

from __future__ import annotations

from time import perf_counter

import wasmtime
from wasmtime import component as wc

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import AbiFailure, ComponentRefusal, PluginFailure, SetupError
from pytest_mockforge.runtimes.base import Exchange, Limits
from pytest_mockforge.runtimes.component.border import EXPECTED, call
from pytest_mockforge.runtimes.component.engine import CompiledComponent, export_name
from pytest_mockforge.runtimes.component.failures import call_failure, start_failure
from pytest_mockforge.runtimes.component.surroundings import Surroundings
from pytest_mockforge.runtimes.wasm.capi import printable

_MAY_REFUSE = {Operation.TEMPLATE_FUNCTION, Operation.QUERY_DATASOURCE}
_LONGEST_ERROR = 2000


class ComponentInstance:
    """A store with one component in it; calls are made one after another."""

    def __init__(self, compiled: CompiledComponent, limits: Limits) -> None:
        """Instantiate, which runs the component's own start.

        Raises LoadFailure when it cannot be instantiated, GuestTrap or LimitExceeded when its own code fails, and
        SetupError when the component was closed.
        """
        compiled.require_open()
        self._compiled = compiled
        self._limits = limits
        self._functions: dict[Operation, wc.Func] = {}
        self._used = False
        self._closed = False
        self._store = compiled.open_store(limits)
        self._surroundings = Surroundings(compiled.info, compiled.engine.handle, compiled.ready)
        try:
            self._arm(limits.fuel)
            self._surroundings.enter(self._store)
            self._instance = self._surroundings.linker.instantiate(self._store, compiled.component)
        except wasmtime.WasmtimeError as error:
            self.close()
            raise self._surroundings.take_raised() or start_failure(str(error), limits) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Free the store; the instance cannot be used afterwards."""
        if not self._closed and not self._compiled.engine.inherited:
            self._closed = True
            self._store.close()
            self._surroundings.close()

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        """Carry `payload` in and the reply out, with other fuel than the limit if given.

        Whatever the component does wrong is in `Exchange.failure`. Raises SetupError after `close`.
        """
        if self._closed:
            raise SetupError("the instance is closed", hint="call it before it is closed, or make another one")
        self._compiled.require_open()
        fuel = self._limits.fuel if fuel is None else fuel
        fresh, self._used = not self._used, True
        reply: bytes | None = None
        failure: PluginFailure | None = None
        self._surroundings.random.refill()
        self._arm(fuel)
        started = perf_counter()
        try:
            reply = self._exchange(operation, payload)
        except PluginFailure as caught:
            failure = caught
        except wasmtime.WasmtimeError as error:
            failure = call_failure(str(error), operation.value, self._limits, fuel)
        seconds = perf_counter() - started
        raised = self._surroundings.take_raised()
        if raised is not None:
            raise raised
        printed, dropped = self._surroundings.output.take()
        return Exchange(
            operation=operation,
            request=payload,
            reply=reply,
            failure=failure,
            fuel=fuel - self._store.get_fuel(),
            guest_seconds=seconds,
            fresh=fresh,
            printed=printed,
            printed_dropped=dropped,
        )

    def _arm(self, fuel: int) -> None:
        ticker = self._compiled.engine.ticker
        self._store.set_fuel(fuel)
        self._store.set_epoch_deadline(ticker.ticks(self._limits.timeout))
        ticker.touch(self._limits.timeout)

    def _exchange(self, operation: Operation, payload: bytes) -> bytes:
        answer = call(self._find(operation), self._store, payload)
        if answer.ok is not None:
            return answer.ok
        why = printable(answer.error)[:_LONGEST_ERROR]
        if operation in _MAY_REFUSE:
            raise ComponentRefusal(f"{operation} refused: {why}", reason=answer.error)
        raise AbiFailure(
            f"{operation} gave an error instead of a reply: {why}",
            detail="error-result",
            expected="ok with a reply, which has a way to say no",
            got="err",
            hint=f"say no in the reply of {operation}",
        )

    def _find(self, operation: Operation) -> wc.Func:
        function = self._functions.get(operation)
        if function is not None:
            return function
        name = export_name(operation)
        if operation not in self._compiled.operations:
            given = self._compiled.faults.get(operation)
            if given is None:
                raise AbiFailure(f"{name} is not exported", detail="not-exported", hint=f"export {name}: {EXPECTED}")
            raise AbiFailure(
                f"{name} is exported with a type that cannot be called",
                detail="wrong-type",
                expected=EXPECTED,
                got=given,
                hint="build the component for pytest-mockforge's own WIT world",
            )
        function = self._instance.get_func(self._store, name)
        if function is None:
            raise AbiFailure(f"the export {name!r} cannot be found in the instance", detail="not-exported")
        self._functions[operation] = function
        return function
