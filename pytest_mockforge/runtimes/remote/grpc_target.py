"""Addresses of services behind gRPC. Pure; opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from pytest_mockforge.errors import SpecError
from pytest_mockforge.runtimes.remote.address import is_loopback

_FORM = "a URL such as 'grpc://127.0.0.1:50051' or 'grpcs://plugins.example.com:443'"


@dataclass(frozen=True, kw_only=True)
class GrpcTarget:
    """One service: host and port, with TLS or without."""

    host: str
    """A name, or an IP address without brackets."""
    port: int
    tls: bool

    @property
    def authority(self) -> str:
        """Host and port, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL, as messages name it."""
        return f"{'grpcs' if self.tls else 'grpc'}://{self.authority}"


def parse_target(url: str) -> GrpcTarget:
    """Take a `grpc://` or `grpcs://` URL apart.

    Raises SpecError for one that cannot be called, and for `grpc://` that leads off this machine: without TLS
    everything would be sent in the clear.
    """
    # What may hold a password stays out of the text.
    shown = "the URL of the service" if "@" in url else repr(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise SpecError(f"{shown} cannot be called: {error}", expected=_FORM) from None
    if parts.scheme not in ("grpc", "grpcs"):
        raise SpecError(f"{shown} cannot be called: its scheme is neither grpc nor grpcs", expected=_FORM)
    if "@" in parts.netloc:
        hint = "give credentials as bearer token or API key, apart from the URL"
        raise SpecError(f"{shown} cannot be called: it holds a user name or a password", expected=_FORM, hint=hint)
    if not host or any(not char.isprintable() or char == " " for char in url):
        raise SpecError(f"{shown} cannot be called: it names no host", expected=_FORM)
    if not port:
        raise SpecError(
            f"{shown} cannot be called: it names no port", expected=_FORM, hint="gRPC has no port of its own"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        hint = "gRPC has no paths: the service's name comes from plugin.proto"
        raise SpecError(f"{shown} cannot be called: there is more behind the port", expected=_FORM, hint=hint)
    target = GrpcTarget(host=host, port=port, tls=parts.scheme == "grpcs")
    if not target.tls and not is_loopback(host):
        raise SpecError(
            f"{shown} leads off this machine, and grpc:// would send everything in the clear",
            hint=f"write grpcs://{target.authority}, or start the service on 127.0.0.1",
        )
    return target
