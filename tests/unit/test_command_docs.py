"""docs/commands.md speaks of every command, and of every field that `inspect --json` prints."""

from __future__ import annotations

import re

import msgspec
import pytest

from pytest_mockforge import commands
from pytest_mockforge.__main__ import main
from pytest_mockforge.commands.inspect import model
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "commands.md").read_text("utf-8")


@pytest.mark.parametrize("name", commands.names())
def test_every_command_has_a_row_and_a_section(name: str) -> None:
    assert f"| [`{name}`](#{name}) |" in PAGE
    assert f"\n## {name}\n" in PAGE
    assert f"python -m pytest_mockforge {name}" in PAGE


@pytest.mark.parametrize("name", commands.names())
def test_every_option_that_the_page_names_of_a_command_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    printed = capsys.readouterr().out
    section = PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    named = {word for word in re.findall(r"(?<![\w-])--[a-z][a-z-]+", section) if not word.startswith("--mockforge")}
    assert {word for word in named if word not in printed} == set()


@pytest.mark.parametrize("kind", [model.Facts, model.Problem, model.Calls, model.Memory, model.Host, model.Parser])
def test_every_field_of_the_json_is_told(kind: type[msgspec.Struct]) -> None:
    section = PAGE.partition("\n## inspect\n")[2].partition("\n## ")[0]
    assert [name for name in kind.__struct_fields__ if f"`{name}`" not in section and name != "host"] == []
