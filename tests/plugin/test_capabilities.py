"""MF704: what a plugin was seen to ask for, held against its manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run

# Answers that nobody is authenticated, after one call of WASI.
GUEST = """
(module
  (import "wasi_snapshot_preview1" "{name}" (func $asked {type}))
  (memory (export "memory") 2)
  (data (i32.const 16) "/etc/passwd")
  (data (i32.const 64) "{{\\"authenticated\\":false,\\"claims\\":{{}},\\"metadata\\":{{}}}}")
  (func (export "alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "authenticate") (param i32 i32) (result i32 i32)
    (drop (call $asked {arguments}))
    (i32.const 64) (i32.const 49)))
"""
OPENS = GUEST.format(
    name="path_open",
    type="(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
    arguments="(i32.const 3) (i32.const 0) (i32.const 16) (i32.const 11) (i32.const 0)"
    " (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 512)",
)
PRINTS = GUEST.format(
    name="fd_write",
    type="(param i32 i32 i32 i32) (result i32)",
    arguments="(i32.const 1) (i32.const 0) (i32.const 0) (i32.const 512)",
)


def judged(run: Run, folder: Path, text: str, capabilities: str | None) -> pytest.RunResult:
    path = folder / "guest.wat"
    path.write_text(text)
    if capabilities is not None:
        (folder / "plugin.yaml").write_text(f"id: guest\ncapabilities: [{capabilities}]\n")
    return run(f"--mockforge-plugin={path}", "mockforge::guest::MF704", "-v")


def test_a_file_that_is_opened_and_not_declared_is_an_error(run: Run, tmp_path: Path) -> None:
    result = judged(run, tmp_path, OPENS, "network")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "MF704 authenticate called path_open '/etc/passwd', on *, which no capability of plugin.yaml allows",
            "    expected: filesystem:read or filesystem:write among the capabilities",
            "    got: network",
        ]
    )


@pytest.mark.parametrize("capabilities", ["'filesystem:read'", "'filesystem:write'"])
def test_a_file_that_is_opened_and_declared_is_fine(run: Run, tmp_path: Path, capabilities: str) -> None:
    result = judged(run, tmp_path, OPENS, capabilities)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*MF704:*")


def test_a_capability_of_which_no_call_was_seen_is_noted(run: Run, tmp_path: Path) -> None:
    result = judged(run, tmp_path, OPENS, "network, 'filesystem:read'")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*note MF704: plugin.yaml declares network, of which no call was seen"])


def test_printing_needs_no_capability(run: Run, tmp_path: Path) -> None:
    judged(run, tmp_path, PRINTS, "").assert_outcomes(passed=1)


def test_without_a_manifest_nothing_is_judged(run: Run, tmp_path: Path) -> None:
    judged(run, tmp_path, OPENS, None).assert_outcomes(passed=1)
