"""Makes samples of what was recorded: each request once, with what it came to each time. Writes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from pytest_mockforge.checks.secrets import known_secrets
from pytest_mockforge.contract.json_text import parse
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import from_mapping
from pytest_mockforge.documents import pointers
from pytest_mockforge.documents.added_samples import NewSample
from pytest_mockforge.documents.expectation import MISSING, Missing, differing
from pytest_mockforge.documents.testfile import TestFile
from pytest_mockforge.documents.yaml_text import flow
from pytest_mockforge.errors import RequestError
from pytest_mockforge.fuzz.corpus_file import payload_bytes
from pytest_mockforge.masking import Redactor, placeholders
from pytest_mockforge.recording.line import RecordedCall
from pytest_mockforge.recording.reading import Distinct, Recording, distinct

_LONGEST_REQUEST = 16_000
_LONGEST_REPLY = 2_000
"""Characters; of a longer reply the outcome alone is expected."""


@dataclass(kw_only=True, slots=True)
class Imported:
    """What came of a recording."""

    samples: list[NewSample] = field(default_factory=list)
    known: int = 0
    """Requests that a sample has already."""
    refused: list[str] = field(default_factory=list)
    """A line for each request that no sample can be made of."""


class _NoSample(Exception):
    """The text says why."""


def samples_from(recording: Recording, testfile: TestFile, *, label: str | None, replies: bool) -> Imported:
    """Make samples of the calls of one plugin, or of all; `testfile` has those that are there already."""
    imported = Imported()
    taken = {sample.name for sample in testfile.samples}
    known = {_same(request) for request in _requests(testfile)}
    numbers: dict[str, int] = {}
    redactor = Redactor(known_secrets(testfile))
    lines = [line for line in recording.lines if label in (None, line.call.plugin)]
    for one in distinct(lines):
        try:
            sample = _sample(one, redactor, testfile, replies=replies)
            request = sample.operation, from_mapping(sample.operation, sample.request)
        except (_NoSample, RequestError) as error:
            imported.refused.append(f"{recording.place(one.lines[0])}: {str(error).partition(chr(10))[0]}")
            continue
        if (same := _same(request)) in known:
            imported.known += 1
            continue
        known.add(same)
        name = _unique(sample.name, taken, numbers)
        taken.add(name)
        imported.samples.append(
            NewSample(
                name=name,
                operation=sample.operation,
                request=sample.request,
                outcome=sample.outcome,
                reply=sample.reply,
            )
        )
    return imported


def _requests(testfile: TestFile) -> Iterator[tuple[Operation, object]]:
    for sample in testfile.samples:
        try:
            yield sample.operation, from_mapping(sample.operation, sample.request)
        except RequestError:
            # The check on samples reports it.
            continue


def _same(request: tuple[Operation, object]) -> str:
    """Give what is equal for equal requests, for a look-up: there may be a hundred thousand of them."""
    operation, fields = request
    return f"{operation} {json.dumps(msgspec.to_builtins(fields), sort_keys=True, default=repr)}"


def _sample(one: Distinct, redactor: Redactor, testfile: TestFile, *, replies: bool) -> NewSample:
    calls = [line.call for line in one.lines]
    call = calls[0]
    if call.request is None:
        raise _NoSample("its request cannot be written as a sample: a test made the bytes, or fields that disagree")
    request = redactor.restore(call.request)
    assert isinstance(request, dict)
    if placeholders(request):
        raise _NoSample("a secret was masked in its request: write this sample by hand, with a secret for tests")
    if len(flow(request)) > _LONGEST_REQUEST:
        raise _NoSample(f"its request is longer than {_LONGEST_REQUEST:,} characters")
    if call.outcome not in ("reply", "refused"):
        raise _NoSample(f"it came to {call.outcome!r}, which no sample can expect")
    if any((other.outcome, other.accepted) != (call.outcome, call.accepted) for other in calls):
        raise _NoSample("it was answered in more than one way")
    return NewSample(
        name=_name(call),
        operation=call.operation,
        request=request,
        outcome="accepted" if call.accepted else "refused",
        reply=_reply(calls, redactor, testfile) if replies else MISSING,
    )


def _reply(calls: Sequence[RecordedCall], redactor: Redactor, testfile: TestFile) -> object | Missing:
    """Give what each reply held, but for what was masked or is volatile; nothing of what is long or empty."""
    values = [
        redactor.restore(parse(payload_bytes(call.reply)).value)
        for call in calls
        if call.reply and call.outcome == "reply"
    ]
    if not values:
        return MISSING
    reply, operation = values[0], calls[0].operation
    left_out = [pointers.segments(mismatch.pointer) for other in values[1:] for mismatch in differing(reply, other)]
    left_out += [entry for value in values for entry in _masked(value)]
    left_out += [pointers.segments(one.pointer) for one in testfile.volatile if one.operation in (None, operation)]
    if operation is Operation.QUERY_DATASOURCE:
        left_out.append(("execution_time_ms",))
    kept = _without(reply, left_out)
    if isinstance(kept, dict):
        for name in ("body", "rows"):
            if len(flow(kept)) > _LONGEST_REPLY:
                kept.pop(name, None)
    return MISSING if kept is MISSING or kept == {} != reply or len(flow(kept)) > _LONGEST_REPLY else kept


def _masked(value: object) -> Iterator[tuple[str, ...]]:
    """Give each place at which a secret was masked."""
    if isinstance(value, dict):
        yield from ((key, *rest) for key, member in value.items() for rest in _masked(member))
    elif placeholders(value):
        yield ()


def _without(value: object, left_out: Iterable[tuple[str, ...]]) -> object | Missing:
    """Copy a value without some places; a list goes with any of its items, as the others would change their places."""
    ways = [*left_out]
    if () in ways or (isinstance(value, list) and any(_leads_into(value, way) for way in ways)):
        return MISSING
    if not isinstance(value, dict):
        return value
    kept = {key: _without(member, [way[1:] for way in ways if way[0] in ("*", key)]) for key, member in value.items()}
    return {key: member for key, member in kept.items() if member is not MISSING}


def _leads_into(value: list[object], way: tuple[str, ...]) -> bool:
    return way[0] == "*" or (way[0].isdecimal() and int(way[0]) < len(value))


def _name(call: RecordedCall) -> str:
    """Name a sample after its test: `test_a_known_token_is_admitted[rust]` is 'a known token is admitted'."""
    test = re.sub(r"\[.*", "", call.test.rpartition("::")[2], flags=re.DOTALL).removeprefix("test_")
    return re.sub(r"[\W_]+", " ", test).strip() or f"{call.operation} as recorded"


def _unique(name: str, taken: set[str], numbers: dict[str, int]) -> str:
    """Number a name that is taken; `numbers` tells which were given, since any number of calls may come of one test."""
    unique, number = name, numbers.get(name, 2)
    while unique in taken:
        unique, number = f"{name} ({number})", number + 1
    numbers[name] = number
    return unique
