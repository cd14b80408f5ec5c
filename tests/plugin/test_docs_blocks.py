"""Every block of the documentation that can run is run, page by page, from the top to the end as a reader does it."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT, RUST
from tests.docs_blocks import MARKS, Reader, blocks_of, likened, needs_of
from tests.hostile_cases import write_wasm

FOLLOWED = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
PAGES = ["README.md", *FOLLOWED]
LEFT_OUT = {
    "docs/budgets.md": 2,
    "docs/fuzzing.md": 2,
    "docs/snapshots.md": 2,
    "docs/how-to/watch.md": 1,
    "docs/how-to/grpc.md": 1,
    "docs/tutorials/go.md": 1,
    "docs/tutorials/python.md": 1,
    "docs/tutorials/rust.md": 1,
}
"""How many blocks of a page are not run, each with its reason on the page."""
LANGUAGES = ("sh", "python", "pycon", "yaml", "json", "toml", "ini", "text", "rust", "go", "javascript", "typescript")
A_TEST = """
def test_upper(mockforge_plugin):
    assert mockforge_plugin.template_function("upper", "abc") == "ABC"
"""
A_RECORDING = """{"format":"mockforge-recording","version":1,"made_by":{}}
{"test":"test_it.py::test_upper[rust]","plugin":"rust","operation":"template_function","dialect":"host",\
"request":{"function_name":"upper","args":["xyz"]},"outcome":"reply","accepted":true,"reply":{"json":"XYZ"},"fresh":true}
"""
TINYGO = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-mockforge-tinygo"


def run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def rust() -> dict[str, str] | str:
    version = re.match(r"rustc 1\.(\d+)", run("rustc", "--version"))
    target = Path(run("rustc", "--print", "sysroot") or "/nowhere") / "lib/rustlib/wasm32-unknown-unknown"
    fine = version and int(version[1]) >= 80 and target.is_dir() and shutil.which("cargo")
    return {} if fine else "Rust 1.80 or later with cargo and the target wasm32-unknown-unknown"


def tinygo() -> dict[str, str] | str:
    if run("tinygo", "version"):
        return {}
    # Where fixtures/reference/tinygo/build keeps the one that it builds.
    kept = sorted(TINYGO.glob("*/bin/tinygo"))
    return {"TINYGOROOT": str(kept[-1].parent.parent)} if kept else "TinyGo"


def node() -> dict[str, str] | str:
    return {} if shutil.which("node") and shutil.which("npm") else "Node.js with npm"


def package(name: str) -> dict[str, str] | str:
    return {} if find_spec(name) else name


NEEDS: dict[str, Callable[[], dict[str, str] | str]] = {
    "rust": rust,
    "tinygo": tinygo,
    "node": node,
    "fastapi": functools.partial(package, "fastapi"),
    "grpc": functools.partial(package, "grpc"),
    "grpc_tools": functools.partial(package, "grpc_tools"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a page finds: the Rust reference plugin, and the other files that pages name."""
    for name in ("plugin.wasm", "plugin.yaml", "plugin.test.yaml"):
        shutil.copy(RUST / name, tmp_path / name)
    for name in ("plugins/auth", "old", "new"):
        (tmp_path / name).mkdir(parents=True)
        shutil.copy(RUST / "plugin.wasm", tmp_path / name / "plugin.wasm")
    shutil.copy(RUST / "plugin.yaml", tmp_path / "plugins" / "auth" / "plugin.yaml")
    shutil.copytree(ROOT / "example_tests" / "tickets", tmp_path / "tickets")
    write_wasm("packed-i64", tmp_path).rename(tmp_path / "in.wasm")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "traffic.jsonl").write_text(A_RECORDING, "utf-8")
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in FOLLOWED if blocks_of(page)])
def test_a_reader_who_does_what_the_page_says_gets_what_it_shows(page: str, folder: Path, cache: Path) -> None:
    extra: dict[str, str] = {}
    for name in needs_of(page):
        found = NEEDS[name]()
        if isinstance(found, str):
            pytest.skip(f"{page} needs {found}")
        extra |= found
    if "test_it.py" in (ROOT / page).read_text("utf-8"):
        (folder / "test_it.py").write_text(A_TEST, "utf-8")
    complaints = Reader(folder=folder, cache=cache, extra=extra).follow(page)
    assert complaints == [], "\n\n".join(complaints)


def test_each_block_of_the_readme_has_its_own_test() -> None:
    # Its two commands install the package: `.ci/run` runs them. The rest is in test_readme.py, block by block.
    counts = Counter(block.language for block in blocks_of("README.md"))
    assert counts == {"sh": 2, "text": 2, "python": 1, "yaml": 2}


@pytest.mark.parametrize("page", PAGES)
def test_each_block_says_what_it_is_in_words_that_are_known(page: str) -> None:
    for block in blocks_of(page):
        assert block.language in LANGUAGES, f"{block.where} is {block.language or 'of no language'}"
        assert set(block.marks) - {"generated", "end"} <= set(MARKS), f"{block.where}: {dict(block.marks)}"
        assert len(block.marks.get("not run", "four words would do").split()) >= 4, f"{block.where} does not say why"
    assert set(needs_of(page)) <= set(NEEDS)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_left_out_is_counted(page: str) -> None:
    left_out = [block.where for block in blocks_of(page) if "not run" in block.marks]
    assert len(left_out) == LEFT_OUT.get(page, 0), left_out


@pytest.mark.parametrize("page", PAGES)
def test_what_is_left_out_can_be_read_as_what_it_is(page: str) -> None:
    for block in blocks_of(page):
        if "not run" in block.marks and block.language == "sh":
            assert not subprocess.run(["bash", "-n", "-c", block.text], capture_output=True, check=False).stderr
        if "not run" in block.marks and block.language == "python":
            compile(block.text, block.where, "exec")


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_in_an_indented_block(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"^ {4,}(?:pytest|python|pip|npm|\$) .*", text, re.MULTILINE) == []


def test_a_line_that_is_shown_and_not_printed_is_a_complaint(tmp_path: Path) -> None:
    reader = Reader(folder=tmp_path, cache=tmp_path, printed="one 1\nfour 4.5s\nthree\n")
    block = blocks_of("docs/tutorials/rust.md")[0]
    shown = replace(block, language="text", marks={"prints": ""})
    assert reader.do(replace(shown, text="one 7\nthree\n")) == ""
    assert reader.do(replace(shown, text="fo…\nthree\n")) == ""
    assert reader.do(replace(shown, text="three\none 1\n")).startswith("not printed: 'one N'")


def test_a_command_that_ends_otherwise_than_told_is_a_complaint(tmp_path: Path) -> None:
    reader = Reader(folder=tmp_path, cache=tmp_path)
    block = blocks_of("docs/tutorials/rust.md")[0]
    told = reader.do(replace(block, text="echo seen; exit 3\n", language="sh", marks={}))
    assert told == "exit status 3, expected 0\necho seen; exit 3\n\nseen\n"
    assert reader.do(replace(block, text="exit 3\n", language="sh", marks={"ends with": "3"})) == ""


def test_commands_share_their_folder_and_variables(tmp_path: Path) -> None:
    reader = Reader(folder=tmp_path, cache=tmp_path)
    block = blocks_of("docs/tutorials/rust.md")[0]
    assert reader.do(replace(block, text="mkdir inner && cd inner\nexport SAID='a b'\n", language="sh", marks={})) == ""
    assert reader.do(replace(block, text="x = 1\n", language="python", marks={"file": "deep/x.py"})) == ""
    assert reader.do(replace(block, text='cat deep/x.py; echo "$SAID"\n', language="sh", marks={})) == ""
    assert likened(reader.printed) == ["x = N", "a b"]


def test_a_test_file_of_a_plugin_that_cannot_be_read_is_a_complaint(tmp_path: Path) -> None:
    block = blocks_of("docs/tutorials/rust.md")[0]
    wrong = replace(block, text="sample: []\n", language="yaml", marks={})
    assert "DocumentError" in Reader(folder=tmp_path, cache=tmp_path).do(wrong)
