"""Tests of plugins that keep state: a Hypothesis state machine with the plugin as the system and a model beside it.

    class Turnstile(PluginStateMachine):
        def __init__(self):
            super().__init__()
            self.inside = 0

        @rule()
        def enter(self):
            admitted = self.plugin.authenticate(AuthRequest()).authenticated
            assert admitted == (self.inside < 3)
            self.inside += admitted

    def test_the_turnstile_counts(mockforge_plugin):
        Turnstile.run_on(mockforge_plugin)

Importing this imports Hypothesis, which `pip install 'pytest-mockforge[fuzz]'` brings. Knows nothing of pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

try:
    from hypothesis import HealthCheck, settings
    from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    raise ModuleNotFoundError(
        "pytest_mockforge.stateful: hypothesis is not installed: pip install 'pytest-mockforge[fuzz]'",
        name="hypothesis",
    ) from None

from pytest_mockforge.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mockforge.plugin_under_test import Plugin

__all__ = ["PluginStateMachine"]

Machine = TypeVar("Machine", bound="PluginStateMachine")


class PluginStateMachine(RuleBasedStateMachine):
    """A state machine whose rules call `self.plugin`, one instance of it that is kept for the whole example.

    Rules, bundles, preconditions and invariants are Hypothesis' own. Each example starts from a new instance, which a
    trap does not replace, as MockForge replaces none. Call `super().__init__()` before the first call of the plugin.
    """

    plugin: Plugin

    def __init__(self) -> None:
        plugin = getattr(self, "plugin", None)
        if plugin is None:
            name = type(self).__name__
            raise SetupError(f"{name} has no plugin", hint=f"run it with {name}.run_on(mockforge_plugin)")
        plugin.close()
        plugin.host.forget()
        self.reset()
        super().__init__()

    def reset(self) -> None:
        """Bring the plugin to its first state, before each example. Of a module there is nothing left to do.

        Raises SetupError for a service, whose state outlives an example: override it there.
        """
        if self.plugin.path is None:
            raise SetupError(
                f"{self.plugin.label} is a service, which remembers one example in the next",
                hint=f"override reset() in {type(self).__name__} so that it brings the service to its first state",
            )

    def teardown(self) -> None:
        """Close the instance. What overrides this need not call it."""
        self.plugin.close()

    @classmethod
    def for_plugin(cls: type[Machine], plugin: Plugin) -> type[Machine]:
        """Give this machine for one plugin, for `hypothesis.stateful.run_state_machine_as_test`.

        It calls a view of the plugin, which is closed with the plugin at the latest.
        """
        # Under the name and the place of the author's class, from which Hypothesis draws where it starts.
        names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "plugin": plugin.reused()}
        make = cast("Callable[[str, tuple[type, ...], dict[str, object]], type[Machine]]", type(cls))
        return make(cls.__name__, (cls,), names)

    @classmethod
    def run_on(cls, plugin: Plugin) -> None:
        """Search for steps after which plugin and model disagree; fail with the shortest, step by step.

        The same machine takes the same steps in each run, unless the class is decorated with `@hypothesis.seed(N)`.
        `@hypothesis.settings(max_examples=…, stateful_step_count=…)` on the class, or on a base of it, says how far to
        search. No example has a deadline, and none is too slow for Hypothesis.
        """
        machine = cls.for_plugin(plugin)
        chosen = settings(
            _settings_of(cls),
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        with machine.plugin:
            run_state_machine_as_test(machine, settings=chosen)


def _settings_of(machine: type[PluginStateMachine]) -> settings:
    """Give what decorates a class or a base of it: Hypothesis lets a class neither inherit settings nor add its own."""
    usual = PluginStateMachine.TestCase.settings
    given = (one.TestCase.settings for one in machine.__mro__ if issubclass(one, PluginStateMachine))
    # Settings that say the same are not equal to Hypothesis.
    return next((one for one in given if repr(one) != repr(usual)), usual)
