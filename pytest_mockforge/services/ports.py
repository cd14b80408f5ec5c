"""Ports of loopback: a free one, and on Linux whose process listens on one.

Knows nothing of services; elsewhere than on Linux it says that it cannot tell.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from typing import Literal

LOOPBACK = "127.0.0.1"

Holder = Literal["own", "stranger", "unknown"]

_LISTENING = "0A"
# The order in which the kernel prefers sockets for a connection to 127.0.0.1, as /proc/net writes addresses.
_ADDRESSES = ("0100007F", "00000000", "0000000000000000FFFF00000100007F", "00000000000000000000000000000000")
_SOCKET = re.compile(r"socket:\[([0-9]+)\]")


def free_port() -> int:
    """Give a port of 127.0.0.1 on which nobody listens now. It is not held: another process may take it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


def is_taken(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether somebody takes connections there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as asking:
            asking.settimeout(0.2)
            return asking.connect_ex((host, port)) == 0
    except OSError:
        return False


def holder_of(port: int, processes: list[int]) -> Holder:
    """Tell whether one of these processes answers on 127.0.0.1 at that port.

    `stranger` is another process of this user. A socket of another user's is `unknown`: it may pass on to a container.
    """
    rows = [row for row in _listening() if row[1] == port and row[0] in _ADDRESSES]
    if not rows:
        return "unknown"
    best = min(_ADDRESSES.index(row[0]) for row in rows)
    nearest = [row for row in rows if _ADDRESSES.index(row[0]) == best]
    held = _sockets_of(processes)
    if any(inode in held for _, _, _, inode in nearest):
        return "own"
    return "stranger" if all(user == os.getuid() for _, _, user, _ in nearest) else "unknown"


def ports_of(processes: list[int]) -> list[int]:
    """Give the ports on which these processes listen, as far as that can be told."""
    held = _sockets_of(processes)
    return sorted({port for _, port, _, inode in _listening() if inode in held})


def _listening() -> list[tuple[str, int, int, str]]:
    """Read address, port, user and inode of each listening TCP socket."""
    rows = []
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as file:
                lines = file.read().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 9 and fields[3] == _LISTENING:
                address, _, port = fields[1].partition(":")
                rows.append((address, int(port, 16), int(fields[7]), fields[9]))
    return rows


def _sockets_of(processes: list[int]) -> set[str]:
    inodes = set()
    for process in processes:
        # It may have ended, or close what is being looked at.
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{process}/fd"):
                with contextlib.suppress(OSError):
                    if match := _SOCKET.match(os.readlink(f"/proc/{process}/fd/{descriptor}")):
                        inodes.add(match[1])
    return inodes
