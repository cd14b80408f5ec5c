"""Everything this package raises on purpose.

    MockforgeError
    ├── SetupError                    something around the plugin is broken; the test could not be made
    │   ├── SpecError                 a SPEC with bad syntax, an unknown scheme, or a path that does not exist
    │   ├── SettingsError             an option, ini key or marker with a value that cannot be used
    │   ├── DocumentError             plugin.yaml, plugin.test.yaml or an accept file that cannot be read
    │   ├── RequestError              a request that the dialect cannot carry, or would carry only in part
    │   ├── AdaptError                a module that `adapt` cannot mend, or must not touch
    │   └── EngineError               the WebAssembly engine on this machine cannot be used
    ├── ExtensionError                a function of an extension raised, or gave what cannot be used
    └── PluginFailure (AssertionError)    the plugin under test misbehaved
        ├── LoadFailure               the module cannot be loaded, or the service cannot be started
        ├── AbiFailure                a missing export, a wrong signature, a pointer or length outside memory
        ├── GuestTrap                 the guest trapped: unreachable, out of bounds, division by zero, …
        │   ├── TrapRefusal           `unreachable` where a trap is the only way to say no
        │   └── LimitExceeded         a trap that one of our limits caused: fuel, time, stack
        ├── RemoteFailure             a service gave no good answer: unreachable, silent, an error status, …
        │   └── RemoteRefusal         an error status where that is the only way to say no
        ├── ComponentRefusal          `err` in a component's result, the way in which it says no there
        ├── Refusal                   any of the three refusals
        └── ContractFailure           the reply breaks the contract; carries every violation at once

A `SetupError` is an error and a `PluginFailure` is a failure in pytest's sense: the first says that the
test could not be made, the second that it was made and the plugin did not pass it. Each message states
what happened in its first line, which alone appears in pytest's short summary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_mockforge.contract.violations import Violation


class MockforgeError(Exception):
    """Base of all errors of this package."""

    def __init__(
        self, message: str, *, expected: str | None = None, got: str | None = None, hint: str | None = None
    ) -> None:
        self.message = message
        self.expected = expected
        self.got = got
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        named = (("expected", self.expected), ("got", self.got), ("hint", self.hint))
        return "\n".join((self.message, *(f"  {name}: {text}" for name, text in named if text)))


class SetupError(MockforgeError):
    """Something around the plugin is broken: a file, an option, the engine."""


class SpecError(SetupError):
    """A SPEC that cannot name a plugin."""


class SettingsError(SetupError):
    """An option, ini key or marker whose value cannot be used."""


class DocumentError(SetupError):
    """A file of the author's that cannot be read; the first line names the file and, if known, the line.

    `cause` is a stable word for why, such as `tab` or `aliases-explode`; empty where the message alone tells.
    """

    def __init__(
        self,
        message: str,
        *,
        cause: str = "",
        expected: str | None = None,
        got: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, expected=expected, got=got, hint=hint)
        self.cause = cause


class RequestError(SetupError):
    """A request that the dialect cannot carry whole."""


class AdaptError(SetupError):
    """A module that `adapt` cannot mend, or must not touch."""


class EngineError(SetupError):
    """The WebAssembly engine on this machine cannot be used."""


class ExtensionError(MockforgeError):
    """A function that an extension added raised, or gave what cannot be used; names the hook and the plugin."""


class ExtensionWarning(UserWarning):
    """What an extension failed at, where the run goes on without it."""


class PluginFailure(MockforgeError, AssertionError):
    """The plugin under test misbehaved."""


LoadStep = Literal["read", "compile", "link", "instantiate", "start"]


class LoadFailure(PluginFailure):
    """The module cannot be compiled, linked or instantiated, or the service cannot be started.

    `step` says which, `detail` is a stable word for the reason, such as `git-lfs-pointer`, where there are several.
    """

    def __init__(
        self,
        message: str,
        *,
        step: LoadStep,
        detail: str = "",
        expected: str | None = None,
        got: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, expected=expected, got=got, hint=hint)
        self.step: LoadStep = step
        self.detail = detail


class AbiFailure(PluginFailure):
    """The border between host and guest was broken; `detail` is a stable word such as `output-outside-memory`.

    `cause` is another, for what lies behind it where that can be told, such as `negative-pointer`.
    """

    def __init__(
        self,
        message: str,
        *,
        detail: str,
        cause: str = "",
        expected: str | None = None,
        got: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, expected=expected, got=got, hint=hint)
        self.detail = detail
        self.cause = cause


class GuestTrap(PluginFailure):
    """The guest trapped.

    `code` is wasmtime's name of the trap in kebab case (`unreachable`, `memory-out-of-bounds`,
    `stack-overflow`, `out-of-fuel`, `interrupt`, …), or `import` where the guest called what nobody
    provides. `backtrace` holds one function name a frame, innermost first, with `(file:line:column)` behind it
    where DWARF or a source map tells. `during` names what ran: an operation, `allocator`, `release`, `start`.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        during: str,
        backtrace: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.during = during
        self.backtrace = tuple(backtrace)


class Refusal(PluginFailure):
    """The plugin refused in `template_function` or `query_datasource`, which have no way to say so in a reply (1.4)."""


class TrapRefusal(GuestTrap, Refusal):
    """`unreachable`, the one way in which a module can refuse there."""


class LimitExceeded(GuestTrap):
    """A trap that one of our limits caused; `code` is `out-of-fuel`, `interrupt` or `stack-overflow`."""


RemoteKind = Literal["unreachable", "tls", "timeout", "closed", "protocol", "redirect", "oversize", "status"]


class RemoteFailure(PluginFailure):
    """A service gave no good answer.

    `kind` is one of `unreachable` (no connection), `tls` (the certificate or the handshake), `timeout`, `closed` (the
    connection ended early), `protocol` (not HTTP, not gRPC), `redirect`, `oversize` and `status` (an answer that says
    no). For `status`, `status` is the HTTP status, or the gRPC code's number, and `body` holds the answer's first
    64 KiB, or the gRPC details.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: RemoteKind,
        status: int | None = None,
        body: bytes = b"",
        expected: str | None = None,
        got: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, expected=expected, got=got, hint=hint)
        self.kind: RemoteKind = kind
        self.status = status
        self.body = body


class RemoteRefusal(RemoteFailure, Refusal):
    """An answer with an error status, the one way in which a service can refuse there."""


class ComponentRefusal(Refusal):
    """`err` in a component's result; `reason` is its text as it came, control characters included."""

    def __init__(self, message: str, *, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class ContractFailure(PluginFailure):
    """The reply breaks the contract. `violations` holds every breach, `payload` the reply as it came."""

    def __init__(self, message: str, *, violations: Sequence[Violation], payload: bytes) -> None:
        super().__init__(message)
        self.violations = tuple(violations)
        self.payload = payload
