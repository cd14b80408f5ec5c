"""Where a search starts."""

from __future__ import annotations

from datetime import date

import pytest

from pytest_mockforge.errors import SettingsError
from pytest_mockforge.fuzz.seeds import default_seed, parse_seed


def test_equal_content_gives_an_equal_seed_and_other_content_another() -> None:
    assert default_seed(b"module") == default_seed(b"module")
    assert default_seed(b"module") != default_seed(b"modulf")
    assert 0 <= default_seed(b"") < 2**32


def test_a_seed_is_a_number_the_day_or_drawn_now() -> None:
    assert parse_seed("17") == 17
    assert parse_seed(" Date ", today=date(2026, 7, 4)) == 20260704
    assert 0 <= parse_seed("random") < 2**32


@pytest.mark.parametrize("text", ["", "-1", "1.5", "soon", "4294967296", "٣"])
def test_anything_else_is_refused_with_the_valid_values(text: str) -> None:
    with pytest.raises(SettingsError, match="cannot be") as caught:
        parse_seed(text)
    assert "random, date and whole numbers" in str(caught.value)
