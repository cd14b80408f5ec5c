"""What a service behind gRPC is asked beyond what the host would send."""

from __future__ import annotations

import pytest

from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.realistic import NamedRequest, realistic_requests
from pytest_mockforge.contract.requests import RequestBuilder
from pytest_mockforge.errors import RequestError
from pytest_mockforge.proto.dialect import ProtoDialect
from pytest_mockforge.proto.json_form import request_to_wire
from pytest_mockforge.proto.messages import decode

BUILD = RequestBuilder()


@pytest.mark.parametrize(
    "named", [named for one in Operation for named in realistic_requests(one)], ids=lambda named: named.name
)
def test_what_the_host_would_send_is_sent_byte_for_byte(named: NamedRequest) -> None:
    assert ProtoDialect().encode(named.request) == HostDialect().encode(named.request)


def test_credentials_headers_and_body_reach_the_message() -> None:
    pytest.importorskip("google.protobuf", reason="plugin.proto needs the extra 'grpc'")
    request = BUILD.auth(basic=("alice", "s3cret"), headers={"x-demo": "1"}, body=b"\x00\xff")
    message = decode("AuthRequest", request_to_wire(Operation.AUTHENTICATE, ProtoDialect().encode(request)))
    assert message["credentials"] == {
        "type": "basic",
        "token": "YWxpY2U6czNjcmV0",
        "data": {"username": "alice", "password": "s3cret"},
    }
    assert (message["headers"], message["body"]) == ({"x-demo": "1"}, b"\x00\xff")


def test_a_body_of_no_bytes_is_still_a_body() -> None:
    pytest.importorskip("google.protobuf", reason="plugin.proto needs the extra 'grpc'")
    payload = ProtoDialect().encode(BUILD.response("POST", "/users", body=b""))
    assert decode("ResponseRequest", request_to_wire(Operation.GENERATE_RESPONSE, payload))["body"] == b""


def test_what_the_messages_have_no_place_for_is_an_error() -> None:
    with pytest.raises(RequestError, match="does not carry sort"):
        ProtoDialect().encode(BUILD.query("SELECT 1", sort=["name"]))
