"""The pieces below a start: questions for readiness, ports, the log's ring."""

from __future__ import annotations

import os
import socket
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from pytest_mockforge.documents.start import StartCommand
from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.services.launch import launch
from pytest_mockforge.services.log import harmless, read_log, tail
from pytest_mockforge.services.ports import free_port, holder_of, is_taken, ports_of
from pytest_mockforge.services.supervisor import HEAD, HEADER, TAIL, Log
from tests.services import GOOD, python

GRPC = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
import grpc
asked = []
def check(request, context):
    asked.append(request)
    if len(asked) < 2: context.abort(grpc.StatusCode.UNAVAILABLE, 'warming up')
    print(request, flush=True)
    return bytes.fromhex(sys.argv[1])
handler = grpc.unary_unary_rpc_method_handler(check)
server = grpc.server(ThreadPoolExecutor(2))
if sys.argv[1]:
    health = grpc.method_handlers_generic_handler('grpc.health.v1.Health', {'Check': handler})
    server.add_generic_rpc_handlers((health,))
server.add_insecure_port('127.0.0.1:' + os.environ['PORT'])
server.start()
server.wait_for_termination()
"""
HEALTH_REQUEST = b"\x0a\x09my.Plugin"
needs_grpc = pytest.mark.skipif(find_spec("grpc") is None, reason="needs grpcio: pip install 'pytest-mockforge[grpc]'")


def grpc_service(answer: str, ready: str = "") -> StartCommand:
    return StartCommand(command=("{python}", "-c", GRPC, answer), protocol="grpc", ready=ready)


@needs_grpc
def test_a_grpc_service_is_ready_when_its_health_service_says_serving() -> None:
    with launch(grpc_service("0801", "my.Plugin"), label="grpc") as service:
        assert service.url == f"grpc://127.0.0.1:{service.port}"
    assert service.log == f"{HEALTH_REQUEST!r}\n"


@needs_grpc
def test_a_grpc_service_without_a_health_service_is_ready_when_it_answers() -> None:
    with launch(grpc_service(""), label="grpc") as service:
        assert service.alive


@needs_grpc
def test_a_grpc_service_that_does_not_serve_is_not_ready() -> None:
    with pytest.raises(LoadFailure) as caught:
        launch(grpc_service("0802"), label="grpc", timeout=2.5)
    said = str(caught.value)
    assert "\n  asked: grpc.health.v1.Health/Check at 127.0.0.1:" in said
    assert "\n  last answer: NOT_SERVING\n" in said


def test_nobody_listens_on_a_free_port() -> None:
    assert not is_taken(free_port())


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells who listens")
def test_a_listener_is_told_apart_from_a_stranger() -> None:
    with launch(python(GOOD), label="good") as service:
        assert holder_of(service.port, []) == "stranger"
        assert holder_of(free_port(), [os.getpid()]) == "unknown"
        assert service.port not in ports_of([os.getpid()])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_descriptor_that_is_closed_while_it_is_looked_at_hides_no_other() -> None:
    lower = os.open(os.devnull, os.O_RDONLY)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # What lists this process's descriptors takes the place of this one, and is gone by the time they are read.
        os.close(lower)
        assert listener.getsockname()[1] in ports_of([os.getpid()])


@pytest.mark.parametrize("chunk", [1, 7, 1000, 65536, 65537, 200_000, 1_000_000])
def test_head_and_tail_of_a_log_are_kept_however_it_is_cut(chunk: int) -> None:
    size = HEAD + TAIL + 5000 if chunk > 1 else HEAD + 100
    text = b"".join(b"%07d " % number for number in range(max(size, chunk * 2) // 8))
    with tempfile.TemporaryFile() as file:
        log = Log(file.fileno())
        for start in range(0, len(text), chunk):
            log.add(text[start : start + chunk])
        read = read_log(file.fileno()).encode()
    dropped = len(text) - HEAD - TAIL
    if dropped <= 0:
        assert read == text
    else:
        assert read == text[:HEAD] + f"\n… {dropped:,} bytes left out …\n".encode() + text[-TAIL:]


def test_a_log_that_cannot_be_kept_stops_nobody() -> None:
    with Path(os.devnull).open("rb") as file:
        Log(file.fileno()).add(b"x" * HEADER)


def test_a_tail_is_safe_to_show() -> None:
    log = "one\r\n\x1b[1;31mtwo\x1b[0m\n\n\x1b]0;title\x07\n\u202eeert\n" + "x" * 999
    assert tail(log) == ["one", "two", "\\x1b]0;title\\x07", "\\u202eeert", "x" * 199 + "…"]


def test_a_cut_text_is_still_harmless() -> None:
    assert harmless("\x00" * 5, 3) == "\\x00\\x00…"
