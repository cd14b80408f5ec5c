"""The pytest entry point: declarations, and hooks of a few lines that delegate.

Imports nothing heavy: what a run needs is imported when a plugin is named, or when one of the fixtures is used.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_mockforge import markers, settings
from pytest_mockforge.extensions import begin_run, refuse_late, take_additions, take_host_functions
from pytest_mockforge.fixtures import (
    MOCKS,
    judge_mocks,
    mockforge_differential,
    mockforge_fuzz,
    mockforge_host,
    mockforge_load,
    mockforge_mock_grpc,
    mockforge_mock_http,
    mockforge_mock_server,
    mockforge_plugin,
    mockforge_remote,
    mockforge_request,
    mockforge_snapshot,
    show_mocks,
)
from pytest_mockforge.suite import STATE

__all__ = [
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
]


def pytest_addoption(parser: pytest.Parser) -> None:
    settings.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_mockforge import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    settings.take_ids(args, early_config.known_args_namespace.file_or_dir)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    code = config.getoption("mockforge_explain")
    if code is None:
        return None
    take_additions(config)
    from pytest_mockforge.explain import print_page

    return print_page(code)


def pytest_configure(config: pytest.Config) -> None:
    markers.declare_markers(config)
    settings.pass_over_snapshots(config)
    begin_run(config)
    if settings.is_asked(config):
        take_additions(config)
    found = settings.read_settings(config)
    if found is not None:
        from pytest_mockforge.active import activate

        activate(config, found)
        take_host_functions(config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    config = getattr(node, "config", None)
    if isinstance(config, pytest.Config):
        from pytest_mockforge.snapshot_run import take_worker

        take_worker(config, node)


def pytest_collection_finish(session: pytest.Session) -> None:
    refuse_late(session.config)
    take_host_functions(session.config)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if STATE in item.config.stash or item.get_closest_marker("mockforge"):
        from pytest_mockforge.active import begin_item

        begin_item(item)
    if item.get_closest_marker("mockforge_budget"):
        from pytest_mockforge.budget_marker import begin

        begin(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    try:
        result = yield
    except BaseException:
        if MOCKS in item.stash:
            show_mocks(item, item.stash[MOCKS])
        raise
    if MOCKS in item.stash:
        judge_mocks(item.stash[MOCKS])
    if item.get_closest_marker("mockforge_budget"):
        from pytest_mockforge.budget_marker import judge

        judge(item)
    return result
