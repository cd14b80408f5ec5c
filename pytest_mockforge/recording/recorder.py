"""Turns the calls of this process into lines, masked, and keeps them until somebody takes them. Writes no file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec

from pytest_mockforge.checks.secrets import redactor_for
from pytest_mockforge.contract.json_text import Json, parse
from pytest_mockforge.contract.replies import Reply
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.contract.server_side import reply_value
from pytest_mockforge.documents.testfile import TestFile
from pytest_mockforge.errors import RemoteFailure
from pytest_mockforge.fuzz.corpus_file import StoredPayload, stored_payload
from pytest_mockforge.fuzz.outcomes import accepted, limited, outcome
from pytest_mockforge.fuzz.sample_form import sample_form
from pytest_mockforge.masking import Redactor
from pytest_mockforge.observation import Observation
from pytest_mockforge.recording.line import LONGEST_LINE, RecordedCall

MOST_CALLS = 10_000
"""Calls of one test that are written down."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of the lines of one test: they wait in memory until the test is over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What was called since somebody took it last."""

    lines: Sequence[str]
    left_out: int
    """Calls that were too many or too large."""


class Recorder:
    """What each call of a test is told to."""

    def __init__(self, testfiles: Callable[[], Sequence[TestFile]], *, prefix: str = "") -> None:
        """Take what gives the test files of all plugins that are open, and what begins the names of masked secrets:
        another one in each process."""
        self._testfiles = testfiles
        self._prefix = prefix
        self._numbers: dict[str, int] = {}
        self._known = -1
        self._redactor = Redactor()
        self._test: tuple[str, str | None] = "", ""
        self._lines: list[str] = []
        self._bytes = self._left_out = 0

    def begin(self, test: str) -> None:
        """Let the calls from now on be those of a test."""
        self._test = test, None

    def note(self, *, label: str, dialect: str, request: Request | None, seen: Observation) -> None:
        """Keep a call; one without a request carried bytes that the test wrote."""
        if len(self._lines) >= MOST_CALLS or self._bytes >= MOST_BYTES:
            self._left_out += 1
            return
        try:
            line = msgspec.json.encode(self._call(label, dialect, request, seen))
        except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError, RecursionError):
            # What can be sent can be written, but for a JSON that is nested too deeply for a recording.
            self._left_out += 1
            return
        if len(line) >= LONGEST_LINE:
            self._left_out += 1
            return
        self._bytes += len(line)
        self._lines.append(line.decode())

    def take(self) -> Batch:
        """Give what was kept, and forget it."""
        batch = Batch(lines=self._lines, left_out=self._left_out)
        self._lines, self._bytes, self._left_out = [], 0, 0
        return batch

    def _call(self, label: str, dialect: str, request: Request | None, seen: Observation) -> RecordedCall:
        redactor, failure = self._masking(), seen.exchange.failure
        form = sample_form(request) if request is not None else None
        model = msgspec.to_builtins(request) if request is not None and form is None else None
        status = seen.wire.status if seen.wire is not None else None
        if status is None and isinstance(failure, RemoteFailure):
            status = failure.status
        return RecordedCall(
            test=self._test_id(),
            plugin=label,
            operation=seen.operation,
            dialect=dialect,
            request=cast("dict[str, object] | None", redactor.value(form)),
            model=cast("dict[str, object] | None", redactor.value(model)),
            payload=stored_payload(seen.request_bytes, redactor) if request is None else None,
            outcome=outcome(seen),
            accepted=request is not None and accepted(seen),
            limited=limited(seen),
            reply=_stored_reply(seen, redactor),
            status=status,
            fresh=seen.fresh,
            fuel=seen.fuel,
            milliseconds=round(seen.guest_seconds * 1000, 3),
        )

    def _masking(self) -> Redactor:
        """Give what masks the secrets of all plugins that are open now; numbers stay those of the first line."""
        testfiles = self._testfiles()
        if len(testfiles) != self._known:
            self._known = len(testfiles)
            self._redactor = redactor_for(*testfiles, numbers=self._numbers, prefix=self._prefix)
        return self._redactor

    def _test_id(self) -> str:
        test, masked = self._test
        if masked is None:
            masked = self._redactor.text(test)
            self._test = test, masked
        return masked


def _stored_reply(seen: Observation, redactor: Redactor) -> StoredPayload | None:
    if seen.reply_bytes is None:
        return None
    if seen.decoded is not None and seen.decoded.ok:
        return _stored(reply_value(cast("Reply", seen.reply)), redactor)
    parsed = parse(seen.reply_bytes)
    return _stored(parsed.value, redactor) if parsed.ok else stored_payload(seen.reply_bytes, redactor)


def _stored(value: Json, redactor: Redactor) -> StoredPayload:
    text = json.dumps(redactor.value(value), ensure_ascii=False, separators=(",", ":"))
    return StoredPayload(json=msgspec.Raw(text.encode()))
