"""All that was seen of one call, and what a broken contract looks like as a failure. Knows no plugin and no runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import ContractFailure, PluginFailure
from pytest_mockforge.runtimes.base import BorderNote, Exchange, HostCall, Wire

if TYPE_CHECKING:
    from pytest_mockforge.contract.violations import Violation


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """All that was seen of one call: what went in, what came out, and what it cost."""

    exchange: Exchange
    decoded: Decoded | None
    """None when the call did not return a reply, and for `call_raw`."""
    host_seconds: float
    """Seconds spent on our side: encoding and decoding."""

    @property
    def operation(self) -> Operation:
        """The operation that was called."""
        return self.exchange.operation

    @property
    def request_bytes(self) -> bytes:
        """The request as it was sent."""
        return self.exchange.request

    @property
    def reply_bytes(self) -> bytes | None:
        """The reply as it came; None when there was none."""
        return self.exchange.reply

    @property
    def reply(self) -> object:
        """The typed reply, or the JSON value of a template function; None when the reply broke the contract."""
        return self.decoded.reply if self.decoded is not None else None

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every breach of the contract in the reply, warnings included."""
        return self.decoded.violations if self.decoded is not None else ()

    @property
    def failure(self) -> PluginFailure | None:
        """Why there is no good reply: a trap, a limit, a broken border or a broken contract."""
        if self.exchange.failure is not None or self.decoded is None or self.decoded.ok:
            return self.exchange.failure
        return _contract_failure(self.exchange, self.decoded)

    @property
    def fuel(self) -> int | None:
        """Units of fuel used by allocator, operation and release together."""
        return self.exchange.fuel

    @property
    def guest_seconds(self) -> float:
        """Seconds from the first call into the guest to the last return, on the metered engine."""
        return self.exchange.guest_seconds

    @property
    def memory(self) -> int:
        """Bytes of linear memory after the call."""
        return self.exchange.memory

    @property
    def memory_grown(self) -> int:
        """Bytes by which linear memory grew during the call."""
        return self.exchange.memory_grown

    @property
    def fresh(self) -> bool:
        """True when this was the first call of its instance."""
        return self.exchange.fresh

    @property
    def border(self) -> tuple[BorderNote, ...]:
        """Oddities at the border that the host would swallow, such as a trap of `dealloc`."""
        return self.exchange.border

    @property
    def asked(self) -> tuple[HostCall, ...]:
        """What the plugin asked its host for, call by call, up to a thousand."""
        return self.exchange.asked

    @property
    def printed(self) -> str:
        """What the plugin wrote to standard output and error, control characters included."""
        return self.exchange.printed

    @property
    def wire(self) -> Wire | None:
        """Status, headers and connection of a service's answer; None for a module, and where no answer came."""
        return self.exchange.wire


def _contract_failure(exchange: Exchange, decoded: Decoded) -> ContractFailure:
    breaches = [violation for violation in decoded.violations if violation.severity == "error"]
    first = breaches[0]
    where = first.pointer or "the reply"
    more = f", and {len(breaches) - 1} more" if len(breaches) > 1 else ""
    lines = [f"{exchange.operation} broke the contract at {where}: {first.kind}{more}"]
    for violation in breaches[:20]:
        lines.append(f"  {violation.pointer or '(reply)'}: {violation.kind}")
        lines.append(f"    expected: {violation.expected}")
        lines.append(f"    got: {violation.got}")
        if violation.hint:
            lines.append(f"    hint: {violation.hint}")
    if len(breaches) > 20:
        lines.append(f"  … and {len(breaches) - 20} more")
    if decoded.host_message:
        lines.append(f"  MockForge would say: Plugin execution error: {decoded.host_message}")
    return ContractFailure("\n".join(lines), violations=decoded.violations, payload=exchange.reply or b"")
