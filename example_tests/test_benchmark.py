"""pytest-benchmark and a budget: what its fixture measured is held against the marker, percentiles included."""

import pytest

pytest.importorskip("pytest_benchmark", reason="it needs pytest-benchmark: pip install 'pytest-mockforge[bench]'")


# 60 rounds: p95 needs 59 samples. With --benchmark-disable, or under xdist, this is inconclusive and never passes.
@pytest.mark.mockforge_budget("p95<500ms", "median<250ms")
def test_signing_in_is_fast(benchmark, mockforge_plugin, mockforge_request):
    request = mockforge_request.auth(query={"token": "alpha"})

    reply = benchmark.pedantic(mockforge_plugin.authenticate, (request,), rounds=60, warmup_rounds=3)
    assert reply.authenticated
