"""The metered engine and the plain one: configuration, compilation, and the compiled module, ready to be instantiated.

Owns `wasmtime` together with `capi`. One engine serves all modules of a process that ask for the same stack size.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from ctypes import c_void_p
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import wasmtime

from pytest_mockforge.errors import EngineError, LoadFailure
from pytest_mockforge.runtimes.base import closed, inherited
from pytest_mockforge.runtimes.wasm import capi
from pytest_mockforge.runtimes.wasm.conventions import Border
from pytest_mockforge.runtimes.wasm.externs import FuncType
from pytest_mockforge.runtimes.wasm.imports import ImportSlot, import_slots
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo
from pytest_mockforge.runtimes.wasm.source_lines import SourceLines
from pytest_mockforge.runtimes.wasm.ticker import Ticker

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.wasm.cache import CompileCache

_METERED, _PLAIN = "metered-2 fuel epochs no-signal-traps fixed-memory", "plain-2 fixed-memory"
"""Name every setting that changes compiled code; part of the cache key, so change them with `_configure`."""
_NOTHING = FuncType(params=(), results=())
_INVALID = (
    ("string size out of bounds", "compile:name-too-long", "shorten the names of exports, imports and sections"),
    ("not enabled", "compile:proposal-off", None),
    ("disabled", "compile:proposal-off", None),
    ("type mismatch", "compile:type-mismatch", None),
    ("", "compile", None),
)
"""Part of what wasmtime says, the detail, and the mend where it is not that of a proposal."""
_ENOUGH = 1000
"""Units of fuel for the echo."""
# (i32, i32) -> (i32, i32), answering its arguments in reverse.
_ECHO = bytes.fromhex("0061736d0100000001080160027f7f027f7f03020100070501016500000a08010600200120000b")


class Engine:
    """wasmtime with fuel, epochs and no signal handlers; or, not metered, as wasmtime comes and MockForge uses it.

    Without signal handlers a trap survives faulthandler, which pytest enables after the engine was made. The plain one
    has them, and nothing that ends a guest: it belongs into a process of its own, where no pytest runs.
    """

    def __init__(self, stack: int, *, metered: bool = True) -> None:
        self.native = capi.native()
        self.stack = stack
        self.metered = metered
        self._engine = wasmtime.Engine(self._configure(stack))
        self.address = capi.pointer_value(self._engine.ptr())
        self.ticker = Ticker(lambda: self.native.increment_epoch(self.address))
        self.inherited = False
        """True in a process that was forked off: the ticker stayed behind, so nothing would end a guest."""

    @property
    def handle(self) -> wasmtime.Engine:
        """wasmtime's own engine, for what is compiled elsewhere: components."""
        return self._engine

    @property
    def identity(self) -> str:
        """All that compiled code depends on, for the key of a cache."""
        return f"{capi.VERSION} {_METERED if self.metered else _PLAIN} stack={self.stack}"

    def _configure(self, stack: int) -> wasmtime.Config:
        config = wasmtime.Config()
        config.max_wasm_stack = stack
        if _left_behind:
            # The threads that compile stayed behind as well, and wasmtime would wait for them.
            config.parallel_compilation = False
        library, address = self.native.library, capi.pointer_value(config.ptr())
        # None moves in the 4 GiB that wasmtime sets aside for each, which calls rely on: they ask once where it begins.
        library.wasmtime_config_memory_may_move_set(address, False)
        if not self.metered:
            return config
        config.consume_fuel = True
        config.epoch_interruption = True
        library.wasmtime_config_signals_based_traps_set(address, False)
        return config

    def compile(self, data: bytes, cache: CompileCache | None = None) -> wasmtime.Module:
        """Compile, or take from the cache. Raises LoadFailure(step='compile') with wasmtime's reason."""
        if cache is None:
            return self._compiled(data)
        return cache.obtain(
            data,
            self.identity,
            load=lambda path: deserialized(wasmtime.Module, self._engine, path),
            make=lambda: self._compiled(data),
            serialize=lambda module: bytes(module.serialize()),
        )

    def _compiled(self, data: bytes) -> wasmtime.Module:
        try:
            return wasmtime.Module(self._engine, data)
        except wasmtime.WasmtimeError as error:
            message = capi.printable(_compile_message(str(error)))
            detail, hint = next((detail, hint) for said, detail, hint in _INVALID if said in message)
            raise LoadFailure(message, step="compile", detail=detail, hint=hint) from None

    def close(self) -> None:
        """Stop the ticker and free the engine."""
        self.ticker.close()
        self.address = 0
        self._engine.close()


class CompiledModule:
    """A module linked once and ready to be instantiated many times.

    Its imported functions lead to `host_calls`; one whose values are not plain numbers is a trap that names itself.
    """

    def __init__(
        self,
        engine: Engine,
        info: ModuleInfo,
        data: bytes,
        border: Border,
        cache: CompileCache | None,
        folder: Path | None = None,
        before: bytes | None = None,
    ) -> None:
        """Compile and link; a source map may lie in `folder`, and tells of the module `before` it was adapted.

        Raises LoadFailure with step 'compile' or 'link'.
        """
        self.engine = engine
        self.info = info
        self.border = border
        self.source_lines = SourceLines(data, folder, before)
        self.initializer = next(
            (export.name for export in info.exports if export.name == "_initialize" and export.signature == _NOTHING),
            None,
        )
        self.imports: tuple[ImportSlot, ...] = ()
        """The imported functions that `host_calls` answers."""
        if any(imported.kind == "function" for imported in info.imports):
            from pytest_mockforge.runtimes.wasm.catalogue import built_in

            self.imports = import_slots(info, built_in())
        self.spare_slots: list[capi.Slots] = []
        """Of instances that are gone, for the next ones: making new ones is a fifth of what an instance costs."""
        self._module = engine.compile(data, cache)
        self.prepared = self._prepare()

    def _prepare(self) -> int:
        library = self.engine.native.library
        module = capi.pointer_value(self._module.ptr())
        linker = library.wasmtime_linker_new(self.engine.address)
        prepared = c_void_p()
        try:
            error = self._define_imports(linker)
            if not error:
                error = library.wasmtime_linker_define_unknown_imports_as_traps(linker, module)
            if not error:
                error = library.wasmtime_linker_instantiate_pre(linker, module, ctypes.addressof(prepared))
            if error:
                raise LoadFailure(self.engine.native.take_error_text(error), step="link")
        finally:
            library.wasmtime_linker_delete(linker)
        return prepared.value or 0

    def require_open(self) -> None:
        """Raise SetupError when module or engine was closed, as the C API would read freed memory, or is inherited."""
        if not self.prepared or not self.engine.address:
            raise inherited() if self.engine.inherited else closed()

    def _define_imports(self, linker: int) -> int | None:
        """Lead each imported function to the one callback; give an error of wasmtime's, if any."""
        if not self.imports:
            return None
        from pytest_mockforge.runtimes.wasm.host_calls import CALLBACK

        define = self.engine.native.library.wasmtime_linker_define_func_unchecked
        for place, slot in enumerate(self.imports, start=1):
            module, name = slot.module.encode(), slot.name.encode()
            native_type = wasmtime.FuncType(_value_types(slot.type.params), _value_types(slot.type.results))
            signature = capi.pointer_value(native_type.ptr())
            error: int | None = define(linker, module, len(module), name, len(name), signature, CALLBACK, place, None)
            if error:
                return error
        return None

    def close(self) -> None:
        """Free the linked and the compiled module."""
        prepared, self.prepared = self.prepared, 0
        if prepared and not self.engine.inherited:
            self.engine.native.library.wasmtime_instance_pre_delete(prepared)
            self._module.close()


class Loadable(Protocol):
    """A module or a component of wasmtime's."""

    @classmethod
    def deserialize(cls, engine: wasmtime.Engine, encoded: bytes) -> Self:
        """Copy what `serialize` gave."""
        ...

    @classmethod
    def deserialize_file(cls, engine: wasmtime.Engine, path: str) -> Self:
        """Map a file of it into memory."""
        ...


Compiled = TypeVar("Compiled", bound=Loadable)


def deserialized(kind: type[Compiled], engine: wasmtime.Engine, path: str) -> Compiled | None:
    """Load what was compiled before; None where this engine does not take it, as it was made for another build."""
    try:
        return kind.deserialize_file(engine, path)
    except (wasmtime.WasmtimeError, UnicodeError):
        # Where programs may not be run from the file system of the cache, its files cannot be mapped as code.
        pass
    try:
        return kind.deserialize(engine, Path(path).read_bytes())
    except wasmtime.WasmtimeError:
        return None


_engines: dict[tuple[int, bool], Engine] = {}
_left_behind: list[Engine] = []
"""Engines of the process that this one was forked off. Kept, as what they hold cannot be given back here."""
_lock = threading.Lock()


def metered_engine(stack: int) -> Engine:
    """Give the engine of this stack size, made once and proved on an echo module.

    Raises EngineError when the installed wasmtime does not behave as the direct path needs.
    """
    return _engine(stack, metered=True)


def plain_engine(stack: int) -> Engine:
    """Give the engine for measuring time; only for a process that can be killed. Raises as `metered_engine` does."""
    return _engine(stack, metered=False)


def _engine(stack: int, *, metered: bool) -> Engine:
    with _lock:
        engine = _engines.get((stack, metered))
        if engine is None:
            engine = Engine(stack, metered=metered)
            _prove(engine)
            _prepare_for_the_end()
            _engines[stack, metered] = engine
        return engine


@cache
def _prepare_for_the_end() -> None:
    atexit.register(close_engines)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_leave_behind)


def _leave_behind() -> None:
    """Begin anew in a process that was forked off: a lock that another thread held would stay locked here."""
    global _lock
    _lock = threading.Lock()
    for engine in _engines.values():
        engine.inherited, engine.address = True, 0
    _left_behind.extend(_engines.values())
    _engines.clear()


def close_engines() -> None:
    """Close every engine. Left to the garbage collector at exit they print noise."""
    with _lock:
        while _engines:
            _engines.popitem()[1].close()


def _prove(engine: Engine) -> None:
    """Call an echo through the direct path: a wrong layout shows here, on two numbers and on fuel."""
    native, slots = engine.native, capi.Slots()
    store = wasmtime.Store(engine._engine)
    context = capi.pointer_value(store._context())
    place = capi.pointer(context)
    if engine.metered:
        native.quick_set_fuel(place, capi.number(_ENOUGH))
        native.quick_deadline(place, capi.number(1000))
    module = wasmtime.Module(engine._engine, _ECHO)
    instance = wasmtime.Instance(store, module, [])
    ctypes.memmove(slots.instance_address, ctypes.addressof(instance._instance), ctypes.sizeof(slots.instance))
    extern, arguments = slots.place("e")
    native.export_get(context, slots.instance_address, b"e", 1, ctypes.addressof(extern))
    slots.i32[0], slots.i32[4] = 7, 0xFFFF_FFF9
    error = native.enter(place, *arguments)
    answer = (slots.i32[0], slots.i32[4])
    native.quick_get_fuel(place, slots.fuel_place)
    metered = 0 < slots.fuel.value < _ENOUGH
    module.close()
    store.close()
    if error or slots.trap.value or answer != (0xFFFF_FFF9, 7) or metered != engine.metered:
        raise EngineError(
            f"wasmtime {capi.VERSION} failed the start-up check: an echo answered {answer}",
            hint="install a version of wasmtime that pytest-mockforge names in its requirements",
        )


def _value_types(names: tuple[str, ...]) -> list[wasmtime.ValType]:
    makers = {"i32": wasmtime.ValType.i32, "i64": wasmtime.ValType.i64}
    makers |= {"f32": wasmtime.ValType.f32, "f64": wasmtime.ValType.f64}
    return [makers[name]() for name in names]


def _compile_message(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reasons = [line for line in lines if line != "Caused by:"]
    return "the module does not compile: " + (": ".join(dict.fromkeys(reasons)) or "no reason given")
