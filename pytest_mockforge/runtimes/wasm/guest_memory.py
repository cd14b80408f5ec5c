"""The memory of a guest that is calling its host: every read and write is checked first.

Addresses and lengths count as unsigned 32-bit numbers, whatever sign they come with. It knows nothing of what the bytes
mean.
"""

from __future__ import annotations

import ctypes

from pytest_mockforge.errors import AbiFailure
from pytest_mockforge.runtimes.wasm import capi

_MASK = 0xFFFF_FFFF
MINUS_ONE = _MASK
"""As unsigned, which is what C and `memory.grow` give where they fail."""
SIGN = 0x8000_0000
"""From here on an address or a length is negative, as MockForge has it."""


class GuestMemory:
    """The memory that the module exports as 'memory'; of no bytes where it exports none.

    Holds no pointer into it from one call to the next, as memory moves when it grows.
    """

    __slots__ = ("_context", "_extern", "_memory", "_native")

    def __init__(self, native: capi.Native) -> None:
        self._native = native
        self._context: int | None = None
        self._memory = 0
        self._extern: ctypes.Structure | None = None

    @property
    def attached(self) -> bool:
        """True once it was looked for in an instance."""
        return self._context is not None

    def attach(self, caller: int, context: int, name: str | None) -> None:
        """Find the memory through the caller, which also works while the start function runs."""
        self._context = context
        if name is None:
            return
        extern, raw = capi.new_extern(), name.encode()
        found = self._native.caller_export_get(caller, raw, len(raw), ctypes.addressof(extern))
        if found and extern.kind == capi.EXTERN_MEMORY:
            self._extern = extern
            self._memory = capi.extern_payload(extern)

    @property
    def size(self) -> int:
        """Bytes of memory now."""
        return int(self._native.memory_size(self._context, self._memory)) if self._memory else 0

    def read(self, address: int, length: int) -> bytes:
        """Copy bytes out. Raises AbiFailure (`pointer-outside-memory`) when they do not all lie in memory."""
        place = self._place(address, length)
        return ctypes.string_at(place, length & _MASK) if length & _MASK else b""

    def write(self, address: int, data: bytes) -> None:
        """Copy bytes in. Raises AbiFailure as `read` does, and then writes nothing."""
        place = self._place(address, len(data))
        if data:
            ctypes.memmove(place, data, len(data))

    def check(self, address: int, length: int) -> None:
        """Raise AbiFailure unless all of these bytes lie in memory."""
        self._place(address, length)

    def read_text(self, address: int, length: int) -> str:
        """Read UTF-8; what is none becomes a replacement character."""
        return self.read(address, length).decode("utf-8", "replace")

    def read_u32(self, address: int) -> int:
        """Read four bytes, least significant first."""
        return int.from_bytes(self.read(address, 4), "little")

    def write_u32(self, address: int, value: int) -> None:
        """Write four bytes, least significant first."""
        self.write(address, (value & _MASK).to_bytes(4, "little"))

    def write_u64(self, address: int, value: int) -> None:
        """Write eight bytes, least significant first."""
        self.write(address, (value & (2**64 - 1)).to_bytes(8, "little"))

    def _place(self, address: int, length: int) -> int:
        address, length = address & _MASK, length & _MASK
        size = self._native.memory_size(self._context, self._memory) if self._memory else 0
        if address + length > size:
            raise AbiFailure(
                "the guest pointed a host function outside its memory",
                detail="pointer-outside-memory",
                expected=f"bytes within the {size:,} of its memory",
                got=f"{length:,} bytes at {address:#x}",
                hint="pass the address of a buffer that exists, and its length in bytes",
            )
        return int(self._native.memory_data(self._context, self._memory)) + address if self._memory else 0


def beyond(address: int, length: int, size: int) -> str:
    """Give the word for how a buffer lies outside a memory of `size` bytes: it tells where the mistake is."""
    if address == MINUS_ONE:
        return "minus-one"
    if address + length > 2**32:
        return "wraps-around"
    if address >= SIGN:
        return "negative-pointer"
    if address >= size:
        return "pointer-behind-the-end"
    if address + length == size + 1:
        return "one-byte-too-long"
    return "longer-than-memory" if length > size else "crosses-the-end"
