"""Run template functions. On WASM a plugin has no way to refuse one but a trap, which arrives as `Refusal`."""

import pytest

from pytest_mockforge import Refusal


def test_upper_leaves_other_alphabets_alone(mockforge_plugin):
    assert mockforge_plugin.template_function("upper", "straße né 7") == "STRAßE Né 7"


def test_an_unknown_function_is_refused(mockforge_plugin):
    with pytest.raises(Refusal, match="template_function trapped"):
        mockforge_plugin.template_function("no-such-function")
