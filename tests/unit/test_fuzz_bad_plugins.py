"""Plugins that a search could choke on: it ends in its time, says what it saw, and no error of ours comes of it.

What fails on its very first example, is slow on every call, or is flaky stands in `test_fuzz_engine`.
"""

from __future__ import annotations

import resource
from pathlib import Path
from time import monotonic

import pytest

from pytest_mockforge import load
from pytest_mockforge.fuzz.engine import fuzz
from pytest_mockforge.runtimes.base import MIB
from tests.answering import ADMITTED
from tests.guests_for_fuzzing import guest

pytestmark = pytest.mark.slow

LARGE = 10 * MIB


def large(path: Path, head: str, filler: str, tail: str) -> Path:
    """Write a module that answers each request with 10 MiB: `head`, then `filler` over and over, then `tail`."""
    at, end = 4 * 65536, 4 * 65536 + LARGE - len(tail)
    body = f"""(if (i32.lt_u (memory.size) (i32.const 200)) (then (drop (memory.grow (i32.const 196)))))
    (memory.fill (i32.const {at}) (i32.const {ord(filler)}) (i32.const {LARGE}))
    (memory.copy (i32.const {at}) (i32.const 1024) (i32.const {len(head)}))
    (memory.copy (i32.const {end}) (i32.const {1024 + len(head) + 16}) (i32.const {len(tail)}))
    (i32.const {at}) (i32.const {LARGE})"""
    return guest(path, body, replies=(head, tail))


@pytest.mark.parametrize(
    ("head", "filler", "tail"),
    [
        pytest.param(ADMITTED, " ", " ", id="blanks behind a good reply"),
        pytest.param('{"authenticated":true,"claims":{"a":"', "x", '"},"metadata":{}}', id="one long text"),
        pytest.param('{"authenticated":true,"claims":{"a":', "[", "}", id="brackets that never close"),
    ],
)
def test_a_plugin_that_answers_with_10_mb_is_searched_in_its_time(
    tmp_path: Path, head: str, filler: str, tail: str
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = monotonic()
    with load(large(tmp_path / "x.wat", head, filler, tail), cache="off") as plugin:
        assert len(plugin.call_raw("authenticate", b"{}")) == LARGE
        report = fuzz(plugin, seed=1, examples=500, seconds=1.5)
    assert monotonic() - started < 10
    assert report.exhausted
    assert {found.code for found in report.discoveries} <= {"MF303"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700 * 1024
