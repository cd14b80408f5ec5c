"""A direct road to wasmtime's C API: prototypes, trap reading and a start-up self-check.

The public Python API builds each function's type again at every call; this module calls the same shared library
through ctypes with preallocated slots (see benchmarks/README.md). It owns all that is unsafe: what stands outside
it sees ints, bytes and our own errors. It knows nothing of operations or JSON.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import byref, c_bool, c_char, c_char_p, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from functools import cache, lru_cache
from importlib.metadata import version
from typing import NamedTuple, Protocol, cast

import wasmtime
from wasmtime import _bindings, _ffi  # the only place where layouts are published

from pytest_mockforge.errors import EngineError

VERSION = version("wasmtime")
VAL_SIZE = 16
"""Bytes of one `wasmtime_val_raw`."""
_LONGEST_NAME = 200
"""Characters of a function's name that are kept in a backtrace."""

HOST_CALLBACK = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, c_size_t)
"""What an import leads to: data of its definition, caller, slots of arguments and results, their count; a trap or 0."""

_PROTOTYPES: dict[str, tuple[object, tuple[object, ...]]] = {
    "wasmtime_config_signals_based_traps_set": (None, (c_void_p, c_bool)),
    "wasmtime_config_memory_may_move_set": (None, (c_void_p, c_bool)),
    "wasmtime_engine_increment_epoch": (None, (c_void_p,)),
    "wasmtime_store_new": (c_void_p, (c_void_p, c_void_p, c_void_p)),
    "wasmtime_store_delete": (None, (c_void_p,)),
    "wasmtime_store_context": (c_void_p, (c_void_p,)),
    "wasmtime_store_limiter": (None, (c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64)),
    "wasmtime_context_set_fuel": (c_void_p, (c_void_p, c_uint64)),
    "wasmtime_context_get_fuel": (c_void_p, (c_void_p, c_void_p)),
    "wasmtime_context_set_epoch_deadline": (None, (c_void_p, c_uint64)),
    "wasmtime_linker_new": (c_void_p, (c_void_p,)),
    "wasmtime_linker_delete": (None, (c_void_p,)),
    "wasmtime_linker_define_unknown_imports_as_traps": (c_void_p, (c_void_p, c_void_p)),
    "wasmtime_linker_define_func_unchecked": (
        c_void_p,
        (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, HOST_CALLBACK, c_void_p, c_void_p),
    ),
    "wasmtime_caller_context": (c_void_p, (c_void_p,)),
    "wasmtime_caller_export_get": (c_bool, (c_void_p, c_char_p, c_size_t, c_void_p)),
    "wasmtime_context_get_data": (c_void_p, (c_void_p,)),
    "wasmtime_trap_new": (c_void_p, (c_char_p, c_size_t)),
    "wasmtime_linker_define_instance": (c_void_p, (c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)),
    "wasmtime_linker_instantiate": (c_void_p, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "wasmtime_linker_instantiate_pre": (c_void_p, (c_void_p, c_void_p, c_void_p)),
    "wasmtime_instance_pre_delete": (None, (c_void_p,)),
    "wasmtime_instance_pre_instantiate": (c_void_p, (c_void_p, c_void_p, c_void_p, c_void_p)),
    "wasmtime_instance_export_get": (c_bool, (c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)),
    "wasmtime_func_call_unchecked": (c_void_p, (c_void_p, c_void_p, c_void_p, c_size_t, c_void_p)),
    "wasmtime_memory_data": (c_void_p, (c_void_p, c_void_p)),
    "wasmtime_memory_data_size": (c_size_t, (c_void_p, c_void_p)),
    "wasmtime_error_message": (None, (c_void_p, c_void_p)),
    "wasmtime_error_exit_status": (c_bool, (c_void_p, c_void_p)),
    "wasmtime_error_wasm_trace": (None, (c_void_p, c_void_p)),
    "wasmtime_error_delete": (None, (c_void_p,)),
    "wasm_trap_message": (None, (c_void_p, c_void_p)),
    "wasm_trap_trace": (None, (c_void_p, c_void_p)),
    "wasm_trap_delete": (None, (c_void_p,)),
    "wasmtime_trap_code": (c_bool, (c_void_p, c_void_p)),
    "wasmtime_frame_func_name": (c_void_p, (c_void_p,)),
    "wasm_frame_func_index": (c_uint32, (c_void_p,)),
    "wasm_frame_module_offset": (c_size_t, (c_void_p,)),
    "wasm_byte_vec_delete": (None, (c_void_p,)),
    "wasm_frame_vec_delete": (None, (c_void_p,)),
}


class Reach(Protocol):
    """Bytes from an address on; `[:n]` copies out, `.raw = …` copies in."""

    raw: bytes

    def __getitem__(self, span: slice) -> bytes: ...


_Reach = c_char * (2**31 - 1)
reach = cast("Callable[[int], Reach]", _Reach.from_address)
"""Reach as many bytes as a guest's pointers can span.

Whoever does has checked that all that is copied lies inside of the memory, and keeps nothing of it beyond the copy.
"""


@lru_cache(maxsize=256)
def number(value: int) -> object:
    """Make a u64 that `enter` and what is called `quick_…` take as it is: it is converted once and not at each call."""
    return c_uint64.from_param(value)


def pointer(address: int) -> object:
    """Make a pointer as `number` makes a u64."""
    return c_void_p.from_param(address)


def _prepared(library: ctypes.CDLL, name: str, result: type[object] | None) -> Callable[..., int | None]:
    """Bind a function a second time, for arguments of `number` and `pointer`, in the order of its prototype above."""
    function = library[name]
    function.restype = result
    return function


class Trap(NamedTuple):
    """What wasmtime says of a call that did not return."""

    code: str
    """Kebab-case trap name; `exit` for proc_exit, `import` for an import nobody provides, `error` otherwise."""
    message: str
    """The first line of wasmtime's own message."""
    backtrace: tuple[str, ...]
    offsets: tuple[int, ...] = ()
    """Of each frame, where its instruction stands in the module."""


class _Vec(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("data", c_void_p)]


class Native:
    """The bound functions, each with its own prototype so that nobody else's use of the library changes ours."""

    def __init__(self) -> None:
        # CDLL, not PyDLL: the interpreter's lock is released, so that the ticker can interrupt a guest.
        library = ctypes.CDLL(str(_ffi.filename))
        for name, (restype, argtypes) in _PROTOTYPES.items():
            try:
                function = getattr(library, name)
            except AttributeError:
                raise EngineError(
                    f"wasmtime {VERSION} lacks the symbol {name}",
                    hint="install a version of wasmtime that pytest-mockforge names in its requirements",
                ) from None
            function.restype = restype
            function.argtypes = list(argtypes)
        self.library = library
        self.store_new = library.wasmtime_store_new
        self.store_delete = library.wasmtime_store_delete
        self.store_context = library.wasmtime_store_context
        self.store_limiter = library.wasmtime_store_limiter
        self.increment_epoch = library.wasmtime_engine_increment_epoch
        self.instantiate = library.wasmtime_instance_pre_instantiate
        self.export_get = library.wasmtime_instance_export_get
        self.memory_data = library.wasmtime_memory_data
        self.memory_size = library.wasmtime_memory_data_size
        self.caller_context = library.wasmtime_caller_context
        self.caller_export_get = library.wasmtime_caller_export_get
        self.context_data = library.wasmtime_context_get_data
        self.trap_new = library.wasmtime_trap_new
        self.enter = _prepared(library, "wasmtime_func_call_unchecked", c_void_p)
        # These return at once, and need not let another thread in.
        held = ctypes.PyDLL(str(_ffi.filename))
        self.quick_set_fuel = _prepared(held, "wasmtime_context_set_fuel", c_void_p)
        self.quick_get_fuel = _prepared(held, "wasmtime_context_get_fuel", c_void_p)
        self.quick_deadline = _prepared(held, "wasmtime_context_set_epoch_deadline", None)
        self.quick_size = _prepared(held, "wasmtime_memory_data_size", c_size_t)

    def quick_enter(self) -> Callable[..., int | None]:
        """Give `enter` for a guest that cannot be interrupted: it keeps the interpreter's lock."""
        return _prepared(ctypes.PyDLL(str(_ffi.filename)), "wasmtime_func_call_unchecked", c_void_p)

    def take_trap(self, error: int | None, trap: int | None) -> Trap:
        """Read and free what a failed call left behind: an error, or else a trap."""
        return self._take_error(error) if error else self._take_trap(trap)

    def take_error_text(self, error: int) -> str:
        """Read and free an error that is no trap."""
        return self._take_error(error).message

    def _take_trap(self, trap: int | None) -> Trap:
        text, frames, code = _Vec(), _Vec(), c_uint8()
        self.library.wasm_trap_message(trap, byref(text))
        self.library.wasm_trap_trace(trap, byref(frames))
        known = self.library.wasmtime_trap_code(trap, byref(code))
        message = self._take_text(text)
        name = _trap_name(code.value) if known else "error"
        if name == "error" and "has not been defined" in message:
            name = "import"
        backtrace, offsets = self._take_frames(frames)
        self.library.wasm_trap_delete(trap)
        return Trap(name, _reason(message), backtrace, offsets)

    def _take_error(self, error: int) -> Trap:
        text, frames, status = _Vec(), _Vec(), ctypes.c_int()
        self.library.wasmtime_error_message(error, byref(text))
        exited = self.library.wasmtime_error_exit_status(error, byref(status))
        self.library.wasmtime_error_wasm_trace(error, byref(frames))
        message = self._take_text(text)
        backtrace, offsets = self._take_frames(frames)
        self.library.wasmtime_error_delete(error)
        if exited:
            return Trap("exit", f"the guest exited with status {status.value}", backtrace, offsets)
        code = "import" if "has not been defined" in message else "error"
        return Trap(code, _reason(message), backtrace, offsets)

    def _take_text(self, vec: _Vec) -> str:
        raw = ctypes.string_at(vec.data, vec.size) if vec.size else b""
        self.library.wasm_byte_vec_delete(byref(vec))
        return printable(raw.rstrip(b"\0").decode("utf-8", "replace"), keep="\n\t")

    def _take_frames(self, vec: _Vec) -> tuple[tuple[str, ...], tuple[int, ...]]:
        names, offsets = [], []
        for frame in (c_void_p * vec.size).from_address(vec.data) if vec.size else ():
            offsets.append(int(self.library.wasm_frame_module_offset(frame)))
            name = self.library.wasmtime_frame_func_name(frame)
            if name:
                view = _Vec.from_address(name)
                text = ctypes.string_at(view.data, view.size).decode("utf-8", "replace")
                names.append(printable(text)[:_LONGEST_NAME])
            else:
                names.append(f"function[{self.library.wasm_frame_func_index(frame)}]")
        self.library.wasm_frame_vec_delete(byref(vec))
        return tuple(names), tuple(offsets)


def printable(text: str, keep: str = "") -> str:
    """Escape control characters: names in a module are a stranger's text, and messages end on a terminal."""
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode() for char in text
    )


def _reason(message: str) -> str:
    """Pick the cause out of wasmtime's message, which puts the backtrace first and the cause below it."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    for line in reversed(lines):
        for mark in ("wasm trap: ", "unknown import: "):
            if mark in line:
                return line[line.index(mark) :]
    return lines[0] if lines else "no reason given"


@cache
def _trap_names() -> dict[int, str]:
    return {int(code.value): code.name.lower().replace("_", "-") for code in wasmtime.TrapCode}


def _trap_name(code: int) -> str:
    return _trap_names().get(code, f"trap-{code}")


class Slots:
    """Argument and result slots of unchecked calls, and places for what an instance exports.

    `i32[4 * n]` is slot n as u32, `i64[2 * n]` as u64. One set serves all calls of an instance, as calls of one
    store never run side by side, and then the next instance of the same module.
    """

    def __init__(self, count: int = 4) -> None:
        buffer = (c_uint8 * (VAL_SIZE * count))()
        self.i32 = (c_uint32 * (4 * count)).from_buffer(buffer)
        self.i64 = (c_uint64 * (2 * count)).from_buffer(buffer)
        self.address = ctypes.addressof(buffer)
        self.trap = c_void_p()
        self.trap_address = ctypes.addressof(self.trap)
        self.fuel = c_uint64()
        self.fuel_place = pointer(ctypes.addressof(self.fuel))
        self.instance = new_instance()
        self.instance_address = ctypes.addressof(self.instance)
        self._buffer = buffer
        self._behind = pointer(self.address), c_size_t.from_param(count), pointer(self.trap_address)
        self._externs: dict[str, tuple[ctypes.Structure, tuple[object, ...]]] = {}

    def place(self, name: str) -> tuple[ctypes.Structure, tuple[object, ...]]:
        """Give an extern to be filled, and what `Native.enter` takes behind the context to call what is in it."""
        known = self._externs.get(name)
        if known is None:
            extern = new_extern()
            known = self._externs[name] = extern, (pointer(extern_payload(extern)), *self._behind)
        return known


def new_extern() -> ctypes.Structure:
    """Give an empty `wasmtime_extern_t`, laid out as the installed version declares it."""
    extern: ctypes.Structure = _bindings.wasmtime_extern()
    return extern


def extern_payload(extern: ctypes.Structure) -> int:
    """Address of the function or memory inside an extern."""
    return ctypes.addressof(extern) + type(extern).of.offset


def new_instance() -> ctypes.Structure:
    """Give an empty `wasmtime_instance_t`."""
    instance: ctypes.Structure = _bindings.wasmtime_instance()
    return instance


EXTERN_FUNC = 0
EXTERN_MEMORY = 3


def pointer_value(pointer: object) -> int:
    """Turn a ctypes pointer of wasmtime's own into a plain address."""
    return ctypes.cast(pointer, c_void_p).value or 0  # type: ignore[arg-type]  # any ctypes pointer


@cache
def native() -> Native:
    """Bind the library once and prove on an echo module that layouts and signatures are what we think.

    Raises EngineError when they are not: an unchecked call through a wrong layout would crash the process.
    """
    if ctypes.sizeof(_bindings.wasmtime_val_raw) != VAL_SIZE:
        raise EngineError(
            f"wasmtime {VERSION} lays out raw values in {ctypes.sizeof(_bindings.wasmtime_val_raw)} bytes",
            hint="install a version of wasmtime that pytest-mockforge names in its requirements",
        )
    return Native()


__all__ = [
    "EXTERN_FUNC",
    "EXTERN_MEMORY",
    "HOST_CALLBACK",
    "VERSION",
    "Native",
    "Slots",
    "Trap",
    "extern_payload",
    "native",
    "new_extern",
    "new_instance",
    "number",
    "pointer",
    "pointer_value",
    "printable",
    "reach",
]
