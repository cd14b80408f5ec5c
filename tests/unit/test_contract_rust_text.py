"""How Rust prints floats and quoted strings."""

from __future__ import annotations

import pytest

from pytest_mockforge.contract.rust_text import debug_text, float_text


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ("name", '"name"'),
        ("it's", '"it\'s"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("a\\b", '"a\\\\b"'),
        ("\0\t\n\r", '"\\0\\t\\n\\r"'),
        ("\x01\x1b\x7f\x80", '"\\u{1}\\u{1b}\\u{7f}\\u{80}"'),
        ("é日本🎸", '"é日本🎸"'),
        ("\u200b\u200d\u00ad\ufeff\u2028\u00a0\u3000", '"\\u{200b}\\u{200d}\\u{ad}\\u{feff}\\u{2028}\\u{a0}\\u{3000}"'),
        ("e\u0301\u0bbe\uff9e", '"e\\u{301}\\u{bbe}\\u{ff9e}"'),
        ("\ue000\U000e0041", '"\\u{e000}\\u{e0041}"'),
    ],
)
def test_text_is_quoted_as_rust_debugs_it(text: str, quoted: str) -> None:
    assert debug_text(text) == quoted


@pytest.mark.parametrize("value", [0.1, 1e15, 1e16, 1e-5, 1.25e-5, 1e-6, 123.456e100, 5e-324, -1e22, 2.0**64])
def test_a_printed_float_reads_back_as_itself(value: float) -> None:
    assert float(float_text(value)) == value
    assert "+" not in float_text(value)
