"""WASI preview 1's descriptors, paths and sockets: three standard streams, and nothing else in the world.

Standard input is empty, standard output and error are captured. No directory is opened beforehand, so no path leads
anywhere; each one that a guest tries is recorded all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from pytest_mockforge.runtimes.wasm.guest_memory import GuestMemory
from pytest_mockforge.runtimes.wasm.imports import Environment, HostFunction
from pytest_mockforge.runtimes.wasm.wasi_abi import MOST_VECTORS, Errno, wasi_function

_STDIN = 0
_CHARACTER_DEVICE = 2
_LONGEST_PATH = 4_096
_CAN_READ, _CAN_WRITE, _CAN_STAT, _CAN_POLL = 1 << 1, 1 << 6, 1 << 21, 1 << 27
_VECTOR = struct.Struct("<II")
_U32 = 2**32


def _fd_write(memory: GuestMemory, environment: Environment, fd: int, vectors: int, count: int, out: int) -> Errno:
    """Keep what still fits; what does not is counted and never copied, be it gigabytes."""
    if fd not in environment.descriptors:
        return Errno.BADF
    if fd == _STDIN:
        return Errno.NOTCAPABLE
    memory.check(out, 4)
    buffers = _buffers(memory, vectors, count)
    total = sum(length for _, length in buffers or ())
    if buffers is None or total >= _U32:
        return Errno.INVAL
    for address, length in buffers:
        kept = min(length, environment.output.room)
        environment.output.add(memory.read(address, kept), dropped=length - kept)
    memory.write_u32(out, total)
    return Errno.SUCCESS


def _fd_read(memory: GuestMemory, environment: Environment, fd: int, vectors: int, count: int, out: int) -> Errno:
    if fd not in environment.descriptors:
        return Errno.BADF
    if fd != _STDIN:
        return Errno.NOTCAPABLE
    if _buffers(memory, vectors, count) is None:
        return Errno.INVAL
    memory.write_u32(out, 0)
    return Errno.SUCCESS


def _buffers(memory: GuestMemory, vectors: int, count: int) -> list[tuple[int, int]] | None:
    """Read the list of buffers, each of which lies in memory; None when there are too many."""
    if count > MOST_VECTORS:
        return None
    buffers = list(_VECTOR.iter_unpack(memory.read(vectors, _VECTOR.size * count)))
    for address, length in buffers:
        memory.check(address, length)
    return buffers


def _fd_close(_memory: GuestMemory, environment: Environment, fd: int) -> Errno:
    if fd not in environment.descriptors:
        return Errno.BADF
    environment.descriptors.discard(fd)
    return Errno.SUCCESS


def _fd_fdstat_get(memory: GuestMemory, environment: Environment, fd: int, out: int) -> Errno:
    if fd not in environment.descriptors:
        return Errno.BADF
    rights = (_CAN_READ if fd == _STDIN else _CAN_WRITE) | _CAN_STAT | _CAN_POLL
    memory.write(out, struct.pack("<BxHxxxxQQ", _CHARACTER_DEVICE, 0, rights, 0))
    return Errno.SUCCESS


def _fd_filestat_get(memory: GuestMemory, environment: Environment, fd: int, out: int) -> Errno:
    if fd not in environment.descriptors:
        return Errno.BADF
    memory.write(out, struct.pack("<QQB7xQQQQQ", 0, 0, _CHARACTER_DEVICE, 1, 0, 0, 0, 0))
    return Errno.SUCCESS


def _fd_renumber(_memory: GuestMemory, environment: Environment, fd: int, to: int) -> Errno:
    return Errno.NOTSUP if {fd, to} <= environment.descriptors else Errno.BADF


def _no_preopen(_memory: GuestMemory, _environment: Environment, *_arguments: int) -> Errno:
    return Errno.BADF


def _on_stream(answer: Errno) -> Callable[..., Errno]:
    """Give the function that answers so for an open descriptor, its first argument."""

    def call(_memory: GuestMemory, environment: Environment, fd: int, *_arguments: int) -> Errno:
        return answer if fd in environment.descriptors else Errno.BADF

    return call


def _on_path(*places: tuple[int | None, int, int]) -> Callable[..., Errno]:
    """Give the function that refuses paths; of each, where its directory, pointer and length stand."""

    def call(memory: GuestMemory, environment: Environment, *arguments: int) -> Errno:
        paths = []
        for _, address, length in places:
            memory.check(arguments[address], arguments[length])
            paths.append(memory.read(arguments[address], min(arguments[length], _LONGEST_PATH)))
        environment.note(", ".join(path.decode("utf-8", "backslashreplace") for path in paths))
        if any(arguments[length] > _LONGEST_PATH for _, _, length in places):
            return Errno.NAMETOOLONG
        if any(fd is not None and arguments[fd] not in environment.descriptors for fd, _, _ in places):
            return Errno.BADF
        return Errno.NOTCAPABLE

    return call


_STREAMS: tuple[tuple[str, str, Errno], ...] = (
    ("fd_advise", "iIIi", Errno.SPIPE),
    ("fd_allocate", "iII", Errno.NOTCAPABLE),
    ("fd_datasync", "i", Errno.SUCCESS),
    ("fd_fdstat_set_flags", "ii", Errno.SUCCESS),
    ("fd_fdstat_set_rights", "iII", Errno.NOTCAPABLE),
    ("fd_filestat_set_size", "iI", Errno.NOTCAPABLE),
    ("fd_filestat_set_times", "iIIi", Errno.NOTCAPABLE),
    ("fd_pread", "iiiIi", Errno.SPIPE),
    ("fd_pwrite", "iiiIi", Errno.SPIPE),
    ("fd_readdir", "iiiIi", Errno.NOTDIR),
    ("fd_seek", "iIii", Errno.SPIPE),
    ("fd_sync", "i", Errno.SUCCESS),
    ("fd_tell", "ii", Errno.SPIPE),
    ("sock_accept", "iii", Errno.NOTSOCK),
    ("sock_recv", "iiiiii", Errno.NOTSOCK),
    ("sock_send", "iiiii", Errno.NOTSOCK),
    ("sock_shutdown", "ii", Errno.NOTSOCK),
)
_PATHS: tuple[tuple[str, str, tuple[tuple[int | None, int, int], ...]], ...] = (
    ("path_create_directory", "iii", ((0, 1, 2),)),
    ("path_filestat_get", "iiiii", ((0, 2, 3),)),
    ("path_filestat_set_times", "iiiiIIi", ((0, 2, 3),)),
    ("path_link", "iiiiiii", ((0, 2, 3), (4, 5, 6))),
    ("path_open", "iiiiiIIii", ((0, 2, 3),)),
    ("path_readlink", "iiiiii", ((0, 1, 2),)),
    ("path_remove_directory", "iii", ((0, 1, 2),)),
    ("path_rename", "iiiiii", ((0, 1, 2), (3, 4, 5))),
    ("path_symlink", "iiiii", ((None, 0, 1), (2, 3, 4))),
    ("path_unlink_file", "iii", ((0, 1, 2),)),
)

FUNCTIONS: tuple[HostFunction, ...] = (
    wasi_function("fd_write", "iiii", _fd_write),
    wasi_function("fd_read", "iiii", _fd_read),
    wasi_function("fd_close", "i", _fd_close),
    wasi_function("fd_fdstat_get", "ii", _fd_fdstat_get),
    wasi_function("fd_filestat_get", "ii", _fd_filestat_get),
    wasi_function("fd_renumber", "ii", _fd_renumber),
    wasi_function("fd_prestat_get", "ii", _no_preopen),
    wasi_function("fd_prestat_dir_name", "iii", _no_preopen),
    *(wasi_function(name, letters, _on_stream(answer)) for name, letters, answer in _STREAMS),
    *(wasi_function(name, letters, _on_path(*places)) for name, letters, places in _PATHS),
)
