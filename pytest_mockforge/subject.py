"""What one SPEC leads to before the first call: the files beside the plugin, and whatever carries bytes to it.

A bad file raises nothing: each failure is kept where a check can report it, so that one broken plugin leaves the others
alone. Knows nothing of pytest or checks.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pytest_mockforge.contract.dialects import Dialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.manifest import Manifest, find_manifest, read_manifest, require_manifest
from pytest_mockforge.documents.testfile import EMPTY, TestFile, read_testfile
from pytest_mockforge.errors import DocumentError
from pytest_mockforge.runtimes.base import InstancePolicy, Limits, Runtime, closed
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.spec import Spec

Kind = Literal["module", "service"]
"""What a plugin is: a WebAssembly file, or a service behind HTTP or gRPC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Documents:
    """The files that stand beside a plugin."""

    manifest: Manifest | None = None
    manifest_error: DocumentError | None = None
    testfile: TestFile = EMPTY
    testfile_error: DocumentError | None = None


class Subject(ABC):
    """One plugin under test as its files describe it."""

    kind: ClassVar[Kind]

    def __init__(self, spec: Spec, documents: Documents) -> None:
        self.spec = spec
        self.label = spec.label
        self.manifest = documents.manifest
        self.manifest_error = documents.manifest_error
        self.testfile = documents.testfile
        self.testfile_error = documents.testfile_error
        self._closed = False

    @property
    @abstractmethod
    def language(self) -> str:
        """What the plugin was built from; `remote` for a service."""

    @property
    @abstractmethod
    def path(self) -> Path | None:
        """The plugin's file, where it is one."""

    @abstractmethod
    def open_runtime(self, *, limits: Limits, policy: InstancePolicy, host: str, services: HostServices) -> Runtime:
        """Make what carries bytes to the plugin. Raises LoadFailure when nothing can."""

    @abstractmethod
    def dialect(self, asked: str) -> Dialect:
        """Give the JSON shapes to speak with the plugin, where `asked` is one of `opening.dialects()`."""

    def require_open(self) -> None:
        """Raise SetupError after `close`."""
        if self._closed:
            raise closed()

    def close(self) -> None:
        """Give back what is held; calling again does nothing."""
        self._closed = True

    @property
    def declared(self) -> frozenset[Operation]:
        """Operations that the manifest or a sample speaks of."""
        declared = self.manifest.operations if self.manifest else frozenset()
        return declared | {sample.operation for sample in self.testfile.samples}


def read_documents(folder: Path | None, *, required: bool = False) -> Documents:
    """Read `plugin.yaml`, `required` or not, and `plugin.test.yaml`; what is wrong with them is part of the result."""
    manifest, manifest_error = None, None
    testfile, testfile_error = EMPTY, None
    if folder is None:
        return Documents()
    try:
        path = require_manifest(folder) if required else find_manifest(folder)
        if path is not None:
            manifest = read_manifest(path)
    except DocumentError as error:
        manifest_error = error
    beside = folder / "plugin.test.yaml"
    try:
        # A link that leads nowhere is there: left out in silence, its samples would not be missed.
        if os.path.lexists(beside):
            testfile = read_testfile(beside)
    except DocumentError as error:
        testfile_error = error
    return Documents(manifest=manifest, manifest_error=manifest_error, testfile=testfile, testfile_error=testfile_error)


def is_service(spec: Spec, documents: Documents) -> bool:
    """Tell a service from a module: by its address, by `start:` or `remote:`, or by an endpoint in its manifest."""
    if spec.kind != "folder":
        return bool(spec.address)
    if documents.testfile.start is not None or documents.testfile.remote is not None:
        return True
    remote = documents.manifest.remote if documents.manifest is not None else None
    return remote is not None and remote.endpoint is not None
