"""Text in the formats that a JSON Schema names. Knows no schema."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_LABELS = ("a", "example", "xn--n3h", "a-b", "0", "a" * 63)
_ENDS = ("com", "test", "org", "localhost", "xn--p1ai")


def _moments() -> SearchStrategy[str]:
    offsets = st.sampled_from(("Z", "+00:00", "-00:00", "+23:59", "-12:00"))
    fractions = st.sampled_from(("", ".0", ".123", ".999999999"))
    return st.builds(
        lambda moment, fraction, offset: f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{offset}",
        _datetimes(),
        fractions,
        offsets,
    )


def _datetimes() -> SearchStrategy[object]:
    from datetime import datetime

    # Years below 1000 lose their leading zeros on some platforms.
    return st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)).map(lambda moment: moment.replace(microsecond=0))


def _dates() -> SearchStrategy[str]:
    return _moments().map(lambda moment: moment[:10])


def _times() -> SearchStrategy[str]:
    return _moments().map(lambda moment: moment[11:])


def _hosts() -> SearchStrategy[str]:
    labels = st.lists(st.sampled_from(_LABELS), max_size=3)
    return st.builds(lambda first, end: ".".join([*first, end]), labels, st.sampled_from(_ENDS))


def _emails() -> SearchStrategy[str]:
    people = st.sampled_from(("a", "alice", "a.b", "a+tag", "o'neil", "_", "a" * 64))
    return st.builds(lambda person, host: f"{person}@{host}", people, _hosts())


def _uris() -> SearchStrategy[str]:
    tails = st.sampled_from(("", "/", "/a/b", "/?a=b&c=d", "/#a", "/%00", "/../a", ":8080/", "/" + "a" * 2048))
    schemes = st.sampled_from(("https", "http"))
    return st.builds(lambda scheme, host, tail: f"{scheme}://{host}{tail}", schemes, _hosts(), tails)


def _uuids() -> SearchStrategy[str]:
    return st.one_of(st.just("00000000-0000-0000-0000-000000000000"), st.uuids().map(str))


def _addresses() -> SearchStrategy[str]:
    return st.integers(0, 2**32 - 1).map(lambda number: str(ipaddress.IPv4Address(number)))


def _long_addresses() -> SearchStrategy[str]:
    return st.integers(0, 2**128 - 1).map(lambda number: str(ipaddress.IPv6Address(number)))


FORMATS: Mapping[str, Callable[[], SearchStrategy[str]]] = {
    "date-time": _moments,
    "date": _dates,
    "time": _times,
    "email": _emails,
    "hostname": _hosts,
    "uri": _uris,
    "url": _uris,
    "uuid": _uuids,
    "ipv4": _addresses,
    "ipv6": _long_addresses,
}
