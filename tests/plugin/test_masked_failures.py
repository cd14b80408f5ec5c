"""Secrets in what tests of the user's and services say: masked on the terminal and in JUnit files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.answering import ADMITTED, write_answering
from tests.conftest import Run

SECRET = "tok-4711-do-not-tell"
OF_SAMPLE = "wherever-it-stands-5150"
SAMPLE = f"samples: [{{name: known, operation: authenticate, request: {{uri: /, query: {{token: {OF_SAMPLE}}}}}}}]\n"


@pytest.fixture
def mine(pytester: pytest.Pytester) -> str:
    folder = pytester.mkdir("mine")
    (folder / "plugin.test.yaml").write_text(SAMPLE, "utf-8")
    return f"--mockforge-plugin={write_answering(folder / 'mine.wat', authenticate=ADMITTED)}"


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages stand whole in the short summary."""
    monkeypatch.setenv("COLUMNS", "300")


def files(result: pytest.RunResult, pytester: pytest.Pytester) -> tuple[str, str]:
    return result.stdout.str(), (pytester.path / "junit.xml").read_text("utf-8")


def test_a_failing_test_shows_no_secret(run: Run, pytester: pytest.Pytester, mine: str) -> None:
    pytester.makepyfile(
        f"""
        def test_it(mockforge_plugin):
            headers = {{"Authorization": "Bearer {SECRET}"}}
            print("asked with token={SECRET} and {OF_SAMPLE}")
            try:
                raise ValueError("refused: Authorization: Bearer {SECRET}")
            except ValueError:
                assert headers == {{"Authorization": "Bearer {OF_SAMPLE}"}}
        """
    )
    result = run(
        mine, "--mockforge-checks=none", "--showlocals", "-vv", "--junitxml=junit.xml", "-o", "junit_logging=all"
    )
    result.assert_outcomes(failed=1)
    for said in files(result, pytester):
        assert SECRET not in said
        assert OF_SAMPLE not in said
        assert "Bearer ~secret." in said
    result.stdout.fnmatch_lines(["asked with token=~secret.1~ and ~secret.known.token~", "FAILED *Bearer ~secret.*"])


def test_a_failing_fixture_shows_no_secret(run: Run, pytester: pytest.Pytester, mine: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.fixture
        def admitted(mockforge_plugin):
            pytest.fail("password: '{SECRET}'")

        def test_it(admitted):
            pass
        """
    )
    result = run(mine, "--mockforge-checks=none", "--junitxml=junit.xml")
    result.assert_outcomes(errors=1)
    assert not [said for said in files(result, pytester) if SECRET in said]


def test_secrets_that_become_known_in_the_run_are_masked_from_then_on(
    run: Run, pytester: pytest.Pytester, mine: str
) -> None:
    later, token = "known-later-6161", "token-of-the-environment-7272"
    module = write_answering(pytester.mkdir("later") / "later.wat", authenticate=ADMITTED)
    remote = "remote: {url: 'http://127.0.0.1:1', auth: {type: bearer, env: LATER}}\n"
    module.with_name("plugin.test.yaml").write_text(SAMPLE.replace(OF_SAMPLE, later) + remote, "utf-8")
    pytester.makepyfile(
        f"""
        def test_first(mockforge_plugin):
            print("{OF_SAMPLE}")
            assert False

        def test_second(mockforge_load):
            mockforge_load("{module.as_posix()}")
            print("{later}")
            assert False

        def test_third(monkeypatch, mockforge_load):
            monkeypatch.setenv("LATER", "{token}")
            print("{token}")
            assert False
        """
    )
    result = run(mine, "--mockforge-checks=none")
    result.assert_outcomes(failed=3)
    assert not [secret for secret in (OF_SAMPLE, later, token) if secret in result.stdout.str()]


@pytest.mark.parametrize("style", ["auto", "short", "line", "native"])
def test_a_traceback_is_shown_as_ever_but_for_its_secrets(
    run: Run, pytester: pytest.Pytester, mine: str, style: str
) -> None:
    pytester.makepyfile(
        f"""
        def test_it(mockforge_plugin):
            assert "token={SECRET}" == "nothing"
        """
    )
    result = run(mine, "--mockforge-checks=none", f"--tb={style}")
    assert SECRET not in result.stdout.str()
    result.stdout.fnmatch_lines(["*token=~secret.1~*", "FAILED *test_it?mine? - *token=~secret.1~*"])


def test_a_test_that_has_nothing_to_do_with_plugins_is_let_be(run: Run, pytester: pytest.Pytester, mine: str) -> None:
    pytester.makepyfile(f'def test_it():\n    assert "token={SECRET}" == "nothing"\n')
    run(mine, "--mockforge-checks=none").stdout.fnmatch_lines([f"*token={SECRET}*"])


def test_the_log_of_a_service_is_shown_without_secrets(run: Run, pytester: pytest.Pytester) -> None:
    server = pytester.makepyfile(
        server=f"""
        import http.server, os

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()

            def log_message(self, *words):
                print("key", os.environ["DB_PASSWORD"], "Authorization: Bearer {SECRET}", flush=True)

        http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answers).serve_forever()
        """
    )
    pytester.makepyfile(
        f"""
        def test_it(mockforge_remote):
            plugin = mockforge_remote(["{{python}}", "{server}"], env={{"DB_PASSWORD": "{OF_SAMPLE}"}})
            assert plugin.health()
            assert False
        """
    )
    result = run("--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*mockforge: server printed*", "key ~secret.start.db-password~ Authorization: Bearer ~*"]
    )
    for said in files(result, pytester):
        assert SECRET not in said
        assert OF_SAMPLE not in said


def test_a_service_that_does_not_start_says_why_without_secrets(run: Run, pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("service")
    code = f"import os; print('no', os.environ['API_TOKEN']); print('password={SECRET}'); raise SystemExit(3)"
    (folder / "die.py").write_text(code, "utf-8")
    (folder / "plugin.yaml").write_text("id: service\n", "utf-8")
    start = f"start: {{command: ['{sys.executable}', die.py], env: {{API_TOKEN: {OF_SAMPLE}}}}}\n"
    (folder / "plugin.test.yaml").write_text(start, "utf-8")
    words = (f"--mockforge-plugin={folder}", "--mockforge-allow-commands", "--mockforge-checks=MF601")
    result = run(*words, "--junitxml=junit.xml", "--mockforge-report=r.json")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*| no ~secret.*", "*| password=~secret.*"])
    for said in (*files(result, pytester), Path(pytester.path / "r.json").read_text("utf-8")):
        assert SECRET not in said
        assert OF_SAMPLE not in said


def test_a_budgets_result_names_a_parameter_without_its_secret(run: Run, pytester: pytest.Pytester, mine: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.mockforge_budget("fuel<2")
        @pytest.mark.parametrize("token", ["{OF_SAMPLE}"])
        def test_it(mockforge_plugin, mockforge_request, token):
            mockforge_plugin.authenticate(mockforge_request.auth(query={{"token": token}}))
        """
    )
    run(mine, "--mockforge-checks=none", "--mockforge-report=r.json").assert_outcomes(failed=1)
    said = (pytester.path / "r.json").read_text("utf-8")
    assert OF_SAMPLE not in said
    assert "fuel<2 in " in said
