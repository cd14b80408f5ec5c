"""The parsers of text of options, each with good data for it."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path

from pytest_mockforge.budgets.expressions import parse_budgets
from pytest_mockforge.errors import MockforgeError
from pytest_mockforge.spec import parse_reference, parse_spec
from tests.mutations import Seeds
from tests.parsers.judging import Parser


def _budget(data: bytes, _folder: Path) -> None:
    parse_budgets(data.decode("utf-8", "surrogateescape"), source="option", labels=("auth", "a-b"))


def _spec(data: bytes, folder: Path) -> None:
    text = data.decode("utf-8", "surrogateescape")
    with contextlib.suppress(MockforgeError):
        parse_reference(text, folder, [parse_spec("a=http://localhost", folder)])
    spec = parse_spec(text, folder)
    assert spec.label
    assert spec.scheme is not None
    assert spec.identity


@cache
def _budgets() -> Seeds:
    texts = [
        "p95<5ms",
        "rust,go,authenticate: p99.9 <= 1.05x baseline",
        "fuel.max>=200k",
        "memory<8MiB",
        "growth<1B/call",
        "default",
    ]
    words = (
        "p",
        "99.99",
        "median",
        "fuel.cold",
        "<",
        "<=",
        "≤",
        "==",
        "x",
        "×",
        "x rust",
        "%",
        "ms",
        "µs",
        "1_0",
        "1__",
        "1.",
        ",",
        ":",
        "a-b",
        "٣",
    )
    return Seeds("text", [text.encode() for text in texts], [word.encode() for word in words])


@cache
def _specs() -> Seeds:
    texts = [
        "plugin.wasm",
        "a=plugin.wat",
        "http://localhost:80/x",
        "grpcs://[::1]:9",
        "asgi:a.b:app()",
        "auth=asgi:a:b.c",
        "./x/../y",
    ]
    words = (
        "=",
        ":",
        "//",
        "/",
        "@",
        "?a",
        "#",
        "[",
        "]",
        "::1",
        "%00",
        ":99999",
        "asgi:",
        "http",
        "..",
        "~",
        "\\",
        "a" * 300,
        "/" * 5000,
    )
    return Seeds("text", [text.encode() for text in texts], [word.encode() for word in words])


PARSERS = (
    Parser(name="budget", feed=_budget, seeds=_budgets),
    Parser(name="spec", feed=_spec, seeds=_specs),
)
