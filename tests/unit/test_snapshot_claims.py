"""Updates: all who claim a snapshot have to agree, and then all of it is written, or else nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from pytest_mockforge.errors import DocumentError, SettingsError
from pytest_mockforge.snapshot.claims import Claim, Claims
from pytest_mockforge.snapshot.file import read_snapshots, write_snapshots


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "__snapshots__" / "test_x.mockforge"


@pytest.fixture
def rust(path: Path) -> Claim:
    return Claim(
        location=str(path),
        name="test_a",
        owner="test_x.py::test_a",
        test="test_x.py::test_a[rust]",
        place=0,
        plugin="rust",
        text="value: 1",
    )


@pytest.fixture
def c(rust: Claim) -> Claim:
    return replace(rust, test="test_x.py::test_a[c]", plugin="c")


@pytest.fixture
def claims(tmp_path: Path) -> Claims:
    return Claims(tmp_path / "claims")


def test_what_all_agree_to_is_written_and_what_else_there_was_stays(
    claims: Claims, rust: Claim, c: Claim, path: Path
) -> None:
    write_snapshots(path, {"test_a": "value: 0", "test_b": "value: 5"})
    assert claims.make(rust) is None
    assert claims.make(c) is None
    assert claims.settle().written == (path,)
    assert dict(read_snapshots(path)) == {"test_a": "value: 1", "test_b": "value: 5"}


def test_nothing_is_written_before_all_is_over(claims: Claims, rust: Claim, path: Path) -> None:
    claims.make(rust)
    assert not path.parent.exists()


def test_who_disagrees_is_given_the_claim_of_the_other(claims: Claims, rust: Claim, c: Claim) -> None:
    claims.make(rust)
    rival = claims.make(replace(c, text="value: 2"))
    assert rival == rust
    assert rival.who == "plugin rust"


def test_one_dispute_keeps_all_from_being_written(claims: Claims, rust: Claim, c: Claim, path: Path) -> None:
    claims.make(replace(rust, name="test_other", owner="test_x.py::test_other"))
    claims.make(rust)
    claims.make(replace(c, text="value: 2"))
    settled = claims.settle()
    assert [(one.plugin, other.plugin) for one, other in settled.disputed] == [("c", "rust")]
    assert settled.written == ()
    assert not path.exists()


def test_processes_that_share_the_folder_see_each_other(claims: Claims, rust: Claim, c: Claim) -> None:
    claims.make(rust)
    assert Claims(claims.folder).make(replace(c, text="value: 2")) == rust


def test_a_test_that_runs_again_takes_its_claim_back(claims: Claims, rust: Claim, path: Path) -> None:
    claims.make(rust)
    assert claims.make(replace(rust, text="value: 2")) is None
    claims.settle()
    assert read_snapshots(path)["test_a"] == "value: 2"


def test_one_test_that_writes_a_name_twice_has_to_agree_with_itself(claims: Claims, rust: Claim) -> None:
    claims.make(rust)
    assert claims.make(replace(rust, place=1)) is None
    assert claims.make(replace(rust, place=2, text="value: 2")) is not None


def test_two_tests_that_write_one_name_are_an_error(claims: Claims, rust: Claim) -> None:
    claims.make(rust)
    with pytest.raises(SettingsError, match="two tests write the snapshot 'test_a'") as error:
        claims.make(replace(rust, owner="other/test_x.py::test_a", test="other/test_x.py::test_a[rust]"))
    assert error.value.got == "test_x.py::test_a and other/test_x.py::test_a"


def test_a_snapshot_that_is_as_claimed_is_not_touched(claims: Claims, rust: Claim, path: Path) -> None:
    write_snapshots(path, {"test_a": "value: 1"})
    path.chmod(0o444)
    claims.make(rust)
    assert claims.settle().written == ()


def test_a_read_only_file_fails_the_test_that_would_change_it(claims: Claims, rust: Claim, path: Path) -> None:
    write_snapshots(path, {"test_a": "value: 0"})
    path.chmod(0o444)
    with pytest.raises(DocumentError, match="read-only"):
        claims.make(rust)
    assert claims.settle().written == ()


def test_a_file_that_cannot_be_written_in_the_end_is_told(claims: Claims, rust: Claim, path: Path) -> None:
    claims.make(rust)
    path.parent.write_text("in the way")
    (problem,) = claims.settle().problems
    assert str(path) in problem
