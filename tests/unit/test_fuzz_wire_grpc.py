"""Bytes that are no message, sent to a service behind gRPC: they travel as they are, and what breaks is found."""

from __future__ import annotations

import pytest

from pytest_mockforge import load
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.errors import RemoteFailure, RequestError
from pytest_mockforge.fuzz.engine import fuzz
from pytest_mockforge.fuzz.model import FuzzReport
from tests.faulty_services import GrpcAnswer, grpc_faulty, grpc_good

pytest.importorskip("grpc", reason="gRPC needs the extra 'grpc'")
UNKNOWN = 2


def fuzzed(answer: GrpcAnswer) -> FuzzReport:
    with grpc_faulty(answer) as url, load(url) as plugin:
        return fuzz(plugin, operations=[Operation.AUTHENTICATE], seed=1, examples=40, seconds=6.0)


def unreadable_is_unknown(path: str, data: bytes) -> bytes | tuple[str, str]:
    """Answer as a handler that raises where its message cannot be read."""
    reply = grpc_good(path, data)
    return ("UNKNOWN", "boom") if reply == ("INVALID_ARGUMENT", "malformed") else reply


def test_a_service_that_blames_the_request_passes() -> None:
    assert fuzzed(grpc_good).discoveries == ()


def test_a_handler_that_raises_is_found_with_the_bytes_that_it_was_sent() -> None:
    with grpc_faulty(unreadable_is_unknown) as url, load(url) as plugin:
        report = fuzz(plugin, operations=[Operation.AUTHENTICATE], seed=1, examples=40, seconds=6.0)
        found = next(one for one in report.discoveries if one.code == "MF311")
        assert found.severity == "warning"
        # The bytes are the message's, and no JSON.
        assert not found.case.payload.startswith(b"{")
        failure = plugin.observe_bytes(found.case.operation, found.case.payload, wire=True).failure
        assert isinstance(failure, RemoteFailure)
        assert failure.status == UNKNOWN
        with pytest.raises(RemoteFailure, match="boom"):
            plugin.call_raw(found.case.operation, found.case.payload, wire=True)


def test_bytes_that_json_cannot_be_made_of_are_refused_unless_they_are_the_message() -> None:
    with grpc_faulty(grpc_good) as url, load(url) as plugin, pytest.raises(RequestError, match="wire=True"):
        plugin.observe_bytes(Operation.AUTHENTICATE, b"\xff")
