"""Record what tests ask of a plugin, ask another build the same, and make samples of it.

By hand: pytest --mockforge-plugin=PLUGIN --mockforge-record=traffic.jsonl
         pytest --mockforge-plugin=OTHER --mockforge-replay=traffic.jsonl
"""

import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures"
TEST = """
def test_a_known_token_is_admitted(mockforge_plugin, mockforge_request):
    assert mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"})).authenticated

def test_upper(mockforge_plugin):
    assert mockforge_plugin.template_function("upper", "abc") == "ABC"
"""


def python(folder, *words):
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "test_it.py").write_text(TEST)
    plugin = f"--mockforge-plugin=auth={FIXTURES / 'reference' / 'rust'}"
    words = ("pytest", "-p", "mockforge", "test_it.py", plugin, "--mockforge-record=traffic.jsonl")
    assert python(folder, *words).returncode == 0
    return folder


def replay(folder, plugin):
    words = ("--mockforge-replay=traffic.jsonl", "--mockforge-checks=none", "--ignore=test_it.py")
    return python(folder, "pytest", "-p", "mockforge", f"--mockforge-plugin=auth={plugin}", *words)


def test_no_secret_is_written_down(folder):
    recording = (folder / "traffic.jsonl").read_text()
    assert "~secret.a-known-token-is-admitted.token~" in recording
    assert "alpha" not in recording


def test_the_same_plugin_answers_as_it_did(folder):
    assert "2 passed" in replay(folder, FIXTURES / "reference" / "rust").stdout


def test_a_port_that_renamed_a_claim_is_caught(folder):
    done = replay(folder, FIXTURES / "ported" / "c")
    assert "1 failed, 1 passed" in done.stdout
    assert "/claims/scope differs from the recording" in done.stdout


def test_requests_become_samples(folder):
    done = python(folder, "pytest_mockforge", "samples", "import", "traffic.jsonl")
    assert "  - name: upper\n    operation: template_function\n" in done.stdout
    assert "traffic.jsonl:2: a secret was masked in its request" in done.stderr
