"""The pytest entry point: declarations, and hooks of a few lines that delegate.

Each run of pytest pays for what is loaded here, and for each name that pytest finds here. What a run needs is imported
when a plugin is named, when one of the fixtures is used, or when another package implements one of our hooks.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_mockforge import options
from pytest_mockforge.fixtures import (
    BUDGETS,
    MOCKS,
    STATE,
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
)

if TYPE_CHECKING:
    from collections.abc import Generator

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
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_mockforge import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    options.take_ids(args, early_config.known_args_namespace.file_or_dir)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    code = config.getoption("mockforge_explain")
    if code is None:
        return None
    from pytest_mockforge.explain import print_page
    from pytest_mockforge.extensions import take_additions

    take_additions(config)
    return print_page(code)


def pytest_configure(config: pytest.Config) -> None:
    options.declare_markers(config)
    options.pass_over_snapshots(config)
    if "pytest_mockforge.additions" in sys.modules:
        from pytest_mockforge.extensions import begin_run

        begin_run(config)
    if options.is_asked(config):
        from pytest_mockforge.active import activate

        activate(config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    config = getattr(node, "config", None)
    if isinstance(config, pytest.Config):
        from pytest_mockforge.snapshot_run import take_worker

        take_worker(config, node)


def pytest_collection_finish(session: pytest.Session) -> None:
    # Others may have asked; who was never asked, and adds no function, adds nothing.
    if (
        "pytest_mockforge.extensions" in sys.modules
        or session.config.hook.pytest_mockforge_host_functions.get_hookimpls()
    ):
        from pytest_mockforge.extensions import refuse_late, take_host_functions

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
            from pytest_mockforge.fixtures import show_mocks

            show_mocks(item, item.stash[MOCKS])
        raise
    if MOCKS in item.stash:
        from pytest_mockforge.fixtures import judge_mocks

        judge_mocks(item.stash[MOCKS])
    if BUDGETS in item.stash:
        from pytest_mockforge.budget_marker import judge

        judge(item)
    return result
