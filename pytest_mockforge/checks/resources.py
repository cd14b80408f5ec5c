"""MF4: what do calls cost, does memory level off, and what happens at the limits?"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pytest_mockforge.checks.growth import Growth
from pytest_mockforge.checks.model import Finding, from_failure
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.registry import check
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import Request, RequestBuilder
from pytest_mockforge.errors import AbiFailure, GuestTrap, LimitExceeded, Refusal
from pytest_mockforge.hosts.objections import detail_of
from pytest_mockforge.observation import Observation
from pytest_mockforge.runtimes.base import PAGE

_CLEAN_ENDS = ("unreachable", "abort", "exit")
"""Traps by which a guest that finds no memory ends the call on purpose."""
_LARGE = 256 * 1024
"""Bytes of text in the request that is sent when memory may not grow."""


@check("MF401", "calls end within fuel, time and stack", need="operation")
def fuel(bench: ModuleBench) -> Iterator[Finding]:
    """Each call has a limit of fuel, of time and of stack; MockForge's adapters set none and would hang.

    Fuel counts what wasmtime executes for allocator, operation and release together, and is exact for one module and
    one version of wasmtime. *cold* is the first call of a fresh instance (median over the workload), *steady* the
    median and maximum over a reused one.

    Details: `OPERATION:` and `out-of-fuel`, `interrupt` (time) or `stack-overflow`; with `:allocator`, or the name of
    the release function, where it was not the operation itself.

    Mend: bound the loop or the recursion that the finding's function names. If the work is meant to be that costly,
    raise --mockforge-fuel or --mockforge-timeout.
    """
    seen: set[str] = set()
    for operation, trials in bench.survey.items():
        for trial in trials:
            failure = trial.observation.failure
            if not isinstance(failure, LimitExceeded):
                continue
            where = failure.during if failure.during != operation.value else ""
            detail = detail_of(operation.value, failure.code, where)
            if detail not in seen:
                seen.add(detail)
                finding = from_failure("MF401", detail, failure, trial.observation.request_bytes)
                yield msgspec.structs.replace(
                    finding,
                    message=f"{finding.message}, on {trial.name!r}",
                    got=" <- ".join(failure.backtrace[:8]),
                    hint="MockForge sets no limit here: the call would block its thread for good"
                    if failure.code != "stack-overflow"
                    else "bound the recursion, or use the heap",
                )
        workload = bench.workload(operation)
        samples = [trial for trial in trials if trial.sample is not None]
        figures = bench.figures.setdefault(operation.value, {})
        figures["samples"] = len(samples)
        figures["accepted"] = sum(trial.accepted for trial in samples)
        if workload is not None:
            figures["only_refusals"] = workload.only_refusals
            for measured in bench.costs.fuel(workload.requests):
                figures["fuel_cold"] = measured.cold
                figures["fuel_steady"] = measured.steady
                figures["fuel_max"] = measured.most
                figures["workload_memory_grown"] = measured.memory - _initial(bench)


@check("MF402", "memory stays within the limit", need="border")
def memory(bench: ModuleBench) -> Iterator[Finding]:
    """Linear memory grows a page of 64 KiB at a time and never shrinks; MockForge's adapters allow 4 GiB.

    Compared is what grew above the initial memory, as the initial size is the linker's choice and not the plugin's.
    A call that fails with memory at our limit is a finding: the guest was refused more.

    Mend: free what a call allocates, or raise --mockforge-memory if the plugin is meant to hold that much.
    """
    initial = _initial(bench)
    for operation, trials in bench.survey.items():
        peak = max((trial.observation.memory for trial in trials), default=initial)
        bench.figures.setdefault(operation.value, {})["memory_grown"] = max(0, peak - initial)
        for trial in trials:
            failure = trial.observation.failure
            full = trial.observation.memory + PAGE > bench.limits.memory
            if failure is not None and full and isinstance(failure, GuestTrap | AbiFailure):
                finding = from_failure("MF402", f"{operation}:limit", failure, trial.observation.request_bytes)
                yield msgspec.structs.replace(
                    finding,
                    message=f"{operation} used up the memory limit, on {trial.name!r}",
                    expected=f"less than {bench.limits.memory:,} bytes",
                    got=f"{trial.observation.memory:,} bytes, then: {failure.message}",
                    hint="free what a call allocates, or raise --mockforge-memory",
                )
                break


@check("MF403", "memory does not grow with the number of calls", need="border")
def growth(bench: ModuleBench) -> Iterator[Finding]:
    """MockForge keeps one instance for good, so what a call does not give back adds up until memory is full.

    The workload runs over and over on one instance, until memory grew 8 times, 20,000 calls were made or 5 seconds are
    over; fewer than 256 calls are inconclusive. It is a leak only if the second half of the calls grew at least half
    as fast as the first; a collector or a cache that levels off is a plateau, and too few events for a judgement are
    inconclusive.

    Requests that the plugin refuses by a trap are left out, as the host never releases their buffer (2.3).

    Details: `OPERATION:leak`, with `:no-release` where no release function can be called, and `:every-call` where each
    call takes new pages; `OPERATION:fails-when-reused`. Of notes: `OPERATION:inconclusive`.

    Mend: give back every buffer. The host releases request and reply through dealloc, free or __unpin, if exported.
    """
    for operation in bench.operations:
        requests = bench.replied(operation)
        if not requests:
            continue
        result = bench.costs.growth(requests)
        figures = bench.figures.setdefault(operation.value, {})
        figures["growth"] = round(result.bytes_per_call, 3)
        figures["growth_verdict"] = result.verdict
        figures["growth_calls"] = result.calls
        bench.memory_over_calls[operation.value] = (*result.steps, (result.calls, sum(b for _, b in result.steps[-1:])))
        if result.verdict == "leak":
            yield _leak(operation, result, released=bench.compiled.border.release is not None)
        elif result.failure is not None:
            yield msgspec.structs.replace(
                from_failure("MF403", f"{operation}:fails-when-reused", result.failure),
                message=f"{operation} fails on call {result.calls} of one instance: {result.failure.message}",
                expected="an instance that can be called over and over, as MockForge does",
                hint="a fresh instance answered every one of these requests: look for state that a call leaves behind",
            )
        elif result.verdict == "inconclusive":
            yield Finding(
                code="MF403",
                severity="note",
                detail=f"{operation}:inconclusive",
                message=f"{operation}: memory grew {result.events} times in {result.calls:,} calls, too few to judge",
            )


@check("MF404", "a refused memory.grow does not break the plugin", need="border")
def memory_pressure(bench: ModuleBench) -> Iterator[Finding]:
    """When memory cannot grow, `memory.grow` gives -1; an allocator that does not look corrupts what it has.

    Each operation gets a request of 256 KiB, once within the normal limit and once with no room to grow. To refuse
    or to trap by `unreachable` is right; another answer, an address outside memory or an access out of bounds is not.

    Source: contract 2.1 and 3.1; MockForge's `runtime` host stops at 10 MiB.

    Mend: check the allocator's result. Rust, TinyGo and AssemblyScript do, hand-made allocators often not.
    """
    info = bench.compiled.info
    initial = sum(memory.minimum_bytes for memory in info.memories)
    tight = msgspec.structs.replace(bench.limits, memory=max(initial, PAGE))
    for operation in bench.operations:
        request = _large_request(operation)
        bench.plugin.renew()
        free = bench.plugin.observe(request)
        if free.failure is not None and not isinstance(free.failure, Refusal):
            continue
        with bench.plugin.view(policy="call", limits=tight) as pressed:
            under = pressed.observe(request)
        problem = _pressure_problem(bench, free, under)
        if problem:
            yield Finding(
                code="MF404",
                severity="warning",
                detail=f"{operation}:{problem[0]}",
                message=f"{operation}: with no room to grow, {problem[1]}",
                expected="the same answer, a refusal, or a trap by unreachable",
                got=under.failure.message if under.failure is not None else "a reply that keeps the contract",
                hint="check what memory.grow gives: -1 means that there is no more",
            )


@check("MF405", "a call cut short by fuel does not break the next one", need="border")
def cut_short(bench: ModuleBench) -> Iterator[Finding]:
    """MockForge keeps the instance after a trap, so a call that was stopped half-way must not spoil the next.

    A call is stopped at half of its fuel, then the same request is made again on the same instance with all of it.

    Source: contract 2.1 and 3.1. The adapters set no fuel limit, the `runtime` host does; a warning, as most trapped
    guests cannot promise more than memory safety. Plugins that are declared stateful get a note.

    Mend: keep no half-changed global state; take what a call needs from its request.
    """
    severity = "note" if bench.subject.testfile.stateful else "warning"
    for operation in bench.operations:
        workload = bench.workload(operation)
        if workload is None:
            continue
        request = workload.requests[0]
        with bench.plugin.view(policy="kept") as plugin:
            before = plugin.observe(request)
            again = plugin.observe(request)
            if not bench.same_answer(before, again) or not again.fuel:
                continue
            plugin.interrupt(request, fuel=again.fuel // 2)
            after = plugin.observe(request)
        if not bench.same_answer(before, after):
            yield Finding(
                code="MF405",
                severity="note" if severity == "note" else "warning",
                detail=f"{operation}:spoilt",
                message=f"{operation} answers otherwise after a call that was cut short",
                expected=_short(before),
                got=_short(after),
                hint="keep no half-changed global state",
                request=before.request_bytes.decode("utf-8", "replace"),
            )


def _initial(bench: ModuleBench) -> int:
    initial = bench.identity["initial_memory"]
    assert isinstance(initial, int)
    return initial


def _leak(operation: Operation, result: Growth, *, released: bool) -> Finding:
    per_call = f"{result.bytes_per_call:,.1f} bytes a call"
    cause, mend = "", "release what each call allocates"
    if not released:
        cause, mend = "no-release", "export the release function that MockForge calls"
    elif result.events == result.calls:
        cause, mend = "every-call", "take new memory only where nothing is free"
    if result.failure is not None:
        per_call += ", until memory was full"
    return Finding(
        code="MF403",
        severity="error",
        detail=detail_of(operation.value, "leak", cause),
        message=f"{operation} leaks: memory grew {result.events} times in {result.calls:,} calls",
        expected="memory that levels off",
        got=f"{per_call}; {result.first_half:,} bytes in the first half, {result.second_half:,} in the second",
        hint=f"{mend}; the host keeps one instance for good",
    )


def _large_request(operation: Operation) -> Request:
    build, text = RequestBuilder(), "a" * _LARGE
    if operation is Operation.AUTHENTICATE:
        return build.auth(query={"q": text}, uri="/")
    if operation is Operation.TEMPLATE_FUNCTION:
        return build.template("mockforge_large", text)
    if operation is Operation.GENERATE_RESPONSE:
        return build.response("GET", "/", query={"q": text})
    return build.query(f"SELECT '{text}'")


def _pressure_problem(bench: ModuleBench, free: Observation, under: Observation) -> tuple[str, str] | None:
    failure = under.failure
    if isinstance(failure, GuestTrap) and failure.code in _CLEAN_ENDS:
        return None
    if isinstance(failure, AbiFailure):
        return failure.detail, "the border breaks"
    if isinstance(failure, GuestTrap):
        return failure.code, f"it traps by {failure.code}"
    if failure is not None:
        return "contract", "the reply breaks the contract"
    if free.reply_bytes is not None and not bench.same_answer(free, under):
        return "other-answer", "it answers otherwise"
    return None


def _short(observation: Observation) -> str:
    if observation.failure is not None:
        return observation.failure.message
    return (observation.reply_bytes or b"")[:200].decode("utf-8", "replace")
