"""Asks a plugin once more what a recording asked it, and says in which fields it answers otherwise now.

A call that cannot be asked again, or whose answer was not its own alone, is skipped with the reason; none is changed so
that it can be.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pytest_mockforge.checks.secrets import known_secrets
from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.json_text import parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.replies import Reply
from pytest_mockforge.differential.fields import fields_of, ways_to, written
from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.differences import AllowedDifference
from pytest_mockforge.documents.expectation import Mismatch, Volatile, differing
from pytest_mockforge.documents.testfile import TestFile
from pytest_mockforge.errors import PluginFailure, RequestError
from pytest_mockforge.fuzz.corpus_file import UnreadableCase, payload_bytes
from pytest_mockforge.fuzz.outcomes import outcome, said
from pytest_mockforge.masking import Redactor, placeholders
from pytest_mockforge.observation import Observation
from pytest_mockforge.plugin_under_test import Plugin
from pytest_mockforge.recording.line import RecordedCall
from pytest_mockforge.recording.reading import Distinct, RecordedLine, Recording
from pytest_mockforge.report.text import harmless
from pytest_mockforge.snapshot.differences import headline, shown

_LONGEST_REQUEST = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What came of one call; neither text is set where all was as recorded."""

    failure: str = ""
    skipped: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What was answered, then or now."""

    outcome: str
    told: str
    fields: object = None
    reply: Reply = None


def variable(name: str) -> str:
    """Name the environment variable that supplies a masked secret: `MOCKFORGE_SECRET_1` for `~secret.1~`."""
    return "MOCKFORGE_SECRET_" + re.sub(r"[^A-Z0-9]+", "_", name.upper())


def replay(plugin: Plugin, again: Distinct, *, recording: Recording, testfile: TestFile) -> Replayed:
    """Ask once more, in the plugin's current instance. `testfile` is the plugin's: its secrets, what is volatile."""
    lines = [line for line in again.lines if line.call.fresh or not testfile.stateful]
    if not lines:
        return Replayed(skipped="the plugin is stateful, and this call came after others when it was recorded")
    redactor = _redactor(lines[0].call, testfile)
    try:
        reason = _obstacle(lines, redactor, recording, testfile.volatile)
        if reason:
            return Replayed(skipped=reason)
        found = _asked_again(plugin, lines[0].call, redactor, testfile.volatile)
    except (RequestError, UnreadableCase) as error:
        return Replayed(skipped=f"it cannot be asked: {str(error).partition(chr(10))[0]}")
    return Replayed(failure=_text(lines[0], found, recording, redactor) if found else "")


def _redactor(call: RecordedCall, testfile: TestFile) -> Redactor:
    names = call.masked | (placeholders(payload_bytes(call.reply)) if call.reply is not None else frozenset())
    given = {name: os.environ[variable(name)] for name in names if os.environ.get(variable(name))}
    return Redactor({**known_secrets(testfile), **given})


def _obstacle(
    lines: Sequence[RecordedLine], redactor: Redactor, recording: Recording, volatile: Sequence[Volatile]
) -> str:
    """Say why a call cannot be asked again, or why no one answer of it is the right one."""
    call = lines[0].call
    if call.limited:
        return "it ran into a limit when it was recorded"
    missing = placeholders(redactor.restore([call.request, call.model]))
    if call.payload is not None:
        missing |= placeholders(redactor.restore_data(payload_bytes(call.payload)))
    if missing:
        named = ", ".join(map(variable, sorted(missing)))
        return f"a secret was masked in its request: set {named}, or name it in a sample of plugin.test.yaml"
    first = _recorded(call, redactor, (call.dialect,))
    for line in lines[1:]:
        if _between(first, _recorded(line.call, redactor, (call.dialect,)), call.operation, volatile):
            return f"it was answered in more than one way: {recording.place(lines[0])} and line {line.line}"
    return ""


def _asked_again(
    plugin: Plugin, call: RecordedCall, redactor: Redactor, volatile: Sequence[Volatile]
) -> list[Mismatch]:
    if call.operation not in plugin.operations:
        before = _recorded(call, redactor, (call.dialect,))
        return [Mismatch(pointer="", expected=before.told, got=f"{plugin.label} has no {call.operation}")]
    asked = call.asked(redactor)
    if isinstance(asked, bytes):
        # What came of it is looked at below.
        with suppress(PluginFailure):
            plugin.call_raw(call.operation, asked)
        assert plugin.last is not None
        seen, spoken = plugin.last, call.dialect
    else:
        seen, spoken = plugin.observe(asked), plugin.dialect
    dialects = (call.dialect, spoken)
    return _between(_recorded(call, redactor, dialects), _now(seen, dialects), call.operation, volatile)


def _recorded(call: RecordedCall, redactor: Redactor, dialects: Sequence[str]) -> _Answer:
    if call.outcome != "reply" or call.reply is None:
        return _Answer(outcome=call.outcome, told=call.outcome)
    data = redactor.restore_data(payload_bytes(call.reply))
    if call.payload is not None:
        return _raw(data)
    decoded = HostDialect().decode(call.operation, data)
    if not decoded.ok:
        raise UnreadableCase("the reply in the recording is none")
    return _typed(decoded.reply, call.operation, dialects)


def _now(seen: Observation, dialects: Sequence[str]) -> _Answer:
    word = outcome(seen)
    if word != "reply":
        return _Answer(outcome=word, told=f"{word}: {said(seen)}")
    if seen.decoded is None:
        return _raw(seen.reply_bytes or b"")
    return _typed(seen.decoded.reply, seen.operation, dialects)


def _typed(reply: Reply, operation: Operation, dialects: Sequence[str]) -> _Answer:
    fields = fields_of(reply, operation, dialects=dialects)
    return _Answer(outcome="reply", told=written(fields), fields=fields, reply=reply)


def _raw(data: bytes) -> _Answer:
    parsed = parse(data)
    fields = parsed.value if parsed.ok else data.decode("utf-8", "backslashreplace")
    return _Answer(outcome="reply", told=written(fields), fields=fields)


def _between(before: _Answer, now: _Answer, operation: Operation, volatile: Sequence[Volatile]) -> list[Mismatch]:
    """Give the fields in which two answers differ, but for volatile ones and those whose secrets were masked."""
    if before.outcome != now.outcome:
        return [Mismatch(pointer="", expected=before.told, got=now.told)]
    hidden = set(_hidden("", before.fields))
    meant = [AllowedDifference(pointer=entry.pointer, operation=entry.operation) for entry in volatile]
    found = []
    for mismatch in differing(before.fields, now.fields):
        ways = ways_to(mismatch.pointer, before.reply, now.reply)
        masked = mismatch.pointer in hidden and mismatch.got != "nothing"
        if not masked and not any(entry.covers(operation, ways) for entry in meant):
            found.append(mismatch)
    return found


def _hidden(pointer: str, value: object) -> Iterator[str]:
    """Give each place of a reply in which a secret was masked."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _hidden(pointers.joined(pointer, str(key)), member)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _hidden(pointers.joined(pointer, index), item)
    elif placeholders(value):
        yield pointer


def _text(line: RecordedLine, found: Sequence[Mismatch], recording: Recording, redactor: Redactor) -> str:
    call = line.call
    request = json.dumps(call.request or call.model, ensure_ascii=False)
    if call.payload is not None:
        request = payload_bytes(call.payload).decode("utf-8", "backslashreplace")
    by = f", by {harmless(call.test)}" if call.test else ""
    lines = [
        headline(found, "from the recording"),
        *shown(found),
        f"  request: {harmless(request, _LONGEST_REQUEST)}",
        f"  recorded: {recording.place(line)}{by}",
        "  hint: record again if this is meant; name what may differ under volatile: of plugin.test.yaml",
    ]
    return redactor.text("\n".join(lines))
