"""What a fuzz run is asked and what it finds: frozen values. Knows neither Hypothesis nor how anything is found."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.request_models import Request
from pytest_mockforge.contract.violations import Severity

EXAMPLES = 100
"""Examples of each operation, unless asked otherwise."""
SECONDS = 8.0
"""The time box of one plugin's whole run, unless asked otherwise."""


class FuzzOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How long and from where to search."""

    examples: int = EXAMPLES
    """Examples of each operation."""
    seconds: float = SECONDS
    """The time box of one plugin's whole run; what was found until then counts."""
    seed: int | None = None
    """Where the search starts; None takes it from the plugin's own content and our version."""
    corpus: Path | None = None
    """The folder with what was found earlier, which is tried first."""
    wire: bool | None = None
    """Whether bytes are sent that the host would never send; None does so to services alone."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it went over the border."""

    operation: Operation
    payload: bytes
    """What went over the border, in the plugin's dialect."""
    request: Request | None
    """The typed request; None for a wire mutation."""
    family: str = ""
    """The wire mutation, empty for a typed request."""


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the plugin does not stand, with the smallest request that shows it."""

    code: str
    """MF301 trap, MF302 limit, MF303 contract, MF304 answer differs, MF305 state leak, MF306 memory leak, MF307
    poisoning, MF308 growth, MF309 mutated token admitted, MF310 reflected secret, MF311 wire mutation."""
    detail: str
    """Stable words, the operation first: `template_function:unreachable`."""
    message: str
    expected: str = ""
    got: str = ""
    hint: str = ""
    severity: Severity = "error"
    case: Case
    """Shrunk."""
    before: tuple[Case, ...] = ()
    """Calls that must come first on the same instance, the oldest first: state leak, poisoning, reflected secret."""
    backtrace: tuple[str, ...] = ()
    """Of a trap: function names, the innermost first."""
    seed: int
    label: str
    """The plugin's."""
    dialect: str


class OperationCount(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one operation's search was done."""

    operation: Operation
    asked: int
    """Examples that were to be tried."""
    tried: int
    """Examples that were."""
    calls: int
    """Calls of the plugin in all, with those of shrinking and of the oracles."""
    accepted: int
    """Examples to which the plugin said yes."""
    most_fuel: int | None = None
    """The costliest call; None where nothing is metered."""


class FuzzReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that one run found, and what it took."""

    label: str
    seed: int
    discoveries: tuple[Discovery, ...] = ()
    counts: tuple[OperationCount, ...] = ()
    seconds: float = 0.0
    """The whole run."""
    seconds_ours: float = 0.0
    """Of the search: encode, call, decode, oracles; the rest is Hypothesis's generation and shrinking."""
    seconds_search: float = 0.0
    """The search alone, without the rounds before and after it."""
    exhausted: bool = False
    """True when the time box ended the run before all examples were tried."""
    notes: tuple[str, ...] = ()
    """What could not be judged and why, such as a corpus file that cannot be read."""

    @property
    def tried(self) -> int:
        """Examples of all operations."""
        return sum(count.tried for count in self.counts)

    @property
    def our_share(self) -> float:
        """The part of the search that is ours and not Hypothesis's, 0 to 1."""
        return self.seconds_ours / self.seconds_search if self.seconds_search else 0.0
