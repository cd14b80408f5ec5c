"""`python -m pytest_mockforge replay`: a corpus over buggy plugins, mended ones, and what cannot be tried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pytest_mockforge.__main__ import main
from pytest_mockforge.contract.dialects import HostDialect
from pytest_mockforge.contract.requests import Request, RequestBuilder
from pytest_mockforge.fuzz import corpus, credentials
from pytest_mockforge.fuzz.model import Case, Discovery
from tests.answering import ADMITTED, DENIED, ROWS, write_answering
from tests.conftest import ROOT
from tests.hostile_cases import write_wasm
from tests.remembering import LINE, SQUARE, stateful

pytestmark = pytest.mark.slow

BUILD = RequestBuilder()
AUTH = BUILD.auth(query={"token": "alpha\0"})
SERVICE = """
calls = 0

async def app(scope, receive, send):
    global calls
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    calls += 1
    reply = b'{"authenticated":false,"claims":{"n":%d},"metadata":{}}' % calls
    await send({"type": "http.response.start", "status": STATUS, "headers": []})
    await send({"type": "http.response.body", "body": reply})
"""


def case(request: Request) -> Case:
    return Case(operation=request.operation, payload=HostDialect().encode(request), request=request)


def found(code: str, word: str, of: Case, *before: Case, **more: str) -> Discovery:
    discovery = Discovery(
        code=code,
        detail=f"{of.operation}:{word}",
        message=f"{of.operation} did what it should not",
        case=of,
        before=before,
        seed=7,
        label="plugin",
        dialect="host",
    )
    return msgspec.structs.replace(discovery, **more)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    (tmp_path / "corpus").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def replay(plugin: Path | str, *words: str) -> int:
    return main(["replay", "corpus", f"--plugin={plugin}", *words])


def keep(discovery: Discovery) -> Path:
    return corpus.write(Path("corpus"), discovery, secrets={})


def answering(folder: Path, name: str, **replies: str) -> Path:
    return write_answering(folder / f"{name}.wat", **replies)


def test_what_still_fails_says_what_happens_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = keep(found("MF301", "unreachable", case(AUTH)))
    assert replay(write_wasm("unreachable", tmp_path)) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: still fails: MF301 authenticate traps by unreachable",
        "  expected: a reply, whatever is asked",
        "  got: function[2]",
        "unreachable: 1 case, 1 still fails",
    ]


def test_what_is_mended_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = keep(found("MF301", "unreachable", case(AUTH)))
    assert replay(answering(tmp_path, "good", authenticate=DENIED)) == 0
    assert capsys.readouterr().out.splitlines() == [f"{path}: mended", "good: 1 case, 1 mended"]


BAD = {
    "MF302": (found("MF302", "out-of-fuel", case(AUTH)), "loops"),
    "MF303": (found("MF303", "syntax:", case(AUTH)), "reply-not-json"),
    "MF305": (found("MF305", "state", case(AUTH), case(AUTH)), "counts-calls"),
    "MF306": (found("MF306", "leak", case(AUTH)), "leaks-slowly"),
    "MF307": (found("MF307", "poisoned", case(AUTH), case(AUTH)), "counts-calls"),
    "MF311": (found("MF311", "truncated-poisoned", case(AUTH), case(AUTH)), "counts-calls"),
}


@pytest.mark.parametrize("code", BAD)
def test_each_code_is_judged_by_its_oracle(code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    discovery, bad = BAD[code]
    path = keep(discovery)
    assert replay(write_wasm(bad, tmp_path), "--fuel=10M") == 1
    assert capsys.readouterr().out.startswith(f"{path}: still fails: {code} authenticate ")
    assert replay(write_wasm("plateau", tmp_path), "--fuel=10M") == 0
    assert capsys.readouterr().out.startswith(f"{path}: mended\n")


def test_a_mutated_token_and_a_secret_are_judged_by_their_oracles(tmp_path: Path) -> None:
    secret = credentials.canary(7)
    keep(found("MF309", "trailing-nul", case(AUTH)))
    keep(found("MF310", "refusal", case(credentials.asking_with(secret))))
    assert replay(answering(tmp_path, "admits", authenticate=ADMITTED)) == 1
    assert replay(answering(tmp_path, "tells", authenticate=DENIED.replace('"no"', f'"{secret}"'))) == 1
    assert replay(answering(tmp_path, "good", authenticate=DENIED)) == 0


def test_bytes_that_are_no_request_are_sent_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wire = Case(operation=AUTH.operation, payload=b"\xff\0{", request=None, family="truncated")
    keep(found("MF311", "truncated-unreachable", wire))
    assert replay(write_wasm("unreachable", tmp_path)) == 0
    assert ": still noted: MF311 authenticate does not stand bytes of the kind truncated" in capsys.readouterr().out


def test_the_same_request_written_in_another_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = Case(operation=AUTH.operation, payload=b'{ "b": 1, "a": 2 }', request=None, family="reordered-keys")
    keep(found("MF311", "reordered-keys-differs", odd))
    (tmp_path / "by_size.wat").write_text(stateful(when="(i32.gt_u (local.get $size) (i32.const 13))"))
    assert replay("by_size.wat") == 0
    assert ": still noted: MF311 authenticate answers otherwise to the same request" in capsys.readouterr().out
    assert replay(answering(tmp_path, "good", authenticate=DENIED)) == 0
    assert ": mended" in capsys.readouterr().out


def test_a_kind_of_bytes_that_nobody_knows_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(found("MF311", "x", Case(operation=AUTH.operation, payload=b"{", request=None, family="nonsense")))
    assert replay(answering(tmp_path, "good", authenticate=DENIED)) == 2
    assert "'nonsense' is no kind of bytes that is known" in capsys.readouterr().out


def test_help_needs_no_hypothesis() -> None:
    script = (
        "import sys; sys.modules['hypothesis'] = None; from pytest_mockforge.__main__ import main; main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0


def test_fuel_that_grows_with_the_square_is_measured_again(tmp_path: Path) -> None:
    keep(found("MF308", "user_agent", case(BUILD.auth(user_agent="a" * 64)), expected="growth below the power 2.0"))
    (tmp_path / "square.wat").write_text(stateful(work=SQUARE))
    (tmp_path / "line.wat").write_text(stateful(work=LINE))
    assert replay("square.wat") == 1
    assert replay("line.wat") == 0


def test_what_a_stateful_plugin_does_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(found("MF305", "state", case(AUTH), case(AUTH)))
    write_wasm("counts-calls", tmp_path)
    (tmp_path / "plugin.test.yaml").write_text("stateful: true\n")
    assert replay("counts-calls.wasm") == 0
    assert ": still noted: MF305 authenticate answers otherwise" in capsys.readouterr().out


def test_a_field_that_is_volatile_by_now_is_left_out(tmp_path: Path) -> None:
    keep(found("MF305", "state", case(AUTH), case(AUTH)))
    write_wasm("counts-calls", tmp_path)
    (tmp_path / "plugin.test.yaml").write_text("volatile: [/claims/calls]\n")
    assert replay("counts-calls.wasm") == 0


def test_uneven_rows_are_a_warning_and_fail_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = found("MF303", "semantics:/rows/*/values", case(BUILD.query("q")))
    keep(msgspec.structs.replace(rows, severity="warning"))
    assert replay(answering(tmp_path, "uneven", query_datasource=ROWS.replace('[1,"Zo"]', "[1]"))) == 0
    assert ": still noted: MF303 " in capsys.readouterr().out


def test_what_cannot_be_tried_has_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wire = Case(operation=AUTH.operation, payload=b"{", request=None, family="truncated")
    (tmp_path / "corpus" / "foreign.json").write_text('{"name": "left-pad"}')
    query = keep(found("MF301", "unreachable", case(BUILD.query("q"))))
    other = keep(found("MF311", "x", wire, dialect="sdk"))
    assert replay(answering(tmp_path, "good", authenticate=DENIED)) == 2
    assert capsys.readouterr().out.splitlines() == [
        "corpus/foreign.json: cannot be replayed: names no version, where version 1 can be read",
        f"{query}: cannot be replayed: the plugin has no query_datasource",
        f"{other}: cannot be replayed: its bytes are of the 'sdk' dialect, and the plugin speaks 'host'",
        "good: 3 cases, 3 cannot be replayed",
    ]


def test_a_masked_secret_comes_from_the_samples_and_is_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = {"known.token": "s3cr3t-tok"}
    of = found("MF310", "carried-over", case(AUTH), case(BUILD.auth(query={"token": "s3cr3t-tok"})))
    corpus.write(Path("corpus"), of, secrets=secrets)
    write_answering(tmp_path / "tells.wat", authenticate=DENIED.replace('"no"', '"of s3cr3t-tok"'))
    assert replay("tells.wat") == 2
    assert "a secret was masked in it; name it in a sample of plugin.test.yaml" in capsys.readouterr().out
    sample = {"name": "known", "operation": "authenticate", "request": {"query": {"token": "s3cr3t-tok"}}}
    (tmp_path / "plugin.test.yaml").write_text(json.dumps({"samples": [sample]}))
    assert replay("tells.wat") == 1
    assert "s3cr3t" not in capsys.readouterr().out


def test_a_service_is_asked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(found("MF301", "status-500", case(AUTH)))
    keep(found("MF304", "differs", case(AUTH)))
    (tmp_path / "bad_replayed.py").write_text(SERVICE.replace("STATUS", "500"))
    (tmp_path / "odd_replayed.py").write_text(SERVICE.replace("STATUS", "200"))
    assert replay("asgi:bad_replayed:app") == 1
    assert ": still fails: MF301 authenticate fails: " in capsys.readouterr().out
    assert replay("asgi:odd_replayed:app") == 1
    said = capsys.readouterr().out
    assert ": mended\n" in said
    assert ": still fails: MF304 authenticate answers the same request in two ways" in said


def test_a_service_that_is_not_there_leaves_all_unclear(capsys: pytest.CaptureFixture[str]) -> None:
    keep(found("MF301", "status-500", case(AUTH)))
    assert replay("http://127.0.0.1:9", "--dialect=host") == 2
    assert ": cannot be replayed: " in capsys.readouterr().out


def test_as_json_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = keep(found("MF301", "unreachable", case(AUTH)))
    assert replay(write_wasm("unreachable", tmp_path), "--json") == 1
    said = json.loads(capsys.readouterr().out)
    (told,) = said["cases"]
    assert (told["file"], told["code"], told["verdict"]) == (str(path), "MF301", "still fails")
    assert told["message"] == "MF301 authenticate traps by unreachable"
    assert (said["plugin"], said["counts"]) == ("unreachable", {"still fails": 1})


def test_an_empty_corpus_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(answering(tmp_path, "good", authenticate=DENIED)) == 0
    assert capsys.readouterr().out == "good: 0 cases\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["none", "--plugin=good.wat"], "error: the corpus none: no such folder"),
        (["corpus", "--plugin=none.wasm"], "error: 'none.wasm' does not exist"),
        (["corpus", "--plugin=ftp://x"], "error: 'ftp://x' has the unknown scheme 'ftp'"),
        (["corpus", "--plugin=good.wat", "--fuel=much"], "error: --fuel: "),
    ],
)
def test_misuse_is_an_error_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    answering(tmp_path, "good", authenticate=DENIED)
    assert main(["replay", *words]) == 2
    assert capsys.readouterr().err.startswith(reason)


def test_a_plugin_without_a_name_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", "corpus"])
    assert caught.value.code == 2


def test_a_plugin_that_does_not_load_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(found("MF301", "unreachable", case(AUTH)))
    assert replay(write_wasm("truncated", tmp_path)) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_it_runs_as_a_module_from_anywhere(tmp_path: Path) -> None:
    keep(found("MF301", "unreachable", case(AUTH)))
    answering(tmp_path, "good", authenticate=DENIED)
    words = [sys.executable, "-m", "pytest_mockforge", "replay", "corpus", "--plugin=good.wat"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("good: 1 case, 1 mended\n")
    assert done.stderr == ""


def test_help_tells_what_is_said_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["replay", "--help"])
    printed = capsys.readouterr().out
    for word in ("still fails", "mended", "cannot be replayed", "exit status: 0"):
        assert word in printed


def test_nothing_of_a_file_or_a_plugin_reaches_the_terminal_raw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = keep(found("MF301", "unreachable", case(AUTH)))
    (tmp_path / "corpus" / "\x1b[31m.json").write_bytes(path.read_bytes())
    text = answering(tmp_path, "named", authenticate=DENIED).read_text()
    named = text.replace('(func (export "authenticate")', '(func (@name "\\1b[31mred") (export "authenticate")')
    (tmp_path / "named.wat").write_text(named.replace("(result i32 i32) (i32", "(result i32 i32) (unreachable) (i32"))
    assert replay("named.wat") == 1
    said = capsys.readouterr().out
    assert "  got: \\x1b[31mred\n" in said
    assert "\x1b" not in said
