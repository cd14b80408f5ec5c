"""The seam between a plugin and what carries bytes to it. Knows nothing of JSON, dialects or pytest."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import msgspec

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import PluginFailure, SetupError

KIB = 1024
MIB = 1024 * KIB
PAGE = 64 * KIB
"""Bytes of one page of linear memory."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a guest may use; always on. Raised only by option, ini key or marker; lowered also by a manifest."""

    fuel: int = 500_000_000
    """Units of fuel for one call: allocator, operation and release together."""
    memory: int = 64 * MIB
    """Bytes of linear memory."""
    timeout: float = 5.0
    """Seconds of wall clock for one call, and for one instantiation."""
    table_elements: int = 100_000
    """Elements of all tables."""
    stack: int = 512 * KIB
    """Bytes of native stack for the guest: wasmtime's default, hence MockForge's (contract 2.1)."""
    instances: int = 1
    """Instances in one store."""
    reply: int = 32 * MIB
    """Bytes of one reply of a service, as it comes and after decompression."""


class BorderNote(msgspec.Struct, frozen=True, kw_only=True):
    """Something odd at the border that the host would swallow: a trap of `dealloc`, a zero address."""

    detail: str
    """A stable word: `release-trapped`, `pin-trapped`, `released-twice`, `zero-address`; of a service
    `compressed-reply`."""
    message: str


class HostCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a function that the module imports, as the guest made it."""

    module: str
    name: str
    arguments: tuple[int | float, ...]
    outcome: str
    """What came back: a number, an errno such as `EBADF`, nothing, or `trap …` and `raised …`."""
    detail: str = ""
    """What the numbers stand for where that can be told: a path, a key, a status; not made harmless for a terminal."""


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """What a service's answer said beside its bytes."""

    status: int
    """The HTTP status, or the number of the gRPC code."""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, in the order in which they came; not made harmless for a terminal."""
    connect_seconds: float = 0.0
    """Seconds spent on making the connection, handshake included; 0 where one was open already."""
    redirects: int = 0
    """How many redirects were followed."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What a runtime saw of one call: bytes in, bytes out, and what they cost."""

    operation: Operation
    request: bytes
    reply: bytes | None
    """None exactly when `failure` or `raised` is set."""
    failure: PluginFailure | None
    fuel: int | None
    """Units used by allocator, operation and release; None where nothing is metered."""
    guest_seconds: float
    """Seconds from the first guest call to the last return, border included; of a service, connecting left out."""
    memory: int = 0
    """Bytes of linear memory after the call; 0 for a service."""
    memory_grown: int = 0
    """Bytes by which linear memory grew during the call."""
    fresh: bool
    """True when the call was the first one of its instance, or of its connection."""
    border: tuple[BorderNote, ...] = ()
    asked: tuple[HostCall, ...] = ()
    """The first thousand calls of imported functions; an instance's first call has those of its start with it."""
    asked_total: dict[str, int] = {}
    """How often each imported function was called, by `module::name`."""
    printed: str = ""
    """What the guest wrote to standard output and standard error, as it came: control characters are in it."""
    printed_dropped: int = 0
    """Bytes of output that were not kept."""
    wire: Wire | None = None
    """What came with a service's answer; None for a module, and where no answer came."""
    raised: BaseException | None = None
    """What a Python function of the test's raised; whoever made the call raises it again."""


def closed() -> SetupError:
    """What is raised for a call after `close`."""
    return SetupError(
        "the plugin is closed", hint="call it inside of its `with` block, or before the run of pytest ends"
    )


def inherited() -> SetupError:
    """What is raised for a call in a process that was forked off: stores, sockets and threads are not divided."""
    return SetupError(
        "the plugin was opened by the process that this one was forked off",
        hint="open it with pytest_mockforge.load in the process that calls it, or start that one by 'spawn'",
    )


InstancePolicy = Literal["item", "call", "kept"]
"""How long an instance lives: until `renew()` or a trap, for one call, or for good (the host's way)."""


class Runtime(Protocol):
    """Carries bytes to a plugin and back. The plugin's own bad deeds come back in an Exchange, never as exceptions."""

    @property
    def limits(self) -> Limits:
        """What each call may use."""
        ...

    @property
    def operations(self) -> frozenset[Operation]:
        """The operations that can be called, as far as that shows without calling."""
        ...

    def invoke(self, operation: Operation, payload: bytes, fuel: int | None = None) -> Exchange:
        """Call one operation, with less fuel than the limit if asked (where fuel is metered).

        Raises SetupError when the runtime was closed.
        """
        ...

    def health(self) -> bool:
        """Tell whether the host would call the plugin healthy (contract 1.7)."""
        ...

    def metrics(self) -> dict[str, str]:
        """Give what the host's `get_metrics` gives (contract 1.7)."""
        ...

    def renew(self) -> None:
        """Make the next call start afresh, unless the policy keeps an instance for good."""
        ...

    def close(self, *, for_good: bool = False) -> None:
        """Give back what is held; calling again does nothing. After `for_good`, `invoke` raises SetupError."""
        ...


@runtime_checkable
class MessageRuntime(Protocol):
    """A runtime whose wire carries messages of its own, made from the JSON that `invoke` is given."""

    def message(self, operation: Operation, payload: bytes) -> bytes:
        """Write JSON as it travels. Raises RequestError for what a message has no place for."""
        ...

    def invoke_message(self, operation: Operation, message: bytes) -> Exchange:
        """Call one operation with bytes that travel as they are, well written or not, as `invoke` does."""
        ...
