"""`python -m pytest_mockforge doctor`: what it finds here, and what it says of a machine that lacks something."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_mockforge.__main__ import main
from pytest_mockforge.commands.doctor.installed import parse_requirement, within
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pytest-mockforge"


def doctor(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, dict[str, str]]]]:
    """Give the exit status, and each fact by section and name."""
    status = main(["doctor", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "pytest-mockforge-doctor/1"
    assert said["ok"] is (status == 0)
    return status, {name: {fact["name"]: fact for fact in facts} for name, facts in said["sections"].items()}


def test_where_all_that_is_needed_is_there_it_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = doctor(capsys)
    assert status == 0
    assert {name for name, fact in found["versions"].items() if fact["state"] == "ok"} >= {"python", "wasmtime"}
    assert {fact["state"] for fact in found["engine"].values()} == {"ok"}
    assert found["pytest"]["entry point"]["value"] == "mockforge = pytest_mockforge.plugin"


def test_the_lines_are_aligned_and_end_with_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "all that is needed is there"
    facts = [line for line in lines if re.match(r"  (ok|absent|warning|problem) ", line)]
    assert len(facts) > 20
    assert len({re.match(r"  \w+ +\S.*?  +", line).end() for line in facts if "  " in line[11:]}) == 1  # type: ignore[union-attr]


def test_a_version_out_of_range_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from pytest_mockforge.commands.doctor import installed

    monkeypatch.setattr(
        installed, "requires", lambda _name: ["wasmtime>=900", "no-such-library>=1", "syrupy; extra=='x'"]
    )
    status, found = doctor(capsys)
    assert status == 1
    assert found["versions"]["wasmtime"]["state"] == "problem"
    assert found["versions"]["wasmtime"]["hint"] == "pip install 'wasmtime>=900'"
    assert found["versions"]["no-such-library"]["value"] == "not installed, wanted >=1"


def test_a_missing_extra_is_no_problem_and_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pytest_mockforge.commands.doctor import installed

    monkeypatch.setattr(
        installed, "requires", lambda _name: ['no-such-library>=1; extra == "fuzz"', 'x; extra == "dev"']
    )
    status, found = doctor(capsys)
    assert status == 0
    assert found["extras"] == {
        "fuzz": {
            "name": "fuzz",
            "state": "absent",
            "value": "missing: no-such-library",
            "hint": "pip install 'pytest-mockforge[fuzz]'",
        }
    }


def test_plugins_that_pytest_does_not_load_by_itself_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    status, found = doctor(capsys)
    assert status == 0
    assert found["pytest"]["autoload"]["state"] == "warning"


def test_the_cache_is_counted(caches: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not there yet" in doctor(capsys)[1]["compiled modules"]["cache"]["value"]
    caches.mkdir(mode=0o700)
    (caches / "a.cwasm").write_bytes(bytes(2048))
    assert "1 module, 2 KiB; trusted" in doctor(capsys)[1]["compiled modules"]["cache"]["value"]


def test_a_cache_that_others_may_write_to_is_not_trusted(caches: Path, capsys: pytest.CaptureFixture[str]) -> None:
    caches.mkdir()
    caches.chmod(0o777)
    status, found = doctor(capsys)
    assert status == 0
    assert found["compiled modules"]["cache"]["state"] == "warning"
    assert "may be written by others" in found["compiled modules"]["cache"]["value"]


def test_compilers_tell_their_version_and_nothing_that_a_terminal_acts_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = tmp_path / "bin" / "tinygo"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nprintf 'tinygo \\033[31m0.39\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/bin:/usr/bin")
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"tinygo \\x1b[31m0.39, {tool}" in out
    assert "\x1b" not in out
    assert re.search(r"absent +zig +not found; for plugins in C or Zig", out)


def test_without_the_engine_it_says_so_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('wasmtime', 'msgspec', 'ruamel'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Block())\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}

    def ran(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest_mockforge", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)

    done = ran("doctor")
    assert done.returncode == 1
    assert re.search(r"problem +direct path +the engine cannot be loaded: No module named 'msgspec'", done.stdout)
    assert "compilers and tools" in done.stdout
    assert done.stderr == ""
    other = ran("replay", "corpus", "--plugin=x")
    assert other.returncode == 2
    assert other.stderr.startswith("error: replay cannot be loaded: No module named ")
    assert other.stderr.endswith("  hint: python -m pytest_mockforge doctor\n")


@pytest.mark.parametrize(
    ("text", "name", "range_", "extra"),
    [
        ("pytest>=8.4", "pytest", ">=8.4", ""),
        ('hypothesis>=6.120; extra == "fuzz"', "hypothesis", ">=6.120", "fuzz"),
        ("wasmtime<51,>=45", "wasmtime", "<51,>=45", ""),
        ("pytest-mockforge[fuzz,remote]; extra == 'all'", "pytest-mockforge", "", "all"),
    ],
)
def test_a_requirement_is_read(text: str, name: str, range_: str, extra: str) -> None:
    wanted = parse_requirement(text)
    assert (wanted.name, wanted.range, wanted.extra) == (name, range_, extra)


@pytest.mark.parametrize(
    ("found", "wanted", "inside"),
    [("50.0.1", ">=45,<51", True), ("51", ">=45,<51", False), ("8.4", ">=8.4.0", True), ("8.3.9", ">=8.4", False)],
)
def test_a_version_is_held_against_a_range(found: str, wanted: str, inside: bool) -> None:
    assert within(found, wanted) is inside


def test_help_explains_itself_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    printed = capsys.readouterr().out
    assert "  python -m pytest_mockforge doctor --json" in printed
    assert "exit status: 0" in printed
