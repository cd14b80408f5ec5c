"""The work that checks share for one plugin: its verdict, its calls on samples and realistic requests.

Each piece is done when first asked for and kept, so that a check costs the same alone or among others. Knows nothing
of pytest or of how results are shown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from pytest_mockforge.budgets.model import Timing, Verdict
from pytest_mockforge.checks.costs import Costs
from pytest_mockforge.checks.model import Figure, HostVerdict
from pytest_mockforge.checks.references import Counterpart, Gate
from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import realistic_requests
from pytest_mockforge.contract.requests import Request, from_mapping
from pytest_mockforge.documents.expectation import differing, without_volatile
from pytest_mockforge.documents.testfile import Sample, TestFile
from pytest_mockforge.errors import LimitExceeded, PluginFailure, Refusal, RemoteFailure, RequestError
from pytest_mockforge.fuzz.model import FuzzOptions, FuzzReport
from pytest_mockforge.fuzz.outcomes import accepted
from pytest_mockforge.observation import Observation
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.runtimes.base import MIB, Limits
from pytest_mockforge.runtimes.host_services import HostServices, ImportedFunction
from pytest_mockforge.subject import Subject

if TYPE_CHECKING:
    from pytest_mockforge.checks.duel import Duel

Need = Literal["nothing", "road", "binary", "core", "whole", "module", "operation", "border", "search", "raw"]
"""What a check works on; where that is missing it is skipped and says so, as another code reports the cause. `road` is
the library that a service is called with; `binary` a file in the binary format, `core` one that is no component,
`whole` one without damage; `module` a module that loads, or a service that answers; `operation` one that can be
called; `border` one of a core module, whose memory can be looked into; `search` an operation, and Hypothesis;
`raw` an operation of a service that any bytes can be sent to."""

_HOPELESS = 2
"""Calls of one operation that may run into a limit before the rest of its requests is left out."""
_MOST_KEPT = 16 * MIB
"""Bytes of replies of one operation after which no further one of our own requests is made, as all are kept."""
_SLOW = ("timeout", "oversize")
"""How a service fails when each further call would take as long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One request that was made, and what was seen."""

    name: str
    request: Request
    observation: Observation
    sample: Sample | None = None

    @property
    def operation(self) -> Operation:
        """The operation that was called."""
        return self.request.operation

    @property
    def accepted(self) -> bool:
        """True when the plugin said yes: authenticated, a 2xx, a value, or rows."""
        return accepted(self.observation)

    @property
    def answered(self) -> bool:
        """True when the plugin gave a reply that keeps the contract, or refused as it may."""
        return self.observation.failure is None or isinstance(self.observation.failure, Refusal)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """The requests that stand for an operation wherever something is measured."""

    operation: Operation
    requests: tuple[Request, ...]
    only_refusals: bool
    """True when the plugin accepted none of them, so that figures say little."""


class Bench(ABC):
    """One plugin on the bench."""

    def __init__(self, subject: Subject, *, limits: Limits, host: str, dialect: str = "auto") -> None:
        self.subject = subject
        self.limits = limits
        self.host = host
        self.dialect = dialect
        self.functions: Sequence[ImportedFunction] = ()
        """What other packages let plugins import, beside what is always there."""
        self.figures: dict[str, dict[str, Figure]] = {}
        """Where the running check puts what it measured, by operation."""
        self.gate = Gate(budgets=subject.testfile.budgets)
        """What the plugin may cost; whoever opens the bench adds what the run asks for."""
        self.judged: list[Verdict] = []
        """Where the running check puts what came of its budget."""
        self.timings: dict[str, Timing] = {}
        """Where it puts the samples of time that it took, by operation."""
        self.timed: list[tuple[object, tuple[Timing, Timing]]] = []
        """All that was timed so far, of this side and another, each under what tells it apart."""
        self.memory_over_calls: dict[str, tuple[tuple[int, int], ...]] = {}
        """Where it puts how memory grew from call to call, by operation."""
        self.fuzz_options = FuzzOptions()
        """How long and from where to search; whoever asks for `fuzz` has set them."""
        self.progress: Callable[[str], None] | None = None
        """Told of a search that goes on, a line at a time."""
        self.counterpart: Counterpart | None = None
        """What the plugin is compared with; whoever opens the bench has set it where that is asked for."""
        self.uncarried: list[tuple[Sample, RequestError]] = []
        """Samples that the dialect cannot carry; complete once `survey` was asked for."""

    @property
    def label(self) -> str:
        """The plugin's name in ids and reports."""
        return self.subject.label

    @cached_property
    def plugin(self) -> Plugin:
        """The plugin under the default policy: a fresh instance after a trap."""
        services = HostServices(functions=self.functions)
        return Plugin(self.subject, limits=self.limits, host=self.host, dialect=self.dialect, services=services)

    @cached_property
    def costs(self) -> Costs:
        """What calls cost exactly, each measured when first asked for."""
        return Costs(self.plugin)

    @property
    @abstractmethod
    def operations(self) -> tuple[Operation, ...]:
        """The operations that can be called, in the order of the contract."""

    @property
    @abstractmethod
    def reachable(self) -> bool:
        """True when a call can be tried at all."""

    @property
    @abstractmethod
    def loads(self) -> bool:
        """True when the host would take the plugin and could call every operation that it has."""

    @property
    @abstractmethod
    def verdicts(self) -> tuple[HostVerdict, ...]:
        """What each of MockForge's hosts would do with the plugin."""

    @property
    @abstractmethod
    def content(self) -> bytes:
        """What the plugin is by its content, as far as that is at hand: equal content is fuzzed equally."""

    @cached_property
    def fuzz(self) -> FuzzReport:
        """What fuzzing found: one run, on which all checks of the family draw."""
        from pytest_mockforge.checks.fuzz_run import fuzzed

        return fuzzed(self)

    @cached_property
    def duel(self) -> Duel:
        """The plugin beside its reference; only where it has one."""
        from pytest_mockforge.checks.duel import Duel

        assert self.counterpart is not None
        return Duel(self, self.counterpart)

    @property
    def testfiles(self) -> tuple[TestFile, ...]:
        """What authors say of the plugin, and of the one that it was compared with."""
        others = (self.duel.reference.subject.testfile,) if "duel" in self.__dict__ else ()
        return (self.subject.testfile, *others)

    def unpaired(self, need: Need) -> str:
        """Say why a check that compares has nothing to compare with; empty when it has."""
        if self.counterpart is None:
            return "nothing is compared: add --mockforge-compare=SPEC"
        return self.duel.missing(need)

    @abstractmethod
    def missing(self, need: Need) -> str:
        """Say why a check with this need cannot be made, with the code of the cause; empty when it can."""

    @abstractmethod
    def said_of_reply(self, decoded: Decoded) -> str:
        """Give what MockForge prints of a reply that it cannot use; empty where that cannot be told."""

    @abstractmethod
    def said_of_failure(self, operation: Operation, failure: PluginFailure) -> str:
        """Give what MockForge prints of a call that failed; empty where that cannot be told."""

    @cached_property
    def sample_errors(self) -> tuple[tuple[Sample, RequestError], ...]:
        """Samples whose request cannot be built, with the reason."""
        return tuple(self._built[1])

    @cached_property
    def sample_requests(self) -> tuple[Request, ...]:
        """The requests of all samples that can be built."""
        return tuple(request for _, request in self._built[0])

    @cached_property
    def _built(self) -> tuple[list[tuple[Sample, Request]], list[tuple[Sample, RequestError]]]:
        built: list[tuple[Sample, Request]] = []
        failed: list[tuple[Sample, RequestError]] = []
        for sample in self.subject.testfile.samples:
            try:
                built.append((sample, from_mapping(sample.operation, sample.request)))
            except RequestError as error:
                failed.append((sample, error))
        return built, failed

    @cached_property
    def survey(self) -> Mapping[Operation, tuple[Trial, ...]]:
        """Samples and realistic requests of every callable operation, each called once, in order."""
        return {operation: self._survey(operation) for operation in self.operations}

    def _survey(self, operation: Operation) -> tuple[Trial, ...]:
        planned: list[tuple[str, Request, Sample | None]] = [
            (sample.name, request, sample) for sample, request in self._built[0] if sample.operation is operation
        ]
        planned += [(named.name, named.request, None) for named in realistic_requests(operation)]
        trials: list[Trial] = []
        hopeless = kept = 0
        for name, request, sample in planned:
            if sample is None and kept > _MOST_KEPT:
                break
            self.plugin.renew()
            self.plugin.host.forget()
            try:
                observation = self.plugin.observe(request)
            except RequestError as error:
                if sample is not None:
                    self.uncarried.append((sample, error))
                continue
            trials.append(Trial(name=name, request=request, observation=observation, sample=sample))
            kept += len(observation.reply_bytes or b"")
            hopeless += _ran_into_a_limit(observation.failure)
            if hopeless == _HOPELESS:
                break
        return tuple(trials)

    def workload(self, operation: Operation) -> Workload | None:
        """The requests to measure with: accepted samples, else accepted realistic ones, else whatever was answered.

        None when the plugin answers nothing at all.
        """
        trials = [trial for trial in self.survey.get(operation, ()) if trial.answered]
        samples = [trial for trial in trials if trial.sample is not None and trial.accepted]
        accepted = samples or [trial for trial in trials if trial.accepted]
        chosen = accepted or trials
        if not chosen:
            return None
        return Workload(
            operation=operation,
            requests=tuple(trial.request for trial in chosen),
            only_refusals=not accepted,
        )

    def replied(self, operation: Operation) -> tuple[Request, ...]:
        """The requests of the workload that got a reply, and not a refusal by a trap."""
        workload = self.workload(operation)
        good = {id(trial.request) for trial in self.survey.get(operation, ()) if trial.observation.failure is None}
        return tuple(request for request in workload.requests if id(request) in good) if workload else ()

    def same_answer(self, left: Observation, right: Observation) -> bool:
        """Tell whether two calls were answered alike, but for the fields that plugin.test.yaml calls volatile."""
        if left.reply_bytes == right.reply_bytes:
            return True
        if left.decoded is None or right.decoded is None or not (left.decoded.ok and right.decoded.ok):
            return False
        one, other = (
            without_volatile(seen.decoded and seen.decoded.value, seen.operation, self.subject.testfile.volatile)
            for seen in (left, right)
        )
        return not differing(one, other)

    @cached_property
    @abstractmethod
    def identity(self) -> dict[str, Figure]:
        """What is known of the plugin before it is called, for the report."""

    def rest(self) -> None:
        """Give back the memory that calls have grown to; the next call starts in a fresh instance."""
        if "plugin" in vars(self):
            self.plugin.renew()
            self.plugin.last = None

    def close(self) -> None:
        """Free what the calls left behind; the subject stays with its owner."""
        self.__dict__.pop("costs", None)
        if "duel" in self.__dict__:
            self.duel.close()
            del self.__dict__["duel"]
        if "plugin" in self.__dict__:
            self.plugin.close()
            del self.__dict__["plugin"]


def without_hypothesis() -> str:
    """Say why nothing can be searched; empty when it can."""
    if find_spec("hypothesis") is not None:
        return ""
    return "hypothesis is not installed: pip install 'pytest-mockforge[fuzz]'"


def _ran_into_a_limit(failure: PluginFailure | None) -> bool:
    return isinstance(failure, LimitExceeded) or (isinstance(failure, RemoteFailure) and failure.kind in _SLOW)
