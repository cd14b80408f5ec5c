"""Samples that are added to a plugin.test.yaml: they come, and nothing else changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_mockforge.contract.operations import Operation
from pytest_mockforge.documents.added_samples import NewSample, add_samples
from pytest_mockforge.documents.testfile import read_testfile
from pytest_mockforge.errors import DocumentError

UPPER = NewSample(
    name="upper",
    operation=Operation.TEMPLATE_FUNCTION,
    request={"function_name": "upper", "args": ["abc"]},
    outcome="accepted",
    reply="ABC",
)
ADDED = """- name: upper
  operation: template_function
  request: {function_name: upper, args: [abc]}
  expect: {outcome: accepted, reply: ABC}
"""


def indented(by: str = "  ") -> str:
    return "".join(by + line for line in ADDED.splitlines(keepends=True))


FIRST = "  - name: first\n    operation: authenticate\n    request: {uri: /}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# mine\nversion: 1\nsamples: # all of them\n" + FIRST,
            "# mine\nversion: 1\nsamples: # all of them\n" + FIRST + "@",
        ),
        (
            "samples:\n" + FIRST + "\n# of budgets\nbudgets: []\n",
            "samples:\n" + FIRST + "@\n# of budgets\nbudgets: []\n",
        ),
        ("samples:\n" + FIRST.rstrip("\n"), "samples:\n" + FIRST + "@"),
        ("stateful: true", "stateful: true\nsamples:\n@"),
        ("samples: [] # none yet\nstateful: true\n", "samples: # none yet\n@stateful: true\n"),
    ],
    ids=["last", "between", "no-newline", "no-key", "empty-list"],
)
def test_samples_are_added_and_every_other_line_stays(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "plugin.test.yaml"
    path.write_text(before)
    assert add_samples(path, [UPPER])
    assert path.read_text() == after.replace("@", indented())


def test_items_without_indentation_get_company_of_their_kind(tmp_path: Path) -> None:
    path = tmp_path / "plugin.test.yaml"
    path.write_text("samples:\n- name: first\n  operation: authenticate\nstateful: true\n")
    assert add_samples(path, [UPPER])
    assert path.read_text() == f"samples:\n- name: first\n  operation: authenticate\n{ADDED}stateful: true\n"


def test_the_line_ends_of_the_file_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "plugin.test.yaml"
    path.write_bytes(b"samples:\r\n- name: first\r\n  operation: authenticate\r\n")
    assert add_samples(path, [UPPER])
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") == 7


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = tmp_path / "plugin.test.yaml"
    assert add_samples(path, [UPPER])
    assert [sample.name for sample in read_testfile(path).samples] == ["upper"]


@pytest.mark.parametrize(
    "text",
    [
        "samples: [{name: first, operation: authenticate}]\n",
        "{version: 1}\n",
        f"samples:\n{FIRST}    expect:\n      reply: |\n        text\n        # of it\n",
        "---\nstateful: true\n...\n",
        "samples:\n  - name: upper\n    operation: authenticate\n",
        "samples: &all\n  - name: first\n    operation: authenticate\n",
    ],
    ids=["flow-list", "flow-mapping", "block-text", "document-end", "name-taken", "anchor"],
)
def test_a_file_that_cannot_be_added_to_safely_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plugin.test.yaml"
    path.write_text(text)
    assert not add_samples(path, [UPPER])
    assert path.read_text() == text
    assert os.listdir(tmp_path) == ["plugin.test.yaml"]


def test_a_file_that_cannot_be_read_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "plugin.test.yaml"
    path.write_text("samples:\n\t- name: x\n")
    with pytest.raises(DocumentError, match=r"plugin\.test\.yaml:2:1"):
        add_samples(path, [UPPER])


def test_a_link_is_followed_and_the_rights_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "real.yaml", tmp_path / "plugin.test.yaml"
    target.write_text("stateful: true\n")
    target.chmod(0o640)
    link.symlink_to(target)
    assert add_samples(link, [UPPER])
    assert link.is_symlink()
    assert "upper" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "text", ["", "yes", "é\x00\x1b\u2028 # - {", "~", "1.0", "0x1f", ".nan", "<<", "a: b", "- x", "''"]
)
def test_any_text_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plugin.test.yaml"
    sample = NewSample(
        name=f"a{text}",
        operation=Operation.TEMPLATE_FUNCTION,
        request={"function_name": "f", "args": [text, {text: 1.5e-9}, -0.0, None, True]},
        outcome="accepted",
        reply={text: [text]},
    )
    assert add_samples(path, [sample])
    (read,) = read_testfile(path).samples
    assert (read.name, read.request, read.reply) == (sample.name, sample.request, sample.reply)
