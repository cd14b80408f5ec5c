"""No parser of ours raises anything but our own errors, whatever it is given, nor takes more than its time and memory.

Drawn by Hypothesis, and by damage to each piece of good data at its borders, one at a time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("hypothesis")

from tests.parsers import PARSERS
from tests.parsers.at_length import damaged, hammered
from tests.parsers.judging import Parser

EXAMPLES, DAMAGES = 60, 75
each_parser = pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name.replace(" ", "-"))


@each_parser
def test_a_parser_stands_whatever_is_drawn(parser: Parser, tmp_path: Path) -> None:
    assert hammered(parser, tmp_path, examples=EXAMPLES).total() >= EXAMPLES


@each_parser
def test_a_parser_stands_all_damage_to_what_it_reads(parser: Parser, tmp_path: Path) -> None:
    came = damaged(parser, tmp_path, most=DAMAGES)
    assert came.keys() != {"refused"}


@pytest.mark.slow
@each_parser
def test_a_parser_stands_at_length(parser: Parser, tmp_path: Path) -> None:
    hammered(parser, tmp_path, examples=6 * EXAMPLES)
    damaged(parser, tmp_path, most=10 * DAMAGES)


def test_adapt_and_other_layouts_leave_a_valid_module_valid(tmp_path: Path) -> None:
    """The assertion is in the parser: this one says that it was asked often enough."""
    adapting = next(parser for parser in PARSERS if parser.name == "adapt")
    laying_out = next(parser for parser in PARSERS if parser.name == "layout variants")
    assert damaged(adapting, tmp_path, most=600)["adapted and valid"] > 100
    assert damaged(laying_out, tmp_path, most=600)["laid out and valid"] > 50
