"""MF609 to MF611: answers kept apart, a request that broke off, the same answer twice."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from time import perf_counter

import pytest

from pytest_mockforge.checks import remote_load
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.remote.grpc import GrpcRuntime
from pytest_mockforge.runtimes.remote.grpc_ended import Ended
from tests.faulty_services import (
    ANSWERS,
    AUTH,
    HASTY,
    QUERY,
    TEMPLATE,
    Reply,
    always_good,
    bench_of,
    busy,
    counting,
    details,
    error,
    faulty,
    found,
    good,
    grpc_faulty,
    grpc_good,
    instead,
    measuring,
    run_on,
    sharing,
    upset_by_breaking_off,
    written,
)
from tests.servers import Seen, Talk

HERE = Path.cwd()
STATEFUL = "remote: {url: URL}\nstateful: true\n"


class Crowd:
    """Serves calls together once there are several, and counts how many there were at most."""

    def __init__(self, expected: int = 2) -> None:
        self.most = self._now = 0
        self._expected = expected
        self._changed = threading.Condition()

    def answer(self, _talk: Talk, seen: Seen) -> Reply | None:
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            end = time.monotonic() + 0.6
            while self.most < self._expected and time.monotonic() < end:
                self._changed.wait(0.01)
                if self.most == 1:
                    break  # nobody ever came at the same time
            self._now -= 1
        return good(seen)


def manifest_allows(folder: Path, url: str, count: int) -> Path:
    (folder / "plugin.yaml").write_text(
        f"id: crowd\nversion: '1.0.0'\ntypes: [auth]\nresource_limits: {{max_concurrent_executions: {count}}}\n",
        "utf-8",
    )
    (folder / "plugin.test.yaml").write_text(f"remote: {{url: {url}}}\n", "utf-8")
    return folder


# Calls at once


def test_answers_that_are_mixed_up_are_told_with_whose_they_are() -> None:
    findings = found("MF609", sharing())
    assert findings
    assert all(detail.endswith(":mixed-up") for detail in details(findings))
    assert "with 10 calls at once" in findings[0].message
    assert "got the answer of" in findings[0].message
    assert "instead of" in findings[0].got


def test_a_service_that_turns_callers_away_is_told() -> None:
    findings = found("MF609", busy())
    assert findings
    assert {detail.rpartition(":")[2] for detail in details(findings)} == {"failed"}
    assert "503 Service Unavailable" in findings[0].got


def test_calls_that_wait_for_each_other_beyond_the_time_limit_are_lost() -> None:
    lock = threading.Lock()

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if lock.acquire(blocking=False):
            # Alone, it is quick.
            time.sleep(0.005)
        else:
            lock.acquire()
            time.sleep(0.06)
        try:
            return good(seen)
        finally:
            lock.release()

    findings = found("MF609", answer)
    assert findings
    assert {detail.rpartition(":")[2] for detail in details(findings)} == {"lost"}
    assert f"no whole answer within {HASTY.timeout:g} s" in findings[0].got


def test_an_answer_that_differs_when_asked_alone_too_is_left_to_the_other_check() -> None:
    assert found("MF609", counting()) == ()


def test_all_requests_with_one_answer_are_noted() -> None:
    same = {"authenticated": True, "claims": {}, "metadata": {}}

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if seen.target == AUTH and seen.method == "POST":
            return 200, written(same)
        return error(404, "not found") if seen.target in ANSWERS else good(seen)

    (note,) = found("MF609", answer)
    assert (note.severity, note.detail) == ("note", "one-answer")


def test_a_service_that_never_replies_is_noted() -> None:
    (note,) = found("MF609", instead(lambda seen: seen.target in ANSWERS, error(500, "no")))
    assert (note.severity, note.detail) == ("note", "no-reply")


@pytest.mark.parametrize(("allowed", "made"), [(3, 3), (20, 20), (500, 64)])
def test_as_many_calls_are_made_at_once_as_the_manifest_allows(allowed: int, made: int, tmp_path: Path) -> None:
    crowd = Crowd(made)
    with faulty(crowd.answer) as server:
        folder = manifest_allows(tmp_path, server.url, allowed)
        with bench_of(str(folder), HERE, limits=Limits(timeout=5)) as bench:
            assert bench.subject.manifest is not None
            assert bench.subject.manifest.concurrency == allowed
            assert run_on(bench, "MF609") == ()
    assert crowd.most == made


def test_a_manifest_that_allows_one_call_at_a_time_is_noted(tmp_path: Path) -> None:
    crowd = Crowd()
    with faulty(crowd.answer) as server:
        folder = manifest_allows(tmp_path, server.url, 1)
        with bench_of(str(folder), HERE) as bench:
            (note,) = run_on(bench, "MF609")
    assert (note.severity, note.detail, crowd.most) == ("note", "one-at-a-time", 1)


def test_of_a_stateful_plugin_only_losses_count() -> None:
    assert found("MF609", counting(), testfile=STATEFUL) == ()
    assert details(found("MF609", busy(), testfile=STATEFUL))


def test_answers_are_kept_apart_over_grpc_too() -> None:
    lock = threading.Lock()

    def answer(path: str, data: bytes) -> bytes | tuple[str, str]:
        if path.endswith("Health/Check"):
            return grpc_good(path, data)
        if not lock.acquire(blocking=False):
            return "RESOURCE_EXHAUSTED", "busy"
        try:
            time.sleep(0.01)
            return grpc_good(path, data)
        finally:
            lock.release()

    with grpc_faulty(answer) as url, bench_of(url, HERE, limits=Limits(timeout=2)) as bench:
        findings = run_on(bench, "MF609")
    assert {detail.rpartition(":")[2] for detail in details(findings)} == {"failed"}
    assert "RESOURCE_EXHAUSTED (8)" in findings[0].got


# Broken off


def test_an_answer_that_differs_after_a_request_broke_off_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_load, "_NOTICING", 0.5)  # a busy machine's threads may not see it in less
    findings = found("MF610", upset_by_breaking_off())
    assert details(findings) == [
        "authenticate:differs", "template_function:differs", "generate_response:differs", "query_datasource:differs",
    ]  # fmt: skip
    assert "500 Internal Server Error" in findings[0].got


def test_a_worker_that_is_lost_to_a_request_that_broke_off_is_an_error_and_ends_the_checks() -> None:
    lost = threading.Event()

    def answer(talk: Talk, seen: Seen) -> Reply | None:
        if seen.method == "BROKEN":
            lost.set()
        if lost.is_set():
            talk.wait()
            return None
        return good(seen)

    started = perf_counter()
    findings = found("MF610", answer)
    assert details(findings) == ["authenticate:lost"]
    assert perf_counter() - started < 2 * HASTY.timeout + 3


def test_a_request_is_really_broken_off() -> None:
    broken: list[Seen] = []

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        if seen.method == "BROKEN":
            broken.append(seen)
            return None
        return good(seen)

    assert found("MF610", answer) == ()
    assert {seen.target for seen in broken} == set(ANSWERS)
    assert all(0 < len(seen.body) < int(seen.headers["content-length"]) for seen in broken)


def test_a_call_that_is_cancelled_leaves_no_trace_over_grpc() -> None:
    upset = threading.Event()

    def answer(path: str, data: bytes) -> bytes | tuple[str, str]:
        if path.endswith("/Authenticate"):
            # Half of it is what the call is given: enough to reach this place on a busy machine.
            time.sleep(0.1)
            if upset.is_set():
                return "INTERNAL", "out of step"
            if armed:
                upset.set()
        return grpc_good(path, data)

    armed: list[bool] = []
    with grpc_faulty(answer) as url, bench_of(url, HERE, limits=Limits(timeout=2)) as bench:
        assert run_on(bench, "MF610") == ()
        armed.append(True)
        assert details(run_on(bench, "MF610")) == ["authenticate:differs"]


def test_a_call_over_grpc_is_cancelled_in_the_middle_of_its_usual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    send = GrpcRuntime.send
    given: list[float] = []

    def watched(runtime: GrpcRuntime, path: str, data: bytes, *, timeout: float | None = None) -> Ended:
        if timeout is not None and path.endswith("/Authenticate"):
            given.append(timeout)
        return send(runtime, path, data, timeout=timeout)

    def answer(path: str, data: bytes) -> bytes | tuple[str, str]:
        if path.endswith("/Authenticate"):
            time.sleep(0.1)
        return grpc_good(path, data)

    with grpc_faulty(answer) as url, bench_of(url, HERE, limits=Limits(timeout=2)) as bench:
        monkeypatch.setattr(GrpcRuntime, "send", watched)
        assert run_on(bench, "MF610") == ()
    assert 0.05 <= min(given) <= max(given) < 1


# The same answer


def test_an_answer_that_counts_calls_is_an_error_with_its_place() -> None:
    (finding,) = found("MF611", counting())
    assert (finding.severity, finding.detail) == ("error", "authenticate:differs")
    assert finding.got.startswith("at /claims/call: ")
    assert "volatile" in finding.hint


@pytest.mark.parametrize("field", ["claims", "metadata"])
def test_a_field_that_is_called_volatile_may_differ(field: str) -> None:
    testfile = f"remote: {{url: URL}}\nvolatile: [/{field}/call]\n"
    assert found("MF611", counting(field), testfile=testfile) == ()


def test_a_measured_time_may_differ() -> None:
    assert found("MF611", measuring()) == ()


def test_of_a_stateful_plugin_nothing_is_compared_and_that_is_noted() -> None:
    (note,) = found("MF611", counting(), testfile=STATEFUL)
    assert (note.severity, note.detail) == ("note", "stateful")


def test_a_key_that_comes_and_goes_is_a_difference() -> None:
    met: set[bytes] = set()

    def answer(_talk: Talk, seen: Seen) -> Reply | None:
        status, body = good(seen)
        if seen.target != QUERY or status != 200:
            return status, body
        more = {"again": True} if seen.body in met else {}
        met.add(seen.body)
        return status, written({**json.loads(body), "metadata": more})

    (finding,) = found("MF611", answer)
    assert finding.detail == "query_datasource:differs"
    assert finding.got == "at /metadata/again: true instead of nothing"


def test_an_operation_that_never_replies_is_noted() -> None:
    (note,) = found("MF611", instead(lambda seen: seen.target == TEMPLATE, error(422, "no")))
    assert (note.severity, note.detail) == ("note", "template_function:no-reply")


def test_a_good_service_answers_alike_twice() -> None:
    assert found("MF611", always_good) == ()
