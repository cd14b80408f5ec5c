"""Small services to start, good and bad, and what is left of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from pytest_mockforge.documents.start import StartCommand
from pytest_mockforge.services.supervisor import descendants, process_table

SERVE = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (os.environ.get("SAY", "") + self.path).encode()
        self.send_response(int(os.environ.get("STATUS", "200")))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass

def serve(port=int(os.environ["PORT"])):
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
GOOD = SERVE + "print('serving', sys.argv[1:])\nserve()\n"
# Two generations away, in a session of its own, deaf to SIGTERM: what a daemon makes of itself.
DAEMON = """
import os, signal, time

def daemon(then):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with open(os.environ["PIDS"], "a") as file:
                print(os.getpid(), file=file)
            then()
            os._exit(0)
        os._exit(0)
    os.wait()
    while not os.path.exists(os.environ["PIDS"]) or not os.path.getsize(os.environ["PIDS"]):
        time.sleep(0.01)
"""
WITH_DAEMON = (
    SERVE
    + DAEMON
    + """
daemon(lambda: time.sleep(60))
with open(os.environ["PIDS"], "a") as file:
    print(os.getpid(), os.getppid(), file=file)
serve()
"""
)


def python(script: str, *words: str, **env: str) -> StartCommand:
    """A service that is a Python script."""
    return StartCommand(command=("{python}", "-c", script, *words), env=env)


def processes_in(file: Path, count: int) -> list[int]:
    """Wait until so many process ids stand in a file."""
    until = monotonic() + 20
    while monotonic() < until:
        numbers = [int(word) for word in file.read_text().split()] if file.exists() else []
        if len(numbers) >= count:
            return numbers
        sleep(0.02)
    raise AssertionError(f"{file} does not hold {count} process ids")


def living(processes: list[int], *, seconds: float = 10) -> list[int]:
    """Wait until none of these processes lives, and give those that still do when time is up."""
    until = monotonic() + seconds
    while left := [process for process in processes if process in process_table()]:
        if monotonic() > until:
            break
        sleep(0.02)
    return left


@contextmanager
def nothing_is_left() -> Iterator[None]:
    """See that every process, thread and file descriptor is given back; what others left before may go meanwhile."""
    files, threads = _open_files(), set(threading.enumerate())
    yield
    assert descendants(os.getpid(), process_table()) == []
    assert _open_files() - files == set()
    assert set(threading.enumerate()) - threads == set()


def _open_files() -> set[tuple[str, str]]:
    found = set()
    for number in os.listdir("/dev/fd"):
        # The one that the listing itself took is closed again.
        with suppress(OSError):
            found.add((number, os.readlink(f"/dev/fd/{number}")))
    return found
