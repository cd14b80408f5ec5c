"""`python -m pytest_mockforge init`: which plugin it finds, what it merges, what it asks, and what it writes.

The run of pytest at its end is a real one, with the checks of the suite left out; `tests/plugin/test_init.py` has them.
"""

from __future__ import annotations

import io
import shutil
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import wasmtime

from pytest_mockforge.__main__ import main
from pytest_mockforge.commands.init.folder import Found, find_plugin
from pytest_mockforge.commands.init.merging import configuration
from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.documents.yaml12 import load
from pytest_mockforge.errors import DocumentError, SpecError
from tests.answering import ADMITTED, DENIED, ROWS, write_answering
from tests.conftest import RUST
from tests.hostile_cases import write_wasm

MANIFEST = (RUST / "plugin.yaml").read_text("utf-8")
ENDPOINT = f"{MANIFEST}remote: {{protocol: http, endpoint: 'http://127.0.0.1:9'}}\n"
APP = "from fastapi import FastAPI\napp = FastAPI()\n"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, cache: Path, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--mockforge-checks=none -p no:cacheprovider")
    for name in ("CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    (tmp_path / "plugin").mkdir()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "plugin"


class Terminal(io.StringIO):
    """A keyboard, or a screen, that says that it is one."""

    def isatty(self) -> bool:
        return True


def typing(monkeypatch: pytest.MonkeyPatch, *answers: str) -> Terminal:
    """Sit at a terminal that gives these answers; what it shows is in what this gives."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal("".join(f"{answer}\n" for answer in answers)))
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("NO_COLOR", "1")
    return screen


def answering(folder: Path, name: str = "plugin", **replies: str) -> Path:
    """Build a module that gives these replies."""
    text = write_answering(folder / "text.wat", **(replies or {"authenticate": ADMITTED, "query_datasource": ROWS}))
    (folder / f"{name}.wasm").write_bytes(wasmtime.wat2wasm(text.read_text()))
    text.unlink()
    return folder / f"{name}.wasm"


def names(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if "__pycache__" not in name}


def nobody(_question: str, _names: object) -> None:
    return None


def find(folder: Path) -> Found:
    return find_plugin(folder, nobody)


# Which plugin.


def test_a_module_alone_is_named_by_its_file(folder: Path) -> None:
    answering(folder, "auth")
    assert find(folder).spec == "auth.wasm"


def test_a_folder_with_a_manifest_is_named_as_a_whole(folder: Path) -> None:
    answering(folder, "auth")
    (folder / "plugin.yaml").write_text(MANIFEST)
    found = find(folder)
    assert (found.spec, found.what, found.runs) == (".", "auth.wasm", "module")


def test_plugin_wasm_goes_before_other_modules(folder: Path) -> None:
    answering(folder)
    answering(folder, "older")
    assert find(folder).what == "plugin.wasm"


def test_two_modules_are_both_named_and_one_is_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answering(folder, "one")
    answering(folder, "two")
    before = names(folder)
    assert main(["init", str(folder), "--yes"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: {folder} holds 2 plugins",
        "  expected: one",
        "  got: one.wasm, two.wasm",
        f"  hint: name one: python -m pytest_mockforge init {folder / 'one.wasm'}",
    ]
    assert names(folder) == before
    assert find(folder / "two.wasm").spec == "two.wasm"


def test_at_a_terminal_one_of_two_is_chosen(folder: Path) -> None:
    answering(folder, "one")
    answering(folder, "two")
    asked: list[str] = []

    def choose(question: str, of: object) -> str:
        asked.append(f"{question} {of}")
        return "two.wasm"

    assert find_plugin(folder, choose).spec == "two.wasm"
    assert asked == [f"{folder} holds 2 plugins; which one? ['one.wasm', 'two.wasm']"]


def test_a_module_beside_a_service_is_two_plugins(folder: Path) -> None:
    answering(folder)
    (folder / "plugin.yaml").write_text(ENDPOINT)
    with pytest.raises(SpecError, match="holds 2 plugins") as caught:
        find(folder)
    assert caught.value.got == "plugin.wasm, the service at http://127.0.0.1:9"


def test_a_folder_without_a_plugin_says_what_it_looked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "notes.txt").touch()
    assert main(["init", str(folder), "--yes"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: there is no plugin in {folder}\n  expected: a plugin.yaml, a .wasm, or a service")
    assert "  got: 'notes.txt'\n" in error
    assert names(folder) == {"notes.txt"}


def test_a_plugin_in_a_folder_within_is_pointed_to(folder: Path) -> None:
    (folder / "built").mkdir()
    answering(folder / "built")
    with pytest.raises(SpecError) as caught:
        find(folder)
    assert caught.value.hint == f"name its folder: python -m pytest_mockforge init {folder / 'built'}"


@pytest.mark.parametrize(("name", "what"), [("missing", "does not exist"), ("plugin/a.txt", "is no module")])
def test_a_place_that_is_no_folder_of_a_plugin_is_named(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "plugin" / "a.txt").touch()
    with pytest.raises(SpecError, match=what):
        find(tmp_path / name)


def test_a_manifest_without_module_or_service_says_to_build(folder: Path) -> None:
    (folder / "plugin.yaml").write_text(MANIFEST)
    with pytest.raises(SpecError, match="neither a module nor a service"):
        find(folder)


@pytest.mark.parametrize(("name", "text"), [("plugin.yaml", "a: ["), ("plugin.test.yaml", "samples: 1")])
def test_a_document_that_cannot_be_read_stops_it(folder: Path, name: str, text: str) -> None:
    answering(folder)
    (folder / name).write_text(text)
    with pytest.raises(DocumentError, match=name):
        find(folder)


def test_an_app_is_found_by_reading_it(folder: Path) -> None:
    (folder / "main.py").write_text(APP + "raise SystemExit('imported')\n")
    found = find(folder)
    assert (found.spec, found.runs, found.protocol) == ("asgi:main:app", "python", "http")


def test_a_python_file_without_a_framework_is_no_app(folder: Path) -> None:
    (folder / "app.py").write_text("app = 1\n")
    with pytest.raises(SpecError, match="no plugin"):
        find(folder)


def test_a_service_with_a_manifest_is_started_by_a_command(folder: Path) -> None:
    pytest.importorskip("uvicorn")
    (folder / "app.py").write_text(APP)
    (folder / "plugin.yaml").write_text(ENDPOINT)
    found = find(folder)
    assert found.start is not None
    assert found.start.command == ("{python}", "-m", "uvicorn", "app:app", "--port", "{port}")


@pytest.mark.parametrize(
    ("package", "files", "command"),
    [
        ('{"scripts": {"start": "node x.js"}}', (), ("npm", "start")),
        ('{"main": "service.js"}', ("service.js",), ("node", "service.js")),
        ("{}", ("server.js",), ("node", "server.js")),
    ],
)
def test_a_service_on_node_is_started_as_its_package_says(
    folder: Path, package: str, files: tuple[str, ...], command: tuple[str, ...]
) -> None:
    (folder / "plugin.yaml").write_text(ENDPOINT)
    (folder / "package.json").write_text(package)
    for name in files:
        (folder / name).touch()
    found = find(folder)
    assert found.start is not None
    assert (found.start.command, found.runs) == (command, "node")


def test_what_plugin_test_yaml_says_of_a_service_goes_first(folder: Path) -> None:
    (folder / "plugin.yaml").write_text(ENDPOINT)
    (folder / "app.py").write_text(APP)
    (folder / "plugin.test.yaml").write_text("start: {command: [./serve, '{port}'], protocol: grpc}\n")
    found = find(folder)
    assert found.start is not None
    assert (found.start.command, found.protocol) == (("./serve", "{port}"), "grpc")


# The configuration of pytest.


def test_without_any_a_pytest_ini_is_written(folder: Path) -> None:
    config = configuration(folder, ".", commands=True)
    assert (config.path, config.action) == (folder / "pytest.ini", "write")
    assert "mockforge_plugins = .\n" in config.text
    assert "mockforge_allow_commands = true\n" in config.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[project]\nname = "x"\n',
        '[tool.pytest.ini_options]\naddopts = "-ra"  # kept\n\n[tool.other]\na = 1\n',
        "[tool.pytest.ini_options]  # here\r\nxfail_strict = true\r\n",
    ],
)
def test_a_pyproject_toml_keeps_all_that_it_says(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_bytes(text.encode())
    config = configuration(folder, "a b.wasm", commands=False)
    assert config.action == "merge"
    options = tomllib.loads(config.text)["tool"]["pytest"]["ini_options"]
    assert options.pop("mockforge_plugins") == ["a b.wasm"]
    assert options == tomllib.loads(text).get("tool", {}).get("pytest", {}).get("ini_options", {})
    assert all(line in config.text.splitlines() for line in text.splitlines())
    assert "\r" not in text or "\n" not in config.text.replace("\r\n", "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\naddopts =\n    -ra\n    -x\n; kept\n[other]\na = 1\n"),
        ("pytest.ini", ""),
        (".pytest.ini", "[pytest]\n"),
        ("tox.ini", "[tox]\nenvlist = py311\n[pytest]\ntestpaths = t\n"),
        ("setup.cfg", "[tool:pytest]\ntestpaths = t"),
    ],
)
def test_an_ini_file_keeps_all_that_it_says(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\n')
    config = configuration(folder, ".", commands=False)
    assert (config.path.name, config.action) == (name, "merge")
    assert "\nmockforge_plugins = .\n" in config.text
    assert all(line in config.text.splitlines() for line in text.splitlines())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options\n"),
        ("pyproject.toml", "[tool]\npytest.ini_options = {addopts = '-ra'}\n# [tool.pytest\n"),
        ("pyproject.toml", "[tool.pytest]\naddopts = ['-ra']\n"),
        ("pyproject.toml", "x = '''\n[tool.pytest.ini_options]\n'''\n[tool.pytest.ini_options]\n"),
        ("pytest.toml", "[pytest]\n"),
        ("pytest.ini", "no section\n"),
        ("pytest.ini", "[pytest]\na = 1\na = 2\n"),
    ],
)
def test_what_cannot_be_changed_safely_is_left_to_the_user(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    config = configuration(folder, ".", commands=False)
    assert (config.path.name, config.action, config.text) == (name, "advise", "")
    assert any(line.startswith("mockforge_plugins = ") for line in config.lines)
    assert config.reason


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\nmockforge_plugins = x.wasm\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\nmockforge_plugins = ["x.wasm"]\n'),
        ("pyproject.toml", '[tool.pytest]\nmockforge_plugins = ["x.wasm"]\n'),
        ("pytest.toml", '[pytest]\nmockforge_plugins = ["x.wasm"]\n'),
    ],
)
def test_what_names_plugins_already_is_kept(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert configuration(folder, ".", commands=False).action == "keep"


# Files that are there already.


def test_without_a_terminal_nothing_is_written_where_something_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(folder)
    (folder / "plugin.test.yaml").write_text("stateful: false\n")
    (folder / "pyproject.toml").write_text("")
    before = names(folder)
    assert main(["init", str(folder)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: {folder / 'plugin.test.yaml'} is there already, and so are 1 more files",
        f"  got: {folder / 'plugin.test.yaml'}, {folder / 'pyproject.toml'}",
        "  hint: --yes writes what is new and overwrites nothing; on a terminal, each file is asked about",
    ]
    assert names(folder) == before


def test_in_a_folder_with_other_files_nobody_has_to_be_asked(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answering(folder)
    (folder / "README").touch()
    assert main(["init", str(folder)]) == 0
    assert names(folder) == {
        "README",
        "plugin.wasm",
        "plugin.test.yaml",
        "test_plugin.py",
        "pytest.ini",
        ".github/workflows/mockforge-plugin.yml",
    }
    out = capfd.readouterr().out
    assert f"✓ wrote {folder / 'plugin.test.yaml'}: 6 samples, 2 budgets\n" in out
    assert "2 passed" in out
    assert out.endswith("✓ pytest passes; run it again with: pytest\n")


def test_yes_keeps_what_is_there_to_the_byte_and_adds_where_that_is_safe(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answering(folder)
    kept = {"plugin.test.yaml": "# mine\nstateful: true\n", "test_plugin.py": "def test_mine(): pass\n"}
    for name, text in kept.items():
        (folder / name).write_text(text)
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\nxfail_strict = true\n")
    assert main(["init", str(folder), "--yes"]) == 0
    assert {name: (folder / name).read_text() for name in kept} == kept
    assert "xfail_strict = true" in (folder / "pyproject.toml").read_text()
    assert not (folder / "pytest.ini").exists()
    out = capfd.readouterr().out
    assert f"! kept {folder / 'plugin.test.yaml'}, which is there already\n" in out
    assert f"! samples to add to {folder / 'plugin.test.yaml'}, all of them tried:\n    samples:\n" in out
    assert f"! budgets to add to {folder / 'plugin.test.yaml'}, a quarter above what was measured:\n" in out
    assert "    budgets:\n      - authenticate: fuel.max<" in out
    assert f"✓ added to {folder / 'pyproject.toml'}: which plugin is tested\n" in out
    assert "1 passed" in out


def test_at_a_terminal_each_file_is_asked_about(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    answering(folder)
    (folder / "plugin.test.yaml").write_text("stateful: true\n")
    (folder / "test_plugin.py").write_text("# mine\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    screen = typing(monkeypatch, "", "y", "n")
    assert main(["init", str(folder)]) == 0
    shown = screen.getvalue()
    assert f"? {folder / 'plugin.test.yaml'} is there already; overwrite it? [y/N] " in shown
    assert f"· to {folder / 'pytest.ini'} would be added\n" in shown
    assert "    mockforge_plugins = plugin.wasm\n? add it? [Y/n] " in shown
    assert f"! add to {folder / 'pytest.ini'} by hand\n" in shown
    assert (folder / "plugin.test.yaml").read_text() == "stateful: true\n"
    assert "def test_authenticate_admits" in (folder / "test_plugin.py").read_text()
    assert (folder / "pytest.ini").read_text() == "[pytest]\n"
    # What no file says yet was given as an option.
    assert "2 passed" in capfd.readouterr().out


def test_a_link_that_leads_nowhere_counts_as_there(folder: Path) -> None:
    answering(folder)
    (folder / "test_plugin.py").symlink_to("elsewhere.py")
    assert main(["init", str(folder)]) == 2
    assert not (folder / "elsewhere.py").exists()


def test_a_file_in_the_place_of_a_folder_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answering(folder)
    (folder / ".github").touch()
    assert main(["init", str(folder)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {folder / '.github'}")


# What is written.


def test_samples_hold_and_budgets_lie_a_quarter_above(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answering(folder, authenticate=ADMITTED, template_function="41.5", query_datasource=ROWS)
    assert main(["init", str(folder)]) == 0
    written = read_testfile(folder / "plugin.test.yaml")
    assert {sample.outcome for sample in written.samples} == {"accepted"}
    by_operation = {sample.operation.value: sample.reply for sample in written.samples}
    assert by_operation == {
        "authenticate": {"authenticated": True, "identity": {"user_id": "u-1"}},
        "template_function": 41.5,
        "query_datasource": {"total_count": 1, "columns": [{"name": "id"}, {"name": "name"}]},
    }
    lines = [line for line in (folder / "plugin.test.yaml").read_text().splitlines() if "# measured: " in line]
    assert len(lines) == len(written.budgets) == 3
    for budget, line in zip(written.budgets, lines, strict=True):
        measured = int(line.rpartition(" ")[2].replace(",", ""))
        assert measured * 1.25 <= budget.bound.value < measured * 1.4
    assert "3 passed" in capfd.readouterr().out


def test_an_operation_that_only_refuses_has_a_sample_that_says_so_and_no_budget(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answering(folder, authenticate=DENIED)
    assert main(["init", str(folder)]) == 0
    written = read_testfile(folder / "plugin.test.yaml")
    assert [sample.outcome for sample in written.samples] == ["refused"]
    assert written.budgets == ()
    text = (folder / "plugin.test.yaml").read_text()
    assert "  # authenticate accepted none of our requests" in text
    assert "assert not reply.authenticated" in (folder / "test_plugin.py").read_text()
    assert "! authenticate accepted 0 of 13 requests\n" in capfd.readouterr().out


def test_the_job_caches_packages_alone_and_has_the_gate(folder: Path) -> None:
    answering(folder)
    assert main(["init", str(folder)]) == 0
    text = (folder / ".github" / "workflows" / "mockforge-plugin.yml").read_text()
    assert "          cache: pip\n" in text
    assert "actions/cache" not in text
    assert ".cache" not in text
    assert "pytest --mockforge-strict-budgets" in text
    assert f'"wasmtime=={version("wasmtime")}"' in text
    read = load(folder / ".github" / "workflows" / "mockforge-plugin.yml").value
    assert isinstance(read, dict)
    assert list(read) == ["name", "on", "permissions", "jobs"]


def test_in_a_repository_the_job_stands_at_its_root(tmp_path: Path, folder: Path) -> None:
    (tmp_path / ".git").mkdir()
    answering(folder)
    assert main(["init", str(folder)]) == 0
    text = (tmp_path / ".github" / "workflows" / "mockforge-plugin.yml").read_text()
    assert 'run: {working-directory: "plugin"}' in text
    assert 'cache-dependency-path: ".github/workflows/mockforge-plugin.yml"' in text
    assert not (folder / ".github").exists()


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("truncated", "error: the module is malformed at byte 35"),
        ("invalid-body", "error: the module does not compile"),
        ("no-operations", "error: plugin cannot be called: no operation can be called, see MF106"),
    ],
)
def test_a_plugin_that_cannot_be_called_ends_it_before_anything_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], case: str, reason: str
) -> None:
    shutil.move(write_wasm(case, folder), folder / "plugin.wasm")
    assert main(["init", str(folder), "--yes"]) == 1
    assert capsys.readouterr().err.startswith(reason)
    assert names(folder) == {"plugin.wasm"}


def test_a_run_that_does_not_pass_is_its_exit_status(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answering(folder)
    (folder / "test_plugin.py").write_text("def test_mine():\n    assert False\n")
    assert main(["init", str(folder), "--yes"]) == 1
    assert "✗ pytest fails; each finding above says what mends it\n" in capfd.readouterr().out


def test_a_command_is_not_run_unasked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "plugin.yaml").write_text(ENDPOINT)
    (folder / "package.json").write_text('{"scripts": {"start": "touch ran"}}')
    assert main(["init", str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: the service has to be started, which was not allowed\n  got: npm start\n")
    assert not (folder / "ran").exists()


def test_a_service_that_nobody_starts_is_told_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("httpcore")
    (folder / "plugin.yaml").write_text(ENDPOINT)
    assert main(["init", str(folder), "--yes"]) == 1
    assert "http://127.0.0.1:9" in capsys.readouterr().err
    assert names(folder) == {"plugin.yaml"}


def test_nothing_of_a_folders_name_reaches_the_terminal_raw(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = tmp_path / "a\x1bcb"
    odd.mkdir()
    answering(odd, "auth")
    assert main(["init", str(odd)]) == 0
    head = capfd.readouterr().out.partition("running pytest")[0]
    assert "\x1b" not in head


def test_help_explains_itself_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["init", "--help"])
    printed = capsys.readouterr().out
    assert "  python -m pytest_mockforge init plugins/auth --yes" in printed
    assert "exit status: 0 done, and pytest passed" in printed
