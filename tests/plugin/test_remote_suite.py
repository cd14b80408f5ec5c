"""The built-in suite over services, good and bad, each beside a module that keeps its verdict."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import pytest

from tests import servers
from tests.answering import ADMITTED, write_answering
from tests.conftest import ROOT, Run
from tests.faulty_services import FAULTS, always_good, faulty, grpc_faulty, grpc_good
from tests.reference_services import missing
from tests.servers import Handler, serving, unused_port
from tests.services import GOOD

REFERENCE = ROOT / "fixtures" / "reference"
IN_TIME = 20.0
"""Seconds for a whole run with a bad service, whose calls may take 0.3 s: far from calls × timeout."""
NOBODY = "no call is answered, see MF601"

BAD: dict[str, tuple[Handler, str, str]] = {
    "silent": (servers.silent, "no whole answer within 0.3 s", "raise the limit: --mockforge-timeout=30s"),
    "deaf": (servers.deaf, "no whole answer within 0.3 s", "raise the limit: --mockforge-timeout=30s"),
    "dripping-head": (servers.dripping_head, "no whole answer within 0.3 s", "make the service answer sooner"),
    "dripping-body": (servers.dripping_body, "no whole answer within 0.3 s", "make the service answer sooner"),
    "two-gigabytes": (servers.two_gigabytes, "larger than 33,554,432 bytes", "make the service answer with less"),
    "endless": (servers.endless, "", ""),
    "gzip-bomb": (servers.gzip_bomb(200 << 20), "larger than 33,554,432 bytes", "make the service answer with less"),
    "redirect-loop": (servers.redirecting("/again"), "it redirects more than 10 times", "a missing or doubled slash"),
    "redirect-off-loopback": (
        servers.redirecting("http://service.invalid/x"),
        "it redirects from loopback to service.invalid",
        "a test never leaves this machine by a redirect",
    ),
    "http-0.9": (servers.http_09, "its answer is not HTTP/1", "must be that of an HTTP/1.1 service"),
    "headers-of-1-mb": (servers.endless_head, "its headers are larger than", "send what is large in the body"),
    "closing": (servers.closing, "the connection ended before the answer", "a crash of its worker looks like this"),
    "resetting": (servers.resetting, "the connection ended before the answer", "a crash of its worker looks like this"),
}
"""What a server may do, the cause that is named, and the hint."""


@pytest.fixture
def tiny(pytester: pytest.Pytester) -> Path:
    """A module that every check of this run passes."""
    return write_answering(pytester.path / "tiny.wat", authenticate=ADMITTED)


def judged(run: Run, spec: object, tiny: Path, *words: str) -> pytest.RunResult:
    """Run the suite over a service named `bad` and the module, with a short limit."""
    started = perf_counter()
    # Without the search, which has its own tests: it would ask the service for as long as it may.
    brief = ("--mockforge-timeout=300ms", "--mockforge-checks=default,-MF3")
    result = run(f"--mockforge-plugin=bad={spec}", f"--mockforge-plugin={tiny}", *brief, *words)
    assert perf_counter() - started < IN_TIME
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["tiny: PASS, *"])
    return result


def told(result: pytest.RunResult, url: str, cause: str, hint: str) -> None:
    """Hold the one failure against what it is to name."""
    text = result.stdout.str()
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(["bad: FAIL, *", "*FAILED mockforge::bad::MF601*"])
    first = next(line for line in result.outlines if line.startswith("MF601 "))
    assert url in first
    assert cause in first
    assert any(line.strip().startswith("hint: ") and hint in line for line in result.outlines), text
    assert "Traceback" not in text
    assert "pytest_mockforge/" not in text


# Bad services


@pytest.mark.parametrize(
    "name", [name if name in ("silent", "gzip-bomb") else pytest.param(name, marks=pytest.mark.slow) for name in BAD]
)
def test_a_bad_service_fails_in_time_with_url_cause_and_hint_and_alone(name: str, run: Run, tiny: Path) -> None:
    handler, cause, hint = BAD[name]
    with serving(handler) as server:
        told(judged(run, server.url, tiny), server.url, cause, hint)


def test_a_port_where_nobody_listens(run: Run, tiny: Path) -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    told(judged(run, url, tiny), url, "no connection (connection refused)", "")


def test_a_host_that_is_not_there(run: Run, tiny: Path) -> None:
    url = "http://nowhere.localhost.invalid:8080"
    told(judged(run, url, tiny), url, "has no address", "")


def test_a_port_over_grpc_where_nobody_listens(run: Run, tiny: Path) -> None:
    pytest.importorskip("grpc", reason="gRPC needs the extra 'grpc'")
    url = f"grpc://127.0.0.1:{unused_port()}"
    told(judged(run, url, tiny), url, "no connection can be made", "start the service")


def test_a_silent_port_over_grpc(run: Run, tiny: Path) -> None:
    pytest.importorskip("grpc", reason="gRPC needs the extra 'grpc'")
    with serving(servers.deaf) as server:
        url = f"grpc://127.0.0.1:{server.port}"
        told(judged(run, url, tiny), url, "within 0.3 s", "the port may belong to something that is no gRPC service")


def test_a_certificate_that_nobody_trusts(run: Run, tiny: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    words = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout k -out c"
    )
    subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    with serving(servers.answering(), tls=context) as server:
        told(judged(run, server.url, tiny), server.url, "its certificate was not accepted", "file of the authority")


def test_checks_that_cannot_be_made_are_skipped_with_the_code_of_the_cause(run: Run, tiny: Path) -> None:
    result = judged(run, f"http://127.0.0.1:{unused_port()}", tiny, "-rs")
    skips = [line for line in result.outlines if line.startswith("SKIPPED")]
    assert skips
    assert all(NOBODY in line for line in skips)


@pytest.mark.parametrize("code", ["MF603", "MF605", "MF606", "MF609", "MF612"])
def test_a_fault_fails_the_item_of_its_code(code: str, run: Run, tiny: Path) -> None:
    with faulty(FAULTS[code]()) as server:
        result = judged(run, server.url, tiny, f"--mockforge-checks=MF6,MF1,-MF60{1 if code == 'MF601' else 2}")
        result.stdout.fnmatch_lines([f"*FAILED mockforge::bad::{code}*"])


def test_a_scheme_that_nobody_knows_is_a_usage_error(run: Run, tiny: Path) -> None:
    result = run("--mockforge-plugin=ftp://127.0.0.1:1", f"--mockforge-plugin={tiny}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unknown scheme 'ftp'*", "*hint: a SPEC is *http(s)://HOST:PORT*"])


# Commands


def folder_with_start(pytester: pytest.Pytester, start: str) -> Path:
    folder = pytester.path / "service"
    folder.mkdir()
    (folder / "plugin.yaml").write_text("id: service\nversion: '1.0.0'\ntypes: [auth]\n", "utf-8")
    (folder / "plugin.test.yaml").write_text(f"start: {start}\n", "utf-8")
    return folder


def test_a_command_is_not_run_without_leave(run: Run, tiny: Path, pytester: pytest.Pytester) -> None:
    folder = folder_with_start(pytester, "{command: [touch, it-ran]}")
    result = judged(run, folder, tiny)
    result.stdout.fnmatch_lines(["*MF601 bad is started by a command, which was not allowed*"])
    result.stdout.fnmatch_lines(["*hint: pass --mockforge-allow-commands if you trust the file*"])
    assert not (folder / "it-ran").exists()


def test_a_command_that_does_not_exist(run: Run, tiny: Path, pytester: pytest.Pytester) -> None:
    folder = folder_with_start(pytester, "{command: [no-such-command-here]}")
    result = judged(run, folder, tiny, "--mockforge-allow-commands")
    first = next(line for line in result.outlines if line.startswith("MF601 "))
    assert "no-such-command-here" in first
    result.stdout.fnmatch_lines(["    hint: *"])


def test_a_command_that_exits_at_once_is_told_with_what_it_printed(
    run: Run, tiny: Path, pytester: pytest.Pytester
) -> None:
    folder = folder_with_start(pytester, '{command: ["{python}", -c, "import sys; sys.exit(\'no database\')"]}')
    result = judged(run, folder, tiny, "--mockforge-allow-commands")
    result.stdout.fnmatch_lines(["MF601 *", "*no database*"])


def test_a_started_service_is_judged_and_its_log_stands_with_a_failure(
    run: Run, tiny: Path, pytester: pytest.Pytester
) -> None:
    folder = folder_with_start(pytester, '{command: ["{python}", service.py]}')
    # With the standard library's own lines on each request.
    (folder / "service.py").write_text(GOOD.replace("def log_message", "def no_message"), "utf-8")
    result = judged(run, folder, tiny, "--mockforge-allow-commands")
    result.stdout.fnmatch_lines(["*FAILED mockforge::bad::MF604*"])
    result.stdout.fnmatch_lines(["*- mockforge: bad printed -*", '*"GET /plugin/authenticate HTTP/1.1" 200 -'])


# Good services


def test_a_good_service_passes_alone_in_an_empty_folder(run: Run) -> None:
    with faulty(always_good) as server:
        result = run(f"--mockforge-plugin=good={server.url}")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["good: PASS, * checks hold*"])


def test_a_module_gets_no_check_of_services_and_a_service_none_of_modules(run: Run, tiny: Path) -> None:
    with faulty(always_good) as server:
        result = run(f"--mockforge-plugin=good={server.url}", f"--mockforge-plugin={tiny}", "--co", "-q", search=True)
    families = {(line.split("::")[1], line.split("::")[2][:3]) for line in result.outlines if "::" in line}
    assert {family for label, family in families if label == "good"} == {"MF2", "MF3", "MF6", "MF7"}
    assert "MF6" not in {family for label, family in families if label == "tiny"}


def test_collecting_does_not_call_a_service(run: Run) -> None:
    with faulty(always_good) as server:
        run(f"--mockforge-plugin={server.url}", "--co", "-q")
        assert server.connections == 0


def test_a_service_over_grpc_is_told_that_mockforge_would_not_call_it_and_nothing_else(run: Run) -> None:
    with grpc_faulty(grpc_good) as url:
        result = run(f"--mockforge-plugin=good={url}")
        assert result.parseoutcomes()["failed"] == 1
        result.stdout.fnmatch_lines(["*MockForge has no gRPC client*"])
        assert run(f"--mockforge-plugin=good={url}", "--mockforge-host=any").ret == 0


@pytest.mark.slow
@pytest.mark.skipif(find_spec("xdist") is None, reason="needs pytest-xdist: pip install pytest-xdist")
def test_services_are_judged_by_workers_too(run: Run, tiny: Path) -> None:
    with faulty(always_good) as server:
        words = (f"--mockforge-plugin=good={server.url}", f"--mockforge-plugin={tiny}", "-p", "xdist", "-n", "2")
        result = run(*words, subprocess=True)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["good: PASS, *", "tiny: PASS, *"])


# Dialects

SAMPLED = """
def test_a_token_is_admitted(mockforge_plugin, mockforge_request):
    request = mockforge_request.auth(query={"token": "alpha"}, bearer="alpha", uri="/x", lenient=True)
    assert mockforge_plugin.authenticate(request).authenticated
    assert mockforge_plugin.dialect == "DIALECT"
"""


@pytest.fixture
def app(pytester: pytest.Pytester) -> str:
    """The reference service in this process; gives its SPEC but for the app's name."""
    if reason := missing("in-process"):
        pytest.skip(reason)
    pytester.syspathinsert(REFERENCE / "python-http")
    return "asgi:app"


@pytest.fixture(autouse=True)
def _forgotten_apps() -> object:
    """Let the next run import the app anew."""
    yield
    for name in ("app", "dialects"):
        sys.modules.pop(name, None)


def test_an_sdk_service_is_tested_in_full_and_told_each_mismatch(run: Run, app: str) -> None:
    result = run(f"--mockforge-plugin=sdk={app}:sdk_app", "-v")
    failed = {line.split()[0] for line in result.outlines if line.startswith("mockforge::") and " FAILED" in line}
    assert failed == {"mockforge::sdk::MF602"}
    result.stdout.fnmatch_lines(["*detail: authenticate:not-understood*"])
    for mismatch in ("credentials", "envelope", "unknown-keys"):
        result.stdout.fnmatch_lines([f"*detail: authenticate:{mismatch}"])
    result.stdout.fnmatch_lines(["*MockForge says: Plugin execution error: *"])


def test_an_sdk_service_passes_where_no_host_judges_it(run: Run, app: str) -> None:
    assert run(f"--mockforge-plugin=sdk={app}:sdk_app", "--mockforge-host=any").ret == 0


@pytest.mark.parametrize("dialect", ["host", "sdk"])
def test_a_service_is_asked_in_the_dialect_that_it_speaks(
    dialect: str, run: Run, app: str, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(SAMPLED.replace("DIALECT", dialect))
    run(f"--mockforge-plugin={app}:{dialect}_app", "--mockforge-checks=none").assert_outcomes(passed=1)


@pytest.mark.parametrize("dialect", ["host", "sdk"])
def test_the_option_sets_the_dialect(dialect: str, run: Run, app: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SAMPLED.replace("DIALECT", dialect))
    words = (f"--mockforge-plugin={app}:{dialect}_app", "--mockforge-checks=none")
    run(*words, f"--mockforge-dialect={dialect}").assert_outcomes(passed=1)
    other = "sdk" if dialect == "host" else "host"
    run(*words, f"--mockforge-dialect={other}").assert_outcomes(failed=1)


def test_a_service_that_is_asked_in_the_other_dialect_fails_its_samples(run: Run, app: str) -> None:
    result = run(f"--mockforge-plugin=host={app}:host_app", "--mockforge-dialect=sdk", "-v")
    failed = {line.split()[0] for line in result.outlines if line.startswith("mockforge::") and " FAILED" in line}
    assert "mockforge::host::MF205" in failed
    assert "mockforge::host::MF602" not in failed


def test_a_dialect_that_there_is_not_is_a_usage_error(run: Run, tiny: Path) -> None:
    result = run(f"--mockforge-plugin={tiny}", "--mockforge-dialect=klingon")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the dialect cannot be 'klingon'*", "*hint: valid values are auto, host, sdk*"])
