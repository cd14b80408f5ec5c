"""`python -m pytest_mockforge adapt`, and what a run of pytest says of a module that it mends."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mockforge.__main__ import main
from pytest_mockforge.runtimes.wasm.inspection import inspect_module
from tests.conftest import ROOT, RUST, Run
from tests.hostile_cases import wasm_bytes, write_wasm

OUT_POINTER = ROOT / "fixtures" / "out-pointer" / "plugin.wasm"


def operation_type(path: Path) -> str:
    export = inspect_module(path.read_bytes()).export("authenticate")
    assert export is not None
    return export.type_text


def test_it_writes_the_module_and_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = write_wasm("packed-i64", tmp_path), tmp_path / "out.wasm"
    assert main(["adapt", str(source), str(target)]) == 0
    assert operation_type(target) == "function (i32, i32) -> (i32, i32)"
    assert capsys.readouterr().out.splitlines() == [
        "authenticate: was packed-i64; the original is exported as authenticate.packed",
        f"wrote {target}, {target.stat().st_size} bytes",
    ]


def test_it_runs_as_a_module_from_anywhere(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pytest_mockforge", "adapt", str(OUT_POINTER), "out.wasm"]
    result = subprocess.run(
        words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[0] == (
        "authenticate: was out-pointer, its results now on the shadow stack; "
        "the original is exported as authenticate.out-pointer"
    )
    assert operation_type(tmp_path / "out.wasm") == "function (i32, i32) -> (i32, i32)"


def test_a_module_that_needs_nothing_is_written_unchanged_and_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = RUST / "plugin.wasm", tmp_path / "out.wasm"
    assert main(["adapt", str(source), str(target)]) == 0
    assert target.read_bytes() == source.read_bytes()
    assert capsys.readouterr().out == f"{source}: nothing to do, no operation needs a wrapper\n"


def test_the_length_may_be_in_the_high_half(tmp_path: Path) -> None:
    source, target, other = write_wasm("packed-i64-low", tmp_path), tmp_path / "low.wasm", tmp_path / "high.wasm"
    assert main(["adapt", str(source), str(target), "--packing=len-high"]) == 0
    assert main(["adapt", str(source), str(other)]) == 0
    assert target.read_bytes() != other.read_bytes()


def test_what_had_to_be_dropped_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.wasm"
    name = b"sourceMappingURL"
    source.write_bytes(wasm_bytes("packed-i64") + bytes((0, len(name) + 1, len(name))) + name)
    assert main(["adapt", str(source), str(tmp_path / "out.wasm")]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("dropped sourceMappingURL: the wrappers' exports move")


def test_the_module_itself_is_replaced_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_wasm("packed-i64", tmp_path)
    assert main(["adapt", str(source), str(source)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: {source} is the module itself",
        "  hint: name another file, or replace it with --force",
    ]
    assert source.read_bytes() == wasm_bytes("packed-i64")
    assert main(["adapt", str(source), str(source), "--force"]) == 0
    assert operation_type(source) == "function (i32, i32) -> (i32, i32)"


def test_the_module_itself_is_known_under_another_name(tmp_path: Path) -> None:
    source, link = write_wasm("packed-i64", tmp_path), tmp_path / "link.wasm"
    link.symlink_to(source)
    assert main(["adapt", str(source), str(link)]) == 2
    assert main(["adapt", str(source), str(link), "--force"]) == 0
    assert link.is_symlink()
    assert operation_type(source) == "function (i32, i32) -> (i32, i32)"


def test_nothing_but_the_module_is_left_in_the_folder(tmp_path: Path) -> None:
    source, folder = write_wasm("packed-i64", tmp_path), tmp_path / "out"
    folder.mkdir()
    assert main(["adapt", str(source), str(folder / "out.wasm")]) == 0
    assert [path.name for path in folder.iterdir()] == ["out.wasm"]


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    source, target = write_wasm("packed-i64", tmp_path), tmp_path / "out.wasm"
    target.touch()
    target.chmod(0o640)
    assert main(["adapt", str(source), str(target)]) == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("three-parameters", "authenticate is exported with a type that adapt cannot mend"),
        ("component", "the file is a component, not a core module"),
        ("truncated", "the module is malformed"),
    ],
)
def test_a_refusal_names_file_reason_and_hint_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, reason: str
) -> None:
    source, target = write_wasm(name, tmp_path), tmp_path / "out.wasm"
    assert main(["adapt", str(source), str(target)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {source}: {reason}")
    assert "  hint: " in printed.err
    assert not target.exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["missing.wasm", "out.wasm"], "error: missing.wasm: No such file or directory"),
        (["packed-i64.wasm", "missing/out.wasm"], "error: missing/out.wasm: No such file or directory"),
        (["packed-i64.wasm", "."], "error: . is there already and is no file"),
        ([".", "out.wasm"], "error: .: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_read_or_written_is_a_usage_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    reason: str,
) -> None:
    write_wasm("packed-i64", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["adapt", *words]) == 2
    assert capsys.readouterr().err.splitlines()[0] == reason


@pytest.mark.parametrize(
    "words", [[], ["nonsense"], ["adapt"], ["adapt", "a", "b", "c"], ["adapt", "a", "b", "--packing=x"]]
)
def test_wrong_words_are_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m pytest_mockforge")


def test_help_lists_the_commands_with_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "adapt     wrap operations of a .wasm so that MockForge can call them" in capsys.readouterr().out


def test_help_of_adapt_names_both_forms_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["adapt", "--help"])
    printed = capsys.readouterr().out
    assert "(i32, i32) -> (i64)" in printed
    assert "(i32, i32, i32) -> ()" in printed
    assert "exit status: 0 done" in printed


# What pytest says.


@pytest.mark.parametrize("name", ["packed-i64", "out-pointer"])
def test_a_module_that_adapt_mends_is_refused_but_tested(run: Run, tmp_path: Path, name: str) -> None:
    result = run(f"--mockforge-plugin={write_wasm(name, tmp_path)}", "--mockforge-checks=MF1,MF2")
    assert result.ret == 1
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] == 1
    assert "skipped" not in outcomes
    result.stdout.fnmatch_lines(
        [
            "error MF106: authenticate is exported with another type than the host calls",
            f"*hint: its form is {name}; *python -m pytest_mockforge adapt *",
            f"  *, {name}, *",
            "  MockForge 0.3.213 (rust adapter): refused, mended by adapt:*",
        ]
    )


def test_adapt_is_not_offered_for_a_type_that_it_refuses(run: Run, tmp_path: Path) -> None:
    result = run(f"--mockforge-plugin={write_wasm('three-parameters', tmp_path)}", "--mockforge-checks=MF106")
    assert result.ret == 1
    result.stdout.no_fnmatch_line("*pytest_mockforge adapt*")


def test_what_adapt_alone_does_not_mend_is_not_said_to_be_mended(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plugin.wasm").write_bytes(wasm_bytes("packed-i64").replace(b"\x05alloc", b"\x05alloz"))
    result = run(f"--mockforge-plugin={tmp_path / 'plugin.wasm'}", "--mockforge-checks=MF1")
    result.stdout.no_fnmatch_line("*mended by adapt*")


def test_once_adapted_it_is_taken(run: Run, tmp_path: Path) -> None:
    source, target = write_wasm("out-pointer", tmp_path), tmp_path / "adapted.wasm"
    assert main(["adapt", str(source), str(target)]) == 0
    result = run(f"--mockforge-plugin={target}", "--mockforge-checks=MF1")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*MockForge 0.3.213 (rust adapter) would load and call it"])


def test_a_users_test_calls_the_operations_of_a_hidden_pointer(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_operations(mockforge_plugin, mockforge_request):
            assert sorted(mockforge_plugin.operations) == ["authenticate", "template_function"]
            assert mockforge_plugin.authenticate(mockforge_request.auth()).authenticated is False
        """
    )
    result = run(f"--mockforge-plugin={OUT_POINTER}", "--mockforge-checks=none")
    result.assert_outcomes(passed=1)
