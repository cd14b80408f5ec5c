"""Budgets: what the calls of one test may cost, and what a whole plugin may. A broken one fails, an unclear one skips.

By hand: pytest mockforge::tickets --mockforge-plugin=example_tests/tickets/plugin.wat --mockforge-budget="fuel<1k"
"""

import subprocess
import sys
from pathlib import Path

import pytest

TICKETS = Path(__file__).parent / "tickets" / "plugin.wat"


# Fuel is exact: the same on any machine. The requests of the test are measured once more when it is over.
@pytest.mark.mockforge_budget("fuel<50M", "memory<64MiB")
def test_signing_in_stays_within_its_budget(mockforge_plugin, mockforge_request):
    assert mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"})).authenticated


# One bound a language; the test passes unjudged where a plugin is none of them.
@pytest.mark.mockforge_budget(
    "rust,c,assemblyscript: fuel<1M",
    "tinygo: fuel<2M",
    "go: fuel<50M",
    "remote: p95<250ms",
)
def test_each_language_has_a_bound_of_its_own(mockforge_plugin):
    assert mockforge_plugin.template_function("upper", "abc") == "ABC"


# Rust ships in the package, so that "2x rust" can be told on any machine, of any plugin.
@pytest.mark.mockforge_budget("rust,tinygo,c,assemblyscript,template_function: fuel<20x rust")
def test_it_is_held_against_rust(mockforge_plugin):
    assert mockforge_plugin.template_function("add", 40, 2) == 42


def suite(folder, *options):
    """Run the suite over `tickets`, whose plugin.test.yaml holds budgets."""
    words = ["-m", "pytest", "-p", "mockforge", "-p", "no:cacheprovider", f"--mockforge-plugin={TICKETS}", "-v"]
    command = [sys.executable, *words, "--mockforge-checks=MF5", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)


def test_budgets_of_plugin_test_yaml_are_items(tmp_path):
    done = suite(tmp_path)
    assert done.returncode == 0
    assert "mockforge::tickets::MF502[authenticate: fuel<1k] PASSED" in done.stdout
    assert "mockforge::tickets::MF505[size<4KiB] PASSED" in done.stdout


def test_a_broken_budget_says_what_it_wants_and_what_it_got(tmp_path):
    done = suite(tmp_path, "--mockforge-budget=growth<1B/call")
    assert done.returncode == 1
    assert "and the budget 'growth<1B/call' wants < 1 B/call" in done.stdout


def test_a_module_is_held_against_an_older_one(tmp_path):
    older = f"--mockforge-baseline={TICKETS}"
    done = suite(tmp_path, older, "--mockforge-budget=fuel<1.05x baseline")
    assert done.returncode == 0
    assert "fuel<1.05x baseline] PASSED" in done.stdout


def test_what_nobody_can_tell_is_inconclusive_and_fails_only_when_strict(tmp_path):
    unclear = "--mockforge-budget=fuel<2x go"
    assert "1 budget inconclusive" in suite(tmp_path, unclear).stdout
    assert suite(tmp_path, unclear, "--mockforge-strict-budgets").returncode == 1
