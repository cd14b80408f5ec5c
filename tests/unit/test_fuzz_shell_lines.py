"""What was found in services as lines for a shell: run by a real shell with a real curl, against a real service."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import RequestBuilder
from pytest_mockforge.errors import RequestError
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.reproducer import curl_line, grpcurl_line
from pytest_mockforge.proto.dialect import ProtoDialect
from tests.servers import OK, Talk, serving

BUILD = RequestBuilder()
TOKEN = "s3cr3t-tok"
SECRETS = {"a-known-token.token": TOKEN}
needs_curl = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="curl or bash is missing")


def found(*payloads: bytes, operation: Operation = Operation.AUTHENTICATE) -> Discovery:
    *before, case = [Case(operation=operation, payload=payload, request=None) for payload in payloads]
    return Discovery(
        code="MF301",
        detail=f"{operation}:status-500",
        message=f"{operation} fails",
        case=case,
        before=tuple(before),
        seed=1,
        label="service",
        dialect="host",
    )


def answer(talk: Talk) -> None:
    while talk.request() is not None:
        talk.send(OK + b"Content-Length: 2\r\n\r\n{}")


def run(line: str, **variables: str) -> str:
    environment = {"PATH": os.environ["PATH"], "NO_PROXY": "*", "LC_ALL": "C.UTF-8", **variables}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-s"],
        input=line,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_curl
@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":1}',
        b"",
        b'it\'s "quoted" $HOME `id` \\n \\\\ %s %% !x',
        b"two\nlines\n",
        b"@/etc/passwd",
        b"-x",
        "ключ-🔑".encode(),
        b"\0\x01\r\n\t\x7f\xff\xfe\0",
        b'{"args":["' + b"a" * 65_537 + b'"]}',
        b"%" * 1_000 + b"'" * 1_000 + b"\\" * 1_000 + b"\0" * 1_000,
        bytes(range(256)) * 600,
        b"[" * 500 + b"1" + b"]" * 500,
    ],
)
def test_curl_sends_exactly_these_bytes(payload: bytes) -> None:
    with serving(answer) as server:
        line = curl_line(found(payload), server.url, secrets={})
        assert line.isascii()
        assert run(line) == "{}"
    (seen,) = server.seen
    assert (seen.method, seen.target, seen.body) == ("POST", "/plugin/authenticate", payload)
    assert seen.headers["content-type"] == "application/json"


@needs_curl
def test_calls_that_come_before_are_lines_before() -> None:
    with serving(answer) as server:
        line = curl_line(found(b"one", b"two", operation=Operation.QUERY_DATASOURCE), server.url)
        assert run(line) == "{}{}"
    assert [(seen.target, seen.body) for seen in server.seen] == [
        ("/plugin/datasource/query", b"one"),
        ("/plugin/datasource/query", b"two"),
    ]


@needs_curl
@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":"%b","b":"it\'s"}' % TOKEN.encode(),
        b'{"a":"%b\\u0000"}' % TOKEN.encode(),
        b'broken {"a":"%b\0"' % TOKEN.encode(),
        b'{"a":"%b"}' % TOKEN[:-1].encode(),
    ],
)
def test_known_secrets_are_variables(payload: bytes) -> None:
    with serving(answer) as server:
        line = curl_line(found(payload), server.url, secrets=SECRETS)
        assert TOKEN[:6] not in line
        run(line, A_KNOWN_TOKEN_TOKEN=TOKEN)
    assert server.seen[0].body == payload


@needs_curl
def test_what_stands_under_a_telling_name_is_a_variable_where_no_secret_is_known() -> None:
    payload = HostDialect().encode(BUILD.auth(query={"token": "hunter22"}))
    with serving(answer) as server:
        line = curl_line(found(payload), server.url)
        assert "hunter22" not in line
        run(line, SECRET_1="hunter22")
    assert server.seen[0].body == payload


@needs_curl
@pytest.mark.parametrize(("kind", "header"), [("bearer", "authorization"), ("api-key", "x-api-key")])
def test_what_the_service_is_proved_to_is_a_variable(kind: str, header: str) -> None:
    with serving(answer) as server:
        line = curl_line(found(b"{}"), server.url, auth="bearer" if kind == "bearer" else "api-key")
        run(line, MOCKFORGE_SECRET="s")
    assert server.seen[0].headers[header] == ("Bearer s" if kind == "bearer" else "s")


def test_a_url_that_a_shell_would_act_on_is_quoted() -> None:
    assert curl_line(found(b"{}"), "http://h/$(id)").endswith(" 'http://h/$(id)/plugin/authenticate'")


needs_grpc = pytest.mark.skipif(importlib.util.find_spec("google.protobuf") is None, reason="protobuf is missing")


@needs_grpc
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing")
@pytest.mark.parametrize(
    "request_",
    [
        BUILD.auth(query={"token": "ключ"}, headers={"a": "b"}, body=b"\xff", bearer="t"),
        BUILD.template("f", 1, 2**53 + 1, "x" * 65_537, "it's"),
        BUILD.query("q", limit=2**64 - 1, parameters={"a": [1]}),
        BUILD.response("GET", "/a", path_params={"a": "b"}),
    ],
)
def test_grpcurl_is_given_the_message_that_we_send(tmp_path: Path, request_: object) -> None:
    from pytest_mockforge.proto.json_form import request_to_wire
    from pytest_mockforge.proto.messages import message_class, method_path, request_name

    assert hasattr(request_, "operation")
    operation: Operation = request_.operation
    payload = ProtoDialect().encode(request_)  # type: ignore[arg-type] # one of the four
    line = grpcurl_line(found(payload, operation=operation), "grpc://127.0.0.1:50051", secrets={})
    assert line.isascii()
    # Stands in for grpcurl, which is seldom there: keeps its arguments and its input.
    stub = tmp_path / "grpcurl"
    stub.write_text('#!/bin/bash\nprintf "%s\\0" "$@" > "$OUT/words"\n[ "$FROM" = - ] && cat > "$OUT/input" || true\n')
    stub.chmod(0o755)
    (tmp_path / "python").write_text("#!/bin/sh\necho proto\n")
    (tmp_path / "python").chmod(0o755)
    piped = " | grpcurl" in line
    run(line, PATH=f"{tmp_path}:{os.environ['PATH']}", OUT=str(tmp_path), FROM="-" if piped else "")
    words = (tmp_path / "words").read_bytes().decode().split("\0")[:-1]
    assert words[:5] == ["-plaintext", "-import-path", "proto", "-proto", "plugin.proto"]
    assert words[-2:] == ["127.0.0.1:50051", method_path(operation)[1:]]
    text = (tmp_path / "input").read_text() if piped else words[words.index("-d") + 1]
    kind = message_class(request_name(operation))
    sent = import_module("google.protobuf.json_format").Parse(text, kind())
    wanted = import_module("google.protobuf.json_format").Parse("{}", kind())
    wanted.MergeFromString(request_to_wire(operation, payload))
    assert sent == wanted


@needs_grpc
def test_bytes_that_are_no_message_are_an_error() -> None:
    with pytest.raises(RequestError, match="authenticate: gRPC cannot carry this request"):
        grpcurl_line(found(b"{"), "127.0.0.1:1")


@needs_grpc
def test_over_tls_grpcurl_is_not_told_to_do_without() -> None:
    line = grpcurl_line(found(json.dumps({}).encode()), "grpcs://h:1", auth="bearer")
    assert "-plaintext" not in line
    assert '-H "authorization: Bearer $MOCKFORGE_SECRET"' in line
