"""Files of snapshots: what is written reads back, and each way in which one cannot be used says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mockforge.errors import DocumentError
from pytest_mockforge.snapshot.file import MOST_BYTES, read_snapshots, write_snapshots

GOOD = "# pytest-mockforge snapshots 1\n\n# test_a\n  value: 1\n\n# test_b[x]\n  value: json\n    []\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "__snapshots__" / "test_x.mockforge"


def given_text(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaint(path: Path, **limits: int) -> str:
    with pytest.raises(DocumentError) as error:
        read_snapshots(path, **limits)
    return str(error.value)


def test_what_is_written_can_be_read_by_eye(path: Path) -> None:
    write_snapshots(path, {"test_b[x]": "value: json\n  []", "test_a": "value: 1"})
    assert path.read_text("utf-8") == GOOD
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@given(st.dictionaries(st.text(st.characters(exclude_categories=()), min_size=1), st.text("ab #:|<=>", min_size=1)))
def test_whatever_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, snapshots: dict[str, str]) -> None:
    path = tmp_path_factory.getbasetemp() / "round.mockforge"
    write_snapshots(path, snapshots)
    assert dict(read_snapshots(path)) == snapshots


def test_no_file_is_no_snapshot(path: Path) -> None:
    assert read_snapshots(path) == {}


def test_without_snapshots_the_file_goes(path: Path) -> None:
    given_text(path, GOOD)
    write_snapshots(path, {})
    assert not path.exists()


def test_a_file_that_changed_is_read_anew(path: Path) -> None:
    given_text(path, GOOD)
    assert read_snapshots(path)["test_a"] == "value: 1"
    write_snapshots(path, {"test_a": "value: 2"})
    assert read_snapshots(path)["test_a"] == "value: 2"


def test_line_ends_of_windows_are_taken(path: Path) -> None:
    assert read_snapshots(given_text(path, GOOD.replace("\n", "\r\n"))) == {
        "test_a": "value: 1",
        "test_b[x]": "value: json\n  []",
    }


@pytest.mark.parametrize("mark", ["<<<<<<< HEAD", "=======", ">>>>>>> theirs", "||||||| base"])
def test_the_marks_of_a_merge_are_named_with_their_line(path: Path, mark: str) -> None:
    text = complaint(given_text(path, GOOD.replace("  value: 1\n", f"  value: 1\n{mark}\n")))
    assert text.startswith(f"{path}:5: the snapshots have conflict markers")
    assert f"got: {mark!r}" in text
    assert "hint: resolve the conflict, or delete the file and run pytest --snapshot-update" in text


def test_another_version_is_named(path: Path) -> None:
    text = complaint(given_text(path, GOOD.replace("snapshots 1", "snapshots 2")))
    assert text.startswith(f"{path}: the snapshots are of another version\n  expected: version 1\n  got: version 2\n")


@pytest.mark.parametrize(
    ("text", "line", "got"),
    [
        ("", 1, "''"),
        ("# serializer version: 1\n", 1, "'# serializer version: 1'"),
        (GOOD + "stray\n", 9, "'stray'"),
        (GOOD + "# test_a\n  value: 2\n", 9, "'test_a' again"),
        (GOOD + '# "\\x"\n', 9, "'\"\\\\x\"'"),
    ],
)
def test_what_is_not_as_we_write_it_is_named_with_its_line(path: Path, text: str, line: int, got: str) -> None:
    said = complaint(given_text(path, text))
    assert said.startswith(f"{path}:{line}: this is no file of snapshots as pytest-mockforge writes them")
    assert f"got: {got}" in said


def test_what_is_no_utf_8_is_named_with_its_place(path: Path) -> None:
    assert "got: byte 0xff at 30" in complaint(given_text(path, GOOD.encode()[:30] + b"\xff"))


def test_a_file_of_100_megabytes_is_not_even_read(path: Path) -> None:
    given_text(path, GOOD)
    # Sparse: it takes no room.
    os.truncate(path, 100 * 1024 * 1024)
    text = complaint(path)
    assert text.startswith(f"{path}: the snapshots are too large\n  expected: at most 16 MiB\n  got: 100 MiB\n")


def test_what_would_be_too_large_is_not_written(path: Path) -> None:
    given_text(path, GOOD)
    with pytest.raises(DocumentError, match="too large"):
        write_snapshots(path, {"test_a": "value: 1" * 20}, most=100)
    assert path.read_text("utf-8") == GOOD
    assert MOST_BYTES == 16 * 1024 * 1024


def test_a_file_that_is_read_only_stays_as_it_is(path: Path) -> None:
    given_text(path, GOOD).chmod(0o444)
    with pytest.raises(DocumentError, match="the snapshots are read-only, and nothing was written"):
        write_snapshots(path, {"test_a": "value: 2"})
    assert path.read_text("utf-8") == GOOD


def test_a_folder_of_that_name_is_no_file(path: Path) -> None:
    path.mkdir(parents=True)
    assert "expected: a file" in complaint(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "__snapshots__").write_text("a file")
    path = tmp_path / "__snapshots__" / "test_x.mockforge"
    with pytest.raises(DocumentError, match="the snapshots cannot be written"):
        write_snapshots(path, {"test_a": "value: 2"})


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text(GOOD)
    path.parent.mkdir()
    path.symlink_to(target)
    write_snapshots(path, {"test_a": "value: 2"})
    assert path.is_symlink()
    assert "value: 2" in target.read_text()
