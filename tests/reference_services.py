"""Start the reference services, or import the one that runs in-process, and ask them with plain httpx.

Knows nothing of this package's own runtimes: the fixtures have to stand before they are tested on them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, util
from typing import TYPE_CHECKING, Protocol, cast

import httpx
import pytest

from tests.reference_module import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDERS = ("python-http", "node-http")
KINDS = ("in-process", *FOLDERS)
PATHS = {
    "authenticate": "/plugin/authenticate",
    "template_function": "/plugin/template/execute",
    "generate_response": "/plugin/response/generate",
    "query_datasource": "/plugin/datasource/query",
}


class Ask(Protocol):
    """One request to a service."""

    def __call__(self, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response: ...


@dataclass(frozen=True, kw_only=True)
class Service:
    kind: str
    dialect: str
    ask: Ask

    def post(self, operation: str, body: bytes) -> httpx.Response:
        return self.ask("POST", PATHS[operation], body)

    def call(self, operation: str, **request: object) -> object:
        """Call with the host's shape, and give the reply."""
        reply: object = self.post(operation, json.dumps(request).encode()).json()
        return reply


def missing(kind: str) -> str | None:
    """Say what a service lacks here."""
    if kind == "node-http":
        if shutil.which("node") is None:
            return "Node.js is not installed"
        if not (REFERENCE / kind / "node_modules" / "express").is_dir():
            return "Express is not installed; fixtures/reference/node-http/build installs it"
        return None
    wanted = ("fastapi",) if kind == "in-process" else ("fastapi", "uvicorn")
    lacking = [name for name in wanted if util.find_spec(name) is None]
    return f"{' and '.join(lacking)} not installed; the extra dev brings them" if lacking else None


def command(folder: str) -> list[str]:
    return [sys.executable, "app.py"] if folder == "python-http" else ["node", "server.js"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def started(folder: str, dialect: str, log: Path) -> Iterator[Ask]:
    """Start a service, wait until it is well, and end it whatever happens."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "MOCKFORGE_DIALECT": dialect}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(folder), cwd=REFERENCE / folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
                wait_until_well(client, process, log)
                yield over_socket(client)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_well(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the service was never well:\n{log.read_text('utf-8', 'replace')}")


def over_socket(client: httpx.Client) -> Ask:
    def ask(method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
        return client.request(method, path, content=body, headers=headers)

    return ask


class ReferenceApp(Protocol):
    host_app: object
    sdk_app: object


@contextmanager
def imported() -> Iterator[ReferenceApp]:
    """Import the FastAPI service from its folder, and forget it again."""
    folder = str(REFERENCE / "python-http")
    sys.path.insert(0, folder)
    try:
        yield cast("ReferenceApp", import_module("app"))
    finally:
        sys.path.remove(folder)
        for name in ("app", "dialects"):
            sys.modules.pop(name, None)


def in_process(app: object) -> Ask:
    # httpx gives the type of an application as a callable of its own making.
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]

    def ask(method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url="http://service", trust_env=False) as client:
                return await client.request(method, path, content=body, headers=headers)

        return asyncio.run(asked())

    return ask


@contextmanager
def running(kind: str, dialect: str, log: Path) -> Iterator[Service]:
    if reason := missing(kind):
        pytest.skip(reason)
    if kind == "in-process":
        with imported() as module:
            app = module.host_app if dialect == "host" else module.sdk_app
            yield Service(kind=kind, dialect=dialect, ask=in_process(app))
    else:
        with started(kind, dialect, log) as ask:
            yield Service(kind=kind, dialect=dialect, ask=ask)
