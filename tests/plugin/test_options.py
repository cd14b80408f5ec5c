"""Options and ini keys: each wrong value is a usage error, told before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import RUST, Run
from tests.hostile_cases import write_wasm


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("plugin=nothing.wasm", "'nothing.wasm' does not exist"),
        ("plugin=ftp://host/x.wasm", "'ftp://host/x.wasm' has the unknown scheme 'ftp'"),
        ("plugin=", "'' names no plugin"),
        ("host=moon", "the host cannot be 'moon'*hint: valid values are adapter, runtime, loader, sandbox, any"),
        ("dialect=latin", "the dialect cannot be 'latin'*hint: valid values are auto, host"),
        ("fuel=plenty", "--mockforge-fuel: *'plenty'*"),
        ("fuel=0", "--mockforge-fuel cannot be '0'"),
        ("memory=big", "--mockforge-memory: *'big'*"),
        ("memory=1KiB", "--mockforge-memory cannot be '1KiB'*hint: it starts at 65,536"),
        ("timeout=5", "--mockforge-timeout: '5' is a duration without a unit*"),
        ("checks=MF9", "'MF9' selects no check*hint: use default, all, none, a family (MF1*"),
        ("checks=", "the selection of checks is empty"),
        ("accept=nothing.yaml", "*nothing.yaml*"),
    ],
)
def test_a_wrong_option_is_a_usage_error(run: Run, option: str, message: str) -> None:
    result = run(f"--mockforge-plugin={RUST}", f"--mockforge-{option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: mockforge: " in result.stderr.str()
    for part in message.split("*"):
        assert part in result.stderr.str().replace("\n", " ")
    assert "Traceback" not in result.stderr.str()


def test_a_wrong_option_is_told_also_without_a_plugin(run: Run) -> None:
    result = run("--mockforge-host=moon")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("mockforge_plugins", "nothing.wasm", "'nothing.wasm' does not exist"),
        ("mockforge_host", "moon", "the host cannot be 'moon'"),
        ("mockforge_timeout", "5", "mockforge_timeout: '5' is a duration without a unit"),
        ("mockforge_memory", "big", "mockforge_memory: "),
        ("mockforge_checks", "MF9", "'MF9' selects no check"),
    ],
)
def test_a_wrong_ini_value_is_a_usage_error(
    run: Run, pytester: pytest.Pytester, key: str, value: str, message: str
) -> None:
    pytester.makeini(f"[pytest]\n{key} = {value}\n")
    result = run(f"--mockforge-plugin={RUST}", search=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()


def test_an_option_goes_before_its_ini_twin(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmockforge_fuel = 10\nmockforge_timeout = 2s\nmockforge_checks = none\n")
    pytester.makepyfile(
        """
        def test_it(mockforge_plugin):
            assert (mockforge_plugin.limits.fuel, mockforge_plugin.limits.timeout) == (1000, 2)
        """
    )
    run(f"--mockforge-plugin={RUST}", "--mockforge-fuel=1k", search=True).assert_outcomes(passed=1)


def test_every_option_has_help_and_an_ini_twin(run: Run) -> None:
    text = run("--help").stdout.str()
    for name in ("host", "dialect", "fuel", "memory", "timeout", "checks", "accept", "cache"):
        assert f"--mockforge-{name}=" in text
        assert f"mockforge_{name} (" in text
    assert "mockforge_plugins (linelist)" in text


@pytest.mark.parametrize(
    ("manifest", "memory", "timeout"),
    [
        ("resource_limits: {max_memory_bytes: 2097152, max_cpu_time_ms: 1500}", 2097152, 1.5),
        ("resource_limits: {max_memory_bytes: 64000000000, max_cpu_time_ms: 900000}", 64 * 2**20, 5.0),
        ("resource_limits: {max_cpu_time_ms: 5}", 64 * 2**20, 1.0),
    ],
)
def test_a_manifest_lowers_limits_and_never_raises_them(
    run: Run, pytester: pytest.Pytester, tmp_path: Path, manifest: str, memory: int, timeout: float
) -> None:
    path = write_wasm("no-release", tmp_path)
    head = "id: demo\nname: demo\nversion: 0.1.0\nauthor: {name: Me}\nplugin_type: auth\n"
    (tmp_path / "plugin.yaml").write_text(f"{head}capabilities: {{network: false, filesystem: false}}\n{manifest}\n")
    pytester.makepyfile(
        f"""
        def test_it(mockforge_plugin):
            assert (mockforge_plugin.limits.memory, mockforge_plugin.limits.timeout) == ({memory}, {timeout})
        """
    )
    run(f"--mockforge-plugin={path}", "--mockforge-checks=none").assert_outcomes(passed=1)


def test_help_is_printed_where_the_ini_file_has_keys_of_ours(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmockforge_fuel = 5\nmockforge_budgets = fuel<1k\n")
    result = run("--help")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*--mockforge-plugin=SPEC*"])


def test_an_option_raises_what_a_manifest_lowered(run: Run, pytester: pytest.Pytester, tmp_path: Path) -> None:
    path = write_wasm("no-release", tmp_path)
    (tmp_path / "plugin.yaml").write_text("id: demo\nresource_limits: {max_memory_bytes: 2097152}\n")
    pytester.makepyfile("def test_it(mockforge_plugin): assert mockforge_plugin.limits.memory == 128 * 2**20")
    run(f"--mockforge-plugin={path}", "--mockforge-memory=128MiB", "--mockforge-checks=none").assert_outcomes(passed=1)


def test_a_cache_may_be_off(run: Run, pytester: pytest.Pytester) -> None:
    words = (f"--mockforge-plugin={RUST}", "mockforge::rust::MF102")
    run("--mockforge-cache=off", *words).stdout.fnmatch_lines(["mockforge: *cache off"])
    run("--mockforge-cache=here", *words).stdout.fnmatch_lines([f"mockforge: *cache {pytester.path / 'here'}"])
    (kept,) = pytester.path.rglob("*.cwasm")
    assert kept.parent == pytester.path / "here"
