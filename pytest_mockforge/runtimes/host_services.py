"""What a plugin finds behind `mockforge:plugin/host`, and what a test hands in for other imports: plain data.

Knows neither WebAssembly nor pytest.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

from pytest_mockforge.contract.json_text import Json
from pytest_mockforge.errors import SetupError

VALUE_TYPES = ("i32", "i64", "f32", "f64")
"""What a Python function can take and give."""

HostCallable = Callable[..., object]
"""Takes the guest's memory, then one number an argument; gives a number, a tuple of them, or None."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRecord:
    """One message of the plugin's."""

    level: str
    """`trace`, `debug`, `info`, `warn`, `error`, or the number where it is none of 0 to 4."""
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedFunction:
    """A Python function that stands for an import.

    It is called as `function(memory, *arguments)`: `memory` reads and writes the guest's memory, integers are signed.
    What it raises ends the plugin's call and comes out of it. The import must have just this type, else calling it is
    a trap that says so. Raises SetupError for what is no type and no function.

    >>> now = ImportedFunction(module="env", name="now", function=lambda memory: 1_700_000_000, results=["i64"])
    """

    module: str
    name: str
    function: HostCallable
    params: Sequence[str] = ()
    """Types of the arguments, each one of `i32`, `i64`, `f32` and `f64`."""
    results: Sequence[str] = ()

    def __post_init__(self) -> None:
        for given in (*self.params, *self.results):
            if given not in VALUE_TYPES:
                raise SetupError(
                    f"{self.key} cannot have a value of type {given!r}",
                    hint=f"valid types are {', '.join(VALUE_TYPES)}",
                )
        if not callable(self.function):
            raise SetupError(
                f"{self.key} cannot be {self.function!r}", hint="hand in a function, as function(memory, *arguments)"
            )

    @property
    def key(self) -> str:
        """How the import is called in messages."""
        return f"{self.module}::{self.name}"

    @property
    def origin(self) -> str:
        """Where the function comes from, for a message that names it."""
        function = inspect.unwrap(self.function)
        code = getattr(function, "__code__", None)
        place = f" ({Path(code.co_filename).name}:{code.co_firstlineno})" if isinstance(code, CodeType) else ""
        named = function if hasattr(function, "__qualname__") else type(function)
        return f"{named.__module__}.{named.__qualname__}{place}"


@dataclass(kw_only=True, slots=True)
class HostServices:
    """Configuration in, store and log out; one of them serves every instance of a plugin."""

    config: dict[str, Json] = field(default_factory=dict)
    """What `get_config_value` gives: text as it is, any other value as JSON."""
    store: dict[str, bytes] = field(default_factory=dict)
    """What `store_data` and `retrieve_data` work on."""
    log: list[LogRecord] = field(default_factory=list)
    """What `log_message` was given, the first thousand."""
    environment: dict[str, str] = field(default_factory=dict)
    """What WASI shows as environment variables: nothing, unless a test puts it here."""
    functions: Sequence[ImportedFunction] = ()
    """What stands for imports in every test; `reset` leaves it alone."""
    provided: dict[tuple[str, str], ImportedFunction] = field(default_factory=dict)
    """What a test provides; it comes before `functions`."""

    def answers(self) -> dict[tuple[str, str], ImportedFunction]:
        """Give all Python functions that stand for imports."""
        return {(one.module, one.name): one for one in self.functions} | self.provided

    def provide(
        self, module: str, name: str, function: HostCallable, *, params: Sequence[str] = (), results: Sequence[str] = ()
    ) -> None:
        """Let a Python function stand for an import, from the next instance on; it comes before our own.

        See `ImportedFunction` for how it is called. Raises SetupError for what is no type and no function.

        >>> HostServices().provide("env", "now", lambda memory, zone: 1_700_000_000, params=["i32"], results=["i64"])
        """
        self.provided[module, name] = ImportedFunction(
            module=module, name=name, function=function, params=params, results=results
        )

    def forget(self) -> None:
        """Empty what plugins left behind: store and log."""
        self.store.clear()
        self.log.clear()

    def reset(self) -> None:
        """Empty everything that a test left; `functions` stay."""
        self.forget()
        self.config.clear()
        self.environment.clear()
        self.provided.clear()
