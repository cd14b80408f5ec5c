"""Bytes that no good peer sends: requests broken on the wire, by families with stable names.

Each family says whether MockForge's host can send it to a module at all, and whether the request still means the same.
Knows no operation: a payload is bytes, and JSON where a family needs that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from hypothesis import strategies as st

from pytest_mockforge.contract.json_text import Json, dump, parse
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.fuzz import rewritten
from pytest_mockforge.fuzz.values import pick

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Others: TypeAlias = Sequence[bytes]
Build: TypeAlias = Callable[[bytes, Others], "SearchStrategy[bytes]"]


class WireCase(msgspec.Struct, frozen=True, kw_only=True):
    """One mutated payload, and the family that made it."""

    payload: bytes
    family: str


class Mutation(msgspec.Struct, frozen=True, kw_only=True):
    """One family of mutations.

    `host_can_send` tells whether MockForge's host could send such bytes to a module: it writes one compact object of
    the operation's own keys, sorted, in UTF-8 (contract 1.1), so nearly none. `keeps_meaning` tells that a good reader
    finds the same request. `needs` is what the family is made from: any bytes, a JSON object, or another payload.
    """

    family: str
    build: Build
    host_can_send: bool = False
    keeps_meaning: bool = False
    needs: str = "bytes"

    def fits(self, payload: bytes, other: Others) -> bool:
        """Tell whether the family can be made from these bytes."""
        if self.needs == "other":
            return any(one != payload for one in other)
        return len(payload) > 1 if self.needs == "bytes" else _has_keys(payload)


def mutated(payload: bytes, other: Others = (), *, families: Sequence[str] | None = None) -> SearchStrategy[WireCase]:
    """Give mutations of `payload`; `other` are requests of other operations, to send instead and to splice with.

    `families` names those that are wanted, all that fit by default. Raises `SettingsError` for a name that is none, and
    where none of the wanted fits.
    """
    if families is not None:
        unknown = [name for name in families if name not in FAMILIES]
        if unknown:
            raise SettingsError(f"no wire mutation is called {unknown[0]!r}", hint=f"valid are {', '.join(FAMILIES)}")
    wanted = [FAMILIES[name] for name in (FAMILIES if families is None else families)]
    fitting = [mutation for mutation in wanted if mutation.fits(payload, other)]
    if not fitting:
        names = ", ".join(mutation.family for mutation in wanted)
        raise SettingsError(f"none of the wire mutations can be made from {len(payload)} bytes: {names}")
    return pick(fitting).flatmap(lambda mutation: _cases(mutation, payload, other))


def _cases(mutation: Mutation, payload: bytes, other: Others) -> SearchStrategy[WireCase]:
    return mutation.build(payload, other).map(lambda built: WireCase(payload=built, family=mutation.family))


@lru_cache(maxsize=16)
def _has_keys(payload: bytes) -> bool:
    value = parse(payload).value
    return isinstance(value, dict) and bool(value)


# --- any bytes --------------------------------------------------------------------------------------------------------

_BROKEN_UTF8 = (
    *(
        b"\xff",
        b"\x80",
        b"\xc0\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x8e",
        b"\xf4\x90\x80\x80",
        b"\xfe",
    ),
    *(b"\xe0\x80\xaf", b"\xf8\x88\x80\x80\x80"),
)
_TRAILERS = (
    *(
        b"\0",
        b"x",
        b"{}",
        b"null",
        b",",
        b"}",
        b"]",
        b'"',
        b"\0" * 8,
        b"\n{}",
        b"\xff",
        b"//",
        b"/**/",
        b"\x1a",
        b"\xc2\xa0",
    ),
)
_BLANKS = (b" ", b"\n", b"\t", b"\r\n", b" " * 4096)
_SIZES = (2**16 - 1, 2**16, 2**16 + 1, 2**20, 2**20 + 1)


def _truncated(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    return st.integers(1, len(payload) - 1).map(lambda length: payload[:length])


def _bit_flipped(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    bits = st.integers(0, 8 * len(payload) - 1)
    return st.lists(bits, min_size=1, max_size=4, unique=True).map(lambda flips: _flipped(payload, flips))


def _flipped(payload: bytes, flips: Sequence[int]) -> bytes:
    changed = bytearray(payload)
    for bit in flips:
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _spliced(payload: bytes, other: Others) -> SearchStrategy[bytes]:
    tails = pick([*other, payload])
    cut = st.integers(0, 1000)
    return st.builds(lambda tail, left, right: _joined(payload, tail, left, right), tails, cut, cut)


def _joined(head: bytes, tail: bytes, left: int, right: int) -> bytes:
    """Join the beginning of one payload and the end of another, cut at thousandths of their lengths."""
    return head[: len(head) * left // 1000] + tail[len(tail) * right // 1000 :]


def _invalid_utf8(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    # Within a text, where the reader goes on to the next step once it stops looking at bytes.
    places = pick(rewritten.text_places(payload) or range(len(payload)))
    return st.builds(lambda place, broken: payload[:place] + broken + payload[place:], places, pick(_BROKEN_UTF8))


def _bom(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    text = payload.decode("utf-8", "replace")
    return pick((b"\xef\xbb\xbf" + payload, text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-32")))


def _trailing(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    return pick((*(payload + tail for tail in _TRAILERS), payload + payload))


def _zero_length(_payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    return st.just(b"")


def _another(payload: bytes, other: Others) -> SearchStrategy[bytes]:
    return pick([one for one in other if one != payload])


# --- JSON -------------------------------------------------------------------------------------------------------------


def _lone_surrogate(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    escapes = pick((rb"\ud800", rb"\udc00", rb"\udfff", rb"\ud83c", rb"\udfb8\ud83c", rb"\ud800\u0041"))
    places = pick(rewritten.text_places(payload))
    return st.builds(lambda place, escape: payload[:place] + escape + payload[place:], places, escapes)


def _duplicate_keys(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    value = parse(payload).value
    places = pick([(*place, key) for place, inner in rewritten.objects(value) for key in inner])
    seconds: SearchStrategy[Json] = pick((None, "", 0, "x", True, [], {}, -1, 2**64 - 1))
    same = st.booleans()
    return st.builds(
        lambda place, second, first: rewritten.with_repeated(value, place, second, first).encode(),
        places,
        seconds,
        same,
    )


def _reordered_keys(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    value = parse(payload).value
    orders = st.one_of(st.just(-1), st.integers(1, 2**32))
    return orders.map(lambda order: rewritten.reordered(value, order).encode())


def _escaped(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    value = parse(payload).value
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: rewritten.escaped(value, every=False).encode(),
        lambda: rewritten.escaped(value, every=True).encode(),
    )
    return pick(ways).map(lambda way: way())


def _white_space(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    value = parse(payload).value
    pretty = json.dumps(value, ensure_ascii=False, indent=2).encode()
    return pick(
        (pretty, pretty.replace(b"\n", b"\r\n"), *(b + payload for b in _BLANKS), *(payload + b for b in _BLANKS))
    )


def _missing_key(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    value = parse(payload).value
    places = [(*place, key) for place, inner in rewritten.objects(value) for key in inner]
    return pick(places).map(lambda place: dump(rewritten.without(value, place)))


def _wrong_type(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    value = parse(payload).value
    places = pick([(*place, key) for place, inner in rewritten.objects(value) for key in inner])
    wrong: SearchStrategy[Json] = pick((None, 0, "", True, [], {}, -1, 1.5, 2**64 - 1, "5000", [0], {"": 0}))
    return st.builds(lambda place, new: dump(rewritten.replaced(value, place, new)), places, wrong)


def _too_deep(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    value = parse(payload).value
    places = pick([(*place, key) for place, inner in islice(rewritten.objects(value), 4) for key in inner])
    depths = pick((128, 129, 512, 10_000, 100_000))
    brackets = pick(((b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")))
    return st.builds(lambda *given: rewritten.deepened(value, *given), places, depths, brackets)


def _maximum_size(payload: bytes, _other: Others) -> SearchStrategy[bytes]:
    value = parse(payload).value
    places = pick(rewritten.free_texts(value) or [(next(iter(value)),)] if isinstance(value, dict) else [()])
    return st.builds(lambda place, size: rewritten.grown(value, place, size), places, pick(_SIZES))


_ALL = (
    Mutation(family="zero-length", build=_zero_length),
    Mutation(family="truncated", build=_truncated),
    Mutation(family="bit-flipped", build=_bit_flipped),
    Mutation(family="spliced", build=_spliced),
    Mutation(family="invalid-utf8", build=_invalid_utf8),
    Mutation(family="bom", build=_bom),
    Mutation(family="trailing-bytes", build=_trailing),
    Mutation(family="duplicate-keys", build=_duplicate_keys, needs="object"),
    Mutation(family="reordered-keys", build=_reordered_keys, needs="object", keeps_meaning=True),
    Mutation(family="escaped-text", build=_escaped, needs="object", keeps_meaning=True),
    Mutation(family="white-space", build=_white_space, needs="object", keeps_meaning=True),
    Mutation(family="lone-surrogate", build=_lone_surrogate, needs="object"),
    Mutation(family="missing-key", build=_missing_key, needs="object"),
    Mutation(family="wrong-type", build=_wrong_type, needs="object"),
    Mutation(family="too-deep", build=_too_deep, needs="object"),
    Mutation(family="maximum-size", build=_maximum_size, needs="object", host_can_send=True),
    # Each operation has an export of its own, and the host's typed calls never take another's (contract 1.3 to 1.6).
    Mutation(family="other-operation", build=_another, needs="other"),
)
FAMILIES: dict[str, Mutation] = {mutation.family: mutation for mutation in _ALL}
"""All families by name, in the order in which shrinking prefers them."""
