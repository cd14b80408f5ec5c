"""Keep whole replies as snapshots: one for every language, so a port that answers otherwise is found.

`pytest --snapshot-update` writes them; without it, a reply that differs fails and names the field.
"""

import pytest

from pytest_mockforge import Refusal


def test_an_identity_is_kept_whole(mockforge_plugin, mockforge_request, mockforge_snapshot):
    request = mockforge_request.auth(query={"token": "alpha"}, uri="/api/users")

    assert mockforge_plugin.authenticate(request) == mockforge_snapshot


@pytest.mark.parametrize("language", ["de", "el"])
def test_greetings_are_translated(mockforge_plugin, mockforge_request, mockforge_snapshot, language):
    request = mockforge_request.response("GET", "/greeting/Ada", query={"lang": language})

    assert mockforge_plugin.generate_response(request) == mockforge_snapshot


def test_json_text_and_bytes_are_decoded_by_their_type(mockforge_plugin, mockforge_request, mockforge_snapshot):
    for path in ("/users/2", "/health", "/pixel.gif"):
        reply = mockforge_plugin.generate_response(mockforge_request.response("GET", path))
        assert reply == mockforge_snapshot(name=path)


def test_rows_are_a_table(mockforge_plugin, mockforge_request, mockforge_snapshot):
    result = mockforge_plugin.query_datasource(mockforge_request.query("SELECT * FROM users"))

    # Times are left out unless a test keeps them: here they are data.
    assert result == mockforge_snapshot(keep=["/rows/*/joined"])


def test_what_may_differ_is_left_out(mockforge_plugin, mockforge_request, mockforge_snapshot):
    request = mockforge_request.response("POST", "/users", query={"name": "Zoë"})
    reply = mockforge_plugin.generate_response(request)

    assert reply == mockforge_snapshot(redact=["/body/id", "/headers/location", "/custom/created/id"])


def test_values_and_refusals_are_replies_too(mockforge_plugin, mockforge_snapshot):
    assert mockforge_plugin.template_function("length", "né🎸") == mockforge_snapshot(name="a value")

    with pytest.raises(Refusal) as refused:
        mockforge_plugin.template_function("lower", "ABC")
    assert refused.value == mockforge_snapshot(name="a refusal")
