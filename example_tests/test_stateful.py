"""A plugin that keeps state, held against a model of it: Hypothesis looks for steps after which the two disagree.

Each example starts with a new instance of the plugin, which is kept until its last step.
"""

from pathlib import Path

import pytest

pytest.importorskip("hypothesis", reason="pip install 'pytest-mockforge[fuzz]'")

from hypothesis import settings
from hypothesis.stateful import precondition, rule

from pytest_mockforge import AuthRequest, Refusal
from pytest_mockforge.stateful import PluginStateMachine

TURNSTILE = Path(__file__).parent / "turnstile" / "plugin.wat"


@settings(max_examples=20, stateful_step_count=15)
class Turnstile(PluginStateMachine):
    capacity = 3

    def __init__(self):
        super().__init__()
        self.inside = 0

    @rule()
    def enter(self):
        admitted = self.plugin.authenticate(AuthRequest(uri="/in")).authenticated
        assert admitted == (self.inside < self.capacity)
        self.inside += admitted

    @precondition(lambda self: self.inside)
    @rule()
    def leave(self):
        self.inside -= 1
        assert self.plugin.template_function("leave") == self.inside

    @precondition(lambda self: not self.inside)
    @rule()
    def leave_an_empty_room(self):
        with pytest.raises(Refusal):
            self.plugin.template_function("leave")


class LargeTurnstile(Turnstile):
    capacity = 4


def test_the_turnstile_counts_its_visitors(mockforge_load):
    Turnstile.run_on(mockforge_load(TURNSTILE))


def test_a_disagreement_is_shown_with_the_steps_that_lead_to_it(mockforge_load):
    with pytest.raises(AssertionError) as caught:
        LargeTurnstile.run_on(mockforge_load(TURNSTILE))
    steps = "\n".join(caught.value.__notes__)
    assert steps.count("state.enter()") == 4
