"""`python -m pytest_mockforge profile`: where the fuel of a plugin's samples goes, and what cannot be profiled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_mockforge.__main__ import main
from tests.answering import ADMITTED, DENIED, write_answering
from tests.conftest import ROOT, RUST

SAMPLE = "samples: [{name: s, operation: authenticate, request: {uri: /, query: {token: alpha}}}]\n"
COMPONENTS = ROOT / "fixtures" / "component"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def answering(folder: Path, reply: str) -> Path:
    (folder / "plugin.test.yaml").write_text(SAMPLE, "utf-8")
    return write_answering(folder / "mine.wat", authenticate=reply)


def test_the_costliest_functions_are_printed_by_operation_with_the_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", str(RUST), "--operation=authenticate", "--operation=query_datasource", "--top=2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r"[\d,.]+", "N", line) for line in lines if not line.startswith("  ")] == [
        "authenticate: N units of fuel",
        "query_datasource: N units of fuel",
        "rust: N of N functions were metN N%",
    ]
    assert lines[1] == "    self   total  function"
    assert re.fullmatch(r" +\d+\.\d%  +\d+\.\d%  \S.*", lines[2])
    assert len(lines) == 9


def test_collapsed_stacks_are_written_whose_weights_are_the_fuel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", str(RUST), "--operation=template_function", "--collapsed=out.txt"]) == 0
    lines = (tmp_path / "out.txt").read_text("utf-8").splitlines()
    assert all(re.fullmatch(r"(template_function|alloc|dealloc)(;[^;]+)* \d+", line) for line in lines)
    said = capsys.readouterr().out.splitlines()
    fuel = int(said[0].partition(": ")[2].split()[0].replace(",", ""))
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == pytest.approx(fuel, rel=0.01)
    assert said[-1] == f"wrote out.txt, {len(lines)} stacks"


def test_operations_without_an_accepted_sample_are_left_out_unless_they_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = str(answering(tmp_path, ADMITTED))
    assert main(["profile", plugin]) == 0
    assert capsys.readouterr().out.startswith("authenticate: ")
    assert main(["profile", plugin, "--operation=query_datasource"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: mine has no query_datasource that can be called",
        "  hint: it has authenticate",
    ]


def test_refusals_alone_are_not_profiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = str(answering(tmp_path, DENIED))
    assert main(["profile", plugin, "--collapsed=out.txt"]) == 1
    assert capsys.readouterr().err.startswith("error: mine: no operation has a sample that the plugin accepts\n")
    assert not (tmp_path / "out.txt").exists()
    assert main(["profile", plugin, "--operation=authenticate"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: mine: authenticate has no sample that the plugin accepts",
        "  hint: add one to plugin.test.yaml beside the plugin: refusals alone say little",
    ]


def test_a_service_is_not_started_and_says_that_it_has_no_fuel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plugin.yaml").write_text("id: service\n", "utf-8")
    (tmp_path / "plugin.test.yaml").write_text("start: {command: [touch, started]}\n", "utf-8")
    assert main(["profile", str(tmp_path)]) == 1
    assert "is a service, which uses no fuel that can be counted\n  hint: name the .wasm" in capsys.readouterr().err
    assert not (tmp_path / "started").exists()


def test_of_a_component_the_stacks_are_told_and_no_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", str(COMPONENTS / "echo.wat")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "template_function: 480 units of fuel"
    assert said[-1] == "echo: 3 functions were met"


def test_a_component_that_cannot_be_called_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", str(COMPONENTS / "wrong-type.wat")]) == 1
    assert capsys.readouterr().err.startswith("error: wrong-type: no operation of the component can be called, see ")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["none.wasm"], 2, "error: 'none.wasm' does not exist"),
        (["bad.wasm"], 1, "error: the file is no WebAssembly module"),
        ([str(RUST), "--collapsed=none/out.txt"], 2, "error: the file 'none/out.txt' cannot be written: none does not"),
        ([str(RUST), "--collapsed=."], 2, "error: the file '.' cannot be written: it is no file"),
        ([str(RUST), "--fuel=much"], 2, "error: --fuel: "),
    ],
)
def test_misuse_is_an_error_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    (tmp_path / "bad.wasm").write_bytes(b"no module")
    assert main(["profile", *words]) == status
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("words", [["--operation=login"], ["--points=0"], ["--top=many"]])
def test_wrong_words_are_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["profile", str(RUST), *words])
    assert ended.value.code == 2
    assert words[0].partition("=")[0] in capsys.readouterr().err


def test_names_of_a_module_do_not_act_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = answering(tmp_path, ADMITTED)
    text = plugin.read_text("utf-8")
    loop = (
        "(local $n i32) (local.set $n (i32.const 500)) (loop $l (local.set $n (i32.sub (local.get $n) (i32.const 1)))"
    )
    spinning = f'(func $s (@name "\\1b[31mred;\\0a") {loop} (br_if $l (local.get $n))))'
    text = text.replace("(module\n", f"(module {spinning}\n", 1).replace(
        "(result i32 i32) (i32.const", "(result i32 i32) (call $s) (i32.const", 1
    )
    plugin.write_text(text, "utf-8")
    assert main(["profile", str(plugin), "--collapsed=out.txt"]) == 0
    for said in (capsys.readouterr().out, (tmp_path / "out.txt").read_text("utf-8")):
        assert "[31mred" in said
        assert {char for char in said if not char.isprintable()} == {"\n"}
