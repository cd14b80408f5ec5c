"""One plugin on the bench beside the one that it is compared with: what the checks of MF8 share, each made once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_mockforge.checks.model import Finding
from pytest_mockforge.checks.references import Counterpart, unusable
from pytest_mockforge.differential.comparison import Comparison, Terms, known_requests
from pytest_mockforge.differential.model import Difference
from pytest_mockforge.differential.reproducer import pasteable
from pytest_mockforge.fuzz.seeds import default_seed
from pytest_mockforge.subject import Subject

if TYPE_CHECKING:
    from pytest_mockforge.checks.bench import Bench, Need
    from pytest_mockforge.differential.search import Searched


class Duel:
    """Two plugins, and what came of asking both."""

    def __init__(self, bench: Bench, counterpart: Counterpart) -> None:
        self.label = counterpart.label
        self.reference = counterpart.open()
        self._bench = bench
        self._today = counterpart.today

    @cached_property
    def reason(self) -> str:
        """Why there is nothing to compare with; empty where there is."""
        if is_same(self.reference.subject, self._bench.subject):
            return f"the reference {self.label!r} is the plugin itself"
        return unusable(self.reference, f"the reference {self.label!r}")

    @cached_property
    def comparison(self) -> Comparison:
        """The two side by side; only where both can be called."""
        bench, reference = self._bench, self.reference
        mine, theirs = bench.subject.testfile, reference.subject.testfile
        terms = Terms(today=self._today, volatile=(*mine.volatile, *theirs.volatile), allowed=mine.differences)
        return Comparison(
            reference.plugin, bench.plugin, terms=terms, operations=(reference.operations, bench.operations)
        )

    @cached_property
    def known(self) -> tuple[Difference, ...]:
        """What differs on samples of both and on realistic requests."""
        samples = [sample for bench in (self._bench, self.reference) for sample in bench.subject.testfile.samples]
        return self.comparison.ask_all(known_requests(samples, self.comparison.operations))

    @cached_property
    def searched(self) -> Searched:
        """What differs on requests that are drawn; only where Hypothesis is installed."""
        from pytest_mockforge.differential.search import search

        # Known requests first: others are drawn around those that are accepted.
        _ = self.known
        bench, options = self._bench, self._bench.fuzz_options
        return search(
            self.comparison,
            seed=default_seed(bench.content + self.reference.content) if options.seed is None else options.seed,
            examples=options.examples,
            seconds=options.seconds,
            progress=bench.progress,
        )

    def missing(self, need: Need) -> str:
        """Say why a check with this need has nothing to compare; empty when it has."""
        if self.reason or need not in ("operation", "search"):
            return self.reason
        if not self.comparison.operations:
            return f"no operation is common with {self.label!r}, see MF804"
        _ = self.known
        if self.comparison.tried:
            return ""
        why = next(iter(self.comparison.notes), "there is none")
        return f"no request can be made of both: {why}"

    def close(self) -> None:
        """Free the instances; the reference stays with its owner."""
        if "comparison" in self.__dict__:
            self.comparison.close()


def is_same(one: Subject, other: Subject) -> bool:
    """Tell whether two SPECs lead to one file, or to one service."""
    if one.path is not None and other.path is not None:
        return one.path.resolve() == other.path.resolve()
    return one.spec.identity == other.spec.identity


def finding_of(code: str, difference: Difference, reference: Subject, subject: Subject) -> Finding:
    """State a difference as a finding; one that was drawn comes with a test that shows it alone."""
    return Finding(
        code=code,
        severity="error",
        detail=difference.detail,
        message=message_of(difference, reference.label),
        expected=difference.expected,
        got=difference.got,
        hint=difference.hint,
        request=difference.payload.decode("utf-8", "replace"),
        replies=dict(zip((reference.label, subject.label), difference.replies, strict=True)),
        reproduce="" if difference.names else pasteable(difference, (_spec(reference), _spec(subject))),
    )


def of_operations(comparison: Comparison, reference: Bench, bench: Bench) -> Iterator[Finding]:
    """State each operation that one of the two lacks."""
    for operation in comparison.missing:
        yield Finding(
            code="MF804",
            severity="error",
            detail=f"{operation}:missing",
            message=f"{operation} is not there, and {reference.label} has it",
            expected=f"the operations of {reference.label}: {', '.join(reference.operations)}",
            got=", ".join(bench.operations) or "none",
        )
    for operation in comparison.added:
        message = f"{operation} is there, and {reference.label} does not have it: it is not compared"
        yield Finding(code="MF804", severity="note", detail=f"{operation}:added", message=message)


def message_of(difference: Difference, reference: str) -> str:
    """Say in one line what differs from the reference, and on which request."""
    shown = "a drawn request"
    if difference.names:
        more = len(difference.names) - 1
        shown = repr(difference.names[0]) + (f" and {more} more request{'s' if more > 1 else ''}" if more else "")
    if difference.about == "outcome":
        return f"{difference.operation}: {difference.got} where {reference} {difference.expected}, on {shown}"
    return f"{difference.operation}: {difference.pointer or 'the reply'} differs from {reference}, on {shown}"


def _spec(subject: Subject) -> str:
    return str(subject.path or subject.spec.text)
