"""Ask the plugin to authenticate requests. Run with: pytest example_tests --mockforge-plugin=fixtures/reference/rust"""

import pytest


def test_a_known_token_is_admitted(mockforge_plugin, mockforge_request):
    reply = mockforge_plugin.authenticate(mockforge_request.auth(query={"token": "alpha"}, uri="/api/users"))

    assert reply.authenticated
    assert reply.identity.user_id == "u-alice"
    assert "admin" in reply.identity.roles


@pytest.mark.parametrize("query", [{}, {"token": ""}, {"token": "nobody"}, {"token": "omega"}])
def test_anybody_else_is_turned_away(mockforge_plugin, mockforge_request, query):
    reply = mockforge_plugin.authenticate(mockforge_request.auth(query=query))

    assert not reply.authenticated
    assert reply.identity is None
    assert reply.error_message
