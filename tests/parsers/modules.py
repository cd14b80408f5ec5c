"""The parsers of modules and what tells of their lines, each with good data for it."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import wasmtime

from pytest_mockforge.budgets.variants import layout_variants
from pytest_mockforge.errors import MockforgeError
from pytest_mockforge.runtimes.component.inspection import describe_component
from pytest_mockforge.runtimes.wasm.adapt import adapt
from pytest_mockforge.runtimes.wasm.conventions import FAMILIES, read_border
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from pytest_mockforge.runtimes.wasm.language import detect_language, host_detection
from pytest_mockforge.runtimes.wasm.source_lines import SourceLines
from tests.conftest import ROOT
from tests.engines import quiet_config
from tests.hostile_cases import cases, wasm_bytes
from tests.mutations import Seeds
from tests.parsers.judging import Parser, json_seeds, shown

_FIXTURES = ROOT / "fixtures"


def _module(data: bytes, _folder: Path) -> None:
    host_detection(None, data)
    info = inspect_module(data)
    detect_language(info, data)
    host_detection(info, data)
    for family in FAMILIES:
        read_border(info, family.adapter)
    assert isinstance(info.function_names, Mapping)
    assert isinstance(info.producers, Mapping)
    for export in info.exports:
        assert export.type_text
    for imported in info.imports:
        assert imported.type_text
    assert all(problem.strip() for problem in info.problems)


def _adapt(data: bytes, _folder: Path) -> str:
    """Adapt a module, whose result is as valid as the module was."""
    adapted = adapt(data).data
    if adapted == data:
        return "left as it is"
    if not _is_valid(data):
        return "adapted, not valid before"
    assert _is_valid(adapted), f"adapt broke {shown(data)}"
    assert adapt(adapted).data == adapted
    return "adapted and valid"


def _variants(data: bytes, _folder: Path) -> str:
    modules = layout_variants(data, 3).modules
    if len(modules) == 1:
        return "left as it is"
    if not _is_valid(data):
        return "laid out, not valid before"
    assert all(map(_is_valid, modules)), f"another layout broke {shown(data)}"
    return "laid out and valid"


@cache
def _engine() -> wasmtime.Engine:
    return wasmtime.Engine(quiet_config())


def _is_valid(data: bytes) -> bool:
    try:
        wasmtime.Module.validate(_engine(), data)
    except wasmtime.WasmtimeError:
        return False
    return True


def _lines(data: bytes, folder: Path) -> None:
    for before in (None, data[: len(data) // 2]):
        lines = SourceLines(data, folder, before)
        for offset in (0, 100, len(data), 2**40):
            assert len(lines.locate(offset)) < 300


def _source_map(data: bytes, folder: Path) -> None:
    (folder / "a.map").write_bytes(data)
    module = b"\0asm\x01\0\0\0\0\x17\x10sourceMappingURL\x05a.map\x0a\x04\x01\x02\x00\x0b"
    lines = SourceLines(module, folder)
    for offset in (0, 5, 100, 2**40):
        lines.locate(offset)


@cache
def _small_modules() -> Seeds:
    made = [wasm_bytes(case.name) for case in cases()] + [base64.b64decode(text) for text in _with_dwarf()]
    made += [(_FIXTURES / name / "plugin.wasm").read_bytes() for name in ("out-pointer", "reference/c", "source-map")]
    return Seeds("wasm", [data for data in made if data and len(data) < 30_000])


@cache
def _adaptable_modules() -> Seeds:
    found = [data for data in _small_modules().data if _is_adapted(data)]
    return Seeds(
        "wasm",
        found,
        (
            b"\x60\x02\x7f\x7f\x02\x7f\x7f",
            b"\x0ftarget_features",
            b"\x0f__stack_pointer\x03\x00",
            b"\x13authenticate.packed\x00\x00",
        ),
    )


def _is_adapted(data: bytes) -> bool:
    with contextlib.suppress(MockforgeError):
        return bool(adapt(data).wrapped)
    return False


@cache
def _dwarf_modules() -> Seeds:
    made = [base64.b64decode(text) for text in _with_dwarf()]
    return Seeds("wasm", [*made, (_FIXTURES / "source-map" / "plugin.wasm").read_bytes()])


def _with_dwarf() -> Sequence[str]:
    from tests.unit.test_source_lines import TRAP_C

    return [*TRAP_C.values()]


@cache
def _components() -> Seeds:
    texts = sorted((_FIXTURES / "component").glob("*.wat"))
    made = [bytes(wasmtime.wat2wasm(path.read_text("utf-8"))) for path in texts]
    return Seeds("wasm", made)


@cache
def _source_maps() -> Seeds:
    text = (_FIXTURES / "source-map" / "plugin.wasm.map").read_bytes()
    plain = {"version": 3, "sources": ["a.ts", "b.ts"], "names": [], "mappings": "CAAC,GAEC,OACA;AAAA"}
    return json_seeds(
        [text, json.dumps(plain).encode()], words=(b"AAAA,", b"gggggggggggggggggggg", b"D", b";", b"AACA" * 500)
    )


PARSERS = (
    Parser(name="module", feed=_module, seeds=_small_modules),
    Parser(name="component", feed=lambda data, _folder: describe_component(data), seeds=_components),
    Parser(name="adapt", feed=_adapt, seeds=_adaptable_modules),
    Parser(name="layout variants", feed=_variants, seeds=_adaptable_modules),
    Parser(name="line tables", feed=_lines, seeds=_dwarf_modules),
    Parser(name="source map", feed=_source_map, seeds=_source_maps),
)
