"""Look at what a call cost. Fuel is exact for one module and one version of wasmtime, so it can be asserted."""

import pytest

from pytest_mockforge import LimitExceeded


@pytest.fixture(autouse=True)
def fuel_is_counted(mockforge_plugin):
    if mockforge_plugin.language == "remote":
        pytest.skip("of a service no fuel is counted")


def test_authentication_stays_cheap(mockforge_plugin, mockforge_request):
    mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"}))

    assert mockforge_plugin.last.fuel < 50_000_000
    assert mockforge_plugin.last.memory_grown <= 16 * 2**20


def test_the_same_call_costs_the_same_fuel(mockforge_plugin):
    with mockforge_plugin.fresh() as fresh:
        fresh.template_function("upper", "abc")
        first = fresh.last.fuel
        fresh.template_function("upper", "abc")

    assert fresh.last.fuel == first


@pytest.mark.mockforge(fuel="50M", timeout="4s")
def test_a_missing_token_does_not_run_for_long(mockforge_plugin, mockforge_request):
    assert not mockforge_plugin.authenticate(mockforge_request.auth()).authenticated


@pytest.mark.mockforge(fuel=100)
def test_a_limit_that_is_passed_ends_the_call(mockforge_plugin, mockforge_request):
    with pytest.raises(LimitExceeded, match="fuel"):
        mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"}))


def test_a_kept_instance_answers_as_a_fresh_one(mockforge_plugin, mockforge_request):
    request = mockforge_request.auth(query={"token": "beta"})
    with mockforge_plugin.reused() as kept, mockforge_plugin.fresh() as fresh:
        assert kept.authenticate(request) == kept.authenticate(request) == fresh.authenticate(request)
