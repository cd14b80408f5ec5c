"""`--mockforge-record` and `--mockforge-replay` as a user meets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_mockforge.recording.reading import read_recording
from tests.conftest import ROOT, RUST, Run

ALONE = "--mockforge-checks=none"
PORTED = ROOT / "fixtures" / "ported" / "c"
TESTS = """
import pytest
from pytest_mockforge import Refusal

@pytest.fixture
def known(mockforge_plugin, mockforge_request):
    return mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"}))

def test_known(known):
    assert known.authenticated

def test_unknown(mockforge_plugin, mockforge_request):
    mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "sekret-of-ours"}))

def test_upper(mockforge_plugin):
    assert mockforge_plugin.template_function("upper", "abc") == "ABC"
    with pytest.raises(Refusal):
        mockforge_plugin.template_function("nonsense")
"""


def calls(path: Path) -> list[dict[str, object]]:
    assert read_recording(path).problems == ()
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def recorded(run: Run, pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=TESTS)
    return run("test_it.py", f"--mockforge-plugin=rust={RUST}", ALONE, "--mockforge-record=traffic.jsonl", *words)


def replay(run: Run, plugin: Path, *words: str) -> pytest.RunResult:
    spec = f"--mockforge-plugin=rust={plugin}"
    return run(spec, ALONE, "--mockforge-replay=traffic.jsonl", "--ignore=test_it.py", *words)


def test_a_run_is_recorded_with_its_fixtures_and_replays(run: Run, pytester: pytest.Pytester) -> None:
    result = recorded(run, pytester)
    result.assert_outcomes(passed=3)
    path = pytester.path / "traffic.jsonl"
    result.stdout.fnmatch_lines([f"mockforge recording: {path}, 4 calls"])
    assert [(call["test"], call["outcome"]) for call in calls(path)] == [
        ("test_it.py::test_known[rust]", "reply"),
        ("test_it.py::test_unknown[rust]", "reply"),
        ("test_it.py::test_upper[rust]", "reply"),
        ("test_it.py::test_upper[rust]", "refused"),
    ]
    assert "sekret" not in path.read_text()
    again = replay(run, RUST, "-rs", "-v")
    again.assert_outcomes(passed=3, skipped=1)
    again.stdout.fnmatch_lines(
        [
            "mockforge-replay::rust::template_function-27cb8314be95 PASSED*",
            "*a secret was masked in its request: set *_1,*",
        ]
    )


def test_a_port_fails_in_the_field_that_differs_and_its_item_has_a_name(run: Run, pytester: pytest.Pytester) -> None:
    recorded(run, pytester)
    result = replay(run, PORTED)
    result.assert_outcomes(passed=2, skipped=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "/claims/scope differs from the recording, and 1 more field",
            "  /claims/scope",
            '    expected: "read write"',
            "    got: nothing",
            "  recorded: *traffic.jsonl:2, by test_it.py::test_known[[]rust[]]",
            "FAILED mockforge-replay::rust::authenticate-*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    name = next(line.split()[1] for line in result.outlines if line.startswith("FAILED"))
    replay(run, PORTED, name).assert_outcomes(failed=1)
    unknown = replay(run, PORTED, "mockforge-replay::rust::nonsense")
    unknown.stdout.fnmatch_lines(["*mockforge-replay::rust::nonsense names no recorded call*"])


def test_calls_of_a_plugin_under_another_name_are_asked_of_every_plugin(run: Run, pytester: pytest.Pytester) -> None:
    recorded(run, pytester)
    words = ("--mockforge-replay=traffic.jsonl", ALONE, "--ignore=test_it.py", "--co", "-q")
    other = run(f"--mockforge-plugin=old={RUST}", f"--mockforge-plugin=new={PORTED}", *words)
    assert sum(line.startswith("mockforge-replay::") for line in other.outlines) == 8
    same = run(f"--mockforge-plugin=rust={RUST}", f"--mockforge-plugin=new={PORTED}", *words)
    assert {line.split("::")[1] for line in same.outlines if "::" in line} == {"rust"}


@pytest.mark.slow
def test_a_distributed_run_writes_whole_lines_into_one_file(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_it(mockforge_plugin, mockforge_request, number):
            for more in range(5):
                mockforge_plugin.template_function("repeat", f"{number}-{more}|", 200)
            mockforge_plugin.authenticate(mockforge_request.auth(query={"token": f"sekret-{number}"}))
        """
    )
    words = ("-p", "xdist", "-n", "2", f"--mockforge-plugin=rust={RUST}", ALONE, "--mockforge-record=traffic.jsonl")
    run("test_it.py", *words, subprocess=True).assert_outcomes(passed=20)
    found = calls(pytester.path / "traffic.jsonl")
    assert len(found) == 120
    masked = [call["request"]["query"]["token"] for call in found if call["operation"] == "authenticate"]  # type: ignore[index]
    assert len(set(masked)) == 20
    assert all(name.startswith(("~secret.gw0-", "~secret.gw1-")) for name in masked)
    assert [name for name in os.listdir(pytester.path) if "mockforge" in name] == []


@pytest.mark.usefixtures("run")
def test_a_run_that_is_interrupted_keeps_what_was_called(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pathlib, time

        def test_first(mockforge_plugin):
            mockforge_plugin.template_function("upper", "first")

        def test_second(mockforge_plugin):
            mockforge_plugin.template_function("upper", "second")
            pathlib.Path("waiting").touch()
            time.sleep(30)
        """
    )
    command = [sys.executable, "-m", "pytest", "-p", "mockforge", f"--mockforge-plugin=rust={RUST}", ALONE]
    process = subprocess.Popen(
        [*command, "--mockforge-record=traffic.jsonl"], cwd=pytester.path, stdout=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (pytester.path / "waiting").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert [call["request"] for call in calls(pytester.path / "traffic.jsonl")] == [
        {"function_name": "upper", "args": ["first"]},
        {"function_name": "upper", "args": ["second"]},
    ]


def test_a_run_without_a_call_leaves_an_older_recording_alone(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "traffic.jsonl").write_text("older")
    recorded(run, pytester, "--co")
    result = recorded(run, pytester, "-k", "nothing")
    result.stdout.fnmatch_lines(["mockforge recording: no test called a plugin, *traffic.jsonl was not written"])
    assert (pytester.path / "traffic.jsonl").read_text() == "older"


def test_checks_searches_and_replays_are_not_recorded(run: Run, pytester: pytest.Pytester) -> None:
    recorded(run, pytester)
    words = ("--mockforge-checks=MF2", "--mockforge-replay=traffic.jsonl", "--mockforge-record=other.jsonl")
    result = run(f"--mockforge-plugin=rust={RUST}", "--ignore=test_it.py", *words)
    assert result.ret == 0
    assert not (pytester.path / "other.jsonl").exists()


def test_plugins_that_a_test_opens_are_recorded_too(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        def test_it(mockforge_load):
            plugin = mockforge_load({str(RUST)!r})
            plugin.reused().template_function("upper", "abc")
        """
    )
    run("--mockforge-record=traffic.jsonl").assert_outcomes(passed=1)
    assert [call["plugin"] for call in calls(pytester.path / "traffic.jsonl")] == ["rust"]


def test_lines_that_cannot_be_read_fail_one_item_and_lose_no_other(run: Run, pytester: pytest.Pytester) -> None:
    recorded(run, pytester)
    path = pytester.path / "traffic.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], "what is this\x1b[31m\n", *lines[2:4], lines[4][:40]]))
    result = replay(run, RUST)
    result.assert_outcomes(passed=2, skipped=1, failed=1)
    result.stdout.fnmatch_lines(["*traffic.jsonl:3: is not JSON: *", "*traffic.jsonl:6: was cut off"])
    result.stdout.fnmatch_lines(["FAILED mockforge-replay::unread-lines*"])


def test_a_module_that_cannot_be_loaded_fails_without_a_traceback(run: Run, pytester: pytest.Pytester) -> None:
    recorded(run, pytester)
    (pytester.path / "broken.wasm").write_bytes(b"\0asm\1\0\0\0\7")
    result = replay(run, pytester.path / "broken.wasm", "-k", "upper or template")
    result.assert_outcomes(failed=2, deselected=2)
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*def runtest*")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--mockforge-record=nowhere/t.jsonl",), "the recording 'nowhere/t.jsonl' cannot be written: *does not exist"),
        (("--mockforge-replay=nowhere.jsonl",), "the recording 'nowhere.jsonl' would be asked of no plugin"),
        ((f"--mockforge-plugin={RUST}", "--mockforge-replay=nowhere.jsonl"), "*'nowhere.jsonl' does not exist"),
        ((f"--mockforge-plugin={RUST}", "mockforge-replay::rust"), "*names a recorded call, but no recording"),
        (
            (f"--mockforge-plugin={RUST}", "--mockforge-replay=t.jsonl", "--mockforge-record=t.jsonl"),
            "*t.jsonl' would be replayed and written over",
        ),
    ],
    ids=["unwritable", "no-plugin", "not-there", "no-recording", "the-same"],
)
def test_what_cannot_be_is_known_before_the_run(
    run: Run, pytester: pytest.Pytester, words: tuple[str, ...], message: str
) -> None:
    (pytester.path / "t.jsonl").write_text("")
    result = run(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: mockforge: {message}"])


def test_the_ini_keys_do_the_same_but_for_runs_that_name_a_file(run: Run, pytester: pytest.Pytester) -> None:
    recorded(run, pytester)
    pytester.makeini(f"[pytest]\nmockforge_plugins = rust={RUST}\nmockforge_replay = traffic.jsonl\n")
    assert "mockforge-replay::" in run("--co", "-q").stdout.str()
    assert "mockforge-replay::" not in run("--co", "-q", "test_it.py").stdout.str()
    pytester.makeini(f"[pytest]\nmockforge_plugins = rust={RUST}\nmockforge_record = other.jsonl\n")
    run("test_it.py").assert_outcomes(passed=3)
    assert len(calls(pytester.path / "other.jsonl")) == 4
