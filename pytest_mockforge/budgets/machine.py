"""The machine that figures are taken on: time compares on one machine alone. Reads the system; knows no figures."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One machine."""

    identity: str
    """A digest that tells this machine from others, and tells nothing else of it: no name, no address."""
    cpu: str
    """What the processor calls itself."""
    cores: int
    """Cores that this process may use."""
    architecture: str
    system: str
    """The operating system and its release."""


@cache
def this_machine() -> Machine:
    """Look at the machine that we run on."""
    cpu = _cpu()
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    # Two containers of one image share the id, two of one host the processor; only together do they tell.
    telling = (platform.node(), _read("/etc/machine-id").strip(), cpu, str(cores), platform.machine())
    return Machine(
        identity=hashlib.sha256("\0".join(telling).encode("utf-8", "replace")).hexdigest()[:16],
        cpu=cpu,
        cores=cores,
        architecture=platform.machine(),
        system=f"{platform.system()} {platform.release()}",
    )


def _cpu() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Hardware", "Processor") and value.strip():
            return " ".join(value.split())
    return platform.processor() or platform.machine()


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""
