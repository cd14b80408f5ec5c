"""A host profile that an extension adds: stands before it, so that its defects are named and not the plugin's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, get_args

from pytest_mockforge.hosts.objections import Objection, Rule
from pytest_mockforge.hosts.profile import Candidate, Files, HostProfile

if TYPE_CHECKING:
    from pytest_mockforge.additions import Origin

MEMBERS = ("as_shipped", "not_compiled", "judge_files", "judge")
"""What a profile has beside its name."""


class AddedHost:
    """A host profile of an extension's."""

    def __init__(self, given: HostProfile, origin: Origin) -> None:
        self.name = given.name
        self.as_shipped = str(given.as_shipped)
        self._given = given
        self._origin = origin

    def not_compiled(self, files: Files) -> str:
        """Give what the host prints of a module that its engine does not take."""
        with self._origin.named(self._what("not_compiled")):
            return str(self._given.not_compiled(files))

    def judge_files(self, files: Files) -> tuple[Objection, ...]:
        """Give every rule that is broken before the module is opened."""
        return self._judged("judge_files", lambda: self._given.judge_files(files))

    def judge(self, candidate: Candidate) -> tuple[Objection, ...]:
        """Give every other rule that the plugin breaks."""
        return self._judged("judge", lambda: self._given.judge(candidate))

    def _judged(self, member: str, ask: Callable[[], Iterable[Objection]]) -> tuple[Objection, ...]:
        with self._origin.named(self._what(member)):
            objections: tuple[object, ...] = tuple(ask())
        for one in objections:
            # An objection under no rule would refuse the plugin, and no check would say so.
            if not isinstance(one, Objection) or one.rule not in get_args(Rule):
                expected = f"Objection with one of the rules {', '.join(get_args(Rule))}"
                raise self._origin.misused(self._what(member), expected=expected, got=one)
        return tuple(one for one in objections if isinstance(one, Objection))

    def _what(self, member: str) -> str:
        return f"{member} of the host profile {self.name!r}"
