"""MockForge's remote adapter (contract 4.1): what it prints of a service's answers. Pure; knows no socket."""

from __future__ import annotations

from http import HTTPStatus

from pytest_mockforge.contract.decode import Decoded
from pytest_mockforge.errors import PluginFailure, RemoteFailure
from pytest_mockforge.hosts.messages import EXECUTION
from pytest_mockforge.runtimes.base import Exchange

NO_GRPC = "MockForge has no gRPC client: its Grpc setting posts JSON over HTTP"
_NO_CLIENT = "MockForge has no client for {}://: its remote adapter posts JSON over HTTP"
ONLY_MODULES = "it opens WebAssembly modules only"
_UNREAD = ("Failed to decode output: ", "Failed to parse output JSON: ")
"""How the module adapters begin where bytes are no JSON; the remote one hides all of it."""


def no_client(scheme: str) -> str:
    """Say that a service behind an extension's scheme is none that MockForge could call."""
    return _NO_CLIENT.format(scheme)


def said(exchange: Exchange, decoded: Decoded | None) -> str:
    """Give what the adapter prints of one call, or says nothing of though it cannot be meant."""
    if exchange.failure is not None:
        return said_of_failure(exchange.failure) or exchange.failure.message
    words = said_of_reply(decoded) if decoded is not None else None
    return words or "it would take the envelope {success, result} for the value"


def said_of_reply(decoded: Decoded) -> str | None:
    """Give what the adapter prints of a reply that it cannot use; None when it takes it."""
    message = decoded.host_message
    if message is None:
        return None
    if message.startswith(_UNREAD):
        return f"{EXECUTION}Failed to parse response: error decoding response body"
    return EXECUTION + message


def said_of_failure(failure: PluginFailure) -> str | None:
    """Give what the adapter prints of a call that failed; None where that cannot be told."""
    if not isinstance(failure, RemoteFailure):
        return None
    if failure.kind == "status" and failure.status is not None and failure.status >= 100:
        return f"{EXECUTION}Remote plugin returned error status: {_status(failure.status)}"
    if failure.kind in ("unreachable", "tls", "timeout", "closed", "protocol", "redirect"):
        # Connect failures and timeouts look alike there, the cause is hidden.
        return f"{EXECUTION}Remote plugin call failed: error sending request for url (…)"
    return None


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} <unknown status code>"
