"""Look at what a call cost: fuel is exact for one module and one version of wasmtime, so it can be asserted."""

import pytest


def test_authentication_stays_cheap(mockforge_plugin, mockforge_request):
    mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"}))

    assert mockforge_plugin.last.fuel < 500_000
    assert mockforge_plugin.last.memory_grown <= 64 * 1024


@pytest.mark.mockforge(fuel="1M", timeout="500ms")
def test_a_missing_token_does_not_run_for_long(mockforge_plugin, mockforge_request):
    assert not mockforge_plugin.authenticate(mockforge_request.auth()).authenticated


def test_a_reused_instance_answers_the_same(mockforge_plugin, mockforge_request):
    request = mockforge_request.auth(query={"token": "beta"})
    with mockforge_plugin.reused() as kept, mockforge_plugin.fresh() as fresh:
        assert kept.authenticate(request) == kept.authenticate(request) == fresh.authenticate(request)
