"""What other packages add to a run through our hooks: asked for, and taken back when the run ends.

What may be added is the matter of `admission`, which is loaded only where somebody adds something.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mockforge.errors import MockforgeError, SetupError

if TYPE_CHECKING:
    from pytest_mockforge.additions import Origin
    from pytest_mockforge.runtimes.host_services import ImportedFunction

_PREFIX: Final = "pytest_mockforge_"
_BEFORE: Final = (
    "runtimes",
    "languages",
    "dialects",
    "hosts",
    "checks",
    "redactions",
    "budget_defaults",
    "report_sections",
)
"""Hooks that are asked before options are judged, since these may name what is added."""
_FUNCTIONS: Final = "host_functions"
_ASKED: pytest.StashKey[frozenset[int]] = pytest.StashKey()
"""Who was asked before options were judged: the identities of plugins."""


def begin_run(config: pytest.Config) -> None:
    """Hide what the run around this one added."""
    _install_nothing(config)


def take_additions(config: pytest.Config) -> None:
    """Ask all hooks but that for host functions, once a run. Raises pytest.UsageError.

    Where nobody implements one of them, nothing is imported.
    """
    if _ASKED in config.stash:
        return
    implementers = {id(plugin) for hook in _BEFORE for plugin, _ in _implementers(config, hook)}
    config.stash[_ASKED] = frozenset(implementers)
    if not implementers:
        return
    _install_nothing(config)
    from pytest_mockforge.admission import admit

    try:
        admit({hook: list(_given(config, hook)) for hook in _BEFORE})
    except MockforgeError as error:
        raise pytest.UsageError(f"mockforge: {error}") from None


def refuse_late(config: pytest.Config) -> None:
    """Refuse what a conftest.py adds that pytest found too late, and do not leave it out in silence.

    Raises pytest.UsageError.
    """
    asked = config.stash.get(_ASKED, None)
    for hook in _BEFORE if asked is not None else ():
        for plugin, name in _implementers(config, hook):
            if asked is not None and id(plugin) not in asked:
                raise pytest.UsageError(
                    f"mockforge: {_PREFIX}{hook} of {name} comes too late: options were judged by then\n"
                    "  hint: put it in the conftest.py of the folder that pytest is started for, or in a plugin"
                )


def take_host_functions(config: pytest.Config) -> None:
    """Ask the hook for host functions, and keep them for every plugin of the run. Raises pytest.UsageError.

    Where nobody implements the hook nothing is imported and nothing kept.
    """
    if not _implementers(config, _FUNCTIONS):
        return
    # Not at the top of the file: this brings in the engine.
    from pytest_mockforge.active import state_of
    from pytest_mockforge.runtimes.wasm.catalogue import refuse_conflicts

    try:
        functions = tuple(_function(origin, value) for origin, value in _given(config, _FUNCTIONS))
        refuse_conflicts(functions)
    except MockforgeError as error:
        raise pytest.UsageError(f"mockforge: {error}") from None
    if functions:
        state_of(config).services.functions = functions


def _install_nothing(config: pytest.Config) -> None:
    from pytest_mockforge.additions import install

    before = install()

    def undo() -> None:
        install(before)

    config.add_cleanup(undo)


def _function(origin: Origin, value: object) -> ImportedFunction:
    from pytest_mockforge.runtimes.host_services import ImportedFunction

    if not isinstance(value, ImportedFunction):
        raise SetupError(
            f"{origin} gave {value!r:.100}, which is no ImportedFunction",
            hint="give a list of pytest_mockforge.ImportedFunction",
        )
    return value


def _given(config: pytest.Config, hook: str) -> Iterator[tuple[Origin, object]]:
    """Ask one plugin after the other, so that each answer is known to be whose. Raises ExtensionError."""
    from pytest_mockforge.additions import Origin

    implementers = _implementers(config, hook)
    for plugin, name in implementers:
        others = [other for other, _ in implementers if other is not plugin]
        ask = config.pluginmanager.subset_hook_caller(_PREFIX + hook, remove_plugins=others)
        origin = Origin(hook=_PREFIX + hook, plugin=name)
        with origin.named("the hook"):
            results = [
                one
                for result in ask(config=config)
                for one in (result if isinstance(result, list | tuple) else [result])
            ]
        yield from ((origin, one) for one in results)


def _implementers(config: pytest.Config, hook: str) -> list[tuple[object, str]]:
    """Give who implements a hook, in the order of registration, and what each is called."""
    found = getattr(config.hook, _PREFIX + hook).get_hookimpls()
    return [
        (one.plugin, _called(config, one.plugin, one.plugin_name))
        for one in found
        if not (one.hookwrapper or one.wrapper)
    ]


def _called(config: pytest.Config, plugin: object, name: str) -> str:
    """Name a plugin as its user knows it: a conftest.py by its path, a module with the package that it is of."""
    path = Path(name)
    if path.is_absolute():
        return repr(str(path.relative_to(config.rootpath)) if path.is_relative_to(config.rootpath) else name)
    packages = [dist for known, dist in config.pluginmanager.list_plugin_distinfo() if known is plugin]
    return f"{name!r} ({packages[0].project_name} {packages[0].version})" if packages else repr(name)
