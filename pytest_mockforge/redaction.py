"""What else is left out of snapshots, or masked as a secret wherever text is shown or kept: what extensions add."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_mockforge.errors import SettingsError

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Redaction:
    """Values that are told by their form or by the name they stand under.

    Raises SettingsError for what is no pattern, and where neither is given.

    >>> Redaction(word="ticket", pattern=r"TCK-[0-9]{6}").form.sub("<ticket>", "see TCK-000417")
    'see <ticket>'
    """

    word: str
    """What stands in a snapshot instead, as `<ticket>`; `keep=["ticket"]` of `mockforge_snapshot` names it."""
    pattern: str = ""
    """A regular expression for the value, wherever in a text it stands."""
    names: Sequence[str] = ()
    """Names of members and headers; case, `-` and `_` do not count."""
    secret: bool = False
    """Whether it is a secret: masked in findings, failures, logs, reports and kept requests too; in a snapshot it is
    `<secret>`."""
    form: re.Pattern[str] = field(init=False, repr=False, compare=False)
    """The pattern, compiled; one that matches nowhere where there is none."""

    def __post_init__(self) -> None:
        if isinstance(self.names, str) or not (self.pattern or self.names):
            raise SettingsError(
                f"the redaction {self.word!r} says not what it is about", hint="give a pattern, or a list of names"
            )
        try:
            form = re.compile(self.pattern or r"(?!)")
        except re.error as error:
            raise SettingsError(f"the pattern of the redaction {self.word!r} is none: {error}") from None
        if form.search("") is not None:
            raise SettingsError(f"the pattern of the redaction {self.word!r} matches an empty text")
        object.__setattr__(self, "form", form)

    def names_it(self, name: str) -> bool:
        """Tell whether what stands under a name is meant."""
        bare = _bare(name)
        return any(_bare(one) == bare for one in self.names)


def _bare(name: str) -> str:
    return _NOT_IN_NAMES.sub("", name.lower())
