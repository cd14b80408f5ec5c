"""The instructions of the two wrappers, both (i32, i32) -> (i32, i32). Knows opcodes; not modules or sections."""

from __future__ import annotations

from typing import Literal

from pytest_mockforge.runtimes.wasm.adapt_scratch import Allocator, ShadowStack
from pytest_mockforge.runtimes.wasm.adapt_sections import signed, unsigned

Packing = Literal["pointer-high", "length-high"]
"""Which half of a packed i64 holds what."""

_LOAD_BOTH = bytes.fromhex("20 02  28 02 00  20 02  28 02 04")  # i32.load of local 2, i32.load offset=4 of local 2
_END = b"\x0b"


def splits_packed(target: int, packing: Packing) -> bytes:
    """Call a function of type (i32, i32) -> (i64) and split what it returns."""
    call = bytes.fromhex("01 01 7e  20 00  20 01  10") + unsigned(target)  # one i64 local; call(address, length)
    high, low = bytes.fromhex("42 20 88 a7"), bytes.fromhex("a7")  # i64.const 32, i64.shr_u, i32.wrap_i64
    first, second = (high, low) if packing == "pointer-high" else (low, high)
    return call + bytes.fromhex("22 02") + first + bytes.fromhex("20 02") + second + _END


def reads_back(target: int, scratch: ShadowStack | Allocator) -> bytes:
    """Call a function of type (i32, i32, i32) -> () with memory of `scratch`, and read what it wrote there."""
    call = bytes.fromhex("20 02  20 00  20 01  10") + unsigned(target)  # call(out, address, length)
    return _on_the_stack(call, scratch) if isinstance(scratch, ShadowStack) else _allocated(call, scratch)


def _on_the_stack(call: bytes, stack: ShadowStack) -> bytes:
    pointer = unsigned(stack.index)
    if stack.base is None:
        lowered = b"\x23" + pointer + bytes.fromhex("41 10 6b")  # global.get sp, i32.const 16, i32.sub
    else:
        lowered = b"\x41" + signed(_as_signed((stack.base & ~15) - 16))
    frame = bytes.fromhex("01 01 7f") + lowered + bytes.fromhex("22 02 24") + pointer  # local.tee 2, global.set sp
    raised = bytes.fromhex("20 02 41 10 6a 24") + pointer  # local.get 2, i32.const 16, i32.add, global.set sp
    return frame + call + raised + _LOAD_BOTH + _END


def _allocated(call: bytes, allocator: Allocator) -> bytes:
    # i32.const 8, call allocate, local.tee 2, i32.eqz, if, unreachable, end
    reserve = bytes.fromhex("41 08 10") + unsigned(allocator.allocate) + bytes.fromhex("22 02 45 04 40 00 0b")
    release = b""
    if allocator.release is not None:
        size = bytes.fromhex("41 08") if allocator.release_takes_size else b""
        release = bytes.fromhex("20 02") + size + b"\x10" + unsigned(allocator.release)
    # local.set 4, local.set 3: both are read before the memory goes back.
    read = _LOAD_BOTH + bytes.fromhex("21 04 21 03")
    return bytes.fromhex("01 03 7f") + reserve + call + read + release + bytes.fromhex("20 03 20 04") + _END


def _as_signed(value: int) -> int:
    return value - (1 << 32) if value >= 1 << 31 else value
