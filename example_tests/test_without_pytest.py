"""The script beside this file, run as its users run it."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("without_pytest.py")


def test_the_script_calls_the_plugin(mockforge_plugin):
    done = subprocess.run(
        [sys.executable, SCRIPT, mockforge_plugin.path], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.splitlines() == ["ABC", "u-alice", "fuel was counted: True", "refused by unreachable"]
