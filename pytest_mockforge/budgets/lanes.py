"""What is called in turn: a module in one variant, the null plugin, a service. Knows no statistics."""

from __future__ import annotations

import base64
import gc
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Protocol, cast

from pytest_mockforge.budgets.calibrate import null_module
from pytest_mockforge.budgets.child_process import ChildEndedError, ChildProcess
from pytest_mockforge.budgets.side import ModuleCode, Side
from pytest_mockforge.budgets.variants import layout_variants
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import PluginFailure
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm.conventions import read_border
from pytest_mockforge.runtimes.wasm.inspection import inspect_module

_WARM_ROUNDS = 3
"""Rounds of the workload before anything is measured."""
_COMPILE_PER_BYTE = 2e-5
"""Seconds that compiling may take for each byte of a module on a machine under load, beyond `_COMPILE`."""
_COMPILE = 60.0
_CONNECTIONS = 3


class LaneError(Exception):
    """Calls cannot go on; the text is one line for a verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Warmed:
    """What the calls before the measurement showed."""

    seconds: float
    """The median call, all of it."""
    replies: tuple[bytes | None, ...] = ()
    """By request; None where time was too short to ask."""
    connect: tuple[float, ...] = ()
    copy_in: tuple[float, ...] = ()
    copy_out: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What a few calls took, in seconds, a figure each."""

    guest: Sequence[float] = ()
    connect: Sequence[float] = ()
    failure: str = ""
    """What ended the batch early."""


class Lane(Protocol):
    """One of those that are called in turn. Both methods raise LaneError where calls cannot go on."""

    def warm_up(self, operation: Operation, seconds: float) -> Warmed:
        """Make calls that are not measured, for about so many seconds at most."""
        ...

    def batch(self, operation: Operation, first: int, calls: int, uncounted: int, seconds: float) -> Batch:
        """Make calls that are measured, `first` being the number of the first, and some uncounted ones before."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """The lanes of one side."""

    lanes: tuple[Lane, ...]
    null: Lane | None = None
    layouts: str = ""
    """Why a module has one lane only."""


@dataclass(kw_only=True, slots=True)
class _Road:
    """How the calls of one side and of its null plugin are made."""

    direct: bool = True
    """By the driver in one go; False where that was found not to work, and calls are made step by step."""
    room: int = 0


class Lanes:
    """All lanes of one measurement, and the child that modules share; a context manager."""

    def __init__(
        self, sides: Sequence[Side], *, variants: int, limits: Limits, cache: Path | None, patience: float
    ) -> None:
        self._variants = variants
        self._limits = limits
        self._cache = cache
        self.names = itertools.count()
        self._child: ChildProcess | None = None
        self._views: list[Plugin] = []
        self.patience = patience
        self._opened = {side.label: self._open(side) for side in sides if not side.problem}

    def of(self, side: Side) -> Opened:
        """Give the lanes of a side."""
        return self._opened[side.label]

    def child(self) -> ChildProcess:
        """Give the child, started when there is none. Raises LaneError when it does not come up."""
        if self._child is None:
            try:
                self._child = ChildProcess(self._limits, self._cache)
            except ChildEndedError as error:
                raise LaneError(str(error)) from None
        return self._child

    def ask(self, order: dict[str, object], patience: float) -> dict[str, object]:
        """Ask the child; whatever it cannot do is a LaneError, and a child that ended is replaced by the next one."""
        try:
            answer = self.child().ask(order, patience=patience)
        except ChildEndedError as error:
            self.close_child()
            raise LaneError(str(error)) from None
        if answer.get("failure") and "taken" not in answer:
            raise LaneError(str(answer["failure"]))
        return answer

    def close_child(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def __enter__(self) -> Lanes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close_child()
        for view in self._views:
            view.close()

    def _open(self, side: Side) -> Opened:
        if side.module is None:
            assert side.service is not None
            view = side.service.reused()
            self._views.append(view)
            return Opened(lanes=(_ServiceLane(side, view),))
        made = layout_variants(side.module.data, self._variants)
        lengths = [len(side.dialect.encode(one)) for some in side.requests.values() for one in some]
        road = _Road(room=sum(lengths) + 1)
        border = read_border(inspect_module(side.module.data), side.module.adapter)
        null = ModuleCode(data=null_module(border, max(lengths, default=0)), adapter=side.module.adapter)
        return Opened(
            lanes=tuple(_ModuleLane(self, side, replace(side.module, data=data), road) for data in made.modules),
            null=_ModuleLane(self, side, null, road),
            layouts=made.reason if self._variants > 1 else "",
        )


class _ModuleLane:
    """One module in one layout, loaded into the child when it is first called there."""

    def __init__(self, lanes: Lanes, side: Side, code: ModuleCode, road: _Road) -> None:
        self._lanes = lanes
        self._side = side
        self._code = code
        self._road = road
        self._name = ""
        self._known: set[str] = set()
        self._loaded: tuple[ChildProcess, bool] | None = None

    def warm_up(self, operation: Operation, seconds: float) -> Warmed:
        if not self._ready():
            self._load()
        calls = _WARM_ROUNDS * len(self._side.requests[operation])
        order: dict[str, object] = {"do": "warm", "calls": calls}
        answer = self._ask(order | self._workload(operation), seconds)
        if self._road.direct and not answer["direct"]:
            # The host swallows what a release does wrong, and the driver does not: from now on without it.
            self._road.direct = False
            return self.warm_up(operation, seconds)
        replies = cast("list[str | None]", answer["replies"])
        _, copy_in, copy_out = zip(*cast("list[list[float]]", answer["copies"]), strict=True)
        return Warmed(
            seconds=float(str(answer["seconds"])),
            replies=tuple(base64.b64decode(reply) if reply is not None else None for reply in replies),
            copy_in=copy_in,
            copy_out=copy_out,
        )

    def batch(self, operation: Operation, first: int, calls: int, uncounted: int, seconds: float) -> Batch:
        if not self._ready():
            # Another side ended the child that was warm.
            self.warm_up(operation, seconds / 4)
        order: dict[str, object] = {"do": "batch", "first": first, "calls": calls, "uncounted": uncounted}
        answer = self._ask(order | self._workload(operation), seconds)
        return Batch(guest=cast("list[float]", answer["taken"]), failure=str(answer["failure"]))

    def _ask(self, order: dict[str, object], seconds: float) -> dict[str, object]:
        return self._lanes.ask(order | {"seconds": seconds}, self._lanes.patience + seconds)

    def _ready(self) -> bool:
        return self._loaded == (self._lanes.child(), self._road.direct)

    def _load(self) -> None:
        child = self._lanes.child()
        self._name = str(next(self._lanes.names))
        file = child.folder / f"{self._name}.wasm"
        file.write_bytes(self._code.data)
        order: dict[str, object] = {"do": "load", "name": self._name, "file": str(file), "adapter": self._code.adapter}
        order |= {"initialize": self._code.initialize, "room": self._road.room if self._road.direct else 0}
        answer = self._lanes.ask(order, _COMPILE + _COMPILE_PER_BYTE * len(self._code.data))
        self._road.direct = bool(answer["direct"])
        self._loaded, self._known = (child, self._road.direct), set()

    def _workload(self, operation: Operation) -> dict[str, object]:
        """Name the requests in an order, once the child has them."""
        workload = f"{self._name}/{operation}"
        named: dict[str, object] = {"name": self._name, "workload": workload}
        if workload not in self._known:
            payloads = [self._side.dialect.encode(request) for request in self._side.requests[operation]]
            encoded = [base64.b64encode(payload).decode() for payload in payloads]
            order: dict[str, object] = {"do": "workload", "operation": operation.value, "direct": self._road.direct}
            self._lanes.ask(order | named | {"payloads": encoded}, self._lanes.patience)
            self._known.add(workload)
        return named


class _ServiceLane:
    """A service, called from this process over a connection that is kept."""

    def __init__(self, side: Side, plugin: Plugin) -> None:
        self._side = side
        self._plugin = plugin

    def warm_up(self, operation: Operation, seconds: float) -> Warmed:
        payloads = self._payloads(operation)
        until = perf_counter() + seconds
        replies: list[bytes | None] = [None] * len(payloads)
        taken, connect = [], []
        with self._plugin.fresh() as fresh:
            for _ in range(_CONNECTIONS):
                exchange = fresh.invoke(operation, payloads[0])
                connect.append(exchange.wire.connect_seconds if exchange.wire is not None else 0.0)
                if perf_counter() > until:
                    break
        for number in range(_WARM_ROUNDS * len(payloads)):
            exchange = self._plugin.invoke(operation, payloads[number % len(payloads)])
            if exchange.failure is not None:
                raise LaneError(exchange.failure.message)
            replies[number % len(payloads)] = exchange.reply
            taken.append(exchange.guest_seconds)
            if perf_counter() > until:
                break
        return Warmed(seconds=sorted(taken)[len(taken) // 2], replies=tuple(replies), connect=tuple(connect))

    def batch(self, operation: Operation, first: int, calls: int, uncounted: int, seconds: float) -> Batch:
        payloads, until = self._payloads(operation), perf_counter() + seconds
        guest: list[float] = []
        connect: list[float] = []
        failure: PluginFailure | None = None
        collecting = gc.isenabled()
        gc.disable()
        try:
            for number in range(first - uncounted, first + calls):
                exchange = self._plugin.invoke(operation, payloads[number % len(payloads)])
                failure = exchange.failure
                if failure is not None:
                    break
                if number >= first:
                    guest.append(exchange.guest_seconds)
                    connect.append(exchange.wire.connect_seconds if exchange.wire is not None else 0.0)
                if perf_counter() > until:
                    break
        finally:
            if collecting:
                gc.enable()
        return Batch(guest=guest, connect=connect, failure=failure.message if failure is not None else "")

    def _payloads(self, operation: Operation) -> list[bytes]:
        return [self._side.dialect.encode(request) for request in self._side.requests[operation]]
