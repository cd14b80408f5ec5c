"""Requests broken on the wire: what each family does to the bytes, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from pytest_mockforge.contract.dialects import dialect_named
from pytest_mockforge.contract.json_text import parse
from pytest_mockforge.contract.requests import RequestBuilder
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.fuzz.wire import FAMILIES, WireCase, mutated

BUILD = RequestBuilder()
HOST = dialect_named("host")
PAYLOAD = HOST.encode(BUILD.auth(query={"token": "ключ\\-🔑", "q": 'a"b/c'}))
OTHERS = (HOST.encode(BUILD.template("upper", "abc")), HOST.encode(BUILD.query("SELECT 1", parameters={"a": [1]})))
some = settings(max_examples=40, database=None, derandomize=True, deadline=None, suppress_health_check=[*HealthCheck])
search = settings(max_examples=5000, database=None, derandomize=True)

BROKEN: dict[str, Callable[[bytes], bool]] = {
    "zero-length": lambda payload: payload == b"",
    "truncated": lambda payload: PAYLOAD.startswith(payload) and 0 < len(payload) < len(PAYLOAD),
    "bit-flipped": lambda payload: len(payload) == len(PAYLOAD) and payload != PAYLOAD,
    "spliced": lambda payload: len(payload) <= 2 * max(map(len, (PAYLOAD, *OTHERS))),
    "invalid-utf8": lambda payload: "utf-8" in str(parse(payload).host_message),
    "bom": lambda payload: parse(payload).host_message is not None,
    "trailing-bytes": lambda payload: payload.startswith(PAYLOAD) and parse(payload).host_message is not None,
    "duplicate-keys": lambda payload: [one.kind for one in parse(payload).violations] == ["duplicate-key"],
    "lone-surrogate": lambda payload: "surrogate" in str(parse(payload).host_message) or "hex" in str(parse(payload)),
    "missing-key": lambda payload: parse(payload).ok and payload.count(b":") < PAYLOAD.count(b":"),
    "wrong-type": lambda payload: parse(payload).ok,
    "too-deep": lambda payload: not parse(payload).ok,
    "maximum-size": lambda payload: parse(payload).ok and len(payload) >= 2**16 - 1,
    "other-operation": lambda payload: payload in OTHERS,
}


def test_each_family_is_tested_here() -> None:
    same = {name for name, mutation in FAMILIES.items() if mutation.keeps_meaning}
    assert same == {"reordered-keys", "escaped-text", "white-space"}
    assert same | BROKEN.keys() == FAMILIES.keys()


@pytest.mark.parametrize("family", BROKEN)
def test_a_family_breaks_what_it_says(family: str) -> None:
    @some
    @given(mutated(PAYLOAD, OTHERS, families=[family]))
    def judge(case: WireCase) -> None:
        assert case.family == family
        assert BROKEN[family](case.payload)

    judge()


@pytest.mark.parametrize("family", ["reordered-keys", "escaped-text", "white-space"])
def test_a_family_that_keeps_the_meaning_changes_the_bytes_alone(family: str) -> None:
    @some
    @given(mutated(PAYLOAD, OTHERS, families=[family]))
    def judge(case: WireCase) -> None:
        assert json.loads(case.payload) == json.loads(PAYLOAD)
        assert parse(case.payload).violations == ()

    judge()
    changed = find(mutated(PAYLOAD, families=[family]), lambda case: case.payload != PAYLOAD, settings=search)
    assert changed.family == family


def test_keys_are_reordered_in_every_object() -> None:
    case = find(mutated(PAYLOAD, families=["reordered-keys"]), lambda _: True, settings=search)
    text = case.payload.decode()
    assert text.startswith('{"user_agent":')
    assert text.index('"version"') < text.index('"timeout_ms"')


@pytest.mark.parametrize("size", [2**16 - 1, 2**16, 2**16 + 1, 2**20, 2**20 + 1])
def test_a_request_grows_to_the_byte(size: int) -> None:
    strategy = mutated(PAYLOAD, families=["maximum-size"]).map(lambda case: len(case.payload))
    assert find(strategy, lambda length: length == size, settings=search) == size


def test_all_families_are_drawn_by_default() -> None:
    seen: set[str] = set()

    @settings(some, max_examples=400)
    @given(mutated(PAYLOAD, OTHERS))
    def gather(case: WireCase) -> None:
        seen.add(case.family)

    gather()
    assert seen == FAMILIES.keys()


def test_a_payload_that_is_no_json_has_the_families_of_bytes() -> None:
    seen: set[str] = set()

    @settings(some, max_examples=200)
    @given(mutated(b"\x0a\x03abc"))
    def gather(case: WireCase) -> None:
        seen.add(case.family)

    gather()
    assert seen == {"zero-length", "truncated", "bit-flipped", "spliced", "invalid-utf8", "bom", "trailing-bytes"}


def test_the_host_can_send_a_module_what_is_only_large() -> None:
    assert [name for name, mutation in FAMILIES.items() if mutation.host_can_send] == ["maximum-size"]


def test_mutations_follow_requests_that_are_drawn() -> None:
    from pytest_mockforge import strategies

    drawn = strategies.auth_requests().map(HOST.encode).flatmap(lambda payload: mutated(payload, OTHERS))
    assert find(drawn, lambda case: case.family == "duplicate-keys", settings=search).payload.count(b'"context"') <= 2


def test_an_unknown_family_is_named_with_the_valid_ones() -> None:
    with pytest.raises(SettingsError, match="no wire mutation is called 'flipped'\n  hint: valid are zero-length, "):
        mutated(PAYLOAD, families=["flipped"])


def test_a_family_that_cannot_be_made_is_named() -> None:
    with pytest.raises(SettingsError, match="none of the wire mutations can be made from 2 bytes: missing-key"):
        mutated(b"[]", families=["missing-key"])


def test_shrinking_ends_at_the_plainest_mutation() -> None:
    case: WireCase = find(mutated(PAYLOAD, OTHERS), lambda _: True, settings=search)
    assert (case.family, case.payload) == ("zero-length", b"")
    assert isinstance(mutated(PAYLOAD), st.SearchStrategy)
