"""A search from within a test, as `mockforge_fuzz` makes it: the same run as that of the checks, asked otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

# The last is for Hypothesis alone, loaded here and now: what an inner run of other tests loads is dropped in part.
from pytest_mockforge import PluginFailure, strategies  # noqa: F401
from pytest_mockforge.checks.bench import Bench
from pytest_mockforge.checks.benches import open_bench
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import RequestBuilder
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.fuzz.corpus import read
from pytest_mockforge.fuzz.model import FuzzOptions
from pytest_mockforge.fuzzer import Fuzzer
from pytest_mockforge.opening import Means, open_subject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.spec import parse_spec
from tests.conftest import ROOT
from tests.guests_for_fuzzing import guest, holding

pytestmark = pytest.mark.slow

BUILD = RequestBuilder()
QUADRATIC = ROOT / "fixtures" / "buggy" / "rust" / "quadratic-wrap"


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    opened: list[Bench] = []
    yield opened
    for bench in opened:
        bench.close()
        bench.subject.close()


@pytest.fixture
def bench(tmp_path: Path, benches: list[Bench]) -> Bench:
    """A plugin that admits everybody, but traps where the request holds an apostrophe."""
    return on_bench(guest(tmp_path / "trapping.wat", holding("'", "(unreachable)", "(;1;)")), benches)


def on_bench(path: Path, benches: list[Bench]) -> Bench:
    subject = open_subject(parse_spec(str(path), path.parent), Means(cache=None))
    benches.append(open_bench(subject, limits=Limits(), host="adapter", dialect="auto"))
    benches[-1].fuzz_options = FuzzOptions(examples=30, seconds=20.0)
    return benches[-1]


def quadratic(folder: Path, *lines: str) -> Path:
    """Copy a plugin whose cost is quadratic, with more lines in its plugin.test.yaml."""
    folder.mkdir()
    for name in ("plugin.wasm", "plugin.yaml", "plugin.test.yaml"):
        shutil.copy(QUADRATIC / name, folder / name)
    with (folder / "plugin.test.yaml").open("a") as stream:
        stream.writelines(f"{line}\n" for line in lines)
    return folder


def test_what_is_found_fails_the_test_with_code_seed_and_request(bench: Bench) -> None:
    with pytest.raises(PluginFailure) as caught:
        Fuzzer(lambda _: bench)(bench.plugin, seed=5)
    head, searched, *rest = str(caught.value).splitlines()
    assert head.startswith("trapping: MF301 authenticate traps by unreachable")
    assert searched.startswith("searched ")
    assert searched.endswith(" s from seed 5")
    assert any("'" in line for line in rest)
    assert any("def test_" in line for line in rest)


def test_a_search_finds_what_the_checks_find_from_the_same_seed(bench: Bench) -> None:
    report = Fuzzer(lambda _: bench)(bench.plugin, allow=["MF301"])
    assert report.seed == bench.fuzz.seed
    assert report.discoveries == bench.fuzz.discoveries
    assert report.counts == bench.fuzz.counts


@pytest.mark.parametrize("allow", ["MF301", "authenticate:unreachable"])
def test_a_code_or_a_detail_that_is_allowed_fails_nothing(bench: Bench, allow: str) -> None:
    report = Fuzzer(lambda _: bench)(bench.plugin, allow=[allow])
    assert [found.code for found in report.discoveries] == ["MF301"]


def test_the_search_starts_from_samples_that_are_given(tmp_path: Path, benches: list[Bench]) -> None:
    # Admits nobody but who names a letter that begins with this byte in UTF-8.
    bench = on_bench(guest(tmp_path / "lettered.wat", holding("\xc6", "(;1;)")), benches)
    fuzzer = Fuzzer(lambda _: bench)
    (without,) = fuzzer(bench.plugin, allow=["MF309"]).counts
    (count,) = fuzzer(bench.plugin, samples=[BUILD.auth(query={"q": "ƃƃƃƃƃƃ"}, uri="/")], allow=["MF309"]).counts
    assert count.accepted > without.accepted + 5


def test_an_operation_that_does_not_exist_is_named_with_the_valid_ones(bench: Bench) -> None:
    with pytest.raises(SettingsError, match="'login' is no operation") as caught:
        Fuzzer(lambda _: bench)(bench.plugin, operations=["login"])
    assert "authenticate, template_function" in str(caught.value)


def test_an_operation_that_the_plugin_does_not_have_is_named_with_those_that_it_has(bench: Bench) -> None:
    with pytest.raises(SettingsError, match="trapping has no template_function that can be called") as caught:
        Fuzzer(lambda _: bench)(bench.plugin, operations=[Operation.TEMPLATE_FUNCTION])
    assert "hint: those that it has: authenticate" in str(caught.value)


@pytest.mark.parametrize("asked", [{"examples": 0}, {"seconds": 0.0}])
def test_a_search_for_nothing_is_refused(bench: Bench, asked: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="at least one example and some time"):
        Fuzzer(lambda _: bench)(bench.plugin, **asked)  # type: ignore[arg-type]  # one of two kinds at a time


def test_bytes_that_are_no_request_are_sent_where_that_is_asked_for(tmp_path: Path, benches: list[Bench]) -> None:
    # Traps unless the request ends as JSON does.
    body = """(if (result i32 i32)
      (i32.eq (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $size)) (i32.const 1))) (i32.const 125))
      (then (;1;)) (else (unreachable)))"""
    bench = on_bench(guest(tmp_path / "ending.wat", body), benches)
    fuzzer = Fuzzer(lambda _: bench)
    assert fuzzer(bench.plugin).discoveries == ()
    assert {(found.code, found.severity) for found in fuzzer(bench.plugin, wire=True).discoveries} == {
        ("MF311", "note")
    }


def test_what_is_found_is_kept_in_the_corpus(bench: Bench, tmp_path: Path) -> None:
    bench.fuzz_options = FuzzOptions(examples=5, seconds=20.0, corpus=tmp_path / "corpus")
    report = Fuzzer(lambda _: bench)(bench.plugin, allow=["MF301"])
    assert read(tmp_path / "corpus").cases == report.discoveries


def test_what_the_corpus_holds_is_tried_though_no_search_would_come_to_it(tmp_path: Path, benches: list[Bench]) -> None:
    # Traps at a letter that begins with this byte in UTF-8, which a sample has and the search of one example has not.
    bench = on_bench(guest(tmp_path / "lettered.wat", holding("\xc6", "(unreachable)", "(;1;)")), benches)
    bench.fuzz_options = FuzzOptions(examples=1, seconds=20.0, corpus=tmp_path / "corpus")
    fuzzer = Fuzzer(lambda _: bench)
    assert fuzzer(bench.plugin).discoveries == ()
    with pytest.raises(PluginFailure):
        fuzzer(bench.plugin, samples=[BUILD.auth(query={"q": "ƃ"}, uri="/")], examples=40)
    with pytest.raises(PluginFailure, match="MF301 authenticate traps"):
        fuzzer(bench.plugin)


def test_what_is_wrong_with_a_corpus_is_noted_and_stops_nothing(bench: Bench, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "broken.json").write_text('{"version": 1')
    (corpus / "foreign.json").write_text('{"name": "somebody else\'s"}')
    with (corpus / "enormous.json").open("wb") as stream:
        stream.truncate(2**31)
    bench.fuzz_options = FuzzOptions(examples=5, seconds=20.0, corpus=corpus)
    notes = Fuzzer(lambda _: bench)(bench.plugin, allow=["MF301"]).notes
    assert [note.partition(": ")[0].rpartition("/")[2] for note in notes] == [
        "broken.json",
        "enormous.json",
        "foreign.json",
    ]
    assert "too large for a case: 2,147,483,648 bytes" in notes[1]


def test_a_corpus_that_is_a_file_is_noted(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_text("")
    bench.fuzz_options = FuzzOptions(examples=5, seconds=20.0, corpus=tmp_path / "corpus")
    notes = Fuzzer(lambda _: bench)(bench.plugin, allow=["MF301"]).notes
    assert any("is no folder" in note for note in notes)
    assert any(note.startswith("nothing is kept in the corpus") for note in notes)


def test_cost_that_is_as_declared_is_no_finding(tmp_path: Path, benches: list[Bench]) -> None:
    declared = on_bench(quadratic(tmp_path / "declared", "growth: 2"), benches)
    report = Fuzzer(lambda _: declared)(declared.plugin, examples=3)
    assert "MF308" not in {found.code for found in report.discoveries}


def test_cost_that_is_worse_than_declared_is_a_finding(tmp_path: Path, benches: list[Bench]) -> None:
    declared = on_bench(quadratic(tmp_path / "declared", "growth: 1.6"), benches)
    with pytest.raises(PluginFailure, match="fuel grows with the power") as caught:
        Fuzzer(lambda _: declared)(declared.plugin, examples=3)
    assert "growth below the power 1.85, by a margin of 0.2" in str(caught.value)
