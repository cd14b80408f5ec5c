"""Hold a port, or a new build, against the plugin that it replaces: every field of every reply."""

from pathlib import Path

import pytest

OLD = Path(__file__).parent.parent / "fixtures" / "reference" / "rust"


@pytest.fixture
def new(mockforge_plugin):
    if mockforge_plugin.path == OLD / "plugin.wasm":
        pytest.skip("this is the old one")
    return mockforge_plugin


def test_the_new_plugin_answers_every_sample_as_the_old_one(mockforge_differential, new):
    report = mockforge_differential(OLD, new)

    assert report.compared >= 50


def test_the_new_plugin_answers_drawn_requests_as_the_old_one(mockforge_differential, new):
    mockforge_differential(OLD, new, samples=False, fuzz=20, seconds=4, seed=1)


def test_what_is_meant_to_differ_is_named_with_its_reason(mockforge_differential, new, mockforge_request):
    meant = {"pointer": "/metadata/generated_at", "operation": "query_datasource", "reason": "a time of its own"}
    users = mockforge_request.query("SELECT * FROM users", parameters={"active": True})

    report = mockforge_differential(OLD, new, requests=[users], samples=False, allow=[meant])

    assert report.unused == ("query_datasource:/metadata/generated_at",)
