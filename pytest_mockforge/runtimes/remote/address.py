"""URLs of services: taken apart, joined, and told local from far. Pure; knows no socket."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import quote, urljoin, urlsplit

from pytest_mockforge.documents.wording import quoted

_PORTS = {"http": 80, "https": 443}
_KEPT = "/%:@!$&'()*+,;=~?[]"
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, kw_only=True)
class Address:
    """One URL, ready to be called."""

    scheme: Literal["http", "https"]
    host: str
    """A name in ASCII, or an IP address without brackets."""
    port: int
    target: str
    """Path and query, never empty."""

    @property
    def authority(self) -> str:
        """Host and port as a Host header and an error text write them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What two URLs share that one connection can serve."""
        return self.scheme, self.host, self.port

    @property
    def local(self) -> bool:
        """True when the URL itself says loopback: `localhost`, 127.0.0.0/8, ::1."""
        return is_loopback(self.host)

    def joined(self, reference: str) -> Address:
        """Resolve what a Location header says. Raises ValueError, which says what is wrong with it."""
        return parse(urljoin(str(self), reference))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse(text: str) -> Address:
    """Take a URL apart. Raises ValueError, which never shows a password."""
    if any(not char.isprintable() or char == " " for char in text):
        raise ValueError("it holds a blank or a control character")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"its host or port cannot be read ({error})") from None
    if parts.scheme not in _PORTS:
        raise ValueError(f"its scheme is {quoted(parts.scheme)}, not http or https")
    if "@" in parts.netloc:
        raise ValueError("it holds a user name or a password")
    if port == 0:
        raise ValueError("port 0 cannot be called")
    target = quote(parts.path, safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    return Address(
        scheme=cast(Literal["http", "https"], parts.scheme),
        host=_host(parts.hostname or ""),
        port=port if port is not None else _PORTS[parts.scheme],
        target=target if target.startswith("/") else f"/{target}",
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host name or an IP address says loopback, without asking a resolver."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.removesuffix(".")
        return name == "localhost" or name.endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _host(host: str) -> str:
    if not host:
        raise ValueError("it has no host")
    if ":" in host:
        return host
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{quoted(host)} is no host name")
    return name
