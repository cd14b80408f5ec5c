"""Where a stand-in answers over HTTP: paths, methods and health, as the host asks (contract 4.1). No connections."""

from __future__ import annotations

from pytest_mockforge.contract.json_text import dump
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.mocks.delivery import Delivery
from pytest_mockforge.mocks.mock import PluginMock
from pytest_mockforge.mocks.wires import HttpWire
from pytest_mockforge.runtimes.remote.roads import HEALTH, PATHS

_OPERATIONS: dict[str, Operation] = {path: operation for operation, path in PATHS.items()}


def answer(
    mock: PluginMock, wire: HttpWire, method: str, path: str, body: bytes, headers: tuple[tuple[str, str], ...]
) -> Delivery:
    """Take one request and say what is to be sent; `path` is what follows the URL of the plugin, without a query."""
    if path == HEALTH and method in ("GET", "HEAD"):
        return _health(mock)
    operation = _OPERATIONS.get(path)
    asked = f"{method} {path}"
    if operation is None:
        paths = ", ".join(sorted((*PATHS.values(), HEALTH)))
        return wire.plain(404, mock.stray(asked, f"there is no such path; there are {paths}"))
    if method != "POST":
        return wire.plain(405, mock.stray(asked, "operations are asked with POST (contract 4.1)"))
    return mock.answer(operation, body, headers)


def _health(mock: PluginMock) -> Delivery:
    said = {"status": "healthy" if mock.healthy else "unhealthy", "plugin": mock.name, "version": "0.1.0"}
    return Delivery(body=dump(said), status=200 if mock.healthy else 503)
