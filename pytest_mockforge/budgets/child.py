"""The process in which time is measured: modules on the plain engine, called in batches as the run says.

Nothing ends a guest on that engine, so a guest that does not return ends this process: a timer that the kernel keeps
does it, and so does the run. Orders come in and answers go out as JSON, a line each. Knows no budget.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import signal
import statistics
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import BinaryIO, NamedTuple

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import MockforgeError, PluginFailure
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm.cache import CompileCache
from pytest_mockforge.runtimes.wasm.conventions import FAMILIES, Adapter, read_border
from pytest_mockforge.runtimes.wasm.engine import CompiledModule, close_engines, plain_engine
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.timed import Laps, TimedInstance

_SET_DEATH_SIGNAL = 1
Answer = dict[str, object]
Order = Mapping[str, object]


class Workload(NamedTuple):
    """The requests of one operation, and where they lie with the driver."""

    operation: Operation
    payloads: list[bytes]
    placed: list[tuple[int, int]]
    """Empty where calls are made step by step."""


class Bench:
    """What was loaded, and the requests that it is called with."""

    def __init__(self, limits: Limits, cache: CompileCache | None) -> None:
        self._limits = limits
        self._cache = cache
        self._instances: dict[str, TimedInstance] = {}
        self._modules: list[CompiledModule] = []
        self._workloads: dict[str, Workload] = {}

    def load(self, order: Order) -> Answer:
        """Compile a module and make the one instance that all its calls go to, as MockForge keeps one.

        With `room` for requests the driver is to make the calls; the answer says whether it can.
        """
        data = Path(str(order["file"])).read_bytes()
        info = inspect_module(data)
        engine = plain_engine(self._limits.stack)
        module = CompiledModule(engine, info, data, read_border(info, _adapter(str(order["adapter"]))), self._cache)
        self._modules.append(module)
        instance = TimedInstance(module, self._limits, initialize=bool(order["initialize"]))
        self._instances[str(order["name"])] = instance
        room = int(str(order["room"]))
        try:
            return {"direct": bool(room) and instance.open_driver(room)}
        except MockforgeError:
            # An engine without several memories.
            return {"direct": False}

    def workload(self, order: Order) -> Answer:
        """Keep the requests of one operation, encoded."""
        given = order["payloads"]
        assert isinstance(given, list)
        payloads = [base64.b64decode(payload) for payload in given]
        placed = self._instances[str(order["name"])].place(payloads) if order["direct"] else []
        self._workloads[str(order["workload"])] = Workload(Operation(str(order["operation"])), payloads, placed)
        return {}

    def warm(self, order: Order) -> Answer:
        """Make calls that are not measured, step by step, and give the reply to each request; then driven ones.

        `direct` in the answer is False where the driver fails although the steps do not; the instance is spoilt then.
        """
        operation, payloads, placed = self._workloads[str(order["workload"])]
        instance, until = self._instances[str(order["name"])], perf_counter() + float(str(order["seconds"]))
        replies: list[str | None] = [None] * len(payloads)
        taken: list[float] = []
        copies: list[Laps] = []
        for number in range(int(str(order["calls"]))):
            started = perf_counter()
            reply, laps = instance.timed(operation, payloads[number % len(payloads)])
            taken.append(perf_counter() - started)
            copies.append(laps)
            replies[number % len(payloads)] = base64.b64encode(reply).decode()
            if perf_counter() > until:
                break
        try:
            for offset, length in placed[: len(taken)]:
                instance.drive(operation, offset, length)
        except PluginFailure:
            return {"direct": False}
        return {"direct": bool(placed), "replies": replies, "copies": copies, "seconds": statistics.median(taken)}

    def batch(self, order: Order) -> Answer:
        """Make calls that are measured, the first of them uncounted: it finds the caches full of others' code."""
        operation, payloads, placed = self._workloads[str(order["workload"])]
        instance, count = self._instances[str(order["name"])], len(payloads)
        until = perf_counter() + float(str(order["seconds"]))
        first = int(str(order["first"]))
        start, end = first - int(str(order["uncounted"])), first + int(str(order["calls"]))
        taken: list[float] = []
        failure = ""
        gc.disable()
        try:
            for number in range(start, end):
                if placed:
                    seconds = instance.drive(operation, *placed[number % count])
                else:
                    seconds = instance.timed(operation, payloads[number % count])[1].guest
                if number >= first:
                    taken.append(seconds)
                if perf_counter() > until:
                    break
        except PluginFailure as caught:
            failure = caught.message
        finally:
            gc.enable()
        return {"taken": taken, "failure": failure}

    def close(self) -> None:
        """Free what was loaded."""
        for instance in self._instances.values():
            instance.close()
        for module in self._modules:
            module.close()
        close_engines()


def main() -> None:
    """Answer orders until there are no more."""
    # Whatever prints, a panic of the engine too, goes to standard error and not between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _die_with_the_run()
    orders = sys.stdin.buffer
    settings = json.loads(orders.readline())
    cache = CompileCache(Path(settings["cache"])) if settings["cache"] else None
    bench = Bench(Limits(**settings["limits"]), cache)
    _answer(answers, {"ready": True})
    for line in orders:
        order = json.loads(line)
        _set_timer(float(order["patience"]))
        try:
            answer: Answer = getattr(bench, order["do"])(order)
        except MockforgeError as error:
            answer = {"failure": error.message}
        _set_timer(0.0)
        _answer(answers, answer)
    bench.close()


def _answer(answers: BinaryIO, answer: Answer) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _adapter(name: str) -> Adapter:
    return next(family.adapter for family in FAMILIES if family.adapter == name)


def _set_timer(seconds: float) -> None:
    """Let the kernel end this process after so many seconds, guest or not; 0 for never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _die_with_the_run() -> None:
    """End on the timer whatever the run does with its signals; and, on Linux, when the run ends without a word."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    if sys.platform.startswith("linux"):
        with suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)


if __name__ == "__main__":
    main()
