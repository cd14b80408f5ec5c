"""Services that start, answer, print, restart and end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from urllib.request import ProxyHandler, build_opener

import pytest

from pytest_mockforge.documents.start import StartCommand
from pytest_mockforge.errors import SetupError
from pytest_mockforge.services.launch import Service, launch
from pytest_mockforge.services.ports import free_port, is_taken
from pytest_mockforge.services.supervisor import descendants, process_table
from tests.services import GOOD, SERVE, WITH_DAEMON, living, nothing_is_left, processes_in, python

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    with nothing_is_left():
        yield


def fetched(url: str) -> str:
    with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
        return str(answer.read(), "utf-8")


def test_a_service_answers_at_its_url() -> None:
    with launch(python(GOOD), label="good") as service:
        assert service.alive
        assert service.url == f"http://127.0.0.1:{service.port}"
        assert fetched(f"{service.url}/plugin/x") == "/plugin/x"


def test_a_prefix_belongs_to_the_url() -> None:
    with launch(replace(python(GOOD), prefix="/v1"), label="good") as service:
        assert service.url == f"http://127.0.0.1:{service.port}/v1"


def test_port_and_interpreter_are_put_into_the_command_and_its_environment() -> None:
    start = python(GOOD, "--port={port}", SAY="at {port} {other}: ")
    with launch(start, label="good") as service:
        assert fetched(service.url) == f"at {service.port} {{other}}: /"
    assert service.log == f"serving ['--port={service.port}']\n"


def test_a_service_runs_in_its_folder(tmp_path: Path) -> None:
    start = replace(python("import os; print(os.getcwd(), flush=True)" + SERVE + "serve()"), cwd=tmp_path)
    with launch(start, label="good") as service:
        assert service.log == f"{tmp_path}\n"


def test_a_service_inherits_no_secret_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_TOKEN", "hunter-2")
    monkeypatch.setenv("HTTP_PROXY", "http://me:hunter-2@proxy")
    monkeypatch.setenv("LC_TIME", "C")
    with launch(python("import os; print(*sorted(os.environ))" + SERVE + "serve()", OWN="x"), label="good") as service:
        names = service.log.split()
    assert {"PATH", "PORT", "OWN", "LC_TIME"} <= set(names)
    assert not {"CI_TOKEN", "HTTP_PROXY"} & set(names)


def test_a_service_has_no_input_and_a_session_of_its_own() -> None:
    script = "import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())" + SERVE + "serve()"
    with launch(python(script), label="good") as service:
        assert service.log == "'' True\n"


def test_the_log_is_complete_after_stop() -> None:
    script = SERVE + (
        "import signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('last words', file=sys.stderr), sys.exit()))\n"
        "print('first words')\nserve()\n"
    )
    service = launch(python(script), label="good")
    service.stop()
    assert service.log == "first words\nlast words\n"
    assert not service.alive


CHATTY = SERVE + "Handler.log_message = lambda self, *_: print('asked for', self.path, flush=True)\nserve()\n"


@needs_proc
def test_the_log_holds_what_was_printed_before_an_answer_however_late_it_is_read_in() -> None:
    with launch(python(CHATTY), label="chatty") as service:
        supervisor = supervisor_among(descendants(os.getpid(), process_table()))
        os.kill(supervisor, signal.SIGSTOP)
        assert fetched(f"{service.url}/this") == "/this"
        later = threading.Timer(0.2, os.kill, (supervisor, signal.SIGCONT))
        later.start()
        log = service.log
        later.join()
    assert log.endswith("asked for /this\n")


@needs_proc
def test_a_supervisor_that_does_not_answer_costs_some_lines_and_little_time() -> None:
    with launch(python(CHATTY), label="chatty") as service:
        supervisor = supervisor_among(descendants(os.getpid(), process_table()))
        os.kill(supervisor, signal.SIGSTOP)
        began = monotonic()
        assert "asked for /that" not in service.log
        assert monotonic() - began < 10
        os.kill(supervisor, signal.SIGCONT)
        assert fetched(f"{service.url}/that") == "/that"
        assert service.log.endswith("asked for /that\n")


def test_stopping_twice_is_as_good_as_once() -> None:
    service = launch(python(GOOD), label="good")
    service.stop()
    service.stop()
    assert not is_taken(service.port)


def test_of_a_flood_the_first_and_the_last_64_kib_are_kept() -> None:
    script = SERVE + (
        "import threading\nprint('first')\n"
        "def flood():\n"
        "    for _ in range(300): os.write(1, b'x' * 65536)\n"
        "    print('last')\n"
        "    os.environ['SAY'] = 'flooded'\n"
        "threading.Thread(target=flood, daemon=True).start()\n"
        "serve()\n"
    )
    with launch(python(script), label="loud") as service:
        until = monotonic() + 20
        while "flooded" not in fetched(service.url):
            assert monotonic() < until
    assert service.log.startswith("first\nxxx")
    assert service.log.endswith("xxxlast\n")
    assert len(service.log) < 140_000
    assert f"\n… {300 * 65536 + 11 - 131072:,} bytes left out …\n" in service.log


def test_progress_is_told_at_once_and_then_about_once_a_second() -> None:
    lines: list[str] = []
    script = "import time; time.sleep(1.3)" + SERVE + "serve()"
    with launch(python(script), label="slow\x1b", progress=lines.append) as service:
        waiting = f"waiting for slow\\x1b at http://127.0.0.1:{service.port}"
    assert lines[:2] == [waiting, f"{waiting}, 1 s"]


def test_a_service_that_is_deaf_to_sigterm_is_killed_after_the_grace() -> None:
    script = SERVE + "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nserve()\n"
    service = launch(python(script), label="deaf", grace=0.3)
    began = monotonic()
    service.stop()
    assert 0.3 <= monotonic() - began < 8
    assert not is_taken(service.port)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux finds a daemon that left its tree")
def test_a_daemon_that_left_session_and_tree_ends_too(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    with launch(python(WITH_DAEMON, PIDS=str(file)), label="forks", grace=0.2):
        processes = processes_in(file, 3)
        assert living(processes, seconds=0) == processes
    assert living(processes, seconds=0) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_service_that_dies_later_is_seen() -> None:
    with launch(python(GOOD), label="good") as service:
        [killed] = [p for p in descendants(os.getpid(), process_table()) if "supervisor" not in words_of(p)]
        os.kill(killed, signal.SIGKILL)
        assert living([killed]) == []
        assert ended(service)


def ended(service: Service) -> bool:
    """Wait until the supervisor has told of the end, which it does after it."""
    until = monotonic() + 10
    while service.alive and monotonic() < until:
        sleep(0.01)
    return not service.alive


def supervisor_among(processes: list[int]) -> int:
    [supervisor] = [process for process in processes if "supervisor" in words_of(process)]
    return supervisor


def words_of(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


@needs_proc
def test_a_service_does_not_outlive_its_killed_supervisor() -> None:
    with launch(python(GOOD), label="good") as service:
        processes = descendants(os.getpid(), process_table())
        os.kill(supervisor_among(processes), signal.SIGKILL)
        assert living(processes) == []
        assert ended(service)


def test_restart_keeps_the_port_and_begins_a_new_log() -> None:
    with launch(python("import os; print(os.getpid())" + SERVE + "serve()"), label="good") as service:
        before = (service.url, service.log)
        service.restart()
        assert service.url == before[0]
        assert service.log != before[1]
        assert service.starts == 2
        assert fetched(f"{service.url}/again") == "/again"


def test_a_stopped_service_can_be_restarted() -> None:
    with launch(python(GOOD), label="good") as service:
        service.stop()
        service.restart()
        assert service.alive


def test_a_port_that_somebody_took_meanwhile_is_given_up() -> None:
    ports: list[int] = []

    def choose() -> int:
        ports.append(stranger.port if not ports else free_port())
        return ports[-1]

    with (
        launch(python(GOOD), label="stranger") as stranger,
        launch(python(GOOD, SAY="mine"), label="mine", choose_port=choose) as service,
    ):
        assert (service.port, service.starts) == (ports[1], 2)
        assert fetched(service.url) == "mine/"


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells who listens")
def test_a_stranger_that_answers_is_not_taken_for_a_service_that_has_not_bound_yet() -> None:
    ports: list[int] = []

    def choose() -> int:
        ports.append(stranger.port if not ports else free_port())
        return ports[-1]

    script = f"import os, time\nif os.environ['PORT'] == '{{}}': time.sleep(60)\n{SERVE}serve()\n"
    with (
        launch(python(GOOD), label="stranger") as stranger,
        launch(python(script.format(stranger.port), SAY="mine"), label="mine", choose_port=choose) as service,
    ):
        assert fetched(service.url) == "mine/"


def test_a_forked_copy_of_the_run_does_not_end_its_services() -> None:
    with launch(python(GOOD), label="good") as service:
        child = os.fork()
        if child == 0:
            service.stop()
            os._exit(0)
        os.waitpid(child, 0)
        assert fetched(service.url) == "/"


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(SetupError, match="the service 'none' has an empty command"):
        launch(StartCommand(command=()), label="none")


def test_an_error_while_waiting_ends_what_was_started() -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt):
        launch(python("import time; time.sleep(60)"), label="slow", progress=interrupt)
