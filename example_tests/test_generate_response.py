"""Ask the plugin for responses, and look at status, headers and body."""


def test_the_service_is_well(mockforge_plugin, mockforge_request):
    reply = mockforge_plugin.generate_response(mockforge_request.response("GET", "/health"))

    assert reply.status_code == 200
    assert reply.text == "ok"


def test_a_user_is_shown_as_json(mockforge_plugin, mockforge_request):
    request = mockforge_request.response("GET", "/users/2", path_params={"id": "2"})
    reply = mockforge_plugin.generate_response(request)

    assert reply.content_type == "application/json"
    assert reply.json() == {"id": 2, "name": "Björn Ångström", "active": True}
