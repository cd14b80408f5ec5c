"""What came of a call in one word, and whether two calls came to the same. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mockforge.contract.replies import AuthResponse, DataResult, ResponseData
from pytest_mockforge.documents.expectation import Volatile, differing, without_volatile
from pytest_mockforge.errors import AbiFailure, GuestTrap, LimitExceeded, Refusal, RemoteFailure
from pytest_mockforge.observation import Observation

_LONGEST = 200


def outcome(seen: Observation) -> str:
    """Give a stable word: `reply`, `refused`, `broken`, a trap's code, `border-…`, `status-500`, `timeout`, …"""
    failure = seen.exchange.failure
    match failure:
        case None:
            return "reply" if seen.decoded is None or seen.decoded.ok else "broken"
        case Refusal():
            return "refused"
        case GuestTrap():
            return failure.code if failure.during != "allocator" else f"allocator-{failure.code}"
        case AbiFailure():
            return failure.detail
        case RemoteFailure():
            return f"status-{failure.status}" if failure.kind == "status" else failure.kind
    return "failed"


def accepted(seen: Observation) -> bool:
    """Tell whether the plugin said yes: authenticated, a 2xx, a value, or rows."""
    if outcome(seen) != "reply":
        return False
    reply = seen.reply
    if isinstance(reply, AuthResponse):
        return reply.authenticated
    if isinstance(reply, ResponseData):
        return 200 <= reply.status_code < 300
    if isinstance(reply, DataResult):
        return bool(reply.rows)
    return True


def limited(seen: Observation) -> bool:
    """Tell whether a call ran into a limit, which costs time and says nothing of the answer."""
    failure = seen.exchange.failure
    return isinstance(failure, LimitExceeded) or (
        isinstance(failure, RemoteFailure) and failure.kind in ("timeout", "oversize")
    )


def alike(left: Observation, right: Observation, volatile: Sequence[Volatile]) -> bool:
    """Tell whether two calls came to the same but for volatile fields; replies that break the contract count as one."""
    word = outcome(left)
    if word != outcome(right):
        return False
    if word != "reply" or left.reply_bytes == right.reply_bytes:
        return True
    one, other = (
        without_volatile(seen.decoded and seen.decoded.value, seen.operation, volatile) for seen in (left, right)
    )
    return not differing(one, other)


def said(seen: Observation) -> str:
    """Say in one line what came of a call."""
    failure = seen.exchange.failure
    if failure is not None:
        return failure.message.partition("\n")[0]
    text = (seen.reply_bytes or b"")[:_LONGEST].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def difference(left: Observation, right: Observation, volatile: Sequence[Volatile]) -> tuple[str, str]:
    """Say what two calls came to: the first place where two replies differ, else both in a line."""
    if outcome(left) == outcome(right) == "reply":
        one, other = (
            without_volatile(seen.decoded and seen.decoded.value, seen.operation, volatile) for seen in (left, right)
        )
        if found := differing(one, other):
            where = f"{found[0].pointer}: " if found[0].pointer else ""
            return f"{where}{found[0].expected}", f"{where}{found[0].got}"
    return said(left), said(right)
