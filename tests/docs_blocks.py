"""The blocks of a page of the documentation, and a reader who does what the page says, from its top to its end.

What a block is follows from the language behind its fence. A comment in the line above may say more:

    <!-- file: app.py -->            the block is that file; without it a block of Python is run at once
    <!-- not run: why -->            the one way to leave a block out
    <!-- ends with: 1 -->            the exit status, where it is not 0
    <!-- prints -->                  the block before prints these lines, in this order, figures and dots aside
    <!-- plugin: fixtures/… -->      the plugin that a block of tests is run over, from the root of the repository
    <!-- run with: --x -->           options for pytest, which runs a block of tests
    <!-- needs: tinygo -->           of the whole page, what it cannot be followed without

Knows nothing of Sphinx.
"""

from __future__ import annotations

import configparser
import doctest
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_mockforge.documents import yaml12
from pytest_mockforge.documents.accepted import read_accept_file
from pytest_mockforge.documents.manifest import read_manifest
from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.errors import DocumentError

ROOT = Path(__file__).parent.parent
MARKS = ("file", "not run", "ends with", "prints", "plugin", "run with", "needs")
SHOWN = ("text",)
"""What is there to be looked at: held against what runs where it says so."""
_COMMENT = re.compile(r"\s*<!-- (?P<key>[a-z ]+?)(?:: (?P<value>.+?))? -->\s*")
_FENCE = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,})(?P<language>\S*)\s*")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    text: str
    marks: Mapping[str, str]

    @property
    def where(self) -> str:
        """Where it stands, for a person."""
        return f"{self.page}:{self.line}"


def blocks_of(page: str) -> tuple[Block, ...]:
    """Read the blocks of a page; directives of Sphinx are none."""
    lines = (ROOT / page).read_text("utf-8").splitlines()
    return tuple(block for block in _blocks(page, lines) if not block.language.startswith("{"))


def needs_of(page: str) -> tuple[str, ...]:
    """Name what the page cannot be followed without."""
    found = re.findall(r"^<!-- needs: (.+) -->$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    return tuple(name.strip() for one in found for name in one.split(","))


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    marks: dict[str, str] = {}
    at = 0
    while at < len(lines):
        if opening := _FENCE.fullmatch(lines[at]):
            closing = f"{opening['indent']}{opening['fence']}"
            end = next(index for index in range(at + 1, len(lines)) if lines[index].rstrip() == closing)
            text = "\n".join(line.removeprefix(opening["indent"]) for line in lines[at + 1 : end])
            yield Block(page=page, line=at + 1, language=opening["language"], text=f"{text}\n", marks=marks)
            marks, at = {}, end
        elif comment := _COMMENT.fullmatch(lines[at]):
            marks[comment["key"]] = comment["value"] or ""
        else:
            marks = {}
        at += 1


@dataclass
class Reader:
    """Does what a page says, in one folder. Each method gives what went wrong, or nothing."""

    folder: Path
    cache: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    everything: bool = False
    """Also what is marked as not run: for a person who follows the page to the letter."""
    printed: str = ""
    """What the last command printed."""

    def follow(self, page: str) -> list[str]:
        """Do all of it, and give every complaint."""
        complaints = []
        for block in blocks_of(page):
            complaint = self.do(block)
            if complaint:
                complaints.append(f"{block.where}: {complaint}")
        return complaints

    def do(self, block: Block) -> str:
        """Do what one block says."""
        if "not run" in block.marks and not self.everything:
            return ""
        if "file" in block.marks:
            return self._write(block) or self._judge(block)
        match block.language:
            case "sh":
                return self._command(block.text, int(block.marks.get("ends with", "0")))
            case "python":
                return self._python(block)
            case "pycon":
                return self._session(block)
            case "text":
                return self._compare(block) if "prints" in block.marks else ""
        return self._judge(block)

    def environment(self) -> dict[str, str]:
        """Give what commands find: this interpreter first, a cache of the tests' own, and nothing of CI."""
        ours = ("PYTEST_", "GITHUB_", "CI", "MOCKFORGE_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        go_cache = os.environ.get("GOCACHE") or str(Path.home() / ".cache" / "go-build")
        folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        if "TINYGOROOT" in self.extra:
            folders.insert(1, f"{self.extra['TINYGOROOT']}/bin")
        who = {f"GIT_{role}_{what}": "ann" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        ours_now = {
            "PATH": ":".join(folders),
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(self.cache),
            "GOCACHE": go_cache,
        }
        quick = {"PYTEST_ADDOPTS": "-o mockforge_fuzz_examples=20 -o mockforge_fuzz_time=2s"}
        return {**kept, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "COLUMNS": "80", **quick, **ours_now, **self.extra}

    def _command(self, text: str, status: int = 0) -> str:
        """Run commands in the state that the commands before left behind: folder and variables."""
        state = self.folder / ".state"
        begin = f"[ ! -e {shlex.quote(str(state))} ] || . {shlex.quote(str(state))}\n"
        end = f'trap \'{{ export -p; printf "cd %q\\n" "$PWD"; }} >{shlex.quote(str(state))}\' EXIT\n'
        done = subprocess.run(
            ["bash", "-c", f"{begin}{end}set -eu\n{text}"],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.printed = done.stdout
        if done.returncode == status:
            return ""
        return f"exit status {done.returncode}, expected {status}\n{text}\n{done.stdout}"

    def _python(self, block: Block) -> str:
        name = f"test_line_{block.line}.py"
        (self.folder / name).write_text(block.text, "utf-8")
        if "def test_" not in block.text:
            return self._command(f"python {name}")
        plugin = shlex.quote(str(ROOT / block.marks["plugin"])) if "plugin" in block.marks else "."
        options = block.marks.get("run with", "")
        return self._command(f"pytest -q {name} --mockforge-plugin={plugin} --mockforge-checks=none {options}")

    def _session(self, block: Block) -> str:
        test = doctest.DocTestParser().get_doctest(block.text, {}, block.page, block.page, block.line)
        told: list[str] = []
        doctest.DocTestRunner(verbose=False).run(test, out=told.append)
        return "".join(told)

    def _compare(self, block: Block) -> str:
        """Find each line in what was printed, after the one before."""
        rest = iter(likened(self.printed))
        for line in likened(block.text):
            begin, cut, _ = line.partition("…")
            if not any(printed.startswith(begin) if cut else printed == line for printed in rest):
                return f"not printed: {line!r}\n{self.printed}"
        return ""

    def _write(self, block: Block) -> str:
        # A tutorial makes a folder of its own, in which its files go.
        state = self.folder / ".state"
        here = shlex.split(state.read_text("utf-8").splitlines()[-1])[1] if state.exists() else self.folder
        path = Path(here, block.marks["file"])
        if not path.resolve().is_relative_to(self.folder.resolve()):
            return f"{block.marks['file']} lies outside of the folder"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, "utf-8")
        if block.text.startswith("#!"):
            path.chmod(0o755)
        return ""

    def _judge(self, block: Block) -> str:
        """Read what is no program by the reader of its kind."""
        try:
            match block.language:
                case "yaml":
                    self._read_yaml(block)
                case "json":
                    json.loads(block.text)
                case "toml":
                    tomllib.loads(block.text)
                case "ini":
                    configparser.ConfigParser(interpolation=None).read_string(block.text)
                case "python":
                    compile(block.text, block.where, "exec")
        except (DocumentError, ValueError, SyntaxError, configparser.Error) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def _read_yaml(self, block: Block) -> None:
        """Read a `plugin.test.yaml`, unless the block says that it is another file."""
        name = Path(block.marks.get("file", "plugin.test.yaml")).name
        copy = self.folder / ".yaml" / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(block.text, "utf-8")
        match name:
            case "plugin.test.yaml":
                read_testfile(copy)
            case "plugin.yaml":
                problems = read_manifest(copy).problems
                if problems:
                    raise DocumentError(problems[0].message)
            case "accepted.yaml":
                read_accept_file(copy)
            case _:
                yaml12.load(copy)


def likened(text: str) -> list[str]:
    """Put N for each number and one blank for several, so that figures may change and words may not."""
    numbered = re.sub(r"\d[\d,.]*(?:[kMG](?![A-Za-z]))?", "N", text)
    lines = (re.sub(r"\s+", " ", line).strip() for line in numbered.splitlines())
    return [re.sub(r"[=_-]{3,}", "=", line) for line in lines if line]
