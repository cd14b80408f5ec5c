"""What an error's text should not tell, found in real traces of each language, and not in harmless words."""

from __future__ import annotations

import pytest

from pytest_mockforge.checks.leaks import leaks_in

TRACES = {
    "Python": 'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in answer\nKeyError: 7',
    "Node.js": "TypeError: Cannot read properties of undefined\n    at answer (/srv/plugin/server.js:12:34)",
    "Node.js, escaped": '{"stack":"Error: no\\n    at Object.<anonymous> (/srv/a.js:1:7)"}',
    "Node.js, module": "Error: x<br> &nbsp; at file:///srv/a.mjs:3:9<br>",
    "Java": "java.lang.NullPointerException\n\tat com.example.Plugin.answer(Plugin.java:41)",
    "Go": "http: panic serving\ngoroutine 34 [running]:\nmain.answer(...)",
    "Rust": "thread 'main' panicked at src/main.rs:4:10:\ncalled `Option::unwrap()` on a `None` value",
    ".NET": "System.NullReferenceException: none\n   at Plugin.Answer(String s) in C:\\src\\Plugin.cs:line 9",
    "Ruby": "undefined method `x' for nil\nplugin.rb:12:in `answer'",
}
HARMLESS = [
    "malformed request",
    '{"error":"token: expected a string"}',
    '{"success":false,"error":"context: expected an object"}',
    '{"detail":[{"type":"missing","loc":["body","context"],"msg":"Field required"}]}',
    "no such path: /plugin/no-such-operation",
    "see https://example.com/docs/errors.html",
    "password is required",
    "the api_key is missing",
    "looked at line 3 of the file",
    "<!DOCTYPE html><html><body><pre>Cannot GET /plugin/authenticate</pre></body></html>",
    "application/json; charset=utf-8",
    '{"route":"/users/{id}","allow":"GET, DELETE"}',
]


@pytest.mark.parametrize("name", TRACES)
def test_a_stack_trace_is_told_with_its_language(name: str) -> None:
    (leak,) = leaks_in(TRACES[name])
    assert (leak.kind, leak.what) == ("stack-trace", f"a stack trace of {name.partition(',')[0]}")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_words_leak_nothing(text: str) -> None:
    assert leaks_in(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "no such file: /home/ann/plugin/data.txt",
        "cannot open /app/config/settings.yaml",
        "cannot open C:\\Users\\ann\\plugin\\a.db",
        "open /var/lib/plugin/state: permission denied",
    ],
)
def test_a_path_of_the_machine_is_told(text: str) -> None:
    (leak,) = leaks_in(text)
    assert leak.kind == "path"


def test_a_path_that_stood_in_the_request_is_no_news() -> None:
    assert leaks_in("not found: /home/mockforge/x", sent='{"HOME":"/home/mockforge/x"}') == ()


@pytest.mark.parametrize(
    ("text", "what", "hidden"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----\nMII", "a private key", "BEGIN"),
        ("key AKIAIOSFODNN7EXAMPLE", "an AWS key", "AKIA"),
        ("ghp_" + "a" * 36, "a GitHub token", "ghp_"),
        ("xoxb-1234567890-abc", "a Slack token", "xoxb"),
        ("postgres://app:hunter2@db/x refused", "a URL with a password", "hunter2"),
        ("{'PATH': '/bin', 'APP_SECRET_KEY': 'hunter2'}", "an environment variable that names a secret", "hunter2"),
        ("DATABASE_URL=sqlite.db", "an environment variable that names a secret", "sqlite"),
    ],
)
def test_a_secret_is_told_and_not_shown(text: str, what: str, hidden: str) -> None:
    (leak,) = leaks_in(text)
    assert (leak.kind, leak.what) == ("secret", what)
    assert hidden not in leak.excerpt
    assert "***" in leak.excerpt


def test_our_credentials_and_the_requests_token_are_told_apart_and_neither_is_shown() -> None:
    leaks = leaks_in("s3cret may not read what t0ken may", credentials="s3cret", token="t0ken")
    assert [leak.kind for leak in leaks] == ["credentials", "token"]
    assert {leak.excerpt for leak in leaks} == {"*** may not read what *** may"}


def test_a_stack_trace_is_shown_without_the_credentials_in_it() -> None:
    (trace, _) = leaks_in("goroutine 1 [running]: key=s3cret", credentials="s3cret")
    assert "s3cret" not in trace.excerpt
