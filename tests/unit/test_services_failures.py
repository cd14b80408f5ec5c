"""Services that cannot be started: each ends within its time, and says command, cause and mend."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from pytest_mockforge.documents.start import StartCommand
from pytest_mockforge.errors import LoadFailure
from pytest_mockforge.services.launch import launch
from pytest_mockforge.services.ports import is_taken
from tests.services import DAEMON, living, nothing_is_left, processes_in, python

LISTEN = "import os, socket, time\ns = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\n"


def answering(status: str, body: str = "") -> StartCommand:
    """A service that is up soon, whatever else the machine does, and gives everybody the same answer."""
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    return python(LISTEN + f"while True:\n  c, _ = s.accept(); c.recv(9999); c.send({answer!r}); c.close()")


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    with nothing_is_left():
        yield


def failure(start: StartCommand, *, timeout: float = 0.4) -> LoadFailure:
    began = monotonic()
    with pytest.raises(LoadFailure) as caught:
        launch(start, label="bad", timeout=timeout, grace=0.2)
    assert monotonic() - began < timeout + 5
    assert caught.value.step == "start"
    return caught.value


def test_a_command_that_does_not_exist_is_named() -> None:
    said = str(failure(StartCommand(command=("no-such-command", "a b"))))
    assert said.startswith("the service 'bad' cannot be started: no command 'no-such-command' on PATH\n")
    assert "\n  command: no-such-command 'a b'\n" in said
    assert said.endswith("\n  hint: install it, or write its path; no shell reads the command")


def test_a_path_that_does_not_exist_counts_from_the_folder(tmp_path: Path) -> None:
    said = str(failure(StartCommand(command=("./serve",), cwd=tmp_path)))
    assert f"there is no '{tmp_path}/serve'" in said
    assert "hint: a path counts from 'cwd'; build the service first" in said


def test_a_missing_python_has_a_placeholder() -> None:
    said = str(failure(StartCommand(command=("python9",))))
    assert "hint: write {python} for the interpreter that runs the tests" in said


def test_a_file_that_is_not_executable_is_named(tmp_path: Path) -> None:
    (tmp_path / "serve").write_text("#!/bin/sh\n")
    said = str(failure(StartCommand(command=("./serve",), cwd=tmp_path)))
    assert "cannot be started: './serve' is not executable\n" in said
    assert "hint: chmod +x ./serve, or name its interpreter first" in said


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("#!/no/such/interpreter\n", "'./serve' is there, but the interpreter in its first line is not"),
        ("\0\0\0", "'./serve' is no program for this machine"),
    ],
)
def test_a_file_that_the_machine_cannot_run_is_named(tmp_path: Path, content: str, cause: str) -> None:
    (tmp_path / "serve").write_text(content)
    (tmp_path / "serve").chmod(0o755)
    assert cause in str(failure(StartCommand(command=("./serve",), cwd=tmp_path)))


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    said = str(failure(StartCommand(command=("{python}",), cwd=tmp_path / "none")))
    assert "its folder cannot be entered: No such file or directory\n" in said
    assert f"\n  in: {tmp_path}/none, PORT=" in said


def test_a_command_that_exits_at_once_is_shown_with_status_and_log() -> None:
    script = "import sys; print('first'); print('\\x1b[31mred\\x1b[0m \\x07 bell', file=sys.stderr); sys.exit(3)"
    said = str(failure(python(script), timeout=20))
    assert said.startswith("the service 'bad' ended with exit status 3 after ")
    assert "\n  the end of its log:\n    | first\n    | red \\x07 bell\n  hint: the log says why; " in said
    assert "\x1b" not in said


def test_a_command_that_crashes_is_shown_with_its_signal() -> None:
    assert "ended with SIGSEGV after " in str(failure(python("import os; os.kill(os.getpid(), 11)"), timeout=20))


def test_of_a_long_log_the_last_twenty_lines_are_shown() -> None:
    said = str(failure(python("for i in range(9999): print('line', i)\nraise SystemExit(1)"), timeout=20))
    assert [line for line in said.splitlines() if "|" in line] == [f"    | line {i}" for i in range(9979, 9999)]


def test_what_goes_into_the_background_is_told_so_and_ended(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    said = str(failure(python(DAEMON + "daemon(lambda: time.sleep(60))", PIDS=str(file)), timeout=20))
    assert said.startswith("the service 'bad' went into the background: its command ended with exit status 0 after ")
    assert ", and 1 process went on\n" in said
    assert "hint: run it in the foreground: leave out --daemon, -d, & and the like" in said
    assert living(processes_in(file, 1), seconds=0) == []


def test_what_never_listens_is_told_where_its_port_comes_from() -> None:
    said = str(failure(python("import time; print('hello'); time.sleep(60)")))
    assert said.startswith("the service 'bad' was not ready within 0.4 s\n")
    assert "\n  last answer: nothing listens there (connection refused)\n" in said
    assert "hint: take the port from the variable PORT, or write {port} into 'command'; if it is only slow," in said


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells who listens")
def test_what_listens_on_a_port_of_its_own_is_told_so() -> None:
    script = (
        "import socket, time\ns = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])\ntime.sleep(60)"
    )
    said = str(failure(python(script), timeout=1.5))
    own = said.partition("    | ")[2].split()[0]
    assert f"hint: it listens on port {own}, not on " in said


def test_what_answers_with_an_error_is_shown_with_its_answer() -> None:
    said = str(failure(answering("503 Service Unavailable", "not \x1b yet"), timeout=1.5))
    assert "\n  asked: GET http://127.0.0.1:" in said
    assert "\n  last answer: 503 Service Unavailable: 'not \\\\x1b yet'\n" in said


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("404 Not Found", "name a path that answers 2xx"),
        ("401 No", "the host asks for health without credentials (contract 4.1)"),
    ],
)
def test_a_status_with_a_known_cause_has_its_mend(status: str, hint: str) -> None:
    assert f"hint: {hint}" in str(failure(answering(status), timeout=1.5))


def test_a_redirect_is_not_ready() -> None:
    assert "last answer: 302 Found" in str(failure(answering("302 Found"), timeout=1.5))


def test_what_accepts_and_is_silent_ends_in_time() -> None:
    said = str(failure(python(LISTEN + "time.sleep(60)"), timeout=1.5))
    assert "last answer: it took the connection and sent nothing for 1." in said


def test_what_drips_bytes_ends_in_time() -> None:
    script = LISTEN + "c, _ = s.accept()\nwhile True: c.send(b'H'); time.sleep(0.05)"
    assert "last answer: no HTTP, but 'HHH" in str(failure(python(script), timeout=1.5))


def test_what_speaks_no_http_is_shown() -> None:
    script = LISTEN + "while True:\n  c, _ = s.accept(); c.recv(999); c.send(b'220 mail\\r\\n'); c.close()"
    assert "last answer: no HTTP, but '220 mail'" in str(failure(python(script), timeout=1.5))


def test_what_answers_without_end_ends_in_time() -> None:
    script = LISTEN + (
        "while True:\n"
        "  c, _ = s.accept(); c.recv(9999); c.send(b'HTTP/1.1 500 No\\r\\n\\r\\n')\n"
        "  try:\n"
        "    while True: c.send(b'x' * 65536)\n"
        "  except OSError: c.close()"
    )
    assert "500 No: 'xxx" in str(failure(python(script), timeout=1.5))


def test_a_port_of_its_own_that_is_taken_is_told_after_some_tries() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        script = f"import socket; socket.create_server(('127.0.0.1', {port}))"
        said = str(failure(python(script), timeout=20))
    assert said.startswith("the service 'bad' found its port taken, 4 times, each time another one\n")
    assert "Address already in use" in said
    assert "hint: if it has a port of its own: take the port from the variable PORT" in said


def test_a_port_held_after_death_is_free_again(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    script = LISTEN + "s.set_inheritable(True)\n" + DAEMON + "daemon(lambda: time.sleep(60))\nprint(os.environ['PORT'])"
    said = str(failure(python(script, PIDS=str(file)), timeout=20))
    assert not is_taken(int(said.partition("    | ")[2].split()[0]))


def test_a_flood_without_an_answer_ends_in_time_with_a_short_message() -> None:
    said = str(failure(python("import os\nwhile True: os.write(1, b'y' * 65536)"), timeout=1.5))
    assert len(said) < 2000
    assert "| yyyy" in said


def test_the_command_in_a_message_is_harmless_and_short() -> None:
    start = replace(python("raise SystemExit(1)"), command=("{python}", "-c", "raise SystemExit(1)", "\x1b", "x" * 999))
    said = str(failure(start, timeout=20))
    assert "\x1b" not in said
    assert len(said) < 1000
