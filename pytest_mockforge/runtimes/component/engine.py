"""A component compiled, judged at its border and proved to link, ready to be instantiated many times.

It shares the metered engine of modules, hence its limits and its ticker. Knows nothing of operations' JSON.
"""

from __future__ import annotations

import wasmtime
from wasmtime import component as wc

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.runtimes.base import Limits, closed, inherited
from pytest_mockforge.runtimes.component.border import wrong_type
from pytest_mockforge.runtimes.component.failures import NOT_LINKED, compile_failure, link_failure
from pytest_mockforge.runtimes.component.inspection import ComponentInfo
from pytest_mockforge.runtimes.component.surroundings import Surroundings, compile_ready, missing_imports
from pytest_mockforge.runtimes.wasm.cache import CompileCache
from pytest_mockforge.runtimes.wasm.capi import printable
from pytest_mockforge.runtimes.wasm.engine import Engine, deserialized

_CORE_INSTANCES, _MEMORIES, _TABLES = 1000, 8, 100
"""A component is made of many core modules, so Limits.instances is not for it. Each memory may have the whole limit."""


def export_name(operation: Operation) -> str:
    """Give the name of an operation's export: WIT has hyphens where Rust has underscores."""
    return operation.value.replace("_", "-")


class CompiledComponent:
    """A component that compiles and links."""

    def __init__(self, engine: Engine, info: ComponentInfo, data: bytes, cache: CompileCache | None = None) -> None:
        """Compile, or take from the cache, and link. Raises LoadFailure with step 'compile' or 'link'."""
        self.engine = engine
        self.info = info
        self.faults: dict[Operation, str] = {}
        """Operations whose export has another type than the one expected, and which."""
        missing = missing_imports(info)
        if missing:
            raise _missing(missing)
        self.component = self._compile(data, cache)
        self._closed = False
        self.ready: wc.Component | None = None
        if any(item.name.startswith("wasi:clocks/monotonic-clock@") for item in info.imports):
            self.ready = compile_ready(engine.handle)
        names = {item.name for item in info.exports}
        present = [operation for operation in Operation if export_name(operation) in names]
        for operation in present:
            given = wrong_type(self.component, engine.handle, export_name(operation))
            if given is not None:
                self.faults[operation] = given
        self.operations = frozenset(present) - self.faults.keys()
        self._prove_linked()

    def open_store(self, limits: Limits) -> wasmtime.Store:
        """Make a store under these limits; whoever asked closes it."""
        store = wasmtime.Store(self.engine.handle)
        store.set_limits(
            memory_size=limits.memory,
            table_elements=limits.table_elements,
            instances=_CORE_INSTANCES,
            tables=_TABLES,
            memories=_MEMORIES,
        )
        return store

    def require_open(self) -> None:
        """Raise SetupError when the component or its engine was closed."""
        if self._closed or not self.engine.address:
            raise inherited() if self.engine.inherited else closed()

    def close(self) -> None:
        """Free the compiled component; calling again does nothing."""
        if not self._closed and not self.engine.inherited:
            self._closed = True
            self.component.close()
            if self.ready is not None:
                self.ready.close()

    def _compile(self, data: bytes, cache: CompileCache | None) -> wc.Component:
        if cache is None:
            return self._compiled(data)
        return cache.obtain(
            data,
            f"component {self.engine.identity}",
            load=lambda path: deserialized(wc.Component, self.engine.handle, path),
            make=lambda: self._compiled(data),
            serialize=lambda component: bytes(component.serialize()),
        )

    def _compiled(self, data: bytes) -> wc.Component:
        try:
            return wc.Component(self.engine.handle, data)
        except wasmtime.WasmtimeError as error:
            raise compile_failure(str(error)) from None

    def _prove_linked(self) -> None:
        """Let wasmtime compare the imports' types; without fuel and memory no code of the guest runs."""
        surroundings = Surroundings(self.info, self.engine.handle, None)
        store = wasmtime.Store(self.engine.handle)
        store.set_limits(memory_size=0)
        store.set_wasi(wasmtime.WasiConfig())
        store.set_fuel(0)
        try:
            surroundings.linker.instantiate(store, self.component)
        except wasmtime.WasmtimeError as error:
            if NOT_LINKED in str(error):
                self.close()
                raise link_failure(str(error)) from None
        finally:
            store.close()
            surroundings.close()


def _missing(names: tuple[str, ...]) -> LoadFailure:
    shown = [printable(name)[:200] for name in names[:20]]
    if len(names) > 20:
        shown.append(f"… and {len(names) - 20:,} more")
    return LoadFailure(
        f"the component imports what nobody provides: {shown[0]}",
        step="link",
        detail="missing-import",
        expected="imports of WASI 0.2, all of it but wasi:http",
        got=", ".join(shown),
        hint="build the component for pytest-mockforge's own WIT world, which imports nothing",
    )
