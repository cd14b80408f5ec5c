"""Run template functions. A module refuses one by a trap, a service by a status; both arrive as `Refusal`."""

import pytest

from pytest_mockforge import Refusal


def test_upper_leaves_other_alphabets_alone(mockforge_plugin):
    assert mockforge_plugin.template_function("upper", "straße né 7") == "STRAßE Né 7"


def test_a_value_may_be_any_json(mockforge_plugin):
    assert mockforge_plugin.template_function("length", "né🎸") == {"chars": 3, "bytes": 7}
    assert mockforge_plugin.template_function("first", []) is None


@pytest.mark.parametrize(("numbers", "total"), [((40, 2), 42), ((1, -1), 0), ((2**53 - 1, -1), 2**53 - 2)])
def test_add_is_exact(mockforge_plugin, numbers, total):
    assert mockforge_plugin.template_function("add", *numbers) == total


def test_an_unknown_function_is_refused(mockforge_plugin):
    with pytest.raises(Refusal, match="template_function"):
        mockforge_plugin.template_function("no-such-function")


def test_after_a_refusal_the_next_call_is_answered(mockforge_plugin):
    # MockForge keeps the instance that trapped; `reused()` does as it does.
    with mockforge_plugin.reused() as kept:
        with pytest.raises(Refusal):
            kept.template_function("no-such-function")
        assert kept.template_function("upper", "abc") == "ABC"
