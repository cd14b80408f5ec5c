"""The names that users rely on: all begin with mockforge, and none changes by accident."""

from __future__ import annotations

import re

import pytest

import pytest_mockforge
from pytest_mockforge import extending, hookspecs, plugin
from tests.conftest import ROOT, Run

PUBLIC = [
    "AbiFailure",
    "AuthRequest",
    "AuthResponse",
    "ColumnInfo",
    "ContractFailure",
    "DataQuery",
    "DataResult",
    "DataRow",
    "DocumentError",
    "EngineError",
    "ExtensionError",
    "ExtensionWarning",
    "GuestTrap",
    "ImportedFunction",
    "LimitExceeded",
    "Limits",
    "LoadFailure",
    "MockforgeError",
    "Observation",
    "Operation",
    "Plugin",
    "PluginContext",
    "PluginFailure",
    "Refusal",
    "RemoteFailure",
    "RequestBuilder",
    "RequestError",
    "ResolutionContext",
    "ResponseData",
    "ResponseRequest",
    "SettingsError",
    "SetupError",
    "SpecError",
    "TemplateCall",
    "UserIdentity",
    "Violation",
    "load",
]
HOOKS = {
    "pytest_mockforge_budget_defaults",
    "pytest_mockforge_checks",
    "pytest_mockforge_dialects",
    "pytest_mockforge_host_functions",
    "pytest_mockforge_hosts",
    "pytest_mockforge_languages",
    "pytest_mockforge_redactions",
    "pytest_mockforge_report_sections",
    "pytest_mockforge_runtimes",
}
FOR_EXTENSIONS = [
    "Bench",
    "Candidate",
    "Check",
    "CheckFamily",
    "Decoded",
    "Dialect",
    "Exchange",
    "Files",
    "Finding",
    "HostDialect",
    "HostProfile",
    "ImportedFunction",
    "ModuleLanguage",
    "Objection",
    "Redaction",
    "Report",
    "ReportSection",
    "Runtime",
    "RuntimeRequest",
    "RuntimeScheme",
    "Section",
    "Trial",
]
FIXTURES = {
    "mockforge_differential",
    "mockforge_fuzz",
    "mockforge_host",
    "mockforge_load",
    "mockforge_mock_grpc",
    "mockforge_mock_http",
    "mockforge_mock_server",
    "mockforge_plugin",
    "mockforge_remote",
    "mockforge_request",
    "mockforge_snapshot",
}
OPTIONS = {
    "--mockforge-accept",
    "--mockforge-allow-commands",
    "--mockforge-baseline",
    "--mockforge-budget",
    "--mockforge-cache",
    "--mockforge-checks",
    "--mockforge-compare",
    "--mockforge-dialect",
    "--mockforge-corpus",
    "--mockforge-explain",
    "--mockforge-fuel",
    "--mockforge-fuzz-examples",
    "--mockforge-fuzz-seed",
    "--mockforge-fuzz-time",
    "--mockforge-host",
    "--mockforge-id",
    "--mockforge-memory",
    "--mockforge-plugin",
    "--mockforge-record",
    "--mockforge-replay",
    "--mockforge-report",
    "--mockforge-strict-budgets",
    "--mockforge-timeout",
}
INI_KEYS = {
    "mockforge_accept",
    "mockforge_allow_commands",
    "mockforge_baseline",
    "mockforge_budgets",
    "mockforge_cache",
    "mockforge_checks",
    "mockforge_compare",
    "mockforge_dialect",
    "mockforge_fuel",
    "mockforge_corpus",
    "mockforge_fuzz_examples",
    "mockforge_fuzz_seed",
    "mockforge_fuzz_time",
    "mockforge_host",
    "mockforge_memory",
    "mockforge_plugins",
    "mockforge_record",
    "mockforge_replay",
    "mockforge_reports",
    "mockforge_strict_budgets",
    "mockforge_timeout",
}


def ours(run: Run, pytester: pytest.Pytester, pattern: str, *args: str) -> set[str]:
    """Give what matches in pytest's output with our plugin and not without."""
    with_us = set(re.findall(pattern, run(*args).stdout.str(), re.MULTILINE))
    return with_us - set(re.findall(pattern, pytester.runpytest_inprocess(*args).stdout.str(), re.MULTILINE))


def test_the_public_names_are_these() -> None:
    assert pytest_mockforge.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_imported_and_is_at_home_in_the_package(name: str) -> None:
    value = getattr(pytest_mockforge, name)
    assert value.__module__.startswith("pytest_mockforge.")
    assert value.__doc__
    assert name in dir(pytest_mockforge)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pytest_mockforge' has no attribute 'Nonsense'"):
        _ = pytest_mockforge.Nonsense


def test_the_hooks_are_these_and_each_says_what_it_takes() -> None:
    found = {name: value for name, value in vars(hookspecs).items() if name.startswith("pytest_")}
    assert set(found) == HOOKS
    for hook in found.values():
        assert "return [" in str(hook.__doc__)
        assert "Sequence[" in str(hook.__annotations__["return"])


def test_the_names_for_extensions_are_these() -> None:
    assert extending.__all__ == FOR_EXTENSIONS


def test_the_options_are_these(run: Run, pytester: pytest.Pytester) -> None:
    assert ours(run, pytester, r"^ +(--[a-z][\w-]*)", "--help") == OPTIONS


def test_the_ini_keys_are_these(run: Run, pytester: pytest.Pytester) -> None:
    assert ours(run, pytester, r"^  (\w+) \(\w+\):", "--help") == INI_KEYS


def test_each_ini_key_is_the_twin_of_an_option() -> None:
    lists = {"mockforge_plugins", "mockforge_reports", "mockforge_budgets"}
    twins = {f"--{key.replace('_', '-')}" for key in INI_KEYS - lists}
    assert {*twins, *(f"--{key.removesuffix('s').replace('_', '-')}" for key in lists)} == OPTIONS - {
        "--mockforge-explain",
        "--mockforge-id",
    }


def test_the_markers_are_these(run: Run, pytester: pytest.Pytester) -> None:
    assert ours(run, pytester, r"^@pytest\.mark\.(\w+)", "--markers") == {"mockforge", "mockforge_budget"}


def test_the_fixtures_are_these_and_each_says_what_it_gives(run: Run, pytester: pytest.Pytester) -> None:
    assert ours(run, pytester, r"^(\w+) ?(?:\[.*\])? -- ", "--fixtures") == FIXTURES
    assert "no docstring available" not in run("--fixtures").stdout.str()


def test_each_fixture_shows_how_it_is_used() -> None:
    for name in FIXTURES:
        assert f"({name}" in str(getattr(plugin, name).__doc__) or f", {name}" in str(getattr(plugin, name).__doc__)


def test_the_entry_point_gives_the_fixtures_and_else_only_hooks() -> None:
    # A hook that pytest does not know would be an error of its own when the plugin is registered.
    assert plugin.__all__ == sorted(FIXTURES)
    defined = [name for name, value in vars(plugin).items() if getattr(value, "__module__", "") == plugin.__name__]
    assert all(name.startswith("pytest_") for name in defined)


def test_the_entry_point_is_mockforge() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert '[project.entry-points.pytest11]\nmockforge = "pytest_mockforge.plugin"\n' in text
