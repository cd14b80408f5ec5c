"""What other packages added to this run: one frozen value, which each registry looks at beside what is built in.

Installed for one run and taken back at its end, so that two runs in one process do not see each other's. Knows nothing
of what is added, nor of pytest, and is not even loaded by a run that names no plugin.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_mockforge.errors import ExtensionError, MockforgeError

if TYPE_CHECKING:
    from pytest_mockforge.checks.registry import Check
    from pytest_mockforge.contract.dialects import Dialect
    from pytest_mockforge.hosts.profile import HostProfile
    from pytest_mockforge.redaction import Redaction
    from pytest_mockforge.report.sections import ReportSection
    from pytest_mockforge.runtimes.added import RuntimeScheme
    from pytest_mockforge.runtimes.wasm.language import ModuleLanguage


_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where an added thing comes from."""

    hook: str
    plugin: str
    """The pytest plugin's name, with its package where it is of one."""

    def __str__(self) -> str:
        return f"{self.hook} of {self.plugin}"

    @contextmanager
    def named(
        self, what: str, *, allowed: type[MockforgeError] | tuple[type[MockforgeError], ...] = ()
    ) -> Iterator[None]:
        """Name the extension in what its code raises; what is `allowed`, and pytest's outcomes, go through."""
        __tracebackhide__ = True
        try:
            yield
        except ExtensionError:
            raise
        except Exception as error:
            if isinstance(error, allowed):
                raise
            last = traceback.extract_tb(error.__traceback__)[-1]
            raise ExtensionError(
                f"{self}: {what} raised {type(error).__name__}: {error}",
                got=f"raised at {Path(last.filename).name}:{last.lineno}",
                hint="this is a defect of the extension, and says nothing of the plugin under test",
            ) from error

    def misused(self, what: str, *, expected: str, got: object) -> ExtensionError:
        """Make the error for something that an extension's function gave and nobody can use."""
        return ExtensionError(
            f"{self}: {what} gave what cannot be used",
            expected=expected,
            got=f"{got!r:.200}",
            hint="this is a defect of the extension, and says nothing of the plugin under test",
        )


def raised_where(error: ExtensionError) -> str:
    """Give the extension's own part of the traceback; empty where nothing was raised."""
    cause = error.__cause__
    if cause is None:
        return ""
    frames = [one for one in traceback.extract_tb(cause.__traceback__) if _HERE not in Path(one.filename).parents]
    return "".join((*traceback.format_list(frames), *traceback.format_exception_only(cause)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Additions:
    """All that was added, by name, in the order in which plugins were registered."""

    runtimes: Mapping[str, RuntimeScheme] = field(default_factory=dict)
    """By the scheme of their SPECs."""
    languages: Mapping[str, ModuleLanguage] = field(default_factory=dict)
    dialects: Mapping[str, Dialect] = field(default_factory=dict)
    hosts: Mapping[str, HostProfile] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    """Titles of families of checks, by the prefix of their codes."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    """By their code."""
    redactions: Mapping[str, Redaction] = field(default_factory=dict)
    """By the word that stands in place of what they take out."""
    budget_defaults: tuple[tuple[str, str], ...] = ()
    """Expressions that `default` stands for too, each with whose it is."""
    sections: Mapping[str, ReportSection] = field(default_factory=dict)


_EMPTY = Additions()
_installed = _EMPTY


def current() -> Additions:
    """Give what was added to this run."""
    return _installed


def install(additions: Additions = _EMPTY) -> Additions:
    """Put another value in place, by default that of a run without extensions; give the one before."""
    global _installed
    before, _installed = _installed, additions
    return before
