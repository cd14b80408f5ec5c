"""Gathers what is known of a module, a component or a broken file; what others found out, judged by them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from pytest_mockforge.checks.model import HostVerdict
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.commands.inspect import model
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.files import shown
from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.hosts.manifest_parsers import verdicts
from pytest_mockforge.hosts.profile import VERSION
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.runtimes.component.inspection import ComponentInfo, describe_component
from pytest_mockforge.runtimes.wasm.binary import MAX_SECTIONS, PREAMBLE_SIZE, SECTION_NAMES, MalformedError, Reader
from pytest_mockforge.runtimes.wasm.externs import MemoryType
from pytest_mockforge.runtimes.wasm.language import host_trace
from pytest_mockforge.runtimes.wasm.module_info import ModuleInfo
from pytest_mockforge.runtimes.wasm.preamble import MAGIC

_COMPONENT_SECTIONS = {
    0: "custom", 1: "core module", 2: "core instance", 3: "core type", 4: "component", 5: "instance", 6: "alias",
    7: "type", 8: "canon", 9: "start", 10: "import", 11: "export", 12: "value",
}  # fmt: skip


def facts_of(bench: ModuleBench) -> model.Facts:
    """Gather everything; no operation is called."""
    subject = bench.subject
    component, info, failure = _component(subject), subject.info, breakage(bench)
    is_component = _is_component(subject)
    return model.Facts(
        file=str(subject.module_path or subject.spec.path),
        kind="component" if is_component else "module" if info is not None else "unreadable",
        size=len(subject.data),
        sha256=hashlib.sha256(subject.data).hexdigest() if subject.data else None,
        problem=_problem(failure) if failure is not None else None,
        notes=tuple(_notes(subject, component)),
        language=model.Language(name=subject.language, evidence=subject.evidence.evidence),
        detection=model.Detection(adapter=subject.adapter, because=host_trace(info, subject.data)),
        calls=_calls(subject),
        memories=tuple(_memories(info)),
        memory_exports=tuple(one.name for one in info.exports if one.kind == "memory") if info is not None else (),
        contents=_contents(info, component),
        producers=dict(info.producers) if info is not None else {},
        exports=_exports(info, component),
        imports=_imports(info, component),
        sections=tuple(_sections(subject.data, _COMPONENT_SECTIONS if is_component else SECTION_NAMES)),
        mockforge=VERSION,
        hosts=tuple(_host(bench, verdict) for verdict in bench.verdicts),
        manifest=_manifest(subject),
    )


def breakage(bench: ModuleBench) -> LoadFailure | None:
    """Why the file is no module or component that an engine takes; None where it is one."""
    subject = bench.subject
    is_component = _is_component(subject)
    if subject.failure is not None and not is_component:
        return subject.failure
    opened = subject.component if is_component else subject.compiled
    return opened if isinstance(opened, LoadFailure) and opened.step in ("read", "compile") else None


def _is_component(subject: ModuleSubject) -> bool:
    return subject.failure is not None and subject.failure.detail == "component"


def _component(subject: ModuleSubject) -> ComponentInfo | None:
    if not _is_component(subject):
        return None
    try:
        return describe_component(subject.data)
    except LoadFailure:
        return None


def _problem(failure: LoadFailure) -> model.Problem:
    return model.Problem(
        message=failure.message,
        step=failure.step,
        detail=failure.detail,
        expected=failure.expected,
        got=failure.got,
        hint=failure.hint,
    )


def _notes(subject: ModuleSubject, component: ComponentInfo | None) -> Iterator[str]:
    read = component or subject.info
    yield from read.problems if read is not None else ()
    opened = subject.component
    if isinstance(opened, LoadFailure):
        yield from () if opened.step in ("read", "compile") else (opened.message,)
    elif opened is not None:
        yield from (f"{operation} is exported as {given}" for operation, given in opened.faults.items())


def _calls(subject: ModuleSubject) -> model.Calls:
    opened = subject.component
    if opened is not None:
        there = frozenset[Operation]() if isinstance(opened, LoadFailure) else opened.operations
        operations = {operation.value: "component" for operation in Operation if operation in there}
        return model.Calls(convention="component", operations=operations, allocator=None, release=None, adapt={})
    border, mended = subject.border, subject.mended
    ways: dict[Operation, str] = {**border.operations, **dict.fromkeys(border.sdk_operations, "go-sdk")}
    return model.Calls(
        convention=subject.convention,
        operations={operation.value: ways[operation] for operation in Operation if operation in ways},
        allocator=border.family.allocate if border.family is not None else None,
        release=border.release,
        adapt={one.export: one.was for one in mended.wrapped} if mended is not None else {},
    )


def _memories(info: ModuleInfo | None) -> Iterator[model.Memory]:
    if info is None:
        return
    for one in info.imports:
        if isinstance(one.type, MemoryType):
            yield _memory(one.type, f"{one.module}::{one.name}")
    for memory in info.memories:
        yield _memory(memory, None)


def _memory(memory: MemoryType, imported: str | None) -> model.Memory:
    return model.Memory(
        imported=imported,
        minimum=memory.minimum_bytes,
        maximum=memory.maximum * memory.page_size if memory.maximum is not None else None,
        shared=memory.shared,
        is64=memory.is64,
    )


def _contents(info: ModuleInfo | None, component: ComponentInfo | None) -> model.Contents:
    if component is not None:
        return model.Contents(modules=component.modules)
    if info is None:
        return model.Contents()
    return model.Contents(
        functions=info.functions,
        types=len(info.types),
        tables=len(info.tables),
        globals=info.globals,
        start=info.start,
        code=info.code_size,
        data_segments=info.data_segments,
        data=info.data_size,
    )


def _exports(info: ModuleInfo | None, component: ComponentInfo | None) -> tuple[model.Export, ...]:
    if component is not None:
        return tuple(model.Export(name=one.name, kind=one.kind, type=None) for one in component.exports)
    exports = info.exports if info is not None else ()
    return tuple(model.Export(name=one.name, kind=one.kind, type=_type(one.type)) for one in exports)


def _imports(info: ModuleInfo | None, component: ComponentInfo | None) -> tuple[model.Import, ...]:
    if component is not None:
        return tuple(model.Import(module=None, name=one.name, kind=one.kind, type=None) for one in component.imports)
    imports = info.imports if info is not None else ()
    return tuple(model.Import(module=one.module, name=one.name, kind=one.kind, type=_type(one.type)) for one in imports)


def _type(given: object) -> str | None:
    return str(given) if given is not None else None


def _sections(data: bytes, names: dict[int, str]) -> Iterator[model.Section]:
    """Give each section in file order, up to the first byte that does not hold together."""
    if not data.startswith(MAGIC) or len(data) < PREAMBLE_SIZE:
        return
    view = memoryview(data)
    reader = Reader(view, PREAMBLE_SIZE, len(view))
    try:
        for _ in range(MAX_SECTIONS):
            if not reader.left:
                return
            offset, number, size = reader.position, reader.byte(), reader.u32()
            start = reader.position
            reader.skip(size)
            own = _own_name(Reader(view, start, start + size)) if number == 0 else None
            yield model.Section(name=names.get(number, f"section {number}"), custom=own, offset=offset, size=size)
    except MalformedError:
        return


def _own_name(body: Reader) -> str | None:
    try:
        return body.name()
    except MalformedError:
        return None


def _host(bench: ModuleBench, verdict: HostVerdict) -> model.Host:
    objections = tuple(
        model.HostObjection(
            rule=one.rule,
            detail=one.detail,
            severity=one.severity,
            refuses=one.refuses,
            message=one.message,
            expected=one.expected,
            got=one.got,
            says=one.host_message,
            hint=one.hint,
        )
        for one in bench.judged_by(verdict.host)
    )
    return model.Host(host=verdict.host, verdict=verdict.verdict, as_shipped=verdict.as_shipped, objections=objections)


def _manifest(subject: ModuleSubject) -> model.ManifestFacts | None:
    error, manifest = subject.manifest_error, subject.manifest
    if error is not None:
        return model.ManifestFacts(file=None, shape=None, problem=error.message, parsers=())
    if manifest is None:
        return None
    parsers = tuple(
        model.Parser(
            parser=one.parser,
            used_by=one.used_by,
            accepts=one.reason is None,
            reason=one.reason,
            warnings=one.warnings,
        )
        for one in verdicts(manifest.document)
    )
    return model.ManifestFacts(file=shown(manifest.path), shape=manifest.shape, problem=None, parsers=parsers)
