"""`start:` and `remote:` of `plugin.test.yaml` as an author writes them, and each slip that must be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mockforge.documents.start import RemoteAuth, RemoteService, StartCommand
from pytest_mockforge.documents.testfile import TestFile, read_testfile
from pytest_mockforge.errors import DocumentError

WHOLE = """\
start:
  command: ["{python}", app.py, --port, "{port}"]
  cwd: src
  env: {ADDRESS: "127.0.0.1:{port}", EMPTY: ""}
  protocol: http
  ready: /live?full=1
  ready_timeout: 2.5s
  prefix: /v1
"""


def file_of(folder: Path, text: str) -> TestFile:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "ca.pem").write_text("")
    path = folder / "plugin.test.yaml"
    path.write_text(text)
    return read_testfile(path)


def started(folder: Path, text: str) -> StartCommand:
    start = file_of(folder, text).start
    assert start is not None
    return start


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        file_of(folder, text)
    return str(caught.value).replace(f"{folder}/", "").replace(str(folder), "FOLDER")


def test_a_whole_start_is_read(tmp_path: Path) -> None:
    assert started(tmp_path, WHOLE) == StartCommand(
        command=("{python}", "app.py", "--port", "{port}"),
        cwd=tmp_path / "src",
        env={"ADDRESS": "127.0.0.1:{port}", "EMPTY": ""},
        protocol="http",
        ready="/live?full=1",
        ready_timeout=2.5,
        prefix="/v1",
    )


def test_a_command_alone_is_enough(tmp_path: Path) -> None:
    start = started(tmp_path, "start: {command: [serve]}")
    assert start == StartCommand(command=("serve",), cwd=tmp_path)
    assert (start.ready, start.ready_timeout, start.protocol, start.prefix) == ("/health", 30.0, "http", "")


def test_a_file_without_a_service_has_none(tmp_path: Path) -> None:
    read = file_of(tmp_path, "stateful: true")
    assert (read.start, read.remote) == (None, None)


def test_health_is_asked_for_behind_the_prefix_as_the_host_does(tmp_path: Path) -> None:
    assert started(tmp_path, "start: {command: [serve], prefix: /v1}").ready == "/v1/health"


def test_a_grpc_service_is_asked_for_its_health_as_a_whole(tmp_path: Path) -> None:
    assert started(tmp_path, "start: {command: [serve], protocol: grpc}").ready == ""


def test_a_grpc_service_may_be_asked_for_by_name(tmp_path: Path) -> None:
    assert started(tmp_path, "start: {command: [serve], protocol: grpc, ready: my.Plugin}").ready == "my.Plugin"


def test_the_folder_may_lie_outside_the_files_own(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    assert started(inner, "start: {command: [serve], cwd: ..}").cwd.resolve() == tmp_path


def test_braces_of_the_commands_own_stay(tmp_path: Path) -> None:
    start = started(tmp_path, """start: {command: [serve, '{"a": {"b": 1}}', '{name}']}""")
    assert start.command == ("serve", '{"a": {"b": 1}}', "{name}")


START_SLIPS = {
    "command: 'app.py --port 1'": "1:9: 'command' of 'start' holds the wrong value\n  expected: a list\n",
    "cwd: src": "1:1: 'start' has no 'command'\n  hint: write a list, one word an entry",
    "command: []": "'start' has no 'command'",
    "command: ['', x]": "the first word of 'command' is empty",
    "command: [serve, 8080]": "1:26: a word of 'command' holds the wrong value\n  expected: text\n",
    "command: [serve, {port}]": 'hint: quote it: "{port}"',
    'command: [serve, "{prot}"]': "unknown placeholder {prot}\n  hint: did you mean 'port'? valid: port, python",
    'command: [serve, "a\\0b"]': "a word of 'command' holds a NUL character",
    "comand: [serve]": "unknown key 'comand' in 'start'\n  hint: did you mean 'command'?",
    "command: [serve], cwd: nowhere": "'cwd' of 'start' is no folder: 'nowhere'\n  hint: it counts from the file's own",
    "command: [serve], env: [A]": "'env' of 'start' holds the wrong value\n  expected: a mapping",
    "command: [serve], env: {A: 1}": "'A' of 'env' holds the wrong value\n  expected: text\n  got: the number 1",
    "command: [serve], env: {PORT: '80'}": "PORT is chosen anew at each start",
    "command: [serve], env: {A=B: x}": "'A=B' is no variable's name",
    "command: [serve], protocol: grcp": "'grcp' is no protocol\n  hint: did you mean 'grpc'? valid: http, grpc",
    "command: [serve], ready: health": "'health' is no path\n  hint: write it from the server's root, as /health",
    'command: [serve], ready: "/a b"': "'/a b' is no path",
    'command: [serve], ready: "/a\\r\\nX: y"': "is no path",
    "command: [serve], ready_timeout: 5": "'ready_timeout' of 'start' holds the wrong value\n  expected: text",
    "command: [serve], ready_timeout: '5'": "is a duration without a unit",
    "command: [serve], ready_timeout: 0s": "'ready_timeout' leaves no time at all",
    "command: [serve], prefix: v1": "'v1' is no prefix of a path",
    "command: [serve], prefix: /v1/": "'/v1/' is no prefix of a path",
    "command: [serve], protocol: grpc, prefix: /v1": "a gRPC service has no 'prefix'",
}


@pytest.mark.parametrize("slip", START_SLIPS)
def test_a_slip_in_start_is_named(tmp_path: Path, slip: str) -> None:
    assert START_SLIPS[slip] in refusal(tmp_path, f"start: {{{slip}}}")


def test_an_error_of_an_inner_key_names_file_and_line(tmp_path: Path) -> None:
    said = refusal(tmp_path, WHOLE.replace("2.5s", "soon"))
    assert said.startswith("plugin.test.yaml:7:3: 'ready_timeout' of 'start': 'soon' is not a duration")


def test_a_service_that_runs_already_is_read(tmp_path: Path) -> None:
    text = "remote: {url: 'https://plugins.example:8443/v1', auth: {type: bearer, env: PLUGIN_TOKEN}, ca: ca.pem}"
    assert file_of(tmp_path, text).remote == RemoteService(
        url="https://plugins.example:8443/v1",
        auth=RemoteAuth(type="bearer", env="PLUGIN_TOKEN"),
        ca=tmp_path / "ca.pem",
    )


REMOTE_SLIPS = {
    "auth: {type: bearer, env: A}": "'remote' has no 'url'",
    "url: 'htp://localhost:1'": "has none of the schemes that a service can have\n  hint: did you mean 'http'?",
    "url: 'localhost:8080'": "has none of the schemes",
    "url: 'http://'": "'http://' is no address of a service",
    "url: 'http://localhost:99999'": "is no URL: Port out of range",
    "url: 'http://localhost?a=b'": "is no address of a service",
    "url: 'http://localhost', auth: {type: basic, env: A}": "'basic' is no type",
    "url: 'http://localhost', auth: {type: bearer}": "'auth' has no 'env'",
    "url: 'http://localhost', auth: {type: bearer, env: A, more: b}": "unknown key 'more' in 'auth'",
    "url: 'http://localhost', ca: ca.pem": "'ca' is given for a URL without TLS",
    "url: 'https://localhost', ca: none.pem": "'ca' of 'remote' is no file: 'none.pem'",
    "url: 'http://localhost', prefix: /v1": "unknown key 'prefix' in 'remote'",
}


@pytest.mark.parametrize("slip", REMOTE_SLIPS)
def test_a_slip_in_remote_is_named(tmp_path: Path, slip: str) -> None:
    assert REMOTE_SLIPS[slip] in refusal(tmp_path, f"remote: {{{slip}}}")


@pytest.mark.parametrize(
    "text",
    [
        "url: 'http://me:hunter-2@localhost'",
        "url: 'http://localhost', auth: {type: bearer, token: hunter-2}",
        "url: 'http://localhost', auth: {type: bearer, env: hunter-2}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    said = refusal(tmp_path, f"remote: {{{text}}}")
    assert "hunter" not in said
    assert "hint: " in said


def test_start_and_remote_exclude_each_other(tmp_path: Path) -> None:
    said = refusal(tmp_path, "start: {command: [serve]}\nremote: {url: 'http://localhost:1'}\n")
    assert said.startswith("plugin.test.yaml:2:1: both 'start' and 'remote' are given\n  hint: keep 'start' for")
