"""Limits that manifests ask for, in every spelling, and those that nobody can mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_mockforge.documents.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    from pathlib import Path


def manifest_of(folder: Path, text: str) -> Manifest:
    path = folder / "plugin.yaml"
    path.write_text(text)
    return read_manifest(path)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("resources: {memory_limit: 10MiB}", 10_485_760),
        ("resources: {memory_limit: 100MB}", 100_000_000),
        ('resources: {memory_limit: "64 KiB"}', 65_536),
        ("resources: {memory_limit: 65536}", 65_536),
        ("runtime: {memory_limit_mb: 0.5}", 500_000),
        ("resources: {max_memory_bytes: 20000000}\nruntime: {memory_limit_mb: 10}", 10_000_000),
    ],
)
def test_memory_is_read_in_any_spelling_and_the_least_wins(tmp_path: Path, text: str, size: int) -> None:
    manifest = manifest_of(tmp_path, text)
    assert manifest.memory_bytes == size
    assert manifest.problems == ()


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("runtime: {execution_timeout: 500ms}", 500),
        ("runtime: {execution_timeout: 1.1s}", 1100),
        ("runtime: {execution_timeout: 10us}", 1),
        ("resources: {timeout_ms: 250}", 250),
        ("resources: {max_execution_time_ms: 900, max_cpu_time_ms: 100}", 100),
    ],
)
def test_time_is_read_in_any_spelling_and_the_least_wins(tmp_path: Path, text: str, milliseconds: int) -> None:
    assert manifest_of(tmp_path, text).time_ms == milliseconds


def test_a_remote_timeout_is_no_limit_of_a_call(tmp_path: Path) -> None:
    assert manifest_of(tmp_path, "remote: {timeout_ms: 1500}").time_ms is None


def test_a_manifest_that_asks_for_64_gigabytes_is_read_and_noted(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "id: greedy\nruntime:\n  memory_limit: 64 GB\n")
    assert manifest.memory_bytes == 64_000_000_000
    (problem,) = manifest.problems
    assert (problem.pointer, problem.line) == ("/runtime/memory_limit", 3)
    assert problem.message == "64000000000 bytes is more than a 32-bit module can address (4 GiB)"


@pytest.mark.parametrize(
    "text",
    [
        "resources: {max_memory_bytes: -1}",
        "resources: {max_memory_bytes: 0}",
        "resources: {max_memory_bytes: 1e400}",
        "resources: {max_memory_bytes: 10485760.0}",
        "resources: {max_memory_bytes: true}",
        'resources: {max_memory_bytes: "64MB"}',
        "resources: {max_memory_bytes: " + "9" * 399 + "}",
        "resources: {max_memory_bytes: [1]}",
        "runtime: {memory_limit_mb: .nan}",
        "runtime: {memory_limit_mb: 1e400}",
        "runtime: {memory_limit_mb: 1e-9}",
        "runtime: {memory_limit_mb: " + "9" * 399 + "}",
        "runtime: {memory_limit_mb: -1}",
        "runtime: {memory_limit: 64 Mo}",
        "runtime: {memory_limit: -64MB}",
        "runtime: {memory_limit: 99999999999GB}",
        "runtime: {memory_limit: 1.5}",
        "performance: lots",
    ],
)
def test_an_absurd_memory_limit_is_a_problem_and_no_limit(tmp_path: Path, text: str) -> None:
    manifest = manifest_of(tmp_path, text)
    assert manifest.memory_bytes is None
    assert len(manifest.problems) == 1
    assert len(manifest.problems[0].message) < 200


@pytest.mark.parametrize(
    "text",
    [
        "runtime: {execution_timeout: 5}",
        'runtime: {execution_timeout: "5"}',
        "runtime: {execution_timeout: 0s}",
        "runtime: {execution_timeout_ms: 0}",
        "runtime: {execution_timeout_ms: -5}",
        "runtime: {execution_timeout_ms: 1.5}",
        "runtime: {execution_timeout_ms: 99999999999999}",
        'runtime: {execution_timeout_ms: "1000"}',
    ],
)
def test_an_absurd_time_limit_is_a_problem_and_no_limit(tmp_path: Path, text: str) -> None:
    manifest = manifest_of(tmp_path, text)
    assert manifest.time_ms is None
    assert len(manifest.problems) == 1
