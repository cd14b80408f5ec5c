"""`mockforge_remote`: services that tests start, as an author uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.answering import ADMITTED, write_answering
from tests.conftest import Run
from tests.services import living, processes_in

SERVICE = """
import http.server, json, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, {"status": "healthy"})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked["args"] == ["die"]:
            print("dying now", flush=True)
            os._exit(3)
        print("asked for", asked["args"], flush=True)
        said = {"pid": os.getpid(), "words": sys.argv[1:], "say": os.environ.get("SAY"), "cwd": os.getcwd()}
        self.answer(200 if asked["function_name"] != "fail" else 500, said)

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass

print("up and serving", flush=True)
with open(os.environ.get("PIDS", os.devnull), "a") as file:
    print(os.getpid(), file=file)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
START = 'mockforge_remote(["{python}", "service.py"])'


@pytest.fixture(autouse=True)
def _service(pytester: pytest.Pytester) -> None:
    (pytester.path / "service.py").write_text(SERVICE, "utf-8")


@pytest.fixture
def pids(pytester: pytest.Pytester) -> Path:
    """The file in which a service writes its process id where it is told to."""
    return pytester.path / "pids"


def written(pytester: pytest.Pytester, text: str) -> None:
    pytester.makepyfile(test_it=text.replace("START", START))


def test_a_service_is_started_and_given_as_a_plugin(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        def test_it(mockforge_remote):
            plugin = START
            assert plugin.health()
            assert plugin.label == "service"
            assert plugin.template_function("upper", "a")["words"] == []
        """,
    )
    run().assert_outcomes(passed=1)


def test_the_same_call_gives_the_same_service_over_the_session(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        import pytest

        seen = set()

        @pytest.mark.parametrize("number", range(3))
        def test_it(mockforge_remote, number):
            seen.add(START.template_function("upper", number)["pid"])
            assert len(seen) == 1
        """,
    )
    run().assert_outcomes(passed=3)


def test_nothing_is_left_when_the_session_ends(run: Run, pytester: pytest.Pytester, pids: Path) -> None:
    written(
        pytester,
        f"""
        def test_it(mockforge_remote):
            mockforge_remote(["{{python}}", "service.py"], env={{"PIDS": {str(pids)!r}}})
            raise RuntimeError("in the body")
        """,
    )
    run().assert_outcomes(failed=1)
    assert living(processes_in(pids, 1)) == []


def test_words_environment_and_folder_are_the_calls(run: Run, pytester: pytest.Pytester) -> None:
    pytester.mkdir("inner")
    written(
        pytester,
        """
        import os

        def test_it(mockforge_remote):
            words = ["{python}", "../service.py", "--port", "{port}"]
            plugin = mockforge_remote(words, cwd="inner", env={"SAY": "at {port}"}, ready="/well", ready_timeout="20s")
            said = plugin.template_function("upper")
            assert said["words"][0] == "--port"
            assert said["say"] == "at " + said["words"][1]
            assert os.path.basename(said["cwd"]) == "inner"
        """,
    )
    run().assert_outcomes(passed=1)


def test_two_at_once_are_told_apart_by_name(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        def test_it(mockforge_remote):
            one = mockforge_remote(["{python}", "service.py"], name="one")
            two = mockforge_remote(["{python}", "service.py"], name="two")
            assert (one.label, two.label) == ("one", "two")
            assert one.template_function("f")["pid"] != two.template_function("f")["pid"]
            assert mockforge_remote(["{python}", "service.py"], name="one") is one
        """,
    )
    run().assert_outcomes(passed=1)


def test_one_name_for_two_commands_is_an_error_with_a_hint(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        def test_it(mockforge_remote):
            START
            mockforge_remote(["{python}", "service.py", "otherwise"], name="service")
        """,
    )
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*two services are named 'service'*", "*hint: give each a name= of its own*"])


def test_a_service_is_restarted_on_request_and_keeps_its_plugin(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        def test_it(mockforge_remote):
            plugin = START
            before = plugin.template_function("f")["pid"]
            mockforge_remote.restart(plugin)
            assert plugin.template_function("f")["pid"] != before
            assert START is plugin
        """,
    )
    run().assert_outcomes(passed=1)


def test_a_service_that_was_stopped_is_started_again_by_the_next_call(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        import pytest
        from pytest_mockforge import PluginFailure

        def test_it(mockforge_remote):
            plugin = START
            before = plugin.template_function("f")["pid"]
            mockforge_remote.stop(plugin)
            with pytest.raises(PluginFailure, match="no connection"):
                plugin.template_function("f")
            assert START.template_function("f")["pid"] != before
        """,
    )
    run().assert_outcomes(passed=1)


def test_a_service_that_died_is_started_again_for_the_next_test(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        def test_dies(mockforge_remote):
            START.template_function("f", "die")

        def test_lives(mockforge_remote):
            assert START.template_function("f", "on")["pid"]
        """,
    )
    result = run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*template_function got no good answer from POST http://127.0.0.1:*"])
    result.stdout.fnmatch_lines(["*mockforge: service printed*", "*dying now*"])


def test_what_the_service_printed_stands_with_the_test_that_failed_alone(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        def test_good(mockforge_remote):
            plugin = START
            plugin.template_function("f", "first")
            # What is printed comes by way of the supervisor, so it may be there a moment after the reply.
            while "first" not in mockforge_remote.log(plugin):
                pass

        def test_bad(mockforge_remote):
            START.template_function("fail", "second")
        """,
    )
    result = run()
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert "asked for ['second']" in text
    assert "asked for ['first']" not in text


def test_the_log_is_at_hand(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        def test_it(mockforge_remote):
            plugin = START
            plugin.template_function("f", "hello")
            assert "up and serving" in mockforge_remote.log(plugin)
            assert "asked for ['hello']" in mockforge_remote.log(plugin)
        """,
    )
    run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("call", "lines"),
    [
        (
            'mockforge_remote(["no-such-command-here"])',
            ["*no command 'no-such-command-here' on PATH*", "*hint: install it*"],
        ),
        ('mockforge_remote(["{python}", "-c", "import sys; sys.exit(4)"])', ["*ended with exit status 4*", "*hint: *"]),
        (
            'mockforge_remote(["{python}", "service.py"], ready="/x", cwd="nowhere")',
            ["*its folder cannot be entered*", "*hint: name a folder that exists*"],
        ),
        (
            'mockforge_remote(["{python}", "-c", "import time; time.sleep(30)"], ready_timeout="300ms")',
            ["*was not ready within 0.3 s*", "*hint: take the port from the variable PORT*"],
        ),
        (
            'mockforge_remote("python service.py")',
            ["*the command of a service cannot be*", "*hint: give a list of words*"],
        ),
        ("mockforge_remote([])", ["*the command of a service cannot be*", "*hint: give a list of words*"]),
        ('mockforge_remote(["x"], protocol="soap")', ["*the protocol of a service cannot be 'soap'*", "*http, grpc*"]),
        ('mockforge_remote(["x"], ready_timeout="soon")', ["*ready_timeout: *"]),
        ("mockforge_remote.restart(mockforge_load(TINY))", ["*was not started by mockforge_remote*", "*hint: *"]),
    ],
)
def test_a_call_that_cannot_be_is_told_without_our_frames(
    call: str, lines: list[str], run: Run, pytester: pytest.Pytester
) -> None:
    write_answering(pytester.path / "tiny.wat", authenticate=ADMITTED)
    written(pytester, f"def test_it(mockforge_remote, mockforge_load):\n    {call.replace('TINY', repr('tiny.wat'))}\n")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(lines)
    text = result.stdout.str()
    assert "remote_starter.py" not in text
    assert "launch.py" not in text
    assert "During handling" not in text


def test_services_and_plugins_of_the_command_line_go_side_by_side(run: Run, pytester: pytest.Pytester) -> None:
    tiny = write_answering(pytester.path / "tiny.wat", authenticate=ADMITTED)
    written(
        pytester,
        """
        def test_it(mockforge_remote, mockforge_plugin, mockforge_request):
            assert mockforge_plugin.label == "tiny"
            assert mockforge_plugin.authenticate(mockforge_request.auth()).authenticated
            assert START.template_function("f")["pid"]
        """,
    )
    run(f"--mockforge-plugin={tiny}", "--mockforge-checks=none").assert_outcomes(passed=1)


def test_the_marker_sets_the_limits_of_a_started_service_too(run: Run, pytester: pytest.Pytester) -> None:
    written(
        pytester,
        """
        import pytest

        @pytest.mark.mockforge(timeout="300ms")
        def test_it(mockforge_remote):
            plugin = START
            assert plugin.limits.timeout == 0.3
        """,
    )
    run().assert_outcomes(passed=1)


def test_a_progress_line_says_what_is_waited_for(run: Run, pytester: pytest.Pytester) -> None:
    written(pytester, "def test_it(mockforge_remote):\n    START\n")
    run().stdout.fnmatch_lines(["mockforge: waiting for service at http://127.0.0.1:*"])
