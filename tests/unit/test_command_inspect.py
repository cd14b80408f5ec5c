"""`python -m pytest_mockforge inspect`: modules, components, folders and broken files, as lines and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_mockforge.__main__ import main
from tests.conftest import ROOT, RUST
from tests.hostile_cases import wasm_bytes, write_wasm

COMPONENT = ROOT / "fixtures" / "component" / "error.wat"
ASSEMBLYSCRIPT = ROOT / "fixtures" / "reference" / "assemblyscript" / "plugin.wasm"


@pytest.fixture(autouse=True)
def caches(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def inspected(file: Path, capsys: pytest.CaptureFixture[str], status: int = 0) -> dict[str, Any]:
    assert main(["inspect", str(file), "--json"]) == status
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["schema"] == "pytest-mockforge-inspect/1"
    return said


def test_a_module_is_told_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(RUST / "plugin.wasm")]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{RUST / 'plugin.wasm'}: a core module, 165.8 KiB (169,784 bytes)\n")
    for line in (
        r"  language     rust: producers: processed-by 'rustc [\d.]+'; .*",
        r"  detection    MockForge takes it for rust: it bears no mark of TinyGo or AssemblyScript",
        r"  operations   authenticate \(multi-value\), .*",
        r"  allocator    alloc, release dealloc",
        r"  adapter  accepted",
        r"  runtime  refused",
        r"             exports init and process are missing",
        r"  parser A  loader, CLI and admin UI     accepts",
        r"  function  authenticate       \(i32, i32\) -> \(i32, i32\)",
        r"imports \(0\)",
        r"  custom 'producers'        at 169,697  54 B",
    ):
        assert re.search(f"^{line}$", out, re.MULTILINE), line


def test_json_holds_the_same_and_more(capsys: pytest.CaptureFixture[str]) -> None:
    said = inspected(RUST / "plugin.wasm", capsys)
    assert said["kind"] == "module"
    assert said["problem"] is None
    assert said["language"]["name"] == "rust"
    assert said["exports"][1] == {"name": "authenticate", "kind": "function", "type": "(i32, i32) -> (i32, i32)"}
    assert said["calls"]["convention"] == "multi-value"
    assert said["memories"] == [
        {"imported": None, "minimum": 17 * 65536, "maximum": None, "shared": False, "is64": False}
    ]
    assert sum(section["size"] for section in said["sections"]) < said["size"] == 169_784
    assert [host["host"] for host in said["hosts"]] == ["adapter", "runtime", "loader", "sandbox"]
    assert said["hosts"][1]["objections"][0]["refuses"] is True
    assert [parser["parser"] for parser in said["manifest"]["parsers"]] == ["A", "B", "C", "D", "E"]


def test_a_folder_means_its_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert inspected(RUST, capsys)["file"] == str(RUST / "plugin.wasm")


def test_imports_have_their_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = inspected(write_wasm("imported-abort", tmp_path), capsys)
    assert said["imports"][0]["module"] == "env"
    assert said["imports"][0]["name"] == "abort"
    assert said["imports"][0]["type"].startswith("(i32")


def test_what_adapt_would_mend_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(ASSEMBLYSCRIPT)]) == 0
    out = capsys.readouterr().out
    assert "  adapt        would wrap authenticate (packed-i64), template_function (packed-i64)" in out
    assert re.search(r"adapter  not callable\n +authenticate is exported with another type than the host calls", out)


def test_a_component_is_told_with_its_exports_and_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(COMPONENT)]) == 0
    out = capsys.readouterr().out
    assert f"{COMPONENT}: a component, 529 B" in out
    assert "  operations  authenticate (component), template_function (component)" in out
    assert "  contents    1 core module\n" in out
    assert "  function  template-function\n" in out
    assert "adapter  refused\n             the file is a component, not a core module\n" in out


def test_a_component_that_cannot_be_called_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    said = inspected(ROOT / "fixtures" / "component" / "wrong-type.wat", capsys)
    assert said["kind"] == "component"
    assert said["calls"]["operations"] == {}
    assert "is exported as func(" in said["notes"][0]


@pytest.mark.parametrize(
    ("name", "detail", "cause"),
    [
        ("truncated", "truncated", "the module is malformed at byte 35: the code section (id 10) claims 16 bytes"),
        ("html-error-page", "html", "the file holds HTML or XML, not a binary WebAssembly module"),
        ("empty", "empty", "the file is empty"),
        ("four-billion-exports", "count-too-large", "the module is malformed at byte 10"),
        ("invalid-body", "compile:type-mismatch", "the module does not compile"),
    ],
)
def test_a_broken_file_names_the_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, detail: str, cause: str
) -> None:
    path = write_wasm(name, tmp_path)
    assert main(["inspect", str(path)]) == 1
    printed = capsys.readouterr()
    assert re.search(rf"^  broken +{re.escape(cause)}", printed.out, re.MULTILINE)
    assert printed.err.startswith(f"error: {cause}")
    said = inspected(path, capsys, status=1)
    assert said["problem"]["message"].startswith(cause)
    assert said["problem"]["detail"] == detail


def test_of_a_module_that_was_cut_off_the_sections_before_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = inspected(write_wasm("truncated", tmp_path), capsys, status=1)
    assert said["kind"] == "unreadable"
    assert [section["name"] for section in said["sections"]] == ["type", "function", "memory", "export"]


def test_nothing_of_a_file_reaches_the_terminal_raw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a\x1b[31m.wasm"
    path.write_bytes(wasm_bytes("control-characters-in-names"))
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "auth\\x1b[31menticate\\x07" in out
    assert "\x1b" not in out
    assert "\x07" not in out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["inspect", str(path)]) == 0
    assert "\x1b[32maccepted\x1b[0m" in capsys.readouterr().out


def test_long_lists_are_cut_unless_all_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exports = "".join(f'(func (export "f{number}"))' for number in range(60))
    path = tmp_path / "many.wat"
    path.write_text(f'(module (memory (export "memory") 1) {exports})')
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "exports (61)\n" in out
    assert "  … and 21 more; --all lists them\n" in out
    assert main(["inspect", str(path), "--all"]) == 0
    assert "  function  f59     () -> ()\n" in capsys.readouterr().out


def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plugin.wasm").write_bytes((RUST / "plugin.wasm").read_bytes())
    (tmp_path / "plugin.yaml").write_text("a: [")
    assert main(["inspect", str(tmp_path)]) == 0
    assert re.search(r"^manifest\n  unreadable  .*plugin.yaml:", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("missing.wasm", "error: 'missing.wasm' does not exist"),
        ("http://127.0.0.1:1", "error: 'http://127.0.0.1:1' is the address of a service"),
        (str(ROOT / "fixtures" / "reference" / "python-http"), "is the folder of a service, which has no module"),
    ],
)
def test_what_is_no_file_of_a_module_is_a_usage_error(
    word: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", word]) == 2
    assert reason in capsys.readouterr().err


def test_help_explains_itself_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["inspect", "--help"])
    printed = capsys.readouterr().out
    assert "  python -m pytest_mockforge inspect plugin.wasm --json" in printed
    assert "exit status: 0" in printed
