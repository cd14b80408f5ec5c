"""Time measured side by side: what comes back, what is the border's, and what becomes of plugins that do not play."""

from __future__ import annotations

import gc
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_mockforge import RequestBuilder, load
from pytest_mockforge.budgets import yardstick
from pytest_mockforge.budgets.calibrate import null_module
from pytest_mockforge.budgets.child_process import ChildEndedError, ChildProcess
from pytest_mockforge.budgets.lanes import Lanes
from pytest_mockforge.budgets.measure import Samples, measure_samples, measure_time
from pytest_mockforge.budgets.model import Timing
from pytest_mockforge.budgets.side import Side, side_of
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.opening import Means, open_subject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm.conventions import read_border
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.spec import parse_spec
from tests.conftest import ROOT, RUST

AUTH = Operation.AUTHENTICATE
REQUEST = RequestBuilder().auth(query={"token": "alpha"})
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells of processes on Linux alone")


def text(body: str = "", *, dealloc: str = "", extra: str = "") -> str:
    return rf"""(module
      (memory (export "memory") 1)
      (data (i32.const 128) "{{\22authenticated\22:true,\22claims\22:{{}},\22metadata\22:{{}}}}")
      (func (export "alloc") (param i32) (result i32) (i32.const 1024))
      (func (export "dealloc") (param i32 i32) {dealloc})
      {extra}
      (func (export "authenticate") (param i32 i32) (result i32 i32) (local $n i32)
        {body} (i32.const 128) (i32.const 48)))"""


def spinning(turns: int) -> str:
    return f"""(local.set $n (i32.const {turns}))
      (loop $again (i32.store (i32.const 4096) (i32.add (i32.load (i32.const 4096)) (local.get $n)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"""


def opened(path: Path) -> ModuleSubject:
    subject = open_subject(parse_spec(str(path), path.parent), Means(cache=None))
    assert isinstance(subject, ModuleSubject)
    return subject


def side(folder: Path, label: str, module: str, *requests: Request) -> Side:
    path = folder / f"{label}.wat"
    path.write_text(module, "utf-8")
    subject = opened(path)
    try:
        return side_of(subject, {AUTH: requests or (REQUEST,)}, label=label)
    finally:
        subject.close()


def measured(*sides: Side, samples: int = 50, seconds: float = 3.0, patience: float | None = None) -> list[Timing]:
    found = measure_time(sides, [AUTH], samples=samples, seconds=seconds, patience=patience)
    return [found[one.label][AUTH] for one in sides]


def raw(*sides: Side, samples: int = 50) -> list[Samples]:
    found = measure_samples(sides, [AUTH], samples=samples, seconds=3.0)
    return [found[one.label][AUTH] for one in sides]


def median(timing: Timing) -> float:
    return statistics.median(seconds for variant in timing.seconds for seconds in variant)


def children() -> list[int]:
    """Processes of this one that measure time."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"budgets.child" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


# ---- what comes back ----------------------------------------------------------------------------------------------


def test_a_module_is_measured_in_five_layouts_with_as_many_samples_as_were_wanted(tmp_path: Path) -> None:
    timing = measured(side(tmp_path, "one", text(spinning(40_000_000))), samples=12, seconds=30.0)[0]
    # Where the machine is fast, some more fit into a batch.
    assert len(timing.seconds) == 5
    assert len(set(map(len, timing.seconds))) == 1
    assert len(timing.seconds[0]) >= 3
    assert timing.wanted == 12
    assert timing.reason == ""


def test_of_short_calls_more_samples_are_taken_than_were_wanted(tmp_path: Path) -> None:
    timing = measured(side(tmp_path, "one", text(spinning(1000))), samples=52)[0]
    counts = {len(variant) for variant in timing.seconds}
    assert len(timing.seconds) == 5
    assert len(counts) == 1
    assert counts.pop() > 11
    assert timing.wanted == 52
    assert timing.reason == ""
    assert timing.border > 0
    assert timing.host > 0
    assert timing.connect == 0


def test_each_layout_is_measured_on_whole_rounds_of_the_workload(tmp_path: Path) -> None:
    # Batches of three calls are made here, of which the last one is cut.
    requests = [RequestBuilder().auth(query={"n": str(number)}) for number in range(16)]
    timing = measured(side(tmp_path, "one", text(), *requests), samples=80)[0]
    assert {len(variant) % 16 for variant in timing.seconds} == {0}


def test_a_guest_that_does_twice_the_work_takes_twice_the_time(tmp_path: Path) -> None:
    sides = side(tmp_path, "once", text(spinning(400_000))), side(tmp_path, "twice", text(spinning(800_000)))
    # Each call takes a fraction of a millisecond, beside which the border and a switch of tasks are little.
    once, twice = measured(*sides, samples=100)
    assert 1.5 < median(twice) / median(once) < 2.5


def test_of_a_guest_that_does_nothing_nothing_is_left_but_the_border(tmp_path: Path) -> None:
    timing = measured(side(tmp_path, "idle", text()), samples=200)[0]
    assert median(timing) < timing.border * 0.8


def test_every_step_of_a_call_can_be_told_apart(tmp_path: Path) -> None:
    samples = raw(side(tmp_path, "one", text()))[0]
    assert min(map(min, (samples.guest[0], samples.copy_in, samples.copy_out, samples.encode, samples.decode))) > 0
    assert len(samples.null) >= 5


def test_samples_never_fall_below_nothing(tmp_path: Path) -> None:
    timing = measured(side(tmp_path, "idle", text()), samples=200)[0]
    assert min(seconds for variant in timing.seconds for seconds in variant) >= 0


class Overheard(Lanes):
    """Lanes that tell on which roads the child was asked to call."""

    def __init__(self, side: Side, patience: float = 5.0) -> None:
        self.roads: list[object] = []
        super().__init__([side], variants=1, limits=Limits(), cache=None, patience=patience)

    def ask(self, order: dict[str, object], patience: float) -> dict[str, object]:
        if order["do"] == "workload":
            self.roads.append(order["direct"])
        return super().ask(order, patience)


@pytest.mark.parametrize(("dealloc", "roads"), [("", [True]), ("unreachable", [True, False])])
def test_calls_are_made_in_one_go_unless_a_release_fails(tmp_path: Path, dealloc: str, roads: list[bool]) -> None:
    found = side(tmp_path, "a", text(dealloc=dealloc))
    lanes = Overheard(found)
    with lanes:
        lanes.of(found).lanes[0].warm_up(AUTH, 5.0)
    assert lanes.roads == roads


def test_modules_compiled_for_a_measurement_are_kept_in_the_cache(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    measure_time([side(tmp_path, "a", text())], [AUTH], samples=5, seconds=1.0, variants=1, cache=cache)
    assert list(cache.glob("*.cwasm"))


def test_operations_without_requests_are_left_out(tmp_path: Path) -> None:
    found = measure_time([side(tmp_path, "one", text())], samples=10, seconds=1.0)
    assert set(found["one"]) == {AUTH}


@pytest.mark.parametrize("language", ["c", "assemblyscript", "tinygo"])
def test_a_reference_plugin_is_measured_as_adapt_gives_it(language: str) -> None:
    subject = opened(ROOT / "fixtures" / "reference" / language / "plugin.wasm")
    try:
        timing = measured(side_of(subject, {AUTH: [REQUEST]}), samples=50)[0]
    finally:
        subject.close()
    assert timing.reason == ""
    assert 0 < timing.border < median(timing)


def test_a_release_that_traps_is_measured_step_by_step_as_the_host_swallows_it(tmp_path: Path) -> None:
    quiet, trapping = measured(side(tmp_path, "quiet", text()), side(tmp_path, "trapping", text(dealloc="unreachable")))
    assert trapping.reason == ""
    assert trapping.count >= 50
    assert trapping.border > quiet.border


# ---- the border ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["rust", "c", "assemblyscript", "tinygo", "go"])
def test_the_null_plugin_has_the_border_of_the_module_that_it_stands_for(language: str) -> None:
    subject = opened(ROOT / "fixtures" / "reference" / language / "plugin.wasm")
    mended = subject.mended
    border, adapter = (mended.border, mended.adapter) if mended is not None else (subject.border, subject.adapter)
    subject.close()
    null = read_border(inspect_module(null_module(border, 500)), adapter)
    assert (null.family, null.pin, null.release, null.operations) == (
        border.family,
        border.pin,
        border.release,
        border.operations,
    )


def test_the_null_plugin_of_the_go_sdk_answers_in_its_way(tmp_path: Path) -> None:
    module = next((ROOT / "fixtures" / "go-sdk").rglob("*.wasm"))
    info = inspect_module(module.read_bytes())
    path = tmp_path / "null.wasm"
    path.write_bytes(null_module(read_border(info, "tinygo"), 500))
    with load(path, dialect="sdk", cache="off") as plugin:
        assert plugin.observe(RequestBuilder().template("upper", "a")).reply_bytes == b"{}"


# ---- plugins that do not play -------------------------------------------------------------------------------------


@LINUX
def test_a_call_that_does_not_return_ends_the_child_and_not_the_other_side(tmp_path: Path) -> None:
    hung = side(tmp_path, "hung", text("(loop $again (br $again))"))
    started = time.monotonic()
    ended, good = measured(hung, side(tmp_path, "good", text()), seconds=0.4, patience=0.3)
    assert time.monotonic() - started < 15
    assert ended.reason.startswith("a call did not return within 0.")
    assert ended.count == 0
    assert good.count >= 50
    assert children() == []


def test_a_call_that_hangs_after_a_while_leaves_what_was_measured_before(tmp_path: Path) -> None:
    counting = """(global $calls (mut i32) (i32.const 0))"""
    body = """(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (if (i32.gt_u (global.get $calls) (i32.const 12)) (then (loop $again (br $again))))"""
    timing = measured(side(tmp_path, "late", text(body, extra=counting)), seconds=0.4, patience=0.3)[0]
    assert timing.reason.startswith("a call did not return within 0.")
    assert 0 < timing.count < 50


def test_a_trap_ends_the_calls_and_is_the_reason(tmp_path: Path) -> None:
    timing = measured(side(tmp_path, "trapping", text("unreachable")))[0]
    assert timing.count == 0
    assert "authenticate trapped: wasm trap: wasm `unreachable` instruction executed" in timing.reason


def test_a_stack_that_overflows_ends_the_calls_and_not_the_child(tmp_path: Path) -> None:
    deep = side(tmp_path, "deep", text("(drop (call $deeper))", extra="(func $deeper (result i32) (call $deeper))"))
    deepest, good = measured(deep, side(tmp_path, "good", text()))
    assert "used up the stack" in deepest.reason
    assert good.reason == ""


def test_a_plugin_too_slow_for_the_samples_is_stopped_and_says_how_far_it_came(tmp_path: Path) -> None:
    timing = measured(side(tmp_path, "slow", text(spinning(4_000_000))), samples=5000, seconds=0.4)[0]
    assert 0 < timing.count < 5000
    assert timing.reason == f"{timing.count:,} of 5,000 samples in 0.4 s"


def test_a_module_that_cannot_be_moved_is_measured_in_one_layout_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "hinted.wasm"
    name = b"metadata.code.branch_hint"
    plain = side(tmp_path, "plain", text()).module
    assert plain is not None
    path.write_bytes(plain.data + bytes((0, len(name) + 2, len(name))) + name + b"\0")
    subject = opened(path)
    timing = measured(side_of(subject, {AUTH: [REQUEST]}))[0]
    subject.close()
    assert [bool(variant) for variant in timing.seconds] == [True, False]
    assert timing.count >= 50
    assert timing.reason.startswith("one layout only: the module holds what is not known here: a section 'metadata.")


def test_an_import_that_nobody_provides_is_the_reason(tmp_path: Path) -> None:
    module = text("(call $missing)").replace("(module", '(module (import "env" "missing" (func $missing))', 1)
    assert "unknown import: `env::missing`" in measured(side(tmp_path, "importing", module))[0].reason


def test_what_host_functions_take_is_not_the_guests_time(tmp_path: Path) -> None:
    def asking(size: int) -> str:
        imported = '(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))'
        ask = f"(drop (call $random (i32.const 2048) (i32.const {size})))"
        return text(20 * ask + "(drop (call $random (i32.const 2048) (i32.const 1)))").replace(
            "(module", f"(module {imported}", 1
        )

    little, much = measured(side(tmp_path, "little", asking(1)), side(tmp_path, "much", asking(60_000)))
    assert (little.reason, much.reason) == ("", "")
    # They take some twenty times as long for the one as for the other.
    assert median(much) < 5 * median(little)


def test_a_component_says_that_time_is_not_measured_of_it() -> None:
    subject = opened(ROOT / "fixtures" / "component" / "echo.wat")
    found = side_of(subject, {AUTH: [REQUEST]})
    subject.close()
    assert measured(found)[0].reason == "time is measured of core modules and of services, and this is a component"


def test_a_side_that_cannot_be_measured_leaves_the_other_one_its_samples(tmp_path: Path) -> None:
    subject = opened(ROOT / "fixtures" / "component" / "echo.wat")
    component = side_of(subject, {AUTH: [REQUEST]}, label="component")
    subject.close()
    nothing, timing = measured(component, side(tmp_path, "module", text(spinning(100))))
    assert (nothing.count, nothing.reason[:21]) == (0, "time is measured of c")
    assert timing.count >= 50


# ---- the child ----------------------------------------------------------------------------------------------------


@LINUX
def test_the_child_gets_nothing_of_the_environment_but_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_SECRET", "hush")
    with ChildProcess(Limits(), None):
        process = children()[0]
        environment = Path(f"/proc/{process}/environ").read_bytes()
        assert os.getsid(process) == process
    assert b"hush" not in environment
    assert children() == []


def test_a_child_that_crashed_says_by_which_signal() -> None:
    with ChildProcess(Limits(), None) as child:
        assert child._process is not None
        child._process.send_signal(signal.SIGSEGV)
        with pytest.raises(ChildEndedError, match=r"ended by signal 11$"):
            child.ask({"do": "load"}, patience=1.0)


@pytest.mark.parametrize(("host", "initialize"), [("adapter", False), ("any", True)])
def test_a_module_without_imports_is_initialised_only_by_a_host_that_does_so(
    tmp_path: Path, host: str, initialize: bool
) -> None:
    path = tmp_path / "plain.wat"
    path.write_text(text(), "utf-8")
    subject = opened(path)
    found = side_of(subject, {AUTH: (REQUEST,)}, host=host)
    subject.close()
    assert found.module is not None
    assert found.module.initialize is initialize


def test_a_module_with_imports_is_initialised_by_every_host(tmp_path: Path) -> None:
    path = tmp_path / "wasi.wat"
    imported = '(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))'
    path.write_text(text().replace("(module", imported), "utf-8")
    subject = opened(path)
    found = side_of(subject, {AUTH: (REQUEST,)})
    subject.close()
    assert found.module is not None
    assert found.module.initialize


@LINUX
def test_the_child_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "hung.wat"
    path.write_text(text("(loop $again (br $again))"), "utf-8")
    script = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
from tests.unit.test_measure import *
measured(side(Path({str(tmp_path)!r}), "hung", text("(loop $again (br $again))")), seconds=60.0, patience=60.0)
"""
    run = subprocess.Popen([sys.executable, "-c", script])
    try:
        deadline = time.monotonic() + 30
        found: list[int] = []
        while not found and time.monotonic() < deadline:
            time.sleep(0.05)
            listed = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
            found = [int(one) for one in listed]
    finally:
        run.kill()
        run.wait()
    assert found
    while any(Path(f"/proc/{one}").exists() for one in found) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{one}").exists() for one in found)


# ---- services -----------------------------------------------------------------------------------------------------


def test_a_service_is_measured_by_real_calls_and_its_connections_apart() -> None:
    pytest.importorskip("httpcore")
    from tests.servers import Seen, answering, reply, serving

    def answer(seen: Seen) -> bytes:
        if seen.body:
            time.sleep(0.005)
        return reply(b'{"authenticated":true,"claims":{},"metadata":{}}')

    with serving(answering(answer)) as server, load(server.url, dialect="host") as plugin:
        subject = open_subject(parse_spec(server.url, Path.cwd()), Means(cache=None))
        found = side_of(subject, {AUTH: [REQUEST]}, plugin=plugin, label="service", dialect="host")
        timing = measured(found, samples=20, seconds=5.0)[0]
        subject.close()
    assert timing.reason == ""
    assert [len(variant) >= 20 for variant in timing.seconds] == [True]
    assert 0.005 < median(timing) < 1
    assert timing.border == 0
    assert 0 < timing.connect < 1
    assert timing.host > 0


def test_calls_of_a_service_that_do_not_count_are_made_and_left_out() -> None:
    pytest.importorskip("httpcore")
    from tests.servers import Seen, answering, reply, serving

    def answer(seen: Seen) -> bytes:  # noqa: ARG001 - as a server calls it
        return reply(b'{"authenticated":true,"claims":{},"metadata":{}}')

    with serving(answering(answer)) as server, load(server.url, dialect="host") as plugin:
        subject = open_subject(parse_spec(server.url, Path.cwd()), Means(cache=None))
        found = side_of(subject, {AUTH: [REQUEST]}, plugin=plugin, dialect="host")
        with Lanes([found], variants=1, limits=Limits(), cache=None, patience=5.0) as lanes:
            (lane,) = lanes.of(found).lanes
            batch = lane.batch(AUTH, 5, 3, 2, 5.0)
            assert gc.isenabled()
        subject.close()
        calls = len(server.seen)
    assert (len(batch.guest), len(batch.connect), batch.failure) == (3, 3, "")
    assert calls == 5


def test_a_service_that_is_gone_is_the_reason() -> None:
    pytest.importorskip("httpcore")
    from tests.servers import unused_port

    url = f"http://127.0.0.1:{unused_port()}"
    with load(url, dialect="host") as plugin:
        subject = open_subject(parse_spec(url, Path.cwd()), Means(cache=None))
        found = side_of(subject, {AUTH: [REQUEST]}, plugin=plugin, dialect="host")
        assert "refused" in measured(found, seconds=0.5)[0].reason
        subject.close()


# ---- the yardstick ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plugin.wasm", "plugin.yaml", "plugin.test.yaml"])
def test_the_yardstick_is_the_rust_reference_plugin(name: str) -> None:
    assert (yardstick.FOLDER / name).read_bytes() == (RUST / name).read_bytes()


def test_the_yardstick_opens_as_any_plugin_does() -> None:
    subject = yardstick.open_yardstick(Means(cache=None))
    assert (subject.label, subject.language) == ("yardstick", yardstick.LANGUAGE)
    assert {sample.operation for sample in subject.testfile.samples} == set(Operation)
    subject.close()
