"""One worker of a run at a time: waiting, giving up, and leaving nothing behind."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from time import monotonic, sleep

import pytest

from pytest_mockforge.budgets.turns import own_turn


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_one_process_alone_never_waits_and_writes_nothing(folder: Path) -> None:
    with own_turn("") as outer, own_turn("") as inner:
        assert (outer, inner) == ("", "")
        assert list(folder.iterdir()) == []


def test_two_of_one_run_take_turns() -> None:
    order: list[str] = []

    def other() -> None:
        with own_turn("run") as reason:
            order.append(reason or "other")

    with own_turn("run") as mine:
        thread = threading.Thread(target=other)
        thread.start()
        sleep(0.2)
        order.append(mine or "mine")
    thread.join()
    assert order == ["mine", "other"]


def test_whoever_waits_too_long_is_told_so() -> None:
    with own_turn("run"):
        started = monotonic()
        with own_turn("run", patience=0.1) as reason:
            assert reason == "other workers were timing for 0.1 s"
        assert monotonic() - started < 5


def test_two_runs_do_not_wait_for_each_other() -> None:
    with own_turn("one"), own_turn("two", patience=0.1) as reason:
        assert reason == ""


def test_nothing_is_left_behind(folder: Path) -> None:
    with pytest.raises(ValueError, match="within"), own_turn("run"):
        raise ValueError("within")
    assert list(folder.iterdir()) == []


def test_a_link_in_its_place_is_not_followed(folder: Path) -> None:
    (folder / "mockforge-turn-run.lock").symlink_to(folder / "elsewhere")
    with own_turn("run", patience=0.1) as reason:
        assert reason.startswith("workers cannot take turns here")
    assert not (folder / "elsewhere").exists()
