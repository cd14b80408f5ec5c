"""The script beside this file, run as its users run it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("without_pytest.py")
REFUSED = "refused: template_function"


def test_the_script_calls_the_plugin(mockforge_plugin):
    if mockforge_plugin.path is None:
        pytest.skip("the script takes a module")
    done = subprocess.run(
        [sys.executable, SCRIPT, mockforge_plugin.path], capture_output=True, encoding="utf-8", check=True
    )
    *said, last = done.stdout.splitlines()
    assert said == ["ABC", "u-alice", "fuel was counted: True"]
    assert last.startswith(REFUSED)
