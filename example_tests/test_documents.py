"""`plugin.test.yaml` and an accept file, as in the folder `tickets`: samples, and a finding that is known and accepted.

By hand: pytest --mockforge-plugin=example_tests/tickets/plugin.wat mockforge::tickets
"""

import subprocess
import sys
from pathlib import Path

TICKETS = Path(__file__).parent / "tickets"


def run(folder, *options):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "mockforge",
        f"--mockforge-plugin={TICKETS / 'plugin.wat'}",
        "--mockforge-checks=default,-MF3",
        *options,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)


def test_the_leak_is_found(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 1
    assert "FAILED mockforge::tickets::MF403 - MF403 authenticate leaks" in done.stdout


def test_the_sample_is_counted_as_accepted(tmp_path):
    done = run(tmp_path, "-k", "MF208 or MF401")
    assert done.returncode == 0
    assert "authenticate       1/1" in done.stdout


def test_an_accepted_leak_is_xfail_with_its_reason(tmp_path):
    done = run(tmp_path, f"--mockforge-accept={TICKETS / 'accepted.yaml'}", "-rx")
    assert done.returncode == 0
    assert "XFAIL mockforge::tickets::MF403 - the cache of tickets is not bounded yet" in done.stdout
