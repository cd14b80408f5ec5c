"""How a request and a reply cross a component's border: `list<u8>` in, `result<list<u8>, string>` out.

The public `Func.__call__` converts a list value by value, a microsecond a byte. This module lays the bytes into
wasmtime's array of values at once; it owns all that is unsafe there. Knows nothing of operations or policies.
"""

from __future__ import annotations

import ctypes
from ctypes import byref
from dataclasses import dataclass

from wasmtime import Engine, Store, WasmtimeError, _bindings, _ffi
from wasmtime import component as wc
from wasmtime.component import _types

_VALUE = _bindings.wasmtime_component_val_t
_SIZE, _KIND_AT, _BYTE_AT = ctypes.sizeof(_VALUE), _VALUE.kind.offset, _VALUE.of.offset
_LIST, _U8 = _ffi.WASMTIME_COMPONENT_LIST.value, _ffi.WASMTIME_COMPONENT_U8.value
EXPECTED = "func(request: list<u8>) -> result<list<u8>, string>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back: `ok` the reply, or else `error` why there is none."""

    ok: bytes | None = None
    error: str = ""


def call(function: wc.Func, store: Store, request: bytes) -> Answer:
    """Call a function whose type `wrong_type` found right. Raises WasmtimeError where the guest did not return."""
    arguments, result = (_VALUE * 1)(), _VALUE()
    _place(arguments[0], request)
    try:
        error = _bindings.wasmtime_component_func_call(
            byref(function._func), store._context(), arguments, 1, byref(result), 1
        )
        if error:
            raise WasmtimeError._from_ptr(error)
        try:
            return _take(result)
        finally:
            _bindings.wasmtime_component_val_delete(byref(result))
    finally:
        _bindings.wasmtime_component_val_delete(byref(arguments[0]))


def wrong_type(component: wc.Component, engine: Engine, name: str) -> str | None:
    """Give the type of an exported function in WIT's words where it is not the one expected, None where it is."""
    given = _function_type(component, engine, name)
    if given is None:
        return "no function"
    parameters = [_shown(type) for _, type in given.params]
    result = _shown(given.result) if given.result is not None else None
    if parameters == ["list<u8>"] and result == "result<list<u8>, string>":
        return None
    return f"func({', '.join(parameters)})" + (f" -> {result}" if result else "")


def _function_type(component: wc.Component, engine: Engine, name: str) -> wc.FuncType | None:
    # `ComponentType.exports` asks for each name by its number, which takes minutes for 100,000 of them.
    raw, kind = name.encode(), component.type
    if hasattr(_bindings, "wasmtime_component_extern_type"):
        extern = ctypes.POINTER(_bindings.wasmtime_component_extern_t)()
        if not _bindings.wasmtime_component_type_export_get(kind.ptr(), engine.ptr(), raw, len(raw), byref(extern)):
            return None
        found = _types.ComponentExtern._from_ptr(extern).ty
    else:
        item = _bindings.wasmtime_component_item_t()
        if not _bindings.wasmtime_component_type_export_get(kind.ptr(), engine.ptr(), raw, len(raw), byref(item)):
            return None
        found = _types.component_item_from_ptr(item)  # type: ignore[attr-defined]  # only before wasmtime 46
    return found if isinstance(found, wc.FuncType) else None


def _shown(type: object, depth: int = 0) -> str:
    """Write a type as WIT does, one that is no part of the expected type by its kind alone."""
    if depth < 4 and isinstance(type, wc.ListType):
        return f"list<{_shown(type.element, depth + 1)}>"
    if depth < 4 and isinstance(type, wc.ResultType):
        ok, error = ("_" if part is None else _shown(part, depth + 1) for part in (type.ok, type.err))
        return f"result<{ok}, {error}>"
    return str(type.__class__.__name__).removesuffix("Type").lower()


def _place(value: ctypes.Structure, request: bytes) -> None:
    length = len(request)
    values = _bindings.wasmtime_component_vallist_t()
    _bindings.wasmtime_component_vallist_new_uninit(byref(values), length)
    if length:
        image = bytearray(_SIZE * length)
        image[_KIND_AT::_SIZE] = bytes([_U8]) * length
        image[_BYTE_AT::_SIZE] = request
        ctypes.memmove(values.data, (ctypes.c_char * len(image)).from_buffer(image), len(image))
    value.kind = _LIST
    value.of.list = values


def _take(result: ctypes.Structure) -> Answer:
    inner = result.of.result.val.contents
    if not result.of.result.is_ok:
        text = inner.of.string
        return Answer(error=ctypes.string_at(text.data, text.size).decode("utf-8", "replace") if text.size else "")
    values = inner.of.list
    image = ctypes.string_at(values.data, values.size * _SIZE) if values.size else b""
    return Answer(ok=image[_BYTE_AT::_SIZE])
