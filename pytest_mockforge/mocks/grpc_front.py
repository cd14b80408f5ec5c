"""What gRPC methods a stand-in serves: the four of plugin.proto and the standard health service. No connections."""

from __future__ import annotations

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.mocks.delivery import Delivery
from pytest_mockforge.mocks.mock import PluginMock
from pytest_mockforge.proto.messages import HEALTH, encode, method_path

HEALTH_PATH = f"/{HEALTH}/Check"
_SERVING, _NOT_SERVING = 1, 2
_UNIMPLEMENTED = 12
_OPERATIONS: dict[str, Operation] = {method_path(operation): operation for operation in Operation}


def is_asked_by_libraries(path: str) -> bool:
    """Tell what clients ask by themselves and take no for an answer: reflection, and whatever else is gRPC's own."""
    return path.startswith("/grpc.") and path != HEALTH_PATH


def answer(mock: PluginMock, path: str, data: bytes, metadata: tuple[tuple[str, str], ...]) -> Delivery:
    """Take one unary call and say what is to be sent."""
    if path == HEALTH_PATH:
        status = _SERVING if mock.healthy else _NOT_SERVING
        return Delivery(body=encode(f"{HEALTH}CheckResponse", {"status": status}), status=0)
    operation = _OPERATIONS.get(path)
    if operation is not None:
        return mock.answer(operation, data, metadata)
    details = "Method not found!"
    if not is_asked_by_libraries(path):
        details = mock.stray(path, f"plugin.proto has no such method; it has {', '.join(sorted(_OPERATIONS))}")
    return Delivery(status=_UNIMPLEMENTED, details=details)


def text_pairs(metadata: object) -> tuple[tuple[str, str], ...]:
    """Give metadata as pairs of text; what is bytes is written in hexadecimal."""
    pairs = metadata if isinstance(metadata, list | tuple) else ()
    return tuple((str(key), value.hex() if isinstance(value, bytes) else str(value)) for key, value in pairs)
