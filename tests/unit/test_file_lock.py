"""A lock that is a file, also where there is no `flock`."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from pytest_mockforge.runtimes.file_lock import file_lock

WAYS = pytest.mark.parametrize("way", ["flock", "existence"])


@pytest.fixture(autouse=True)
def _without_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.callspec.params["way"] == "existence":
        monkeypatch.setitem(sys.modules, "fcntl", None)


@WAYS
def test_two_threads_are_never_inside_at_once(tmp_path: Path, way: str) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        for _ in range(3):
            with file_lock(tmp_path / "lock", patience=30) as held:
                assert held
                inside += 1
                most = max(most, inside)
                time.sleep(0.005)
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1), way


@WAYS
def test_whoever_waits_too_long_is_told_so_and_leaves_the_lock_alone(tmp_path: Path, way: str) -> None:
    with file_lock(tmp_path / "lock", patience=30):
        # Else it would be older than the one who waits wants to wait, and count as left behind.
        os.utime(tmp_path / "lock", (time.time() + 10,) * 2)
        with file_lock(tmp_path / "lock", patience=0.1) as held:
            assert not held, way
        assert (tmp_path / "lock").exists()
    assert list(tmp_path.iterdir()) == []


@WAYS
def test_a_lock_that_was_left_behind_stops_nobody(tmp_path: Path, way: str) -> None:
    (tmp_path / "lock").write_bytes(b"")
    then = time.time() - 100
    os.utime(tmp_path / "lock", (then, then))
    with file_lock(tmp_path / "lock", patience=50) as held:
        assert held, way


@WAYS
def test_an_error_within_gives_the_lock_back(tmp_path: Path, way: str) -> None:
    with pytest.raises(ValueError, match=way), file_lock(tmp_path / "lock", patience=1):
        raise ValueError(way)
    assert list(tmp_path.iterdir()) == []


@WAYS
def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path, way: str) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    try:
        with file_lock(tmp_path / "lock", patience=0.1) as held:
            assert not held, way
    except OSError:
        assert way == "flock"
    assert not (tmp_path / "elsewhere").exists()
