"""The catalogue of checks and the language that selects from it. A check registers itself with the decorator.

A check is a function from a `Bench` to findings; its docstring is the page that `--mockforge-explain` prints.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from pytest_mockforge.additions import current
from pytest_mockforge.errors import SettingsError
from pytest_mockforge.hosts.mends import Topic
from pytest_mockforge.hosts.mends import page as mends_page

if TYPE_CHECKING:
    from pytest_mockforge.checks.bench import Bench, Need
    from pytest_mockforge.checks.model import Finding
    from pytest_mockforge.subject import Kind

BenchType = TypeVar("BenchType", bound="Bench")

FAMILIES = {
    "MF1": "loading and ABI",
    "MF2": "contract",
    "MF3": "fuzzing",
    "MF4": "resources",
    "MF5": "budgets",
    "MF6": "remote",
    "MF7": "manifest",
    "MF8": "differential",
}
"""Families that have checks, with their titles."""

BUDGETS = "MF5"
"""The family that has an item for each budget, and none where there is no budget."""

DIFFERENTIAL = "MF8"
"""The family that has items where plugins are compared."""

WIRE = "MF311"
"""The check that sends what MockForge cannot send a module: of modules it is only made where its code is named."""

_KINDS: dict[str, Kind | Literal["any"]] = {"MF1": "module", "MF4": "module", "MF6": "service"}
"""Families that are about one kind of plugin alone."""

_CODE = re.compile(r"MF\d{3}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One named conformance rule."""

    code: str
    title: str
    run: Callable[[Bench], Iterable[Finding]]
    """Gives what breaks the rule, under the check's own code; its docstring is the check's page."""
    need: Need = "operation"
    of: Kind | Literal["any"] = "any"
    """The kind of plugin that it is about."""
    mends: tuple[Topic, ...] = ()
    """What a breach may be about, for the mends by language on its page."""
    part: str = ""
    """The one budget that it judges, where it was narrowed to one."""

    @property
    def family(self) -> str:
        """The first three characters of one of our codes; of an extension's all but its number."""
        return self.code[:3] if self.code.startswith("MF") else self.code[:-3]

    @property
    def name(self) -> str:
        """What an item's id ends in: the code, with the budget in brackets where it judges one."""
        return f"{self.code}[{self.part}]" if self.part else self.code

    def fits(self, kind: Kind) -> bool:
        """Tell whether the check can say anything of such a plugin."""
        return self.of in ("any", kind)

    @property
    def page(self) -> str:
        """What the rule means, where it comes from and how to mend a breach."""
        body = inspect.getdoc(self.run) or ""
        by_language = f"\n\n{mends_page(self.mends)}" if self.mends else ""
        return f"{self.code}  {self.title}\nfamily {self.family}: {families()[self.family]}\n\n{body}{by_language}"

    @property
    def remedy(self) -> str:
        """The last paragraph of the page in one line: how to mend a breach."""
        last = (inspect.getdoc(self.run) or "").rpartition("\n\n")[2]
        return re.sub(r"\AMend(, by language\.|:)\s*", "", " ".join(last.split())).rstrip(".")


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckFamily:
    """Checks that an extension adds, under codes of its own: `ACME001`."""

    prefix: str
    """Two capital letters or digits at least, the first one a letter, which do not begin with MF: `ACME`."""
    title: str
    """What its checks are about, in a few words."""
    checks: Sequence[Check]
    """Each with a code of the prefix and three digits."""


_CHECKS: dict[str, Check] = {}


def check(
    code: str, title: str, *, need: Need, of: Kind | None = None, mends: tuple[Topic, ...] = ()
) -> Callable[[Callable[[BenchType], Iterable[Finding]]], Callable[[BenchType], Iterable[Finding]]]:
    """Register a function as a check of one kind of plugin, by default its family's, else any. Codes are for ever."""

    def register(run: Callable[[BenchType], Iterable[Finding]]) -> Callable[[BenchType], Iterable[Finding]]:
        # A module that is imported anew, as under pytester, may register its own functions again.
        taken = code in _CHECKS and _CHECKS[code].run.__qualname__ != run.__qualname__
        if not _CODE.fullmatch(code) or code[:3] not in FAMILIES or taken:
            raise ValueError(f"{code!r} is no free code of a known family")
        # A check is only run on benches of its own kind, which `of` says once more.
        any_bench = cast("Callable[[Bench], Iterable[Finding]]", run)
        _CHECKS[code] = Check(
            code=code, title=title, need=need, of=of or _KINDS.get(code[:3], "any"), run=any_bench, mends=mends
        )
        return run

    return register


def catalogue() -> tuple[Check, ...]:
    """Give all checks: ours, ordered by code, and those of extensions."""
    # Each module registers its checks when it is imported. Not `from … import`: that is content with an attribute left
    # behind by a module that pytester has dropped, and leaves this catalogue empty.
    for module in (
        "budgeting",
        "capabilities",
        "component",
        "contract",
        "differential",
        "fuzzing",
        "go_sdk",
        "limits",
        "loading",
        "manifest",
        "reading",
        "remote",
        "remote_input",
        "remote_load",
        "resources",
    ):
        import_module(f"pytest_mockforge.checks.{module}")
    added = current().checks
    return (*(_CHECKS[code] for code in sorted(_CHECKS)), *(added[code] for code in sorted(added)))


def families() -> dict[str, str]:
    """Give all families that have checks, with their titles."""
    return {**FAMILIES, **current().families}


def find(code: str) -> Check:
    """Give one check. Raises SettingsError that lists the codes."""
    checks = {check.code: check for check in catalogue()}
    try:
        return checks[code.upper()]
    except KeyError:
        raise SettingsError(f"there is no check {code!r}", hint=f"the codes are {', '.join(checks)}") from None


def select(expression: str) -> tuple[Check, ...]:
    """Choose checks by an expression such as `default`, `all,-MF403`, `MF1,MF205` or `none`.

    Words apply from left to right; an expression that starts with a `-` starts from `default`. Raises SettingsError.
    """
    checks = catalogue()
    words = list(_words(expression))
    chosen: set[str] = {check.code for check in checks} if words and words[0].startswith("-") else set()
    for word in words:
        name = word.lstrip("-")
        meant = _meant(name, checks)
        chosen = chosen - meant if word.startswith("-") else chosen | meant
    return tuple(check for check in checks if check.code in chosen)


def names(expression: str, code: str) -> bool:
    """Tell whether an expression asks for a check by its very code, and not only for its family."""
    return any(word.upper() == code for word in re.split(r"[,\s]+", expression))


def _words(expression: str) -> Iterator[str]:
    words = [word for word in re.split(r"[,\s]+", expression.strip()) if word]
    if not words:
        raise SettingsError("the selection of checks is empty", hint="write none to run no check at all")
    yield from words


def _meant(name: str, checks: tuple[Check, ...]) -> set[str]:
    if name in ("default", "all"):
        return {check.code for check in checks}
    if name == "none":
        return set()
    upper = name.upper()
    meant = {check.code for check in checks if upper in (check.code, check.family)}
    if not meant:
        codes = ", ".join(check.code for check in checks)
        raise SettingsError(
            f"{name!r} selects no check",
            hint=f"use default, all, none, a family ({', '.join(families())}), "
            f"or a code ({codes}), each also with a '-'",
        )
    return meant
