"""Adds samples to a `plugin.test.yaml` so that nothing else in it changes: no key, no comment, no line.

A file is put in place only after reading it proved that these samples came and all the rest stayed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents import yaml12
from pytest_mockforge.documents.expectation import MISSING, Missing
from pytest_mockforge.documents.testfile import Outcome, read_testfile
from pytest_mockforge.documents.yaml_text import flow
from pytest_mockforge.errors import DocumentError

_HEAD: Final = (
    "# What a test of this plugin needs to know. The samples were recorded; they are yours now.\nversion: 1\n"
)
_KEY = re.compile(r"samples:[ \t]*(?:\[[ \t]*\])?[ \t]*(?:#.*)?")
_EMPTY_LIST = re.compile(r"^(samples:)[ \t]*\[[ \t]*\]")
_ITEM = re.compile(r"( *)- ")
_NEXT_KEY = re.compile(r"[^\s#-]")
_SAYS_NOTHING = re.compile(r"[ \t]*(?:#.*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSample:
    """A sample that is to be written."""

    name: str
    operation: Operation
    request: dict[str, object]
    outcome: Outcome
    reply: object | Missing = MISSING


def sample_lines(samples: Sequence[NewSample], indent: str = "  ") -> list[str]:
    """Write samples as they stand under `samples:`."""
    lines = []
    for sample in samples:
        reply = "" if sample.reply is MISSING else f", reply: {flow(sample.reply)}"
        lines += [
            f"{indent}- name: {flow(sample.name)}",
            f"{indent}  operation: {sample.operation}",
            f"{indent}  request: {flow(sample.request)}",
            f"{indent}  expect: {{outcome: {sample.outcome}{reply}}}",
        ]
    return lines


def add_samples(path: Path, samples: Sequence[NewSample]) -> bool:
    """Add samples to a file, or make it; False where that cannot be done safely, and nothing was changed.

    Raises DocumentError for a file that cannot be read as it is, and OSError.
    """
    # A link is followed, so that what it leads to is changed and not the link.
    target = Path(os.path.realpath(path))
    there = target.exists()
    before: yaml12.JsonValue = yaml12.load(target).value if there else {"version": 1}
    text = target.read_bytes().decode("utf-8") if there else _HEAD
    if not isinstance(before, dict):
        return False
    beside = target.with_name(f".mockforge-{os.getpid()}.test.yaml")
    try:
        beside.write_bytes(_inserted(text, samples).encode())
        if not _only_added(before, beside, samples):
            return False
        if there:
            shutil.copymode(target, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return True


def _only_added(before: dict[str, yaml12.JsonValue], beside: Path, samples: Sequence[NewSample]) -> bool:
    try:
        after = yaml12.load(beside).value
        known = {sample.name: sample for sample in read_testfile(beside).samples}
    except DocumentError:
        return False
    old = before.get("samples") or []
    if not isinstance(after, dict) or not isinstance(old, list):
        return False
    now = after.get("samples")
    rest = {key: value for key, value in before.items() if key != "samples"}
    if not isinstance(now, list) or now[: len(old)] != old or len(now) != len(old) + len(samples):
        return False
    if {key: value for key, value in after.items() if key != "samples"} != rest:
        return False
    return all(
        (one.operation, one.request, one.outcome, one.reply)
        == (known[one.name].operation, known[one.name].request, known[one.name].outcome, known[one.name].reply)
        for one in samples
    )


def _inserted(text: str, samples: Sequence[NewSample]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = [line + newline for line in text.removesuffix(newline).split(newline)] if text else []
    at = next((index for index, line in enumerate(lines) if _KEY.fullmatch(line.rstrip())), None)
    if at is None:
        return "".join([*lines, *(f"{line}{newline}" for line in ("samples:", *sample_lines(samples)))])
    lines[at] = _EMPTY_LIST.sub(r"\1", lines[at])
    end = next((index for index in range(at + 1, len(lines)) if _NEXT_KEY.match(lines[index])), len(lines))
    indent = next((item[1] for line in lines[at + 1 : end] if (item := _ITEM.match(line))), "  ")
    # What is said before the next key is said of that key.
    while end > at + 1 and _SAYS_NOTHING.fullmatch(lines[end - 1].rstrip()):
        end -= 1
    added = [f"{line}{newline}" for line in sample_lines(samples, indent)]
    return "".join([*lines[:end], *added, *lines[end:]])
