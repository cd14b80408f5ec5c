"""Open a second module with `mockforge_load` and hold a new build against the old one."""

from pathlib import Path

import pytest

OLD = Path(__file__).parent.parent / "fixtures" / "reference" / "rust" / "plugin.wasm"


@pytest.mark.parametrize("token", ["alpha", "beta", "omega", "nobody"])
def test_the_new_build_admits_whom_the_old_one_did(mockforge_plugin, mockforge_load, mockforge_request, token):
    request = mockforge_request.auth(query={"token": token})
    assert mockforge_plugin.authenticate(request) == mockforge_load(OLD).authenticate(request)


def test_the_new_build_costs_no_more_than_a_hundred_times_the_old_one(mockforge_plugin, mockforge_load):
    old = mockforge_load(OLD)
    old.template_function("upper", "abc")
    mockforge_plugin.template_function("upper", "abc")
    if mockforge_plugin.last.fuel is None:
        pytest.skip("of a service no fuel is counted")

    assert mockforge_plugin.last.fuel <= 100 * old.last.fuel
