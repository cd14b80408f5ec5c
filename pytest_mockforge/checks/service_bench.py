"""One service on the bench: whether it can be reached, what it speaks, and what MockForge's host would do with it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pytest_mockforge.additions import current
from pytest_mockforge.checks.bench import Bench, Need, without_hypothesis
from pytest_mockforge.checks.model import Figure, HostVerdict
from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.dialect_probe import Asked, Spoken
from pytest_mockforge.errors import LoadFailure, PluginFailure, RemoteFailure, SettingsError, SetupError, SpecError
from pytest_mockforge.hosts import remote
from pytest_mockforge.hosts.profile import VERSION
from pytest_mockforge.opening import hosts
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.service_subject import Endpoint, ServiceSubject

if TYPE_CHECKING:
    from pytest_mockforge.checks.road import Road


class ServiceBench(Bench):
    """One service on the bench."""

    subject: ServiceSubject

    def __init__(self, subject: ServiceSubject, *, limits: Limits, host: str, dialect: str = "auto") -> None:
        super().__init__(subject, limits=limits, host=host, dialect=dialect)
        subject.patience = limits.timeout
        self.gone = ""
        """The code of the check after which nothing was answered any more; empty while the service is there."""

    @cached_property
    def road(self) -> Road:
        """The service for whoever sends what MockForge never would. Raises LoadFailure when it cannot be reached."""
        from pytest_mockforge.runtimes.remote.service import RemoteRuntime

        runtime = self.subject.open_runtime(limits=self.limits, policy="item", host=self.host, services=HostServices())
        reached = self.subject.reached
        auth = reached.auth if isinstance(reached, Endpoint) else None
        dialect, secret = self.subject.dialect(self.dialect), auth.value if auth is not None else None
        if isinstance(runtime, RemoteRuntime):
            from pytest_mockforge.checks.road_http import HttpRoad

            return HttpRoad(runtime, dialect, secret)
        from pytest_mockforge.checks.road_grpc import GrpcRoad
        from pytest_mockforge.runtimes.remote.grpc import GrpcRuntime

        assert isinstance(runtime, GrpcRuntime)
        return GrpcRoad(runtime, dialect, secret)

    @property
    def is_added(self) -> bool:
        """True when an extension's runtime calls the service, which carries whole requests and nothing else."""
        return self.subject.protocol in current().runtimes

    @property
    def answers(self) -> bool:
        """True when anything at all is answered when the service is asked for its health."""
        return self.plugin.health() if self.is_added else self.road.answers()

    @cached_property
    def _contact(self) -> Spoken | LoadFailure | SetupError:
        """What the service makes of both dialects; or why it cannot be asked, which is the plugin's fault or ours."""
        try:
            return self.subject.spoken
        except LoadFailure as failure:
            return failure
        except (SpecError, SettingsError) as error:
            return LoadFailure(error.message, step="start", expected=error.expected, got=error.got, hint=error.hint)
        except SetupError as error:
            return error

    @property
    def unreached(self) -> LoadFailure | RemoteFailure | None:
        """Why there is nobody to call, or no call gets a whole answer; None when one does, whatever it says."""
        contact = self._contact
        if isinstance(contact, Spoken):
            return contact.unreached
        return contact if isinstance(contact, LoadFailure) else None

    @property
    def spoken(self) -> Spoken:
        """What the service makes of both dialects; only for checks that need it."""
        contact = self._contact
        if not isinstance(contact, Spoken):
            raise contact
        return contact

    @property
    def spoken_dialect(self) -> str:
        """The dialect that the service is tested in."""
        if self.subject.protocol == "grpc":
            return "host"
        return self.spoken.dialect if self.dialect == "auto" else self.dialect

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations that are there, and those that the author speaks of."""
        there = self.spoken.operations(self.spoken_dialect)
        return tuple(operation for operation in Operation if operation in there or operation in self.subject.declared)

    @property
    def reachable(self) -> bool:
        """True when somebody answers."""
        return isinstance(self._contact, Spoken) and self._contact.unreached is None

    @property
    def healthy(self) -> bool:
        """True when the host would call the service healthy (contract 1.7)."""
        return self.reachable and self.plugin.health()

    @cached_property
    def as_host(self) -> tuple[Asked, ...]:
        """What came of the host's own requests, one for each operation that is there."""
        return tuple(self.spoken.asked["host", operation] for operation in self.operations)

    @property
    def not_usable(self) -> str:
        """The first reason why MockForge's remote adapter could not use the service; empty when it could."""
        if self.subject.protocol == "grpc":
            return remote.NO_GRPC
        if self.is_added:
            return remote.no_client(self.subject.protocol)
        if not self.reachable:
            return "no call is answered"
        broken = [one for one in self.as_host if one.outcome not in ("answered", "refused")]
        return f"{broken[0].operation}: {remote.said(broken[0].exchange, broken[0].decoded)}" if broken else ""

    @property
    def loads(self) -> bool:
        """True when MockForge's remote adapter could use all that is there."""
        return self.host == "any" or (self.host == "adapter" and not self.not_usable)

    @property
    def verdicts(self) -> tuple[HostVerdict, ...]:
        """What each of MockForge's hosts would do: but for the adapter, they open WebAssembly modules only."""
        return tuple(self._verdict(name) for name in hosts() if name != "any")

    @property
    def content(self) -> bytes:
        """The SPEC's text: what a service is made of cannot be seen."""
        return self.subject.spec.text.encode()

    def missing(self, need: Need) -> str:
        """Say why a check with this need cannot be made, with the code of the cause; empty when it can."""
        if need == "search":
            return self.missing("operation") or without_hypothesis()
        if need == "nothing":
            return ""
        if isinstance(self._contact, SetupError):
            return f"{self._contact.message}: {self._contact.hint or 'it is not installed'}"
        if need == "road":
            return ""
        if not self.reachable:
            return "no call is answered, see MF601"
        if self.gone:
            return f"the service answers nothing any more, see {self.gone}"
        if need in ("operation", "raw") and not self.operations:
            return "no operation is there, see MF602"
        if need == "raw" and self.is_added:
            return f"nothing but whole requests can be sent over {self.subject.protocol}://"
        return ""

    def said_of_reply(self, decoded: Decoded) -> str:
        """Give what the remote adapter prints of a reply that it cannot use."""
        if self.spoken_dialect != "host" or self.host not in ("adapter", "any"):
            return ""
        return remote.said_of_reply(decoded) or ""

    def said_of_failure(self, operation: Operation, failure: PluginFailure) -> str:  # noqa: ARG002
        """Give what the remote adapter prints of a call that failed."""
        if self.spoken_dialect != "host" or self.host not in ("adapter", "any"):
            return ""
        return remote.said_of_failure(failure) or ""

    @cached_property
    def identity(self) -> dict[str, Figure]:
        """What is known of the service before it is called, for the report."""
        reachable = self.reachable
        there = self.operations if reachable else ()
        return {
            "language": self.subject.language,
            "adapter": "remote",
            "convention": self.subject.protocol,
            "dialect": self.spoken_dialect if reachable else None,
            "size": None,
            "host": self.host,
            "version": VERSION,
            "loads": self.loads,
            "mended": False,
            "refused": self.host not in ("adapter", "any"),
            "objection": "" if self.loads else self.not_usable or remote.ONLY_MODULES,
            "untested": ", ".join(op.value for op in Operation if op not in there) if reachable else "",
            "initial_memory": 0,
        }

    def close(self) -> None:
        """Close the connections of this bench; the service stays with its owner."""
        if "road" in self.__dict__:
            self.road.close()
            del self.__dict__["road"]
        super().close()

    def _verdict(self, host: str) -> HostVerdict:
        if host != "adapter":
            return HostVerdict(host=host, verdict="refused", reasons=(remote.ONLY_MODULES,), broken=1)
        reason = self.not_usable
        return HostVerdict(
            host=host,
            verdict="not callable" if reason else "accepted",
            reasons=(reason,) if reason else (),
            broken=1 if reason else 0,
        )
