"""The plugin under test: typed calls over a runtime and a dialect, and what was seen of the last one.

Works in a REPL: knows nothing of pytest, checks or reports.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet, finalize

import msgspec

from pytest_mockforge.caller import Caller
from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import AuthResponse, DataResult, ResponseData
from pytest_mockforge.contract.requests import (
    AuthRequest,
    DataQuery,
    Request,
    ResolutionContext,
    ResponseRequest,
    TemplateCall,
)
from pytest_mockforge.errors import RequestError
from pytest_mockforge.observation import Observation
from pytest_mockforge.runtimes.base import InstancePolicy, Limits
from pytest_mockforge.runtimes.host_services import HostServices

if TYPE_CHECKING:
    from pytest_mockforge.contract.json_text import Json
    from pytest_mockforge.subject import Subject

Reply = TypeVar("Reply")


class Plugin(Caller):
    """One plugin under test.

    By default an instance serves one pytest item, or one Hypothesis example, and is replaced after a trap. `fresh()`
    and `reused()` give the same plugin under the other two ways.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        limits: Limits,
        host: str = "adapter",
        dialect: str = "auto",
        policy: InstancePolicy = "item",
        owns_subject: bool = False,
        services: HostServices | None = None,
    ) -> None:
        """Take a subject that something can be called of, else LoadFailure is raised, and what lies behind imports."""
        super().__init__(subject, limits=limits, host=host, dialect=dialect, policy=policy, services=services)
        self._views: WeakSet[Plugin] = WeakSet()
        """Whoever lets go of one frees it; one that is closed may be called again."""
        self.witness: Callable[[Request | None, Observation], None] | None = None
        """Told of each typed call, and of `call_raw` without a request; also of those that views make."""
        self._owns_subject = owns_subject

    @property
    def label(self) -> str:
        """The name this plugin goes by in ids and reports."""
        return self._subject.label

    @property
    def language(self) -> str:
        """What the plugin was built from, as far as it shows: rust, tinygo, go, assemblyscript, c, … or remote."""
        return self._subject.language

    @property
    def host(self) -> HostServices:
        """What the plugin finds behind its imports: configuration in, store and log out, Python functions."""
        return self._services

    @property
    def path(self) -> Path | None:
        """The module's file; None for a service."""
        return self._subject.path

    def authenticate(self, request: AuthRequest) -> AuthResponse:
        """Ask the plugin to authenticate a request (contract 1.3).

        Raises PluginFailure when the plugin traps, breaks the border or breaks the contract, and RequestError when
        the dialect cannot carry the request.
        """
        __tracebackhide__ = True
        return self._typed(request, AuthRequest, AuthResponse)

    def template_function(self, name: str, *args: object, context: ResolutionContext | None = None) -> Json:
        """Run a template function and give its value (contract 1.4). Raises Refusal when the plugin refuses."""
        __tracebackhide__ = True
        call = TemplateCall(function_name=name, args=args)
        if context is not None:
            call = msgspec.structs.replace(call, context=context)
        return self._answer(call).value

    def generate_response(self, request: ResponseRequest) -> ResponseData:
        """Ask the plugin for a response (contract 1.5). Raises as `authenticate` does."""
        __tracebackhide__ = True
        return self._typed(request, ResponseRequest, ResponseData)

    def query_datasource(self, query: DataQuery) -> DataResult:
        """Query the plugin's data (contract 1.6). Raises as `authenticate` does, and Refusal when it refuses."""
        __tracebackhide__ = True
        return self._typed(query, DataQuery, DataResult)

    def call_raw(self, operation: Operation | str, request: bytes, *, wire: bool = False) -> bytes:
        """Carry bytes in and bytes out: no encoding, no decoding, no contract. Raises PluginFailure but on a reply.

        `wire` is as `observe_bytes` has it.
        """
        __tracebackhide__ = True
        if type(operation) is not Operation:
            operation = Operation(operation)
        exchange = self._carry(operation, request, wire=wire)
        self.last = observation = Observation(exchange=exchange, decoded=None, host_seconds=0.0)
        # Bytes of a wire's own are no JSON that could be told.
        if self.witness is not None and not wire:
            self.witness(None, observation)
        if exchange.failure is not None:
            raise exchange.failure
        assert exchange.reply is not None
        return exchange.reply

    def observe(self, request: Request) -> Observation:
        """Make a call and give all that was seen; what the plugin does wrong is in `failure` and never raised.

        What a Python function raises that stands for an import is raised.
        """
        __tracebackhide__ = True
        started = perf_counter()
        payload = self._dialect.encode(request)
        observation = self._observe(request.operation, payload, perf_counter() - started)
        if self.witness is not None:
            self.witness(request, observation)
        return observation

    def observe_bytes(
        self, operation: Operation, payload: bytes, known: Observation | None = None, *, wire: bool = False
    ) -> Observation:
        """Make a call with a request that is already written, well or not, and give all that was seen.

        A reply that is byte for byte the one of `known`, an earlier call of the operation, is not read again. With
        `wire` the bytes travel as they are over gRPC too, which else takes JSON and makes its message of it.
        """
        __tracebackhide__ = True
        return self._observe(operation, payload, 0.0, known, wire=wire)

    def fresh(self) -> Plugin:
        """Give the same plugin with a new instance for every single call."""
        return self.view(policy="call")

    def reused(self) -> Plugin:
        """Give the same plugin with one instance that is kept also after a trap, as MockForge keeps it (2.1)."""
        return self.view(policy="kept")

    def view(self, *, policy: InstancePolicy = "item", limits: Limits | None = None) -> Plugin:
        """Give the same compiled plugin under another policy or other limits; closed with this one at the latest.

        Raises SetupError after `close`.
        """
        self._subject.require_open()
        view = Plugin(
            self._subject,
            limits=limits if limits is not None else self.limits,
            host=self._host,
            dialect=self._asked_dialect,
            policy=policy,
            services=self._services,
        )
        view._printed = self._printed
        view.witness = self.witness
        self._views.add(view)
        # Else each test that makes a view and never closes it would keep an instance until the run ends.
        finalize(view, view._runtime.close).atexit = False
        return view

    def configure(self, *, limits: Limits, host: str, dialect: str) -> None:
        """Take other limits, another host's rules and another dialect from the next call on; views keep theirs."""
        if dialect != self._asked_dialect:
            self._asked_dialect = dialect
            self.__dict__.pop("_dialect", None)
        if limits != self.limits or host != self._host:
            self._runtime.close()
            self._host = host
            self._runtime = self._open_runtime(limits)

    def renew(self) -> None:
        """Make the next call start in a fresh instance."""
        self._runtime.renew()

    def close(self) -> None:
        """Free the instances; calling again does nothing. A plugin from `load` cannot be called afterwards."""
        self._close(for_good=self._owns_subject)
        if self._owns_subject:
            self._subject.close()

    def __enter__(self) -> Plugin:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Plugin {self.label} ({self.language})>"

    def _close(self, *, for_good: bool) -> None:
        for view in tuple(self._views):
            view._close(for_good=for_good)
        self._runtime.close(for_good=for_good)

    def _typed(self, request: Request, wanted: type[Request], model: type[Reply]) -> Reply:
        __tracebackhide__ = True
        if not isinstance(request, wanted):
            raise RequestError(
                f"{wanted.operation} wants a request of its own kind",
                expected=wanted.__name__,
                got=type(request).__name__,
                hint="build it with mockforge_request, or with pytest_mockforge.RequestBuilder",
            )
        reply = self._answer(request).reply
        assert isinstance(reply, model)
        return reply

    def _answer(self, request: Request) -> Decoded:
        __tracebackhide__ = True
        observation = self.observe(request)
        if observation.failure is not None:
            raise observation.failure
        assert observation.decoded is not None
        return observation.decoded
