"""What a service says it offers: standard health and server reflection. Knows the messages, not how they travel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from pytest_mockforge.proto.messages import HEALTH, METHODS, SERVICE, Fields, WireError, decode, encode, methods_in
from pytest_mockforge.runtimes.remote.grpc_ended import UNIMPLEMENTED, Ended

HEALTH_PATH = f"/{HEALTH}/Check"
_REFLECTIONS = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
_MESSAGES = "grpc.reflection.v1"
_SERVING = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")

Ask = Callable[[str, bytes], Ended]
"""Make a call, by path and message."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a service offers, as far as it tells."""

    health: str = ""
    """`SERVING`, `NOT_SERVING`, …; empty where it has no health service, or gave no answer."""
    reflection: str = ""
    """The package of its server reflection; empty where it has none, and then the rest says nothing."""
    services: tuple[str, ...] = ()
    """All services, by their full names."""
    methods: tuple[str, ...] = ()
    """What it has of the methods of `mockforge.plugin.v1.PluginService`."""

    @property
    def lacks(self) -> tuple[str, ...]:
        """The methods that reflection says are not there."""
        return tuple(name for name in METHODS.values() if name not in self.methods) if self.reflection else ()

    def __str__(self) -> str:
        """Say it in half a sentence, as a hint needs it; empty without reflection."""
        if not self.reflection:
            return ""
        if SERVICE in self.services:
            has, lacks = ", ".join(self.methods) or "no method", ", ".join(self.lacks)
            return f"its reflection offers {has}" + (f", and lacks {lacks}" if lacks else "")
        others = ", ".join(name for name in self.services if not name.startswith("grpc."))
        return f"its reflection offers {others or 'no service'}, and lacks {SERVICE}"


def explored(ask: Ask) -> Offer:
    """Ask a service what it offers; what it does not answer is left empty."""
    offer = Offer(health=serving(ask(HEALTH_PATH, b"")))
    for package in _REFLECTIONS:
        listed = _reflected(ask, package, {"list_services": "*"}, "list_services_response")
        if listed is None:
            continue
        services = tuple(str(one["name"]) for one in cast("list[Fields]", listed["service"]))
        found = _reflected(ask, package, {"file_containing_symbol": SERVICE}, "file_descriptor_response")
        files = [] if found is None else cast("Sequence[bytes]", found["file_descriptor_proto"])
        return msgspec.structs.replace(offer, reflection=package, services=services, methods=methods_in(files, SERVICE))
    return offer


def serving(ended: Ended) -> str:
    """Read the answer of the health service; empty where there is none."""
    if not ended.good:
        return ""
    try:
        status = decode(f"{HEALTH.rpartition('.')[0]}.HealthCheckResponse", ended.data)["status"]
    except WireError:
        return ""
    return _SERVING[cast("int", status)] if status in range(len(_SERVING)) else "UNKNOWN"


def healthy(ended: Ended) -> bool:
    """Tell whether that is a healthy service: one that serves, or one that answers and has no health service."""
    return serving(ended) == "SERVING" or (ended.code == UNIMPLEMENTED and ended.lost is None)


def _reflected(ask: Ask, package: str, question: Fields, wanted: str) -> Fields | None:
    data = encode(f"{_MESSAGES}.ServerReflectionRequest", question)
    ended = ask(f"/{package}.ServerReflection/ServerReflectionInfo", data)
    if not ended.good:
        return None
    try:
        return cast("Fields | None", decode(f"{_MESSAGES}.ServerReflectionResponse", ended.data).get(wanted))
    except WireError:
        return None
