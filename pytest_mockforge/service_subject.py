"""A plugin under test that is a service: found at an address, started by a command, or an ASGI app in this process.

Reached when first asked for, so that a run which only collects starts nothing. Knows nothing of pytest or checks.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from pytest_mockforge.additions import current
from pytest_mockforge.contract.dialects import DIALECTS, Dialect, dialect_named
from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.runtimes.added import RuntimeRequest
from pytest_mockforge.runtimes.base import InstancePolicy, Limits, Runtime
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.spec import Spec
from pytest_mockforge.subject import Documents, Kind, Subject, read_documents

if TYPE_CHECKING:
    from pytest_mockforge.dialect_probe import Spoken
    from pytest_mockforge.runtimes.remote.answer import RemoteAuth
    from pytest_mockforge.runtimes.remote.asgi_app import AsgiApp
    from pytest_mockforge.services.launch import Service

Protocol: TypeAlias = str
"""`http`, `grpc`, `asgi`, or the scheme of an extension's runtime."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where a service answers, and what opens the door."""

    protocol: Protocol
    address: str
    """A URL, or MODULE:APP."""
    auth: RemoteAuth | None = None
    ca: Path | None = None
    app: AsgiApp | None = None
    """The app, where it runs in this process; closed with the subject."""
    process: Service | None = None
    """The process behind it, where this run started one; ended with the subject."""


class ServiceSubject(Subject):
    """One service as its address and its files describe it."""

    kind: ClassVar[Kind] = "service"

    def __init__(
        self,
        spec: Spec,
        *,
        documents: Documents,
        allow_commands: bool,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(spec, read_documents(_app_folder(spec)) if spec.kind == "asgi" else documents)
        self._allow_commands = allow_commands
        self._progress = progress
        self.patience = Limits().timeout
        """Seconds that a call may take which finds out what is spoken: those that were last asked for."""

    @property
    def language(self) -> str:
        """`remote`: what a service was built from does not show."""
        return "remote"

    @property
    def path(self) -> Path | None:
        """None: a service is no file."""
        return None

    @property
    def protocol(self) -> Protocol:
        """How the service is called, known before it is reached."""
        if self.spec.address:
            return self.spec.scheme if self.spec.kind == "added" else self.spec.kind
        if self.testfile.start is not None:
            return self.testfile.start.protocol
        if self.testfile.remote is not None:
            scheme = self.testfile.remote.url.partition(":")[0].lower()
            return scheme if scheme in current().runtimes else scheme.removesuffix("s")
        remote = self.manifest.remote if self.manifest is not None else None
        return "grpc" if remote is not None and remote.protocol == "grpc" else "http"

    @cached_property
    def reached(self) -> Endpoint | LoadFailure:
        """The service's address, started first where this run is to start it; or why there is none."""
        try:
            return self._reach()
        except LoadFailure as failure:
            return failure

    @cached_property
    def spoken(self) -> Spoken:
        """What the service answers in each dialect, tried once. Raises LoadFailure when there is no service."""
        from pytest_mockforge.dialect_probe import probe

        limits = Limits(timeout=self.patience)
        runtime = self.open_runtime(limits=limits, policy="item", host="adapter", services=HostServices())
        try:
            # Over gRPC there is one shape, plugin.proto, into which the host's JSON goes.
            dialects = ("host",) if self.protocol == "grpc" else (*DIALECTS, *current().dialects)
            return probe(runtime, self.testfile.samples, dialects)
        finally:
            runtime.close()

    @property
    def log(self) -> str:
        """What the process that this run started has printed so far, control characters included."""
        reached = self.__dict__.get("reached")
        return reached.process.log if isinstance(reached, Endpoint) and reached.process is not None else ""

    def restart(self) -> None:
        """Start the service anew, where this run started it; its port and what it speaks may change."""
        endpoint = self.__dict__.pop("reached", None)
        self.__dict__.pop("spoken", None)
        if isinstance(endpoint, Endpoint) and endpoint.process is not None:
            endpoint.process.restart()
            self.__dict__["reached"] = replace(endpoint, address=endpoint.process.url)

    def open_runtime(self, *, limits: Limits, policy: InstancePolicy, host: str, services: HostServices) -> Runtime:  # noqa: ARG002
        """Make what calls the service. Raises LoadFailure when it cannot be started."""
        self.require_open()
        self.patience = limits.timeout
        endpoint = self.reached
        if isinstance(endpoint, LoadFailure):
            raise endpoint
        if endpoint.protocol in (added := current().runtimes):
            secret = endpoint.auth.value if endpoint.auth is not None else None
            asked = RuntimeRequest(
                address=endpoint.address, label=self.label, limits=limits, policy=policy, secret=secret
            )
            return added[endpoint.protocol].open(asked)
        if endpoint.protocol == "grpc":
            from pytest_mockforge.runtimes.remote.grpc import GrpcRuntime

            return GrpcRuntime(
                endpoint.address,
                limits=limits,
                auth=endpoint.auth,
                ca=endpoint.ca,
                policy=policy,
                plugin_id=self.label,
            )
        if endpoint.app is not None:
            from pytest_mockforge.runtimes.remote.asgi import AsgiRuntime

            return AsgiRuntime(endpoint.app, limits=limits, auth=endpoint.auth, policy=policy, plugin_id=self.label)
        from pytest_mockforge.runtimes.remote.http import HttpRuntime

        return HttpRuntime(
            endpoint.address,
            limits=limits,
            auth=endpoint.auth,
            ca=endpoint.ca,
            policy=policy,
            plugin_id=self.label,
        )

    def dialect(self, asked: str) -> Dialect:
        """Give the dialect that was asked for, or the one that the service speaks."""
        if self.protocol == "grpc":
            from pytest_mockforge.proto.dialect import ProtoDialect

            return ProtoDialect()
        return dialect_named(self.spoken.dialect if asked == "auto" else asked)

    def close(self) -> None:
        """End what this run started."""
        super().close()
        reached = self.__dict__.pop("reached", None)
        if isinstance(reached, Endpoint) and reached.app is not None:
            reached.app.close()
        if isinstance(reached, Endpoint) and reached.process is not None:
            reached.process.stop()

    def _reach(self) -> Endpoint:
        if self.testfile.start is not None and self.spec.kind == "folder":
            return self._started()
        if self.spec.kind == "asgi":
            from pytest_mockforge.runtimes.remote.asgi_app import AsgiApp

            app = AsgiApp(self.spec.address, search=[self.spec.path])
            return Endpoint(protocol="asgi", address=self.spec.address, app=app)
        remote = self.testfile.remote if self.spec.kind == "folder" else None
        if remote is not None:
            auth = _secret(self.label, remote.auth.type, remote.auth.env) if remote.auth is not None else None
            return Endpoint(protocol=self.protocol, address=remote.url, auth=auth, ca=remote.ca)
        if self.spec.kind == "folder":
            assert self.manifest is not None
            assert self.manifest.remote is not None
            return Endpoint(protocol=self.protocol, address=_with_scheme(self.manifest.remote.endpoint, self.protocol))
        return Endpoint(protocol=self.protocol, address=self.spec.address)

    def _started(self) -> Endpoint:
        from pytest_mockforge.services.launch import launch

        start = self.testfile.start
        assert start is not None
        if not self._allow_commands:
            raise LoadFailure(
                f"{self.label} is started by a command, which was not allowed",
                step="start",
                got=f"start: in {self.testfile.path}",
                hint="pass --mockforge-allow-commands if you trust the file, as the command can do anything",
            )
        process = launch(start, label=self.label, progress=self._progress)
        return Endpoint(protocol=start.protocol, address=process.url, process=process)


def _with_scheme(endpoint: str | None, protocol: Protocol) -> str:
    """A manifest may write http:// for a gRPC service, or leave the scheme to `protocol` (contract 7.5)."""
    address = endpoint or ""
    if protocol == "grpc" and not address.startswith("grpc"):
        return "grpc" + address.removeprefix("http")
    return address


def _secret(label: str, kind: Literal["bearer", "api-key"], variable: str) -> RemoteAuth:
    from pytest_mockforge.runtimes.remote.answer import RemoteAuth

    value = os.environ.get(variable)
    if not value:
        raise LoadFailure(
            f"{label} needs the secret of the environment variable {variable!r}, which is not set",
            step="start",
            hint=f"set {variable}, or drop remote: auth: from plugin.test.yaml",
        )
    return RemoteAuth(kind=kind, value=value)


def _app_folder(spec: Spec) -> Path | None:
    """Give the folder of an app's module, without importing it; None where it cannot be found."""
    top, *inner = spec.address.partition(":")[0].split(".")
    places = [str(spec.path), *sys.path]
    for place in places:
        folder = Path(place or ".").joinpath(top, *inner)
        if folder.with_suffix(".py").is_file():
            return folder.parent
        if (folder / "__init__.py").is_file():
            return folder
    found = importlib.util.find_spec(top) if top not in sys.modules else None
    return Path(found.origin).parent if found is not None and found.origin and not inner else None
