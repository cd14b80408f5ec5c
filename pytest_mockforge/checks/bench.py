"""The work that checks share for one plugin: its verdict, its calls on samples and realistic requests.

Each piece is done when first asked for and kept, so that a check costs the same alone or among others. Knows nothing
of pytest or of how results are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pytest_mockforge.checks.model import Figure, HostVerdict
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import realistic_requests
from pytest_mockforge.contract.replies import AuthResponse, DataResult, ResponseData
from pytest_mockforge.contract.requests import Request, from_mapping
from pytest_mockforge.documents.expectation import matches, without_volatile
from pytest_mockforge.documents.testfile import Sample
from pytest_mockforge.errors import LimitExceeded, LoadFailure, PluginFailure, Refusal, RequestError
from pytest_mockforge.hosts.common import unreadable
from pytest_mockforge.hosts.objections import Objection, capped
from pytest_mockforge.hosts.profile import VERSION, Candidate, Files, profile
from pytest_mockforge.opening import HOSTS
from pytest_mockforge.plugin_under_test import Observation, Plugin
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm.engine import CompiledModule
from pytest_mockforge.runtimes.wasm.instance import GuestInstance
from pytest_mockforge.subject import Subject

_HOPELESS = 2
"""Calls of one operation that may run into a limit before the rest of its requests is left out."""
_REASONS = 3
"""Reasons kept of each host's verdict; the findings of a run under that host have them all."""


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
        return was_accepted(self.observation)

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


class Bench:
    """One plugin on the bench."""

    def __init__(self, subject: Subject, *, limits: Limits, host: str) -> None:
        self.subject = subject
        self.limits = limits
        self.host = host
        self.figures: dict[str, dict[str, Figure]] = {}
        """Where the running check puts what it measured, by operation."""

    @property
    def label(self) -> str:
        """The plugin's name in ids and reports."""
        return self.subject.label

    @cached_property
    def objections(self) -> tuple[Objection, ...]:
        """Every rule of the host that the module breaks."""
        return self.judged_by(self.host)

    def judged_by(self, host: str) -> tuple[Objection, ...]:
        """Every rule of one host that the plugin breaks."""
        rules, candidate = profile(host), self._candidate
        files = self._files if isinstance(candidate, LoadFailure) else candidate.files
        objections = list(rules.judge_files(files))
        if isinstance(candidate, LoadFailure):
            objections.append(unreadable(candidate, files, rules.not_compiled(files)))
        else:
            objections += rules.judge(candidate)
        return capped(objections)

    @cached_property
    def _files(self) -> Files:
        """The plugin as a host meets it before it opens the module."""
        subject = self.subject
        bare = subject.spec.kind != "folder"
        has_manifest = subject.manifest is not None or subject.manifest_error is not None
        folder = subject.spec.path.parent if bare else subject.spec.path
        return Files(
            data=subject.data,
            adapter=subject.adapter,
            language=subject.language.language,
            manifest=subject.manifest,
            manifest_error=subject.manifest_error,
            folder=folder if has_manifest or not bare else None,
            bare=bare,
        )

    @cached_property
    def _candidate(self) -> Candidate | LoadFailure:
        """The module as it is in its file, for a host to judge; or why it is none."""
        subject, failure = self.subject, self.instantiation
        if subject.info is None or (isinstance(failure, LoadFailure) and failure.step == "compile"):
            assert isinstance(failure, LoadFailure)
            return failure
        return Candidate(
            files=self._files,
            info=subject.info,
            border=subject.border,
            failure=failure,
            declared=subject.declared,
        )

    @cached_property
    def mended_by_adapt(self) -> bool:
        """True when the host takes the module as `adapt` gives it, and not as it is."""
        mended, candidate = self.subject.mended, self._candidate
        if self.loads or mended is None or isinstance(candidate, LoadFailure):
            return False
        files = replace(candidate.files, data=mended.data, adapter=mended.adapter)
        adapted = replace(candidate, files=files, info=mended.info, border=mended.border)
        objections = (*profile(self.host).judge_files(files), *profile(self.host).judge(adapted))
        return not any(objection.severity == "error" for objection in objections)

    @cached_property
    def verdicts(self) -> tuple[HostVerdict, ...]:
        """What each of MockForge's hosts would do with the plugin."""
        return tuple(_verdict(name, self.judged_by(name)) for name in HOSTS if name != "any")

    @property
    def loads(self) -> bool:
        """True when the host would load the module and could call every operation that it has."""
        return not any(objection.severity == "error" for objection in self.objections)

    @property
    def calls_as_adapter(self) -> bool:
        """True when it can be said what MockForge prints of a failed call: the words of its adapters.

        A module that imports anything never comes so far there.
        """
        return self.host in ("adapter", "any") and self.subject.info is not None and not self.subject.info.imports

    @cached_property
    def instantiation(self) -> PluginFailure | None:
        """What went wrong on the way to an instance, its imports being traps; None when nothing did."""
        compiled = self.subject.compiled
        if isinstance(compiled, LoadFailure):
            return compiled
        try:
            GuestInstance(compiled, self.limits, initialize=False).close()
        except PluginFailure as failure:
            return failure
        return None

    @property
    def compiled(self) -> CompiledModule:
        """The compiled module; only for checks that need it."""
        compiled = self.subject.compiled
        if isinstance(compiled, LoadFailure):
            raise compiled
        return compiled

    @cached_property
    def plugin(self) -> Plugin:
        """The plugin under the default policy: a fresh instance after a trap."""
        return Plugin(self.subject, limits=self.limits, host=self.host)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations that can be called, in the order of the contract."""
        return tuple(operation for operation in Operation if operation in self.compiled.border.operations)

    @cached_property
    def sample_errors(self) -> tuple[tuple[Sample, RequestError], ...]:
        """Samples whose request cannot be built, with the reason."""
        return tuple(self._built[1])

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
        hopeless = 0
        for name, request, sample in planned:
            self.plugin.renew()
            self.plugin.host.forget()
            try:
                observation = self.plugin.observe(request)
            except RequestError:
                # A sample that the dialect cannot carry is reported by the check on samples.
                continue
            trials.append(Trial(name=name, request=request, observation=observation, sample=sample))
            hopeless += isinstance(observation.failure, LimitExceeded)
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
        return not matches(one, other) and not matches(other, one)

    @cached_property
    def identity(self) -> dict[str, Figure]:
        """What is known of the plugin before it is called, for the report."""
        subject = self.subject
        compiled = subject.compiled
        failed = isinstance(compiled, LoadFailure)
        return {
            "language": subject.language.language,
            "adapter": subject.adapter,
            "convention": None if subject.info is None else subject.convention,
            "size": len(subject.data),
            "host": self.host,
            "version": VERSION,
            "loads": self.loads,
            "mended": self.mended_by_adapt,
            "refused": any(objection.refuses for objection in self.objections),
            "objection": next((o.message for o in self.objections if o.severity == "error"), ""),
            "untested": "" if failed else ", ".join(op.value for op in Operation if op not in self.operations),
            "initial_memory": sum(memory.minimum_bytes for memory in subject.info.memories) if subject.info else 0,
        }

    def close(self) -> None:
        """Free what the calls left behind; the subject stays with its owner."""
        if "plugin" in self.__dict__:
            self.plugin.close()
            del self.__dict__["plugin"]


def _verdict(name: str, objections: tuple[Objection, ...]) -> HostVerdict:
    errors = [objection for objection in objections if objection.severity == "error"]
    refusing = [objection for objection in errors if objection.refuses]
    reasons = tuple(dict.fromkeys(objection.message for objection in (*refusing, *errors)))
    return HostVerdict(
        host=name,
        verdict="refused" if refusing else "not callable" if errors else "accepted",
        reasons=reasons[:_REASONS],
        broken=len(reasons),
        as_shipped=profile(name).as_shipped,
    )


def was_accepted(observation: Observation) -> bool:
    """Tell whether a plugin said yes: authenticated, a 2xx, a value, or rows."""
    if observation.failure is not None:
        return False
    reply = observation.reply
    if isinstance(reply, AuthResponse):
        return reply.authenticated
    if isinstance(reply, ResponseData):
        return 200 <= reply.status_code < 300
    if isinstance(reply, DataResult):
        return bool(reply.rows)
    return True
