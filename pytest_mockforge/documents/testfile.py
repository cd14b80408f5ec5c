"""`plugin.test.yaml`: what a plugin's author knows and a test needs. Reads it strictly into frozen values.

Requests stay plain mappings here: `contract.requests` gives them their meaning. Knows nothing of pytest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents import pointers, yaml12
from pytest_mockforge.documents.accepted import Accepted, accepted_entries, read_expiry
from pytest_mockforge.documents.budgets import read_budgets
from pytest_mockforge.documents.differences import AllowedDifference
from pytest_mockforge.documents.expectation import MISSING, Mismatch, Missing, Volatile, matches
from pytest_mockforge.documents.fields import Fields, fields_at, wrong_value
from pytest_mockforge.documents.start import RemoteService, StartCommand, read_remote, read_start
from pytest_mockforge.documents.wording import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_mockforge.budgets.model import Budget
    from pytest_mockforge.documents.yaml12 import Document, JsonValue

__all__ = ["EMPTY", "MISSING", "Mismatch", "Outcome", "Sample", "TestFile", "Volatile", "matches", "read_testfile"]

Outcome = Literal["accepted", "refused"]

_TOP_KEYS = (
    "version",
    "stateful",
    "volatile",
    "growth",
    "samples",
    "accept",
    "differences",
    "start",
    "remote",
    "budgets",
)
_SAMPLE_KEYS = ("name", "operation", "request", "expect")
_EXPECT_KEYS = ("outcome", "reply")
_VOLATILE_KEYS = ("operation", "pointer")
_DIFFERENCE_KEYS = ("pointer", "operation", "reason", "expires")
_LEAST_GROWTH, _MOST_GROWTH = 1.5, 5.0
"""Below it n·log n would be a finding on small inputs; beyond it no call ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A request that its author says is meaningful, with what is expected of the answer."""

    name: str
    operation: Operation
    request: Mapping[str, object]
    outcome: Outcome = "accepted"
    reply: object | Missing = MISSING
    """Compared by `expectation.matches`; MISSING where any reply will do, None where null is expected."""
    line: int

    @property
    def has_reply(self) -> bool:
        """Whether a reply is expected; null is one."""
        return self.reply is not MISSING


@dataclass(frozen=True, kw_only=True, slots=True)
class TestFile:
    """All that a `plugin.test.yaml` says; `path` is None where there is no such file."""

    __test__ = False

    path: Path | None
    stateful: bool = False
    volatile: tuple[Volatile, ...] = ()
    growth: float | None = None
    """The worst exponent of cost against size that there may be; None where it has to be better than quadratic."""
    samples: tuple[Sample, ...] = ()
    accept: tuple[Accepted, ...] = ()
    differences: tuple[AllowedDifference, ...] = ()
    """In what the plugin may differ from one that it is compared with."""
    start: StartCommand | None = None
    remote: RemoteService | None = None
    budgets: tuple[Budget, ...] = ()


EMPTY = TestFile(path=None)


def read_testfile(path: Path) -> TestFile:
    """Read a `plugin.test.yaml`.

    Raises DocumentError for what cannot be read, and for each key, type or JSON pointer that is not valid.
    """
    document = yaml12.load(path)
    top = fields_at(document, "", document.value, name="plugin.test.yaml", keys=_TOP_KEYS)
    version = top.mapping.get("version", 1)
    if type(version) is not int or version != 1:
        raise top.wrong("version", expected="1", hint="only version 1 of this format is known; the key may be left out")
    return TestFile(
        path=path,
        stateful=top.flag("stateful", default=False),
        volatile=tuple(_volatile(document, pointer, value) for pointer, value in top.items("volatile")),
        growth=_growth(top),
        samples=_samples(document, top),
        accept=accepted_entries(document, top.items("accept"), with_plugin=False),
        differences=tuple(_difference(document, pointer, value) for pointer, value in top.items("differences")),
        start=read_start(top),
        remote=read_remote(top),
        budgets=read_budgets(top),
    )


def _volatile(document: Document, pointer: str, value: JsonValue) -> Volatile:
    if isinstance(value, str):
        return Volatile(pointer=_judged(document, pointer, value))
    if not isinstance(value, dict):
        expected = "a JSON pointer, or a mapping with 'pointer' and 'operation'"
        hint = "write /FIELD/INNER; '*' stands for one segment"
        raise wrong_value(document, pointer, value, name="a volatile field", expected=expected, hint=hint)
    fields = fields_at(document, pointer, value, name="a volatile field", keys=_VOLATILE_KEYS)
    text = _judged(document, pointers.joined(pointer, "pointer"), fields.text("pointer"))
    return Volatile(pointer=text, operation=_operation(fields) if "operation" in fields else None)


def _growth(top: Fields) -> float | None:
    value = top.mapping.get("growth")
    if "growth" not in top:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _LEAST_GROWTH <= value <= _MOST_GROWTH:
        hint = "write growth: 2 for cost that may be quadratic, growth: 3 for cubic; linear needs no declaration"
        raise top.wrong("growth", expected=f"a power from {_LEAST_GROWTH} to {_MOST_GROWTH:g}", hint=hint)
    return float(value)


def _difference(document: Document, pointer: str, value: JsonValue) -> AllowedDifference:
    fields = fields_at(document, pointer, value, name="a difference that is allowed", keys=_DIFFERENCE_KEYS)
    place = fields.mapping.get("pointer")
    # Empty for the whole reply: a template function has no other place for a text or a number.
    text = "" if place == "" else _judged(document, pointers.joined(pointer, "pointer"), fields.text("pointer"))
    return AllowedDifference(
        pointer=text,
        operation=_operation(fields) if "operation" in fields else None,
        reason=fields.text("reason").strip(),
        expires=read_expiry(fields) if "expires" in fields else None,
        where=f"{document.path.name}:{fields.line}",
    )


def _judged(document: Document, pointer: str, text: str) -> str:
    hint = "write /FIELD/INNER; '*' stands for one segment"
    try:
        if pointers.segments(text):
            return text
    except ValueError as error:
        raise document.error(pointer, f"{quoted(text)} is no JSON pointer: {error}", hint=hint) from None
    raise document.error(pointer, "the whole reply cannot be volatile", hint=hint)


def _operation(fields: Fields) -> Operation:
    text = fields.text("operation")
    valid = [str(operation) for operation in Operation]
    if text not in valid:
        raise fields.error("operation", f"{quoted(text)} is no operation", hint=did_you_mean(text, valid))
    return Operation(text)


def _samples(document: Document, top: Fields) -> tuple[Sample, ...]:
    lines: dict[str, int] = {}
    samples: list[Sample] = []
    for pointer, value in top.items("samples"):
        sample = _sample(fields_at(document, pointer, value, name="a sample", keys=_SAMPLE_KEYS))
        if sample.name in lines:
            what = f"two samples are named {quoted(sample.name)} (first on line {lines[sample.name]})"
            raise document.error(pointers.joined(pointer, "name"), what, hint="give each sample a name of its own")
        lines[sample.name] = sample.line
        samples.append(sample)
    return tuple(samples)


def _sample(fields: Fields) -> Sample:
    outcome: Outcome = "accepted"
    reply: object | Missing = MISSING
    if "expect" in fields:
        pointer = pointers.joined(fields.pointer, "expect")
        expect = fields_at(
            fields.document, pointer, fields.mapping["expect"], name="'expect' of a sample", keys=_EXPECT_KEYS
        )
        outcome = _outcome(expect)
        reply = expect.json("reply") if "reply" in expect else MISSING
    return Sample(
        name=fields.text("name"),
        operation=_operation(fields),
        request=fields.json_mapping("request"),
        outcome=outcome,
        reply=reply,
        line=fields.line,
    )


def _outcome(expect: Fields) -> Outcome:
    if "outcome" not in expect:
        return "accepted"
    match expect.text("outcome"):
        case "accepted":
            return "accepted"
        case "refused":
            return "refused"
        case other:
            hint = did_you_mean(other, ("accepted", "refused"))
            raise expect.error("outcome", f"{quoted(other)} is no outcome", hint=hint)
