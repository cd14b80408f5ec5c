"""State machines over a plugin: where an example starts, what a failure shows, what cannot be run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import ClassVar

import pytest

pytest.importorskip("hypothesis")

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from pytest_mockforge import AuthRequest, GuestTrap, Plugin, SetupError, load
from pytest_mockforge.stateful import PluginStateMachine
from tests.conftest import ROOT

TURNSTILE = ROOT / "example_tests" / "turnstile" / "plugin.wat"
few = settings(max_examples=10, stateful_step_count=6)


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    with load(TURNSTILE, cache="off") as opened:
        yield opened


@few
class Turnstile(PluginStateMachine):
    capacity = 3

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0

    @rule()
    def enter(self) -> None:
        admitted = self.plugin.authenticate(AuthRequest()).authenticated
        assert admitted == (self.inside < self.capacity)
        self.inside += admitted


class Forgetful(Turnstile):
    """Leaves the instance of an example open."""

    def teardown(self) -> None:
        pass


class Leaving(Turnstile):
    """Lets visitors leave, also where nobody is in, which is a trap."""

    @precondition(lambda self: self.inside != 1)
    @rule()
    def leave(self) -> None:
        self.plugin.template_function("leave")
        self.inside -= 1


def notes_of(error: BaseException) -> str:
    return "\n".join(error.__notes__)


def test_each_example_starts_from_a_new_instance(plugin: Plugin) -> None:
    Turnstile.run_on(plugin)
    Forgetful.run_on(plugin)


def test_one_instance_serves_all_steps_of_an_example(plugin: Plugin) -> None:
    class Empty(Turnstile):
        capacity = 2

    with pytest.raises(AssertionError) as caught:
        Empty.run_on(plugin)
    assert notes_of(caught.value).count("state.enter()") == 3


def test_the_plugin_itself_is_left_as_it_was(plugin: Plugin) -> None:
    plugin.authenticate(AuthRequest())
    Turnstile.run_on(plugin)
    assert plugin.template_function("leave") == 0


def test_a_trap_in_a_rule_is_reported_with_the_steps(plugin: Plugin) -> None:
    with pytest.raises(GuestTrap, match="unreachable") as caught:
        Leaving.run_on(plugin)
    assert "state = Leaving()\nstate.leave()\nstate.teardown()" in notes_of(caught.value)


def test_the_same_machine_takes_the_same_steps_in_each_run(plugin: Plugin) -> None:
    @few
    class Noted(PluginStateMachine):
        steps: ClassVar[list[int]] = []

        @rule(number=st.integers())
        def note(self, number: int) -> None:
            self.steps.append(number)

    Noted.run_on(plugin)
    first = [*Noted.steps]
    Noted.steps.clear()
    Noted.run_on(plugin)
    assert len(first) > 10
    assert Noted.steps == first


def test_what_an_example_left_with_its_host_is_gone_in_the_next(plugin: Plugin) -> None:
    class Storing(Turnstile):
        @invariant()
        def stored(self) -> None:
            if self.inside == 0:
                assert not self.plugin.host.store
            self.plugin.host.store["visitors"] = b"1" if self.inside else b""

    plugin.host.store["visitors"] = b"of before"
    Storing.run_on(plugin)


def test_a_machine_without_a_plugin_says_how_to_run_it() -> None:
    with pytest.raises(SetupError, match=r"Turnstile has no plugin\n  hint: run it with Turnstile\.run_on"):
        Turnstile()


def test_a_service_wants_to_be_reset() -> None:
    class OfService(Turnstile):
        pass

    with (
        load("asgi:fixtures.buggy.service.key_order.app:app") as service,
        pytest.raises(
            SetupError, match=r"is a service, which remembers one example in the next\n  hint: override reset"
        ),
    ):
        OfService.run_on(service)


def test_without_hypothesis_it_is_named_with_what_installs_it() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; import pytest_mockforge.stateful"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: pytest_mockforge.stateful: hypothesis is not installed: "
        "pip install 'pytest-mockforge[fuzz]'"
    )


def test_importing_the_core_does_not_import_it() -> None:
    code = "import sys, pytest_mockforge.plugin_under_test; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_page_of_the_documents_runs(plugin: Plugin) -> None:
    page = (ROOT / "docs" / "stateful.md").read_text("utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {"__name__": "docs.stateful"}
    exec(compile(code, "docs/stateful.md", "exec"), names)
    test = names["test_the_turnstile_counts"]
    assert callable(test)
    test(plugin)
