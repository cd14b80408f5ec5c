"""One fuzz run as a whole: it finds, it shrinks, it holds its time, it repeats itself, and Hypothesis stays unseen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import hypothesis
import pytest
from hypothesis import strategies as st

from pytest_mockforge import load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request, RequestBuilder
from pytest_mockforge.fuzz.engine import fuzz
from pytest_mockforge.fuzz.model import Case, FuzzReport
from tests.conftest import ROOT, RUST
from tests.guests_for_fuzzing import guest, holding

BUILD = RequestBuilder()


def tokens(_operation: Operation, _samples: Sequence[Request]) -> st.SearchStrategy[Request]:
    return st.text(st.sampled_from("abc!?#"), max_size=30).map(lambda text: BUILD.auth(query={"t": text}, uri="/"))


def fuzzed(spec: Path, *, seed: int = 1, examples: int = 60, seconds: float = 4.0, fuel: int = 2_000_000) -> FuzzReport:
    with load(spec, fuel=fuel, cache="off") as plugin:
        return fuzz(plugin, seed=seed, examples=examples, seconds=seconds, draw=tokens)


def keys(report: FuzzReport) -> list[tuple[str, str]]:
    return [(found.code, found.detail) for found in report.discoveries]


def test_what_is_found_is_made_as_small_as_it_gets(tmp_path: Path) -> None:
    report = fuzzed(guest(tmp_path / "x.wat", holding("#", "(unreachable)")))
    assert keys(report) == [("MF301", "authenticate:unreachable")]
    found = report.discoveries[0]
    assert found.case.request == BUILD.auth(query={"t": "#"}, uri="/")
    assert b'"t":"#"' in found.case.payload
    assert (found.seed, found.label, found.dialect) == (1, "x", "host")


def test_one_bug_does_not_hide_another(tmp_path: Path) -> None:
    inner = holding("?", "(drop (i32.load (i32.const -1))) (;0;)")
    report = fuzzed(guest(tmp_path / "x.wat", holding("#", "(unreachable)", inner)), examples=100)
    assert sorted(keys(report)) == [
        ("MF301", "authenticate:memory-out-of-bounds"),
        ("MF301", "authenticate:unreachable"),
    ]


def test_a_plugin_that_fails_on_every_call_gives_one_finding(tmp_path: Path) -> None:
    report = fuzzed(guest(tmp_path / "x.wat", "(unreachable)"))
    assert keys(report) == [("MF301", "authenticate:unreachable")]
    assert report.counts[0].tried == 60
    assert report.counts[0].accepted == 0


def test_equal_seeds_give_equal_results(tmp_path: Path) -> None:
    spec = guest(tmp_path / "x.wat", holding("#", "(unreachable)", holding("!", "(;1;)")))
    one, other = fuzzed(spec, seed=7), fuzzed(spec, seed=7)
    assert one.discoveries == other.discoveries
    assert one.counts == other.counts


def test_the_time_box_holds_and_says_how_far_it_came(tmp_path: Path) -> None:
    step = "(local.tee $size (i32.sub (local.get $size) (i32.const 1)))"
    slow = f"(local.set $size (i32.const 30000000)) (loop $on (br_if $on {step})) (;1;)"
    spec = guest(tmp_path / "x.wat", slow)
    started = monotonic()
    report = fuzzed(spec, examples=500, seconds=0.6, fuel=2_000_000_000)
    assert monotonic() - started < 10
    assert report.exhausted
    assert report.tried < 500
    assert report.discoveries == ()


def test_a_run_that_time_cut_before_its_search_is_exhausted_too() -> None:
    with load(RUST, cache="off") as plugin:
        report = fuzz(plugin, seed=1, examples=1, seconds=1.2)
    assert report.tried == 4
    assert report.exhausted


def test_a_search_of_few_requests_is_not_exhausted(tmp_path: Path) -> None:
    with load(guest(tmp_path / "x.wat", "(;1;)"), cache="off") as plugin:
        report = fuzz(plugin, seed=1, examples=50, seconds=20.0, draw=lambda *_: st.just(BUILD.auth(uri="/")))
    assert not report.exhausted
    assert report.tried >= 1


def test_a_plugin_that_runs_into_the_limit_on_every_call_takes_no_longer_than_asked(tmp_path: Path) -> None:
    started = monotonic()
    report = fuzzed(guest(tmp_path / "x.wat", "(loop $on (br $on)) (;0;)"), seconds=1.0, fuel=5_000_000)
    assert keys(report) == [("MF302", "authenticate:out-of-fuel")]
    assert monotonic() - started < 15


def test_nothing_of_hypothesis_reaches_the_caller_when_requests_cannot_be_written(tmp_path: Path) -> None:
    def unwritable(_operation: Operation, _samples: Sequence[Request]) -> st.SearchStrategy[Request]:
        return st.just(BUILD.auth(uri="/", bearer="x", lenient=True)).map(
            lambda request: type(request)(uri="/", headers={"a": "b"})
        )

    with load(guest(tmp_path / "x.wat", "(;1;)"), cache="off") as plugin:
        report = fuzz(plugin, seed=1, examples=20, seconds=2.0, draw=unwritable)
    assert report.discoveries == ()
    assert report.tried == 0


def test_a_user_interrupt_passes_through(tmp_path: Path) -> None:
    def interrupting(_operation: Operation, _samples: Sequence[Request]) -> st.SearchStrategy[Request]:
        def draw(_: int) -> Request:
            raise KeyboardInterrupt

        return st.integers().map(draw)

    with load(guest(tmp_path / "x.wat", "(;1;)"), cache="off") as plugin, pytest.raises(KeyboardInterrupt):
        fuzz(plugin, seed=1, examples=20, seconds=2.0, draw=interrupting)


def test_what_was_found_earlier_is_tried_first(tmp_path: Path) -> None:
    spec = guest(tmp_path / "x.wat", holding("~", "(unreachable)"))
    case = Case(operation=Operation.AUTHENTICATE, payload=b'{"query_params":{"t":"~"}}', request=None)
    with load(spec, cache="off") as plugin:
        report = fuzz(plugin, seed=1, examples=5, seconds=2.0, draw=tokens, earlier=[(case, ())])
    assert keys(report) == [("MF301", "authenticate:unreachable")]
    assert report.discoveries[0].case == case


def test_progress_is_told_in_lines_with_plugin_operation_and_counts(tmp_path: Path) -> None:
    lines: list[str] = []
    with load(guest(tmp_path / "x.wat", "(;1;)"), cache="off") as plugin:
        fuzz(plugin, seed=1, examples=20, seconds=2.0, draw=tokens, progress=lines.append)
    assert lines == ["fuzzing x: authenticate, 1 of 20 examples, 0 findings"]


def test_the_users_profile_changes_nothing_and_is_left_alone(tmp_path: Path) -> None:
    before = hypothesis.settings.default
    hypothesis.settings.register_profile("as it was", before)
    hypothesis.settings.register_profile("odd", max_examples=1, derandomize=True, database=None)
    hypothesis.settings.load_profile("odd")
    try:
        report = fuzzed(guest(tmp_path / "x.wat", "(;1;)"), examples=30)
        assert report.counts[0].tried == 30
        assert hypothesis.settings.default == hypothesis.settings.get_profile("odd")
    finally:
        hypothesis.settings.load_profile("as it was")
    assert hypothesis.settings.default == before


def test_the_costs_of_the_search_are_told(tmp_path: Path) -> None:
    report = fuzzed(guest(tmp_path / "x.wat", "(;1;)"), examples=30)
    count = report.counts[0]
    assert (count.asked, count.tried, count.accepted) == (30, 30, 30)
    assert count.most_fuel is not None
    assert 0 < report.our_share < 1
    assert report.seconds >= report.seconds_search


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_nothing_is_found_in_the_reference_plugin(seed: int) -> None:
    with load(RUST, cache="off") as plugin:
        report = fuzz(plugin, seed=seed, examples=25, seconds=8.0)
    assert report.discoveries == ()
    assert {count.operation for count in report.counts} == set(Operation)


def test_wire_mutations_of_a_module_are_notes(tmp_path: Path) -> None:
    # Traps unless the request ends as JSON does.
    body = """(if (result i32 i32)
      (i32.eq (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $size)) (i32.const 1))) (i32.const 125))
      (then (;1;)) (else (unreachable)))"""
    with load(guest(tmp_path / "x.wat", body), cache="off") as plugin:
        report = fuzz(plugin, seed=1, examples=80, seconds=4.0, draw=tokens, wire=True)
    assert {found.code for found in report.discoveries} == {"MF311"}
    assert {found.severity for found in report.discoveries} == {"note"}


def test_a_service_that_fails_now_and_then_is_flaky_and_no_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "flaky_app.py").write_text(
        """
import json
calls = {"n": 0}
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    more, body = True, b""
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    calls["n"] += 1
    bad = calls["n"] == 40
    reply = {"authenticated": True, "claims": {}, "metadata": {}}
    status = 500 if bad else 200 if scope["path"].endswith(("authenticate", "health")) else 404
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(reply).encode()})
"""
    )
    script = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from pytest_mockforge import load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.fuzz.engine import fuzz
with load("asgi:flaky_app:app") as plugin:
    report = fuzz(plugin, operations=[Operation.AUTHENTICATE], seed=1, examples=30, seconds=5.0)
for found in report.discoveries:
    print(found.code, found.severity, found.detail)
"""
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "MF304 warning authenticate:flaky" in done.stdout
    assert "MF301" not in done.stdout
