"""One module on the bench: what MockForge's hosts would do with it, and how far it can be run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import get_args

from pytest_mockforge.checks.bench import Bench, Need, without_hypothesis
from pytest_mockforge.checks.model import Figure, HostVerdict
from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import ExtensionError, ExtensionWarning, LoadFailure, PluginFailure
from pytest_mockforge.hosts.common import broken_rule, unreadable
from pytest_mockforge.hosts.messages import EXECUTION, failed_call
from pytest_mockforge.hosts.objections import Objection, Rule, capped
from pytest_mockforge.hosts.profile import VERSION, Candidate, Files, profile
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.opening import hosts
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.wasm.engine import CompiledModule
from pytest_mockforge.runtimes.wasm.instance import GuestInstance

_NEEDS: tuple[Need, ...] = get_args(Need)
_STOPS: Mapping[Rule, tuple[Need, str]] = {
    "read": ("binary", "MF101"),
    "component": ("core", "MF116"),
    "damage": ("whole", "MF117"),
    "compile": ("module", "MF102"),
}
"""What a file lacks that breaks a rule of reading or compiling, and the check that reports it."""
_REASONS = 3
"""Reasons kept of each host's verdict; the findings of a run under that host have them all."""


class ModuleBench(Bench):
    """One module on the bench."""

    subject: ModuleSubject

    def __init__(self, subject: ModuleSubject, *, limits: Limits, host: str, dialect: str = "auto") -> None:
        super().__init__(subject, limits=limits, host=host, dialect=dialect)

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
            language=subject.language,
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
        return tuple(one for name in hosts() if name != "any" and (one := self._verdict_of(name)) is not None)

    def _verdict_of(self, name: str) -> HostVerdict | None:
        """Give one host's verdict; None where its rules, an extension's, break off."""
        try:
            return _verdict(name, self.judged_by(name))
        except ExtensionError as error:
            if name == self.host:
                raise
            warnings.warn(f"mockforge: no verdict of host {name!r}: {error}", ExtensionWarning, stacklevel=1)
            return None

    @property
    def loads(self) -> bool:
        """True when the host would load the module and could call every operation that it has."""
        return not any(objection.severity == "error" for objection in self.objections)

    @property
    def calls_as_adapter(self) -> bool:
        """True when it can be said what MockForge prints of a failed call: the words of its adapters.

        A module that imports anything never comes so far there.
        """
        info = self.subject.info
        spoken = self.subject.dialect(self.dialect).name
        return self.host in ("adapter", "any") and info is not None and not info.imports and spoken == "host"

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

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations that can be called, in the order of the contract."""
        component = self.subject.component
        if component is not None:
            there = () if isinstance(component, LoadFailure) else component.operations
            return tuple(operation for operation in Operation if operation in there)
        border = self.compiled.border
        callable_: Mapping[Operation, object] = border.sdk_operations if self.speaks_sdk else border.operations
        return tuple(operation for operation in Operation if operation in callable_)

    @property
    def speaks_sdk(self) -> bool:
        """True when the module is tested as the published Go SDK has it, which no host calls (contract 5.1)."""
        return self.subject.dialect(self.dialect).name == "sdk"

    @property
    def reachable(self) -> bool:
        """True when the module, or the component, can be called."""
        if self.subject.component is not None:
            return bool(self.operations)
        return self.instantiation is None

    @property
    def content(self) -> bytes:
        """The module's bytes."""
        return self.subject.data

    def missing(self, need: Need) -> str:
        """Say why a check with this need cannot be made, with the code of the cause; empty when it can."""
        if need == "search":
            return self.missing("operation") or without_hypothesis()
        if need in ("nothing", "road"):
            return ""
        if need == "operation" and self.subject.component is not None:
            return "" if self.operations else "no operation of the component can be called, see MF119"
        failure = self.instantiation
        if isinstance(failure, LoadFailure) and failure.step in ("read", "compile"):
            lacking, code = _STOPS[broken_rule(failure)]
            return f"the module cannot be loaded, see {code}" if _NEEDS.index(need) >= _NEEDS.index(lacking) else ""
        if need not in ("operation", "border"):
            return ""
        if failure is not None:
            linked = not (isinstance(failure, LoadFailure) and failure.step == "link")
            return f"the module cannot be {'instantiated, see MF107' if linked else 'linked, see MF103'}"
        border = self.compiled.border
        if not self.operations:
            return "no operation can be called, see MF106"
        if border.memory is None:
            return "no memory to pass a request in, see MF104"
        return "" if border.family else "no allocator to pass a request in, see MF105"

    def said_of_reply(self, decoded: Decoded) -> str:
        """Give what the adapter prints of a reply that it cannot use."""
        return EXECUTION + decoded.host_message if decoded.host_message and self.calls_as_adapter else ""

    def said_of_failure(self, operation: Operation, failure: PluginFailure) -> str:
        """Give what the adapter prints of a call that failed."""
        return (failed_call(operation, failure) or "") if self.calls_as_adapter else ""

    @cached_property
    def identity(self) -> dict[str, Figure]:
        """What is known of the plugin before it is called, for the report."""
        subject = self.subject
        compiled = subject.compiled
        failed = isinstance(compiled, LoadFailure) and not self.reachable
        return {
            "language": subject.language,
            "adapter": subject.adapter,
            "dialect": None if (spoken := subject.dialect(self.dialect).name) == "host" else spoken,
            "convention": None if subject.info is None and subject.component is None else subject.convention,
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
