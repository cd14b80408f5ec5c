"""What a plugin finds behind `mockforge:plugin/host`, and what a test hands in for other imports: plain data.

Knows neither WebAssembly nor pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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
class ProvidedFunction:
    """A Python function that stands for an import."""

    call: HostCallable
    params: tuple[str, ...]
    results: tuple[str, ...]


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
    provided: dict[tuple[str, str], ProvidedFunction] = field(default_factory=dict)

    def provide(
        self, module: str, name: str, function: HostCallable, *, params: Sequence[str] = (), results: Sequence[str] = ()
    ) -> None:
        """Let a Python function stand for an import, from the next instance on; it comes before our own.

        It is called as `function(memory, *arguments)`: `memory` reads and writes the guest's memory, integers are
        signed. What it raises ends the plugin's call and comes out of it. The import must have just this type, else
        calling it is a trap that says so. Raises SetupError for what is no type and no function.

        >>> HostServices().provide("env", "now", lambda memory, zone: 1_700_000_000, params=["i32"], results=["i64"])
        """
        for given in (*params, *results):
            if given not in VALUE_TYPES:
                raise SetupError(
                    f"{module}::{name} cannot have a value of type {given!r}",
                    hint=f"valid types are {', '.join(VALUE_TYPES)}",
                )
        if not callable(function):
            raise SetupError(
                f"{module}::{name} cannot be {function!r}", hint="hand in a function, as function(memory, *arguments)"
            )
        self.provided[module, name] = ProvidedFunction(call=function, params=tuple(params), results=tuple(results))

    def forget(self) -> None:
        """Empty what plugins left behind: store and log."""
        self.store.clear()
        self.log.clear()

    def reset(self) -> None:
        """Empty everything."""
        self.forget()
        self.config.clear()
        self.environment.clear()
        self.provided.clear()
