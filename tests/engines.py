"""wasmtime's own engine for tests, without signal handlers.

Once a test has run pytest within, its faulthandler turns a signal trap into the end of the process.
"""

from __future__ import annotations

import ctypes

import wasmtime
from wasmtime import _ffi


def quiet_config() -> wasmtime.Config:
    """Give a configuration under which traps raise no signals."""
    config = wasmtime.Config()
    off = ctypes.CDLL(str(_ffi.filename)).wasmtime_config_signals_based_traps_set
    off.argtypes = [ctypes.c_void_p, ctypes.c_bool]
    off.restype = None
    off(ctypes.cast(config.ptr(), ctypes.c_void_p), False)
    return config
