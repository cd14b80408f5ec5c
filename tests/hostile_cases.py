"""The cases of `fixtures/hostile` for tests: the indexes as values, each module as bytes, each folder as files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import wasmtime

from fixtures.hostile.make import GOOD, expanded, folders, modules, render, replies


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of modules.yaml or replies.yaml; the head of modules.yaml tells what the columns mean."""

    name: str
    summary: str
    host: str
    load: Literal["ok", "read", "compile", "link", "instantiate"]
    call: tuple[str, ...]
    expect: tuple[str, ...]
    codes: frozenset[str]
    """Codes of errors, and those of warnings behind `warning:`."""
    findings: frozenset[str]
    """Code and detail of errors, of warnings behind `warning:`, and of the notes that matter behind `note:`."""


@cache
def cases() -> tuple[Case, ...]:
    """Give the modules, those with a wrong reply among them."""
    return tuple(
        Case(
            name=row.name,
            summary=row.summary,
            host=row.host,
            load=row.load,  # type: ignore[arg-type]  # a test holds each against wasmtime
            call=tuple(row.call) if row.load == "ok" else (),
            expect=tuple(row.expect),
            codes=frozenset(finding.partition(" ")[0] for finding in row.codes if finding[:5] != "note:"),
            findings=frozenset(row.codes),
        )
        for row in (*modules().values(), *replies().values())
    )


def case(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


@cache
def wasm_bytes(name: str) -> bytes:
    """Return the bytes that a `.wasm` file of this case holds."""
    made = render({**modules(), **replies(), "good": GOOD}[name])
    return bytes(wasmtime.wat2wasm(made)) if isinstance(made, str) else made


def write_wasm(name: str, folder: Path) -> Path:
    """Write the case as `NAME.wasm` into `folder`."""
    path = folder / f"{name}.wasm"
    path.write_bytes(wasm_bytes(name))
    return path


def write_folder(name: str, where: Path) -> Path:
    """Write the case of manifests.yaml as a folder NAME inside of `where`."""
    row = folders()[name]
    folder = where / name
    folder.mkdir()
    for file, text in row.files.items():
        (folder / file).write_bytes(expanded(text))
    for file, module in row.modules.items():
        (folder / file).write_bytes(wasm_bytes(module))
    return folder
