"""What is not kept once it was looked at: closed views, frames of failures, large requests, replies without an end."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path

import pytest

from pytest_mockforge import Plugin, RequestBuilder, load
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.road import OVERSIZE, Shot
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import realistic_requests
from pytest_mockforge.errors import SetupError
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.runtimes.base import MIB, Limits
from pytest_mockforge.spec import parse_spec
from tests.hostile_cases import write_wasm

AUTH = RequestBuilder().auth()
LARGE = """(module
  (memory (export "memory") 100)
  (func (export "alloc") (param i32) (result i32) (i32.const 64))
  (func (export "authenticate") (param i32 i32) (result i32 i32) (i32.const 0) (i32.const 6291456)))"""


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return load(write_wasm("unreachable", tmp_path), cache="off")


def test_a_view_that_was_closed_is_let_go_of(plugin: Plugin) -> None:
    with plugin:
        view = plugin.fresh()
        view.observe(AUTH)
        view.close()
        held = weakref.ref(view)
        del view
        gc.collect()
        assert held() is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_the_code_of_a_closed_plugin_leaves_memory(tmp_path: Path) -> None:
    def mapped() -> int:
        # Code that was compiled here belongs to no file.
        return sum(" r-xp " in line and "/" not in line for line in Path("/proc/self/maps").read_text().splitlines())

    path = write_wasm("unreachable", tmp_path)
    gc.collect()
    before = mapped()
    with load(path, cache="off") as one, load(path, cache="off") as other:
        one.observe(AUTH)
        other.observe(AUTH)
        assert mapped() > before
    del one, other
    gc.collect()
    assert mapped() == before


def test_a_view_that_is_called_after_it_was_closed_ends_with_its_plugin(plugin: Plugin) -> None:
    with plugin:
        view = plugin.reused()
        view.close()
        assert view.observe(AUTH).failure is not None
    with pytest.raises(SetupError):
        view.observe(AUTH)


def test_a_failure_holds_no_frames_of_the_call_that_it_is_about(plugin: Plugin) -> None:
    with plugin:
        failure = plugin.observe(AUTH).failure
        assert failure is not None
        assert (failure.__traceback__, failure.__context__) == (None, None)


def test_a_shot_of_16_mib_is_not_kept_and_shown_all_the_same() -> None:
    shot = Shot(name="oversize", path="/", data=b"a" * OVERSIZE)
    assert shot.kept.data is not None
    assert len(shot.kept.data) == 64 * 1024
    assert shot.kept.shown == shot.shown
    assert shot.kept.shown.endswith("(16,777,216 bytes)")


def test_large_replies_are_asked_for_until_enough_of_them_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "large.wat"
    path.write_text(LARGE, "utf-8")
    subject = ModuleSubject(parse_spec(str(path), tmp_path), cache=None, stack=Limits().stack)
    bench = ModuleBench(subject, limits=Limits(), host="adapter")
    try:
        trials = bench.survey[Operation.AUTHENTICATE]
    finally:
        bench.close()
        subject.close()
    assert sum(len(trial.observation.reply_bytes or b"") for trial in trials) == 18 * MIB
    assert len(trials) < len(realistic_requests(Operation.AUTHENTICATE))
