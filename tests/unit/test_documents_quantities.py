"""Sizes, durations and counts as they are written in options and manifests."""

from __future__ import annotations

import pytest

from pytest_mockforge.documents.quantities import parse_count, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("65536", 65536),
        ("65_536", 65536),
        ("0", 0),
        ("10B", 10),
        ("64KB", 64_000),
        ("64MB", 64_000_000),
        ("64mb", 64_000_000),
        ("1GB", 1_000_000_000),
        ("64 GB", 64_000_000_000),
        ("1KiB", 1024),
        ("10MiB", 10_485_760),
        ("1 GiB", 1_073_741_824),
        ("1.5 MiB", 1_572_864),
        (" 64MiB ", 67_108_864),
        ("1.1KB", 1100),
    ],
)
def test_a_size_comes_to_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "MB",
        "-1",
        "+1",
        "1e3",
        "1e400",
        "64 Mo",
        "64M",
        "1.5",
        "0.3KiB",
        "1.MB",
        "_1",
        "1_",
        "٣",
        "1\n2",
        "9" * 19,
        "9" * 30 + "GB",
        "9" * 100000,
        "inf",
        "nan",
        "1 2",
    ],
)
def test_what_is_no_size_is_refused_with_valid_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"write 64MiB, 64MB, 1\.5 GiB or plain bytes such as 65536$") as caught:
        parse_size(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("2s", 2.0),
        ("1.5s", 1.5),
        ("1m", 60.0),
        ("1 h", 3600.0),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("0s", 0.0),
        ("1.1s", 1.1),
    ],
)
def test_a_duration_comes_to_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_a_duration_without_a_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="'500' is a duration without a unit: write 500ms, 2s"):
        parse_duration("500")


@pytest.mark.parametrize("text", ["", "s", "-1s", "1e9s", "5 S", "5 sec", "1d", "9999h", "9" * 39 + "s", "nan", "1:30"])
def test_what_is_no_duration_is_refused_with_valid_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"write 500ms, 2s, 1\.5s, 1m or 250us$"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("5000000", 5000000),
        ("5_000_000", 5000000),
        ("200k", 200000),
        ("200K", 200000),
        ("1M", 1000000),
        ("1.5M", 1500000),
        ("2G", 2000000000),
        ("0", 0),
    ],
)
def test_a_count_comes_to_a_whole_number(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "k", "-1", "1.5", "1m", "1KB", "0x10", "1.0005k", "9" * 19, "9999999999G"])
def test_what_is_no_count_is_refused_with_valid_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"write 5000000, 5_000_000, 200k or 1M$"):
        parse_count(text)
