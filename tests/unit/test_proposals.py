"""Which proposals each host's engine takes, held against the corpus that CI holds against a real wasmtime 36."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime
from ruamel.yaml import YAML

from pytest_mockforge.runtimes.wasm.features import NEWER_THAN_36, refusal, refused_proposal

CORPUS = Path(__file__).parent.parent.parent / "fixtures" / "proposals" / "corpus.yaml"
ROWS = YAML(typ="safe", pure=True).load(CORPUS.read_text("utf-8"))
OFF_IN_RUNTIME = {"simd": "simd", "relaxed-simd": "simd", "threads": "threads", "multi-memory": "multi_memory"}


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_the_adapters_take_what_wasmtime_36_takes(row: dict[str, object]) -> None:
    reason = refusal(bytes(wasmtime.wat2wasm(str(row["wat"]))), NEWER_THAN_36)
    assert (reason is None) == row["accepted"], reason


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_what_is_refused_is_named_by_its_proposal(row: dict[str, object]) -> None:
    data = bytes(wasmtime.wat2wasm(str(row["wat"])))
    if refusal(data, frozenset()) is not None:
        pytest.skip("the installed wasmtime has it off, too")
    off = NEWER_THAN_36 | {"simd", "relaxed_simd", "threads", "multi_memory"}
    known = {"garbage-collection": "gc"}.get(str(row["name"]), row["name"])
    assert refused_proposal(data, off) == ("" if refusal(data, off) is None else known)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_the_runtime_host_has_four_more_off(row: dict[str, object]) -> None:
    off = NEWER_THAN_36 | {"simd", "relaxed_simd", "threads", "multi_memory"}
    reason = refusal(bytes(wasmtime.wat2wasm(str(row["wat"]))), off)
    assert (reason is None) == (row["accepted"] and row["name"] not in OFF_IN_RUNTIME), reason
