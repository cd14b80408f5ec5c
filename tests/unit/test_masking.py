"""The redactor: what it takes for a secret, what it leaves, and what it can bring back."""

from __future__ import annotations

import json
from base64 import b64encode
from time import perf_counter

import pytest

from pytest_mockforge.masking import Redactor, is_secret_name, named_secrets, placeholders

TOKEN = "s3cr3t-tok"
KNOWN = {"alice.token": TOKEN}


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "Set-Cookie",
        "X-API-Key",
        "api_key",
        "accessToken",
        "refresh_token",
        "token",
        "PASSWORD",
        "db_password",
        "client-secret",
        "pwd",
        "jwt",
    ],
)
def test_a_telling_name_is_known_however_it_is_written(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["uri", "user_agent", "max_tokens", "tokenizer", "author", "key", "path", "bypass"])
def test_another_name_is_left_alone(name: str) -> None:
    assert not is_secret_name(name)


# --- by name ----------------------------------------------------------------------------------------------------------


def test_what_stands_under_a_telling_name_is_masked() -> None:
    masked = Redactor().value({"query_params": {"token": "hunter22", "page": "hunter22x"}})
    assert masked == {"query_params": {"token": "~secret.1~", "page": "hunter22x"}}


def test_the_same_secret_gets_the_same_placeholder_and_another_one_another() -> None:
    masked = Redactor().value([{"token": "hunter22"}, {"password": "hunter33"}, {"jwt": "hunter22"}])
    assert masked == [{"token": "~secret.1~"}, {"password": "~secret.2~"}, {"jwt": "~secret.1~"}]


def test_the_scheme_of_an_authorization_stays() -> None:
    masked = Redactor().value({"Authorization": "Bearer abc.def.123", "authorization": "opaque-value"})
    assert masked == {"Authorization": "Bearer ~secret.1~", "authorization": "~secret.2~"}


def test_credentials_are_masked_whole_but_for_their_type_and_user() -> None:
    credentials = {"type": "basic", "token": "dTpwdw==", "data": {"username": "u-1", "password": "pw-12345"}}
    masked = Redactor().value({"credentials": credentials})
    data = {"username": "u-1", "password": "~secret.2~"}
    assert masked == {"credentials": {"type": "basic", "token": "~secret.1~", "data": data}}


def test_a_secret_in_the_query_of_a_uri_is_masked() -> None:
    assert Redactor().value({"uri": "/a?x=1&token=hunter22&y=2"}) == {"uri": "/a?x=1&token=~secret.1~&y=2"}


def test_a_number_as_a_password_is_masked_and_a_small_one_is_none() -> None:
    assert Redactor().value({"password": 12345678, "token": 7}) == {"password": "~secret.1~", "token": 7}


@pytest.mark.parametrize("value", ["", "0", "00", "aaa", "a" * 65_537, None, True])
def test_what_is_too_little_to_be_a_secret_stays_since_a_search_made_it(value: object) -> None:
    assert Redactor().value({"token": value}) == {"token": value}


def test_types_shapes_and_keys_stay() -> None:
    value = {"a": [1, 1.5, None, True, "text", {"token": "hunter22"}], "": {}, "body": [0, 255, 7, 1]}
    masked = Redactor().value(value)
    assert masked == {"a": [1, 1.5, None, True, "text", {"token": "~secret.1~"}], "": {}, "body": [0, 255, 7, 1]}


def test_a_secret_in_a_body_is_masked_also_as_base64_and_as_numbers() -> None:
    body = b'{"password":"hunter22"}'
    wanted = b'{"password":"~secret.1~"}'
    masked = Redactor().value({"sdk": b64encode(body).decode(), "proto": list(body), "plain": body})
    assert masked == {"sdk": b64encode(wanted).decode(), "proto": list(wanted), "plain": wanted}


def test_how_many_were_lost_is_told() -> None:
    redactor = Redactor(KNOWN)
    redactor.value({"token": TOKEN})
    assert redactor.lost == 0
    redactor.value({"token": "hunter22", "password": "hunter22"})
    assert redactor.lost == 1


def test_what_was_masked_once_is_masked_in_a_line_too() -> None:
    redactor = Redactor()
    redactor.value({"token": "hunter 22"})
    assert redactor.text("no user hunter 22 here") == "no user ~secret.1~ here"


# --- known ------------------------------------------------------------------------------------------------------------


def test_a_known_secret_is_masked_wherever_it_stands_and_comes_back() -> None:
    value = {"a": TOKEN, "b": f"x{TOKEN}\0", "c": [{"uri": f"/?q={TOKEN}"}], "d": f"Bearer {TOKEN}".encode()}
    redactor = Redactor(KNOWN)
    masked = redactor.value(value)
    assert TOKEN not in repr(masked)
    assert placeholders(masked) == {"alice.token"}
    assert Redactor(KNOWN).restore(masked) == value


def test_nothing_but_what_is_known_is_masked_where_the_rest_was_made_up() -> None:
    redactor = Redactor(KNOWN, by_name=False)
    assert redactor.value({"token": "eyJhbGciOiJub25lIn0.e30.", "api_key": f"{TOKEN}\0"}) == {
        "token": "eyJhbGciOiJub25lIn0.e30.",
        "api_key": "~secret.alice.token~\0",
    }


@pytest.mark.parametrize("left", [TOKEN[:-1], TOKEN[1:], f"zz{TOKEN[:8]}zz", TOKEN[:8] + "\x01", TOKEN[2:] + TOKEN[:8]])
def test_what_a_mutation_left_of_a_known_secret_is_masked_and_comes_back(left: str) -> None:
    redactor = Redactor(KNOWN, by_name=False)
    masked = redactor.value({"token": left})
    assert TOKEN[:6] not in repr(masked)
    assert "~secret.alice.token." in repr(masked)
    assert redactor.restore(masked) == {"token": left}


def test_pieces_of_a_secret_are_masked_in_bytes_that_are_no_text() -> None:
    redactor = Redactor(KNOWN, by_name=False)
    data = b'\xff\xfe{"token":"' + TOKEN[:9].encode() + b"\xc3"
    masked = redactor.data(data)
    assert masked == b'\xff\xfe{"token":"~secret.alice.token.0-9~\xc3'
    assert redactor.restore_data(masked) == data


def test_a_known_secret_is_found_form_urlencoded() -> None:
    redactor = Redactor({"zoe.token": "ключ δ+1"})
    masked = redactor.value({"uri": "/?token=%D0%BA%D0%BB%D1%8E%D1%87+%CE%B4%2B1"})
    assert masked == {"uri": "/?token=~secret.zoe.token.url~"}
    assert redactor.restore(masked) == {"uri": "/?token=%D0%BA%D0%BB%D1%8E%D1%87+%CE%B4%2B1"}


def test_a_secret_within_another_does_not_spoil_its_placeholder() -> None:
    redactor = Redactor({"a.token": "secret-token", "b.token": "token", "c.token": "secret"})
    value = ["secret-token", "a token", "secret token", "x secret-token secret"]
    masked = redactor.value(value)
    assert masked == [
        "~secret.a.token~",
        "a ~secret.b.token~",
        "~secret.c.token~ ~secret.b.token~",
        "x ~secret.a.token~ ~secret.c.token~",
    ]
    assert redactor.restore(masked) == value


def test_a_short_known_secret_is_masked_as_a_whole_value_alone() -> None:
    redactor = Redactor({"a.token": "ab"})
    assert redactor.value(["ab", "abab cab"]) == ["~secret.a.token~", "abab cab"]


def test_an_unknown_placeholder_stays() -> None:
    value = {"token": "~secret.1~", "q": "~secret.other.token~ ~secret.alice.token.x~"}
    assert Redactor(KNOWN).restore(value) == value
    assert Redactor(KNOWN).value(value) == value


def test_samples_name_their_secrets_after_themselves() -> None:
    samples: list[tuple[str, dict[str, object]]] = [
        ("A known token", {"query": {"token": "alpha", "page": "2"}}),
        ("the same again", {"query": {"token": "alpha"}}),
        ("a known token", {"query": {"token": "beta"}}),
        ("basic", {"basic": ["ann", "pw-1"], "headers": {"Authorization": "Bearer xyz-1"}}),
        ("in the uri", {"uri": "/?x=1&api_key=k%2B1"}),
    ]
    assert named_secrets(samples) == {
        "a-known-token.token": "alpha",
        "a-known-token.token-2": "beta",
        "basic.password": "pw-1",
        "basic.basic": b64encode(b"ann:pw-1").decode(),
        "basic.authorization": "xyz-1",
        "in-the-uri.api-key": "k+1",
    }


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer ~secret.1~"),
        ("authorization: opaque-1", "authorization: ~secret.1~"),
        ("Cookie: session=abc-123; a=b", "Cookie: ~secret.1~ a=b"),
        ("got Bearer abcdef123456, and", "got Bearer ~secret.1~, and"),
        ("GET /?token=hunter22&x=1", "GET /?token=~secret.1~&x=1"),
        ('{"password": "hunter 22", "x": 1}', '{"password": "~secret.1~", "x": 1}'),
        ("{'api_key': 'hunter22'}", "{'api_key': '~secret.1~'}"),
        ("see eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln there", "see ~secret.1~ there"),
        ("https://ann:pw-1234@host/", "https://ann:~secret.1~@host/"),
        (f"unknown user {TOKEN}", "unknown user ~secret.alice.token~"),
    ],
)
def test_a_line_loses_what_looks_like_a_secret(line: str, masked: str) -> None:
    assert Redactor(KNOWN).text(line) == masked


@pytest.mark.parametrize(
    "line",
    [
        "authenticate answered: token expired",
        "basic authentication is needed, the bearer knows",
        "template_function:memory-out-of-bounds",
        "expected: an identity where authenticated is true",
        "max_tokens=5, tokens: 7",
    ],
)
def test_a_line_without_a_secret_stays(line: str) -> None:
    assert Redactor(KNOWN).text(line) == line


def test_much_text_is_masked_in_little_time() -> None:
    known = {f"sample-{number}.token": f"tok{number}-" + "abcd" * 8 for number in range(20)}
    redactor = Redactor(known)
    started = perf_counter()
    redactor.value({"a": "abcd" * 10_000, "b": "tok" * 10_000, "token": "xyz" * 20_000})
    for piece in ("token=", "a-", "eyJ-", "eyJaaaaa.", "sk-", "bearer 1", "a://:", "-----BEGIN PRIVATE KEY-----"):
        redactor.text(piece * 5_000)
    redactor.data(json.dumps([TOKEN] * 20_000).encode())
    assert perf_counter() - started < 10
