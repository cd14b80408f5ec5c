"""What a finding hands over is pasted: it fails on the plugin that it was found in, and passes on a mended one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import wasmtime

from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.contract.requests import (
    Credentials,
    DataQuery,
    PluginContext,
    Request,
    RequestBuilder,
    ResponseRequest,
    Version,
)
from pytest_mockforge.documents.expectation import Volatile
from pytest_mockforge.fuzz import credentials
from pytest_mockforge.fuzz.model import Case, Discovery
from pytest_mockforge.fuzz.reproducer import pasteable
from tests.answering import ADMITTED, DENIED, ROWS, write_answering
from tests.conftest import Run
from tests.hostile_cases import wasm_bytes
from tests.remembering import COUNTS, LINE, SPOILT_BY_LARGE, SQUARE, stateful

pytestmark = pytest.mark.slow

BUILD = RequestBuilder()
AUTH = BUILD.auth(query={"token": "alpha\0"}, uri="/api")
UPPER = BUILD.template("upper", "a" * 65_537, {"b": [1.0, None]})
HEALTH = BUILD.response("GET", "/health", context=PluginContext(version=Version(major=9), custom={"a": [True]}))
QUERY = BUILD.query("SELECT 1", parameters={"a": "é"}, limit=2**64 - 1)

RESPONSE = '{"status_code":200,"headers":{},"body":[],"content_type":"","metadata":{},"custom":{}}'

APP = """
calls = 0

async def app(scope, receive, send):
    global calls
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    calls += 1
    status, reply = answer(body)
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": reply})
"""


def case(request: Request) -> Case:
    return Case(operation=request.operation, payload=HostDialect().encode(request), request=request)


def raw(payload: bytes, operation: Operation = Operation.AUTHENTICATE) -> Case:
    return Case(operation=operation, payload=payload, request=None, family="spliced")


def found(code: str, word: str, of: Case, *before: Case, **more: str) -> Discovery:
    discovery = Discovery(
        code=code,
        detail=f"{of.operation}:{word}",
        message=f'{of.operation} does what "it" \\ should not, to say it in more words than a line holds\u202e',
        case=of,
        before=before,
        seed=7,
        label="plugin",
        dialect="host",
    )
    return msgspec.structs.replace(discovery, **more)


def text_of(path: Path, **replies: str) -> str:
    return write_answering(path / "made.wat", **replies).read_text()


class Paste:
    """Pastes a function and runs it over one plugin after another."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._run, self.folder = run, folder

    def __call__(self, discovery: Discovery, bad: str | bytes, good: str | bytes, *, name: str = "plugin.wasm") -> str:
        text = pasteable(discovery, f"asgi:{name[:-3]}:app" if name.endswith(".py") else name)
        assert text.isascii()
        assert self.formatted(text) == text
        assert self.outcome(text, bad, name) == {"failed": 1}
        assert self.outcome(text, good, name) == {"passed": 1}
        return text

    def outcome(self, text: str, plugin: str | bytes, name: str) -> dict[str, int]:
        (self.folder / "test_pasted.py").write_text(text)
        data = plugin if isinstance(plugin, bytes) else plugin.encode()
        if name.endswith(".wasm") and isinstance(plugin, str):
            data = bytes(wasmtime.wat2wasm(plugin))
        (self.folder / name).write_bytes(data)
        return self._run("--mockforge-checks=none", "-q", "test_pasted.py").parseoutcomes()

    def formatted(self, text: str) -> str:
        pytest.importorskip("ruff")
        path = self.folder / "formatted.txt.py"
        path.write_text(text)
        for words in (["format"], ["check", "--fix", "--select=I,F,E,W", "--ignore=E501"]):
            subprocess.run([sys.executable, "-m", "ruff", words[0], "--isolated", "-q", *words[1:], path], check=True)
        return path.read_text()


@pytest.fixture
def paste(run: Run, pytester: pytest.Pytester) -> Paste:
    return Paste(run, pytester.path)


def test_a_trap_of_a_typed_call(paste: Paste) -> None:
    good = text_of(paste.folder, authenticate=DENIED)
    text = paste(found("MF301", "unreachable", case(AUTH)), wasm_bytes("unreachable"), good)
    assert text.splitlines() == [
        "def test_authenticate_unreachable(mockforge_load, mockforge_request):",
        '    """MF301: authenticate does what \'it\' // should not, to say it in more words."""',
        '    plugin = mockforge_load("plugin.wasm")',
        "    plugin.authenticate(",
        '        mockforge_request.auth(query={"token": "alpha\\x00"}, uri="/api"),',
        "    )",
    ]


def trapping(good: str) -> str:
    return good.replace("(result i32 i32) (i32.const", "(result i32 i32) (drop (i32.load (i32.const -8))) (i32.const")


def test_a_trap_of_a_template_function_and_not_its_refusal(paste: Paste) -> None:
    good = text_of(paste.folder, template_function='"A"')
    text = paste(found("MF301", "memory-out-of-bounds", case(UPPER)), trapping(good), good)
    assert 'plugin.template_function("upper", "a" * 65537, {"b": [1.0, None]})' in text
    assert paste.outcome(text, wasm_bytes("unreachable"), "plugin.wasm") == {"passed": 1}


@pytest.mark.parametrize("request_", [HEALTH, QUERY], ids=["response", "query"])
def test_a_trap_of_the_other_operations(paste: Paste, request_: Request) -> None:
    reply = ROWS if request_.operation is Operation.QUERY_DATASOURCE else RESPONSE
    good = text_of(paste.folder, **{request_.operation.value: reply})
    paste(found("MF301", "memory-out-of-bounds", case(request_)), trapping(good), good)


def test_a_trap_of_bytes_that_are_no_request(paste: Paste) -> None:
    good = text_of(paste.folder, authenticate=DENIED)
    of = raw(b'{"query_params":{"token":"' + b"a" * 65_537 + b"\xff\0")
    text = paste(found("MF301", "unreachable", of), wasm_bytes("unreachable"), good)
    assert "plugin.call_raw(" in text
    paste(found("MF311", "spliced-unreachable", of), wasm_bytes("unreachable"), good)


def test_a_request_that_the_builder_cannot_write_is_written_as_its_model(paste: Paste) -> None:
    context = PluginContext(version=Version(build="é"))
    own = Credentials(type="basic", token="x", data={"a": "b"})
    odd = msgspec.structs.replace(AUTH, query_params={"a": "other"}, context=context, credentials=own, lenient=True)
    good = text_of(paste.folder, authenticate=DENIED)
    text = paste(found("MF301", "unreachable", case(odd)), wasm_bytes("unreachable"), good)
    names: dict[str, object] = {}
    exec(text.partition("def test")[0], names)
    written = text.partition("plugin.authenticate(")[2].rstrip().removesuffix(")").strip().removesuffix(",")
    assert eval(written, names) == odd


@pytest.mark.parametrize(
    "request_",
    [
        ResponseRequest(method="GET", uri="/other", path="/a", body=b"\xff", lenient=True),
        DataQuery(query="q", query_type="?"),
    ],
    ids=["response", "query"],
)
def test_a_model_of_the_other_operations(paste: Paste, request_: Request) -> None:
    reply = ROWS if request_.operation is Operation.QUERY_DATASOURCE else RESPONSE
    good = text_of(paste.folder, **{request_.operation.value: reply})
    paste(found("MF301", "memory-out-of-bounds", case(request_)), trapping(good), good)


def test_a_value_that_is_nested_too_deeply_for_python(paste: Paste) -> None:
    deep: object = "x"
    for _ in range(110):
        deep = [deep]
    good = text_of(paste.folder, template_function='"A"')
    text = paste(found("MF301", "stack-overflow", case(BUILD.template("f", deep))), trapping(good), good)
    assert 'json.loads("[" * 110 + ' in text


def test_a_limit(paste: Paste) -> None:
    paste(found("MF302", "out-of-fuel", case(AUTH)), wasm_bytes("loops"), text_of(paste.folder, authenticate=DENIED))


@pytest.mark.parametrize("of", [case(AUTH), raw(b"{}")], ids=["typed", "bytes"])
def test_a_reply_that_breaks_the_contract(paste: Paste, of: Case) -> None:
    bad, good = (text_of(paste.folder, authenticate=reply) for reply in ('{"authenticated":1}', DENIED))
    paste(found("MF303", "wrong-type:/authenticated", of), bad, good)


def test_rows_of_uneven_length(paste: Paste) -> None:
    uneven = ROWS.replace('[1,"Zo"]', "[1]")
    bad, good = (text_of(paste.folder, query_datasource=reply) for reply in (uneven, ROWS))
    of = found("MF303", "semantics:/rows/*/values", case(QUERY))
    paste(msgspec.structs.replace(of, severity="warning"), bad, good)


def app(answer: str) -> str:
    return f"def answer(body):\n    {answer}\n{APP}"


DENYING = app(f"return 200, b'{DENIED}'")


def test_an_answer_that_differs(paste: Paste) -> None:
    counts = app("""return 200, b'{"authenticated":false,"claims":{"n":%d},"metadata":{}}' % calls""")
    paste(found("MF304", "differs", case(AUTH)), counts, DENYING, name="plugin.py")


def test_an_answer_that_differs_in_a_volatile_field_alone_is_none(paste: Paste) -> None:
    counts = app("""return 200, b'{"authenticated":false,"claims":{"n":%d},"metadata":{}}' % calls""")
    volatile = [Volatile(pointer="/claims/n"), Volatile(pointer="/x", operation=Operation.GENERATE_RESPONSE)]
    text = pasteable(found("MF304", "differs", case(AUTH)), "asgi:plugin:app", volatile=volatile)
    assert paste.formatted(text) == text
    assert 'volatile = [Volatile(pointer="/claims/n")]' in text
    assert paste.outcome(text, counts, "plugin.py") == {"passed": 1}


def test_a_request_written_in_another_way(paste: Paste) -> None:
    sorted_only = app(f"return 200, b'{DENIED}' if body.startswith(b'{{\"a\"') else b'{ADMITTED}'")
    of = msgspec.structs.replace(raw(b'{ "b": 1, "a": 2 }'), family="reordered-keys")
    text = paste(found("MF311", "reordered-keys-differs", of), sorted_only, DENYING, name="plugin.py")
    assert """b'{"a":2,"b":1}'""" in text


def test_state_that_leaks(paste: Paste) -> None:
    counts = stateful(work=COUNTS, when="(i32.gt_u (global.get $seen) (i32.const 2))")
    before = (case(BUILD.auth(query={"token": "beta"})), raw(b"{"))
    text = paste(found("MF305", "state", case(AUTH), *before), counts, stateful())
    assert "kept.observe_bytes(Operation.AUTHENTICATE, b" in text


def test_a_good_request_after_a_bad_one(paste: Paste) -> None:
    spoilt = stateful(work=SPOILT_BY_LARGE, when="(global.get $seen)")
    large = case(BUILD.auth(query={"token": "a" * 2_000}))
    paste(found("MF307", "poisoned", case(AUTH), large), spoilt, stateful())
    paste(found("MF311", "spliced-poisoned", case(AUTH), large), spoilt, stateful())


@pytest.mark.parametrize(
    ("name", "rate"), [("leaks-a-page", "65,536.0"), ("leaks-slowly", "256.0"), ("leaks-slowly", "?")]
)
def test_memory_that_leaks(paste: Paste, name: str, rate: str) -> None:
    leak = found("MF306", "leak", case(BUILD.auth()), got=f"{rate} bytes a call; 1 byte in the first half")
    paste(leak, wasm_bytes(name), wasm_bytes("plateau"))


def test_fuel_that_grows_with_the_square_of_the_input(paste: Paste) -> None:
    large = case(BUILD.auth(user_agent="a" * 8_192))
    of = found("MF308", "user_agent", large, expected="growth below the power 2.0")
    text = paste(of, stateful(work=SQUARE), stateful(work=LINE))
    assert 'user_agent="a" * 2048' in text
    assert 'user_agent="a" * 8192' in text


def test_a_mutated_token_that_is_admitted(paste: Paste) -> None:
    bad, good = (text_of(paste.folder, authenticate=reply) for reply in (ADMITTED, DENIED))
    paste(found("MF309", "trailing-nul", case(AUTH)), bad, good)


def test_a_secret_that_comes_back(paste: Paste) -> None:
    secret = credentials.canary(7)
    asking = case(credentials.asking_with(secret))
    echoing = DENIED.replace('"no"', f'"no {secret}"')
    bad, good = (text_of(paste.folder, authenticate=reply) for reply in (echoing, DENIED))
    text = paste(found("MF310", "refusal", asking), bad, good)
    assert f'assert "{secret}" not in visible(seen)' in text


def test_a_secret_of_an_earlier_request(paste: Paste) -> None:
    earlier = case(BUILD.auth(query={"token": "s3cr3t-tok"}))
    shows = stateful(
        then=DENIED.replace('"no"', '"s3cr3t-tok"'), work=COUNTS, when="(i32.gt_u (global.get $seen) (i32.const 1))"
    )
    text = paste(found("MF310", "carried-over", case(AUTH), earlier), shows, stateful(then=DENIED))
    assert 'assert "s3cr3t-tok" not in visible(seen)' in text


@pytest.mark.parametrize("status", [400, 422])
def test_a_service_that_fails_may_blame_the_request_instead(paste: Paste, status: int) -> None:
    failing, blaming = app("return 500, b'oops'"), app(f"return {status}, b'no'")
    paste(found("MF301", "status-500", case(AUTH)), failing, blaming, name="plugin.py")
    paste(found("MF311", "spliced-status-500", raw(b"{")), failing, DENYING, name="plugin.py")


def test_a_service_of_the_sdk_dialect_is_asked_in_it(paste: Paste) -> None:
    envelope = app(f"""return 200, b'{{"success":true,"result":{DENIED}}}'""")
    of = found("MF301", "status-500", case(AUTH), dialect="sdk")
    text = paste(of, app("return 500, b'oops'"), envelope, name="plugin.py")
    assert '@pytest.mark.mockforge(dialect="sdk")\ndef test_authenticate_status_500(' in text


def test_without_a_spec_it_is_a_test_of_the_runs_own_plugins(paste: Paste) -> None:
    text = pasteable(found("MF301", "unreachable", case(AUTH)), "")
    assert "def test_authenticate_unreachable(mockforge_plugin, mockforge_request):" in text
    assert "    plugin = mockforge_plugin\n" in text
    assert paste.formatted(text) == text


def test_a_spec_and_a_message_from_anywhere_do_no_harm(paste: Paste) -> None:
    evil = found("MF301", 'x"""\n); import os', case(AUTH), message='"""\nimport os\n\\N{x} \x1b[31m' + "é" * 200)
    text = pasteable(evil, 'é"\n\\' + "x" * 100)
    assert text.isascii()
    assert paste.formatted(text) == text
    assert not re.search("^import os", text, re.MULTILINE)
