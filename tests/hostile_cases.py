"""The hostile modules of `fixtures/hostile` for tests: the index as values, and each module as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import wasmtime
from ruamel.yaml import YAML

HOSTILE = Path(__file__).parent.parent / "fixtures" / "hostile"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the index; see the head of `fixtures/hostile/cases.yaml` for what the columns mean."""

    name: str
    file: str
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
    rows = YAML(typ="safe", pure=True).load((HOSTILE / "cases.yaml").read_text("utf-8"))
    return tuple(
        Case(
            name=row["file"].rpartition(".")[0],
            file=row["file"],
            summary=row["summary"],
            host=row["host"],
            load=row["load"],
            call=tuple(row.get("call", ["authenticate"])) if row["load"] == "ok" else (),
            expect=tuple(row["expect"]),
            codes=frozenset(finding.partition(" ")[0] for finding in row["codes"] if finding[:5] != "note:"),
            findings=frozenset(row["codes"]),
        )
        for row in rows
    )


def case(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


@cache
def wasm_bytes(name: str) -> bytes:
    """Return the bytes that a `.wasm` file of this case holds."""
    path = HOSTILE / case(name).file
    text = path.read_text("utf-8")
    if path.suffix == ".wat":
        return bytes(wasmtime.wat2wasm(text))
    if path.suffix == ".hex":
        return bytes.fromhex("".join(line.partition("#")[0] for line in text.splitlines()))
    return path.read_bytes()


def write_wasm(name: str, folder: Path) -> Path:
    """Write the case as `NAME.wasm` into `folder`."""
    path = folder / f"{name}.wasm"
    path.write_bytes(wasm_bytes(name))
    return path
