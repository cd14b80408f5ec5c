"""Runs parsers over drawn and damaged data; as a command, for as long as is wanted.

python -m tests.parsers.at_length EXAMPLES [DAMAGES] [NAME …]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from tests.mutations import drawn, one_by_one
from tests.parsers import PARSERS
from tests.parsers.judging import Parser, bounded_growth, stands

_PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


def hammered(parser: Parser, folder: Path, *, examples: int) -> Counter[str]:
    """Give a parser what Hypothesis draws, the same each time; count what came. Raises AssertionError."""
    came: Counter[str] = Counter()
    chosen = settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=_PHASES,
        suppress_health_check=[*HealthCheck],
    )

    @chosen
    @given(drawn(parser.seeds()))
    def judge(data: bytes) -> None:
        came[stands(parser, data, folder)] += 1

    with bounded_growth(parser.name):
        judge()
    return came


def damaged(parser: Parser, folder: Path, *, most: int) -> Counter[str]:
    """Give a parser all its seeds with one damage each, about `most` cases in all; count what came."""
    seeds = parser.seeds()
    came = Counter(stands(parser, data, folder) for data in seeds.data)
    each = max(1, most // (4 * len(seeds.data)))
    with bounded_growth(parser.name):
        for data in seeds.data:
            came.update(stands(parser, one, folder) for one in one_by_one(seeds, data, each))
    return came


def main(words: list[str]) -> None:
    """Run all parsers, or those that are named, and print what came."""
    examples, most = int(words[0]), int(words[1]) if len(words) > 1 else int(words[0])
    for parser in PARSERS:
        if words[2:] and parser.name not in words[2:]:
            continue
        began = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            came = hammered(parser, Path(folder), examples=examples) + damaged(parser, Path(folder), most=most)
        print(f"{parser.name}: {dict(came)}, {time.process_time() - began:.1f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
