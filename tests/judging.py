"""Modules written inline, judged by one host's rules through the same door as the checks."""

from __future__ import annotations

from pathlib import Path

import wasmtime

from pytest_mockforge.checks.model import Finding, HostVerdict
from pytest_mockforge.checks.module_bench import ModuleBench
from pytest_mockforge.checks.registry import find
from pytest_mockforge.hosts.objections import Objection
from pytest_mockforge.module_subject import ModuleSubject
from pytest_mockforge.runtimes.base import Limits
from pytest_mockforge.spec import parse_spec

MEMORY = '(memory (export "memory") 1 4)'
ALLOC = '(func (export "alloc") (param i32) (result i32) (i32.const 1024))'
FREE = '(func (export "dealloc") (param i32 i32))'
OPERATION = '(func (export "authenticate") (param i32 i32) (result i32 i32) (i32.const 8) (i32.const 2))'
ENTRIES = '(func (export "init")) (func (export "process"))'

MANIFEST = """
info:
  id: demo
  version: {major: 0, minor: 1, patch: 0}
  name: demo
  description: ""
  author: {name: Me}
capabilities: []
dependencies: {}
"""
"""The smallest manifest that parser A accepts (contract 7.2)."""


def module(
    *extra: str, memory: str = MEMORY, alloc: str = ALLOC, operation: str = OPERATION, entries: str = ENTRIES
) -> bytes:
    """Assemble a module that every host accepts, but for what is said otherwise; imports stand first in `extra`."""
    return bytes(wasmtime.wat2wasm(f"(module {' '.join(extra)} {memory} {alloc} {FREE} {operation} {entries})"))


def with_section(data: bytes, name: str, content: bytes = b"") -> bytes:
    """Append a custom section."""
    body = bytes([len(name)]) + name.encode() + content
    assert len(body) < 128
    return data + b"\0" + bytes([len(body)]) + body


def open_bench(
    folder: Path, data: bytes, *, host: str = "adapter", manifest: str | None = MANIFEST, name: str = "plugin.yaml"
) -> ModuleBench:
    """Put a plugin's folder together and open it; with None for a manifest, name the bare module."""
    (folder / "plugin.wasm").write_bytes(data)
    if manifest is not None:
        (folder / name).write_text(manifest, "utf-8")
    return reopen(folder / "plugin.wasm" if manifest is None else folder, host=host)


def reopen(path: Path, *, host: str) -> ModuleBench:
    """Open a plugin as it lies there."""
    subject = ModuleSubject(parse_spec(str(path), path.parent), cache=None, stack=Limits().stack)
    return ModuleBench(subject, limits=Limits(), host=host)


def judged(folder: Path, data: bytes, host: str, *, manifest: str | None = MANIFEST) -> tuple[Objection, ...]:
    """Give everything that a host says against a plugin, notes left out."""
    objections = open_bench(folder, data, host=host, manifest=manifest).objections
    return tuple(objection for objection in objections if objection.severity != "note")


def noted(folder: Path, data: bytes, host: str, *, manifest: str | None = MANIFEST) -> dict[str, Objection]:
    """Give the notes of a host by their detail."""
    objections = open_bench(folder, data, host=host, manifest=manifest).objections
    return {objection.detail: objection for objection in objections if objection.severity == "note"}


def said(folder: Path, data: bytes, host: str, *, manifest: str | None = MANIFEST) -> list[str | None]:
    """Give what a host would print of each rule that a plugin breaks."""
    return [objection.host_message for objection in judged(folder, data, host, manifest=manifest)]


def verdict(folder: Path, data: bytes, host: str, *, manifest: str | None = MANIFEST) -> HostVerdict:
    """Give the verdict of one host."""
    verdicts = open_bench(folder, data, manifest=manifest).verdicts
    return next(one for one in verdicts if one.host == host)


def found(folder: Path, data: bytes, code: str, *, host: str = "adapter") -> list[Finding]:
    """Run one check and give its findings."""
    return list(find(code).run(open_bench(folder, data, host=host)))
