"""A plugin under test that is a WebAssembly file: read and inspected, compiled on demand.

Nothing here raises because of a bad file: each failure is kept where a check can report it, so that one broken plugin
leaves the others alone. Knows nothing of pytest or checks.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pytest_mockforge.additions import current
from pytest_mockforge.contract.dialects import Dialect, HostDialect, dialect_named
from pytest_mockforge.contract.go_sdk_dialect import GoSdkDialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.manifest import find_module
from pytest_mockforge.errors import AdaptError, DocumentError, LoadFailure
from pytest_mockforge.runtimes.base import MIB, InstancePolicy, Limits, Runtime
from pytest_mockforge.runtimes.host_services import HostServices
from pytest_mockforge.runtimes.wasm.adapt import Wrapped, adapt, mendable
from pytest_mockforge.runtimes.wasm.cache import CompileCache
from pytest_mockforge.runtimes.wasm.conventions import Border, read_border
from pytest_mockforge.runtimes.wasm.engine import CompiledModule, metered_engine
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.language import HostRuntime, LanguageEvidence, detect_language, host_detection
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo
from pytest_mockforge.runtimes.wasm.runtime import WasmRuntime
from pytest_mockforge.runtimes.wasm.words import Words
from pytest_mockforge.spec import Spec
from pytest_mockforge.subject import Documents, Kind, Subject, read_documents

if TYPE_CHECKING:
    from pytest_mockforge.runtimes.component.engine import CompiledComponent

LARGEST_FILE = 256 * MIB
"""Bytes; a larger file is refused unread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mended:
    """A module as `adapt` gives it, and what that makes of it."""

    data: bytes
    wrapped: tuple[Wrapped, ...]
    info: ModuleInfo
    adapter: HostRuntime
    """What MockForge's detection takes it for."""
    border: Border


class ModuleSubject(Subject):
    """One module as its files describe it."""

    kind: ClassVar[Kind] = "module"

    def __init__(
        self, spec: Spec, *, cache: CompileCache | None, stack: int, documents: Documents | None = None
    ) -> None:
        super().__init__(spec, documents or read_documents(spec.folder, required=spec.kind == "folder"))
        self._cache = cache
        self._stack = stack
        self.module_path: Path | None = None
        self.data = b""
        self.info: ModuleInfo | None = None
        self.failure: LoadFailure | None = None
        """Why there is no `info`; None when the module was read."""
        try:
            self._read_module()
        except LoadFailure as failure:
            self.failure = failure
        self.evidence = LanguageEvidence(language="unknown")
        words = Words(self.data, cache)
        if self.info is not None:
            self.evidence = detect_language(self.info, self.data, words.find)
        elif self.failure is not None and self.failure.detail == "component":
            self.evidence = _component_language(self.data)
        self.adapter = host_detection(self.info, self.data, words.find)
        words.keep()

    @property
    def language(self) -> str:
        """What the module was built from, as far as it shows: rust, tinygo, go, assemblyscript, c, zig, … unknown."""
        return self.evidence.language

    @property
    def path(self) -> Path | None:
        """The module's file, where one was found."""
        return self.module_path

    @cached_property
    def component(self) -> CompiledComponent | LoadFailure | None:
        """The component ready to be instantiated, or why it cannot be; None for what is no component."""
        if self.failure is None or self.failure.detail != "component":
            return None
        from pytest_mockforge.runtimes.component.runtime import compile_component

        try:
            return compile_component(self.data, limits=Limits(stack=self._stack), cache=self._cache)
        except LoadFailure as failure:
            return failure

    def open_runtime(self, *, limits: Limits, policy: InstancePolicy, host: str, services: HostServices) -> Runtime:
        """Make what calls the module, or the component. Raises LoadFailure when it cannot be compiled."""
        component = self.component
        if component is not None:
            from pytest_mockforge.runtimes.component.runtime import ComponentRuntime

            if isinstance(component, LoadFailure):
                raise component
            return ComponentRuntime(component, limits=limits, policy=policy)
        compiled = self.compiled
        if isinstance(compiled, LoadFailure):
            raise compiled
        # MockForge never calls `_initialize`; a module with imports it refuses, so there is no host to be true to.
        initialize = host == "any" or bool(compiled.info.imports)
        return WasmRuntime(compiled, limits=limits, policy=policy, initialize=initialize, services=services)

    def dialect(self, asked: str) -> Dialect:
        """Give the host's dialect; that of the published Go SDK for a module that was built with it (contract 5.1).

        `auto` takes the host's where the module has an operation that the host could call.
        """
        if asked in current().dialects:
            return dialect_named(asked)
        border = self.border
        if border.sdk_operations and (asked == "sdk" or (asked == "auto" and not border.operations)):
            return GoSdkDialect()
        return HostDialect()

    @cached_property
    def compiled(self) -> CompiledModule | LoadFailure:
        """The module ready to be instantiated, as `adapt` gives it where that makes operations callable; or why not.

        Compiled when first asked for. A failure speaks of the module as it is in its file.
        """
        if self.info is None:
            return self.failure or LoadFailure("the module cannot be read", step="read")
        engine, mended = metered_engine(self._stack), self.mended
        folder = self.module_path.parent if self.module_path is not None else None
        if mended is not None:
            try:
                return CompiledModule(
                    engine, mended.info, mended.data, mended.border, self._cache, folder, before=self.data
                )
            except LoadFailure:
                # What is wrong with the adapted module is wrong with the original, and to be told of that one.
                pass
        try:
            return CompiledModule(engine, self.info, self.data, self.border, self._cache, folder)
        except LoadFailure as failure:
            return failure

    @cached_property
    def mended(self) -> Mended | None:
        """The module adapted in memory; None when that would change nothing, or cannot be done."""
        exports = self.info.exports if self.info is not None else ()
        names = {operation.value for operation in Operation}
        if not any(export.name in names and mendable(export.signature) for export in exports):
            return None
        try:
            adapted = adapt(self.data)
        except (AdaptError, LoadFailure):
            return None
        info = inspect_module(adapted.data)
        adapter = host_detection(info, adapted.data)
        border = read_border(info, adapter)
        return Mended(data=adapted.data, wrapped=adapted.wrapped, info=info, adapter=adapter, border=border)

    @property
    def convention(self) -> str:
        """How the module's own exports are called: one convention, `mixed`, or `none`; `component` for a component."""
        if self.component is not None:
            return "component"
        used: set[str] = set(self.border.operations.values())
        if self.mended is not None:
            used |= {one.was for one in self.mended.wrapped}
        if self.border.sdk_operations:
            used.add("go-sdk")
        return min(used, default="none") if len(used) < 2 else "mixed"

    @cached_property
    def border(self) -> Border:
        """What can be called and how; nothing at all where the module cannot be read."""
        return read_border(self.info or ModuleInfo(size=0), self.adapter)

    @property
    def exported(self) -> frozenset[Operation]:
        """Operations exported under their name, whatever the type."""
        names = {export.name for export in self.info.exports} if self.info else set()
        return frozenset(operation for operation in Operation if operation.value in names)

    def close(self) -> None:
        """Free the compiled module."""
        super().close()
        compiled = self.__dict__.pop("compiled", None)
        if isinstance(compiled, CompiledModule):
            compiled.close()
        component = self.__dict__.pop("component", None)
        if component is not None and not isinstance(component, LoadFailure):
            component.close()

    def _find_module(self) -> Path:
        if self.spec.kind != "folder":
            return self.spec.path
        try:
            return find_module(self.spec.path, self.manifest)
        except DocumentError as error:
            raise LoadFailure(
                error.message,
                step="read",
                detail=f"no-single-module:{error.cause}",
                expected=error.expected,
                got=error.got,
                hint=error.hint,
            ) from None

    def _read_module(self) -> None:
        self.module_path = self._find_module()
        self.data, state = _read_file(self.module_path)
        if self._cache is not None:
            self._cache.recognise(self.module_path, state, self.data)
        if self.spec.kind == "text":
            self.data = _assemble(self.data, self.module_path)
        self.info = inspect_module(self.data)


def _component_language(data: bytes) -> LanguageEvidence:
    from pytest_mockforge.runtimes.component.inspection import describe_component

    try:
        return describe_component(data).language
    except LoadFailure:
        return LanguageEvidence(language="unknown")


def _read_file(path: Path) -> tuple[bytes, os.stat_result]:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise LoadFailure(f"{path} is not a regular file", step="read", detail="not-a-file")
            if state.st_size > LARGEST_FILE:
                raise LoadFailure(
                    f"{path} is too large",
                    step="read",
                    detail="too-large",
                    expected=f"at most {LARGEST_FILE:,} bytes",
                    got=f"{state.st_size:,}",
                    hint="MockForge's own loader stops at 10 MiB",
                )
            return file.read(), os.fstat(descriptor)
    except OSError as error:
        raise LoadFailure(
            f"{path} cannot be read: {error.strerror or error}", step="read", detail="cannot-be-read"
        ) from None


def _assemble(text: bytes, path: Path) -> bytes:
    import wasmtime

    try:
        return bytes(wasmtime.wat2wasm(text.decode("utf-8")))
    except (wasmtime.WasmtimeError, UnicodeDecodeError) as error:
        raise LoadFailure(f"{path} is not WebAssembly text: {error}", step="read", detail="does-not-assemble") from None
