"""Where reports go: what cannot be written is known before the run, and one that fails holds up no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_mockforge.errors import SettingsError
from pytest_mockforge.report.destinations import append, destinations, write_reports
from tests.report_cases import full_report, report_of


def test_a_relative_path_counts_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    given = [("a.json", tmp_path), ("a.md", tmp_path / "out"), (str(tmp_path / "b.HTML"), tmp_path / "out")]
    assert destinations(given) == (tmp_path / "a.json", tmp_path / "out" / "a.md", tmp_path / "b.HTML")


@pytest.mark.parametrize(("name", "said"), [("r.xml", "the ending '.xml'"), ("r", "no ending"), (".json", "no ending")])
def test_an_ending_that_names_no_form_lists_those_that_do(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        destinations([(name, tmp_path)])
    assert str(caught.value) == (
        f"the report {name!r} has {said}, which names no form of report\n  hint: end it in .json, .md, .html"
    )


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'gone/r\.json' cannot be written: .*gone does not exist"):
        destinations([("gone/r.json", tmp_path)])


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="is no folder"):
        destinations([("file/r.json", tmp_path)])


def test_a_path_that_is_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "r.json").mkdir()
    with pytest.raises(SettingsError, match="it is no file"):
        destinations([("r.json", tmp_path)])


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.json")
    with pytest.raises(SettingsError, match="it is no file"):
        destinations([("r.json", tmp_path)])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_a_folder_that_takes_no_file_is_found_out_before_the_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SettingsError, match="cannot be written"):
        destinations([("r.json", tmp_path)])


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that takes no file from anybody")
def test_a_file_system_that_takes_no_file_is_found_out_before_the_run() -> None:
    with pytest.raises(SettingsError, match=r"'r\.json' cannot be written: "):
        destinations([("r.json", Path("/proc"))])


def test_a_name_that_is_too_long_or_holds_a_nul_is_no_traceback(tmp_path: Path) -> None:
    for name in ("a\0b.json", f"{'d' * 300}/r.json", f"{'d' * 300}.json"):
        with pytest.raises(SettingsError):
            destinations([(name, tmp_path)])


@pytest.mark.parametrize("second", ["r.json", "./r.json", "sub/../r.json", "link.json"])
def test_two_reports_on_one_path_are_refused_however_it_is_written(second: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.json").symlink_to("r.json")
    with pytest.raises(SettingsError, match=r"two reports are on one path: 'r\.json' and "):
        destinations([("r.json", tmp_path), (second, tmp_path)])


def test_each_form_is_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    paths = [tmp_path / "r.json", tmp_path / "r.md", tmp_path / "r.html"]
    assert write_reports(paths, full_report()) == {}
    starts = {path.name: path.read_text("utf-8")[:9] for path in tmp_path.iterdir()}
    assert starts == {"r.json": '{\n  "sche', "r.md": "### ❌ Moc", "r.html": "<!DOCTYPE"}


def test_an_older_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("x" * 1_000_000)
    write_reports([path], report_of([]))
    assert path.stat().st_size < 2_000


def test_a_report_that_cannot_be_written_any_more_keeps_none_of_the_others_back(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    paths = [gone / "r.json", tmp_path / "r.md", gone / "r.html"]
    problems = write_reports(paths, full_report())
    assert list(problems) == [paths[0], paths[2]]
    assert problems[paths[0]] == f"the report '{gone}/r.json' could not be written: No such file or directory"
    assert (tmp_path / "r.md").exists()


def test_the_older_report_stays_where_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.mkdir()
    assert "could not be written" in write_reports([path], full_report())[path]
    assert list(tmp_path.iterdir()) == [path]


def test_a_summary_is_added_to_what_others_wrote(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("before\n")
    assert append(path, "after ✅\n") == ""
    assert path.read_text("utf-8") == "before\nafter ✅\n"


def test_a_summary_that_cannot_be_written_is_a_line_and_no_traceback(tmp_path: Path) -> None:
    assert append(tmp_path, "text") == f"the summary '{tmp_path}' could not be written: Is a directory"
